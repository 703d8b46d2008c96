"""The predictor that says the same of every row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from matloop.core.arrays import Arrays, FloatArray, taken
from matloop.core.errors import BundleError
from matloop.models.family import Uncertainty, only_epistemic


@dataclass(frozen=True, slots=True)
class Constant:
    """One value (regression) or one probability per class, whatever the row; value: shape (n_values,)."""

    kind: ClassVar[str] = "constant"
    value: FloatArray

    @property
    def n_in(self) -> int:
        return -1

    @property
    def n_values(self) -> int:
        return len(self.value)

    def values(self, Z: FloatArray) -> FloatArray:
        return np.tile(self.value, (len(Z), 1))

    def values_and_uncertainty(self, Z: FloatArray) -> tuple[FloatArray, Uncertainty]:
        return self.values(Z), only_epistemic(np.zeros(len(Z)))

    def to_arrays(self) -> Arrays:
        return {"value": self.value}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Constant:
        value = taken(arrays, "value").astype(np.float64)
        if not len(value):
            raise BundleError("a constant model holds no value. The bundle is not trusted.")
        return cls(value)
