"""Maps that only know the rows they were made of: made of some rows, others laid beside their neighbours."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.represent.standard import nearest

NEIGHBOURS = 10


def landmarks(points: FloatArray, limit: int, seed: int) -> tuple[IntArray, IntArray]:
    """Rows to make a map of: at most `limit` different points, drawn with `seed`.

    Returns
    -------
    rows : ascending, each at another point. place : shape (n,), which of `rows` lies at the point of each row, -1 for
    rows whose point was not drawn.
    """
    _, first, place = np.unique(np.round(points, 9), axis=0, return_index=True, return_inverse=True)
    place = place.reshape(-1)
    drawn = np.arange(len(first))
    if len(first) > limit:
        drawn = np.sort(np.random.default_rng(seed).choice(len(first), limit, replace=False))
    drawn = drawn[np.argsort(first[drawn], kind="stable")]
    number = np.full(len(first), -1, dtype=np.int64)
    number[drawn] = np.arange(len(drawn))
    return first[drawn].astype(np.int64), number[place]


def beside_neighbours(known: FloatArray, map_xy: FloatArray, asked: FloatArray) -> FloatArray:
    """Where asked points (n, d) lie on a map of `known` points (m, d): the median place of their ten nearest ones.

    A point that is one of the known ones lies where that one lies.

    References
    ----------
    Kobak & Berens, Nat. Commun. 10 (2019) 5416 (placing new points on an embedding). doi:10.1038/s41467-019-13056-x
    """
    found = nearest(known, asked, NEIGHBOURS)
    xy = np.median(map_xy[found.row], axis=1)
    # single-precision search: what is a millionth of a spread away is the same point
    same = found.distance[:, 0] <= 1e-6 * max(float(known.std()), 1e-300)
    xy[same] = map_xy[found.row[same, 0]]
    return np.asarray(xy, dtype=np.float64)


def all_rows(known: FloatArray, map_xy: FloatArray, points: FloatArray, place: IntArray) -> FloatArray:
    """A map of all `points` from that of the `known` ones; `place` as `landmarks` gives it."""
    xy = np.empty((len(points), map_xy.shape[1]))
    drawn = place >= 0
    xy[drawn] = map_xy[place[drawn]]
    if not drawn.all():
        xy[~drawn] = beside_neighbours(known, map_xy, points[~drawn])
    return xy
