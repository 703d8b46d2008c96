"""Curves of a simulation: what was found after how many experiments, with intervals over the seeds."""

from __future__ import annotations

import numpy as np

from matloop.campaign import merits
from matloop.campaign.known import TOP
from matloop.campaign.replays import CHANCE, Replays
from matloop.core.arrays import FloatArray
from matloop.report.figures.figure import DASHES, SERIES, Figure, Trace, Variant, axis, names_with, numbers, safe
from matloop.report.words import number, percent, unit_text, with_unit

POINTS = 200
LEGEND = {
    "orientation": "h", "x": 0, "xanchor": "left", "y": 1.01, "yanchor": "bottom", "itemsizing": "constant",
    "font": {"size": 12, "color": "@muted"}, "traceorder": "normal",
}  # fmt: skip
"""That of the page, in the order of the traces: bands would turn it round."""
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x")


def look(sim: Replays, name: str) -> tuple[str, str, str]:
    """Colour, dash and symbol of a strategy; chance is grey and dotted on every page."""
    if name == CHANCE:
        return "@grey", "dot", "circle-open"
    place = [one for one in sim.strategies if one != CHANCE].index(name)
    colours = [one for one in SERIES if one != "@grey"]
    dashes = [one for one in DASHES if one != "dot"]
    return colours[place % len(colours)], dashes[(place // len(colours)) % len(dashes)], SYMBOLS[place % len(SYMBOLS)]


def best_figure(sim: Replays) -> Figure:
    """The best value found so far."""
    goal = sim.known.open_goal
    sign = goal.sign if goal else 1.0
    traces: list[Trace] = []
    for name in sim.strategies:
        traces += _banded(sim, name, sign * sim.best(name))
    top = sign * float(sim.known.worth.max())
    traces.append(_level(top, sim.n, "best of the table"))
    unit = unit_text(sim.unit)
    title = f"best so far: {names_with(goal.target, unit)}" if goal else "how far the goals are missed (0: met)"
    if not goal and any(one.is_open for one in sim.known.goals):
        title = "designs that beat the best so far, below zero"
    middles = {name: float((sign * sim.best(name))[:, -1].mean()) for name in sim.strategies}
    said = ", ".join(f"{name} {with_unit(number(value), unit)}" for name, value in middles.items())
    words = f"After {sim.n} experiments: {said}; the best of the table is {with_unit(number(top), unit)}."
    caption = f"{words} Lines: means over {len(sim.seeds)} seeds; bands: 95 % intervals of the mean."
    layout = {"legend": LEGEND, "xaxis": axis("experiments"), "yaxis": axis(title)}
    return Figure("best", "Best so far", (Variant("all", tuple(traces), layout, words, caption),), 400)


def share_figure(sim: Replays) -> Figure:
    """Share of the best 5 % that was found."""
    traces: list[Trace] = []
    for name in sim.strategies:
        traces += _banded(sim, name, 100 * sim.shares(name))
    ends = [0, sim.n]
    chance = [0.0, 100.0 * sim.n / len(sim.known)]
    traces.append(
        {"type": "scatter", "mode": "lines", "name": "chance, on average", "x": ends, "y": numbers(chance),
         "line": {"color": "@ink/55", "width": 1, "dash": "dash"}, "hoverinfo": "skip"}
    )  # fmt: skip
    n_top = int(sim.known.is_top.sum())
    said = ", ".join(f"{name} {percent(float(sim.shares(name)[:, -1].mean()), 0)}" for name in sim.strategies)
    words = f"Share of the {n_top} best designs found after {sim.n} experiments: {said}."
    layout = {
        "legend": LEGEND,
        "xaxis": axis("experiments"),
        "yaxis": axis(f"best {percent(TOP, 0)} of the designs found (%)", rangemode="tozero"),
    }
    caption = f"{words} The dashed line is what drawing at random gives on average."
    return Figure(
        "share",
        f"How many of the best {percent(TOP, 0)}",
        (Variant("all", tuple(traces), layout, words, caption),),
        400,
    )


def enhancement_figure(sim: Replays) -> Figure:
    """How many times what chance finds."""
    traces: list[Trace] = []
    for name in sim.strategies:
        if name != CHANCE:
            mean, low, high = merits.enhancement(sim.shares(name), len(sim.known))
            traces += _band(sim, name, (mean, low, high), np.arange(1.0, sim.n + 1))
    traces.append(_level(1.0, sim.n, "chance"))
    layout = {"legend": LEGEND, "xaxis": axis("experiments"), "yaxis": axis("enhancement factor", rangemode="tozero")}
    words = "Share of the best designs found over the share that chance finds after as many experiments; 1 is chance."
    return Figure("enhancement", "Enhancement", (Variant("all", tuple(traces), layout, words, words),), 340)


def acceleration_figure(sim: Replays) -> Figure | None:
    """How many times fewer experiments than chance for the same find; None where no other strategy was replayed."""
    levels = np.arange(0.05, 1.0001, 0.05)
    traces: list[Trace] = []
    for name in sim.strategies:
        if name == CHANCE:
            continue
        found = [merits.acceleration(sim.shares(name), float(level), len(sim.known)) for level in levels]
        kept = [k for k, one in enumerate(found) if one.value > 0]
        if not kept:
            continue
        arrays = tuple(np.array([getattr(found[k], part) for k in kept]) for part in ("value", "low", "high"))
        traces += _band(sim, name, (arrays[0], arrays[1], arrays[2]), 100 * levels[kept])
    if not traces:
        return None
    traces.append(_level(1.0, 100, "chance"))
    layout = {
        "legend": LEGEND,
        "xaxis": axis(f"best {percent(TOP, 0)} of the designs found (%)", range=[0, 100]),
        "yaxis": axis("acceleration factor", rangemode="tozero"),
    }
    words = (
        "Experiments that chance needs to find a share of the best designs over those that were needed (median of the "
        "seeds); lines end where half of the seeds did not get further."
    )
    return Figure("acceleration", "Acceleration", (Variant("all", tuple(traces), layout, words, words),), 340)


def seeds_figure(sim: Replays) -> Figure | None:
    """Every seed of every strategy at the end of the run."""
    if len(sim.seeds) < 2:
        return None
    traces: list[Trace] = []
    names = [safe(name, 24) for name in sim.strategies]
    for place, name in enumerate(sim.strategies):
        colour, _, symbol = look(sim, name)
        ends = 100 * sim.shares(name)[:, -1]
        spread = place + np.linspace(-0.28, 0.28, len(ends))
        traces.append(
            {"type": "scatter", "mode": "markers", "name": names[place], "showlegend": False, "y": numbers(spread),
             "x": numbers(ends), "text": [f"seed {seed}" for seed in sim.seeds],
             "marker": {"color": colour, "size": 8, "symbol": symbol, "opacity": 0.8},
             "hovertemplate": "%{text}: %{x:.1f} %<extra>" + names[place] + "</extra>"}
        )  # fmt: skip
    ticks = {"tickvals": list(range(len(names))), "ticktext": names, "autorange": "reversed"}
    layout = {
        "legend": LEGEND,
        "xaxis": axis(f"best {percent(TOP, 0)} found after {sim.n} experiments (%)", rangemode="tozero"),
        "yaxis": {**axis(""), **ticks},
    }
    words = (
        f"Every seed at the end of the run, {len(sim.seeds)} for each strategy: a single campaign can end anywhere "
        "among them."
    )
    return Figure(
        "seeds",
        "Luck: every seed by itself",
        (Variant("all", tuple(traces), layout, words, words),),
        90 + 60 * len(names),
    )


def _banded(sim: Replays, name: str, curves: FloatArray) -> list[Trace]:
    return _band(sim, name, merits.curve_interval(curves), np.arange(1.0, sim.n + 1))


def _band(sim: Replays, name: str, found: tuple[FloatArray, FloatArray, FloatArray], x: FloatArray) -> list[Trace]:
    """A line with its interval as a band."""
    rows = np.unique(np.linspace(0, len(x) - 1, POINTS).astype(int))
    mean, low, high = (part[rows] for part in found)
    colour, dash, _ = look(sim, name)
    shown = safe(name, 24)
    traces: list[Trace] = []
    if np.isfinite(low).all():
        edge = {"type": "scatter", "mode": "lines", "x": numbers(x[rows]), "line": {"width": 0, "color": colour},
                "hoverinfo": "skip", "showlegend": False}  # fmt: skip
        traces += [
            {**edge, "y": numbers(low)},
            {**edge, "y": numbers(high), "fill": "tonexty", "fillcolor": f"{colour}/16"},
        ]
    traces.append(
        {"type": "scatter", "mode": "lines", "name": shown, "x": numbers(x[rows]), "y": numbers(mean),
         "line": {"color": colour, "width": 2.4, "dash": dash},
         "hovertemplate": "%{x:.4g}: %{y:.4g}<extra>" + shown + "</extra>"}
    )  # fmt: skip
    return traces


def _level(value: float, end: float, name: str) -> Trace:
    return {
        "type": "scatter", "mode": "lines", "name": name, "x": [0, end], "y": numbers([value, value]),
        "line": {"color": "@ink/55", "width": 1, "dash": "dash"}, "hoverinfo": "skip",
    }  # fmt: skip
