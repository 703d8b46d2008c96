"""How much of each element there is."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.elements import SYMBOLS
from matloop.represent import pooling
from matloop.represent.featurizer import CompositionFeaturizer


class FractionsFeaturizer(CompositionFeaturizer):
    """Atomic fraction of each element, Z = 1 to 118: columns "fraction H" to "fraction Og", which sum to one."""

    def columns(self) -> tuple[str, ...]:
        return tuple(f"fraction {symbol}" for symbol in SYMBOLS[1:])

    def describe(self, elements: IntArray, amounts: FloatArray) -> FloatArray:
        features = np.zeros((len(elements), len(SYMBOLS) - 1))
        features[np.arange(len(elements))[:, None], elements - 1] = pooling.fractions(amounts)
        return features

    def citations(self) -> tuple[str, ...]:
        return ()
