"""Do probabilities mean what they say: predicted against found frequency of each class."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray
from matloop.evaluate.values import Evidence, Reliability
from matloop.report.figures.figure import SERIES, Figure, Trace, Variant, axis, numbers, safe
from matloop.report.words import EVIDENCE, short

BINS = 10
Z95 = 1.959964  # two-sided 95 % quantile of the normal distribution


def reliability(proba: FloatArray, is_class: BoolArray, bins: int = BINS) -> Reliability:
    """Mean predicted probability, found frequency and number of rows in equal-width bins; empty bins are left out."""
    place = np.clip((proba * bins).astype(int), 0, bins - 1)
    n = np.bincount(place, minlength=bins)
    used = n > 0
    predicted = np.bincount(place, weights=proba, minlength=bins)[used] / n[used]
    found = np.bincount(place, weights=is_class.astype(float), minlength=bins)[used] / n[used]
    return Reliability(predicted, found, n[used].astype(float))


def wilson(share: FloatArray, n: FloatArray) -> tuple[FloatArray, FloatArray]:
    """95 % interval of a share of n rows. Wilson (1927), doi:10.1080/01621459.1927.10502953."""
    middle = (share + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = Z95 * np.sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2)) / (1 + Z95**2 / n)
    return np.clip(middle - half, 0, share), np.clip(middle + half, share, 1)


def reliability_figure(
    key: str, sets: tuple[Evidence, ...], classes: tuple[str, ...], which: tuple[int, ...]
) -> Figure | None:
    """A line per class in `which`, for each set of rows."""
    usable = [found for found in sets if found.points.proba.ndim == 2 and found.points.proba.shape[1] == len(classes)]
    variants = tuple(_variant(found, classes, which) for found in usable if len(found.points.y))
    return Figure(key, "Do the probabilities mean what they say?", variants, 400, square=True) if variants else None


def _variant(found: Evidence, classes: tuple[str, ...], which: tuple[int, ...]) -> Variant:
    ideal: Trace = {
        "type": "scatter",
        "mode": "lines",
        "x": [0, 1],
        "y": [0, 1],
        "hoverinfo": "skip",
        "showlegend": False,
        "line": {"color": "@ink/55", "width": 1, "dash": "dash"},
    }
    keep = np.isfinite(found.points.y) & np.isfinite(found.points.proba).all(axis=1)
    traces = tuple(
        _line(found.points.proba[keep, c], found.points.y[keep] == c, classes[c], SERIES[i % len(SERIES)])
        for i, c in enumerate(which)
    )
    layout = {
        "xaxis": axis("predicted probability", range=[-0.02, 1.02]),
        "yaxis": axis("share of rows that are so", range=[-0.02, 1.02]),
    }
    caption = (
        "Rows in ten bins by predicted probability, lines are 95 % intervals. On the dashed line, of the rows called "
        "70 % likely, 70 % are so."
    )
    names = ", ".join(short(classes[c], 30) for c in which)
    return Variant(
        EVIDENCE[found.name][0],
        (ideal, *traces),
        layout,
        f"Reliability diagram for {names}, {EVIDENCE[found.name][0].lower()}.",
        caption,
    )


def _line(proba: FloatArray, is_class: BoolArray, name: str, colour: str) -> Trace:
    line = reliability(proba, is_class)
    low, high = wilson(line.found, line.n_rows)
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": safe(name, 30),
        "x": numbers(line.predicted, 3),
        "y": numbers(line.found, 3),
        "text": [f"{int(n):,} rows" for n in line.n_rows],
        "hovertemplate": "predicted %{x:.2f}<br>found %{y:.2f}<br>%{text}<extra></extra>",
        "marker": {"color": colour, "size": 8},
        "line": {"color": colour + "/60", "width": 1.4},
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": numbers(high - line.found, 3),
            "arrayminus": numbers(line.found - low, 3),
            "color": colour,
            "thickness": 1.4,
            "width": 0,
        },
    }
