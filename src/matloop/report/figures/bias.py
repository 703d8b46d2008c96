"""Sets of rows on which a model errs more or less than on the rest, as a forest plot."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matloop.evaluate.bias_values import BiasFinding, BiasStudy
from matloop.evaluate.bias_words import noun
from matloop.metrics.estimate import Estimate
from matloop.report.figures.figure import Figure, Trace, Variant, axis, numbers, safe
from matloop.report.words import number, percent, short, unit_text

SHOWN, BESIDE = 16, 4
"""Called sets that are drawn, and of the others those that come nearest to being called."""


def bias_figure(key: str, study: BiasStudy) -> Figure | None:
    """Ratios of the error with intervals, and the direction of the error; None where nothing was compared."""
    variants = [one for one in (_sizes(study), _directions(study)) if one is not None]
    if not variants:
        return None
    rows = max(len(one.layout["yaxis"]["ticktext"]) for one in variants)
    return Figure(key, "Where it errs more, or in one direction", tuple(variants), 120 + 26 * rows, wide=True)


def _chosen(findings: Sequence[BiasFinding], called: str) -> list[tuple[BiasFinding, bool]]:
    """Called ones, strongest first, then the nearest of the others; each with whether it is called."""
    yes = [one for one in findings if getattr(one, called) and not one.same_as][:SHOWN]
    p = "p_size" if called == "size" else "p_offset"
    rest = [one for one in findings if not getattr(one, called) and math.isfinite(getattr(one, p))]
    beside = sorted(rest, key=lambda one: getattr(one, p))[:BESIDE] if len(yes) < SHOWN else []
    return [(one, True) for one in yes] + [(one, False) for one in beside]


def _sizes(study: BiasStudy) -> Variant | None:
    chosen = [(one, called) for one, called in _chosen(study.findings, "size") if one.ratio.value > 0]
    if not chosen:
        return None
    chosen.sort(key=lambda each: (not each[1], -each[0].ratio.value))
    text = [
        f"{_name(one)}<br>{safe(_what(study))} {number(one.ratio.value)} times the rest<br>"
        f"adjusted p {number(one.p_size, 2)}, {one.n_rows:,} rows"
        for one, _ in chosen
    ]
    data = _forest([one.ratio for one, _ in chosen], text, chosen)
    ends = [end for one, _ in chosen for end in (one.ratio.value, one.ratio.low, one.ratio.high) if end > 0]
    layout = {
        "xaxis": axis(f"{_what(study)} over that of all other rows", type="log", **_log_ticks(min(ends), max(ends))),
        "yaxis": _names(chosen),
        "shapes": [_line_at(1.0)],
    }
    said = "; ".join(f"{short(noun(o.kind, o.name), 40)} {number(o.ratio.value, 2)}" for o, called in chosen if called)
    caption = (
        "Right of the line the error is larger than elsewhere. Coloured: more than luck, corrected for all sets "
        f"together (family-wise {percent(study.false_alarm, 0)}), and at least a tenth. Grey: the nearest of the "
        "others. Number of rows in brackets; lines are 95 % intervals of each set by itself."
    )
    return Variant(
        "Size of the error", data, layout, f"Forest plot of error ratios. {said or 'None stands out'}.", caption
    )


def _directions(study: BiasStudy) -> Variant | None:
    chosen = _chosen(study.findings, "direction")
    if not chosen:
        return None
    chosen.sort(key=lambda each: (not each[1], -each[0].offset.value))
    unit = {"linear": unit_text(study.unit), "log": "decades", "classes": ""}[study.scale]
    scale = 100.0 if study.scale == "classes" else 1.0
    offsets = [Estimate(*(scale * part for part in (o.offset.value, o.offset.low, o.offset.high))) for o, _ in chosen]
    text = [
        f"{_name(one)}<br>{number(offset.value)} {safe(unit, 24)}, elsewhere {number(scale * one.offset_rest)}<br>"
        f"adjusted p {number(one.p_offset, 2)}, {one.n_rows:,} rows"
        for (one, _), offset in zip(chosen, offsets, strict=True)
    ]
    title = f"mean of predicted − measured{f' ({safe(unit, 24)})' if unit else ''}"
    if study.scale == "classes":
        title = f"chance of {safe(study.positive, 30)} minus its frequency (%)"
    layout = {"xaxis": axis(title), "yaxis": _names(chosen), "shapes": [_line_at(0.0)]}
    said = "; ".join(
        f"{short(noun(o.kind, o.name), 40)} {number(offset.value, 2)}"
        for (o, called), offset in zip(chosen, offsets, strict=True) if called
    )  # fmt: skip
    caption = (
        "Right of the line predictions are too high on average. Coloured: differs from the other rows by more than "
        "luck, corrected for all sets together. By measured value no direction is tested: there every model with noise "
        "is off."
    )
    return Variant("Direction", _forest(offsets, text, chosen, ends=("high", "low")), layout,
                   f"Forest plot of mean signed errors. {said or 'None stands out'}.", caption)  # fmt: skip


def _forest(
    estimates: Sequence[Estimate],
    text: Sequence[str],
    chosen: Sequence[tuple[BiasFinding, bool]],
    ends: tuple[str, str] = ("larger", "smaller"),
) -> tuple[Trace, ...]:
    groups = ((ends[0], "@red", "circle"), (ends[1], "@green", "diamond"), ("", "@grey", "circle-open"))
    traces: list[Trace] = []
    for call, colour, symbol in groups:
        at = [k for k, (one, called) in enumerate(chosen) if (_call(one, ends) if called else "") == call]
        if not at:
            continue
        traces.append({
            "type": "scatter", "mode": "markers", "showlegend": False,
            "x": numbers([estimates[k].value for k in at]), "y": at,
            "text": [text[k] for k in at], "hovertemplate": "%{text}<extra></extra>",
            "marker": {"color": colour, "size": 9, "symbol": symbol},
            "error_x": {
                "type": "data", "symmetric": False, "color": colour, "thickness": 1.6, "width": 0,
                "array": numbers([_gap(estimates[k].high - estimates[k].value) for k in at]),
                "arrayminus": numbers([_gap(estimates[k].value - estimates[k].low) for k in at]),
            },
        })  # fmt: skip
    return tuple(traces)


def _call(one: BiasFinding, ends: tuple[str, str]) -> str:
    return one.size if "larger" in ends else one.direction


def _what(study: BiasStudy) -> str:
    return "share of wrong rows" if study.scale == "classes" else "error"


def _name(one: BiasFinding) -> str:
    return safe(noun(one.kind, one.name), 50)


def _names(chosen: Sequence[tuple[BiasFinding, bool]]) -> Trace:
    return {
        "title": {"text": ""}, "showgrid": False, "tickvals": list(range(len(chosen))),
        "ticktext": [f"{safe(noun(one.kind, one.name), 36)} ({one.n_rows:,})" for one, _ in chosen],
        "range": [len(chosen) - 0.4, -0.6],
    }  # fmt: skip


def _line_at(value: float) -> Trace:
    line = {"color": "@ink/55", "width": 1, "dash": "dash"}
    return {"type": "line", "x0": value, "x1": value, "y0": 0, "y1": 1, "yref": "paper", "line": line}


def _log_ticks(low: float, high: float) -> Trace:
    """Ticks that people know on a logarithmic axis of ratios."""
    steps = (0.05, 0.1, 0.2, 0.33, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0)
    inside = [step for step in steps if low / 1.4 <= step <= high * 1.4] or [1.0]
    return {"tickvals": inside, "ticktext": [f"{step:g}" for step in inside]}


def _gap(value: float) -> float:
    return max(value, 0.0) if math.isfinite(value) else 0.0
