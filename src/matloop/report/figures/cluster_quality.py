"""How well the rows fall apart into groups, by method and number of groups."""

from __future__ import annotations

import math

from matloop.profile.clusters import METHODS, Division
from matloop.profile.study import MapStudy
from matloop.report.figures.figure import DASHES, SERIES, Figure, Trace, Variant, axis, numbers
from matloop.report.words import fixed

SYMBOLS = ("circle", "square", "diamond", "cross")


def cluster_quality(key: str, study: MapStudy) -> Figure | None:
    """Silhouette against the number of groups, with what a cloud without clusters gives; None with nothing tried."""
    traces = [_line(place, method, study.tried) for place, method in enumerate(METHODS)]
    traces = [trace for trace in traces if trace["x"]]
    if not traces:
        return None
    clouds = sorted({(one.n_clusters, one.cloud) for one in study.tried if math.isfinite(one.cloud)})
    if clouds:
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": "a cloud without clusters",
                "x": [k for k, _ in clouds],
                "y": numbers([value for _, value in clouds], 3),
                "marker": {"symbol": "line-ew-open", "size": 16, "color": "@ink", "line": {"width": 2}},
                "hovertemplate": "%{x} groups: %{y:.2f}<extra>a cloud without clusters</extra>",
            }
        )
    layout = {
        "xaxis": axis("number of groups", dtick=1),
        "yaxis": axis("silhouette (1: far apart, 0: touching)", rangemode="tozero"),
    }
    best = study.best
    alt = f"Silhouette by number of groups; best {fixed(best.silhouette, 2)} with {best.n_clusters}."
    caption = (
        "How much nearer rows are to their own group than to the next one. Near the bar: no better than cuts through "
        "one cloud."
    )
    return Figure(key, "How many groups", (Variant("all", tuple(traces), layout, alt, caption),), 320)


def _line(place: int, method: str, tried: tuple[Division, ...]) -> Trace:
    points = sorted((one.n_clusters, one.silhouette) for one in tried if one.method == method)
    points = [point for point in points if math.isfinite(point[1])]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": METHODS[method][0],
        "x": [k for k, _ in points],
        "y": numbers([value for _, value in points], 3),
        "line": {"color": SERIES[place], "dash": DASHES[place], "width": 2},
        "marker": {"color": SERIES[place], "symbol": SYMBOLS[place], "size": 8},
        "hovertemplate": "%{x} groups: %{y:.2f}<extra>" + METHODS[method][0] + "</extra>",
    }
