"""Where the valence electrons sit."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.elements import filled_table
from matloop.represent import pooling
from matloop.represent.featurizer import CompositionFeaturizer
from matloop.represent.magpie import WARD_2016

DEML_2016 = (
    "A. M. Deml, R. O'Hayre, C. Wolverton, V. Stevanovic, Predicting density functional theory total energies and "
    "enthalpies of formation of metal-nonmetal compounds by linear regression, Phys. Rev. B 93 (2016) 085142, "
    "doi:10.1103/PhysRevB.93.085142"
)


class ValenceFeaturizer(CompositionFeaturizer):
    """Mean number of s, p, d and f valence electrons per atom, and each as a share of all valence electrons.

    Columns "avg s valence electrons" ... "frac f valence electrons"; equal to matminer's `ValenceOrbital`.
    """

    def columns(self) -> tuple[str, ...]:
        return tuple(f"{kind} {orbital} valence electrons" for kind in ("avg", "frac") for orbital in "spdf")

    def describe(self, elements: IntArray, amounts: FloatArray) -> FloatArray:
        properties = ("NsValence", "NpValence", "NdValence", "NfValence", "NValence")
        values = filled_table("magpie", properties).values
        means = pooling.mean(values[elements], amounts)
        return np.hstack([means[:, :4], means[:, :4] / means[:, 4:]])

    def citations(self) -> tuple[str, ...]:
        return (WARD_2016, DEML_2016)
