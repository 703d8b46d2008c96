"""The predictor of every linear family."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from matloop.core.arrays import Arrays, FloatArray, taken
from matloop.core.errors import BundleError
from matloop.models.family import Uncertainty, only_epistemic
from matloop.models.link import Link, linked, read_link


@dataclass(frozen=True, slots=True)
class Linear:
    """values = link(Z @ weights + intercept); weights: shape (n_columns, n), intercept: shape (n,)."""

    kind: ClassVar[str] = "linear"
    weights: FloatArray
    intercept: FloatArray
    link: Link = "identity"

    @property
    def n_in(self) -> int:
        return len(self.weights)

    @property
    def n_values(self) -> int:
        return 2 if self.link == "sigmoid" else len(self.intercept)

    def values(self, Z: FloatArray) -> FloatArray:
        return linked(Z @ self.weights + self.intercept, self.link)

    def values_and_uncertainty(self, Z: FloatArray) -> tuple[FloatArray, Uncertainty]:
        return self.values(Z), only_epistemic(np.zeros(len(Z)))

    def to_arrays(self) -> Arrays:
        return {"weights": self.weights, "intercept": self.intercept, "link": np.array(self.link)}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Linear:
        weights = taken(arrays, "weights", ndim=2).astype(np.float64)
        intercept = taken(arrays, "intercept").astype(np.float64)
        link = read_link(arrays)
        if weights.shape[1] != len(intercept) or not weights.size or (link == "sigmoid" and len(intercept) != 1):
            raise BundleError("the arrays of a linear model do not fit together. The bundle is not trusted.")
        return cls(weights, intercept, link)
