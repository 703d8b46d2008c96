"""Properties of the cations by their charge."""

from __future__ import annotations

from functools import cache

import numpy as np

from matloop.core.arrays import FloatArray, IntArray, frozen
from matloop.core.elements import ion_table
from matloop.represent.ions import SUMMARY, IonFeaturizer, is_ionic, known_only, of_sign, species_statistic
from matloop.represent.oxidation_search import Assumed
from matloop.represent.valence import DEML_2016

PROPERTIES = ("total_ioniz", "xtal_field_split", "magn_moment", "so_coupling", "sat_magn")


class CationsFeaturizer(IonFeaturizer):
    """Statistics over the cations of five properties of ions: matminer's `CationProperty`, preset "deml".

    Minimum, maximum, range, mean and standard deviation of the energy to ionise up to the charge (J/mol), crystal-field
    splitting, magnetic moment (Bohr magnetons), spin-orbit coupling and saturation magnetisation; a property that is
    not known for an ion is 0 (NaN in matminer where its table says so, as for Nb4+).
    Columns "DemlData minimum total_ioniz of cations" and so on. States are
    assumed as by `oxidation`; NaN without cations or anions. Deml et al. (2016), doi:10.1103/PhysRevB.93.085142
    """

    def columns(self) -> tuple[str, ...]:
        return tuple(f"DemlData {statistic} {name} of cations" for name in PROPERTIES for statistic in SUMMARY)

    def describe_ions(self, elements: IntArray, assumed: Assumed) -> FloatArray:
        m, table = len(elements), _by_charge()
        charge = np.clip(assumed.states, 0, table.shape[1] - 1)
        values = table[elements[:, :, None], charge].reshape(m, -1, len(PROPERTIES))
        share = of_sign(assumed, 1)
        found = np.stack([species_statistic(name, values, share) for name in SUMMARY], axis=2).reshape(m, -1)
        return known_only(found, is_ionic(assumed))

    def units(self) -> dict[str, str]:
        known = {"total_ioniz": "J/mol", "magn_moment": "muB"}
        return {f"DemlData {one} {name} of cations": unit for name, unit in known.items() for one in SUMMARY}

    def citations(self) -> tuple[str, ...]:
        return (DEML_2016,)


@cache
def _by_charge() -> FloatArray:
    """The properties by atomic number and charge, shape (119, 10, 5), by matminer's rules for what is not listed."""
    read = ion_table()
    steps = read["ionization_en"][:, :10].copy()
    steps[np.isnan(steps[:, 1]), 1] = np.nanmean(steps[1:, 1])
    total = np.cumsum(np.nan_to_num(steps), axis=1)
    others = [np.nan_to_num(read[name][:, :10]) for name in PROPERTIES[1:]]
    return frozen(np.stack([total, *others], axis=2))
