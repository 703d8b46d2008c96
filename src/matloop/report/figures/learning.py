"""Would more data help: score on held-out rows against the number of training rows."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.evaluate.values import CurvePoint
from matloop.report.figures.figure import Figure, Trace, Variant, axis, numbers, safe
from matloop.report.words import metric_axis, metric_unit, metric_words, number, with_unit


def learning_figure(key: str, points: tuple[CurvePoint, ...], metric: str, unit: str) -> Figure | None:
    """Score against training rows; None with fewer than two sizes."""
    sizes = np.unique([point.n_rows for point in points])
    if len(sizes) < 2:
        return None
    scale = 100.0 if metric_words(metric).share else 1.0
    held_out = [scale * np.array([p.score for p in points if p.n_rows == n]) for n in sizes]
    train = [scale * np.array([p.train_score for p in points if p.n_rows == n]) for n in sizes]
    traces: list[Trace] = [_line(sizes, held_out, "rows not trained on", "@blue", "solid", "circle")]
    if np.isfinite(np.concatenate(train)).any():
        traces.append(_line(sizes, train, "training rows", "@orange", "dash", "square"))
    ticks = {"tickvals": sizes.tolist(), "ticktext": [f"{n:,}" for n in sizes]}
    layout = {"xaxis": axis("training rows", type="log", **ticks), "yaxis": axis(safe(metric_axis(metric, unit), 80))}
    first, last = (float(np.nanmean(part)) for part in (held_out[0], held_out[-1]))
    shown = metric_unit(metric, unit)
    words = (
        f"{metric_words(metric).label} goes from {with_unit(number(first), shown)} with {sizes[0]:,} rows to "
        f"{with_unit(number(last), shown)} with {sizes[-1]:,}."
    )
    caption = f"{words} Still improving at the right end means that more data would help."
    return Figure(
        key, "Would more data help?", (Variant("all", tuple(traces), layout, f"Learning curve. {words}", caption),), 340
    )


def _line(sizes: np.ndarray, parts: list[FloatArray], name: str, colour: str, dash: str, symbol: str) -> Trace:
    means = np.array([np.nanmean(part) if np.isfinite(part).any() else np.nan for part in parts])
    lows = np.array([np.nanmin(part) if np.isfinite(part).any() else np.nan for part in parts])
    highs = np.array([np.nanmax(part) if np.isfinite(part).any() else np.nan for part in parts])
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": sizes.tolist(),
        "y": numbers(means),
        "line": {"color": colour, "width": 2, "dash": dash},
        "marker": {"color": colour, "size": 8, "symbol": symbol},
        "hovertemplate": "%{x:,} rows: %{y:.4g}<extra>" + name + "</extra>",
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": numbers(highs - means),
            "arrayminus": numbers(means - lows),
            "color": colour,
            "thickness": 1.4,
            "width": 0,
        },
    }
