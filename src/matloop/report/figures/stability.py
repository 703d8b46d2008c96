"""Error against noise added to the labels."""

from __future__ import annotations

import math

import numpy as np

from matloop.evaluate.label_noise import NoiseStudy
from matloop.report.figures.figure import Figure, Trace, Variant, axis, numbers, safe
from matloop.report.words import number, unit_text


def noise_figure(key: str, study: NoiseStudy) -> Figure | None:
    """Loss of each fit against the noise in its training labels, with the law that was fitted; None for one size."""
    if len(study.levels) < 2:
        return None
    classes = not study.unit and study.spread == 1.0 and "Brier" in study.loss
    clean = float(np.mean(study.levels[0].losses))
    x = [100 * level.share for level in study.levels for _ in level.losses]
    y = [loss for level in study.levels for loss in level.losses]
    dots: Trace = {
        "type": "scatter", "mode": "markers", "showlegend": False, "x": numbers(x), "y": numbers(y),
        "marker": {"color": "@blue/80", "size": 9},
        "hovertemplate": "%{x} %: %{y:.4g}<extra></extra>",
    }  # fmt: skip
    grid = np.linspace(0, study.levels[-1].share, 60)
    rise = 1 + study.slope * grid if classes else np.sqrt(np.maximum(1 + study.slope * grid**2, 0.0))
    law: Trace = {
        "type": "scatter", "mode": "lines", "showlegend": False, "hoverinfo": "skip",
        "x": numbers(100 * grid), "y": numbers(clean * rise), "line": {"color": "@blue", "width": 2},
    }  # fmt: skip
    unit = safe(unit_text(study.unit), 24)
    title = "labels given a wrong class (%)" if classes else "noise added to the training labels (% of their spread)"
    shapes = [] if classes or study.source == "bound" else [_now(study)]
    layout = {
        "xaxis": axis(title, rangemode="tozero"),
        "yaxis": axis(f"{safe(study.loss, 40)}" + (f" ({unit})" if unit else ""), rangemode="tozero"),
        "shapes": shapes,
    }
    last = study.levels[-1]
    said = (
        f"from {number(clean)} without added noise to {number(float(np.mean(last.losses)))} at {100 * last.share:.0f} %"
    )
    moved = (
        f" Of added noise {number(100 * last.moved, 2)} % reach the predictions." if math.isfinite(last.moved) else ""
    )
    caption = (
        f"Held-out rows keep their labels. {study.n_train:,} training rows.{moved}"
        f"{' The dashed line is the noise that the labels have now.' if shapes else ''}"
    )
    return Figure(key, "Label noise", (Variant("all", (law, dots), layout, f"Error {said}.", caption),), 320)


def _now(study: NoiseStudy) -> Trace:
    at = 100 * study.present / study.spread
    line = {"color": "@ink/55", "width": 1, "dash": "dash"}
    return {"type": "line", "x0": at, "x1": at, "y0": 0, "y1": 1, "yref": "paper", "line": line}
