"""Laws: what each further sign of a formula buys, beside the mean and the black box."""

from __future__ import annotations

import math

from matloop.explain.laws.values import Law, LawSearch, LawStudy
from matloop.report.figures.figure import Figure, Trace, Variant, axis, numbers, safe
from matloop.report.words import counted, number, unit_text, with_unit

TEXT = 90


def law_figure(key: str, study: LawStudy) -> Figure | None:
    """Error on held-out rows against the length of the formula; None without a front."""
    found = study.search
    if found is None or not found.front:
        return None
    scale, unit = (100.0, "%") if found.task == "classification" else (1.0, unit_text(found.unit))
    most = max(law.complexity for law in found.front) + 1
    traces: list[Trace] = [
        _points(found.front, [scale * law.error for law in found.front], "formula, rows held out", "@blue", "circle"),
        _points(
            found.front, [scale * law.train_error for law in found.front], "on its own rows", "@grey", "circle-open"
        ),
    ]
    if found.best is not None:
        place = next(k for k, law in enumerate(found.front) if law.program == found.best.program)
        traces.append(_chosen(found.front[place], scale * found.front[place].error))
    for name, error, colour, dash in (
        ("constant", found.constant_error, "@red", "dot"),
        ("extra trees", found.black_box_error, "@orange", "dash"),
        ("the model", study.model_error, "@green", "solid"),
    ):
        if math.isfinite(error):
            traces.append(_level(name, scale * error, most, colour, dash))
    label = "share wrong, both classes alike (%)" if found.task == "classification" else "root mean square error"
    title = label if found.task == "classification" else f"{label} ({safe(unit, 24)})" if unit else label
    layout = {
        "xaxis": axis("length of the formula (variables, constants, operators)", rangemode="tozero"),
        "yaxis": axis(title, rangemode="tozero", range=[0, _top(found, study, scale)]),
    }
    words = _words(found, scale, unit)
    caption = f"{words} Filled points: the whole search was done again without the rows that are predicted."
    return Figure(
        key, "What length buys", (Variant("all", tuple(traces), layout, f"Pareto front. {words}", caption),), 340
    )


def _points(front: tuple[Law, ...], errors: list[float], name: str, colour: str, symbol: str) -> Trace:
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": [law.complexity for law in front],
        "y": numbers(errors),
        "text": [safe(law.expression, TEXT) for law in front],
        "hovertemplate": "%{text}<br>%{y:.4g}<extra>" + name + "</extra>",
        "line": {"color": colour, "width": 1.6, "dash": "solid" if symbol == "circle" else "dot", "shape": "hv"},
        "marker": {"color": colour, "size": 8, "symbol": symbol},
    }


def _chosen(law: Law, error: float) -> Trace:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "chosen",
        "x": [law.complexity],
        "y": numbers([error]),
        "hoverinfo": "skip",
        "marker": {"color": "@ink", "size": 15, "symbol": "circle-open", "line": {"width": 2, "color": "@ink"}},
    }


def _level(name: str, error: float, most: int, colour: str, dash: str) -> Trace:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": [0, most],
        "y": numbers([error, error]),
        "hovertemplate": f"{name}: %{{y:.4g}}<extra></extra>",
        "line": {"color": colour, "width": 1.6, "dash": dash},
    }


def _top(found: LawSearch, study: LawStudy, scale: float) -> float:
    """A formula that fails wildly on held-out rows must not squeeze the rest."""
    shown = [found.constant_error, found.black_box_error, study.model_error, *(law.train_error for law in found.front)]
    known = [value for value in shown if math.isfinite(value)]
    return 1.25 * scale * max(known, default=1.0) or 1.0


def _words(found: LawSearch, scale: float, unit: str) -> str:
    first, last = found.front[0], found.front[-1]
    if not math.isfinite(first.error) or not math.isfinite(last.error):
        return f"{counted(len(found.front), 'formula')} on the front."
    return (
        f"From {with_unit(number(scale * first.error), unit)} with {counted(first.complexity, 'sign')} to "
        f"{with_unit(number(scale * last.error), unit)} with {last.complexity}."
    )
