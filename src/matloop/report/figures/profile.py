"""Figures of a table's profile: distributions, correlations, hidden shapes, gaps, what tells of the target, dates."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from matloop.profile.five_values import ColumnProfile, DataProfile, Relation, Warned
from matloop.report.figures.figure import Figure, Variant, axis, names_with, numbers, safe
from matloop.report.words import count, number, percent, unit_text

MOST_SHOWN = 16
_PLAIN = {"showgrid": False, "zeroline": False}


def distribution_figures(found: DataProfile) -> Figure | None:
    """How each column of numbers or words lies: a button per column, targets first."""
    turn = {"target": 0, "input": 1, "other": 2, "error": 3}
    columns = [one for one in found.columns if one.part in turn and one.counts]
    columns = sorted(columns, key=lambda one: (turn[one.part], one.kind != "number"))[:MOST_SHOWN]
    variants = tuple(_bars(one) for one in columns)
    return Figure("distributions", "How the values lie", variants, 330, wide=True) if variants else None


def _bars(one: ColumnProfile) -> Variant:
    colour = "@blue" if one.part == "target" else "@green"
    unit = unit_text(one.unit)
    if one.kind == "words":
        names = [safe(name, 28) for name in one.top]
        data = {
            "type": "bar", "orientation": "h", "y": list(range(len(names))), "x": list(one.counts), "text": names,
            "marker": {"color": colour + "/75"}, "hovertemplate": "%{text}: %{x} rows<extra></extra>",
            "textposition": "none",
        }  # fmt: skip
        layout = {
            "xaxis": axis("rows", rangemode="tozero", tickformat=",~d"),
            "yaxis": {"title": {"text": ""}, "tickvals": list(range(len(names))), "ticktext": names,
                      "autorange": "reversed", **_PLAIN},
        }  # fmt: skip
        more = f"; the {len(names)} most frequent are shown" if one.distinct > len(names) else ""
        words = f"{count(one.distinct)} different values{more}."
        return Variant(safe(one.name, 24), (data,), layout, f"Bars of {one.name}. {words}", words)
    edges = np.asarray(one.edges)
    data = {
        "type": "scatter", "mode": "lines", "x": numbers(np.repeat(edges, 2)[1:-1]),
        "y": [n for n in one.counts for _ in (0, 1)], "line": {"color": colour, "width": 1.6},
        "fill": "tozeroy", "fillcolor": colour + "/25", "hovertemplate": "%{x}: %{y} rows<extra></extra>",
    }  # fmt: skip
    layout = {
        "xaxis": axis(
            names_with(one.name, "" if unit and f"({unit})" in one.name else unit),
            **({"type": "log"} if one.log else {}),
        ),
        "yaxis": axis("rows", rangemode="tozero", tickformat=",~d"),
    }
    q = [number(value) for value in one.quantiles]
    tail = f" {unit}" if unit else ""
    words = (
        f"Half of the values lie between {q[2]} and {q[4]}{tail}, the median is {q[3]}; all, between {q[0]} and {q[6]}."
    )
    if abs(one.skew) > 2 and not one.log:
        words += " Very skewed: think of a transformation, or of a loss that far values do not rule."
    return Variant(safe(one.name, 24), (data,), layout, f"Histogram of {one.name}. {words}", words)


def correlation_figure(found: DataProfile) -> Figure | None:
    """Heat map of all pairs, with a button for Pearson and one for Spearman; None with fewer than two columns."""
    names = [safe(name, 18) for name in found.names[:MOST_SHOWN]]
    n = len(names)
    if n < 2:
        return None
    variants = []
    for label, whole in (("Spearman", found.spearman), ("Pearson", found.pearson)):
        table = np.array(whole[:n, :n])
        shown = [[f"{v:.2f}" if math.isfinite(v) else "" for v in row] for row in table.tolist()]
        data = {
            "type": "heatmap", "x": list(range(n)), "y": list(range(n)), "z": [numbers(row, 3) for row in table],
            "zmin": -1, "zmax": 1, "colorscale": [[0, "@orange"], [0.5, "@card"], [1, "@blue"]], "xgap": 2, "ygap": 2,
            "text": shown, "texttemplate": "%{text}" if n <= 8 else "",
            "customdata": [[f"{safe(found.names[a], 30)} and {safe(found.names[b], 30)}" for b in range(n)]
                           for a in range(n)],
            "hovertemplate": "%{customdata}: %{z:.2f}<extra></extra>",
            "colorbar": {"thickness": 10, "outlinewidth": 0, "tickvals": [-1, 0, 1]},
        }  # fmt: skip
        ticks = {"tickvals": list(range(n)), "ticktext": names, **_PLAIN}
        layout = {
            "xaxis": {"title": {"text": ""}, "tickangle": -45, **ticks},
            "yaxis": {"title": {"text": ""}, "autorange": "reversed", **ticks},
        }
        strong = sorted(
            ((abs(table[a, b]), a, b) for a in range(n) for b in range(a) if math.isfinite(table[a, b])), reverse=True
        )[:3]
        said = "; ".join(f"{found.names[b]} and {found.names[a]} {table[a, b]:.2f}" for _, a, b in strong)
        caption = f"{label} correlation over the rows that have both. Strongest: {said}."
        variants.append(Variant(label, (data,), layout, f"Heat map of {label} correlations. {said}", caption))
    return Figure("correlations", "How columns hang together", tuple(variants), 130 + max(26 * n, 220), square=True)


def shapes_figure(pairs: Sequence[Relation]) -> Figure | None:
    """Scatter plots of relations whose correlation hides their shape; a button for each."""
    shown: list[tuple[Relation, Warned]] = [(pair, warned) for pair in pairs for warned in pair.warnings][:8]
    variants = []
    for pair, warned in shown:
        data = {
            "type": "scatter", "mode": "markers", "x": numbers(warned.x), "y": numbers(warned.y),
            "marker": {"color": "@blue/55", "size": 6}, "hovertemplate": "%{x}, %{y}<extra></extra>",
        }  # fmt: skip
        line = _line(warned)
        layout = {"xaxis": axis(safe(pair.first, 40)), "yaxis": axis(safe(pair.second, 40))}
        label = f"{safe(pair.first, 12)} · {safe(pair.second, 12)}"
        variants.append(Variant(label, (data, line), layout, f"Scatter plot. {warned.said}", safe(warned.said, 300)))
    return Figure("shapes", "What correlations hide", tuple(variants), 360) if variants else None


def _line(warned: Warned) -> dict[str, object]:
    """The straight line through the points that are drawn."""
    x, y = np.asarray(warned.x), np.asarray(warned.y)
    slope = float(np.cov(x, y)[0, 1] / np.var(x, ddof=1)) if np.ptp(x) > 0 else 0.0
    ends = np.array([x.min(), x.max()])
    return {
        "type": "scatter", "mode": "lines", "x": numbers(ends), "y": numbers(y.mean() + slope * (ends - x.mean())),
        "line": {"color": "@orange", "width": 1.6, "dash": "dash"}, "hoverinfo": "skip", "showlegend": False,
    }  # fmt: skip


def target_figure(found: DataProfile) -> Figure | None:
    """What tells of the target, as bars with intervals, the strongest first."""
    told = found.target_relations[:14]
    if not told:
        return None
    names = [safe(one.name, 30) for one in told]
    colours = ["@green/75" if one.made else "@blue/75" for one in told]
    reach = [one.high - one.strength if math.isfinite(one.high) else 0.0 for one in told]
    below = [one.strength - one.low if math.isfinite(one.low) else 0.0 for one in told]
    data = {
        "type": "bar", "orientation": "h", "y": list(range(len(told))), "x": numbers([one.strength for one in told], 3),
        "marker": {"color": colours}, "text": names, "textposition": "none",
        "hovertemplate": "%{text}: %{x:.2f}<extra></extra>",
        "error_x": {"type": "data", "symmetric": False, "array": numbers(reach, 3), "arrayminus": numbers(below, 3),
                    "color": "@muted", "thickness": 1.2, "width": 0},
    }  # fmt: skip
    low, high = min(0.0, *(o.strength for o in told)), max(0.2, *(o.strength for o in told))
    layout = {
        "xaxis": axis("rank correlation (or eta² for words)", range=[low - 0.08, min(1.0, high + 0.12)]),
        "yaxis": {"title": {"text": ""}, "tickvals": list(range(len(told))), "ticktext": names, "autorange": "reversed",
                  **_PLAIN},
    }  # fmt: skip
    said = "; ".join(f"{one.name} {one.strength:.2f}" for one in told[:4])
    caption = "Each by itself; blue are columns, green features made of the matter. Lines are 95 % intervals."
    variant = Variant("all", (data,), layout, f"Bars of relations to {found.target}: {said}", caption)
    return Figure("target", f"What tells of {found.target}", (variant,), 120 + 26 * len(told), wide=True)


def gaps_figure(found: DataProfile) -> Figure | None:
    """Share of empty cells per column; None where nothing is missing."""
    gaps = sorted((one for one in found.columns if one.missing > 0), key=lambda one: -one.missing)[:MOST_SHOWN]
    if not gaps:
        return None
    names = [safe(one.name, 28) for one in gaps]
    data = {
        "type": "bar", "orientation": "h", "y": list(range(len(gaps))),
        "x": numbers([100 * one.missing for one in gaps], 3),
        "marker": {"color": "@orange/75"}, "text": names, "textposition": "none",
        "hovertemplate": "%{text}: %{x:.1f} %<extra></extra>",
    }  # fmt: skip
    layout = {
        "xaxis": axis("empty cells (%)", range=[0, 100]),
        "yaxis": {"title": {"text": ""}, "tickvals": list(range(len(gaps))), "ticktext": names, "autorange": "reversed",
                  **_PLAIN},
    }  # fmt: skip
    said = "; ".join(f"{one.name} {percent(one.missing)}" for one in gaps[:5])
    return Figure(
        "gaps", "Where cells are empty", (Variant("all", (data,), layout, f"Bars of empty cells: {said}", said),),
        110 + 26 * len(gaps),
    )  # fmt: skip


def dates_figure(found: DataProfile) -> Figure | None:
    """Rows per month or year; None without dates."""
    if len(found.months) < 2:
        return None
    names, rows = zip(*found.months, strict=True)
    data = {
        "type": "bar", "x": list(names), "y": list(rows), "marker": {"color": "@blue/75"},
        "hovertemplate": "%{x}: %{y} rows<extra></extra>",
    }  # fmt: skip
    step = "year" if len(names[0]) == 4 else "month"
    layout = {"xaxis": axis(step), "yaxis": axis("rows", rangemode="tozero", tickformat=",~d")}
    words = f"From {names[0]} to {names[-1]}; most in {names[int(np.argmax(rows))]}."
    variant = Variant("all", (data,), layout, f"Rows per {step}. {words}", words)
    return Figure("dates", f"Rows per {step}", (variant,), 300)
