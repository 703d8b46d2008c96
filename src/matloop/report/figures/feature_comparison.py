"""Representations beside each other: their losses, what they cost, and losses against the length scale."""

from __future__ import annotations

import math

import numpy as np

from matloop.evaluate.feature_values import ArmScore, CutoffCurve, FeatureComparison
from matloop.metrics.estimate import Estimate
from matloop.report.figures.figure import DASHES, SERIES, Figure, Trace, Variant, axis, numbers, safe
from matloop.report.words import family, metric_axis, metric_estimate, metric_words

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x")


def losses_figure(key: str, found: FeatureComparison) -> Figure:
    """Dots with 95 % intervals, a row per representation, a colour per model; a line at the answer without inputs."""
    names = [arm.name for arm in found.arms]
    traces = [_dots(model, place, found) for place, model in enumerate(found.models)]
    traces.append({
        "type": "scatter", "mode": "lines", "name": "no input known", "x": numbers([found.constant] * 2),
        "y": [-0.5, len(names) - 0.5], "line": {"color": "@grey", "dash": "dot", "width": 1.5}, "hoverinfo": "name",
    })  # fmt: skip
    ticks = {
        "tickvals": list(range(len(names))), "ticktext": [safe(name, 34) for name in names],
        "range": [len(names) - 0.45, -0.55],
    }  # fmt: skip
    layout = {
        "xaxis": axis(safe(metric_axis(found.metric, found.unit), 80)),
        "yaxis": {"title": {"text": ""}, "showgrid": False, **ticks},
    }
    said = "; ".join(
        f"{arm.name} {metric_estimate(found.metric, score.mean, found.unit)[0]} ({family(score.model)})"
        for arm in found.arms
        for score in arm.scores
    )
    label = metric_words(found.metric).label
    caption = (
        "Lines are 95 % intervals of each by itself. All were tried on the same folds, so that differences are better "
        "known than the intervals let one think: the table has the paired tests."
    )
    variant = Variant(label, tuple(traces), layout, f"Dot plot of {label} by representation. {said}", caption)
    return Figure(key, f"{label} by representation", (variant,), 150 + 46 * len(names), wide=True)


def _dots(model: str, place: int, found: FeatureComparison) -> Trace:
    scores = [arm.with_model(model) for arm in found.arms]
    shift = 0.2 * (place - 0.5 * (len(found.models) - 1))
    colour = SERIES[place % len(SERIES)]
    return {
        "type": "scatter", "mode": "markers", "name": family(model), "x": numbers([s.mean.value for s in scores]),
        "y": [row + shift for row in range(len(scores))],
        "text": [safe(" ".join(metric_estimate(found.metric, s.mean, found.unit)), 80) for s in scores],
        "hovertemplate": "%{text}<extra>" + family(model) + "</extra>",
        "marker": {"color": colour, "size": 10, "symbol": SYMBOLS[place % len(SYMBOLS)]},
        "error_x": _bars([s.mean for s in scores], colour),
    }  # fmt: skip


def _bars(found: list[Estimate], colour: str) -> dict[str, object]:
    known = [(one.high - one.value) if math.isfinite(one.high) else 0.0 for one in found]
    return {"type": "data", "array": numbers(known), "color": colour, "thickness": 1.4, "width": 0}


def cost_figure(key: str, found: FeatureComparison) -> Figure | None:
    """Loss with the best model against seconds per row; None with fewer than three representations."""
    arms = [arm for arm in found.arms if arm.seconds_per_row > 0]
    if len(arms) < 3:
        return None
    traces = tuple(
        _costs(name, [arm for arm in arms if (arm.name in found.level) == level], found, colour, symbol)
        for name, level, colour, symbol in (
            ("cannot be told from the best", True, "@blue", "circle"),
            ("worse by more than chance", False, "@grey", "x"),
        )
        if any((arm.name in found.level) == level for arm in arms)
    )  # fmt: skip
    decades = 10.0 ** np.arange(-5, 6)
    ticks = {"tickvals": decades.tolist(), "ticktext": [f"{tick:g}" for tick in decades], "minor": {"showgrid": False}}
    cost = np.log10([1000 * arm.seconds_per_row for arm in arms])
    reach = [float(np.floor(cost.min())), float(np.ceil(cost.max()))]
    layout = {
        "xaxis": axis("milliseconds to describe a row", type="log", range=reach, **ticks),
        "yaxis": axis(safe(metric_axis(found.metric, found.unit), 80)),
    }
    said = "; ".join(f"{arm.name} {1000 * arm.seconds_per_row:.3g} ms" for arm in arms)
    caption = f"With {family(found.best_model).lower()}. Cost as measured here, one core, libraries loaded."
    variant = Variant("cost", traces, layout, f"Loss against cost per row. {said}", caption)
    return Figure(key, "What it costs", (variant,), 380)


def _costs(name: str, arms: list[ArmScore], found: FeatureComparison, colour: str, symbol: str) -> Trace:
    scores = [arm.with_model(found.best_model).mean.value for arm in arms]
    return {
        "type": "scatter", "mode": "markers+text", "name": name,
        "x": numbers([1000 * arm.seconds_per_row for arm in arms]), "y": numbers(scores),
        "text": [safe(arm.name, 24) for arm in arms], "textposition": "top center", "textfont": {"size": 11},
        "marker": {"color": colour, "size": 10, "symbol": symbol},
        "hovertemplate": "%{text}: %{y:.4g}, %{x:.3g} ms per row<extra></extra>", "cliponaxis": False,
    }  # fmt: skip


def cutoff_figure(key: str, found: FeatureComparison) -> Figure | None:
    """Loss against the length scale, a line per representation that has one; None without curves."""
    if not found.curves:
        return None
    traces = tuple(_curve(curve, place) for place, curve in enumerate(found.curves))
    ticks = np.unique(np.concatenate([curve.cutoffs for curve in found.curves])).tolist()
    layout = {
        "xaxis": axis("cutoff (Å)", tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks]),
        "yaxis": axis(safe(metric_axis(found.metric, found.unit), 80)),
    }
    said = " ".join(curve.sentence for curve in found.curves)
    caption = (
        f"With {family(found.best_model).lower()}; lines are 95 % intervals of each point by itself. {safe(said, 600)}"
    )
    variant = Variant("cutoff", traces, layout, f"Loss against cutoff. {said}", caption)
    return Figure(key, "Which length scale tells", (variant,), 380, wide=True)


def _curve(curve: CutoffCurve, place: int) -> Trace:
    colour = SERIES[place % len(SERIES)]
    return {
        "type": "scatter", "mode": "lines+markers", "name": safe(curve.family, 40), "x": numbers(curve.cutoffs),
        "y": numbers([mean.value for mean in curve.means]),
        "line": {"color": colour, "width": 2, "dash": DASHES[place % len(DASHES)]},
        "marker": {"color": colour, "size": 9, "symbol": SYMBOLS[place % len(SYMBOLS)]},
        "error_y": _bars(list(curve.means), colour),
        "hovertemplate": "%{x:g} Å: %{y:.4g}<extra>" + safe(curve.family, 40) + "</extra>",
    }  # fmt: skip
