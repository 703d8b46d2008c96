"""Locally scaled (normalised) conformal intervals: the half width follows a measure of difficulty.

Residuals are divided by the difficulty of their row before the quantile is taken and multiplied by it afterwards.
"scaled" takes the model's own spread, "local" the mean residual of the nearest known rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import Arrays, FloatArray, nested, number, taken, under
from matloop.core.errors import BundleError
from matloop.doubt.learn import cross_fitted
from matloop.doubt.methods import Asked, IntervalMethod, Known
from matloop.doubt.nearness import Nearness, fit_nearness
from matloop.doubt.order import conformal_quantile
from matloop.doubt.widths import Clues, SpreadWidth, fit_spread, width_from_arrays

AXES, LANDMARKS, NEIGHBOURS = 15, 5_000, 25
SHARE = 0.2
"""Of the mean residual that is added to the local one: few neighbours may all be right by chance."""


@dataclass(frozen=True, slots=True)
class ScaledIntervals:
    """Half width = multiple * (base + slope * spread)."""

    width: SpreadWidth
    multiple: float

    def ends(self, asked: Asked) -> tuple[FloatArray, FloatArray]:
        """Value minus and plus the half width."""
        clues = Clues(asked.value, asked.spread, asked.X, np.zeros(len(asked)))
        half = self.multiple * self.width.ends(clues)[1]
        return asked.value - half, asked.value + half

    def to_arrays(self) -> Arrays:
        return nested("width", self.width.to_arrays()) | {"multiple": np.array(self.multiple)}


def _fit_scaled(known: Known, level: float, seed: int) -> ScaledIntervals:
    del seed
    clues = Clues(known.value, known.spread, known.X, np.zeros(len(known)))
    half = cross_fitted(fit_spread, clues, known.residual, known.fold)[1]
    multiple = conformal_quantile(np.abs(known.residual) / half, level)
    return ScaledIntervals(fit_spread(clues, known.residual), multiple)


def _read_scaled(arrays: Arrays) -> ScaledIntervals:
    width = width_from_arrays("spread", under("width", arrays), 0)
    assert isinstance(width, SpreadWidth)
    return ScaledIntervals(width, _multiple(arrays))


def _multiple(arrays: Arrays) -> float:
    multiple = number(arrays, "multiple")
    if not 0.0 <= multiple < np.inf:
        raise BundleError(f"intervals of {multiple} times the difficulty are not possible. The bundle is not trusted.")
    return multiple


@dataclass(frozen=True, slots=True)
class LocalIntervals:
    """Half width = multiple * (mean size of the residuals of the nearest landmarks + floor).

    size : shape (n_landmarks,), of the landmarks' residuals.
    """

    nearness: Nearness
    size: FloatArray
    floor: float
    multiple: float

    def difficulty(
        self, X: FloatArray, part: np.ndarray | None = None, landmark_part: np.ndarray | None = None
    ) -> FloatArray:
        """Mean size of the neighbours' residuals and the floor, shape (n,); own parts are left out as in `nearest`."""
        distance, index = self.nearness.nearest(X, part=part, landmark_part=landmark_part)
        there = np.isfinite(distance)
        total = np.where(there, self.size[index], 0.0).sum(axis=1)
        return total / np.maximum(there.sum(axis=1), 1) + self.floor

    def ends(self, asked: Asked) -> tuple[FloatArray, FloatArray]:
        """Value minus and plus the half width."""
        half = self.multiple * self.difficulty(asked.X)
        return asked.value - half, asked.value + half

    def to_arrays(self) -> Arrays:
        arrays: Arrays = {"size": self.size, "floor": np.array(self.floor), "multiple": np.array(self.multiple)}
        return arrays | nested("nearness", self.nearness.to_arrays()) | {"width": np.array(self.width)}

    @property
    def width(self) -> int:
        """Number of feature columns that the distance may point to."""
        return int(self.nearness.columns.max(initial=0)) + 1


def _fit_local(known: Known, level: float, seed: int) -> LocalIntervals:
    size = np.abs(known.residual)
    neighbours = int(np.clip(len(size) // 8, 3, NEIGHBOURS))
    near, rows = fit_nearness(known.X, n_axes=AXES, n_landmarks=LANDMARKS, neighbours=neighbours, seed=seed)
    floor = max(SHARE * float(size.mean()), 1e-12 * float(np.abs(known.y).max()), 1e-300)
    local = LocalIntervals(near, size[rows], floor, 1.0)
    difficulty = local.difficulty(known.X, known.fold, known.fold[rows])
    return LocalIntervals(near, size[rows], floor, conformal_quantile(size / difficulty, level))


def _read_local(arrays: Arrays) -> LocalIntervals:
    size, floor = taken(arrays, "size").astype(np.float64), number(arrays, "floor")
    near = Nearness.from_arrays(under("nearness", arrays), int(number(arrays, "width")))
    if len(size) != len(near.landmarks) or (size < 0).any() or not 0.0 < floor < np.inf:
        raise BundleError("residuals and landmarks of the intervals do not fit each other. The bundle is not trusted.")
    return LocalIntervals(near, size, floor, _multiple(arrays))


SCALED = IntervalMethod(
    "scaled",
    "locally scaled by the model's spread",
    _fit_scaled,
    _read_scaled,
    "about the level, for rows like the known ones",
    "Papadopoulos & Haralambous, Neural Networks 24 (2011) 842. doi:10.1016/j.neunet.2011.05.008",
    needs="spread",
)
LOCAL = IntervalMethod(
    "local",
    "locally scaled by the residuals of similar rows",
    _fit_local,
    _read_local,
    "about the level, for rows like the known ones",
    "Papadopoulos, Vovk & Gammerman, J. Artif. Intell. Res. 40 (2011) 815. doi:10.1613/jair.3198",
    needs="features",
)
