"""What a model family is: how to build it, which settings to try, and the contract of what it builds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, Self

import numpy as np

from matloop.core.arrays import Arrays, FloatArray
from matloop.represent.table import Columns

FitTask = Literal["regression", "classification"]
"""What an estimator is fitted for; a ranking is fitted as a regression and judged by its order."""


class ArrayModel(Protocol):
    """A scikit-learn estimator that is also data: it goes to plain arrays and comes back from them.

    A model from `from_arrays` predicts the same as the fitted one, bit for bit on the same batch, and needs no library
    beyond the core. `from_arrays` checks every index, shape and size before use and raises BundleError otherwise.
    """

    def fit(self, X: FloatArray, y: FloatArray, sample_weight: FloatArray | None = None) -> Self: ...

    def predict(self, X: FloatArray) -> FloatArray:
        """Value (regression) or class index as float (classification), shape (n_rows,)."""
        ...

    def to_arrays(self) -> Arrays: ...

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self: ...


# Classifiers also have  predict_proba(X) -> (n_rows, n_classes), columns in the order 0..n_classes-1 of class indices.
# Models that know their own doubt also have  spread(X) -> (n_rows,) >= 0: one standard deviation of the value
# (for classifiers of the positive or largest probability), e.g. of a Gaussian process or over the members of a forest.


@dataclass(frozen=True, slots=True)
class Spec:
    """One candidate as plain data: enough to fit it again anywhere.

    family : a name of `models.FAMILIES`.
    settings : the family's settings, JSON values only.
    columns : prefixes of origins (`"formula:magpie"`) whose feature columns the model sees; empty means all.
    """

    family: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    columns: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Short text that tells it from its neighbours."""
        inside = ", ".join(f"{name}={value}" for name, value in self.settings.items())
        return f"{self.family}({inside})"


class Family(Protocol):
    """One kind of model; a plug-in file in `models/` offers one such object and a line in the registry."""

    name: str
    label: str  # "Extra trees", as a person would write it
    tasks: frozenset[FitTask]
    extra: str  # the extra that brings its library, empty for the core
    citation: str
    max_rows: int  # beyond this a fit is not reasonable

    def settings(self, n: int, columns: Columns, task: FitTask, rng: np.random.Generator) -> list[dict[str, Any]]:
        """Up to `n` settings to try, the field's accepted default first, the rest drawn with `rng`."""
        ...

    def build(
        self, settings: Mapping[str, Any], columns: Columns, task: FitTask, n_classes: int, loss: str, seed: int
    ) -> ArrayModel:
        """An unfitted model that takes the raw feature matrix (imputing, encoding, scaling inside)."""
        ...
