"""Who is near whom: one list per batch and cutoff, counted by matscipy, shared by all who need it."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import FloatArray, IntArray, frozen
from matloop.core.optional import require
from matloop.matter.allowed import USUAL, allowed
from matloop.matter.structures import Structures

EXTRA = "structures"
MOST_PAIRS = USUAL.pairs
"""Pairs of one row: about 1.5 GB of lists. A row with more is refused with its count."""
MARGIN = 1e-6
"""Angstrom beyond the cutoff that are searched, so that rounding in the search drops no pair."""
CLOSEST = 1e-3
"""Angstrom: two sites nearer than this are the same place (the parts of a split site), not neighbours."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """All ordered pairs of sites nearer than `cutoff` (each pair twice, once from each end), images included.

    offsets : shape (n_sites + 1,); site s has pairs offsets[s]:offsets[s+1], sorted by distance.
    first, second : shape (n_pairs,), sites counted over the whole batch. images : shape (n_pairs, 3), the cell in which
        `second` lies, relative to that of `first`, for coordinates as written.
    vectors : shape (n_pairs, 3), from first to second, Angstrom. distances : shape (n_pairs,), Angstrom.
    refused : {row: why no pairs were counted for it}.
    """

    cutoff: float
    offsets: IntArray
    first: IntArray
    second: IntArray
    images: IntArray
    vectors: FloatArray
    distances: FloatArray
    refused: dict[int, str]

    def __post_init__(self) -> None:
        for name in ("offsets", "first", "second", "images", "vectors", "distances"):
            frozen(getattr(self, name))

    def within(self, cutoff: float) -> Neighbours:
        """The pairs nearer than a smaller `cutoff`."""
        keep = np.flatnonzero(self.distances < cutoff)
        counts = np.bincount(self.first[keep], minlength=len(self.offsets) - 1)
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return Neighbours(
            cutoff, offsets, self.first[keep], self.second[keep], self.images[keep], self.vectors[keep],
            self.distances[keep], self.refused,
        )  # fmt: skip


def expected_pairs(structures: Structures, cutoff: float) -> FloatArray:
    """About how many pairs each row will have, shape (n_rows,), from its density; inf for a cell without volume."""
    sizes = structures.sizes.astype(float)
    volume = np.abs(np.linalg.det(structures.lattices))
    sphere = 4.0 / 3.0 * math.pi * cutoff**3
    with np.errstate(divide="ignore", invalid="ignore"):
        dense = sizes * sizes * sphere / volume
    some = structures.periodic.any(axis=1)
    return np.where(sizes == 0, 0.0, np.where(some, dense, np.minimum(sizes * sizes, sizes * sphere)))


def neighbours(structures: Structures, cutoff: float) -> Neighbours:
    """The pairs of every row, row by row through matscipy.

    Parameters
    ----------
    cutoff : Angstrom, > 0.

    Returns
    -------
    pairs of all rows. A row with more than MOST_PAIRS, without volume, or with coordinates that are no numbers has none
    and a reason in `refused`.

    Raises
    ------
    MissingExtra : matscipy is not installed.
    """
    listed = require("matscipy.neighbours", extra=EXTRA).neighbour_list
    refused = _refused(structures, cutoff)
    positions = structures.positions
    parts = []
    for row in range(len(structures)):
        start, end = int(structures.offsets[row]), int(structures.offsets[row + 1])
        if row in refused or end == start:
            continue
        i, j, images = listed(
            "ijS", cutoff=cutoff + MARGIN, positions=positions[start:end], cell=structures.lattices[row],
            pbc=structures.periodic[row],
        )  # fmt: skip
        vectors, distances = _apart(positions[start:end], structures.lattices[row], i, j, images)
        keep = (distances > CLOSEST) & (distances < cutoff)
        parts.append((i[keep] + start, j[keep] + start, images[keep], vectors[keep], distances[keep]))
    return _sorted(parts, len(positions), cutoff, refused)


def _apart(
    positions: FloatArray, lattice: FloatArray, first: IntArray, second: IntArray, images: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Vectors (n_pairs, 3) and distances (n_pairs,). matscipy's own differ in the last digit with the cutoff, and then
    a list that was cut from a larger one would not be the same as one that was counted."""
    vectors = positions[second] - positions[first]
    for k in range(3):
        vectors += images[:, k, None] * lattice[k]
    x, y, z = vectors.T
    return vectors, np.sqrt(x * x + y * y + z * z)


def _sorted(parts: Sequence[tuple[NDArray, ...]], n_sites: int, cutoff: float, refused: dict[int, str]) -> Neighbours:
    empty = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, 3), np.int64), np.empty((0, 3)), np.empty(0))
    first, second, images, vectors, distances = (
        np.concatenate([empty[k], *(part[k] for part in parts)]) for k in range(5)
    )
    # equal distances in the order of sites and images: the same list whatever order they were found in
    order = np.lexsort((images[:, 2], images[:, 1], images[:, 0], second, np.round(distances, 8), first))
    counts = np.bincount(first, minlength=n_sites)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Neighbours(
        cutoff, offsets, first[order], second[order], images[order].astype(np.int64), vectors[order],
        distances[order], refused,
    )  # fmt: skip


def _refused(structures: Structures, cutoff: float) -> dict[int, str]:
    expected = expected_pairs(structures, cutoff)
    found = {}
    finite = np.array(np.isfinite(structures.lattices).reshape(-1, 9).all(axis=1), ndmin=1)
    bad = structures.rows[~np.isfinite(structures.coordinates).all(axis=1)]
    finite[bad] = False
    for row in np.flatnonzero(~finite | ~(expected <= allowed().pairs)).tolist():
        if not finite[row]:
            found[row] = "a lattice vector or coordinate is no finite number"
        elif not np.isfinite(expected[row]):
            found[row] = "the cell has no volume: its lattice vectors lie in one plane"
        else:
            found[row] = (
                f"about {expected[row]:,.0f} pairs within {cutoff:g} A ({structures.sizes[row]:,} sites); up to "
                f"{allowed().pairs:,} are worked out. Take a smaller cutoff or a smaller cell"
            )
    return found


class Vicinity:
    """The neighbour lists of one batch: each cutoff is counted once, smaller ones are cut from larger ones.

    Hand one `Vicinity` to all featurizers of a batch, the largest cutoff first.
    """

    KEPT = 4

    def __init__(self, structures: Structures) -> None:
        self.structures = structures
        self._lists: OrderedDict[float, Neighbours] = OrderedDict()

    def within(self, cutoff: float) -> Neighbours:
        """All pairs nearer than `cutoff` (Angstrom)."""
        if cutoff not in self._lists:
            larger = [c for c, known in self._lists.items() if c > cutoff and not known.refused]
            found = self._lists[min(larger)].within(cutoff) if larger else neighbours(self.structures, cutoff)
            self._lists[cutoff] = found
            while len(self._lists) > self.KEPT:
                self._lists.popitem(last=False)
        return self._lists[cutoff]
