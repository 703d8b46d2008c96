"""The model's error by kind of novelty, beside the same rows in random cross-validation and the dumb methods."""

from __future__ import annotations

import math
from collections.abc import Callable

from matloop.evaluate.split_study import NoveltyScore, SplitStudy
from matloop.metrics.estimate import Estimate
from matloop.report.figures.figure import Figure, Trace, Variant, axis, numbers, safe
from matloop.report.words import metric_axis, metric_estimate, metric_words

Pick = Callable[[NoveltyScore], Estimate]
SERIES: tuple[tuple[str, Pick, str, str, int], ...] = (
    ("dummy", lambda one: one.dummy, "@grey", "x", 8),
    ("nearest neighbour", lambda one: one.nearest, "@purple", "triangle-up", 9),
    ("this model, same rows in random cross-validation", lambda one: one.usual, "@green", "square-open", 10),
    ("this model", lambda one: one.model, "@blue", "circle", 11),
)


SHORT = {
    "random": "random folds", "cluster": "new cluster", "ward": "new branch", "element": "new element",
    "system": "new system", "high": "higher values", "low": "lower values", "time": "later rows",
    "twins": "no near twins",
}  # fmt: skip


def split_study_figure(key: str, study: SplitStudy) -> Figure | None:
    """Dots with 95 % intervals, a row per kind of novelty; None with fewer than two kinds."""
    if len(study.scores) < 2:
        return None
    names = [one.name for one in study.scores]
    traces = tuple(
        {**_dots(label, [pick(one) for one in study.scores], study, colour, symbol, size), "legendrank": 10 - place}
        for place, (label, pick, colour, symbol, size) in enumerate(SERIES)  # drawn last, named first
        if any(math.isfinite(pick(one).value) for one in study.scores)
    )
    ticks = {
        "tickvals": list(range(len(names))),
        "ticktext": [SHORT.get(one.key, safe(one.name, 40)) for one in study.scores],
        "range": [len(names) - 0.45, -0.55],
    }
    layout = {
        "xaxis": axis(safe(metric_axis(study.metric, study.unit), 80)),
        "yaxis": {"title": {"text": ""}, "showgrid": False, **ticks},
    }
    said = "; ".join(f"{one.name} {metric_estimate(study.metric, one.model, study.unit)[0]}" for one in study.scores)
    caption = (
        "Lines are 95 % intervals. Where the circle is far from the square, it is the novelty that costs, "
        "not the rows: both are the same rows."
    )
    label = metric_words(study.metric).label
    variant = Variant(label, traces, layout, f"Dot plot of {label} by kind of novelty. {said}", caption)
    return Figure(key, f"{label} by kind of novelty", (variant,), 150 + 44 * len(names), wide=True)


def _dots(label: str, found: list[Estimate], study: SplitStudy, colour: str, symbol: str, size: int) -> Trace:
    scale = 100.0 if metric_words(study.metric).share else 1.0
    known = [(row, one) for row, one in enumerate(found) if math.isfinite(one.value)]
    lines = label == "this model"
    highs = [scale * (one.high - one.value) if lines and math.isfinite(one.high) else 0.0 for _, one in known]
    lows = [scale * (one.value - one.low) if lines and math.isfinite(one.low) else 0.0 for _, one in known]
    words = ["{} ({})".format(*metric_estimate(study.metric, one, study.unit)).replace(" ()", "") for _, one in known]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": label,
        "x": numbers([scale * one.value for _, one in known]),
        "y": [row for row, _ in known],
        "text": [safe(word, 80) for word in words],
        "hovertemplate": "%{text}<extra>" + label + "</extra>",
        "marker": {"color": colour, "size": size, "symbol": symbol, "line": {"width": 1.8, "color": colour}},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": numbers([max(value, 0.0) for value in highs]),
            "arrayminus": numbers([max(value, 0.0) for value in lows]),
            "color": colour,
            "thickness": 1.6,
            "width": 0,
        },
    }
