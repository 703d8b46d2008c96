"""The features with which Meredig and co-workers screened for new ternary compounds."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.elements import filled_table, property_units
from matloop.represent.featurizer import CompositionFeaturizer
from matloop.represent.pooling import pool, pooled_units
from matloop.represent.valence import ValenceFeaturizer

MEAN_ONLY = ("AtomicWeight", "Column", "Row")
BOTH = ("Number", "AtomicRadius", "Electronegativity")
MEREDIG_2014 = (
    "B. Meredig et al., Combinatorial screening for new materials in unconstrained composition space with machine "
    "learning, Phys. Rev. B 89 (2014) 094104, doi:10.1103/PhysRevB.89.094104"
)


class MeredigFeaturizer(CompositionFeaturizer):
    """Nine means and ranges of element properties and eight of valence electrons: matminer's `Meredig`.

    Its element fractions are those of `fractions`, which every run makes, and are not repeated here. Columns "Meredig
    mean AtomicWeight" ... "Meredig frac f valence electrons".
    """

    def columns(self) -> tuple[str, ...]:
        names = [f"mean {name}" for name in MEAN_ONLY]
        names += [f"{kind} {name}" for name in BOTH for kind in ("range", "mean")]
        return tuple(f"Meredig {name}" for name in (*names, *ValenceFeaturizer().columns()))

    def describe(self, elements: IntArray, amounts: FloatArray) -> FloatArray:
        means = pool(filled_table("magpie", MEAN_ONLY).values, elements, amounts, ("mean",))
        both = pool(filled_table("magpie", BOTH).values, elements, amounts, ("range", "mean"))
        return np.hstack([means, both, ValenceFeaturizer().describe(elements, amounts)])

    def units(self) -> dict[str, str]:
        known = property_units("magpie")
        means = pooled_units("Meredig", MEAN_ONLY, ("mean",), known)
        return means | pooled_units("Meredig", BOTH, ("range", "mean"), known)

    def citations(self) -> tuple[str, ...]:
        return (MEREDIG_2014,)
