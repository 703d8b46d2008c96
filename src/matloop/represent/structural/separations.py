"""How far sites are from each other, each pair once: what radial descriptors sum over, without a sorted list of pairs.

A list of neighbours (`matter.neighbours`) holds every pair twice, sorted, with images and vectors. Sums over pairs need
none of that, and at 10 to 20 Angstrom, where they are taken, leaving it out is ten times faster.
"""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import FloatArray, IntArray, frozen
from matloop.matter.neighbours import CLOSEST, MOST_PAIRS, Vicinity, expected_pairs
from matloop.matter.structures import Structures

EDGE = 1e-8
"""Angstrom: a distance so little below the edge of a bin or below the cutoff counts as on it, whatever the rounding."""
FEW_SITES = 48
"""Rows with more sites, or with cells so skew that most of MOST_TRIED is in vain, go by the list of neighbours."""
MOST_TRIED = 2_000_000


@dataclass(frozen=True, slots=True)
class Separations:
    """Unordered pairs of sites not farther than `cutoff`, images included, row by row.

    first, second : shape (n_pairs,), sites counted over the batch; equal for a site and its own image, which stands for
        both of the opposite images: a sum over neighbours adds each pair once to `first` and once to `second`.
    rows : shape (n_pairs,). distances : shape (n_pairs,), Angstrom. vectors : shape (n_pairs, 3), from first to second,
        Angstrom; without rows unless asked for. refused : {row: why it has no pairs}.
    """

    first: IntArray
    second: IntArray
    rows: IntArray
    distances: FloatArray
    vectors: FloatArray
    refused: dict[int, str]

    def __post_init__(self) -> None:
        for name in ("first", "second", "rows", "distances", "vectors"):
            frozen(getattr(self, name))


def separations(structures: Structures, near: Vicinity, cutoff: float, *, vectors: bool = False) -> Separations:
    """All pairs not farther than `cutoff` (Angstrom), in an order that depends on the row alone.

    Parameters
    ----------
    near : lists of neighbours of the same structures. The pairs found last are kept with it, for the next featurizer.
    """
    if near.structures is not structures:
        return _separations(structures, cutoff, vectors)
    kept = _KNOWN.get(near)
    if kept is None or kept[:2] != (cutoff, vectors):
        kept = _KNOWN[near] = (cutoff, vectors, _separations(structures, cutoff, vectors))
    return kept[2]


_KNOWN: WeakKeyDictionary[Vicinity, tuple[float, bool, Separations]] = WeakKeyDictionary()


def _separations(structures: Structures, cutoff: float, vectors: bool) -> Separations:
    counts = _images(structures, cutoff)
    tried = structures.sizes * (structures.sizes + 1.0) / 2 * (2.0 * counts + 1).prod(axis=1)
    refused = _refused(structures, cutoff)
    small = (structures.sizes <= FEW_SITES) & (tried <= MOST_TRIED)
    large = np.flatnonzero(~small & ~np.isin(np.arange(len(structures)), list(refused)))
    parts = {
        row: _of_row(structures, row, counts[row], cutoff, vectors)
        for row in np.flatnonzero(small).tolist()
        if row not in refused
    }
    parts |= _of_list(structures, large, cutoff) if len(large) else {}
    return _joined(parts, refused)


_Part = tuple[NDArray, ...]


def _images(structures: Structures, cutoff: float) -> IntArray:
    """Cells to try along each vector, to either side, shape (n_rows, 3): sites are at most half a cell apart."""
    volume = np.abs(np.linalg.det(structures.lattices))
    normals = np.cross(structures.lattices[:, [1, 2, 0]], structures.lattices[:, [2, 0, 1]])
    heights = volume[:, None] / np.maximum(np.linalg.norm(normals, axis=2), 1e-300)
    with np.errstate(divide="ignore"):
        reach = np.floor(np.minimum((cutoff + EDGE) / heights + 0.5, 1e6))
    return np.where(structures.periodic, reach, 0).astype(np.int64)


def _refused(structures: Structures, cutoff: float) -> dict[int, str]:
    expected = expected_pairs(structures, cutoff)
    return {
        row: f"about {expected[row]:,.0f} pairs within {cutoff:g} A ({structures.sizes[row]:,} sites); up to "
        f"{MOST_PAIRS:,} are worked out. Take a smaller cutoff or a smaller cell"
        for row in np.flatnonzero(~(expected <= MOST_PAIRS)).tolist()
    }


def _of_row(structures: Structures, row: int, counts: IntArray, cutoff: float, vectors: bool) -> _Part:
    """Pairs of one row: all differences of coordinates, each with all lattice points that may bring it into reach."""
    start, end = int(structures.offsets[row]), int(structures.offsets[row + 1])
    lattice, places = structures.lattices[row], structures.coordinates[start:end]
    points = _lattice_points(tuple(counts.tolist())) @ lattice
    i, j = np.triu_indices(end - start, 1)
    apart = places[j] - places[i]
    apart = (apart - np.rint(apart) * structures.periodic[row]) @ lattice
    squares = np.einsum("ij,ij->i", apart, apart)
    lengths = np.einsum("ij,ij->i", points, points)
    reach = (cutoff + EDGE) ** 2
    near = lengths <= (np.sqrt(reach) + np.sqrt(squares.max(initial=0.0))) ** 2
    points, lengths = points[near], lengths[near]
    # of the images of a site itself, one of two opposite ones: points come in pairs about the middle, the origin
    own = np.arange(len(lengths) // 2)[lengths[: len(lengths) // 2] <= reach]
    between = squares[:, None] + lengths + 2.0 * (apart @ points.T)
    pair, point = np.nonzero(between <= reach)
    site = np.arange(end - start)
    first = np.concatenate([np.repeat(site, len(own)), i[pair]]) + start
    second = np.concatenate([np.repeat(site, len(own)), j[pair]]) + start
    if not vectors:
        found = np.sqrt(np.maximum(np.concatenate([np.tile(lengths[own], end - start), between[pair, point]]), 0.0))
        keep = slice(None) if (found > CLOSEST).all() else found > CLOSEST
        return first[keep], second[keep], found[keep], np.empty((0, 3))
    way = np.concatenate([np.tile(points[own], (end - start, 1)), apart[pair] + points[point]])
    found = np.sqrt(np.einsum("ij,ij->i", way, way))
    keep = found > CLOSEST
    return first[keep], second[keep], found[keep], way[keep]


_POINTS: dict[tuple[int, ...], FloatArray] = {}


def _lattice_points(counts: tuple[int, ...]) -> FloatArray:
    """Whole-numbered points from -counts to counts, shape (m, 3), each as far from the end as its opposite from the
    beginning."""
    if counts not in _POINTS:
        if len(_POINTS) > 500:
            _POINTS.clear()
        grid = np.meshgrid(*(np.arange(-n, n + 1.0) for n in counts), indexing="ij")
        _POINTS[counts] = frozen(np.stack(grid, axis=-1).reshape(-1, 3))
    return _POINTS[counts]


def _of_list(structures: Structures, rows: IntArray, cutoff: float) -> dict[int, _Part]:
    """The same from the list of neighbours of these rows, each pair kept once."""
    part = structures.take(rows)
    listed = Vicinity(part).within(cutoff + EDGE)
    x, y, z = listed.images.T
    ahead = (x > 0) | ((x == 0) & ((y > 0) | ((y == 0) & (z > 0))))
    once = np.flatnonzero((listed.first < listed.second) | ((listed.first == listed.second) & ahead))
    row = part.rows[listed.first[once]]
    bounds = np.searchsorted(row, np.arange(len(rows) + 1))
    shift = structures.offsets[:-1][rows] - part.offsets[:-1]
    found: dict[int, _Part] = {}
    for k, (start, end) in enumerate(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)):
        mine = once[start:end]
        found[int(rows[k])] = (
            listed.first[mine] + shift[k], listed.second[mine] + shift[k], listed.distances[mine], listed.vectors[mine],
        )  # fmt: skip
    return found


def _joined(parts: dict[int, _Part], refused: dict[int, str]) -> Separations:
    order = sorted(parts)
    empty: _Part = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), np.empty((0, 3)))
    first, second, distances, vectors = (
        np.concatenate([empty[k], *(parts[row][k] for row in order)]) for k in range(4)
    )
    counts = [len(parts[row][0]) for row in order]
    return Separations(first, second, np.repeat(np.array(order, np.int64), counts), distances, vectors, refused)
