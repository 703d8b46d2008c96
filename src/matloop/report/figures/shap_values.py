"""SHAP values of the leading groups: one dot per row, and why single rows were predicted so."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.explain.values import Contributions, failed
from matloop.report.figures.figure import Figure, Trace, Variant, axis, numbers, safe
from matloop.report.words import count, number, short, unit_text

SHOWN = 10
_THIRDS = (("low value of the feature", "@blue"), ("middle", "@grey"), ("high value", "@orange"))
_HALF = 0.36
"""Half the height of a swarm, in rows of the figure."""
_BINS = 40


def shap_figure(key: str, found: Contributions, target: str, unit: str) -> Figure | None:
    """Contributions of at most ten groups to at most 300 rows, the largest group on top; None without rows."""
    if found.values.ndim != 2 or not found.values.size:
        return None
    shown = min(SHOWN, found.values.shape[1])
    unread = bool(failed(found.checks))
    traces = tuple(_swarm(found, shown, third, unread) for third in range(3))
    names = [_label(found, place) for place in range(shown)]
    layout = {
        "xaxis": axis(safe(_output(found, target, unit), 90), zeroline=True),
        "yaxis": {
            "title": {"text": ""},
            "showgrid": False,
            "tickvals": list(range(shown)),
            "ticktext": [safe(name, 38) for name in names],
            "range": [shown - 0.4, -0.6],
        },
    }
    said = "; ".join(f"{short(found.names[i], 40)} {number(float(found.size[i]))}" for i in range(min(5, shown)))
    marks = " * no larger than with shuffled labels." if any("*" in name for name in names) else ""
    caption = (
        f"Each dot is one of {count(len(found.values))} rows that the models did not see: how far the group moved its "
        f"prediction from the mean. Colour: the value of the group's first column, by thirds.{marks}"
    )
    alt = f"Contributions by group, mean size: {said}."
    title = "What moved each prediction" + (": do not read" if unread else "")
    return Figure(key, title, (Variant("all", traces, layout, alt, caption),), 110 + 38 * shown, wide=True)


def _output(found: Contributions, target: str, unit: str) -> str:
    if found.output:
        return f"contribution to the {found.output}"
    shown = unit_text(unit)
    return f"contribution to the predicted {target}" + (f" ({shown})" if shown else "")


def _label(found: Contributions, place: int) -> str:
    name, _, rest = found.names[place].partition(" (+")
    more = f" +{rest.split()[0]}" if rest else ""
    return f"{short(name, 30)}{more}" + (" *" if found.above_noise[place] == 0.0 else "")


def _swarm(found: Contributions, shown: int, third: int, unread: bool) -> Trace:
    """Dots of the rows whose column lies in one third of its values."""
    name, colour = _THIRDS[third]
    x, y = [], []
    for place in range(shown):
        values = found.values[:, place]
        mine = _third(found.levels[:, place]) == third
        x.append(values[mine])
        y.append((place + _offsets(values))[mine])
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": numbers(np.concatenate(x), 3),
        "y": numbers(np.concatenate(y), 4),
        "hovertemplate": "%{x:.3g}<extra></extra>",
        "marker": {"color": ("@grey/40" if unread else f"{colour}/70"), "size": 4.5},
    }


def _third(levels: FloatArray) -> FloatArray:
    """0, 1 or 2 by rank among the rows (equal values together); missing ones count as the middle."""
    known = np.isfinite(levels)
    place = np.ones(len(levels))
    if known.any() and np.ptp(levels[known]) > 0:
        from scipy.stats import rankdata

        place[known] = np.minimum(np.floor(3.0 * (rankdata(levels[known]) - 0.5) / known.sum()), 2.0)
    return place


def _offsets(values: FloatArray) -> FloatArray:
    """Heights that keep dots of about the same value apart, the more of them the farther; shape (n_rows,)."""
    low, high = float(values.min()), float(values.max())
    if high <= low:
        return np.linspace(-_HALF, _HALF, len(values))
    place = np.minimum(((values - low) / (high - low) * _BINS).astype(np.int64), _BINS - 1)
    most = int(np.bincount(place).max())
    offsets = np.zeros(len(values))
    for one in np.unique(place):
        mine = np.flatnonzero(place == one)
        # alternating up and down from the middle
        steps = (np.arange(len(mine)) + 1) // 2 * np.where(np.arange(len(mine)) % 2, 1.0, -1.0)
        offsets[mine] = steps / max(most, 6) * 2.0 * _HALF
    return offsets
