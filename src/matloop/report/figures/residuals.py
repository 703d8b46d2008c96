"""What is left over: predicted minus measured, as a histogram and against the prediction."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.evaluate.values import Evidence
from matloop.report.figures.figure import SET_COLOURS, Figure, Trace, Variant, axis, numbers, padded, safe
from matloop.report.figures.parity import bars, clouds, density, level
from matloop.report.thinning import shown_rows
from matloop.report.words import EVIDENCE, count, number, percent, unit_text, with_unit

BINS = 41


def residual_histogram(key: str, sets: tuple[Evidence, ...], unit: str) -> Figure | None:
    """How the errors of all rows are spread; the outermost one per cent lies beyond the axis and is counted."""
    variants = tuple(_histogram(found, unit_text(unit)) for found in sets if np.isfinite(_residual(found)).any())
    return Figure(key, "How the errors are spread", variants, 340) if variants else None


def residual_scatter(key: str, sets: tuple[Evidence, ...], target: str, unit: str) -> Figure | None:
    """Error against predicted value: a trend or a fan shows where the model is wrong in a systematic way."""
    variants = tuple(_scatter(found, target, unit_text(unit)) for found in sets if np.isfinite(_residual(found)).any())
    return Figure(key, "Error against predicted value", variants, 460, square=True) if variants else None


def _residual(found: Evidence) -> FloatArray:
    return found.points.value - found.points.y


def _histogram(found: Evidence, unit: str) -> Variant:
    rest = _residual(found)
    rest = rest[np.isfinite(rest)]
    reach = float(np.quantile(np.abs(rest), 0.99)) or 1.0
    heights, edges = np.histogram(rest, bins=BINS, range=(-reach, reach))
    beyond = int((np.abs(rest) > reach).sum())
    middles = (edges[:-1] + edges[1:]) / 2
    trace: Trace = {
        "type": "bar",
        "x": numbers(middles),
        "y": heights.tolist(),
        "width": float(edges[1] - edges[0]) * 0.94,
        "marker": {"color": SET_COLOURS[found.name] + "/80"},
        "showlegend": False,
        "hovertemplate": "%{x} " + safe(unit, 24) + ": %{y} rows<extra></extra>",
    }
    layout = {
        "xaxis": axis(_title(unit), range=padded(-reach, reach, 0.01)),
        "yaxis": axis("rows"),
        "shapes": [_zero("x")],
    }
    median = with_unit(number(float(np.median(rest))), unit)
    over = float((rest > 0).mean())
    words = (
        f"Predicted minus measured; {percent(over, 0)} of the rows are predicted too high, "
        f"the median error is {median}."
    )
    more = ""
    if beyond:
        largest = with_unit(number(float(np.abs(rest).max())), unit)
        more = f" {count(beyond)} {'row lies' if beyond == 1 else 'rows lie'} beyond the axis (largest {largest})."
    return Variant(EVIDENCE[found.name][0], (trace,), layout, f"Histogram of errors. {words}", words + more)


def _scatter(found: Evidence, target: str, unit: str) -> Variant:
    points, rest = found.points, _residual(found)
    keep = np.isfinite(rest)
    shown = shown_rows(np.abs(rest))
    x_ends = padded(float(points.value[keep].min()), float(points.value[keep].max()))
    reach = np.concatenate(
        [rest[keep], *((end - points.y)[[] if shown.dense else shown.bars] for end in (points.low, points.high))]
    )
    y_ends = padded(float(np.nanmin(reach)), float(np.nanmax(reach)))
    data = density(points.value[keep], rest[keep], x_ends, y_ends, shown.dense, False)
    data += [
        bars(points, points.value, rest, shown.bars, False, level(found)),
        *clouds(points, points.value, rest, shown.rows, unit),
    ]
    suffix = f" ({safe(unit, 24)})" if unit else ""
    layout = {
        "xaxis": axis(f"predicted {safe(target, 40)}{suffix}", range=x_ends),
        "yaxis": axis(_title(unit), range=y_ends),
        "shapes": [_zero("y")],
    }
    alt = f"Scatter plot of error against predicted {target}, {count(int(keep.sum()))} rows."
    return Variant(EVIDENCE[found.name][0], tuple(data), layout, alt, shown.rule)


def _title(unit: str) -> str:
    return "predicted − measured" + (f" ({safe(unit, 24)})" if unit else "")


def _zero(along: str) -> Trace:
    ends = (
        {"x0": 0, "x1": 0, "y0": 0, "y1": 1, "yref": "paper"}
        if along == "x"
        else {"y0": 0, "y1": 0, "x0": 0, "x1": 1, "xref": "paper"}
    )
    return {"type": "line", "line": {"color": "@ink/55", "width": 1, "dash": "dash"}, **ends}
