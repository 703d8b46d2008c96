"""The faces of convex cells around many centres at once: each bisecting plane is clipped by all others of its centre.

A face lives in its own plane, with the foot of the centre as origin and two unit vectors in the plane, so a polygon is
two padded arrays of plane coordinates. Nothing couples the faces of a cell but rounding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray

DEPTH = 1e-9
"""Angstrom: a plane that cuts off less than this is taken to touch. Far above rounding, far below any coordinate."""

AT_ONCE = 6
"""Planes after which it is looked anew how far polygons still reach."""


@dataclass(frozen=True, slots=True)
class Polygons:
    """Convex polygons, one per plane: plane coordinates `u`, `v` of shape (width, n), of which `counts` are corners.

    feet : shape (n, 3), the point of the plane nearest to the centre. first, second : shape (n, 3), unit vectors in
        the plane.
    """

    u: FloatArray
    v: FloatArray
    counts: IntArray
    feet: FloatArray
    first: FloatArray
    second: FloatArray

    @property
    def inside(self) -> BoolArray:
        """Which entries are corners, shape (width, n)."""
        return _inside(self.counts, len(self.u))

    @property
    def radii(self) -> FloatArray:
        """Distance of the farthest corner from the centre, shape (n,); 0 where the polygon is empty."""
        reach = _reach(self.u, self.v, self.counts)
        return np.where(self.counts > 0, np.sqrt(reach * reach + dot(self.feet, self.feet)), 0.0)

    def take(self, rows: IntArray) -> Polygons:
        """The polygons `rows`, empty ones where that is -1."""
        counts = np.where(rows < 0, 0, self.counts[rows])
        vectors = (values[rows] for values in (self.feet, self.first, self.second))
        return Polygons(self.u[:, rows], self.v[:, rows], counts, *vectors)


def _inside(counts: IntArray, width: int) -> BoolArray:
    return np.arange(width)[:, None] < counts


def _reach(u: FloatArray, v: FloatArray, counts: IntArray) -> FloatArray:
    """Distance of the farthest corner from the foot; 0 of empty polygons."""
    square = np.where(_inside(counts, len(u)), u * u + v * v, 0.0)
    return np.sqrt(square.max(axis=0))


def dot(a: FloatArray, b: FloatArray) -> FloatArray:
    """Scalar products over the last axis, of three components, added in a fixed order."""
    return a[..., 0] * b[..., 0] + a[..., 1] * b[..., 1] + a[..., 2] * b[..., 2]


def cross(a: FloatArray, b: FloatArray) -> FloatArray:
    """Vector products over the last axis."""
    x, y, z = (a[..., k] for k in range(3))
    p, q, r = (b[..., k] for k in range(3))
    return np.stack([y * r - z * q, z * p - x * r, x * q - y * p], axis=-1)


def bisected(vectors: FloatArray, known: BoolArray, size: float, cut: Polygons | None = None) -> Polygons:
    """What is left of each plane half-way to a neighbour when all planes of the same centre have cut.

    Parameters
    ----------
    vectors : shape (n_centres, k, 3), from the centre to its neighbours. known : shape (n_centres, k), False where
        there is no neighbour. size : half the side of the squares that planes start as; where a cell is open, corners
        stay that far out.
    cut : n_centres * k polygons, those of them that are not empty as left by all planes of their centre that also have
        one there; the other neighbours are new.

    Returns
    -------
    n_centres * k polygons, in order; empty where the plane bounds nothing
    """
    k = known.shape[1]
    length = np.where(known, np.sqrt(dot(vectors, vectors)), 1.0)
    normal = vectors / length[:, :, None]
    first, second = _plane(normal)
    new = known if cut is None else known & (cut.counts.reshape(known.shape) == 0)
    u, v, counts = _squares(new.reshape(-1), size, cut)
    for t in range(k):
        if t % AT_ONCE == 0:
            reach = _reach(u, v, counts).reshape(-1, k)
        other = normal[:, t, None, :]
        a, b = dot(first, other), dot(second, other)
        c = (length[:, t, None] - dot(vectors, other)) / 2
        meets = (np.sqrt(a * a + b * b) * reach > c) & known[:, t, None] & (new[:, t, None] | new)
        meets[:, t] = False
        rows = np.flatnonzero(meets)
        u, v = _clip(u, v, counts, rows, a.reshape(-1)[rows], b.reshape(-1)[rows], c.reshape(-1)[rows])
    return Polygons(u, v, counts, vectors.reshape(-1, 3) / 2, first.reshape(-1, 3), second.reshape(-1, 3))


def _plane(normal: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Two unit vectors across each unit vector."""
    axis = np.eye(3)[np.abs(normal).argmin(axis=-1)]
    first = cross(axis, normal)
    norm = np.sqrt(dot(first, first))[..., None]
    first = first / np.where(norm > 0, norm, 1.0)
    return first, cross(normal, first)


def _squares(new: BoolArray, size: float, cut: Polygons | None) -> tuple[FloatArray, FloatArray, IntArray]:
    """Squares where a polygon is new, else what it was."""
    n = len(new)
    if cut is None:
        u, v, counts = np.zeros((8, n)), np.zeros((8, n)), np.zeros(n, np.int64)
    else:
        u, v, counts = cut.u.copy(), cut.v.copy(), cut.counts.copy()
    for k, (x, y) in enumerate(((1, 1), (-1, 1), (-1, -1), (1, -1))):
        u[k, new], v[k, new] = size * x, size * y
    counts[new] = 4
    return u, v, counts


def _clip(
    u: FloatArray, v: FloatArray, counts: IntArray, rows: IntArray, a: FloatArray, b: FloatArray, c: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Keep of the polygons `rows` the part where a u + b v <= c: the arrays are changed in place, or widened."""
    part_u, part_v, part_counts = u.take(rows, axis=1), v.take(rows, axis=1), counts[rows]
    depth = a * part_u + b * part_v - c
    out = (depth > DEPTH) & _inside(part_counts, len(u))
    cut = np.flatnonzero(out.any(axis=0))
    if len(cut):
        part_u, part_v, depth = (values.take(cut, axis=1) for values in (part_u, part_v, depth))
        new_u, new_v, new_counts = _cut(part_counts[cut], part_u, part_v, depth, out.take(cut, axis=1))
        wide = len(new_u) - len(u)
        if wide:
            u, v = np.pad(u, ((0, wide), (0, 0))), np.pad(v, ((0, wide), (0, 0)))
        u[:, rows[cut]], v[:, rows[cut]], counts[rows[cut]] = new_u, new_v, new_counts
    return u, v


def _cut(
    counts: IntArray, u: FloatArray, v: FloatArray, depth: FloatArray, out: BoolArray
) -> tuple[FloatArray, FloatArray, IntArray]:
    """The polygons without the corners that are `out`: the kept run of corners, and a corner on each edge it leaves."""
    width, n = u.shape
    row = np.arange(n)
    kept = counts - out.sum(axis=0)
    starts = ~out & _inside(counts, width)  # to be the first corner that is kept behind one that is not
    starts[1:] &= out[:-1]
    starts[0] &= out.reshape(-1)[(counts - 1) * n + row]
    start = starts.argmax(axis=0)
    wide = max(int(kept.max()) + 2, width)
    place = start + np.arange(wide)[:, None]
    place -= counts * (place >= counts)
    place = np.minimum(place, width - 1) * n + row
    flat_u, flat_v, flat_depth = u.reshape(-1), v.reshape(-1), depth.reshape(-1)
    new_u, new_v = flat_u.take(place), flat_v.take(place)
    flat = place.reshape(-1)
    last, after = flat[np.maximum(kept - 1, 0) * n + row], flat[kept * n + row]
    prior = (np.where(start == 0, counts, start) - 1) * n + row
    for corner, near, far in ((kept, last, after), (kept + 1, start * n + row, prior)):
        inner, outer = flat_depth[near], flat_depth[far]
        share = np.clip(inner / (inner - outer - (inner == outer)), 0.0, 1.0)
        new_u[corner, row] = flat_u[near] + share * (flat_u[far] - flat_u[near])
        new_v[corner, row] = flat_v[near] + share * (flat_v[far] - flat_v[near])
    return new_u, new_v, np.where(kept > 0, kept + 2, 0)
