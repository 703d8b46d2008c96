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


@dataclass(frozen=True, slots=True)
class Polygons:
    """Convex polygons, one per plane: plane coordinates `u`, `v` of shape (n, width), of which `counts` are corners.

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
        """Which entries are corners, shape (n, width)."""
        return np.arange(self.u.shape[1]) < self.counts[:, None]

    @property
    def radii(self) -> FloatArray:
        """Distance of the farthest corner from the centre, shape (n,); 0 where the polygon is empty."""
        square = np.where(self.inside, self.u * self.u + self.v * self.v, 0.0).max(axis=1)
        return np.where(self.counts > 0, np.sqrt(square + dot(self.feet, self.feet)), 0.0)


def dot(a: FloatArray, b: FloatArray) -> FloatArray:
    """Scalar products over the last axis, of three components, added in a fixed order."""
    return a[..., 0] * b[..., 0] + a[..., 1] * b[..., 1] + a[..., 2] * b[..., 2]


def cross(a: FloatArray, b: FloatArray) -> FloatArray:
    """Vector products over the last axis."""
    x, y, z = (a[..., k] for k in range(3))
    p, q, r = (b[..., k] for k in range(3))
    return np.stack([y * r - z * q, z * p - x * r, x * q - y * p], axis=-1)


def bisected(vectors: FloatArray, known: BoolArray, size: float) -> Polygons:
    """What is left of each plane half-way to a neighbour when all planes of the same centre have cut.

    Parameters
    ----------
    vectors : shape (n_centres, k, 3), from the centre to its neighbours. known : shape (n_centres, k), False where
        there is no neighbour. size : half the side of the squares that planes start as; where a cell is open, corners
        stay that far out.

    Returns
    -------
    n_centres * k polygons, in order; empty where the plane bounds nothing
    """
    k = known.shape[1]
    length = np.where(known, np.sqrt(dot(vectors, vectors)), 1.0)
    normal = vectors / length[:, :, None]
    first, second = _plane(normal)
    u, v, counts = _squares(known.reshape(-1), size)
    for t in range(k):
        other = normal[:, t, None, :]
        a, b = dot(first, other), dot(second, other)
        c = (length[:, t, None] - dot(vectors, other)) / 2
        c[:, t] = np.inf
        c[~known[:, t]] = np.inf
        u, v = _clip(u, v, counts, a.reshape(-1), b.reshape(-1), c.reshape(-1))
    return Polygons(u, v, counts, vectors.reshape(-1, 3) / 2, first.reshape(-1, 3), second.reshape(-1, 3))


def _plane(normal: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Two unit vectors across each unit vector."""
    axis = np.eye(3)[np.abs(normal).argmin(axis=-1)]
    first = cross(axis, normal)
    norm = np.sqrt(dot(first, first))[..., None]
    first = first / np.where(norm > 0, norm, 1.0)
    return first, cross(normal, first)


def _squares(known: BoolArray, size: float) -> tuple[FloatArray, FloatArray, IntArray]:
    u, v = np.zeros((len(known), 8)), np.zeros((len(known), 8))
    u[:, :4], v[:, :4] = size * np.array([1, -1, -1, 1]), size * np.array([1, 1, -1, -1])
    return u, v, np.where(known, 4, 0)


def _clip(
    u: FloatArray, v: FloatArray, counts: IntArray, a: FloatArray, b: FloatArray, c: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Keep of each polygon the part where a u + b v <= c: the three arrays are changed in place, or widened."""
    depth = a[:, None] * u + b[:, None] * v - c[:, None]
    out = (depth > DEPTH) & (np.arange(u.shape[1]) < counts[:, None])
    cut = np.flatnonzero(out.any(axis=1))
    if len(cut):
        new_u, new_v, counts[cut] = _cut(u[cut], v[cut], counts[cut], depth[cut], out[cut])
        wide = new_u.shape[1] - u.shape[1]
        if wide:
            u, v = np.pad(u, ((0, 0), (0, wide))), np.pad(v, ((0, 0), (0, wide)))
        u[cut], v[cut] = new_u, new_v
    return u, v


def _cut(
    u: FloatArray, v: FloatArray, counts: IntArray, depth: FloatArray, out: BoolArray
) -> tuple[FloatArray, FloatArray, IntArray]:
    """The polygons without the corners that are `out`: the kept run of corners, and a corner on each edge it leaves."""
    rows, columns = np.arange(len(u)), np.arange(u.shape[1])
    kept = counts - out.sum(axis=1)
    before = np.where(columns == 0, counts[:, None] - 1, columns - 1)
    start = (~out & (columns < counts[:, None]) & np.take_along_axis(out, before, axis=1)).argmax(axis=1)
    wide = max(int((kept + 2).max()), u.shape[1])
    place = (start[:, None] + np.arange(wide)) % np.maximum(counts, 1)[:, None]
    new_u, new_v = np.take_along_axis(u, place, axis=1), np.take_along_axis(v, place, axis=1)
    last, after = place[rows, np.maximum(kept - 1, 0)], place[rows, np.minimum(kept, wide - 1)]
    first, prior = start, before[rows, start]
    for column, near, far in ((kept, last, after), (kept + 1, first, prior)):
        inner, outer = depth[rows, near], depth[rows, far]
        share = np.clip(inner / (inner - outer - (inner == outer)), 0.0, 1.0)
        new_u[rows, column] = u[rows, near] + share * (u[rows, far] - u[rows, near])
        new_v[rows, column] = v[rows, near] + share * (v[rows, far] - v[rows, near])
    return new_u, new_v, np.where(kept > 0, kept + 2, 0)
