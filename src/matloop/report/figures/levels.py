"""Promised against found coverage at every level of the intervals."""

from __future__ import annotations

from matloop.evaluate.values import Reliability
from matloop.report.figures.figure import Figure, Trace, Variant, axis, numbers
from matloop.report.words import count


def level_figure(key: str, reliability: tuple[Reliability, ...]) -> Figure | None:
    """Share of measured values inside intervals of 10 to 95 %; None where it was not judged."""
    if len(reliability) != 1 or len(reliability[0].predicted) < 2:
        return None
    line = reliability[0]
    dash = {"color": "@ink/55", "width": 1, "dash": "dash"}
    ideal: Trace = {
        "type": "scatter",
        "mode": "lines",
        "x": [0, 100],
        "y": [0, 100],
        "hoverinfo": "skip",
        "showlegend": False,
        "line": dash,
    }
    found: Trace = {
        "type": "scatter",
        "mode": "lines+markers",
        "showlegend": False,
        "x": numbers(100 * line.predicted, 4),
        "y": numbers(100 * line.found, 4),
        "line": {"color": "@blue/60", "width": 1.4},
        "marker": {"color": "@blue", "size": 8},
        "hovertemplate": "promised %{x:.0f} %<br>found %{y:.1f} %<extra></extra>",
    }
    layout = {
        "xaxis": axis("promised coverage (%)", range=[0, 101]),
        "yaxis": axis("measured values inside (%)", range=[0, 101]),
    }
    said = "; ".join(f"{100 * p:.0f} %: {100 * f:.1f} %" for p, f in zip(line.predicted, line.found, strict=True))
    caption = (
        f"The same intervals stretched or shrunk to other levels, on {count(int(line.n_rows[0]))} sealed rows. "
        "On the dashed line every promise is kept."
    )
    variant = Variant("all", (ideal, found), layout, f"Found against promised coverage. {said}.", caption)
    return Figure(key, "At other levels too?", (variant,), 340)
