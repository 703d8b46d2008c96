"""How the prediction moves with one feature, and where there are rows to say so."""

from __future__ import annotations

import numpy as np

from matloop.explain.values import Dependence
from matloop.report.figures.figure import Figure, Trace, Variant, axis, names_with, numbers, safe
from matloop.report.words import number, short, unit_text

SHOWN = 8


def dependence_figures(key: str, dependences: tuple[Dependence, ...], target: str, unit: str) -> tuple[Figure, ...]:
    """A small figure per feature, at most eight."""
    return tuple(
        _figure(f"{key}-{i}", one, target, unit_text(unit))
        for i, one in enumerate(dependences[:SHOWN])
        if len(one.grid)
    )


def _figure(key: str, one: Dependence, target: str, unit: str) -> Figure:
    levels = bool(one.levels)
    layout = {
        "xaxis": axis(
            safe(one.feature, 48),
            anchor="y2",
            **(
                {"tickvals": list(range(len(one.levels))), "ticktext": [safe(level, 18) for level in one.levels]}
                if levels
                else {}
            ),
        ),
        "yaxis": axis(_output(one, target, unit), domain=[0.2, 1]),
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
    words = f"From {number(float(np.nanmin(one.mean)))} to {number(float(np.nanmax(one.mean)))} {unit}".strip()
    alt = f"Mean {one.output or f'predicted {target}'} against {one.feature}. {words}."
    caption = f"{words}, the other features as they are."
    return Figure(key, short(one.feature, 44), (Variant("all", _traces(one, levels), layout, alt, caption),), 290)


def _output(one: Dependence, target: str, unit: str) -> str:
    return f"mean {safe(one.output, 40)}" if one.output else f"mean predicted {names_with(target, unit)}"


def _traces(one: Dependence, levels: bool) -> tuple[Trace, ...]:
    x = list(range(len(one.grid))) if levels else numbers(one.grid)
    density: Trace = {
        "type": "bar",
        "x": x,
        "y": numbers(one.density, 3),
        "yaxis": "y2",
        "marker": {"color": "@grey/55"},
        "hovertemplate": "%{y:.1%} of the rows<extra></extra>",
    }
    mean: Trace = {
        "type": "scatter",
        "mode": "markers" if levels else "lines+markers",
        "x": x,
        "y": numbers(one.mean),
        "line": {"color": "@blue", "width": 2},
        "marker": {"color": "@blue", "size": 8 if levels else 4},
        "hovertemplate": "%{x:.4g}: %{y:.4g}<extra></extra>",
    }
    if levels:
        gaps = {"array": numbers(one.high - one.mean), "arrayminus": numbers(one.mean - one.low)}
        return density, {
            **mean,
            "hovertemplate": "%{y:.4g}<extra></extra>",
            "error_y": {"type": "data", "symmetric": False, "color": "@blue", "thickness": 1.4, "width": 0, **gaps},
        }
    edge = {"type": "scatter", "mode": "lines", "x": x, "hoverinfo": "skip", "line": {"width": 0, "color": "@blue/0"}}
    band: tuple[Trace, ...] = (
        {**edge, "y": numbers(one.low)},
        {**edge, "y": numbers(one.high), "fill": "tonexty", "fillcolor": "@blue/16"},
    )
    return (density, *band, mean)
