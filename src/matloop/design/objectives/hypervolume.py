"""How much a front dominates, exactly; and the room beyond it, cut into boxes.

Values are of shape (n, m): more is better in every column.
"""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.errors import DataError
from matloop.design.objectives.fronts import is_front

_SHARE = 0.1


def hypervolume(values: FloatArray, reference: FloatArray) -> float:
    """Volume of all that is at least the reference and dominated by a row; in the product of the columns' units.

    Rows not above the reference, or with NaN, add nothing. Exact, by sweeping one objective after the other: n^2 steps
    for three objectives, n^(m - 1) for m.

    Parameters
    ----------
    values : shape (n, m). reference : shape (m,), what is just not worth anything.

    Raises
    ------
    DataError : values and reference are of different length.

    Examples
    --------
    >>> hypervolume(np.array([[1.0, 2.0], [2.0, 1.0]]), np.array([0.0, 0.0]))
    3.0
    """
    values, reference = np.asarray(values, float), np.asarray(reference, float)
    if values.ndim != 2 or reference.shape != values.shape[1:]:
        raise DataError(
            f"hypervolume: values of shape {values.shape} need a reference of {values.shape[-1] if values.ndim else 0} "
            f"numbers, found {reference.size}. Give one number per objective."
        )
    above = values[(values > reference).all(axis=1)] - reference
    above = above[is_front(above)]
    return _volume(np.unique(above, axis=0)) if len(above) else 0.0


def _volume(above: FloatArray) -> float:
    """Volume between the origin and rows with positive values only."""
    m = above.shape[1]
    if m == 1:
        return float(above.max())
    if m == 2:
        order = np.argsort(-above[:, 0], kind="stable")
        return float(_widths(above[order, 0]) @ np.maximum.accumulate(above[order, 1]))
    order = np.argsort(-above[:, -1], kind="stable")
    above = above[order]
    heights = _widths(above[:, -1])
    if m == 3:
        return float(heights @ _areas(above[:, :2]))
    total = 0.0
    for k in np.flatnonzero(heights > 0):
        base = above[: k + 1, :-1]
        total += heights[k] * _volume(base[is_front(base)])
    return total


def _widths(falling: FloatArray) -> FloatArray:
    return falling - np.append(falling[1:], 0.0)


def _areas(points: FloatArray) -> FloatArray:
    """Areas dominated by the first 1, 2, ... points of two columns, shape (n,)."""
    order = np.argsort(-points[:, 0], kind="stable")
    width, second = _widths(points[order, 0]), points[order, 1]
    areas = np.empty(len(points))
    for start in range(0, len(points), 256):
        stop = min(start + 256, len(points))
        there = order[None, :] <= np.arange(start, stop)[:, None]
        areas[start:stop] = np.maximum.accumulate(np.where(there, second, 0.0), axis=1) @ width
    return areas


def reference_point(values: FloatArray) -> FloatArray:
    """A reference from what is known: a tenth of the front's range below its worst values, shape (m,).

    Ishibuchi et al., Evol. Comput. 26 (2018) 411, doi:10.1162/evco_a_00226. Where the front is a single place in an
    objective, the range of all values counts, and where that is nothing, the size of the value.

    Raises
    ------
    DataError : no row is complete.
    """
    values = np.asarray(values, float)
    values = values[np.isfinite(values).all(axis=1)]
    if not len(values):
        raise DataError("no experiment has a value for every objective yet, so there is no reference. Tell one first.")
    front = values[is_front(values)]
    low, span = front.min(axis=0), np.ptp(front, axis=0)
    whole = np.ptp(values, axis=0)
    span = np.where(span > 0, span, np.where(whole > 0, whole, np.maximum(np.abs(low), 1e-6)))
    return low - _SHARE * span


def rooms_beyond(front: FloatArray, reference: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The room above the reference that no row of the front dominates, cut into boxes that do not overlap.

    Returns
    -------
    low, high : corners, each shape (n_boxes, m), high infinite where the box is open. Two objectives: one box more than
    rows; three: about twice as many. What a new point y adds to the hypervolume is the sum over the boxes of
    prod_j max(0, min(y_j, high_j) - low_j).
    """
    front, reference = np.asarray(front, float), np.asarray(reference, float)
    front = front[(front > reference).all(axis=1)]
    front = np.unique(front[is_front(front)], axis=0)
    boxes = _rooms(front, reference)
    return boxes[:, 0], boxes[:, 1]


def _rooms(front: FloatArray, reference: FloatArray) -> FloatArray:
    """Shape (n_boxes, 2, m), for rows above the reference that may dominate each other."""
    m = len(reference)
    if m == 1:
        low = front[:, 0].max(initial=reference[0])
        return np.array([[[low], [np.inf]]])
    if m == 2:
        return _strips(front, reference)
    return _swept(front, reference)


def _strips(front: FloatArray, reference: FloatArray) -> FloatArray:
    order = np.lexsort((-front[:, 1], -front[:, 0]))
    first, second = front[order, 0], front[order, 1]
    rising = second > np.concatenate([[-np.inf], np.maximum.accumulate(second)[:-1]])[: len(second)]
    first, second = first[rising], second[rising]
    low = np.column_stack([np.append(first, reference[0]), np.concatenate([[reference[1]], second])])
    high = np.column_stack([np.concatenate([[np.inf], first]), np.full(len(first) + 1, np.inf)])
    return np.stack([low, high], axis=1)


def _swept(front: FloatArray, reference: FloatArray) -> FloatArray:
    """From the top of the last objective down: a box stays open as long as no new row changes it."""
    levels = np.unique(front[:, -1])[::-1]
    done: list[FloatArray] = []
    tops: dict[bytes, float] = {}
    upper = np.inf
    for level in [*levels.tolist(), float(reference[-1])]:
        base = front[front[:, -1] >= upper, :-1] if np.isfinite(upper) else front[:0, :-1]
        boxes = {box.tobytes(): box for box in _rooms(base[is_front(base)] if len(base) else base, reference[:-1])}
        for key in [key for key in tops if key not in boxes]:
            done.append(_lifted(key, len(reference), upper, tops.pop(key)))
        for key in boxes:
            tops.setdefault(key, upper)
        upper = level
    done.extend(_lifted(key, len(reference), float(reference[-1]), top) for key, top in tops.items())
    return np.array(done)


def _lifted(key: bytes, m: int, low: float, high: float) -> FloatArray:
    box = np.frombuffer(key).reshape(2, m - 1)
    return np.column_stack([box, [low, high]])
