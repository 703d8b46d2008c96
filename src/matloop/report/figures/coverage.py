"""Do the intervals hold what they promise: how often the value lies inside, and whether wide means uncertain."""

from __future__ import annotations

import math

import numpy as np

from matloop.evaluate.values import Evidence
from matloop.report.figures.figure import SET_COLOURS, SET_SYMBOLS, Figure, Trace, Variant, axis, numbers, safe
from matloop.report.words import EVIDENCE, percent, unit_text

PARTS = ("all rows", "narrowest third", "middle third", "widest third")
MAX_BINS, MIN_BINS, PER_BIN = 10, 3, 25


def coverage_figure(key: str, sets: tuple[Evidence, ...]) -> Figure | None:
    """Share of measured values inside their interval, for all rows and by thirds of the width."""
    judged = [found for found in sets if found.intervals is not None]
    if not judged:
        return None
    level = judged[0].intervals.level if judged[0].intervals else 0.9
    traces = tuple(_dots(found, place, len(judged)) for place, found in enumerate(judged))
    low = min(min(v for v in trace["x"] if v is not None) for trace in traces)
    layout = {
        "xaxis": axis(
            "measured values inside their interval (%)", range=[max(min(low - 4, 100 * level - 12), -2), 101.5]
        ),
        "yaxis": {
            "title": {"text": ""},
            "showgrid": False,
            "tickvals": [0, 1, 2, 3],
            "ticktext": list(PARTS),
            "range": [3.55, -0.55],
        },
        "shapes": [
            {
                "type": "line",
                "x0": 100 * level,
                "x1": 100 * level,
                "y0": 0,
                "y1": 1,
                "yref": "paper",
                "line": {"color": "@ink/55", "width": 1, "dash": "dash"},
            }
        ],
    }
    said = "; ".join(f"{EVIDENCE[f.name][0]} {percent(f.intervals.coverage.value)}" for f in judged if f.intervals)
    caption = (
        f"The dashed line is the promise, {percent(level, 0)}. Left of it the intervals are too narrow, right of it "
        "too wide. Rows are also split into thirds by the width of their interval."
    )
    return Figure(
        key,
        "Do the intervals hold their promise?",
        (Variant("all", traces, layout, f"Coverage of intervals: {said}.", caption),),
        340,
    )


def _dots(found: Evidence, place: int, n_sets: int) -> Trace:
    intervals = found.intervals
    if intervals is None:
        return {}
    whole = intervals.coverage
    lows = [whole.value - whole.low if math.isfinite(whole.low) else 0.0, 0.0, 0.0, 0.0]
    highs = [whole.high - whole.value if math.isfinite(whole.high) else 0.0, 0.0, 0.0, 0.0]
    colour = SET_COLOURS[found.name]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": EVIDENCE[found.name][0],
        "x": numbers(100 * np.array([whole.value, *intervals.thirds]), 4),
        "y": [row + 0.2 * (place - (n_sets - 1) / 2) for row in range(4)],
        "hovertemplate": "%{x:.1f} %<extra>" + EVIDENCE[found.name][0] + "</extra>",
        "marker": {"color": colour, "size": 9, "symbol": SET_SYMBOLS[found.name]},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": numbers(100 * np.array(highs), 3),
            "arrayminus": numbers(100 * np.array(lows), 3),
            "color": colour,
            "thickness": 1.6,
            "width": 0,
        },
    }


def width_figure(key: str, sets: tuple[Evidence, ...], unit: str) -> Figure | None:
    """The error found against the error promised: in bins by width, the 90th percentile of the error."""
    judged = [found for found in sets if found.intervals is not None and _usable(found).sum() >= MIN_BINS * PER_BIN]
    if not judged:
        return None
    level = judged[0].intervals.level if judged[0].intervals else 0.9
    traces = [_widths(found, level) for found in judged]
    top = max(max(max(t["x"]), max(t["y"])) for t in traces) * 1.06
    ideal: Trace = {
        "type": "scatter",
        "mode": "lines",
        "x": [0, top],
        "y": [0, top],
        "hoverinfo": "skip",
        "showlegend": False,
        "line": {"color": "@ink/55", "width": 1, "dash": "dash"},
    }
    suffix = f" ({safe(unit_text(unit), 24)})" if unit else ""
    layout = {
        "xaxis": axis(f"mean half-width of the interval{suffix}", range=[0, top]),
        "yaxis": axis(f"{percent(level, 0)} of errors are below{suffix}", range=[0, top]),
    }
    caption = (
        "Rows in up to ten bins of equal size by the width of their interval. On the dashed line the promise is kept; "
        "a rising line means that wide intervals do point to large errors."
    )
    alt = "Line plot of the error found against the half-width promised, in bins."
    return Figure(
        key, "Do wide intervals mean large errors?", (Variant("all", (ideal, *traces), layout, alt, caption),), 340
    )


def _usable(found: Evidence) -> np.ndarray:
    points = found.points
    return np.isfinite(points.y) & np.isfinite(points.value) & np.isfinite(points.low) & np.isfinite(points.high)


def _widths(found: Evidence, level: float) -> Trace:
    points, keep = found.points, _usable(found)
    half = (points.high - points.low)[keep] / 2
    error = np.abs(points.y - (points.high + points.low) / 2)[keep]
    n_bins = min(MAX_BINS, len(half) // PER_BIN)
    bins = np.array_split(np.argsort(half, kind="stable"), n_bins)
    colour = SET_COLOURS[found.name]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": EVIDENCE[found.name][0],
        "x": numbers([half[rows].mean() for rows in bins], 4),
        "y": numbers([np.quantile(error[rows], level) for rows in bins], 4),
        "marker": {"color": colour, "size": 7, "symbol": SET_SYMBOLS[found.name]},
        "line": {"color": colour + "/60", "width": 1.4},
        "hovertemplate": "half-width %{x:.4g}<br>error %{y:.4g}<extra>" + EVIDENCE[found.name][0] + "</extra>",
    }
