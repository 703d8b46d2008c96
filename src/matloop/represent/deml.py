"""The element statistics of Deml et al., and two single features of that school."""

from __future__ import annotations

from functools import cache

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray, frozen
from matloop.core.elements import ATOMIC_MASS, MAX_Z, Z_OF, ElementTable, filled_table, property_units, table
from matloop.represent import pooling
from matloop.represent.featurizer import CompositionFeaturizer
from matloop.represent.valence import DEML_2016

PROPERTIES = (
    "atom_num", "atom_mass", "row_num", "col_num", "atom_radius", "molar_vol", "heat_fusion", "melting_point",
    "boiling_point", "heat_cap", "first_ioniz", "electronegativity", "electric_pol", "GGAU_Etot", "mus_fere",
    "FERE correction",
)  # fmt: skip
STATISTICS = ("minimum", "maximum", "range", "mean", "std_dev")
NOBLE_GASES = (2, 10, 18, 36, 54, 86, 118)
TRANSITION_METALS = (
    "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Nb", "Mo", "Tc", "Ru", "Rh", "Pd", "Ag", "Ta", "W", "Re", "Os",
    "Ir", "Pt",
)  # fmt: skip
BUTLER_1978 = (
    "M. A. Butler, D. S. Ginley, Prediction of flatband potentials at semiconductor-electrolyte interfaces from "
    "atomic electronegativities, J. Electrochem. Soc. 125 (1978) 228, doi:10.1149/1.2131419"
)


@cache
def deml_table() -> ElementTable:
    """The table as published, with the FERE correction: the fitted less the calculated reference energy."""
    return _corrected(table("deml"))


@cache
def filled_deml() -> ElementTable:
    """The table with matminer's rules for missing values: number, mass and row are known for all, else the mean."""
    read = table("deml")
    values = read.values.copy()
    z = np.arange(MAX_Z + 1)
    known = {"atom_num": z, "atom_mass": ATOMIC_MASS, "row_num": np.searchsorted(NOBLE_GASES, z) + 1}
    for name, replacement in known.items():
        column = values[:, read.columns.index(name)]
        column[:] = np.where(np.isnan(column), replacement, column)
    return _corrected(ElementTable(read.columns, values).filled())


def _corrected(read: ElementTable) -> ElementTable:
    correction = read.column("mus_fere") - read.column("GGAU_Etot")
    return ElementTable((*read.columns, "FERE correction"), frozen(np.column_stack([read.values, correction])))


class DemlFeaturizer(CompositionFeaturizer):
    """Minimum, maximum, range, mean and standard deviation of 16 element properties: matminer's preset "deml"."""

    def columns(self) -> tuple[str, ...]:
        return pooling.pooled_names("DemlData", PROPERTIES, STATISTICS)

    def describe(self, elements: IntArray, amounts: FloatArray) -> FloatArray:
        return pooling.pool(filled_deml().pick(PROPERTIES).values, elements, amounts, STATISTICS)

    def units(self) -> dict[str, str]:
        return pooling.pooled_units("DemlData", PROPERTIES, STATISTICS, property_units("deml"))

    def citations(self) -> tuple[str, ...]:
        return (DEML_2016,)


class TransitionMetalFeaturizer(CompositionFeaturizer):
    """Share of atoms that are transition metals with a magnetic moment in some state: matminer's `TMetalFraction`."""

    def columns(self) -> tuple[str, ...]:
        return ("transition metal fraction",)

    def describe(self, elements: IntArray, amounts: FloatArray) -> FloatArray:
        return pooling.total(np.where(_transition_metals()[elements], pooling.fractions(amounts), 0.0))[:, None]

    def citations(self) -> tuple[str, ...]:
        return (DEML_2016,)


@cache
def _transition_metals() -> BoolArray:
    """Whether an element is one, by atomic number."""
    member = np.zeros(MAX_Z + 1, dtype=bool)
    member[[Z_OF[symbol] for symbol in TRANSITION_METALS]] = True
    return frozen(member)


class BandCenterFeaturizer(CompositionFeaturizer):
    """Centre of the band gap on the absolute scale, eV: geometric mean of the elements' Mulliken electronegativities.

    As matminer's `BandCenter`. Butler & Ginley (1978), doi:10.1149/1.2131419
    """

    def columns(self) -> tuple[str, ...]:
        return ("band center",)

    def describe(self, elements: IntArray, amounts: FloatArray) -> FloatArray:
        ionisation = filled_deml().column("first_ioniz") / 1000.0  # kJ/mol
        affinity = filled_table("magpie").column("ElectronAffinity")  # kJ/mol
        mulliken = 0.5 * (ionisation + affinity) / 96.48  # kJ/mol per eV, the value used by matminer
        return pooling.geometric_mean(mulliken[elements][:, :, None], amounts)

    def units(self) -> dict[str, str]:
        return {"band center": "eV"}

    def citations(self) -> tuple[str, ...]:
        return (BUTLER_1978,)
