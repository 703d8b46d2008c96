"""Figures of a campaign's story: progress, trade-offs, predictions beside results, effects of the settings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from matloop.campaign.pages.simulation_figures import LEGEND
from matloop.campaign.state import Result
from matloop.campaign.story import Forecast, Story
from matloop.core.arrays import FloatArray
from matloop.design.goals import Goal
from matloop.report.figures.figure import Figure, Trace, Variant, axis, names_with, numbers, padded, safe
from matloop.report.words import number, percent, unit_text, with_unit

MOST_POINTS = 1500
SHOWN_EFFECTS = 8
_ELSEWHERE, _CHEAPER = "known before, or from elsewhere", "known before, or by what stands in for experiments"


def progress_figure(told: Story) -> Figure | None:
    """Every result in the order of telling with the best so far, a variant per goal; None without results."""
    found = tuple(_progress(told, goal) for goal in told.question.goals if _values(told.results, goal.target).size)
    variants = tuple(one for one in found if one is not None)
    return Figure("progress", "Result by result", variants, 400) if variants else None


def _progress(told: Story, goal: Goal) -> Variant | None:
    values, real = _values(told.results, goal.target, stand_ins=True), _values(told.results, goal.target)
    if not np.isfinite(real).any():
        return None
    unit = unit_text(goal.unit)
    x = np.arange(1, len(values) + 1)
    traces: list[Trace] = []
    own = np.array([not one.earlier and one.of_own_experiment for one in told.results])
    failed = np.array([one.failed for one in told.results])
    for name, keep, colour, symbol in (
        ("results that meet the goals", own & told.good, "@blue", "circle"),
        ("results", own & ~told.good, "@grey", "circle-open"),
        (_ELSEWHERE if not told.question.problem.fidelities else _CHEAPER, ~own, "@purple", "diamond-open"),
    ):
        rows = np.flatnonzero(keep & np.isfinite(values))[-MOST_POINTS:]
        if len(rows):
            traces.append(_dots(told, rows, x, values, name, colour, symbol))
    if goal.is_open:
        best = _best_line(told, goal, values)
        traces.append(
            {"type": "scatter", "mode": "lines", "name": "best so far", "x": x.tolist(), "y": numbers(best),
             "line": {"color": "@orange", "width": 2.4, "shape": "hv"}, "hoverinfo": "skip"}
        )  # fmt: skip
    traces += [
        _edge(limit, len(values), name)
        for limit, name in ((goal.low, "at least"), (goal.high, "at most"))
        if math.isfinite(limit)
    ]
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if (failed & own).any():
        rows = np.flatnonzero(failed & own)
        floor = padded(low, high)[0]
        traces.append(
            {"type": "scatter", "mode": "markers", "name": "failed", "x": x[rows].tolist(),
             "y": numbers(np.full(len(rows), floor)),
             "marker": {"color": "@red", "symbol": "x", "size": 8}, "text": [_hover(told.results[row]) for row in rows],
             "hovertemplate": "%{text}<extra>failed</extra>"}
        )  # fmt: skip
    across = axis("experiments, in the order of telling", range=[0.4, len(values) + 0.6])
    layout = {"legend": LEGEND, "xaxis": across, "yaxis": axis(names_with(goal.target, unit)),
              "shapes": _round_edges(told)}  # fmt: skip
    first, top = float(real[np.isfinite(real)][0]), float(_best_line(told, goal, values)[-1])
    words = f"{safe(goal.target)}: {_told(first, unit)} in the first experiment, {_told(top, unit)} at best."
    if not math.isfinite(top):
        words = f"{safe(goal.target)}: no result meets all goals yet."
    if not goal.is_open:
        words = f"{safe(goal.target)} lies between {_told(low, unit)} and {_told(high, unit)}."
    caption = f"{words} Thin lines part the rounds."
    return Variant(safe(goal.target, 30), tuple(traces), layout, f"Progress. {words}", caption)


def _dots(told: Story, rows: Any, x: Any, values: FloatArray, name: str, colour: str, symbol: str) -> Trace:
    return {
        "type": "scatter", "mode": "markers", "name": name, "x": x[rows].tolist(), "y": numbers(values[rows]),
        "marker": {"color": colour, "symbol": symbol, "size": 7, "opacity": 0.85},
        "text": [_hover(told.results[row]) for row in rows], "hovertemplate": "%{text}: %{y:.5g}<extra></extra>",
    }  # fmt: skip


def _best_line(told: Story, goal: Goal, values: FloatArray) -> FloatArray:
    """The best value so far among results that meet all goals with an end."""
    counts = np.array([one.of_own_experiment for one in told.results])
    usable = told.good & np.isfinite(values) & (counts if counts.any() else True)
    signed = np.where(usable, goal.sign * values, -np.inf)
    best = np.maximum.accumulate(signed)
    return np.where(np.isfinite(best), goal.sign * best, np.nan)


def _edge(limit: float, n: int, name: str) -> Trace:
    return {
        "type": "scatter", "mode": "lines", "name": f"{name} {number(limit, 4)}", "x": [1, n],
        "y": numbers([limit, limit]),
        "line": {"color": "@green", "width": 1.5, "dash": "dash"}, "hoverinfo": "skip",
    }  # fmt: skip


def _round_edges(told: Story) -> list[dict[str, Any]]:
    """A thin line before the first result of each round, where rounds are few enough to be told apart."""
    places, seen = [], set()
    for place, one in enumerate(told.results):
        if not one.earlier and one.round not in seen:
            seen.add(one.round)
            places.append(place + 0.5)
    if len(places) > 40:
        return []
    return [
        {
            "type": "line",
            "x0": at,
            "x1": at,
            "yref": "paper",
            "y0": 0,
            "y1": 1,
            "line": {"color": "@ink/20", "width": 0.7},
        }
        for at in places[1:]
    ]


def front_figure(told: Story) -> Figure | None:
    """Two goals without an end against each other, a variant per pair; None where there are fewer than two."""
    wanted = [goal for goal in told.question.goals if goal.is_open]
    pairs = [(a, b) for k, a in enumerate(wanted) for b in wanted[k + 1 :]]
    found = tuple(one for one in (_front(told, a, b) for a, b in pairs[:6]) if one is not None)
    return Figure("front", "What one goal costs the other", found, 420) if found else None


def _front(told: Story, first: Goal, second: Goal) -> Variant | None:
    x, y = _values(told.results, first.target), _values(told.results, second.target)
    both = np.isfinite(x) & np.isfinite(y)
    if both.sum() < 2:
        return None
    best = np.zeros(len(x), dtype=bool)
    best[list(told.best)] = True
    traces: list[Trace] = []
    for name, keep, colour, symbol, size in (
        ("results", both & ~best & told.good, "@grey", "circle-open", 7),
        ("miss a goal with an end", both & ~told.good, "@grey", "x-thin-open", 6),
        ("none is better in all goals", both & best, "@orange", "circle", 9),
    ):
        rows = np.flatnonzero(keep)[-MOST_POINTS:]
        if len(rows):
            traces.append(
                {"type": "scatter", "mode": "markers", "name": name, "x": numbers(x[rows]), "y": numbers(y[rows]),
                 "marker": {"color": colour, "symbol": symbol, "size": size},
                 "text": [_hover(told.results[row]) for row in rows],
                 "hovertemplate": "%{text}: %{x:.4g}, %{y:.4g}<extra></extra>"}
            )  # fmt: skip
    steps = _staircase(x[best & both], y[best & both], first.sign)
    if len(told.question.goals) == 2 and len(steps[0]) > 1:
        traces.insert(0, {"type": "scatter", "mode": "lines", "x": numbers(steps[0]), "y": numbers(steps[1]),
                          "showlegend": False,
                          "line": {"color": "@orange/60", "width": 1.5}, "hoverinfo": "skip"})  # fmt: skip
    layout = {
        "legend": LEGEND,
        "xaxis": axis(f"{names_with(first.target, unit_text(first.unit))}, {_way(first)}"),
        "yaxis": axis(f"{names_with(second.target, unit_text(second.unit))}, {_way(second)}"),
    }
    words = f"{int((best & both).sum())} of {int(both.sum())} results are beaten by none in all goals at once."
    return Variant(f"{safe(first.target, 20)} and {safe(second.target, 20)}", tuple(traces), layout, words, words)


def _way(goal: Goal) -> str:
    return "higher is better" if goal.sign > 0 else "lower is better"


def _staircase(x: FloatArray, y: FloatArray, sign: float) -> tuple[FloatArray, FloatArray]:
    """The edge of what is dominated by points of a front."""
    order = np.argsort(-sign * x, kind="stable")
    x, y = x[order], y[order]
    if len(x) < 2:
        return x, y
    return np.repeat(x, 2)[1:], np.repeat(y, 2)[:-1]


def forecast_figure(told: Story) -> Figure | None:
    """What was foreseen against what was measured, a variant per target."""
    variants = tuple(_parity(one) for one in told.forecasts)
    return Figure("forecasts", "Foreseen and measured", variants, 420, square=True) if variants else None


def _parity(one: Forecast) -> Variant:
    rows = np.arange(len(one.measured))[-MOST_POINTS:]
    inside = (one.low <= one.measured) & (one.measured <= one.high)
    unit = unit_text(one.unit)
    # the plot shows the values, not the longest bars: an interval of a model that knows nothing can be endless
    ends = padded(
        float(min(one.measured.min(), one.foreseen.min())), float(max(one.measured.max(), one.foreseen.max())), 0.08
    )
    traces: list[Trace] = [
        {"type": "scatter", "mode": "lines", "x": numbers(ends), "y": numbers(ends), "showlegend": False,
         "hoverinfo": "skip",
         "line": {"color": "@ink/55", "width": 1, "dash": "dash"}}
    ]  # fmt: skip
    for name, keep, colour, symbol in (
        ("within its interval", inside, "@blue", "circle"),
        ("outside", ~inside, "@red", "diamond"),
    ):
        mine = rows[keep[rows]]
        if not len(mine):
            continue
        traces.append(
            {"type": "scatter", "mode": "markers", "name": name, "x": numbers(one.foreseen[mine]),
             "y": numbers(one.measured[mine]),
             "marker": {"color": colour, "symbol": symbol, "size": 7},
             "error_x": {"type": "data", "symmetric": False, "array": numbers(one.high[mine] - one.foreseen[mine]),
                         "arrayminus": numbers(one.foreseen[mine] - one.low[mine]), "color": f"{colour}/45",
                         "thickness": 1, "width": 0},
             "text": [safe(one.names[row], 30) for row in mine],
             "hovertemplate": "%{text}: foreseen %{x:.4g}, measured %{y:.4g}<extra></extra>"}
        )  # fmt: skip
    layout = {
        "legend": LEGEND,
        "xaxis": axis(f"foreseen {names_with(one.target, unit)}", range=ends),
        "yaxis": axis(f"measured {names_with(one.target, unit)}", range=ends),
    }
    words = (
        f"{one.sentence[:1].upper()}{one.sentence[1:]}. Bars are 90 % intervals as they were told with the suggestion."
    )
    return Variant(safe(one.target, 30), tuple(traces), layout, f"Predictions beside results. {words}", words)


def effects_figure(told: Story) -> Figure | None:
    """Results over each setting, the strongest first; a variant per setting."""
    goal = next((one for one in told.question.goals if one.is_open), told.question.goals[0])
    y = _values(told.results, goal.target)
    if np.isfinite(y).sum() < 5:
        return None
    ranked = sorted(
        ((strength(told.results, name, y), name) for name in told.question.names), key=lambda one: (-one[0], one[1])
    )
    variants = tuple(_effect(told, name, goal, y) for share, name in ranked[:SHOWN_EFFECTS] if share >= 0)
    return Figure("effects", f"{safe(goal.target, 40)} over the settings", variants, 380) if variants else None


def strength(results: Sequence[Result], name: str, y: FloatArray) -> float:
    """Share of the variance of the ranks of `y` between thirds of a number, or between words; -1 where it has one value
    only."""
    cells = [one.point.get(name) for one in results]
    known = np.isfinite(y) & np.array([cell is not None for cell in cells])
    if known.sum() < 5:
        return -1.0
    ranks = np.argsort(np.argsort(y[known], kind="stable"), kind="stable").astype(float)
    kept = [cell for cell, use in zip(cells, known, strict=True) if use]
    if all(_is_number(cell) for cell in kept):
        values = np.array([float(cell) for cell in kept])  # type: ignore[arg-type]
        groups = np.searchsorted(np.unique(np.quantile(values, [1 / 3, 2 / 3])), values)
        if len(np.unique(values)) < 2:
            return -1.0
    else:
        groups = np.unique([str(cell) for cell in kept], return_inverse=True)[1]
        if groups.max() == 0:
            return -1.0
    between = sum(
        (groups == one).sum() * (ranks[groups == one].mean() - ranks.mean()) ** 2 for one in np.unique(groups)
    )
    total = ((ranks - ranks.mean()) ** 2).sum()
    return float(between / total) if total > 0 else 0.0


def _effect(told: Story, name: str, goal: Goal, y: FloatArray) -> Variant:
    cells = [one.point.get(name) for one in told.results]
    rows = np.array([k for k, cell in enumerate(cells) if cell is not None and np.isfinite(y[k])])[-MOST_POINTS:]
    best = np.isin(rows, list(told.best))
    is_number = all(_is_number(cells[k]) for k in rows)
    x: list[Any] = [cells[k] if is_number else safe(cells[k], 24) for k in rows]
    traces: list[Trace] = []
    for label, keep, colour, symbol, size in (
        ("results", ~best, "@blue", "circle", 7),
        ("best", best, "@orange", "star", 12),
    ):
        mine = np.flatnonzero(keep)
        if len(mine):
            traces.append(
                {"type": "scatter", "mode": "markers", "name": label, "x": [x[k] for k in mine],
                 "y": numbers(y[rows[mine]]),
                 "marker": {"color": colour, "symbol": symbol, "size": size, "opacity": 0.8},
                 "text": [_hover(told.results[rows[k]]) for k in mine],
                 "hovertemplate": "%{text}: %{y:.5g}<extra></extra>"}
            )  # fmt: skip
    parameter = next((one for one in told.question.problem.space.parameters if one.name == name), None)
    log = getattr(parameter, "scale", "linear") == "log" and is_number
    title = names_with(name, unit_text(getattr(parameter, "unit", "")))
    across = axis(title, type="log") if log else axis(title) if is_number else axis(title, type="category")
    layout = {"legend": LEGEND, "xaxis": across, "yaxis": axis(names_with(goal.target, unit_text(goal.unit)))}
    share = strength(told.results, name, y)
    parts = "Thirds" if is_number else "Words"
    words = f"{parts} of {safe(name, 30)} explain {percent(max(share, 0), 0)} of the order of the results."
    caption = f"{words} Experiments were chosen, not drawn: settings that were tried together are mixed up here."
    return Variant(safe(name, 24), tuple(traces), layout, words, caption)


def _is_number(cell: object) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _values(results: Sequence[Result], target: str, *, stand_ins: bool = False) -> FloatArray:
    """Values of experiments, NaN for the others; `stand_ins` : also what stands in for them."""
    cells = [one.values.get(target, np.nan) if stand_ins or not one.fidelity else np.nan for one in results]
    return np.array(cells, dtype=np.float64)


def _hover(one: Result) -> str:
    settings = ", ".join(f"{name} {_short(cell)}" for name, cell in list(one.point.items())[:6])
    return f"{safe(one.name, 20)}: {safe(settings, 110)}"


def _short(cell: Any) -> str:
    return f"{cell:.4g}" if isinstance(cell, float) else str(cell)


def _told(value: float, unit: str) -> str:
    return with_unit(number(float(value), 4), unit)
