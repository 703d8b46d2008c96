"""How evenly the atoms are spread over the elements, whatever the elements are."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.represent import pooling
from matloop.represent.featurizer import CompositionFeaturizer
from matloop.represent.magpie import WARD_2016

POWERS = (0, 2, 3, 5, 7, 10)


class StoichiometryFeaturizer(CompositionFeaturizer):
    """p-norms of the atomic fractions, p = 0 (the number of elements), 2, 3, 5, 7, 10, as in Ward et al. (2016).

    Columns "0-norm" to "10-norm"; equal to matminer's `Stoichiometry`. doi:10.1038/npjcompumats.2016.28
    """

    def columns(self) -> tuple[str, ...]:
        return tuple(f"{p}-norm" for p in POWERS)

    def describe(self, elements: IntArray, amounts: FloatArray) -> FloatArray:
        share = pooling.fractions(amounts)
        norms = [np.full(len(share), float(share.shape[1]))]
        norms += [pooling.total(share**p) ** (1.0 / p) for p in POWERS[1:]]
        return np.column_stack(norms)

    def citations(self) -> tuple[str, ...]:
        return (WARD_2016,)
