"""Leaves of small trees, all splits at once, against a walk from split to split."""

import numpy as np
import pytest

from matloop.core.errors import DataError
from matloop.models.small_trees import SmallTrees
from matloop.models.trees import Trees, side_by_side, walk


def grown(n_trees, most, seed, n_columns=5):
    """Random trees of 1 to `most` leaves, split where LightGBM would also: any leaf may be split next."""
    rng = np.random.default_rng(seed)
    parts, sizes = [], []
    for _ in range(n_trees):
        left, right = [], []
        n_leaves = int(rng.integers(1, most + 1))
        for split in range(n_leaves - 1):
            leaf = int(rng.integers(split + 1))  # becomes a split; its rows go to it again, or to a new leaf
            for side in (left, right):
                if ~leaf in side:
                    side[side.index(~leaf)] = split
            left.append(~leaf)
            right.append(~(split + 1))
        sizes.append(n_leaves - 1)
        parts.append((left, right))
    n = sum(sizes)
    return Trees(
        n_columns, np.cumsum([0, *sizes]), np.cumsum([0, *(size + 1 for size in sizes)]),
        rng.integers(0, n_columns, n).astype(np.int32), rng.integers(-3, 4, n).astype(np.float32),
        np.array([c for left, _ in parts for c in left], np.int32),
        np.array([c for _, right in parts for c in right], np.int32),
        rng.random(n) < 0.5, rng.random(n) < 0.5, rng.normal(size=(n + n_trees, 1)), np.zeros(n_trees, np.int64),
        np.zeros(n_trees, np.int64), "identity",
    )  # fmt: skip


def rows(n, seed, n_columns=5):
    rng = np.random.default_rng(seed)
    Z = rng.integers(-4, 5, size=(n, n_columns)).astype(np.float32)  # many lie upon a threshold
    Z[rng.random(Z.shape) < 0.2] = np.nan
    Z[0] = np.inf
    return Z


@pytest.mark.parametrize("most", [1, 2, 5, 8])
def test_they_end_where_a_walk_ends(most):
    trees, Z = grown(40, most, seed=most), rows(300, seed=most)
    assert SmallTrees.fits(trees)
    assert np.array_equal(SmallTrees(trees).leaves(Z), walk(trees, Z))
    whole = np.nan_to_num(Z, posinf=9.0)
    assert np.array_equal(SmallTrees(trees).leaves(whole), walk(trees, whole))


def test_larger_trees_are_left_to_others():
    assert not SmallTrees.fits(grown(30, 20, seed=0))


def test_many_rows_end_where_few_end():
    pytest.importorskip("lightgbm", reason="LightGBM is not installed")
    trees, Z = grown(30, 8, seed=3), rows(200, seed=3)
    together = trees.leaf_of(Z)
    assert np.array_equal(together, np.concatenate([trees.leaf_of(Z[k : k + 7]) for k in range(0, 200, 7)]))


def test_sums_side_by_side_are_those_of_each_alone_bit_for_bit():
    pytest.importorskip("lightgbm", reason="LightGBM is not installed")
    parts, Z = [grown(n, 8, seed=n) for n in (3, 20, 150)], rows(90, seed=9)
    for few in (Z, Z[:1]):
        alone = np.hstack([trees.values(few) for trees in parts])
        assert side_by_side(parts).values(few).tobytes() == alone.tobytes()
    with pytest.raises(DataError, match="same columns"):
        side_by_side([parts[0], grown(2, 4, seed=0, n_columns=6)])
