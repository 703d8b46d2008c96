"""Conformal intervals for new rows that are drawn differently: known rows count by how like the new ones they are.

The weight of a row is the ratio of the densities of new and known rows there, learnt by a logistic classifier that
tells the two apart in the principal axes of the features. This mends a shift of the features alone: what a row of given
features measures must be the same in both. It cannot conjure evidence: where hardly any known row is like the new ones,
the effective number of rows is small and intervals are refused.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import Arrays, FloatArray, nested, number, taken, under
from matloop.core.errors import BundleError, DataError
from matloop.doubt.methods import Asked, IntervalMethod, Known
from matloop.doubt.nearness import Nearness, fit_nearness
from matloop.doubt.order import weighted_quantile

AXES, PENALTY = 10, 0.1
LEAST_EFFECTIVE = 30
"""Fewer effective rows cannot place a 90 % quantile."""
SMALLEST = 1e-3
"""No row is called new or known more surely than this."""


@dataclass(frozen=True, slots=True)
class DensityRatio:
    """How much denser new rows are than known ones at given features.

    space : principal axes of both. slopes : shape (2 n_axes,), of the axes and their squares, standardised by `scale`.
    """

    space: Nearness
    scale: FloatArray
    slopes: FloatArray
    intercept: float
    odds: float

    def weights(self, X: FloatArray) -> FloatArray:
        """The ratio for each row, shape (n,), above zero; one where both are equally dense."""
        log_odds = _terms(self.space.project(X), self.scale) @ self.slopes + self.intercept
        limit = np.log(1.0 / SMALLEST - 1.0)
        return np.exp(np.clip(log_odds, -limit, limit)) * self.odds

    def to_arrays(self) -> Arrays:
        arrays: Arrays = {name: np.asarray(getattr(self, name)) for name in ("scale", "slopes", "intercept", "odds")}
        width = int(self.space.columns.max(initial=0)) + 1
        return arrays | nested("space", self.space.to_arrays()) | {"width": np.array(width)}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> DensityRatio:
        """The value that `to_arrays` gave, checked (BundleError)."""
        space = Nearness.from_arrays(under("space", arrays), int(number(arrays, "width")))
        scale, slopes = (taken(arrays, name).astype(np.float64) for name in ("scale", "slopes"))
        intercept, odds = number(arrays, "intercept"), number(arrays, "odds")
        fits = len(scale) == space.axes.shape[1] and len(slopes) == 2 * len(scale)
        if not fits or (scale <= 0).any() or not (np.isfinite(intercept) and 0.0 < odds < np.inf):
            raise BundleError("the ratio of new to known rows is not a possible one. The bundle is not trusted.")
        return cls(space, scale, slopes, intercept, odds)


def _terms(places: np.ndarray, scale: FloatArray) -> FloatArray:
    z = np.clip(places / scale, -5.0, 5.0)
    return np.column_stack([z, z**2 - 1.0])


def fit_density_ratio(known: FloatArray, new: FloatArray, seed: int = 0) -> DensityRatio:
    """Learn the ratio from the features of known and new rows, (n, n_features) and (m, n_features); NaN allowed.

    Raises
    ------
    DataError : fewer than ten rows of either kind.
    """
    from sklearn.linear_model import LogisticRegression

    if min(len(known), len(new)) < 10:
        raise DataError(f"{len(known)} known and {len(new)} new rows; ten of each are needed to compare them.")
    both = np.vstack([known, new])
    space, _ = fit_nearness(both, n_axes=AXES, n_landmarks=2_000, neighbours=1, seed=seed)
    places = space.project(both)
    scale = np.maximum(places.std(axis=0).astype(np.float64), 1e-6)
    is_new = np.repeat([0, 1], [len(known), len(new)])
    found = LogisticRegression(C=PENALTY, max_iter=2_000).fit(_terms(places, scale), is_new)
    return DensityRatio(space, scale, found.coef_[0], float(found.intercept_[0]), len(known) / len(new))


def effective_rows(known: FloatArray, new: FloatArray) -> float:
    """How many equally weighted rows the known ones amount to, from the weights of known and of new rows.

    (sum w)^2 / sum w^2 over the known rows (Kish 1965), or their mass in units of a new row's if that is less: where
    both kinds do not overlap at all the known rows weigh alike, and nothing.
    """
    kish = float(known.sum() ** 2 / max(float((known**2).sum()), 1e-300))
    return min(kish, float(known.sum() / max(float(new.mean()), 1e-300)))


@dataclass(frozen=True, slots=True)
class ShiftedIntervals:
    """Residual sizes and weights of the known rows, shape (n,); `effective` is the number of rows they amount to."""

    ratio: DensityRatio
    size: FloatArray
    weight: FloatArray
    level: float
    effective: float

    def ends(self, asked: Asked) -> tuple[FloatArray, FloatArray]:
        """Value minus and plus the weighted quantile; infinite for a row that outweighs what is known."""
        half = weighted_quantile(self.size, self.weight, self.ratio.weights(asked.X), self.level)
        return asked.value - half, asked.value + half

    def to_arrays(self) -> Arrays:
        arrays: Arrays = {"size": self.size, "weight": self.weight}
        arrays |= {"level": np.array(self.level), "effective": np.array(self.effective)}
        return arrays | nested("ratio", self.ratio.to_arrays())


def _fit(known: Known, level: float, seed: int) -> ShiftedIntervals:
    ratio = fit_density_ratio(known.X, known.toward, seed)
    weight = ratio.weights(known.X)
    effective = effective_rows(weight, ratio.weights(known.toward))
    if effective < LEAST_EFFECTIVE:
        raise DataError(
            f"the {len(known)} known rows amount to {effective:.0f} that are like the new ones; {LEAST_EFFECTIVE} are "
            "needed. The new rows are outside: measure some of them, or take intervals without this promise."
        )
    return ShiftedIntervals(ratio, np.abs(known.residual), weight, level, effective)


def _read(arrays: Arrays) -> ShiftedIntervals:
    size, weight = (taken(arrays, name).astype(np.float64) for name in ("size", "weight"))
    level = number(arrays, "level")
    if len(size) != len(weight) or not len(size) or (size < 0).any() or (weight <= 0).any() or not 0.0 < level < 1.0:
        raise BundleError("residuals and weights of the intervals do not fit each other. The bundle is not trusted.")
    ratio = DensityRatio.from_arrays(under("ratio", arrays))
    return ShiftedIntervals(ratio, size, weight, level, number(arrays, "effective"))


SHIFTED = IntervalMethod(
    "shifted",
    "weighted for new rows that are drawn differently",
    _fit,
    _read,
    "about the level for rows drawn like `toward`, as far as the ratio of the densities is right",
    "Tibshirani, Barber, Candes & Ramdas (2019). doi:10.48550/arXiv.1904.06019",
    needs="toward",
)
