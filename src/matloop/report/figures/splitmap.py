"""Development and sealed rows on the two main axes of the features."""

from __future__ import annotations

import numpy as np

from matloop.report.figures.figure import Figure, Trace, Variant, axis, numbers
from matloop.report.record import SplitSummary
from matloop.report.thinning import sample
from matloop.report.words import count, percent


def split_figure(split: SplitSummary) -> Figure | None:
    """Where the sealed rows lie among the others; None where there is no map."""
    keep = np.flatnonzero(np.isfinite(split.x) & np.isfinite(split.y))
    if not len(keep):
        return None
    rows = keep[sample(len(keep))]
    sealed = split.in_vault[rows]
    # light clouds of many points are cut at the outermost 0.5 % so that a few far rows do not squeeze the rest
    ends = [_ends(axis_values[keep]) for axis_values in (split.x, split.y)]
    parts = (
        (~sealed, "development rows", "@grey", "circle", 4.5, "/45"),
        (sealed, "sealed rows", "@blue", "diamond", 6, "/85"),
    )
    traces = tuple(_cloud(split, rows[mask], look) for mask, *look in parts if mask.any())
    first, second = (percent(share, 0) for share in split.explained)
    layout = {
        "xaxis": axis(f"first principal axis ({first} of the spread)", range=ends[0]),
        "yaxis": axis(f"second principal axis ({second})", range=ends[1]),
    }
    rule = f" {count(len(rows))} of {count(len(keep))} rows are drawn, at random." if len(rows) < len(keep) else ""
    caption = (
        "Each mark is a row; near marks are similar in their features. Sealed rows should lie among the others, not "
        f"apart.{rule}"
    )
    alt = (
        f"Map of {count(split.n_development)} development and {count(split.n_vault)} sealed rows on two principal axes."
    )
    return Figure("split-map", "Where the sealed rows lie", (Variant("all", traces, layout, alt, caption),), 420)


def _ends(values: np.ndarray) -> list[float]:
    low, high = np.quantile(values, [0.0025, 0.9975]) if len(values) > 2000 else (values.min(), values.max())
    room = 0.08 * (high - low) or 1.0
    return [float(low - room), float(high + room)]


def _cloud(split: SplitSummary, rows: np.ndarray, look: list) -> Trace:
    name, colour, symbol, size, opacity = look
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": numbers(split.x[rows], 3),
        "y": numbers(split.y[rows], 3),
        "hoverinfo": "skip",
        "marker": {"color": colour + opacity, "size": size, "symbol": symbol},
    }
