"""How unlike cations and anions are."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.elements import table
from matloop.represent.ions import SUMMARY, IonFeaturizer, is_ionic, known_only, of_sign, species_statistic
from matloop.represent.oxidation_search import Assumed
from matloop.represent.valence import DEML_2016


class ElectronegativityDifferenceFeaturizer(IonFeaturizer):
    """The anions' mean Pauling electronegativity less that of each cation: matminer's `ElectronegativityDiff`.

    Minimum, maximum, range, mean and standard deviation over the cations; columns "minimum EN difference" and so on.
    States are assumed as by `oxidation`; NaN without cations or anions, or where an electronegativity is not known.
    Deml et al. (2016), doi:10.1103/PhysRevB.93.085142
    """

    def columns(self) -> tuple[str, ...]:
        return tuple(f"{statistic} EN difference" for statistic in SUMMARY)

    def describe_ions(self, elements: IntArray, assumed: Assumed) -> FloatArray:
        negativity = np.broadcast_to(table("periodic").column("X")[elements][:, :, None], assumed.share.shape)
        values = negativity.reshape(len(elements), -1, 1)
        of_anions = species_statistic("mean", values, of_sign(assumed, -1))
        cations = of_sign(assumed, 1)
        difference = of_anions[:, None, :] - values
        found = np.hstack([species_statistic(name, difference, cations) for name in SUMMARY])
        return known_only(found, is_ionic(assumed))

    def citations(self) -> tuple[str, ...]:
        return (DEML_2016,)
