"""Error against rows with what that foretells, against descriptors, and against cheap rows."""

from __future__ import annotations

import math

import numpy as np

from matloop.evaluate.descriptors import DescriptorCurve
from matloop.evaluate.fidelity import FidelityCurve
from matloop.evaluate.forecast import FARTHEST, Forecast
from matloop.evaluate.learning import LearningCurve
from matloop.evaluate.refits import error_of
from matloop.report.figures.figure import SERIES, Figure, Trace, Variant, axis, numbers, safe
from matloop.report.words import metric_axis, metric_words

SYMBOLS = ("circle", "square", "diamond", "cross")


def scale_of(metric: str) -> float:
    """Shares are shown in percent."""
    return 100.0 if metric_words(metric).share else 1.0


def error_axis(metric: str, unit: str) -> str:
    """An axis title of what is left to gain: the metric, or one minus it where higher is better."""
    known = metric_words(metric)
    if not known.greater:
        return safe(metric_axis(metric, unit), 80)
    whole = "100 %" if known.share else "1"
    return safe(f"{whole} − {known.label} (lower is better)", 80)


def forecast_figure(key: str, curve: LearningCurve, ahead: Forecast, unit: str) -> Figure | None:
    """Points, the curve through them with its band, and where it halves; None with fewer than two sizes."""
    if len({one.n_rows for one in curve.points}) < 2:
        return None
    scale = scale_of(curve.metric)
    traces: list[Trace] = _band(ahead, scale) if len(ahead.n) else []
    parts = sorted({one.part for one in curve.points})
    errors = scale * curve.errors()
    for place, part in enumerate(parts):
        mine = [i for i, one in enumerate(curve.points) if one.part == part]
        name = "rows not trained on" if len(parts) == 1 else f"fold {part + 1} left out"
        traces.append(_points(place, name, [curve.points[i].n_rows for i in mine], errors[mine]))
    traces += _goal(ahead, scale)
    sizes = sorted({one.n_rows for one in curve.points})
    right = max(float(ahead.n[-1]) if len(ahead.n) else 0.0, 1.15 * sizes[-1])
    layout = {
        "xaxis": axis(
            "training rows",
            type="log",
            range=[math.log10(0.85 * sizes[0]), math.log10(1.1 * right)],
            **_round_ticks(0.85 * sizes[0], 1.1 * right),
        ),
        "yaxis": axis(error_axis(curve.metric, unit), rangemode="tozero"),
    }
    caption = "Points: errors after training on part of the rows."
    if len(ahead.n):
        caption += " Line and band: a power law with a floor, and where it lies with 95 % probability."
    if math.isfinite(ahead.found):
        inside = ahead.foretold_low <= ahead.found <= ahead.foretold_high
        caption += (
            " The smaller sizes foretell the largest one rightly."
            if inside
            else " The smaller sizes do not foretell the largest one: take the forecast with care."
        )
    return Figure(
        key, "How many more rows?", (Variant("all", tuple(traces), layout, ahead.sentence, caption),), 380
    )  # fmt: skip


def _round_ticks(low: float, high: float) -> dict[str, list]:
    """Ticks at 1, 2, 5 times powers of ten, written out; only the powers where there would be too many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    firsts = (1, 2, 5) if high / low < 60 else (1, 3) if high / low < 1000 else (1,)
    values = [first * 10**power for power in powers for first in firsts if low <= first * 10**power <= high]
    return {"tickvals": values, "ticktext": [f"{value:,.0f}" for value in values]}


def _band(ahead: Forecast, scale: float) -> list[Trace]:
    edges = np.concatenate([scale * ahead.lower, scale * ahead.upper[::-1]])
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "x": numbers(np.concatenate([ahead.n, ahead.n[::-1]]), 4),
            "y": numbers(edges, 4),
            "fill": "toself",
            "fillcolor": "@blue/18",
            "line": {"width": 0, "color": "@blue/0"},
            "hoverinfo": "skip",
            "showlegend": False,
        },
        {
            "type": "scatter",
            "mode": "lines",
            "name": "foretold",
            "x": numbers(ahead.n, 4),
            "y": numbers(scale * ahead.middle, 4),
            "line": {"color": "@blue", "width": 2},
            "hovertemplate": "%{x:,.0f} rows: %{y:.3g}<extra>foretold</extra>",
        },
    ]


def _points(place: int, name: str, rows: list[int], errors: np.ndarray) -> Trace:
    colour = SERIES[(place + 1) % len(SERIES)]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": rows,
        "y": numbers(errors, 4),
        "marker": {"color": colour, "size": 9, "symbol": SYMBOLS[place % len(SYMBOLS)]},
        "hovertemplate": "%{x:,} rows: %{y:.4g}<extra>" + name + "</extra>",
    }


def _goal(ahead: Forecast, scale: float) -> list[Trace]:
    """Rows now, and those that halve the error, with the interval."""
    if not math.isfinite(ahead.error):
        return []
    now: Trace = {
        "type": "scatter",
        "mode": "markers",
        "name": "now",
        "x": [ahead.now],
        "y": numbers([scale * ahead.error], 4),
        "marker": {"color": "@ink", "size": 12, "symbol": "circle-open", "line": {"width": 2}},
        "hovertemplate": "now: %{x:,} rows, %{y:.3g}<extra></extra>",
    }
    if ahead.answer != "more rows" or not math.isfinite(ahead.more):
        return [now]
    at = ahead.now + ahead.more
    high = ahead.now + ahead.high if math.isfinite(ahead.high) else FARTHEST * ahead.now
    goal: Trace = {
        "type": "scatter",
        "mode": "markers",
        "name": "half the error" if ahead.share == 0.5 else f"{100 * ahead.share:.0f} % of the error",
        "x": numbers([at], 3),
        "y": numbers([scale * ahead.error * ahead.share], 4),
        "marker": {"color": "@green", "size": 12, "symbol": "star"},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": numbers([high - at], 3),
            "arrayminus": numbers([at - ahead.now - ahead.low], 3),
            "color": "@green",
            "thickness": 2,
        },
        "hovertemplate": "%{x:,.0f} rows: %{y:.3g}<extra></extra>",
    }
    return [now, goal]


def descriptor_figure(key: str, curve: DescriptorCurve, unit: str) -> Figure | None:
    """Error against how many descriptors are kept."""
    scale = scale_of(curve.metric)
    places = [one.n_features for one in curve.points]
    trace: Trace = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": places,
        "y": numbers([scale * error_of(curve.metric, one.score) for one in curve.points], 4),
        "line": {"color": "@blue", "width": 2},
        "marker": {
            "color": ["@green" if k == curve.enough else "@blue" for k in places],
            "size": [13 if k == curve.enough else 8 for k in places],
            "symbol": ["star" if k == curve.enough else "circle" for k in places],
        },
        "hovertemplate": "%{x} descriptors: %{y:.4g}<extra></extra>",
        "showlegend": False,
    }
    ticks = {"tickvals": places, "ticktext": [f"{k:,}" for k in places]}
    layout = {
        "xaxis": axis("descriptors kept, best first", type="log", **ticks),
        "yaxis": axis(error_axis(curve.metric, unit), rangemode="tozero"),
    }
    caption = (
        f"Ranked anew inside each training part of {curve.n_train:,} rows, so the held-out rows did not choose. "
        "Star: the fewest within one standard error of the best."
    )
    return Figure(key, "How many descriptors?", (Variant("all", (trace,), layout, curve.sentence, caption),), 340)


def fidelity_figure(key: str, curve: FidelityCurve, unit: str) -> Figure | None:
    """Error on the wanted rows against the share of others learnt from, a line per fold."""
    if len({one.share for one in curve.points}) < 2:
        return None
    scale = scale_of(curve.metric)
    traces = []
    for place, part in enumerate(sorted({one.part for one in curve.points})):
        mine = sorted((one for one in curve.points if one.part == part), key=lambda one: one.share)
        errors = [scale * error_of(curve.metric, one.score) for one in mine]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": f"fold {part + 1}",
                "x": numbers([100 * one.share for one in mine], 4),
                "y": numbers(errors, 4),
                "customdata": [one.n_cheap for one in mine],
                "line": {"color": SERIES[place % len(SERIES)], "width": 1.6},
                "marker": {"color": SERIES[place % len(SERIES)], "size": 8, "symbol": SYMBOLS[place % len(SYMBOLS)]},
                "hovertemplate": "%{customdata:,} other rows: %{y:.4g}<extra></extra>",
            }
        )
    layout = {
        "xaxis": axis("share of rows of other fidelity that is learnt from (%)"),
        "yaxis": axis(error_axis(curve.metric, unit), rangemode="tozero"),
    }
    caption = f"Error on held-out {safe(curve.wanted, 40)} rows; nothing of a held-out material is learnt from."
    return Figure(
        key, "Do cheaper rows help?", (Variant("all", tuple(traces), layout, curve.sentence, caption),), 340
    )  # fmt: skip
