"""Voronoi cells of all sites of a batch: who shares a face with whom, how large it is and how large the cells are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from weakref import WeakKeyDictionary

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray, frozen
from matloop.matter.neighbours import Neighbours, Vicinity, neighbours
from matloop.matter.structures import Structures
from matloop.represent.structural.clipping import DEPTH, Polygons, bisected, dot

CUTOFF = 6.0
"""Angstrom: within it lie all that bound a cell, for 19 of 20 sites of crystals; for the others it grows."""
WIDER = 1.25
SITES_AT_ONCE = 512
"""Cells that are cut together: their polygons stay in the processor's cache."""
NEAREST = 16
"""Neighbours that cut first; of the others only those whose plane still meets the cell do, MORE at a time."""
MORE = 8
SHORT_EDGE = 1e-5
"""Of the distance to the plane: corners nearer than this are one, and a face needs three. Where more cells than three
meet in an edge by symmetry, places written to 8 digits split corners by 1e-9 to 1e-6; hardly an edge is between."""
SMALL_FACE = 1e-7
"""Of the full solid angle: what is smaller is such a splinter and no face."""
UNFILLED = 1e-6
"""The cells of a structure fill its volume to this share."""
_OPEN = (
    "does not repeat in all three directions, so the Voronoi cells of its outer sites are open: write it in a cell "
    "with empty space that does"
)


@dataclass(frozen=True, slots=True)
class Faces:
    """The faces of the Voronoi cells of all sites; each face is listed twice, once from each side.

    offsets : shape (n_sites + 1,); site s has faces offsets[s]:offsets[s+1], sorted by distance.
    neighbours : shape (n_faces,), the site on the other side, counted over the whole batch.
    images : shape (n_faces, 3), the cell in which it lies, for coordinates as written.
    vectors : shape (n_faces, 3), from the centre to the neighbour, Angstrom.
    distances : shape (n_faces,), to the neighbour, Angstrom; the face lies half-way.
    areas : shape (n_faces,), square Angstrom. solid_angles : shape (n_faces,), as seen from the centre, steradian.
    n_edges : shape (n_faces,), corners of the face. volumes : shape (n_sites,), of the cells, cubic Angstrom; NaN for
        refused rows. refused : {row: why it has no faces}.
    """

    offsets: IntArray
    neighbours: IntArray
    images: IntArray
    vectors: FloatArray
    distances: FloatArray
    areas: FloatArray
    solid_angles: FloatArray
    n_edges: IntArray
    volumes: FloatArray
    refused: dict[int, str]

    def __post_init__(self) -> None:
        for field in fields(self)[:-1]:
            frozen(getattr(self, field.name))

    @property
    def sites(self) -> IntArray:
        """The site inside of each face, shape (n_faces,)."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    @property
    def face_distances(self) -> FloatArray:
        """From the centre to the plane of the face, shape (n_faces,), Angstrom."""
        return self.distances / 2

    @property
    def face_volumes(self) -> FloatArray:
        """Of the pyramid from the centre to the face, shape (n_faces,), cubic Angstrom."""
        return self.areas * self.distances / 6


def tessellate(structures: Structures, near: Vicinity) -> Faces:
    """The Voronoi cells of all sites, whatever sits on them.

    Cut once for all who ask with the same lists of neighbours. Every cell is exact: neighbours are looked for as far
    out as they can bound it. (pymatgen's `VoronoiNN` stops at its cutoff, so cells with corners farther out than half
    of it are too large there.)

    Parameters
    ----------
    structures : rows that repeat along all three vectors; others are refused, their outer cells are open.
    near : neighbour lists of these structures.

    Returns
    -------
    faces of all sites. A row in `refused` has none.

    References
    ----------
    O'Keeffe, Acta Cryst. A 35 (1979) 772. doi:10.1107/S0567739479001765
    """
    if near.structures is not structures:
        return _tessellated(structures, near)
    if near not in _KNOWN:
        _KNOWN[near] = _tessellated(structures, near)
    return _KNOWN[near]


_KNOWN: WeakKeyDictionary[Vicinity, Faces] = WeakKeyDictionary()


def _tessellated(structures: Structures, near: Vicinity) -> Faces:
    open_rows = np.flatnonzero(~structures.periodic.all(axis=1) & (structures.sizes > 0)).tolist()
    refused = dict.fromkeys(open_rows, _OPEN)
    cutoff, listed = CUTOFF, near.within(CUTOFF)
    refused = {**listed.refused, **refused}
    sites = np.flatnonzero(~np.isin(structures.rows, list(refused)))
    numbers, asked = np.arange(len(structures.coordinates)), sites
    parts = []
    while True:
        found, closed = _cells(listed, asked)
        parts.append(found.numbered(numbers))
        sites = sites[~closed]
        if not len(sites):
            break
        rows, cutoff = np.unique(structures.rows[sites]), cutoff * WIDER
        part = structures.take(rows)
        listed = neighbours(part, cutoff)
        refused |= {int(rows[row]): why for row, why in listed.refused.items()}
        sites = sites[~np.isin(structures.rows[sites], list(refused))]
        numbers = np.flatnonzero(np.isin(structures.rows, rows))
        asked = np.searchsorted(numbers, sites)
    return _whole(structures, parts, refused)


@dataclass(frozen=True, slots=True)
class _Part:
    """Faces of some sites, as in `Faces`, with the site of each."""

    sites: IntArray
    neighbours: IntArray
    images: IntArray
    vectors: FloatArray
    distances: FloatArray
    areas: FloatArray
    solid_angles: FloatArray
    n_edges: IntArray

    def numbered(self, numbers: IntArray) -> _Part:
        """The same with site k called numbers[k]."""
        rest = (getattr(self, field.name) for field in fields(self)[2:])
        return _Part(numbers[self.sites], numbers[self.neighbours], *rest)

    def take(self, keep: IntArray) -> _Part:
        return _Part(*(getattr(self, field.name)[keep] for field in fields(self)))


def _whole(structures: Structures, parts: Sequence[_Part], refused: dict[int, str]) -> Faces:
    every = _Part(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(_Part)))
    n = len(structures.coordinates)
    volumes = np.bincount(every.sites, weights=every.areas * every.distances / 6, minlength=n)
    filled = np.bincount(structures.rows, weights=volumes, minlength=len(structures))
    for row in np.flatnonzero(np.abs(filled - structures.volumes) > UNFILLED * structures.volumes).tolist():
        refused.setdefault(row, "several sites lie at one place (less than 0.001 A apart): they share a Voronoi cell")
    lost = np.isin(structures.rows, list(refused))
    real = (every.solid_angles > SMALL_FACE * 4 * np.pi) & (every.n_edges > 2)
    keep = np.flatnonzero(~lost[every.sites] & real)
    every = every.take(keep[np.argsort(every.sites[keep], kind="stable")])
    offsets = np.concatenate([[0], np.cumsum(np.bincount(every.sites, minlength=n))]).astype(np.int64)
    return Faces(
        offsets, every.neighbours, every.images, every.vectors, every.distances, every.areas, every.solid_angles,
        every.n_edges, np.where(lost, np.nan, volumes), dict(sorted(refused.items())),
    )  # fmt: skip


def _cells(listed: Neighbours, sites: IntArray) -> tuple[_Part, BoolArray]:
    """Faces of those of the sites whose cells are closed by the listed pairs, and which these are."""
    idle = np.zeros(len(listed.first), dtype=bool)
    pairs, kept, closed = [np.empty(0, np.int64)], [], np.zeros(len(sites), dtype=bool)
    for start in range(0, len(sites), SITES_AT_ONCE):
        asked = sites[start : start + SITES_AT_ONCE]
        for place, found, polygons in _cut_cells(listed, asked, idle):
            fine = 2 * polygons.radii.reshape(found.shape).max(axis=1, initial=0.0) <= listed.cutoff
            fine &= (found >= 0).any(axis=1)
            closed[start + place[fine]] = True
            faces = np.flatnonzero((fine[:, None] & (polygons.counts.reshape(found.shape) > 0)).reshape(-1))
            pairs.append(found.reshape(-1)[faces])
            kept.append(_measures(polygons, faces))
    pair = np.concatenate(pairs)
    areas, angles, edges = (np.concatenate([np.empty(0), *(one[k] for one in kept)]) for k in range(3))
    order = np.lexsort((pair, listed.first[pair]))
    pair = pair[order]
    return _Part(
        listed.first[pair], listed.second[pair], listed.images[pair], listed.vectors[pair], listed.distances[pair],
        areas[order], angles[order], edges[order].astype(np.int64),
    ), closed  # fmt: skip


def _cut_cells(listed: Neighbours, sites: IntArray, idle: BoolArray) -> list[tuple[IntArray, IntArray, Polygons]]:
    """Cells of the sites: (places in `sites`, their pairs of shape (m, k), -1 for none, and the m * k polygons).

    `idle` marks the pairs that have cut or need not: a plane that does not meet a cell never will, cells only shrink.
    """
    counts = np.diff(listed.offsets)[sites]
    rank = np.arange(min(NEAREST, int(counts.max(initial=0))))
    chosen = np.where(rank < counts[:, None], listed.offsets[sites][:, None] + rank, -1)
    idle[chosen[chosen >= 0]] = True
    place, done, polygons = np.arange(len(sites)), [], None
    while len(place):
        known = chosen >= 0
        polygons = bisected(listed.vectors[chosen] * known[:, :, None], known, 2 * listed.cutoff, polygons)
        more = _cutting(listed, sites[place], polygons, idle)
        here = np.arange(chosen.size).reshape(chosen.shape)
        rest = np.array((more >= 0).any(axis=1), ndmin=1)
        done.append((place[~rest], chosen[~rest], polygons.take(here[~rest].reshape(-1))))
        alive = polygons.counts.reshape(chosen.shape)[rest] > 0
        chosen = np.concatenate([np.where(alive, chosen[rest], -1), more[rest]], axis=1)
        kept = np.pad(np.where(alive, here[rest], -1), ((0, 0), (0, MORE)), constant_values=-1)
        order = _first_known(chosen)
        chosen, kept = (np.take_along_axis(values, order, axis=1) for values in (chosen, kept))
        polygons = polygons.take(kept.reshape(-1))
        place = place[rest]
    return done


def _first_known(pairs: IntArray) -> IntArray:
    """Columns by row: first of the entries that are no -1, in their order; as few as hold all of them."""
    order = np.argsort(pairs < 0, axis=1, kind="stable")
    return order[:, : int((pairs >= 0).sum(axis=1).max(initial=0))]


def _cutting(listed: Neighbours, sites: IntArray, polygons: Polygons, idle: BoolArray) -> IntArray:
    """The next pairs of each site whose planes meet its cell, shape (n_sites, MORE), -1 for none."""
    n = len(sites)
    reach = 2 * polygons.radii.reshape(n, -1).max(axis=1, initial=0.0)
    reach[reach == 0] = np.inf
    starts, counts = listed.offsets[sites], np.diff(listed.offsets)[sites]
    before = np.cumsum(counts) - counts
    pair = np.repeat(starts - before, counts) + np.arange(int(counts.sum()))
    site = np.repeat(np.arange(n), counts)
    asked = ~idle[pair] & (listed.distances[pair] < reach[site])
    pair, site = pair[asked], site[asked]
    padded = _by_row(pair, site, n)
    known = padded >= 0
    vectors = listed.vectors[padded] / listed.distances[padded][:, :, None]
    corners = _corners(polygons, n, np.where(known, listed.distances[padded], np.inf).min(axis=1, initial=np.inf) / 2)
    depth = (vectors @ corners.transpose(0, 2, 1)).max(axis=2, initial=0.0)
    cuts = known & (depth - listed.distances[padded] / 2 > DEPTH / 2)
    idle[padded[known & ~cuts]] = True
    padded = np.where(cuts, padded, -1)
    cutting = np.take_along_axis(padded, _first_known(padded), axis=1)[:, :MORE]
    idle[cutting[cutting >= 0]] = True
    return np.pad(cutting, ((0, 0), (0, MORE - cutting.shape[1])), constant_values=-1)


def _by_row(values: IntArray, rows: IntArray, n: int) -> IntArray:
    """Values of ascending rows as a table, shape (n, most), -1 to the end of a row."""
    counts = np.bincount(rows, minlength=n)
    table = np.full((n, int(counts.max(initial=0))), -1)
    table[rows, np.arange(len(rows)) - (np.cumsum(counts) - counts)[rows]] = values
    return table


def _corners(polygons: Polygons, n: int, beyond: FloatArray) -> FloatArray:
    """Corners of each cell farther from its centre than `beyond`, shape (n, most, 3), zeros to the end."""
    k = len(polygons.counts) // max(n, 1)
    square = polygons.u * polygons.u + polygons.v * polygons.v + dot(polygons.feet, polygons.feet)
    here, corner = np.nonzero((polygons.inside & (square > np.repeat(beyond * beyond, k))).T)
    u, v = polygons.u[corner, here][:, None], polygons.v[corner, here][:, None]
    places = polygons.feet[here] + u * polygons.first[here] + v * polygons.second[here]
    padded = _by_row(np.arange(len(here)), here // max(k, 1), n)
    return places[padded] * (padded >= 0)[:, :, None] if len(here) else np.zeros((n, 0, 3))


def _measures(polygons: Polygons, faces: IntArray) -> tuple[FloatArray, FloatArray, IntArray]:
    """Areas, solid angles (van Oosterom & Strackee 1983, doi:10.1109/TBME.1983.325207) and corners of polygons."""
    chosen = polygons.take(faces)
    u, v, counts = chosen.u, chosen.v, chosen.counts
    square = dot(chosen.feet, chosen.feet)
    height = np.sqrt(square)
    length = np.sqrt(square + u * u + v * v)
    areas, angles = np.zeros(len(faces)), np.zeros(len(faces))
    for k in range(1, int(counts.max(initial=0)) - 1):
        there, j = k + 1 < counts, k + 1
        twice = np.abs((u[k] - u[0]) * (v[j] - v[0]) - (u[j] - u[0]) * (v[k] - v[0]))
        a, b, c = length[0], length[k], length[j]
        ab, ac, bc = (square + u[p] * u[q] + v[p] * v[q] for p, q in ((0, k), (0, j), (k, j)))
        areas += np.where(there, twice / 2, 0.0)
        angles += np.where(there, 2 * np.arctan2(height * twice, a * b * c + ab * c + ac * b + bc * a), 0.0)
    following = (np.arange(len(u))[:, None] + 1) % np.maximum(counts, 1)
    rows = np.arange(len(faces))
    edge = np.hypot(u[following, rows] - u, v[following, rows] - v)
    return areas, angles, ((edge > SHORT_EDGE * height) & chosen.inside).sum(axis=0)
