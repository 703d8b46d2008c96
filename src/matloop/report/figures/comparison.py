"""The model beside the baselines, on sealed rows, in random cross-validation and on clusters it never saw."""

from __future__ import annotations

import math
from collections.abc import Mapping

from matloop.evaluate.values import Evaluation
from matloop.metrics.estimate import Estimate
from matloop.report.figures.figure import SET_COLOURS, SET_SYMBOLS, Figure, Trace, Variant, axis, numbers, safe
from matloop.report.words import EVIDENCE, METRICS, metric_axis, metric_estimate, metric_words

MODEL = "this model"
Scores = Mapping[str, Mapping[str, Mapping[str, Estimate]]]


def method_scores(evaluation: Evaluation) -> dict[str, dict[str, Mapping[str, Estimate]]]:
    """Scores by method and set of rows, the model first."""
    found: dict[str, dict[str, Mapping[str, Estimate]]] = {
        MODEL: {"vault": evaluation.vault.scores, "cv": evaluation.cv.scores, "loco": evaluation.loco.scores}
    }
    for baseline in evaluation.baselines:
        found[baseline.name] = {"vault": baseline.vault, "cv": baseline.cv, "loco": baseline.loco}
    return found


def comparison_figure(key: str, evaluation: Evaluation) -> Figure | None:
    """Dots with 95 % intervals, a row per method; a choice of metrics, the one that was asked for first."""
    scores = method_scores(evaluation)
    names = [evaluation.metric, *(name for name in METRICS if name != evaluation.metric)]
    wanted = [name for name in names if any(name in found for sets in scores.values() for found in sets.values())][:6]
    variants = tuple(_variant(name, scores, evaluation.unit) for name in wanted)
    return Figure(key, "Beside the baselines", variants, 150 + 62 * len(scores), wide=True) if variants else None


def _variant(metric: str, scores: Scores, unit: str) -> Variant:
    methods = list(scores)
    traces = tuple(_dots(metric, name, place, scores, unit) for place, name in enumerate(("vault", "cv", "loco")))
    ticks = {
        "tickvals": list(range(len(methods))),
        "ticktext": [safe(m, 28) for m in methods],
        "range": [len(methods) - 0.45, -0.55],
    }
    layout = {
        "xaxis": axis(safe(metric_axis(metric, unit), 80)),
        "yaxis": {"title": {"text": ""}, "showgrid": False, **ticks},
    }
    said = [
        f"{method}, {EVIDENCE[name][1]}: {metric_estimate(metric, found[metric], unit)[0]}"
        for method, sets in scores.items()
        for name, found in sets.items()
        if metric in found
    ]
    words = metric_words(metric)
    caption = (
        f"{words.label}, {words.meaning}. Lines are 95 % intervals." if words.meaning else "Lines are 95 % intervals."
    )
    return Variant(words.label, traces, layout, f"Dot plot of {words.label}. " + "; ".join(said), caption)


def _dots(metric: str, name: str, place: int, scores: Scores, unit: str) -> Trace:
    scale = 100.0 if metric_words(metric).share else 1.0
    found = [(row, sets[name][metric]) for row, sets in enumerate(scores.values()) if metric in sets.get(name, {})]
    found = [(row, one) for row, one in found if math.isfinite(one.value)]
    lows = [scale * max(one.value - one.low, 0.0) if math.isfinite(one.low) else 0.0 for _, one in found]
    highs = [scale * max(one.high - one.value, 0.0) if math.isfinite(one.high) else 0.0 for _, one in found]
    colour = SET_COLOURS[name]
    words = ["{} ({})".format(*metric_estimate(metric, one, unit)).replace(" ()", "") for _, one in found]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": EVIDENCE[name][0],
        "x": numbers([scale * one.value for _, one in found]),
        "y": [row + 0.22 * (place - 1) for row, _ in found],
        "text": [safe(word, 80) for word in words],
        "hovertemplate": "%{text}<extra>" + EVIDENCE[name][0] + "</extra>",
        "marker": {"color": colour, "size": 10, "symbol": SET_SYMBOLS[name]},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": numbers(highs),
            "arrayminus": numbers(lows),
            "color": colour,
            "thickness": 1.6,
            "width": 0,
        },
    }
