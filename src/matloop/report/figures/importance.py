"""What the model leans on: rise of the error when a group of features is shuffled, or left out of a new fit."""

from __future__ import annotations

import math

from matloop.explain.values import DropColumn, Importance
from matloop.report.figures.figure import Figure, Trace, Variant, axis, numbers, safe
from matloop.report.words import metric_unit, metric_words, number, short

SHOWN = 15


def importance_figure(key: str, importances: tuple[Importance, ...], metric: str, unit: str) -> Figure | None:
    """Bars with their spread, the largest first; at most 15."""
    ranked = sorted((one for one in importances if math.isfinite(one.value)), key=lambda one: -one.value)[:SHOWN]
    if not ranked:
        return None
    scale = 100.0 if metric_words(metric).share else 1.0
    trace: Trace = {
        "type": "bar",
        "orientation": "h",
        "x": numbers([scale * one.value for one in ranked]),
        "y": list(range(len(ranked))),
        "showlegend": False,
        "text": [_members(one) for one in ranked],
        "textposition": "none",
        "hovertemplate": "<b>%{x:.3g}</b><br>%{text}<extra></extra>",
        "marker": {"color": "@blue/80"},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "color": "@ink/70",
            "thickness": 1.3,
            "width": 3,
            "array": numbers([scale * _gap(one.high - one.value) for one in ranked]),
            "arrayminus": numbers([scale * _gap(one.value - one.low) for one in ranked]),
        },
    }
    shown = metric_unit(metric, unit)
    title = f"rise of the error, {metric_words(metric).label}" + (f" ({shown})" if shown else "")
    ticks = {
        "tickvals": list(range(len(ranked))),
        "ticktext": [safe(_label(one), 38) for one in ranked],
        "range": [len(ranked) - 0.4, -0.6],
    }
    layout = {
        "xaxis": axis(safe(title, 80), rangemode="tozero"),
        "yaxis": {"title": {"text": ""}, "showgrid": False, **ticks},
    }
    said = "; ".join(f"{short(_label(one), 40)} {number(scale * one.value)}" for one in ranked[:5])
    more = f" The {SHOWN} largest of {len(importances)} are shown." if len(importances) > SHOWN else ""
    caption = (
        "Each bar: how much worse the model gets when these features are shuffled among rows it was not trained on. "
        f"Features that go together are shuffled together (+n: so many others). Lines: spread over folds and "
        f"repeats.{more}"
    )
    return Figure(
        key,
        "Rise of the error when features are shuffled",
        (Variant("all", (trace,), layout, f"Bars of importance, largest first: {said}.", caption),),
        90 + 30 * len(ranked),
        wide=True,
    )


def drop_figure(key: str, drops: tuple[DropColumn, ...], metric: str, unit: str, *, unread: bool) -> Figure | None:
    """Rise of the error without each group, beside the rise when it is shuffled; None without any."""
    known = [one for one in drops if math.isfinite(one.value)]
    if not known:
        return None
    scale = 100.0 if metric_words(metric).share else 1.0
    bars: Trace = {
        "type": "bar",
        "orientation": "h",
        "name": "left out, fitted again",
        "x": numbers([scale * one.value for one in known]),
        "y": list(range(len(known))),
        "hovertemplate": "%{x:.3g}<extra>left out</extra>",
        "marker": {"color": "@grey/45" if unread else "@blue/80"},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "color": "@ink/70",
            "thickness": 1.3,
            "width": 3,
            "array": numbers([scale * _gap(one.high - one.value) for one in known]),
            "arrayminus": numbers([scale * _gap(one.value - one.low) for one in known]),
        },
    }
    dots: Trace = {
        "type": "scatter",
        "mode": "markers",
        "name": "shuffled in the fitted model",
        "x": numbers([scale * one.permutation for one in known]),
        "y": list(range(len(known))),
        "hovertemplate": "%{x:.3g}<extra>shuffled</extra>",
        "marker": {"color": "@orange", "size": 9, "symbol": "diamond"},
    }
    shown = metric_unit(metric, unit)
    title = f"rise of the error, {metric_words(metric).label}" + (f" ({shown})" if shown else "")
    ticks = {
        "tickvals": list(range(len(known))),
        "ticktext": [safe(_label(one), 38) for one in known],
        "range": [len(known) - 0.4, -0.6],
    }
    layout = {
        "xaxis": axis(safe(title, 80), zeroline=True),
        "yaxis": {"title": {"text": ""}, "showgrid": False, **ticks},
    }
    said = "; ".join(f"{short(_label(one), 40)} {number(scale * one.value)}" for one in known[:5])
    caption = (
        "Bars: the model is fitted again without the group, 95 % interval over folds. A long shuffle and no bar: other "
        "features can say the same."
    )
    return Figure(
        key, "What the data cannot do without" + (": do not read" if unread else ""),
        (Variant("all", (bars, dots), layout, f"Rise of the error without each group: {said}.", caption),),
        120 + 32 * len(known), wide=True,
    )  # fmt: skip


def _label(one: Importance | DropColumn) -> str:
    others = len(one.members) - 1
    name = one.name.removesuffix(f" (+{others} correlated)")
    return f"{short(name, 31)} +{others}" if others > 0 else name


def _members(one: Importance) -> str:
    shown = "<br>".join(safe(member, 60) for member in one.members[:8])
    return shown + (f"<br>and {len(one.members) - 8} more" if len(one.members) > 8 else "") if shown else safe(one.name)


def _gap(value: float) -> float:
    return max(value, 0.0) if math.isfinite(value) else 0.0
