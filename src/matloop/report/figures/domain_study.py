"""Error against how foreign a row is, and how well each measure tells new chemistry."""

from __future__ import annotations

import math

from matloop.evaluate.domain_study import DistanceBin, DomainStudy
from matloop.report.figures.figure import SET_COLOURS, SET_SYMBOLS, Figure, Trace, Variant, axis, numbers, safe
from matloop.report.words import EVIDENCE, number, unit_text


def domain_error_figure(key: str, study: DomainStudy) -> Figure | None:
    """Mean error in bins of the score, for random folds and for left-out clusters; None without bins."""
    sets = [[one for one in study.bins if one.where == where] for where in ("cv", "loco")]
    traces = tuple(_line(found, study) for found in sets if found)
    if not traces:
        return None
    layout = {
        "xaxis": axis("how foreign (1 is the limit of the domain)", type="log", **_ticks(study)),
        "yaxis": axis(_error(study), rangemode="tozero"),
        "shapes": [
            {
                "type": "line",
                "x0": 1,
                "x1": 1,
                "y0": 0,
                "y1": 1,
                "yref": "paper",
                "line": {"color": "@ink/55", "width": 1.4, "dash": "dash"},
            }
        ],
        "annotations": [
            {
                "x": 0,
                "y": 1,
                "yref": "paper",
                "text": "flagged →",
                "showarrow": False,
                "xanchor": "left",
                "xshift": 3,
                "yanchor": "top",
                "font": {"color": "@muted"},
            }
        ],
    }
    caption = (
        "Bins of equally many rows with 95 % intervals; right of the dashed line a row is flagged. Where the line does "
        "not rise, distance says little about the error."
    )
    said = "; ".join(
        f"{EVIDENCE[found[0].where][0]}: {number(found[0].error.value)} nearest, {number(found[-1].error.value)} "
        "farthest"
        for found in sets
        if found
    )
    variant = Variant("all", traces, layout, f"Error against distance to the training rows. {said}.", caption)
    return Figure(key, "Is the model worse on what is foreign?", (variant,), 340)


def _error(study: DomainStudy) -> str:
    if study.classification:
        return "rows in the wrong class (%)"
    unit = unit_text(study.unit)
    return f"mean absolute error ({safe(unit, 24)})" if unit else "mean absolute error"


def _ticks(study: DomainStudy) -> dict[str, object]:
    """Round places that the bins reach."""
    scores = [one.score for one in study.bins if one.score > 0]
    shown = [t for t in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0) if min(scores) / 1.5 <= t <= 1.5 * max(scores)]
    return {"tickvals": shown or [1.0], "ticktext": [f"{t:g}" for t in shown or [1.0]]} if scores else {}


def _line(found: list[DistanceBin], study: DomainStudy) -> Trace:
    scale = 100.0 if study.classification else 1.0
    colour, name = SET_COLOURS[found[0].where], EVIDENCE[found[0].where][0]
    known = [one if math.isfinite(one.error.low) else None for one in found]
    covered = [f", {100 * one.coverage:.0f} % covered" if math.isfinite(one.coverage) else "" for one in found]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": numbers([max(one.score, 1e-3) for one in found], 4),
        "y": numbers([scale * one.error.value for one in found], 4),
        "text": [f"{one.n_rows:,} rows{more}" for one, more in zip(found, covered, strict=True)],
        "hovertemplate": "%{y:.4g} at %{x:.2f}<br>%{text}<extra>" + name + "</extra>",
        "marker": {"color": colour, "size": 8, "symbol": SET_SYMBOLS[found[0].where]},
        "line": {"color": colour + "/60", "width": 1.6},
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": numbers([scale * (one.error.high - one.error.value) if one else 0.0 for one in known], 4),
            "arrayminus": numbers([scale * (one.error.value - one.error.low) if one else 0.0 for one in known], 4),
            "color": colour,
            "thickness": 1.4,
            "width": 0,
        },
    }


def measure_figure(key: str, study: DomainStudy) -> Figure | None:
    """AUROC of each measure, with a light dot per left-out cluster; None where no cluster was left out."""
    measures = [one for one in study.measures if math.isfinite(one.auroc)]
    if len(measures) < 2:
        return None
    labels = ["in use" if one.in_use else one.label for one in measures]
    single: Trace = {
        "type": "scatter",
        "mode": "markers",
        "name": "each left-out cluster",
        "x": numbers([value for one in measures for value in one.by_cluster], 4),
        "y": [row for row, one in enumerate(measures) for _ in one.by_cluster],
        "hovertemplate": "%{x:.3f}<extra></extra>",
        "marker": {"color": "@grey", "size": 7, "symbol": "line-ns-open", "line": {"width": 1.4, "color": "@grey"}},
    }
    whole: Trace = {
        "type": "scatter",
        "mode": "markers",
        "name": "all of them",
        "x": numbers([one.auroc for one in measures], 4),
        "y": list(range(len(measures))),
        "hovertemplate": "%{x:.3f}<extra></extra>",
        "marker": {"color": ["@blue" if one.in_use else "@ink/70" for one in measures], "size": 11},
    }
    low = min(min(one.by_cluster, default=one.auroc) for one in measures)
    layout = {
        "xaxis": axis("AUROC (1 is best)", range=[max(min(low, 0.5) - 0.03, -0.02), 1.01]),
        "yaxis": {
            "title": {"text": ""},
            "showgrid": False,
            "tickvals": list(range(len(labels))),
            "ticktext": [safe(label, 30) for label in labels],
            "range": [len(labels) - 0.45, -0.55],
        },
    }
    said = "; ".join(f"{label} {one.auroc:.2f}" for label, one in zip(labels, measures, strict=True))
    caption = (
        "Rows of left-out clusters against held-out rows of random folds: 1 tells all of them, 0.5 is guessing. The "
        "domain in use also checks elements, words and ranges; the others are the bare measures."
    )
    height = 150 + 30 * len(labels)
    return Figure(
        key, "Which measure tells new chemistry?", (Variant("all", (single, whole), layout, said, caption),), height
    )
