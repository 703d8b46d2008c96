"""A few numbers as dots on one short line (scores on folds, over seeds); the template draws it as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

WIDTH, MARGIN = 120.0, 5.0


@dataclass(frozen=True, slots=True)
class Strip:
    """`dots` and `mean` are x positions in a box `width` wide; `words` says the numbers."""

    dots: tuple[float, ...]
    mean: float
    words: str
    width: float = WIDTH


def strip(values: Iterable[float], low: float, high: float, words: str) -> Strip | None:
    """Dots for the finite `values` on an axis from `low` to `high` (farther ones sit at its ends); None without any."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return None
    return Strip(
        tuple(_place(value, low, high) for value in finite), _place(sum(finite) / len(finite), low, high), words
    )


def _place(value: float, low: float, high: float) -> float:
    share = (value - low) / (high - low) if high > low else 0.5
    return round(MARGIN + min(max(share, 0.0), 1.0) * (WIDTH - 2 * MARGIN), 1)
