"""What a model that can be read would cost: loss of each glass box less that of the chosen model."""

from __future__ import annotations

import math

from matloop.explain.values import GlassBox
from matloop.report.figures.figure import Figure, Trace, Variant, axis, numbers
from matloop.report.words import number


def price_figure(key: str, boxes: tuple[GlassBox, ...], loss: str, unit: str) -> Figure | None:
    """The price of each box with its 95 % interval; None without boxes.

    loss : what the price is in, in words. unit : its unit, may be empty.
    """
    known = [box for box in boxes if math.isfinite(box.price)]
    if not known:
        return None
    scale = 100.0 if unit == "%" else 1.0
    trace: Trace = {
        "type": "scatter",
        "mode": "markers",
        "x": numbers([scale * box.price for box in known]),
        "y": list(range(len(known))),
        "showlegend": False,
        "hovertemplate": "%{x:+.3g}<extra></extra>",
        "marker": {"color": "@blue", "size": 10},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "color": "@blue",
            "thickness": 2,
            "width": 5,
            "array": numbers([scale * (box.high - box.price) for box in known]),
            "arrayminus": numbers([scale * (box.price - box.low) for box in known]),
        },
    }
    title = f"{loss}: glass box minus chosen model" + (f" ({unit})" if unit else "")
    ticks = {
        "tickvals": list(range(len(known))),
        "ticktext": [box.kind for box in known],
        "range": [len(known) - 0.4, -0.6],
    }
    line = {"type": "line", "x0": 0, "x1": 0, "yref": "paper", "y0": 0, "y1": 1, "line": {"color": "@ink", "width": 1}}
    layout = {"xaxis": axis(title), "yaxis": {"title": {"text": ""}, "showgrid": False, **ticks}, "shapes": [line]}
    said = "; ".join(f"{box.kind} {number(scale * box.price, 2)}" for box in known)
    caption = "Right of the line the glass box is worse. Bars: 95 % interval over paired folds."
    return Figure(
        key, "The price of reading", (Variant("all", (trace,), layout, f"Price in accuracy: {said}.", caption),),
        120 + 44 * len(known),
    )  # fmt: skip
