"""Which of several experiments no other one beats: Pareto fronts, their order, and how crowded they are.

Values are of shape (n, m): more is better in every column. A row with NaN is never on a front.
"""

from __future__ import annotations

import bisect

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray

_BLOCK = 2_000


def is_front(values: FloatArray, met: BoolArray | None = None) -> BoolArray:
    """Which rows no other row dominates, shape (n,); equal rows are on the front together.

    Parameters
    ----------
    met : shape (n,), rows that keep all constraints; others are never on the front.

    Examples
    --------
    >>> is_front(np.array([[1.0, 3.0], [2.0, 2.0], [1.0, 2.0], [2.0, 2.0]])).tolist()
    [True, True, False, True]
    """
    values = np.asarray(values, float)
    able = ~np.isnan(values).any(axis=1)
    if met is not None:
        able &= met
    found = np.zeros(len(values), bool)
    rows = np.flatnonzero(able)
    if len(rows):
        apart, back = np.unique(values[rows], axis=0, return_inverse=True)
        found[rows] = _front_of_different(apart)[back.reshape(-1)]
    return found


def _front_of_different(values: FloatArray) -> BoolArray:
    """`is_front` for rows that all differ."""
    n, m = values.shape
    front = np.zeros(n, bool)
    if m == 1:
        front[values[:, 0].argmax()] = True
        return front
    if m == 2:
        order = np.lexsort((-values[:, 1], -values[:, 0]))
        second = values[order, 1]
        before = np.concatenate([[-np.inf], np.maximum.accumulate(second)[:-1]])
        front[order] = second > before
        return front
    # from the largest sum on: what is dominated is dominated by a row before it
    left = np.argsort(-_scaled(values).sum(axis=1), kind="stable")
    while len(left):
        head, left = left[0], left[1:]
        front[head] = True
        left = left[(values[left] > values[head]).any(axis=1)]
    # equal sums by rounding could hide a dominating row behind the dominated one
    rows = np.flatnonzero(front)
    for start in range(0, len(rows), _BLOCK):
        part = rows[start : start + _BLOCK]
        front[part] = ~_beaten(values[part], values[rows])
    return front


def _beaten(values: FloatArray, others: FloatArray) -> BoolArray:
    """Which rows one of the others dominates, shape (n,)."""
    beaten = np.zeros(len(values), bool)
    for other in others if len(values) > len(others) else ():
        beaten |= (other >= values).all(axis=1) & (other > values).any(axis=1)
    if len(values) <= len(others):
        for row, value in enumerate(values):
            beaten[row] = bool(((others >= value).all(axis=1) & (others > value).any(axis=1)).any())
    return beaten


def _scaled(values: FloatArray) -> FloatArray:
    low, high = values.min(axis=0), values.max(axis=0)
    with np.errstate(invalid="ignore", over="ignore"):
        return np.nan_to_num((values - low) / np.where(high > low, high - low, 1.0))


def front_ranks(values: FloatArray, missed: FloatArray | None = None) -> IntArray:
    """0 for the front, 1 for the front of the others, and so on; -1 for rows with NaN; shape (n,).

    Parameters
    ----------
    missed : shape (n,), how far a row misses its constraints, 0 where it keeps them. Rows that miss them come after all
        others, in the order of how far (Deb et al., IEEE Trans. Evol. Comput. 6 (2002) 182, doi:10.1109/4235.996017).
    """
    values = np.asarray(values, float)
    ranks = np.full(len(values), -1, np.int64)
    known = ~np.isnan(values).any(axis=1)
    short = np.zeros(len(values)) if missed is None else np.asarray(missed, float)
    known &= ~np.isnan(short)
    able = np.flatnonzero(known & (short <= 0))
    ranks[able] = _ranks_by_chains(values[able]) if values.shape[1] == 2 else _ranks_by_peeling(values[able])
    unable = np.flatnonzero(known & (short > 0))
    if len(unable):
        first = int(ranks.max(initial=-1)) + 1
        ranks[unable] = first + np.unique(short[unable], return_inverse=True)[1].reshape(-1)
    return ranks


def _ranks_by_peeling(values: FloatArray) -> IntArray:
    ranks = np.zeros(len(values), np.int64)
    left = np.arange(len(values))
    rank = 0
    while len(left):
        front = is_front(values[left])
        ranks[left[front]] = rank
        left = left[~front]
        rank += 1
    return ranks


def _ranks_by_chains(values: FloatArray) -> IntArray:
    """Two objectives: a row's rank is the longest chain of rows that dominate one another above it; O(n log n)."""
    if not len(values):
        return np.zeros(0, np.int64)
    apart, back = np.unique(values, axis=0, return_inverse=True)
    order = np.lexsort((-apart[:, 1], -apart[:, 0]))
    ranks = np.zeros(len(apart), np.int64)
    ends: list[float] = []  # ends[r]: minus the largest second value of rank r so far, which grows with r
    for row in order:
        second = -float(apart[row, 1])
        rank = bisect.bisect_right(ends, second)
        if rank == len(ends):
            ends.append(second)
        else:
            ends[rank] = second
        ranks[row] = rank
    return ranks[back.reshape(-1)]


def crowding(values: FloatArray) -> FloatArray:
    """How much room rows of one front have, shape (n,): the sum over objectives of the distance between the neighbours
    on either side, in parts of the range; infinite at the ends (Deb et al. 2002)."""
    n, m = values.shape
    room = np.zeros(n)
    for column in range(m):
        order = np.argsort(values[:, column], kind="stable")
        sorted_values = values[order, column]
        span = sorted_values[-1] - sorted_values[0] if n else 0.0
        if n <= 2 or span <= 0:
            room[order[[0, -1]] if n else order] = np.inf
            continue
        room[order[1:-1]] += (sorted_values[2:] - sorted_values[:-2]) / span
        room[order[[0, -1]]] = np.inf
    return room
