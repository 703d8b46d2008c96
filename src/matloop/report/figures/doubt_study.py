"""How the model's doubt does: levels kept, errors against what was promised, and what dropping doubtful rows brings."""

from __future__ import annotations

import numpy as np

from matloop.evaluate.doubt_values import OWN, ClassPart, DoubtPart, DoubtScore
from matloop.metrics.uncertainty import ConfidenceCurve
from matloop.report.figures.figure import SERIES, Figure, Trace, Variant, axis, numbers, safe
from matloop.report.words import EVIDENCE, percent, unit_text

SHOWN = 3
"""Ways beside the own one that get a line: the constant one and the best others."""
_IDEAL = {"color": "@ink/55", "width": 1, "dash": "dash"}


def drawn_ways(part: DoubtPart) -> tuple[DoubtScore, ...]:
    """The own doubt, the best others and the constant one."""
    others = [one for one in part.methods if one.name not in (OWN, "constant")][: SHOWN - 1]
    return (part.methods[0], *others, *[one for one in part.methods if one.name == "constant"])


def levels_figure(key: str, parts: tuple[DoubtPart, ...]) -> Figure | None:
    """Found minus promised coverage of normal intervals at levels from 10 to 95 %, for several ways to doubt."""
    if not parts:
        return None
    variants = []
    for part in parts:
        ways = drawn_ways(part)
        traces = [_level_line(one, SERIES[i % len(SERIES)]) for i, one in enumerate(ways)]
        reach = max(8.0, 1.1 * max(max(abs(v) for v in trace["y"] if v is not None) for trace in traces))
        layout = {
            "xaxis": axis("promised coverage (%)", range=[5, 100]),
            "yaxis": axis("found minus promised (percentage points)", range=[-reach, reach], zeroline=True),
        }
        own = ways[0].levels
        said = "; ".join(
            f"{percent(p, 0)}: {percent(f)}" for p, f in zip(own.predicted.tolist(), own.found.tolist(), strict=True)
        )
        caption = (
            "Standard deviations read as those of normal errors. Above zero a way is too careful at that level, below "
            "it is overconfident."
        )
        variants.append(
            Variant(EVIDENCE[part.name][0], tuple(traces), layout, f"Found coverage by promised: {said}.", caption)
        )
    return Figure(key, "Is every level kept?", tuple(variants), 340)


def _level_line(one: DoubtScore, colour: str) -> Trace:
    promised, found = 100.0 * one.levels.predicted, 100.0 * one.levels.found
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": safe(one.label, 44),
        "x": numbers(promised, 4),
        "y": numbers(found - promised, 3),
        "text": [f"{value:.1f}" for value in found],
        "hovertemplate": "promised %{x:.0f} %<br>found %{text} %<extra>" + safe(one.label, 44) + "</extra>",
        "line": {"color": colour if one.name == OWN else colour + "/60", "width": 2.4 if one.name == OWN else 1.3},
        "marker": {"color": colour, "size": 7 if one.name == OWN else 5},
    }


def promise_figure(key: str, parts: tuple[DoubtPart, ...], unit: str) -> Figure | None:
    """Root mean square error found against the standard deviation promised, in bins."""
    usable = [part for part in parts if len(part.bins.promised) > 1]
    if not usable:
        return None
    suffix = f" ({safe(unit_text(unit), 24)})" if unit else ""
    variants = []
    for part in usable:
        low, high = _chance(part.bins.found, part.bins.n_rows)
        top = 1.08 * float(max(part.bins.promised.max(), high.max()))
        dots: Trace = {
            "type": "scatter",
            "mode": "lines+markers",
            "showlegend": False,
            "x": numbers(part.bins.promised, 4),
            "y": numbers(part.bins.found, 4),
            "text": [f"{int(n):,} rows" for n in part.bins.n_rows],
            "hovertemplate": "promised %{x:.4g}<br>found %{y:.4g}<br>%{text}<extra></extra>",
            "marker": {"color": "@blue", "size": 8},
            "line": {"color": "@blue/60", "width": 1.4},
            "error_y": {
                "type": "data",
                "symmetric": False,
                "array": numbers(high - part.bins.found, 3),
                "arrayminus": numbers(part.bins.found - low, 3),
                "color": "@blue",
                "thickness": 1.4,
                "width": 0,
            },
        }
        ideal: Trace = {
            "type": "scatter", "mode": "lines", "x": [0, top], "y": [0, top], "hoverinfo": "skip", "showlegend": False,
            "line": _IDEAL,
        }  # fmt: skip
        layout = {
            "xaxis": axis(f"standard deviation promised{suffix}", range=[0, top]),
            "yaxis": axis(f"root mean square error found{suffix}", range=[0, top]),
        }
        caption = (
            f"Rows in bins of equal size by their promised standard deviation, lines are 95 % intervals; "
            f"mean relative gap (ENCE) {percent(part.methods[0].ence, 0)}."
        )
        alt = "Line plot of the root mean square error against the promised standard deviation."
        variants.append(Variant(EVIDENCE[part.name][0], (ideal, dots), layout, alt, caption))
    return Figure(key, "Are errors as large as promised?", tuple(variants), 340)


def _chance(rms: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval of a root mean square of n normal errors."""
    from scipy.stats import chi2

    return rms * np.sqrt(n / chi2.ppf(0.975, n)), rms * np.sqrt(n / chi2.ppf(0.025, n))


def confidence_figure(
    key: str, curves: tuple[tuple[str, ConfidenceCurve], ...], unit: str, *, classification: bool = False
) -> Figure | None:
    """Error of the rows that are left when those with most doubt are dropped; `curves` are (evidence, curve)."""
    usable = [(name, curve) for name, curve in curves if len(curve.dropped) > 1]
    if not usable:
        return None
    what = "rows in the wrong class (%)" if classification else "mean absolute error"
    suffix = f" ({safe(unit_text(unit), 24)})" if unit and not classification else ""
    scale = 100.0 if classification else 1.0
    variants = []
    for name, curve in usable:
        level = scale * float(curve.error[0])
        lines = (
            _curve("random order", curve.dropped, np.full(len(curve.dropped), level), "@ink/55", "dash"),
            _curve("by the errors themselves", curve.dropped, scale * curve.oracle, "@grey", "dot"),
            _curve("by the model's doubt", curve.dropped, scale * curve.error, "@blue", "solid"),
        )
        layout = {
            "xaxis": axis("most doubtful rows dropped (%)", range=[0, 98]),
            "yaxis": axis(f"{what}{suffix}, of the rest", rangemode="tozero"),
        }
        half = int(np.searchsorted(curve.dropped, 0.5))
        left = scale * float(curve.error[half]) / level if level > 0 else float("nan")
        caption = f"Without the more doubtful half of the rows {percent(left, 0)} of the error is left."
        alt = f"Error of the remaining rows against the share dropped. {caption}"
        variants.append(Variant(EVIDENCE[name][0], lines, layout, alt, caption))
    return Figure(key, "Does doubt find the errors?", tuple(variants), 340)


def _curve(name: str, dropped: np.ndarray, error: np.ndarray, colour: str, dash: str) -> Trace:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": numbers(100.0 * dropped, 4),
        "y": numbers(error, 4),
        "line": {"color": colour, "width": 2 if dash == "solid" else 1.4, "dash": dash},
        "hovertemplate": "%{x:.0f} % dropped: %{y:.4g}<extra>" + name + "</extra>",
    }


def sets_figure(key: str, parts: tuple[ClassPart, ...], classes: tuple[str, ...], level: float) -> Figure | None:
    """Share of the rows of each class whose prediction set holds it."""
    usable = [part for part in parts if part.sets]
    if not usable or not classes:
        return None
    names = [safe(name, 30) for name in classes]
    variants = []
    for part in usable:
        traces = tuple(
            {
                "type": "scatter",
                "mode": "markers",
                "name": safe(one.label, 44),
                "x": numbers(100.0 * one.by_class, 4),
                "y": names,
                "marker": {"color": SERIES[i], "size": 9, "symbol": ("circle", "diamond")[i % 2]},
                "hovertemplate": "%{y}: %{x:.1f} %<extra></extra>",
            }
            for i, one in enumerate(part.sets)
        )
        shares = [100.0 * float(share) for one in part.sets for share in one.by_class if np.isfinite(share)]
        low = min([100.0 * level, *shares])
        layout = {
            "xaxis": axis("rows whose set holds their class (%)", range=[max(low - 6.0, -2.0), 101.5]),
            "yaxis": {
                "title": {"text": ""},
                "automargin": True,
                "categoryorder": "array",
                "categoryarray": names[::-1],
            },
            "shapes": [
                {
                    "type": "line",
                    "x0": 100 * level,
                    "x1": 100 * level,
                    "y0": 0,
                    "y1": 1,
                    "yref": "paper",
                    "line": _IDEAL,
                }
            ],
        }
        first = part.sets[0]
        caption = (
            f"A set holds the classes that cannot be ruled out. The dashed line is the promise, {percent(level, 0)}; "
            f"{percent(first.single, 0)} of the rows have a single class in their set ({first.label})."
        )
        alt = "Coverage of prediction sets by class."
        variants.append(Variant(EVIDENCE[part.name][0], traces, layout, alt, caption))
    return Figure(key, "Do prediction sets hold their promise?", tuple(variants), max(240, 130 + 34 * len(classes)))
