"""Which values the target takes, in the rows that were learnt from and in the sealed ones."""

from __future__ import annotations

import numpy as np

from matloop.evaluate.values import Evaluation
from matloop.report.figures.figure import Figure, Trace, Variant, axis, names_with, numbers
from matloop.report.words import count, number, unit_text, with_unit

BINS = 50


def distribution_figure(key: str, evaluation: Evaluation, log: bool) -> Figure | None:
    """Histogram of the measured values, development and sealed rows as shares of their own number."""
    parts = [_finite(evaluation.cv.points.y), _finite(evaluation.vault.points.y)]
    both = np.concatenate(parts)
    if not len(both):
        return None
    log = log and bool((both > 0).all())
    low, high = np.quantile(both, [0.001, 0.999]) if len(both) > 2000 else (both.min(), both.max())
    edges = np.histogram_bin_edges(
        np.log10(both) if log else both, bins=BINS if len(both) > 1000 else 24, range=_span(low, high, log)
    )
    traces = tuple(
        _steps(part, edges, log, name, colour)
        for part, name, colour in zip(parts, ("development rows", "sealed rows"), ("@green", "@blue"), strict=True)
        if len(part)
    )
    unit = unit_text(evaluation.unit)
    layout = {
        "xaxis": axis(names_with(evaluation.target, unit), **({"type": "log"} if log else {})),
        "yaxis": axis("share of rows (%)", rangemode="tozero"),
    }
    outside = int(((both < low) | (both > high)).sum())
    quartiles = [with_unit(number(float(q)), unit) for q in np.quantile(both, [0.25, 0.5, 0.75])]
    words = f"Half of the values lie between {quartiles[0]} and {quartiles[2]}; the median is {quartiles[1]}."
    more = f" {count(outside)} rows lie beyond the axis." if outside else ""
    return Figure(
        key,
        f"Measured values of {evaluation.target}",
        (Variant("all", traces, layout, f"Histogram of {evaluation.target}. {words}", words + more),),
        320,
    )


def _span(low: float, high: float, log: bool) -> tuple[float, float]:
    low, high = (float(np.log10(low)), float(np.log10(high))) if log else (float(low), float(high))
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _finite(values: np.ndarray) -> np.ndarray:
    return values[np.isfinite(values)]


def _steps(part: np.ndarray, edges: np.ndarray, log: bool, name: str, colour: str) -> Trace:
    heights, _ = np.histogram(np.log10(part) if log else part, bins=edges)
    share = 100.0 * heights / len(part)
    x = 10.0**edges if log else edges
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": numbers(x),
        "y": numbers([*share, share[-1]], 3),
        "line": {"shape": "hv", "color": colour, "width": 1.8, "dash": "solid" if colour == "@blue" else "dot"},
        "fill": "tozeroy",
        "fillcolor": colour + "/12",
        "hovertemplate": "%{x}: %{y:.1f} %<extra>" + name + "</extra>",
    }
