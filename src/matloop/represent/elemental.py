"""Further element properties than Magpie's 22: ionisation, radii, bulk and thermal properties of the elements."""

from __future__ import annotations

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.elements import filled_table, property_units
from matloop.represent.featurizer import CompositionFeaturizer
from matloop.represent.magpie import PROPERTIES as MAGPIE_PROPERTIES
from matloop.represent.magpie import WARD_2016
from matloop.represent.pooling import pool, pooled_names, pooled_units

PROPERTIES = (
    "AllenElectronegativity", "FirstIonizationEnergy", "SecondIonizationEnergy", "ElectronAffinity", "Polarizability",
    "HeatFusion", "HeatVaporization", "BoilingT", "BulkModulus", "ShearModulus", "HeatCapacityMolar",
    "LogThermalConductivity", "MiracleRadius", "VdWRadius", "ZungerPP-r_sigma", "ZungerPP-r_pi", "phi", "n_ws^third",
    "ICSDVolume", "IsMetal", "IsMetalloid",
)  # fmt: skip
STATISTICS = ("mean", "std", "minimum", "maximum")


class ElementalFeaturizer(CompositionFeaturizer):
    """Mean, standard deviation over the atoms, minimum and maximum of 21 element properties beyond Magpie's 22.

    Taken from the same tables (units in `core/tables/README.md`); the mean over the known elements stands for a missing
    value, as there.
    """

    def columns(self) -> tuple[str, ...]:
        return pooled_names("element", PROPERTIES, STATISTICS)

    def describe(self, elements: IntArray, amounts: FloatArray) -> FloatArray:
        return pool(filled_table("magpie", PROPERTIES).values, elements, amounts, STATISTICS)

    def units(self) -> dict[str, str]:
        return pooled_units("element", PROPERTIES, STATISTICS, property_units("magpie"))

    def citations(self) -> tuple[str, ...]:
        return (WARD_2016,)


class SpreadFeaturizer(CompositionFeaturizer):
    """Standard deviation over the atoms of Magpie's 22 element properties: columns "element std Number" and so on."""

    def columns(self) -> tuple[str, ...]:
        return pooled_names("element", MAGPIE_PROPERTIES, ("std",))

    def describe(self, elements: IntArray, amounts: FloatArray) -> FloatArray:
        return pool(filled_table("magpie", MAGPIE_PROPERTIES).values, elements, amounts, ("std",))

    def units(self) -> dict[str, str]:
        return pooled_units("element", MAGPIE_PROPERTIES, ("std",), property_units("magpie"))

    def citations(self) -> tuple[str, ...]:
        return (WARD_2016,)
