"""How strongly a compound holds together, as far as its elements tell."""

from __future__ import annotations

from typing import Any

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.elements import SYMBOLS, filled_table, table
from matloop.core.errors import DataError
from matloop.matter.compositions import Compositions
from matloop.represent import pooling
from matloop.represent.featurizer import CompositionFeaturizer

KITTEL_2005 = "C. Kittel, Introduction to Solid State Physics, 8th ed., Wiley (2005), table of cohesive energies"


class CohesiveEnergyFeaturizer(CompositionFeaturizer):
    """Mean cohesive energy of the elements, eV/atom: what matminer's `CohesiveEnergy` adds to a formation energy.

    Column "elemental cohesive energy". The cohesive energy of the compound is this minus its formation energy per atom
    (`compound_cohesive_energies`); matminer looks that up on line where it is not given, which is not done here.
    Elements without a value count with the mean of the known ones, as there; `limits` names these rows.
    """

    def columns(self) -> tuple[str, ...]:
        return ("elemental cohesive energy",)

    def describe(self, elements: IntArray, amounts: FloatArray) -> FloatArray:
        return pooling.mean(filled_table("miedema", ("cohesive_energy",)).values[elements], amounts)

    def limits(self, compositions: Compositions) -> dict[int, str]:
        unknown = np.isnan(table("miedema").column("cohesive_energy"))[compositions.elements]
        met: dict[int, list[str]] = {}
        for row, z in zip(compositions.rows[unknown].tolist(), compositions.elements[unknown].tolist(), strict=True):
            met.setdefault(row, []).append(SYMBOLS[z])
        return {
            row: f"cohesive energy of {', '.join(symbols)} is not known: the mean over the known elements was taken"
            for row, symbols in met.items()
        }

    def units(self) -> dict[str, str]:
        return {"elemental cohesive energy": "eV/atom"}

    def citations(self) -> tuple[str, ...]:
        return (KITTEL_2005,)


def compound_cohesive_energies(X: Any, formation_energies: Any) -> FloatArray:
    """Cohesive energy per atom of compounds, eV, shape (n,): that of the elements minus the formation energy.

    Parameters
    ----------
    X : as for `matter.compositions.read_compositions`
    formation_energies : shape (n,), eV/atom, negative where the compound is stable against its elements

    Raises
    ------
    DataError : there are not as many energies as rows.

    Examples
    --------
    >>> compound_cohesive_energies(["NaCl"], [-2.1])
    array([3.3565])
    """
    of_elements = CohesiveEnergyFeaturizer().transform(X)[:, 0]
    energies = np.asarray(formation_energies, dtype=np.float64)
    if energies.shape != of_elements.shape:
        raise DataError(f"{len(of_elements)} compositions but formation energies of shape {energies.shape}.")
    return of_elements - energies
