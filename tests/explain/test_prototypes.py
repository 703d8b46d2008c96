"""Prototypes stand for clusters; odd rows are those that nobody stands for."""

import numpy as np
import pytest

from matloop.core.errors import ConfigError, DataError
from matloop.explain.prototypes import prototypes


def clusters(sizes=(40, 40, 40), seed=0):
    rng = np.random.default_rng(seed)
    centres = np.array([[0, 0], [8, 0], [0, 8]])
    return np.concatenate([rng.normal(c, 0.5, (n, 2)) for c, n in zip(centres, sizes, strict=True)])


def test_one_prototype_per_cluster_and_their_shares():
    found = prototypes(clusters(), 3)
    assert sorted(found.rows // 40) == [0, 1, 2]
    assert found.share == pytest.approx([1 / 3] * 3)
    larger = prototypes(clusters((70, 25, 25)), 4)
    assert (larger.rows < 70).sum() == 2


def test_the_first_prototype_has_the_largest_mean_kernel():
    from sklearn.metrics.pairwise import euclidean_distances, rbf_kernel

    X = clusters()
    squared = euclidean_distances(X, squared=True)
    K = rbf_kernel(X, gamma=1.0 / np.median(squared[squared > 0]))
    assert prototypes(X, 1).rows[0] == K.mean(axis=1).argmax()


def test_greedy_choice_lowers_the_discrepancy_as_brute_force_does():
    from sklearn.metrics.pairwise import euclidean_distances, rbf_kernel

    X = clusters()[::6]
    squared = euclidean_distances(X, squared=True)
    K = rbf_kernel(X, gamma=1.0 / np.median(squared[squared > 0]))

    def discrepancy(rows):
        return K.mean() - 2 * K[:, rows].mean() + K[np.ix_(rows, rows)].mean()

    chosen = prototypes(X, 2).rows
    best = min(discrepancy([i, j]) for i in range(len(X)) for j in range(i))
    assert discrepancy(chosen) <= discrepancy([0, 1])
    assert discrepancy(chosen) < 1.6 * best + 0.02


def test_a_cluster_that_nobody_stands_for_is_odd():
    found = prototypes(clusters((60, 50, 10)), 2, n_odd=3)
    assert set(found.rows // 60) <= {0, 1}
    assert found.odd[0] >= 110
    assert not set(found.odd) & set(found.rows)


def test_few_rows_equal_rows_and_samples():
    assert len(prototypes(np.zeros((2, 3)), 5).rows) == 2
    X = clusters()
    assert prototypes(X, 3, most=50, seed=1).rows.tolist() == prototypes(X, 3, most=50, seed=1).rows.tolist()
    with pytest.raises(ConfigError, match="at least one prototype"):
        prototypes(X, 0)
    with pytest.raises(DataError, match="shape"):
        prototypes(np.zeros(3))
