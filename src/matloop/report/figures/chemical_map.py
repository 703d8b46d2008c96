"""The development rows on a map, coloured by what the model gets wrong, by value, by cluster and by domain."""

from __future__ import annotations

from typing import Any

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.profile.study import MapStudy
from matloop.report.figures.figure import DASHES, SERIES, Figure, Trace, Variant, axis, names_with, numbers, safe
from matloop.report.thinning import sample
from matloop.report.words import count, counted, percent, unit_text

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star", "hexagon", "pentagon")
TITLES = {"pca": "principal axes", "tsne": "t-SNE", "umap": "UMAP", "autoencoder": "autoencoder"}
MOST_CLASSES = len(DASHES)
MARKS = 1500
"""Drawn at most: there are up to four colourings of them in a page."""


def chemical_map(key: str, study: MapStudy) -> Figure | None:
    """The map that keeps neighbours best, with a button per colouring; None where there is none to draw."""
    if not study.maps or not len(study.rows):
        return None
    rows = sample(len(study.rows), MARKS)
    variants = [one for one in (_errors(study, rows), _values(study, rows), _clusters(study, rows)) if one]
    domain = _domain(study, rows)
    variants += [domain] if domain else []
    return Figure(key, "Map of the materials", tuple(variants), 470) if variants else None


def _variant(study: MapStudy, rows: IntArray, label: str, traces: list[Trace], words: str) -> Variant:
    one = study.maps[study.best_map]
    ends = [_ends(one.xy[:, k]) for k in (0, 1)]
    shares = [f" ({percent(share, 0)} of the spread)" if np.isfinite(share) else "" for share in one.explained]
    straight = one.method == "pca"
    # the axes of the others have no meaning that a number or name could give
    titles = [f"{name} principal axis{share}" for name, share in zip(("first", "second"), shares, strict=True)]
    layout = {
        f"{letter}axis": axis(title, range=end) if straight else {"range": end, "showticklabels": False, "ticks": ""}
        for letter, title, end in zip("xy", titles, ends, strict=True)
    }
    drawn = f" {count(len(rows))} of {count(study.n_rows)} rows are drawn." if len(rows) < study.n_rows else ""
    far = "" if straight else " Near marks are alike; how far islands are apart means little."
    caption = f"{words} Map by {TITLES.get(one.method, one.method)}.{far}{drawn}"
    return Variant(label, tuple(traces), layout, f"Map of {counted(len(rows), 'row')}. {words}", caption)


def _ends(values: FloatArray) -> list[float]:
    low, high = np.quantile(values, [0.0025, 0.9975]) if len(values) > 1000 else (values.min(), values.max())
    room = 0.06 * (high - low) or 1.0
    return [float(low - room), float(high + room)]


def _errors(study: MapStudy, rows: IntArray) -> Variant | None:
    known = rows[np.isfinite(study.error[rows])]
    if not len(known):
        return None
    if study.classes:
        wrong = study.error[known] > 0
        traces = [
            _cloud(study, known[~wrong], "right", "@grey/40", "circle"),
            _cloud(study, known[wrong], "wrong", "@red/90", "diamond"),
        ]
        words = f"{percent(float(wrong.mean()))} of the classes are wrong, out of fold."
        return _variant(study, rows, "Error", traces, words)
    order = known[np.argsort(study.error[known], kind="stable")]
    high = float(np.quantile(study.error[known], 0.95))
    title = f"error ({safe(unit_text(study.unit), 20)})" if study.unit else "error"
    trace = _shaded(study, order, study.error[order], (0.0, high), title, "orange")
    words = "Strong colour: rows that a model which did not see them gets most wrong."
    return _variant(study, rows, "Error", [trace], words)


def _values(study: MapStudy, rows: IntArray) -> Variant | None:
    known = rows[np.isfinite(study.value[rows])]
    if not len(known):
        return None
    if study.classes:
        shown = study.classes[:MOST_CLASSES]
        traces = [
            _cloud(study, known[study.value[known] == k], safe(name, 30), SERIES[k] + "/70", SYMBOLS[k])
            for k, name in enumerate(shown)
        ]
        return _variant(study, rows, "Class", traces, "Colour: the measured class.")
    low, high = (float(end) for end in np.quantile(study.value[known], [0.02, 0.98]))
    trace = _shaded(study, known, study.value[known], (low, high), names_with(study.target, unit_text(study.unit)))
    return _variant(study, rows, "Value", [trace], "Colour: the measured value.")


def _clusters(study: MapStudy, rows: IntArray) -> Variant | None:
    if len(study.clusters) < 2:
        return None
    traces = []
    for k, line in enumerate(study.clusters):
        name = f"{k + 1}: {line.name}" if line.name else f"{k + 1}"
        mine = rows[study.cluster[rows] == k]
        traces.append(_cloud(study, mine, safe(name, 40), SERIES[k % len(SERIES)] + "/75", SYMBOLS[k % len(SYMBOLS)]))
    traces.append(_cloud(study, rows[study.cluster[rows] < 0], "in none", "@grey/40", "x-thin-open"))
    what = "Regions of one cloud" if study.answer == "none" else "Clusters"
    return _variant(study, rows, "Cluster", traces, f"{what}, numbered from the largest.")


def _domain(study: MapStudy, rows: IntArray) -> Variant | None:
    if not len(study.in_domain) or study.in_domain.all():
        return None
    inside: BoolArray = study.in_domain[rows]
    traces = [
        _cloud(study, rows[inside], "inside the domain", "@grey/40", "circle"),
        _cloud(study, rows[~inside], "outside", "@red/90", "diamond-open"),
    ]
    words = f"{percent(float((~inside).mean()))} are unlike the rows that their model was trained on."
    return _variant(study, rows, "Domain", traces, words)


def _cloud(study: MapStudy, rows: IntArray, name: str, colour: str, symbol: str) -> Trace:
    marker = {"color": colour, "symbol": symbol, "size": _size(study)}
    # an empty cloud keeps no place in the legend
    return {**_marks(study, rows), "name": name, "marker": marker, "showlegend": bool(len(rows))}


def _shaded(
    study: MapStudy, rows: IntArray, values: FloatArray, ends: tuple[float, float], title: str, colour: str = "heat"
) -> Trace:
    low, high = ends
    marker = {
        "color": numbers(values, 3),
        "size": _size(study),
        "cmin": low,
        "cmax": high if high > low else low + 1.0,
        "colorscale": [[0, f"@{colour}/12"], [0.5, f"@{colour}/50"], [1, f"@{colour}"]],
        "line": {"width": 0.5, "color": f"@{colour}/60"},
        "colorbar": {
            "title": {"text": title, "side": "top"},
            "orientation": "h",
            "thickness": 9,
            "len": 0.6,
            "x": 0,
            "xanchor": "left",
            "y": 1.01,
            "yanchor": "bottom",
            "outlinewidth": 0,
            "nticks": 5,
        },
    }
    return {**_marks(study, rows), "marker": marker, "showlegend": False}


def _marks(study: MapStudy, rows: IntArray) -> dict[str, Any]:
    xy = study.maps[study.best_map].xy[rows]
    unit = f" {safe(unit_text(study.unit), 20)}" if study.unit else ""
    facts = [f"<br>%{{customdata[1]}}{'' if study.classes else unit}"] if np.isfinite(study.value).any() else []
    if np.isfinite(study.error).any():
        facts.append("<br>%{customdata[2]}" if study.classes else f"<br>off by %{{customdata[2]}}{unit}")
    return {
        "type": "scatter",
        "mode": "markers",
        "x": numbers(xy[:, 0], 3),
        "y": numbers(xy[:, 1], 3),
        "customdata": [_facts(study, row) for row in rows.tolist()],
        "hovertemplate": f"<b>%{{customdata[0]}}</b>{''.join(facts)}<extra></extra>",
    }


def _facts(study: MapStudy, row: int) -> list[Any]:
    """What a row is known by, its value and its error."""
    value, error = numbers([study.value[row], study.error[row]], 3)
    if study.classes:
        name = "" if value is None else safe(study.classes[int(value)], 30)
        return [safe(study.shown[row], 40), name, "" if error is None else "wrong" if error else "right"]
    return [safe(study.shown[row], 40), value, error]


def _size(study: MapStudy) -> float:
    return 4.5 if len(study.rows) > 1500 else 6 if len(study.rows) > 300 else 8
