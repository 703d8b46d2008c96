"""Figures of the monitoring page: errors as labels came, evidence of drift, the map, answers and latency over time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.monitor.decay.quality import Course, Quality
from matloop.monitor.decay.running import Run
from matloop.monitor.drift.follow import Followed
from matloop.monitor.drift.values import ElementDrift, MapPoints
from matloop.report.figures.figure import Figure, Trace, Variant, axis, names_with, numbers, padded, safe
from matloop.report.words import counted, number, percent, unit_text

LEGEND = {
    "orientation": "h", "x": 0, "xanchor": "left", "y": 1.01, "yanchor": "bottom", "itemsizing": "constant",
    "font": {"size": 12, "color": "@muted"}, "traceorder": "normal",
}  # fmt: skip
BINS = 60
POINTS = 400
SHOWN_ELEMENTS = 20


def quality_figures(found: Sequence[Quality]) -> tuple[Figure, ...]:
    """Per target a figure of the running error and coverage."""
    figures = []
    for k, one in enumerate(found):
        variants = tuple(_course(one, course) for course in one.courses)
        if variants:
            figures.append(Figure(f"quality-{k}", f"{safe(one.target, 40)}: as measured values came", variants, 380))
    return tuple(figures)


def _course(one: Quality, course: Course) -> Variant:
    n, unit = course.n.tolist(), unit_text(course.unit)
    share = course.name == "coverage" or (not unit and course.expected <= 1.0)
    line = {"type": "scatter", "mode": "lines", "x": n}
    traces: list[Trace] = [
        line | {"name": "upper", "y": numbers(course.high), "line": {"width": 0}, "hoverinfo": "skip",
                "showlegend": False},
        line | {"name": "95 % at any time", "y": numbers(course.low), "line": {"width": 0}, "fill": "tonexty",
                "fillcolor": "@blue/18", "hoverinfo": "skip"},
        line | {"name": f"{course.name} so far", "y": numbers(course.mean), "line": {"color": "@blue", "width": 2.2}},
    ]  # fmt: skip
    shapes: list[dict[str, Any]] = []
    if np.isfinite(course.expected):
        name = "promised" if course.name == "coverage" else "when the model was made"
        grey = {"color": "@grey", "dash": "dash", "width": 1.6}
        level = {"x": [n[0], n[-1]], "y": [course.expected] * 2}
        traces.append({"type": "scatter", "mode": "lines", "name": name, "hoverinfo": "skip", "line": grey} | level)
    if course.at is not None:
        shapes.append({"type": "line", "x0": course.at, "x1": course.at, "yref": "paper", "y0": 0, "y1": 1,
                       "line": {"color": "@red", "width": 1.6, "dash": "dot"}})  # fmt: skip
    across = axis("measured values, in the order told")
    up = axis(names_with(course.name, unit), **({"tickformat": ".0%"} if share else {}))
    shown = percent(float(course.mean[-1])) if share else f"{number(float(course.mean[-1]))} {unit}".strip()
    words = f"{course.name} of {one.target} on {one.n:,} measured values: {shown}."
    alarm = f" Dotted: the test fired after {course.at:,}." if course.at else ""
    caption = "With 95 % probability the true mean lies within the whole band, however often one looks." + alarm
    return Variant(
        course.name.capitalize(), tuple(traces),
        {"legend": LEGEND, "xaxis": across, "yaxis": up, "shapes": shapes}, words, caption,
    )  # fmt: skip


def evidence_figure(followed: Followed | None) -> Figure | None:
    """Evidence of drift since monitoring began."""
    if followed is None or followed.n < 2:
        return None
    x = np.unique(np.linspace(1, followed.n, min(followed.n, POINTS)).astype(np.int64))
    limit = -float(np.log10(followed.alpha))
    traces: list[Trace] = [
        {"type": "scatter", "mode": "lines", "name": "evidence", "x": x.tolist(), "y": numbers(followed.log10[x - 1]),
         "line": {"color": "@blue", "width": 2.2}},
        {"type": "scatter", "mode": "lines", "name": "alarm from here", "x": [1, followed.n], "y": [limit, limit],
         "hoverinfo": "skip", "line": {"color": "@red", "width": 1.6, "dash": "dash"}},
    ]  # fmt: skip
    top = max(limit * 1.5, float(followed.log10.max()) * 1.05)
    low = min(-1.0, float(followed.log10.min()))
    layout = {"legend": LEGEND, "xaxis": axis("distinct questions since monitoring began"),
              "yaxis": axis("evidence of drift (powers of ten)", range=[max(low, -6.0), top])}  # fmt: skip
    caption = (
        f"Were nothing changed, the line would ever pass the dashed one with a chance of {percent(followed.alpha)} at "
        "most, however often one looks."
    )
    words = f"Evidence of drift after {followed.n:,} questions: 10 to the power of {followed.log10[-1]:.1f}."
    return Figure("evidence", "Drift as questions came", (Variant("Evidence", tuple(traces), layout, words, caption),))


def map_figure(points: MapPoints | None) -> Figure | None:
    """New rows on the map of those learnt from."""
    if points is None or not len(points.now):
        return None
    traces: list[Trace] = [
        _cloud(points.reference, points.labels_reference, "learnt from", "@grey/60", "circle-open"),
        _cloud(points.now, points.labels_now, "asked now", "@orange", "circle"),
    ]
    layout = {"legend": LEGEND, "xaxis": axis("first axis of the features", zeroline=False),
              "yaxis": axis("second axis", zeroline=False)}  # fmt: skip
    caption = f"The two axes hold {percent(sum(points.shares))} of the spread of the rows learnt from."
    words = f"Map of {len(points.reference):,} rows learnt from and {len(points.now):,} asked."
    return Figure("map", "New against old", (Variant("Map", tuple(traces), layout, words, caption),), 460, square=True)


def _cloud(xy: FloatArray, labels: Sequence[str], name: str, colour: str, symbol: str) -> Trace:
    return {
        "type": "scatter", "mode": "markers", "name": name, "x": numbers(xy[:, 0], 4), "y": numbers(xy[:, 1], 4),
        "text": [safe(one, 40) for one in labels], "hovertemplate": "%{text}<extra></extra>",
        "marker": {"color": colour, "symbol": symbol, "size": 6},
    }  # fmt: skip


def elements_figure(elements: Sequence[ElementDrift]) -> Figure | None:
    """Shares of materials that hold an element, then and now, the largest changes first."""
    shown = sorted(elements, key=lambda one: -abs(one.after - one.before))[:SHOWN_ELEMENTS]
    if not shown:
        return None
    names = [safe(one.symbol) for one in shown]
    traces: list[Trace] = [
        {"type": "bar", "name": name, "x": names, "y": numbers([getattr(one, which) for one in shown]),
         "marker": {"color": colour}, "hovertemplate": "%{x}: %{y:.1%}<extra>" + name + "</extra>"}
        for name, which, colour in (("learnt from", "before", "@grey"), ("asked now", "after", "@orange"))
    ]  # fmt: skip
    layout = {"legend": LEGEND, "barmode": "group", "xaxis": axis("", type="category"),
              "yaxis": axis("share of materials", tickformat=".0%")}  # fmt: skip
    words = f"Shares of materials with {', '.join(one.symbol for one in shown[:5])} and others, then and now."
    caption = f"The {counted(len(shown), 'element')} whose share changed most."
    return Figure("elements", "Elements, then and now", (Variant("Elements", tuple(traces), layout, words, caption),))


def time_figures(run: Run, predict_ms: float | None) -> tuple[Figure, ...]:
    """Rows, failures, domain and latency over time."""
    time = np.asarray(run.time)
    if len(time) < 2 or time[-1] <= time[0]:
        return ()
    edges = np.linspace(time[0], time[-1], min(BINS, max(2, len(time) // 3)) + 1)
    place = np.clip(np.searchsorted(edges, time, side="right") - 1, 0, len(edges) - 2)
    at = [_clock(float(one)) for one in (edges[:-1] + edges[1:]) / 2.0]
    rows, failed, outside = (np.asarray(one, dtype=np.float64) for one in (run.rows, run.failed, run.outside))
    n = len(at)
    asked, bad, away = (_sums(place, one, n) for one in (rows, failed, outside))
    found = (
        _answers(at, asked - bad, bad, _sums(place, np.asarray(run.refused, dtype=np.float64), n)),
        _latency(at, run, place, n, predict_ms), _shares(at, asked, bad, away, _widths(run, place, n)),
    )  # fmt: skip
    return tuple(figure for figure in found if figure is not None)


def _sums(place: IntArray, values: FloatArray, n: int) -> FloatArray:
    return np.bincount(place, values, n).astype(np.float64)


def _widths(run: Run, place: IntArray, n: int) -> FloatArray:
    """Mean width of the intervals in each stretch of time, NaN where there are none."""
    width = np.asarray(run.width)
    known = np.isfinite(width)
    total, count = _sums(place[known], width[known], n), _sums(place[known], np.ones(int(known.sum())), n)
    return np.divide(total, count, out=np.full(n, np.nan), where=count > 0)


def _answers(at: list[str], good: FloatArray, failed: FloatArray, refused: FloatArray) -> Figure:
    traces: list[Trace] = [
        {"type": "bar", "name": name, "x": at, "y": numbers(values), "marker": {"color": colour}}
        for name, values, colour in (("rows answered", good, "@blue"), ("without prediction", failed, "@orange"),
                                     ("requests refused", refused, "@red")) if values.any() or name == "rows answered"
    ]  # fmt: skip
    layout = {"legend": LEGEND, "barmode": "stack", "xaxis": axis("", type="date"), "yaxis": axis("rows")}
    words = f"{int(good.sum()):,} rows answered over time, {int(failed.sum()):,} without prediction."
    return Figure("answers", "Rows over time", (Variant("Rows", tuple(traces), layout, words),), 320)


def _latency(at: list[str], run: Run, place: IntArray, n: int, predict_ms: float | None) -> Figure | None:
    rows, ms = np.asarray(run.rows, dtype=np.float64), np.asarray(run.ms)
    keep = (rows > 0) & (np.asarray(run.refused) == 0)
    if not keep.any():
        return None
    each = ms[keep] / rows[keep]
    order = np.argsort(place[keep], kind="stable")
    parts = np.split(each[order], np.searchsorted(place[keep][order], np.arange(1, n)))
    quantile = {q: [float(np.percentile(part, q)) if len(part) else np.nan for part in parts] for q in (50, 99)}
    traces: list[Trace] = [
        {"type": "scatter", "mode": "lines+markers", "name": name, "x": at, "y": numbers(quantile[q]),
         "line": {"color": colour, "width": 1.8}, "marker": {"size": 4}}
        for name, q, colour in (("median", 50, "@blue"), ("slowest 1 %", 99, "@orange"))
    ]  # fmt: skip
    if predict_ms is not None:
        traces.append({"type": "scatter", "mode": "lines", "name": "allowed", "x": [at[0], at[-1]],
                       "y": [predict_ms] * 2, "hoverinfo": "skip",
                       "line": {"color": "@red", "dash": "dash", "width": 1.6}})  # fmt: skip
    layout = {
        "legend": LEGEND,
        "xaxis": axis("", type="date"),
        "yaxis": axis("ms per row", type="log", dtick="D2", exponentformat="none"),
    }
    words = f"Milliseconds per row over time, {number(float(np.median(each)))} in the median."
    return Figure("latency", "Milliseconds per row", (Variant("Latency", tuple(traces), layout, words),), 320)


def _shares(at: list[str], rows: FloatArray, failed: FloatArray, outside: FloatArray, width: FloatArray) -> Figure:
    good = rows - failed
    away = np.divide(outside, good, out=np.full(len(rows), np.nan), where=good > 0)
    unread = np.divide(failed, rows, out=np.full(len(rows), np.nan), where=rows > 0)
    variants = [
        _line(at, away, "Outside the domain", "share of rows outside the domain", "@purple", ".0%"),
        _line(at, unread, "Without prediction", "share of rows without prediction", "@orange", ".0%"),
    ]
    if np.isfinite(width).any():
        variants.append(_line(at, width, "Interval width", "mean width of the intervals", "@blue", ""))
    return Figure("shares", "Domain, failures and width over time", tuple(variants), 320)


def _line(at: list[str], values: FloatArray, label: str, title: str, colour: str, form: str) -> Variant:
    finite = values[np.isfinite(values)]
    top = padded(0.0, float(finite.max()) if len(finite) and finite.max() > 0 else 0.05)[1]
    trace = {"type": "scatter", "mode": "lines+markers", "name": label, "x": at, "y": numbers(values),
             "line": {"color": colour, "width": 1.8}, "marker": {"size": 4}}  # fmt: skip
    up = axis(title, range=[0, top], **({"tickformat": form} if form else {}))
    words = f"{title} over time, {number(float(finite[-1])) if len(finite) else 'unknown'} at the end."
    return Variant(label, (trace,), {"xaxis": axis("", type="date"), "yaxis": up}, words)


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")
