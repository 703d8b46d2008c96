"""Error on the rows of one group or class."""

from __future__ import annotations

import math

from matloop.evaluate.values import SliceError
from matloop.report.figures.figure import Figure, Trace, Variant, axis, numbers, safe
from matloop.report.words import estimate, number, short, unit_text

SHOWN = 20
TITLES = {"range": "By measured value", "domain": "Inside and outside the training domain", "class": "By true class"}


def title_of(kind: str) -> str:
    """What a kind of slices is called."""
    return TITLES.get(kind, f"By {short(kind.replace('_', ' '), 40)}")


def slice_figure(key: str, kind: str, slices: tuple[SliceError, ...], error: str, unit: str) -> Figure | None:
    """Dots with intervals, the worst first; at most the 20 groups with the most rows."""
    known = [one for one in slices if math.isfinite(one.error.value)]
    if len(known) < 2:
        return None
    shown = sorted(known, key=lambda one: -one.n_rows)[:SHOWN]
    # ranges keep their order from small to large: a trend must be readable
    shown = (
        [one for one in known if one in shown] if kind == "range" else sorted(shown, key=lambda one: -one.error.value)
    )
    text = ["{} ({})".format(*estimate(one.error, unit_text(unit))).replace(" ()", "") for one in shown]
    trace: Trace = {
        "type": "scatter",
        "mode": "markers",
        "x": numbers([one.error.value for one in shown]),
        "y": list(range(len(shown))),
        "showlegend": False,
        "text": [
            f"{safe(one.name, 50)}<br>{safe(said, 60)}<br>{one.n_rows:,} rows"
            for one, said in zip(shown, text, strict=True)
        ],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"color": "@blue", "size": 9},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "color": "@blue",
            "thickness": 1.6,
            "width": 0,
            "array": numbers([_gap(one.error.high - one.error.value) for one in shown]),
            "arrayminus": numbers([_gap(one.error.value - one.error.low) for one in shown]),
        },
    }
    ticks = {
        "tickvals": list(range(len(shown))),
        "ticktext": [f"{safe(one.name, 26)} ({one.n_rows:,})" for one in shown],
        "range": [len(shown) - 0.4, -0.6],
    }
    layout = {
        "xaxis": axis(safe(error, 80), rangemode="tozero"),
        "yaxis": {"title": {"text": ""}, "showgrid": False, **ticks},
    }
    more = f" The {SHOWN} with the most rows of {len(known)} are shown." if len(known) > SHOWN else ""
    order = "From small to large values" if kind == "range" else "Worst first"
    said = "; ".join(f"{short(one.name, 30)} {number(one.error.value)}" for one in shown[:5])
    alt = f"Dot plot of the error by {kind}, {said}."
    return Figure(
        key,
        title_of(kind),
        (
            Variant(
                "all",
                (trace,),
                layout,
                alt,
                f"{order}, number of rows in brackets; lines are 95 % intervals.{more}",
            ),
        ),
        100 + 26 * len(shown),
        wide=True,
    )


def _gap(value: float) -> float:
    return max(value, 0.0) if math.isfinite(value) else 0.0
