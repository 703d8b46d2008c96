"""How much the anions like their electrons."""

from __future__ import annotations

from matloop.core.arrays import FloatArray, IntArray
from matloop.represent.deml import filled_deml
from matloop.represent.ions import IonFeaturizer, has_sign, known_only, of_sign, species_statistic
from matloop.represent.oxidation_search import Assumed
from matloop.represent.valence import DEML_2016


class ElectronAffinityFeaturizer(IonFeaturizer):
    """Mean over the anions of electron affinity times charge, J/mol times e: matminer's `ElectronAffinity`.

    Column "avg anion electron affinity". States are assumed as by `oxidation`; NaN without anions. An affinity that is
    not known is the mean of the known ones. Deml et al. (2016), doi:10.1103/PhysRevB.93.085142
    """

    def columns(self) -> tuple[str, ...]:
        return ("avg anion electron affinity",)

    def describe_ions(self, elements: IntArray, assumed: Assumed) -> FloatArray:
        affinity = filled_deml().column("electron_affin")[elements]
        values = (affinity[:, :, None] * assumed.states).reshape(len(elements), -1, 1)
        return known_only(species_statistic("mean", values, of_sign(assumed, -1)), has_sign(assumed, -1))

    def units(self) -> dict[str, str]:
        return {"avg anion electron affinity": "e*J/mol"}

    def citations(self) -> tuple[str, ...]:
        return (DEML_2016,)
