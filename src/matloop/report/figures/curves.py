"""ROC and precision-recall curves of each class, and how well a probability tells two classes apart."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray
from matloop.evaluate.values import Evidence
from matloop.report.figures.figure import DASHES, SERIES, Figure, Trace, Variant, axis, numbers, safe
from matloop.report.words import EVIDENCE, metric_estimate, percent, short

POINTS = 160


def roc(score: FloatArray, positive: BoolArray) -> tuple[FloatArray, FloatArray]:
    """False and true positive rate at every distinct score, from (0, 0) to (1, 1).

    Fawcett, Pattern Recognit. Lett. 27 (2006) 861. doi:10.1016/j.patrec.2005.10.010
    """
    true, false = _cumulated(score, positive)
    return np.concatenate([[0.0], false / max(false[-1], 1)]), np.concatenate([[0.0], true / max(true[-1], 1)])


def precision_recall(score: FloatArray, positive: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Recall and precision at every distinct score, highest score first.

    Davis & Goadrich, ICML (2006). doi:10.1145/1143844.1143874
    """
    true, false = _cumulated(score, positive)
    return true / max(true[-1], 1), true / (true + false)


def _cumulated(score: FloatArray, positive: BoolArray) -> tuple[FloatArray, FloatArray]:
    order = np.argsort(-score, kind="stable")
    last = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    true = np.cumsum(positive[order])[last].astype(float)
    return true, last + 1.0 - true


def roc_figure(key: str, sets: tuple[Evidence, ...], classes: tuple[str, ...], which: tuple[int, ...]) -> Figure | None:
    """True against false positive rate, a line per class in `which`."""
    variants = tuple(_roc(found, classes, which) for found in sets if _usable(found, classes))
    return Figure(key, "Found against falsely called (ROC)", variants, 400, square=True) if variants else None


def pr_figure(key: str, sets: tuple[Evidence, ...], classes: tuple[str, ...], which: tuple[int, ...]) -> Figure | None:
    """Precision against recall, a line per class in `which`."""
    variants = tuple(_pr(found, classes, which) for found in sets if _usable(found, classes))
    return Figure(key, "Precision against recall", variants, 400, square=True) if variants else None


def _usable(found: Evidence, classes: tuple[str, ...]) -> bool:
    points = found.points
    return len(points.y) > 0 and points.proba.ndim == 2 and points.proba.shape[1] == len(classes)


def _labelled(found: Evidence) -> tuple[FloatArray, FloatArray]:
    keep = np.isfinite(found.points.y) & np.isfinite(found.points.proba).all(axis=1)
    return found.points.y[keep], found.points.proba[keep]


def _roc(found: Evidence, classes: tuple[str, ...], which: tuple[int, ...]) -> Variant:
    y, proba = _labelled(found)
    traces = [_line(*roc(proba[:, c], y == c), classes[c], i) for i, c in enumerate(which)]
    guess: Trace = {
        "type": "scatter",
        "mode": "lines",
        "x": [0, 1],
        "y": [0, 1],
        "hoverinfo": "skip",
        "showlegend": False,
        "line": {"color": "@ink/55", "width": 1, "dash": "dash"},
    }
    layout = {
        "xaxis": axis("share of the others falsely called", range=[-0.02, 1.02]),
        "yaxis": axis("share of the class found", range=[-0.02, 1.02]),
    }
    area = f" ROC-AUC {_score(found, 'roc_auc')}." if "roc_auc" in found.scores else ""
    return Variant(
        EVIDENCE[found.name][0],
        (guess, *traces),
        layout,
        f"ROC curve.{area}",
        f"Nearer the upper left corner is better; the dashed line is guessing.{area}",
    )


def _pr(found: Evidence, classes: tuple[str, ...], which: tuple[int, ...]) -> Variant:
    y, proba = _labelled(found)
    traces = [_line(*precision_recall(proba[:, c], y == c), classes[c], i) for i, c in enumerate(which)]
    layout = {
        "xaxis": axis("recall: share of the class found", range=[-0.02, 1.02]),
        "yaxis": axis("precision: share of those called that are so", range=[-0.02, 1.02]),
    }
    shares = ", ".join(f"{short(classes[c], 30)} {percent(float((y == c).mean()))}" for c in which)
    area = f" PR-AUC {_score(found, 'pr_auc')}." if "pr_auc" in found.scores else ""
    return Variant(
        EVIDENCE[found.name][0],
        tuple(traces),
        layout,
        f"Precision-recall curve.{area}",
        f"Nearer the upper right corner is better; guessing gives the share of the class ({shares}).{area}",
    )


def _score(found: Evidence, name: str) -> str:
    value, interval = metric_estimate(name, found.scores[name], "")
    return f"{value} ({interval})" if interval else value


def _line(x: FloatArray, y: FloatArray, name: str, place: int) -> Trace:
    rows = np.unique(np.linspace(0, len(x) - 1, POINTS).astype(int))
    look = {"color": SERIES[place % len(SERIES)], "width": 2, "dash": DASHES[place % len(DASHES)]}
    return {
        "type": "scatter",
        "mode": "lines",
        "name": safe(name, 30),
        "x": numbers(x[rows], 4),
        "y": numbers(y[rows], 4),
        "line": look,
        "hovertemplate": "%{x:.2f}, %{y:.2f}<extra></extra>",
    }
