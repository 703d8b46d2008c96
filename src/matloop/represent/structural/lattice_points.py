"""Points of lattices, many rows at once: reduced cells, and all points within a radius of the origin."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray, IntArray

_ROUNDS = 200
"""Steps of the reduction; each takes off a whole multiple, so that real cells need less than ten."""


def reduced(lattices: FloatArray) -> tuple[FloatArray, IntArray]:
    """Short vectors of the same lattices, so that a box around a sphere holds few points outside it.

    Vectors are shortened by each other until no pair can be, then the longest by the sum or difference of the other
    two. This need not be Niggli's cell: it only has to be compact, and is the same for the same lattice vectors.

    Parameters
    ----------
    lattices : shape (n, 3, 3), rows are vectors, linearly independent

    Returns
    -------
    lattices, shape (n, 3, 3); integers u, shape (n, 3, 3), with reduced = u @ lattices

    Examples
    --------
    >>> skewed = np.array([[[1.0, 0, 0], [7.0, 1.0, 0], [0, -3.0, 1.0]]])
    >>> np.abs(reduced(skewed)[0][0]).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    u = np.tile(np.eye(3, dtype=np.int64), (len(lattices), 1, 1))
    found = lattices.copy()
    active = np.arange(len(lattices))
    for _ in range(_ROUNDS):
        if not len(active):
            break
        times = _shortening(found[active])
        moved = times.any(axis=(1, 2))
        active, times = active[moved], times[moved]
        change = np.eye(3, dtype=np.int64) - times
        u[active] = np.einsum("nij,njk->nik", change, u[active])
        # from the integers, not step by step: rounding does not add up
        found[active] = np.einsum("nij,njk->nik", u[active].astype(float), lattices[active])
    return found, u


def _shortening(lattices: FloatArray) -> IntArray:
    """How often each vector is to be taken from one other: shape (n, 3, 3), one row of it not zero, or none."""
    n = np.arange(len(lattices))
    times = np.zeros((len(lattices), 3, 3), dtype=np.int64)
    dots = np.einsum("nix,njx->nij", lattices, lattices)
    squares = np.diagonal(dots, axis1=1, axis2=2)
    # of the pairs that can be shortened, the one with the longest vector first
    wanted = np.round(np.where(np.eye(3, dtype=bool), 0.0, dots / squares[:, None, :]) * (1 - 1e-9))
    gain = np.where(wanted != 0, squares[:, :, None], 0.0).reshape(len(lattices), 9)
    best = gain.argmax(axis=1)
    pair = gain[n, best] > 0
    times[n[pair], best[pair] // 3, best[pair] % 3] = wanted.reshape(-1, 9)[pair, best[pair]].astype(np.int64)
    # no pair left: the longest less the sum or difference of the others
    longest = squares.argmax(axis=1)
    a, b = (longest + 1) % 3, (longest + 2) % 3
    sign_a, sign_b = np.sign(dots[n, longest, a]), np.sign(dots[n, longest, b])
    both = lattices[n, a] * sign_a[:, None] + lattices[n, b] * sign_b[:, None]
    shorter = np.square(lattices[n, longest] - both).sum(axis=1) < squares[n, longest] * (1 - 1e-9)
    rest = ~pair & shorter & (sign_a != 0) & (sign_b != 0)
    times[n[rest], longest[rest], a[rest]] = sign_a[rest].astype(np.int64)
    times[n[rest], longest[rest], b[rest]] = sign_b[rest].astype(np.int64)
    return times


def box_sizes(lattices: FloatArray, radii: FloatArray) -> IntArray:
    """How far a box of whole lattice vectors must reach to hold a sphere: shape (n, 3), each way along each vector."""
    heights = 1.0 / np.linalg.norm(np.linalg.inv(lattices), axis=1)
    return np.floor(radii[:, None] / heights + 1e-9).astype(np.int64)


def points_within(
    lattices: FloatArray, radii: FloatArray, *, half: bool = False
) -> tuple[IntArray, IntArray, FloatArray]:
    """Lattice points within a radius of the origin, row by row.

    Parameters
    ----------
    lattices : shape (n, 3, 3), reduced. radii : shape (n,). half : of each point and its inverse only one, and no
        origin.

    Returns
    -------
    offsets : shape (n + 1,). indices : shape (n_points, 3), whole numbers, in one order. vectors : shape (n_points, 3).

    Examples
    --------
    >>> points_within(np.eye(3)[None], np.array([1.0]), half=True)[1].tolist()
    [[0, 0, 1], [0, 1, 0], [1, 0, 0]]
    """
    reach = box_sizes(lattices, radii)
    sides = 2 * reach + 1
    counts = sides.prod(axis=1)
    rows, place = ragged(counts // 2 if half else counts)
    place = place + (counts // 2 + 1)[rows] if half else place
    side = sides[rows]
    rest, third = np.divmod(place, side[:, 2])
    first, second = np.divmod(rest, side[:, 1])
    h, k, l = (n - reach[rows, axis] for axis, n in enumerate((first, second, third)))
    x, y, z = (h * lattices[rows, 0, j] + k * lattices[rows, 1, j] + l * lattices[rows, 2, j] for j in range(3))
    keep = np.flatnonzero(x * x + y * y + z * z <= np.square(radii)[rows] * (1 + 1e-12))
    kept = np.bincount(rows[keep], minlength=len(lattices))
    indices, vectors = (np.stack([part[keep] for part in parts], axis=1) for parts in ((h, k, l), (x, y, z)))
    return np.concatenate([[0], np.cumsum(kept)]).astype(np.int64), indices, vectors


def ragged(counts: IntArray) -> tuple[IntArray, IntArray]:
    """Which row each entry of a ragged table belongs to, and its place there.

    Examples
    --------
    >>> [part.tolist() for part in ragged(np.array([2, 0, 3]))]
    [[0, 0, 2, 2, 2], [0, 1, 0, 1, 2]]
    """
    rows = np.repeat(np.arange(len(counts)), counts)
    return rows, np.arange(len(rows)) - (np.cumsum(counts) - counts)[rows]
