"""A target on another scale, inside physical bounds: the model learns log10(y), the caller sees y."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, clone

from matloop.core.arrays import Arrays, FloatArray, nested, text, under
from matloop.core.errors import BundleError, DataError, listed
from matloop.models.family import ArrayModel
from matloop.models.outputs import Outputs, outputs_of
from matloop.models.restricted import RestrictedModel
from matloop.models.table_model import TableModel

_MOST = 300.0
"""decades: beyond it a number no longer fits into double precision"""


@dataclass(frozen=True, slots=True)
class TargetScale:
    """How values become what is fitted, and back.

    kind : "linear", or "log" for log10. low, high : physical bounds of the value (infinite: none).
    """

    kind: Literal["linear", "log"] = "linear"
    low: float = -np.inf
    high: float = np.inf

    def forward(self, y: FloatArray) -> FloatArray:
        """What is fitted; DataError where a value has no logarithm."""
        if self.kind == "linear":
            return y
        if (bad := ~(y > 0)).any():
            found = [f"row {row}: {y[row]}" for row in np.flatnonzero(bad).tolist()]
            raise DataError(f'scale = "log" needs values above 0. Drop such rows or use "linear":\n{listed(found)}')
        return np.log10(y)

    def back(self, fitted: FloatArray) -> FloatArray:
        """The value, inside the bounds."""
        value = 10.0 ** np.clip(fitted, -_MOST, _MOST) if self.kind == "log" else fitted
        return np.clip(value, self.low, self.high)

    def spread_back(self, fitted: FloatArray, spread: FloatArray) -> FloatArray:
        """One standard deviation of the value: half of the way from one spread below to one above."""
        if self.kind == "linear":
            return spread
        up, down = (10.0 ** np.clip(fitted + sign * spread, -_MOST, _MOST) for sign in (1, -1))
        return 0.5 * (up - down)

    def to_arrays(self) -> Arrays:
        return {"scale": np.array(self.kind), "bounds": np.array([self.low, self.high])}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        kind, bounds = text(arrays, "scale"), np.asarray(arrays.get("bounds", np.zeros(0)))
        if kind not in ("linear", "log") or bounds.dtype.kind != "f" or bounds.shape != (2,):
            raise BundleError("the scale of a target cannot be read. The bundle is not trusted.")
        if not bounds[0] <= bounds[1]:
            raise BundleError(f"the bounds of a target are {bounds.tolist()}. The bundle is not trusted.")
        return cls("log" if kind == "log" else "linear", float(bounds[0]), float(bounds[1]))


class ScaledModel(BaseEstimator):
    """A regression that is fitted on `scale.forward(y)` and answers in the unit of the target."""

    def __init__(self, model: ArrayModel, scale: TargetScale) -> None:
        self.model = model
        self.scale = scale

    def fit(self, X: FloatArray, y: FloatArray, sample_weight: FloatArray | None = None) -> Self:
        """Fit a clone of the model on the scaled target."""
        fitted = self.scale.forward(np.asarray(y, dtype=np.float64))
        self.model_ = clone(self.model).fit(X, fitted, sample_weight)
        return self

    def predict(self, X: FloatArray) -> FloatArray:
        """Value in the unit of the target, inside the bounds; shape (n_rows,)."""
        return self.scale.back(self.model_.predict(X))

    def spread(self, X: FloatArray) -> FloatArray:
        """One standard deviation in the unit of the target, shape (n_rows,)."""
        return self.outputs(X).spread

    def outputs(self, X: FloatArray) -> Outputs:
        """Value and spread in one pass."""
        value, proba, spread = outputs_of(self.model_, X)
        return Outputs(self.scale.back(value), proba, self.scale.spread_back(value, spread))

    @property
    def loss_curve_(self) -> tuple[FloatArray, FloatArray] | None:
        """Loss curves of the model inside."""
        curve: tuple[FloatArray, FloatArray] | None = getattr(self.model_, "loss_curve_", None)
        return curve

    def to_arrays(self) -> Arrays:
        return {
            "kind": np.array("scaled"),
            **nested("scale", self.scale.to_arrays()),
            **nested("inside", self.model_.to_arrays()),
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        inside = model_from(under("inside", arrays))
        if inside.task != "regression":
            raise BundleError("a classification has no scale of its target. The bundle is not trusted.")
        model = cls(inside, TargetScale.from_arrays(under("scale", arrays)))
        model.model_ = inside
        return model


def model_from(arrays: Arrays) -> RestrictedModel | TableModel:
    """What may stand inside a scale."""
    restricted = text(arrays, "kind") == "restricted"
    return RestrictedModel.from_arrays(arrays) if restricted else TableModel.from_arrays(arrays)
