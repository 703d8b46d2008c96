"""Which leaf a row ends in, for the trees of a model text (version 4) without categories."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_ZERO = np.float64(np.float32(1e-35))
"""smaller numbers are zero to LightGBM, whatever their sign"""
_MISSING = 8
_LEFT = 2
"""bits of a decision type: missing values go a way of their own; that way is left"""
_AT_ONCE = 100_000
"""pairs of row and tree walked together"""


@dataclass(frozen=True, slots=True)
class _Nodes:
    """Splits of all trees one after the other, `root` (n_trees,) the first of each; children are splits counted from
    the start of all, or `~leaf` inside the tree; -1 as root: a tree of one leaf."""

    root: NDArray[np.int64]
    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    decision: NDArray[np.int64]
    child: NDArray[np.int64]


class Leaves:
    """The trees of a model text, as `matloop.models.leaves` has them, walked in numpy.

    Parameters
    ----------
    text : a LightGBM model (version 4). n_trees, n_columns : of the model.
    """

    def __init__(self, text: str, n_trees: int, n_columns: int) -> None:
        self.n_trees, self.n_columns = n_trees, n_columns
        self._nodes = _read(text)

    def of(self, Z: NDArray[np.float32], start: int, count: int) -> NDArray[np.int64]:
        """Leaves (numbered inside their trees) of the trees `start` to `start + count`, shape (n_rows, count)."""
        if Z.ndim != 2 or Z.shape[1] != self.n_columns:
            raise ValueError(f"rows of shape {Z.shape} were sent through trees of {self.n_columns} columns.")
        roots = self._nodes.root[start : start + count]
        step = max(1, _AT_ONCE // max(len(roots), 1))
        X = np.asarray(Z, dtype=np.float64)
        X = np.where(np.abs(X) <= _ZERO, 0.0, X)
        parts = [_walked(self._nodes, X[at : at + step], roots) for at in range(0, len(X), step)]
        return np.concatenate(parts) if parts else np.zeros((0, len(roots)), dtype=np.int64)


def _walked(nodes: _Nodes, X: NDArray[np.float64], roots: NDArray[np.int64]) -> NDArray[np.int64]:
    at = np.tile(roots, len(X))
    row = np.repeat(np.arange(len(X)), len(roots))
    going = np.flatnonzero(at >= 0)
    empty = bool(np.isnan(X).any())
    while len(going):
        node = at[going]
        x = X[row[going], nodes.feature[node]]
        left = x <= nodes.threshold[node]
        if empty:
            left = _missing_left(nodes, node, x, left)
        at[going] = nodes.child[node, left.astype(np.int64)]
        going = going[at[going] >= 0]
    return (~at).reshape(len(X), len(roots))


def _missing_left(
    nodes: _Nodes, node: NDArray[np.int64], x: NDArray[np.float64], left: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    decision, nan = nodes.decision[node], np.isnan(x)
    own_way = (decision & _MISSING) != 0
    zero = nodes.threshold[node] >= 0.0
    return np.where(nan, np.where(own_way, (decision & _LEFT) != 0, zero), left)


def _read(text: str) -> _Nodes:
    root: list[int] = []
    columns: dict[str, list[NDArray[np.float64]]] = {name: [] for name in _COLUMNS}
    start = 0
    for tree in text.split("\nTree=")[1:]:
        lines = dict(line.split("=", 1) for line in tree.split("\n\n")[0].splitlines() if "=" in line)
        if int(lines["num_leaves"]) < 2:
            root.append(-1)
            continue
        found = {name: np.array(lines[name].split(), dtype=np.float64) for name in _COLUMNS}
        for name in ("left_child", "right_child"):
            found[name] = np.where(found[name] >= 0, found[name] + start, found[name])
        for name, values in found.items():
            columns[name].append(values)
        root.append(start)
        start += len(found["threshold"])
    joined = {name: np.concatenate(values) if values else np.zeros(0) for name, values in columns.items()}
    child = np.stack([joined["right_child"], joined["left_child"]], axis=1).astype(np.int64)
    return _Nodes(
        np.array(root, dtype=np.int64), joined["split_feature"].astype(np.int64), joined["threshold"],
        joined["decision_type"].astype(np.int64), child,
    )  # fmt: skip


_COLUMNS = ("split_feature", "threshold", "decision_type", "left_child", "right_child")
