"""Loss per epoch of a network or per round of a boosting."""

from __future__ import annotations

import numpy as np

from matloop.report.figures.figure import Figure, Trace, Variant, axis, numbers
from matloop.report.thinning import sample
from matloop.report.words import short
from matloop.train.values import LossCurve


def loss_figure(key: str, curves: tuple[LossCurve, ...]) -> Figure | None:
    """Training and validation loss, a choice of models."""
    variants = tuple(_variant(curve) for curve in curves if curve.train or curve.validation)[:8]
    return Figure(key, "How training went", variants, 340) if variants else None


def _variant(curve: LossCurve) -> Variant:
    parts = ((curve.train, "training rows", "@orange", "dash"), (curve.validation, "validation rows", "@blue", "solid"))
    traces = tuple(_line(values, name, colour, dash) for values, name, colour, dash in parts if values)
    values = [value for value in (*curve.train, *curve.validation) if value == value]
    wide = bool(values) and min(values) > 0 and max(values) > 20 * min(values)
    scale = {"type": "log", "tickformat": "~g", "dtick": "D2" if max(values) < 500 * min(values) else 1} if wide else {}
    layout = {"xaxis": axis("epoch or boosting round"), "yaxis": axis("loss (lower is better)", **scale)}
    best = int(np.nanargmin(curve.validation)) + 1 if curve.validation and np.isfinite(curve.validation).any() else 0
    caption = (
        f"{short(curve.label, 90)}. The validation loss is lowest at {best:,}." if best else short(curve.label, 90)
    )
    return Variant(short(curve.label, 32), traces, layout, f"Loss curves. {caption}", caption)


def _line(values: tuple[float, ...], name: str, colour: str, dash: str) -> Trace:
    rows = sample(len(values), 500)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": (rows + 1).tolist(),
        "y": numbers(np.array(values)[rows]),
        "line": {"color": colour, "width": 1.8, "dash": dash},
        "hovertemplate": "%{x}: %{y:.4g}<extra>" + name + "</extra>",
    }
