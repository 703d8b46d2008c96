"""Exact SHAP values of tree models: LightGBM's own walk over the trees, whoever grew them.

References
----------
Lundberg et al., Nat. Mach. Intell. 2 (2020) 56 (path-dependent Tree SHAP). doi:10.1038/s42256-019-0138-9
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import DataError
from matloop.models.trees import Trees

_WEIGHT = 64
"""A row of the background counts so often, plus one for every leaf: no branch is impossible."""
_MISSING_RIGHT, _MISSING_LEFT, _MISSING_IS_ZERO = 8, 10, 0


def tree_contributions(
    trees: Trees, Z: FloatArray, background: FloatArray, *, column: int = 0, threads: int = 1
) -> tuple[FloatArray, float]:
    """SHAP values of one raw output of flat trees (before the link), and their base.

    Parameters
    ----------
    Z : shape (n_rows, n_columns), prepared rows to explain.
    background : shape (n_background, n_columns), rows like those of the training: they say how often a branch is taken.
    column : raw output column.

    Returns
    -------
    values, shape (n_rows, n_columns), and base: values.sum(axis=1) + base is the mean over members of the trees' sums.

    Raises
    ------
    DataError : there is no background row; the trees are put together by their median, which no sum explains.
    """
    import lightgbm

    if trees.median:
        raise DataError("a median over trees is no sum of contributions. Explain it by sampled contributions.")
    if not len(background):
        raise DataError("there is no background row that says how often each branch is taken. Give training rows.")
    width = trees.value.shape[1]
    values = np.zeros(len(trees.value))
    for offset in range(width):
        used = np.repeat(trees.output + offset == column, np.diff(trees.leaves))
        values[used] = trees.value[used, offset]
    values /= trees.n_members
    counts = leaf_counts(trees, background)
    if not len(trees.feature):
        return np.zeros((len(Z), trees.n_columns)), float(values.sum())
    booster = lightgbm.Booster(model_str=_model_text(trees, values, counts))
    rows = np.ascontiguousarray(Z, np.float32)
    found = np.asarray(booster.predict(rows, pred_contrib=True, num_threads=threads), dtype=np.float64)
    return found[:, :-1], float(found[0, -1]) if len(found) else 0.0


def tree_cost(trees: Trees) -> float:
    """About how many steps the explanation of one row takes: leaves times squared depth, over all trees."""
    leaves = np.diff(trees.leaves).astype(np.float64)
    return float((leaves * (1.6 * np.log2(np.maximum(leaves, 2.0))) ** 2).sum())


def leaf_counts(trees: Trees, background: FloatArray) -> IntArray:
    """How often each leaf is reached by background rows, in units of 1/64 row, never zero; shape (n_leaves,)."""
    places = trees.leaf_of(background) + trees.leaves[:-1]
    return _WEIGHT * np.bincount(places.ravel(), minlength=int(trees.leaves[-1])) + 1


def _model_text(trees: Trees, values: FloatArray, counts: IntArray) -> str:
    """The trees as the text of a LightGBM model (version 4) with leaf values and the counts of every branch."""
    out = io.StringIO()
    names = " ".join(f"c{i}" for i in range(trees.n_columns))
    infos = " ".join(["[-inf:inf]"] * trees.n_columns)
    out.write(
        "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\n"
        f"max_feature_idx={trees.n_columns - 1}\nobjective=regression\nfeature_names={names}\nfeature_infos={infos}\n\n"
    )
    decision = np.where(trees.missing, np.where(trees.default_left, _MISSING_LEFT, _MISSING_RIGHT), _MISSING_IS_ZERO)
    for t in range(trees.n_trees):
        part = slice(int(trees.splits[t]), int(trees.splits[t + 1]))
        ends = slice(int(trees.leaves[t]), int(trees.leaves[t + 1]))
        n_leaves = ends.stop - ends.start
        out.write(f"Tree={t}\nnum_leaves={n_leaves}\nnum_cat=0\n")
        if n_leaves > 1:
            inner = _branch_counts(trees.left[part], trees.right[part], counts[ends])
            out.write(f"split_feature={_line(trees.feature[part])}\nsplit_gain={'0 ' * (n_leaves - 1)}\n")
            out.write(f"threshold={_line(trees.threshold[part].astype(np.float64))}\n")
            out.write(f"decision_type={_line(decision[part])}\nleft_child={_line(trees.left[part])}\n")
            out.write(f"right_child={_line(trees.right[part])}\ninternal_count={_line(inner)}\n")
        out.write(f"leaf_value={_line(values[ends])}\nleaf_count={_line(counts[ends])}\nis_linear=0\nshrinkage=1\n\n\n")
    out.write("end of trees\n\npandas_categorical:null\n")
    return out.getvalue()


def _branch_counts(left: NDArray[np.int32], right: NDArray[np.int32], leaf: IntArray) -> IntArray:
    """Sum of the counts below each split; children have larger numbers than their parents."""
    inner = [0] * len(left)
    pairs, ends = list(zip(left.tolist(), right.tolist(), strict=True)), leaf.tolist()
    for split in range(len(pairs) - 1, -1, -1):
        inner[split] = sum(inner[child] if child >= 0 else ends[~child] for child in pairs[split])
    return np.array(inner, dtype=np.int64)


def _line(values: Any) -> str:
    return " ".join(map(repr, values.tolist()))
