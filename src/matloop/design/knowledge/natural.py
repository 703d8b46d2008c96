"""From what surrogates see back to what people write: found by looking at points of a domain both ways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.design.contract import Axes, Domain
from matloop.design.knowledge.view import Natural

_SAMPLED, _LISTED = 512, 100_000
_EXACT = 1e-9


def natural_of(domain: Domain) -> Natural:
    """A function from encoded points of a domain to {column: values in the user's unit}.

    Numbers come back by the scale of their column (linear, logarithmic, steps), words by their codes. Of a list of
    candidates every other column comes back, too, such as a formula: that of the candidate (or the nearest one).
    """
    points = domain.everything(_LISTED)
    listed = points is not None
    if points is None:
        points = domain.sample(_SAMPLED, 0)
    frame, X = domain.frame(points), domain.encode(points)
    scales: dict[str, Scale] = {}
    words: dict[str, tuple[int, Mapping[int, str]]] = {}
    for place, name in enumerate(domain.axes.names):
        if name not in frame.columns:
            continue
        column = frame[name]
        if domain.axes.categorical[place]:
            words[name] = (place, dict(zip(X[:, place].astype(int).tolist(), column.astype(str).tolist(), strict=True)))
        elif (scale := _scale(place, X[:, place], np.asarray(column, np.float64))) is not None:
            scales[name] = scale
    rest = [name for name in frame.columns if name not in scales and name not in words] if listed else []
    others = {str(name): frame[name].to_numpy() for name in rest}
    return Decoder(domain.axes, scales, words, X if others else X[:0], others)


@dataclass(frozen=True, slots=True)
class Scale:
    """A column of numbers. seen, values : both ways at known points, ascending; way : how they go together."""

    place: int
    way: str
    seen: FloatArray
    values: FloatArray

    def __call__(self, x: FloatArray) -> FloatArray:
        """Values of encoded numbers; beyond the known ones they go on, where the way is straight."""
        if self.way == "steps":
            return np.interp(x, self.seen, self.values)
        ends = np.log(self.values) if self.way == "log" else self.values
        found = ends[0] + (x - self.seen[0]) * (ends[-1] - ends[0]) / (self.seen[-1] - self.seen[0])
        return np.exp(found) if self.way == "log" else found


@dataclass(frozen=True, slots=True)
class Decoder:
    """See `natural_of`. words : {column: (place, word of each code)}. listed : encoded candidates, whose columns
    `others` cannot be told from what is seen."""

    axes: Axes
    scales: Mapping[str, Scale]
    words: Mapping[str, tuple[int, Mapping[int, str]]]
    listed: FloatArray
    others: Mapping[str, Any]

    def __call__(self, X: FloatArray) -> Mapping[str, Any]:
        found: dict[str, Any] = {name: scale(X[:, scale.place]) for name, scale in self.scales.items()}
        for name, (place, own) in self.words.items():
            found[name] = np.array([own.get(int(code), "") for code in X[:, place]])
        if self.others:
            from scipy.spatial import cKDTree

            rows = cKDTree(self.listed).query(X)[1]
            found |= {name: column[rows] for name, column in self.others.items()}
        return found


def _scale(place: int, x: FloatArray, values: FloatArray) -> Scale | None:
    there = np.isfinite(values)
    seen, first = np.unique(x[there], return_index=True)
    own = values[there][first]
    if len(seen) < 2:
        return None
    for way, ends in (("linear", own), ("log", np.log(np.where(own > 0, own, np.nan)))):
        straight = ends[0] + (seen - seen[0]) * (ends[-1] - ends[0]) / (seen[-1] - seen[0])
        if np.abs(straight - ends).max() <= _EXACT * np.abs(ends).max():
            return Scale(place, way, seen[[0, -1]], own[[0, -1]])
    return Scale(place, "steps", seen, own)
