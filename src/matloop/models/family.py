"""What a model family is: how to build it, which settings to try, and the contract of what it builds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, Self

import numpy as np

from matloop.core.arrays import Arrays, FloatArray, IntArray
from matloop.represent.table import Columns

FitTask = Literal["regression", "classification"]
"""What an estimator is fitted for; a ranking is fitted as a regression and judged by its order."""


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """How unsure a model is of each row, apart by cause: standard deviations >= 0, target unit, shape (n_rows,).

    epistemic : what more training rows like this one would take away (few or no such rows, or members that disagree).
    aleatoric : what would stay: noise of the measurement, and everything that the columns do not tell.

    A model that cannot tell one of them says zeros. For a classification both are of the label: the variance p (1 - p)
    of "it is the predicted class" is the variance of p over what the model could have been (epistemic) plus the rest.
    Kiureghian & Ditlevsen, Struct. Saf. 31 (2009) 105. doi:10.1016/j.strusafe.2008.06.020
    """

    epistemic: FloatArray
    aleatoric: FloatArray

    def __len__(self) -> int:
        return len(self.epistemic)

    @property
    def total(self) -> FloatArray:
        """Both together, shape (n_rows,): the root of the sum of squares."""
        return np.hypot(self.epistemic, self.aleatoric)

    def times(self, factor: float | FloatArray) -> Uncertainty:
        """Both parts stretched, as when the unit of the target changes."""
        return Uncertainty(self.epistemic * factor, self.aleatoric * factor)

    def take(self, rows: IntArray) -> Uncertainty:
        """The given rows, in the given order."""
        return Uncertainty(self.epistemic[rows], self.aleatoric[rows])


def only_epistemic(spread: FloatArray) -> Uncertainty:
    """Of a model that has one standard deviation and does not say what of it is noise."""
    return Uncertainty(spread, np.zeros(len(spread)))


def of_label(chance: FloatArray, epistemic: FloatArray) -> Uncertainty:
    """Of a class that has the probability `chance`, when that probability itself has the deviation `epistemic`."""
    return Uncertainty(epistemic, np.sqrt(np.maximum(chance * (1.0 - chance) - epistemic**2, 0.0)))


class ArrayModel(Protocol):
    """A scikit-learn estimator that is also data: it goes to plain arrays and comes back from them.

    A model from `from_arrays` predicts the same as the fitted one, bit for bit on the same batch, and needs no library
    beyond the core. `from_arrays` checks every index, shape and size before use and raises BundleError otherwise.
    """

    n_features_in_: int

    def fit(self, X: FloatArray, y: FloatArray, sample_weight: FloatArray | None = None) -> Self: ...

    def predict(self, X: FloatArray) -> FloatArray:
        """Value (regression) or class index as float (classification), shape (n_rows,)."""
        ...

    def to_arrays(self) -> Arrays: ...

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self: ...


# Classifiers also have  predict_proba(X) -> (n_rows, n_classes), columns in the order 0..n_classes-1 of class indices.
# Models that know their own doubt also have  uncertainty(X) -> Uncertainty, both parts apart, and
# spread(X) -> (n_rows,) >= 0: one standard deviation of the value, which is `uncertainty(X).total`
# (for classifiers: of the positive or largest probability, which is `uncertainty(X).epistemic`).


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
