"""In which leaf of very small trees rows end, without a walk: all splits at once, in numpy.

Leaves stand from left to right. A split whose test fails strikes out the leaves on its left, whether a row comes by it
or not; of the leaves that no split strikes out the first is the one where the row ends (Lucchese et al. 2015,
doi:10.1145/2766462.2767733). With up to 8 leaves a byte holds them; a walk would guess wrongly at every second branch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import IntArray

if TYPE_CHECKING:
    from matloop.models.trees import Trees

MOST_LEAVES = 8
_ALL = 255
_ENTRIES = 131_072
"""Splits times rows that are looked at together: half a MB of values, which stays in a processor's cache."""


class SmallTrees:
    """Trees of at most `MOST_LEAVES` leaves.

    Parameters
    ----------
    trees : checked arrays; see `matloop.models.trees.Trees`.
    """

    def __init__(self, trees: Trees) -> None:
        n, slots = trees.n_trees, MOST_LEAVES - 1
        self.n_trees = n
        self._feature = np.zeros((slots, n), dtype=np.intp)
        self._threshold = np.full((slots, n, 1), np.inf, dtype=np.float32)
        self._left_alone = np.full((slots, n, 1), _ALL, dtype=np.uint8)
        self._missing_left = np.ones((slots, n, 1), dtype=bool)
        self._leaf = np.zeros((n, 256), dtype=np.int64)
        first = _first_bits()
        for tree, (start, stop) in enumerate(zip(trees.splits[:-1].tolist(), trees.splits[1:].tolist(), strict=True)):
            count = stop - start
            order, struck = _struck(trees.left[start:stop].tolist(), trees.right[start:stop].tolist())
            self._feature[:count, tree] = trees.feature[start:stop]
            self._threshold[:count, tree, 0] = trees.threshold[start:stop]
            # where no value was ever missing a missing one counts as zero
            goes = np.where(trees.missing[start:stop], trees.default_left[start:stop], trees.threshold[start:stop] >= 0)
            self._missing_left[:count, tree, 0] = goes
            self._left_alone[:count, tree, 0] = [_ALL - bits for bits in struck]
            self._leaf[tree] = np.array(order + order[-1:] * (MOST_LEAVES - len(order)))[first]
        self._first = 256 * np.arange(n)[:, None]

    @staticmethod
    def fits(trees: Trees) -> bool:
        """Whether all trees are so small."""
        return int(np.diff(trees.leaves).max()) <= MOST_LEAVES

    def leaves(self, Z: NDArray[np.float32]) -> IntArray:
        """The leaf (numbered inside its tree) of each row in each tree, shape (n_rows, n_trees).

        Parameters
        ----------
        Z : shape (n_rows, n_columns), single precision; NaN where a value is missing.
        """
        found = np.empty((len(Z), self.n_trees), dtype=np.int64)
        step = max(1, _ENTRIES // self._feature.size)
        for start in range(0, len(Z), step):
            columns = np.ascontiguousarray(Z[start : start + step].T)
            picked = columns[self._feature]
            holds = picked <= self._threshold
            if np.isnan(columns).any():
                holds |= np.isnan(picked) & self._missing_left
            kept = np.negative(holds.view(np.uint8))
            kept |= self._left_alone
            places = np.bitwise_and.reduce(kept, axis=0) + self._first
            found[start : start + step] = self._leaf.ravel()[places].T
        return found


def _struck(left: list[int], right: list[int]) -> tuple[list[int], list[int]]:
    """The leaves from left to right, and for each split the bits of those on its left."""
    order: list[int] = []
    struck = [0] * len(left)
    if not left:
        return [0], struck

    def visit(split: int) -> None:
        before = len(order)
        for side, child in enumerate((left[split], right[split])):
            if child < 0:
                order.append(~child)
            else:
                visit(child)
            if side == 0:
                struck[split] = (1 << len(order)) - (1 << before)

    visit(0)
    return order, struck


def _first_bits() -> IntArray:
    """The place of the lowest bit of each byte, shape (256,); 0 for none."""
    bits = np.arange(256)
    return np.where(bits == 0, 0, np.log2(np.maximum(bits & -bits, 1))).astype(np.int64)
