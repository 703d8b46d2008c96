"""A ranking as it is used: how many of the true best rows one finds by trying the top of the list."""

from __future__ import annotations

import numpy as np

from matloop.evaluate.values import Evidence
from matloop.report.figures.figure import Figure, Trace, Variant, axis, numbers
from matloop.report.words import EVIDENCE, count, percent


def shortlist_figure(key: str, sets: tuple[Evidence, ...], top_k: int) -> Figure | None:
    """Share of the true top k found against rows tried in predicted order (highest first)."""
    variants = tuple(_variant(found, top_k) for found in sets if np.isfinite(found.points.y).sum() > top_k)
    return Figure(key, "Finding the best by trying the top of the list", variants, 360) if variants else None


def found_share(y: np.ndarray, value: np.ndarray, top_k: int) -> np.ndarray:
    """Share of the `top_k` rows with the highest y among the first 1..n rows by falling `value`."""
    best = np.zeros(len(y), dtype=bool)
    best[np.argsort(-y, kind="stable")[:top_k]] = True
    return np.cumsum(best[np.argsort(-value, kind="stable")]) / top_k


def _variant(found: Evidence, top_k: int) -> Variant:
    keep = np.isfinite(found.points.y) & np.isfinite(found.points.value)
    share = found_share(found.points.y[keep], found.points.value[keep], top_k)
    n = len(share)
    tried = np.unique(np.geomspace(1, n, 120).astype(int))
    line: Trace = {
        "type": "scatter",
        "mode": "lines",
        "name": "in predicted order",
        "x": tried.tolist(),
        "y": numbers(100 * share[tried - 1], 4),
        "line": {"color": "@blue", "width": 2, "shape": "hv"},
        "hovertemplate": "%{x:,} tried: %{y:.0f} % found<extra></extra>",
    }
    chance: Trace = {
        "type": "scatter",
        "mode": "lines",
        "name": "at random",
        "x": tried.tolist(),
        "y": numbers(100 * tried / n, 4),
        "line": {"color": "@ink/55", "width": 1.2, "dash": "dash"},
        "hoverinfo": "skip",
    }
    layout = {
        "xaxis": axis("rows tried, best predicted first", type="log"),
        "yaxis": axis(f"of the true top {top_k} found (%)", range=[-2, 103]),
    }
    need = int(np.argmax(share >= 0.5)) + 1
    words = (
        f"Half of the true top {top_k} are found after trying {count(need)} of {count(n)} rows ({percent(need / n)})."
    )
    return Variant(EVIDENCE[found.name][0], (chance, line), layout, words, words)
