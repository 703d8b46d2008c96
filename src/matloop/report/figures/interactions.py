"""Which pairs of features act together, and what the strongest pair does beyond its parts."""

from __future__ import annotations

import numpy as np

from matloop.explain.values import Check, Interaction, failed
from matloop.report.figures.figure import Figure, Trace, Variant, axis, numbers, safe
from matloop.report.words import number, percent, short, unit_text, with_unit

SHOWN = 10


def interaction_figure(
    key: str, pairs: tuple[Interaction, ...], checks: tuple[Check, ...], output: str, unit: str
) -> Figure | None:
    """Bars of the strength of pairs with the spread over models, at most ten; None without pairs."""
    ranked = pairs[:SHOWN]
    if not ranked:
        return None
    shown, unread = "" if output else unit_text(unit), bool(failed(checks))
    names = [f"{short(one.a, 22)} × {short(one.b, 22)}" for one in ranked]
    strength = np.array([one.strength for one in ranked])
    trace: Trace = {
        "type": "bar",
        "orientation": "h",
        "x": numbers(strength),
        "y": list(range(len(ranked))),
        "showlegend": False,
        "text": [
            f"{safe(name)}<br>{percent(one.h, 0)} of what both do" for name, one in zip(names, ranked, strict=True)
        ],
        "textposition": "none",
        "hovertemplate": "<b>%{x:.3g}</b><br>%{text}<extra></extra>",
        "marker": {"color": "@grey/45" if unread else "@purple/80"},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "color": "@ink/70",
            "thickness": 1.3,
            "width": 3,
            "array": numbers([one.high - one.strength for one in ranked]),
            "arrayminus": numbers([one.strength - one.low for one in ranked]),
        },
    }
    title = "joint part of the effect, standard deviation" + (f" ({shown})" if shown else "")
    layout = {
        "xaxis": axis(safe(title, 80), rangemode="tozero"),
        "yaxis": {
            "title": {"text": ""},
            "showgrid": False,
            "tickvals": list(range(len(ranked))),
            "ticktext": [safe(name, 46) for name in names],
            "range": [len(ranked) - 0.4, -0.6],
        },
    }
    first = ranked[0]
    words = (
        f"Strongest: {first.a} with {first.b}, {with_unit(number(first.strength, 2), shown)}, "
        f"{percent(first.h, 0)} of what both do (Friedman's H)."
    )
    return Figure(
        key, "Features that act together" + (": do not read" if unread else ""),
        (Variant("all", (trace,), layout, words, f"{words} Lines: spread over models."),), 100 + 30 * len(ranked),
    )  # fmt: skip


def surface_figure(key: str, one: Interaction, output: str, unit: str, *, unread: bool) -> Figure | None:
    """The joint effect of a pair as a map; None where it was not worked out."""
    if one.surface.ndim != 2 or not one.surface.size:
        return None
    shown = "" if output else unit_text(unit)
    most = float(np.abs(one.surface).max()) or 1.0
    trace: Trace = {
        "type": "heatmap",
        "x": numbers(one.grid_a),
        "y": numbers(one.grid_b),
        "z": [numbers(line, 3) for line in one.surface.T],
        "zmin": -most,
        "zmax": most,
        "zsmooth": "best",
        "colorscale": [[0, "@grey"], [0.5, "@card"], [1, "@grey"]]
        if unread
        else [[0, "@blue"], [0.5, "@card"], [1, "@orange"]],
        "colorbar": {"thickness": 10, "outlinewidth": 0, "title": {"text": safe(shown, 20)}},
        "hovertemplate": "%{x:.3g}, %{y:.3g}: %{z:+.3g}<extra></extra>",
    }
    layout = {"xaxis": axis(safe(one.a, 48)), "yaxis": axis(safe(one.b, 48))}
    caption = "What both do together beyond what each does alone: orange raises the prediction, blue lowers it."
    alt = f"Joint effect of {one.a} and {one.b}, up to {number(most, 2)} {shown}."
    title = f"{short(one.a, 24)} with {short(one.b, 24)}" + (": do not read" if unread else "")
    return Figure(key, title, (Variant("all", (trace,), layout, alt, caption),), 360)
