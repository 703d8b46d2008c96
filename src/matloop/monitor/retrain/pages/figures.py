"""Figures of what changed: data by chemistry, gains with intervals, families, errors before and after, importance."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from matloop.metrics.estimate import Estimate
from matloop.monitor.retrain.changes import Count, Lean, TargetChange
from matloop.report.figures.figure import Figure, Trace, Variant, axis, numbers, safe
from matloop.report.words import number, short

LEGEND = {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.01, "yanchor": "bottom",
          "font": {"size": 12, "color": "@muted"}}  # fmt: skip
SHOWN = 15


def data_figure(families: Sequence[Count], elements: Sequence[Count]) -> Figure | None:
    """Training rows by chemistry, champion beside challenger."""
    variants = [
        _counts(label, found[:SHOWN]) for label, found in (("families", families), ("elements", elements)) if found
    ]
    height = 110 + 30 * max((min(len(found), SHOWN) for found in (families, elements)), default=0)
    return Figure("data-figure", "Training rows by chemistry", tuple(variants), height, wide=True) if variants else None


def _counts(label: str, found: Sequence[Count]) -> Variant:
    traces = tuple(
        {"type": "bar", "orientation": "h", "name": name, "x": [getattr(one, key) for one in found],
         "y": list(range(len(found))), "marker": {"color": colour}, "hovertemplate": "%{x:,} rows<extra></extra>"}
        for name, key, colour in (("champion", "before", "@grey/70"), ("challenger", "after", "@blue/85"))
    )  # fmt: skip
    layout = {"barmode": "group", "legend": LEGEND, "xaxis": axis("rows"), "yaxis": _names([one.name for one in found])}
    said = "; ".join(f"{short(one.name, 30)} {one.before:,} to {one.after:,}" for one in found[:5])
    return Variant(label, traces, layout, f"Bars: {said}.", "What changed most comes first.")


def family_figure(key: str, one: TargetChange) -> Figure | None:
    """Gain per chemical family with its interval; what harms comes first."""
    found = [each for each in one.contest.families if math.isfinite(each.loss.gain.value)][:SHOWN]
    if len(found) < 2:
        return None
    trace = _dots([each.loss.gain for each in found], ["@red" if each.harmed else "@blue" for each in found])
    names = [f"{each.name} ({each.loss.n_groups:,})" for each in found]
    layout = {"xaxis": axis("gain: how much smaller the error became", zeroline=True), "yaxis": _names(names)}
    said = "; ".join(f"{short(each.name, 30)} {number(each.loss.gain.value)}" for each in found[:4])
    caption = "Right of zero the challenger is better. Lines: 95 % intervals of paired resamples of whole groups."
    return Figure(key, "Gain by chemical family", (Variant("all", (trace,), layout, f"Dots: {said}.", caption),),
                  100 + 30 * len(found), wide=True)  # fmt: skip


def _dots(found: Sequence[Estimate], colours: Sequence[str]) -> Trace:
    return {
        "type": "scatter", "mode": "markers", "showlegend": False, "x": numbers([one.value for one in found]),
        "y": list(range(len(found))), "marker": {"color": list(colours), "size": 9},
        "hovertemplate": "%{x:.4g}<extra></extra>",
        "error_x": {"type": "data", "symmetric": False, "color": "@ink/70", "thickness": 1.4, "width": 0,
                    "array": numbers([_gap(one.high - one.value) for one in found]),
                    "arrayminus": numbers([_gap(one.value - one.low) for one in found])},
    }  # fmt: skip


def error_figure(key: str, one: TargetChange, unit: str) -> Figure | None:
    """Error of each unseen row, before against after; below the line it became smaller."""
    points = one.points
    if not len(points.before):
        return None
    where = np.array(points.where)
    traces: list[Trace] = []
    for name, asked, colour, symbol in (("vault", "vault", "@blue", "circle"), ("later in time", "later", "@orange",
                                                                             "diamond")):  # fmt: skip
        rows = np.flatnonzero(where == asked)
        if len(rows):
            traces.append(
                {"type": "scatter", "mode": "markers", "name": name, "x": numbers(points.before[rows]),
                 "y": numbers(points.after[rows]), "text": [safe(points.shown[row], 50) for row in rows.tolist()],
                 "hovertemplate": "%{text}: %{x:.4g} became %{y:.4g}<extra></extra>",
                 "marker": {"color": colour, "symbol": symbol, "size": 6, "opacity": 0.65}}
            )  # fmt: skip
    top = float(max(points.before.max(), points.after.max(), 1e-12)) * 1.03
    traces.append({"type": "scatter", "mode": "lines", "x": [0, top], "y": [0, top], "hoverinfo": "skip",
                   "showlegend": False, "line": {"color": "@muted", "width": 1, "dash": "dash"}})  # fmt: skip
    what = f"error ({safe(unit, 20)})" if unit else "error"
    layout = {"legend": LEGEND, "xaxis": axis(f"{what} of the champion", range=[0, top]),
              "yaxis": axis(f"{what} of the challenger", range=[0, top])}  # fmt: skip
    better = float((points.after < points.before).mean())
    caption = f"Each dot is a row that neither model has seen; {better:.0%} lie below the line, where the error shrank."
    return Figure(key, "Errors, before and after", (Variant("all", tuple(traces), layout, caption, caption),), 420,
                  square=True)  # fmt: skip


def lean_figure(key: str, leans: Sequence[Lean]) -> Figure | None:
    """Importance of groups of features, before beside after."""
    found = [one for one in leans if math.isfinite(one.before) or math.isfinite(one.after)]
    if not found:
        return None
    traces = tuple(
        {"type": "bar", "orientation": "h", "name": name, "x": numbers([getattr(one, part) for one in found]),
         "y": list(range(len(found))), "marker": {"color": colour}, "hovertemplate": "%{x:.4g}<extra></extra>"}
        for name, part, colour in (("champion", "before", "@grey/70"), ("challenger", "after", "@blue/85"))
    )  # fmt: skip
    layout = {"barmode": "group", "legend": LEGEND, "xaxis": axis("rise of the error when shuffled"),
              "yaxis": _names([one.name for one in found])}  # fmt: skip
    said = "; ".join(f"{short(one.name, 30)} {number(one.before)} to {number(one.after)}" for one in found[:4])
    caption = "Features that go together are shuffled together; the first of each group is named."
    return Figure(key, "What the models lean on", (Variant("all", traces, layout, f"Bars: {said}.", caption),),
                  110 + 34 * len(found), wide=True)  # fmt: skip


def _names(names: Sequence[str]) -> dict[str, object]:
    return {"title": {"text": ""}, "showgrid": False, "tickvals": list(range(len(names))),
            "ticktext": [safe(name, 34) for name in names], "range": [len(names) - 0.4, -0.6]}  # fmt: skip


def _gap(value: float) -> float:
    return value if math.isfinite(value) and value > 0 else 0.0
