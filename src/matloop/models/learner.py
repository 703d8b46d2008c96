"""The two halves of a model: a learner (settings) meets prepared rows and leaves a predictor (plain arrays)."""

from __future__ import annotations

from typing import ClassVar, Protocol, Self

from matloop.core.arrays import Arrays, FloatArray
from matloop.models.family import Uncertainty


class Predictor(Protocol):
    """What learning left behind, as arrays: it predicts with nothing but them.

    A regression has one value per row, a classification one probability per class that was present. `kind` names the
    class in a file; it stands in the fixed list of `models/arrays.py`.
    """

    kind: ClassVar[str]

    @property
    def n_in(self) -> int:
        """Number of prepared columns it expects; -1 if any will do."""
        ...

    @property
    def n_values(self) -> int:
        """Number of values per row."""
        ...

    def values(self, Z: FloatArray) -> FloatArray:
        """Shape (n_rows, n_values)."""
        ...

    def values_and_uncertainty(self, Z: FloatArray) -> tuple[FloatArray, Uncertainty]:
        """The values and how unsure they are, zeros where the model does not know.

        For classes only the epistemic part is read: one standard deviation of the largest probability.
        """
        ...

    def to_arrays(self) -> Arrays: ...

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """The predictor again, every index, shape and size checked; BundleError otherwise."""
        ...


class Learner(Protocol):
    """Settings of a family, a frozen dataclass of JSON values; equal settings, rows and seed give equal arrays.

    One that treats columns by what they are also has  seeing(columns, source) -> Learner: the same, told from which of
    the table's columns each prepared column is made (none, where they are principal components).
    """

    def learn(self, Z: FloatArray, y: FloatArray, weights: FloatArray, *, classes: int, seed: int) -> Predictor:
        """Learn from prepared rows.

        Parameters
        ----------
        Z : shape (n_rows, n_columns), at least one row and one column.
        y : shape (n_rows,); for a regression of weighted mean 0 and standard deviation 1, for a classification
            0..classes-1, each present at least once.
        weights : shape (n_rows,), mean one.
        classes : 0 for a regression, else at least 2.
        """
        ...
