"""A feature table: named columns of numbers, categories as codes, and a reason for every row not described."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from matloop.core.arrays import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """What estimators see.

    X : shape (n_rows, n_features), float64; NaN where a value is missing. A category column holds the index into its
        vocabulary (NaN: missing or never seen); the estimator's pipeline encodes it.
    names : shape (n_features,), unique.
    origins : per column the input it came from and the featurizer that made it, `"formula:magpie"`; plain numbers and
        categories `"temperature:number"`, `"route:category"`.
    vocabularies : words of each category column, by column name, sorted.
    reasons : {row: why it could not be (fully) described}.
    """

    X: FloatArray
    names: tuple[str, ...]
    origins: tuple[str, ...]
    vocabularies: Mapping[str, tuple[str, ...]]
    reasons: Mapping[int, str]

    def __len__(self) -> int:
        return len(self.X)

    def take(self, rows: IntArray) -> FeatureTable:
        """The given rows, in the given order."""
        place = {int(old): new for new, old in enumerate(rows)}
        reasons = {place[row]: why for row, why in self.reasons.items() if row in place}
        return FeatureTable(self.X[rows], self.names, self.origins, self.vocabularies, reasons)

    def columns(self) -> Columns:
        """The table without its rows."""
        return Columns(self.names, self.origins, self.vocabularies)


@dataclass(frozen=True, slots=True)
class Columns:
    """What the columns of a feature table are, without the rows: all that an estimator needs to know beside X."""

    names: tuple[str, ...]
    origins: tuple[str, ...]
    vocabularies: Mapping[str, tuple[str, ...]]

    @property
    def categorical(self) -> tuple[int, ...]:
        """Positions of the category columns."""
        return tuple(i for i, name in enumerate(self.names) if name in self.vocabularies)
