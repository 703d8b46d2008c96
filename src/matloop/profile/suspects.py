"""Columns by themselves: how their values lie, and which look like slips."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.profile.five_values import ColumnProfile, Field

FAR = 8.0
"""Robust standard deviations from the median, each side by its own spread: 1e-15 of a normal distribution."""
WIDE = 0.01
"""With a larger share of far values the distribution is wide, and they are no slips."""
SENTINELS = (-9999.0, -999.0, -99.0, 999.0, 9999.0, 99999.0, 1e30, 1e36)
_BINS = 30
_SHOWN = 10


def profile_column(one: Field, shown_rows: BoolArray) -> ColumnProfile:
    """The figures of one column over the rows that may be looked at."""
    missing = float(one.missing[shown_rows].mean()) if shown_rows.any() else 1.0
    unreadable = int(one.unreadable[shown_rows].sum())
    return _numbers(one, shown_rows, missing, unreadable) if one.is_number else _words(one, shown_rows, missing)


def _words(one: Field, rows: BoolArray, missing: float) -> ColumnProfile:
    codes = one.codes[rows]
    counts = np.bincount(codes[codes >= 0], minlength=len(one.words))
    order = np.argsort(-counts, kind="stable")[:12]
    order = order[counts[order] > 0]
    nan = float("nan")
    return ColumnProfile(
        one.name, one.part, one.unit, "words", missing, 0, int((counts > 0).sum()), (), nan, nan, nan, False, (),
        tuple(int(counts[k]) for k in order), tuple(one.words[k] for k in order), {}, 0,
    )  # fmt: skip


def _numbers(one: Field, rows: BoolArray, missing: float, unreadable: int) -> ColumnProfile:
    at = np.flatnonzero(rows & np.isfinite(one.values))
    values = one.values[at]
    suspicious = _suspicious(values, at)
    n_suspicious = len(np.unique(np.concatenate([np.zeros(0, np.int64), *suspicious.values()])))
    listed = {why: tuple(int(row) + 1 for row in found[:_SHOWN]) for why, found in suspicious.items()}
    if not len(values):
        nan = float("nan")
        return ColumnProfile(
            one.name, one.part, one.unit, "number", missing, unreadable, 0, (), nan, nan, nan, False, (), (), (), {}, 0
        )
    log = _log(values)
    edges = _edges(values, log)
    counts, _ = np.histogram(values, edges)
    sd = float(values.std())
    skew = float((((values - values.mean()) / sd) ** 3).mean()) if sd > 0 else 0.0
    quantiles = np.quantile(values, [0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0])
    return ColumnProfile(
        one.name, one.part, one.unit, "number", missing, unreadable, len(np.unique(values)),
        tuple(quantiles.tolist()), float(values.mean()), sd, skew, log, tuple(edges.tolist()),
        tuple(int(n) for n in counts), (), listed, n_suspicious,
    )  # fmt: skip


def _log(values: FloatArray) -> bool:
    """Whether positive values span decades and lie more evenly as logarithms."""
    if values.min() <= 0 or len(values) < 10:
        return False
    low, high = np.quantile(values, [0.02, 0.98])
    return bool(np.log10(high / low) > 2.0)


def _edges(values: FloatArray, log: bool) -> FloatArray:
    low, high = np.quantile(values, [0.001, 0.999]) if len(values) > 2000 else (values.min(), values.max())
    if not high > low:
        room = abs(float(low)) * 1e-3 or 0.5
        low, high = low - room, high + room
    if log:
        return np.asarray(np.geomspace(low, high, _BINS + 1), dtype=float)
    distinct = np.unique(values)
    if len(distinct) <= _BINS and np.all(distinct == np.round(distinct)) and high - low <= _BINS:
        return np.asarray(np.arange(low, high + 2) - 0.5, dtype=float)
    return np.asarray(np.linspace(low, high, _BINS + 1), dtype=float)


def _suspicious(values: FloatArray, at: IntArray) -> dict[str, IntArray]:
    """{why: rows, the farthest first}."""
    found: dict[str, IntArray] = {}
    if len(values) < 20:
        return found
    distance = _distance(np.log10(values) if _log(values) else values)
    far = np.flatnonzero(distance > FAR)
    sentinel = np.isin(values, SENTINELS) & (distance > 3.0)
    if sentinel.any():
        found["a number that often stands for no value"] = at[np.flatnonzero(sentinel)]
    far = far[~sentinel[far]]
    if len(far) and len(far) <= max(WIDE * len(values), 1.0):
        far = far[np.argsort(-distance[far], kind="stable")]
        slipped = _unit_slips(values, far)
        if slipped.any():
            found["a thousand times off the others: perhaps a slip of unit"] = at[far[slipped]]
        if not slipped.all():
            found["far from all others"] = at[far[~slipped]]
    spike = _spike(values)
    if spike is not None:
        found[f"one value, {spike:g}, in very many rows among numbers that else differ"] = at[values == spike]
    return found


def _distance(values: FloatArray) -> FloatArray:
    """From the median, in robust standard deviations of that side."""
    middle = float(np.median(values))
    sides = [np.abs(values[side] - middle) for side in (values > middle, values < middle)]
    up, down = (1.4826 * float(np.median(side)) if len(side) else 0.0 for side in sides)
    floor = 1e-3 * max(up, down) or 1.0
    scale = np.where(values >= middle, max(up, floor), max(down, floor))
    return np.asarray(np.abs(values - middle) / scale, dtype=float)


def _unit_slips(values: FloatArray, far: IntArray) -> BoolArray:
    """Which of the far values would lie in the bulk after division or multiplication by a thousand."""
    low, high = np.quantile(values, [0.05, 0.95])
    found = np.zeros(len(far), dtype=bool)
    for factor in (1e-3, 1e3):
        moved = values[far] * factor
        found |= (moved >= low) & (moved <= high) & (low * high > 0)
    return found


def _spike(values: FloatArray) -> float | None:
    """A value other than zero in over a tenth of the rows of a column that is otherwise nearly all different."""
    distinct, counts = np.unique(values, return_counts=True)
    top = int(np.argmax(counts))
    rest = len(values) - counts[top]
    if distinct[top] == 0 or counts[top] <= 0.1 * len(values) or len(distinct) - 1 < 0.9 * rest or rest < 20:
        return None
    return float(distinct[top])
