"""Measured against predicted, with intervals, for each set of rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.evaluate.values import Evidence, Points
from matloop.report.figures.figure import Figure, Trace, Variant, axis, names_with, numbers, padded, safe
from matloop.report.thinning import Shown, shown_rows
from matloop.report.words import EVIDENCE, count, metric_estimate, unit_text

BINS = 70


def parity_figure(key: str, sets: tuple[Evidence, ...], target: str, unit: str, log: bool) -> Figure | None:
    """Measured (x) against predicted (y) values; None where no row has both."""
    variants = tuple(_variant(found, target, unit_text(unit), log) for found in sets if _drawable(found.points).any())
    return Figure(key, "Measured against predicted", variants, 460, square=True) if variants else None


def _drawable(points: Points) -> np.ndarray:
    return np.isfinite(points.y) & np.isfinite(points.value)


def _variant(found: Evidence, target: str, unit: str, log: bool) -> Variant:
    points = found.points
    keep = _drawable(points)
    log = log and bool((points.y[keep] > 0).all() and (points.value[keep] > 0).all())
    error = np.abs(_scaled(points.value, log) - _scaled(points.y, log))
    shown = shown_rows(np.where(keep, error, np.nan))
    both = np.concatenate([points.y[keep], points.value[keep]])
    ends = padded(*_scaled(np.array([both.min(), both.max()]), log).tolist())
    kind: dict[str, Any] = {"range": ends, "type": "log"} if log else {"range": ends}
    layout = {
        "xaxis": axis(f"measured {names_with(target, unit)}", **kind),
        "yaxis": axis(f"predicted {names_with(target, unit)}", **kind),
    }
    data = [*density(points.y[keep], points.value[keep], ends, ends, shown.dense, log), _diagonal(ends, log)]
    data += [
        bars(points, points.y, points.value, shown.bars, log, level(found)),
        *clouds(points, points.y, points.value, shown.rows, unit),
    ]
    return Variant(EVIDENCE[found.name][0], tuple(data), layout, _alt(found, target, unit), _caption(found, shown))


def _scaled(values: FloatArray, log: bool) -> FloatArray:
    return np.log10(np.maximum(values, 1e-300)) if log else values


def level(found: Evidence) -> float:
    """The nominal level of the intervals."""
    return found.intervals.level if found.intervals else 0.9


def _diagonal(ends: list[float], log: bool) -> Trace:
    line = [10**end for end in ends] if log else ends
    return {
        "type": "scatter",
        "mode": "lines",
        "x": numbers(line),
        "y": numbers(line),
        "hoverinfo": "skip",
        "showlegend": False,
        "line": {"color": "@ink/55", "width": 1, "dash": "dash"},
    }


def density(
    x: FloatArray, y: FloatArray, x_ends: list[float], y_ends: list[float], dense: bool, log: bool
) -> list[Trace]:
    """How many rows lie in each cell, as shading (logarithmic); nothing where every row is a point anyway."""
    if not dense or log:
        return []
    cells, x_edges, y_edges = np.histogram2d(x, y, bins=BINS, range=[x_ends, y_ends])
    share = np.log1p(cells.T) / np.log1p(cells.max())
    shade = [[round(value, 2) or None for value in row] for row in share.tolist()]
    return [
        {
            "type": "heatmap",
            "z": shade,
            "x0": x_edges[0] + (x_edges[1] - x_edges[0]) / 2,
            "dx": x_edges[1] - x_edges[0],
            "y0": y_edges[0] + (y_edges[1] - y_edges[0]) / 2,
            "dy": y_edges[1] - y_edges[0],
            "zmin": 0,
            "zmax": 1,
            "showscale": False,
            "hoverinfo": "skip",
            "colorscale": [[0, "@heat/6"], [1, "@heat/85"]],
        }
    ]


def bars(points: Points, x: FloatArray, y: FloatArray, rows: IntArray, log: bool, level: float = 0.9) -> Trace:
    """The intervals of some rows, as one line with gaps (lighter than error bars); `y` is drawn at the value."""
    shift = y - points.value
    low, high = points.low[rows] + shift[rows], points.high[rows] + shift[rows]
    good = np.isfinite(low) & np.isfinite(high) & ((low > 0) | (not log))
    gaps = np.full(int(good.sum()), np.nan)
    x_line = np.column_stack([x[rows][good], x[rows][good], gaps]).ravel()
    y_line = np.column_stack([low[good], high[good], gaps]).ravel()
    return {
        "type": "scatter",
        "mode": "lines",
        "x": numbers(x_line),
        "y": numbers(y_line),
        "hoverinfo": "skip",
        "name": f"{100 * level:g} % interval",
        "line": {"color": "@grey/45", "width": 1.2},
    }


def clouds(points: Points, x: FloatArray, y: FloatArray, rows: IntArray, unit: str) -> list[Trace]:
    """Points inside and outside their interval; hollow where a row is unlike the training rows."""
    inside = ~((points.y < points.low) | (points.y > points.high))
    kinds = (("inside", inside, "@blue", "circle"), ("outside", ~inside, "@red", "diamond"))
    return [
        _cloud(points, x, y, rows[mask[rows]], unit, (name, colour, symbol))
        for name, mask, colour, symbol in kinds
        if mask[rows].any()
    ]


def _cloud(
    points: Points, x: FloatArray, y: FloatArray, rows: IntArray, unit: str, look: tuple[str, str, str]
) -> Trace:
    name, colour, symbol = look
    # rows in the domain first: the legend shows the first mark
    rows = rows[np.argsort(~points.in_domain[rows], kind="stable")]
    symbols: list[str] | str = [symbol if inside else symbol + "-open" for inside in points.in_domain[rows].tolist()]
    if set(symbols) == {symbol}:
        symbols = symbol
    columns = (points.y, points.value, points.low, points.high)
    facts = zip(*(numbers(column[rows], 4) for column in columns), strict=True)
    custom = [[safe(label, 40), *fact] for label, fact in zip(points.ids[rows].tolist(), facts, strict=True)]
    tail = f" {safe(unit, 24)}" if unit else ""
    hover = (
        "<b>%{customdata[0]}</b><br>measured %{customdata[1]}"
        + tail
        + "<br>predicted %{customdata[2]}"
        + tail
        + "<br>interval %{customdata[3]} to %{customdata[4]}<extra></extra>"
    )
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": numbers(x[rows]),
        "y": numbers(y[rows]),
        "customdata": custom,
        "hovertemplate": hover,
        "marker": {
            "color": colour + "/70",
            "size": 4.5 if len(points.y) > 2000 else 5.5 if len(rows) > 300 else 7,
            "symbol": symbols,
            "line": {"width": 1, "color": colour},
        },
    }


def _caption(found: Evidence, shown: Shown) -> str:
    hollow = " Hollow marks: unlike the training rows." if not found.points.in_domain.all() else ""
    return f"{EVIDENCE[found.name][0]}: {EVIDENCE[found.name][2]}. {shown.rule}{hollow}".replace("  ", " ").strip()


def _alt(found: Evidence, target: str, unit: str) -> str:
    scores = [
        f"{name.upper()} {metric_estimate(name, found.scores[name], unit)[0]}"
        for name in ("mae", "r2")
        if name in found.scores
    ]
    rows = f"{count(found.n_rows)} rows, {EVIDENCE[found.name][0].lower()}"
    return f"Scatter plot of measured against predicted {target}, {rows}. {', '.join(scores)}."
