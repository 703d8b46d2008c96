"""Accumulated local effects with single rows' curves, one figure per feature."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from matloop.explain.values import Effect, failed
from matloop.report.figures.figure import Figure, Trace, Variant, axis, numbers, safe
from matloop.report.words import number, sentence, short, unit_text, with_unit

SHOWN = 6
CURVES = 30


def effect_figures(key: str, effects: Sequence[Effect], target: str, output: str, unit: str) -> tuple[Figure, ...]:
    """One figure per feature, at most six; what failed its checks is grey and says so."""
    shown = "" if output else unit_text(unit)
    what = (
        f"effect on the {output}" if output else f"effect on the predicted {target}" + (f" ({shown})" if shown else "")
    )
    return tuple(_figure(f"{key}-{i}", one, what, shown) for i, one in enumerate(effects[:SHOWN]) if len(one.grid) > 1)


def _figure(key: str, one: Effect, what: str, unit: str) -> Figure:
    levels, wrong = bool(one.levels), failed(one.checks)
    ticks = (
        {"tickvals": list(range(len(one.levels))), "ticktext": [safe(level, 18) for level in one.levels]}
        if levels
        else {}
    )
    layout = {
        "xaxis": axis(safe(one.feature, 48), anchor="y2", **ticks),
        "yaxis": axis(safe(what, 60), domain=[0.2, 1], zeroline=True),
        "yaxis2": {
            "domain": [0, 0.14],
            "showgrid": False,
            "showticklabels": False,
            "title": {"text": ""},
            "zeroline": False,
            "rangemode": "tozero",
        },
        "showlegend": False,
    }
    typical = (
        f"It moves the prediction by {with_unit(number(one.strength, 2), unit)} (standard deviation over the rows)."
    )
    if one.alike:
        typical += f" {one.alike} other columns say much the same and carry parts of it."
    caption = f"Do not read: {wrong[0].words}." if wrong else typical
    alt = (
        f"Effect of {one.feature}: from {number(float(one.mean.min()))} to {number(float(one.mean.max()))}. "
        f"{sentence(caption)}"
    )
    title = short(one.feature, 40) + (": do not read" if wrong else "")
    return Figure(key, title, (Variant("all", _traces(one, levels, bool(wrong)), layout, alt, caption),), 290)


def _traces(one: Effect, levels: bool, unread: bool) -> tuple[Trace, ...]:
    x = list(range(len(one.grid))) if levels else numbers(one.grid)
    colour = "@grey" if unread else "@blue"
    density = _density(one, levels)
    mean: Trace = {
        "type": "scatter",
        "mode": "markers" if levels else "lines+markers",
        "x": x,
        "y": numbers(one.mean),
        "line": {"color": colour, "width": 2},
        "marker": {"color": colour, "size": 8 if levels else 4},
        "hovertemplate": "%{y:+.3g}<extra></extra>" if levels else "%{x:.4g}: %{y:+.3g}<extra></extra>",
    }
    if levels:
        gaps = {"array": numbers(one.high - one.mean), "arrayminus": numbers(one.mean - one.low)}
        return density, {
            **mean,
            "error_y": {"type": "data", "symmetric": False, "color": colour, "thickness": 1.4, "width": 0, **gaps},
        }
    edge = {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "hoverinfo": "skip",
        "line": {"width": 0, "color": f"{colour}/0"},
    }
    band: tuple[Trace, ...] = (
        {**edge, "y": numbers(one.low)},
        {**edge, "y": numbers(one.high), "fill": "tonexty", "fillcolor": f"{colour}/22"},
    )
    return (density, *_single_rows(one), *band, mean)


def _density(one: Effect, levels: bool) -> Trace:
    """Share of the rows near each grid value: bars from the middle to the middle between values, area for share."""
    place = np.arange(len(one.grid)) if levels else one.grid
    middles = (place[1:] + place[:-1]) / 2
    ends = np.concatenate([[2 * place[0] - middles[0]], middles, [2 * place[-1] - middles[-1]]])
    width = np.diff(ends)
    return {
        "type": "bar",
        "x": numbers((ends[1:] + ends[:-1]) / 2),
        "y": numbers(one.density / width, 3),
        "width": numbers(0.96 * width),
        "text": [f"{share:.1%} of the rows" for share in one.density],
        "textposition": "none",
        "yaxis": "y2",
        "marker": {"color": "@grey/55"},
        "hovertemplate": "%{text}<extra></extra>",
    }


def _single_rows(one: Effect) -> tuple[Trace, ...]:
    """All curves of single rows as one broken line."""
    if one.curves.ndim != 2 or not one.curves.size:
        return ()
    curves = one.curves[:CURVES]
    x = np.tile(np.append(one.grid, np.nan), len(curves))
    y = np.column_stack([curves, np.full(len(curves), np.nan)]).ravel()
    return (
        {
            "type": "scatter",
            "mode": "lines",
            "x": numbers(x, 4),
            "y": numbers(y, 3),
            "hoverinfo": "skip",
            "line": {"color": "@grey/28", "width": 1},
        },
    )
