"""What a number was in the rows before, along a series: means, slopes and lags of windows that hold no later row."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.core.errors import DataError
from matloop.problem.question import Statistic, Window

_ENTRIES = 2_000_000
"""values of windows that are held at once (16 MB)"""


def window_names(name: str, window: Window) -> tuple[str, ...]:
    """What the columns of a window over `name` are called, in order.

    Examples
    --------
    >>> window_names("T", Window("time", rows=(3,), statistics=("mean", "lag")))
    ('T mean of 3', 'T lag 1', 'T lag 2', 'T lag 3')
    """
    plain = [s for s in window.statistics if s != "lag"]
    lags = [f"{name} lag {j}" for j in range(1, max(window.rows) + 1)] if "lag" in window.statistics else []
    return (*(f"{name} {statistic} of {k}" for k in window.rows for statistic in plain), *lags)


def windowed(values: ArrayLike, along: ArrayLike, series: ArrayLike, window: Window) -> FloatArray:
    """Statistics of the rows before each row in its series.

    Rows are put in order by `along`. A row's window holds rows of its own series whose `along` is smaller, and the row
    itself (unless `window.current` is false); rows with the same `along` do not see each other, so neither later rows
    nor the order of the table can change a value. Missing values are left out of a window.

    Parameters
    ----------
    values : shape (n_rows,), NaN where missing. along : shape (n_rows,), NaN where unknown.
    series : shape (n_rows,), what each row's series is called; "" where that is unknown.

    Returns
    -------
    shape (n_rows, n_columns), see `window_names`; NaN where `along` or the series is unknown, where a window holds no
    known value (two for "std" and "slope"), and with `ends = "missing"` where the series has too few rows before.

    Raises
    ------
    DataError : lengths differ.
    """
    v, t = np.asarray(values, dtype=np.float64), np.asarray(along, dtype=np.float64)
    codes = np.unique(np.asarray(series).astype(np.str_), return_inverse=True)
    if not v.shape == t.shape == codes[1].shape or v.ndim != 1:
        raise DataError(f"values of shape {v.shape}, {t.shape} along and {codes[1].shape} series; one per row each.")
    known = np.flatnonzero(np.isfinite(t) & (codes[0][codes[1]] != ""))
    found = np.full((len(v), len(window_names("", window))), np.nan)
    # rows of one time in the order of their values: the order of the table must not matter
    order = known[np.lexsort((v[known], t[known], codes[1][known]))]
    if not len(order):
        return found
    group, time = codes[1][order], t[order]
    first = _starts(np.r_[True, group[1:] != group[:-1]])
    before = _starts(np.r_[True, (group[1:] != group[:-1]) | (time[1:] != time[:-1])])
    step = max(1, _ENTRIES // (max(window.rows) + 1))
    for start in range(0, len(order), step):
        part = np.arange(start, min(start + step, len(order)))
        found[order[part]] = _statistics(v[order], time, first, before, part, window)
    return found


def _starts(begins: BoolArray) -> IntArray:
    """Of each place the last place at which something began."""
    return np.maximum.accumulate(np.where(begins, np.arange(len(begins)), 0))


def _statistics(
    v: FloatArray, t: FloatArray, first: IntArray, before: IntArray, part: IntArray, window: Window
) -> FloatArray:
    """Columns of the rows at the places `part` of the ordered values."""
    columns: list[FloatArray] = []
    for k in window.rows:
        earlier = k - 1 if window.current else k
        places = before[part, None] - np.arange(earlier, 0, -1)  # oldest first
        inside = places >= first[part, None]
        full = inside.all(axis=1)
        if window.current:
            places, inside = np.column_stack([places, part]), np.column_stack([inside, np.ones(len(part), bool)])
        taken = np.maximum(places, 0)
        inside &= np.isfinite(v[taken])
        shift = t[taken] - t[part, None]
        for statistic in window.statistics:
            if statistic != "lag":
                column = _statistic(statistic, v[taken], shift, inside)
                columns.append(np.where(full, column, np.nan) if window.ends == "missing" else column)
    if "lag" in window.statistics:
        for j in range(1, max(window.rows) + 1):
            place = before[part] - j
            columns.append(np.where(place >= first[part], v[np.maximum(place, 0)], np.nan))
    return np.column_stack(columns)


def _statistic(name: Statistic, v: FloatArray, t: FloatArray, inside: BoolArray) -> FloatArray:
    """One number per window, shape (n,); v, t, inside: shape (n, k), oldest first."""
    count = inside.sum(axis=1)
    w = np.where(inside, v, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        if name == "min":
            return np.where(count > 0, np.where(inside, v, np.inf).min(axis=1), np.nan)
        if name == "max":
            return np.where(count > 0, np.where(inside, v, -np.inf).max(axis=1), np.nan)
        if name == "last":
            place = inside.shape[1] - 1 - inside[:, ::-1].argmax(axis=1)
            return np.where(count > 0, v[np.arange(len(v)), place], np.nan)
        mean = w.sum(axis=1) / count
        if name == "mean":
            return mean
        off = np.where(inside, v - mean[:, None], 0.0)
        if name == "std":
            return np.where(count > 1, np.sqrt((off**2).sum(axis=1) / (count - 1)), np.nan)
        middle = np.where(inside, t, 0.0).sum(axis=1) / count
        way = np.where(inside, t - middle[:, None], 0.0)
        room = (way**2).sum(axis=1)
        return np.where((count > 1) & (room > 0), (way * off).sum(axis=1) / room, np.nan)
