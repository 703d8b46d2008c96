"""Which of many points are drawn, by a rule that the caption states."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.report.words import count, counted

ALL_UP_TO = 2000
WORST = 100
RANDOM = 300
BARS = 150


@dataclass(frozen=True, slots=True)
class Shown:
    """`rows` are drawn as points, `bars` (some of them) with their intervals; `dense`: all rows also lie as shading."""

    rows: IntArray
    bars: IntArray
    dense: bool
    rule: str


def shown_rows(error: FloatArray, *, seed: int = 0) -> Shown:
    """Rows to draw: all up to 2,000; of more, the 100 with the largest `error` and 400 drawn with `seed`.

    error : shape (n,), how far off each row is; NaN (nothing to draw) is never shown.
    """
    rng = np.random.default_rng(seed)
    drawable = np.flatnonzero(np.isfinite(error))
    bars = np.sort(rng.permutation(drawable)[:BARS])
    if len(drawable) <= ALL_UP_TO:
        several = len(drawable) > BARS
        rule = (
            f"Bars are drawn for {count(len(bars))} random rows of {counted(len(drawable), 'row')}." if several else ""
        )
        return Shown(drawable, bars, False, rule)
    by_error = drawable[np.argsort(-error[drawable], kind="stable")]
    others = rng.permutation(by_error[WORST:])[:RANDOM]
    rows = np.sort(np.concatenate([by_error[:WORST], others]))
    rule = (
        f"Shading: all {count(len(drawable))} rows. Points: the {WORST} worst and {RANDOM} random rows; "
        f"bars for {BARS} of them."
    )
    return Shown(rows, np.sort(others[:BARS]), True, rule)


def sample(n: int, limit: int = ALL_UP_TO, *, seed: int = 0) -> IntArray:
    """At most `limit` of `n` row numbers, drawn with `seed`, ascending."""
    if n <= limit:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).permutation(n)[:limit])
