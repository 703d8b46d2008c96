"""What all featurizers of compositions share: reading, batches of rows with equally many elements, the output array."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.scikit import Transformer
from matloop.matter.compositions import Compositions, read_compositions
from matloop.problem.question import InputKind

ENTRIES_AT_ONCE = 8192
"""Atoms kinds per batch: small enough for the working arrays to stay in the processor's cache, and memory flat."""


Group = tuple[IntArray, IntArray, FloatArray]
"""Rows with equally many elements: rows (m,), elements (m, k), amounts (m, k)."""


class CompositionFeaturizer(Transformer):
    """A stateless transformer from compositions to named columns; a plug-in fills in the three abstract methods.

    `transform` takes whatever `read_compositions` takes. A row that cannot be read or described is NaN; `reasons` says
    why. Each row is worked out by itself, so it has the same bits in every batch.
    """

    kind: ClassVar[InputKind] = "composition"
    """What it describes; featurizers of compositions also serve for molecules, by their atoms."""

    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, unique."""

    @abstractmethod
    def describe(self, elements: IntArray, amounts: FloatArray) -> FloatArray:
        """Features of rows with equally many elements.

        Parameters
        ----------
        elements : shape (m, k), atomic numbers, ascending in each row, k >= 1
        amounts : shape (m, k), atoms per formula as written, > 0

        Returns
        -------
        shape (m, n_columns); NaN where a row has no value
        """

    def units(self) -> dict[str, str]:
        """{column: unit, as `core.units` reads it}; the others are pure numbers, or of no unit that is known."""
        return {}

    @abstractmethod
    def citations(self) -> tuple[str, ...]:
        """What to cite when these features are used."""

    def fit(self, X: Any, y: Any = None) -> Self:
        """Nothing is learnt."""
        return self

    def transform(self, X: Any) -> FloatArray:
        """Features, shape (n_rows, n_columns).

        Raises
        ------
        DataError : `X` is no sequence of compositions.
        """
        compositions, _ = read_compositions(X)
        return self.describe_groups(compositions, batches(compositions))

    def describe_groups(self, compositions: Compositions, groups: Iterable[Group]) -> FloatArray:
        """As `transform`, of rows that were put into groups of equally many elements before (`batches`)."""
        features: FloatArray | None = None
        for rows, elements, amounts in groups:
            block = self.describe_charged(elements, amounts, compositions.charges[rows])
            if features is None:
                if len(rows) == len(compositions):  # one group of all rows, in their order
                    return np.array(block, dtype=np.float64)
                features = np.full((len(compositions), block.shape[1]), np.nan)
            features[rows] = block
        return np.full((len(compositions), len(self.columns())), np.nan) if features is None else features

    def describe_charged(self, elements: IntArray, amounts: FloatArray, charges: FloatArray) -> FloatArray:
        """As `describe`, for those who care for the net charge of a formula: shape (m,), e per formula as written."""
        return self.describe(elements, amounts)

    def reasons(self, X: Any) -> dict[int, str]:
        """{row: why it is not (fully) described}."""
        compositions, reasons = read_compositions(X)
        empty = np.flatnonzero(np.diff(compositions.offsets) == 0).tolist()
        return {**dict.fromkeys(empty, "the composition could not be read"), **reasons, **self.limits(compositions)}

    def limits(self, compositions: Compositions) -> dict[int, str]:
        """{row: which limit of this featurizer it met}; none by default."""
        return {}

    def limits_of(self, compositions: Compositions, features: FloatArray) -> dict[int, str]:
        """As `limits`, where the features of the rows are known already."""
        return self.limits(compositions)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Names of the columns."""
        return np.array(self.columns(), dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return True


def batches(compositions: Compositions) -> Iterator[Group]:
    """Rows with equally many elements: rows (m,), elements (m, k), amounts (m, k). Unreadable rows come in none."""
    counts = np.diff(compositions.offsets)
    order = np.argsort(counts, kind="stable")
    bounds = np.searchsorted(counts[order], np.arange(1, int(counts.max(initial=0)) + 2))
    for k, (first, last) in enumerate(pairwise(bounds.tolist()), start=1):
        size = max(ENTRIES_AT_ONCE // k, 1)
        for start in range(first, last, size):
            rows = order[start : min(start + size, last)]
            entries = compositions.offsets[rows][:, None] + np.arange(k)
            yield rows, compositions.elements[entries], compositions.amounts[entries]
