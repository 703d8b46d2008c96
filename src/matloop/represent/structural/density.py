"""How dense a crystal is: mass, volume and filled space."""

from __future__ import annotations

import math

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.elements import ATOMIC_MASS, SYMBOLS, table
from matloop.matter.neighbours import Vicinity
from matloop.matter.structures import Structures
from matloop.represent.structural.featurizer import StructureFeaturizer

U_PER_A3 = 1.66053906892  # g/cm^3, CODATA 2022


class DensityFeaturizer(StructureFeaturizer):
    """Density, volume per atom and packing fraction of a crystal.

    Columns as matminer's `DensityFeatures`: "density" (g/cm^3), "vpa" (volume per atom, Angstrom^3), "packing fraction"
    (volume of spheres of the empirical atomic radii of Slater 1964 over that of the cell; NaN with an element that has
    no such radius, as noble gases). A shared or partly vacant site counts by its occupancies.
    """

    needs_order = False
    needs_cell = True

    def columns(self) -> tuple[str, ...]:
        return ("density", "vpa", "packing fraction")

    def describe(self, structures: Structures, near: Vicinity) -> tuple[FloatArray, dict[int, str]]:
        rows = structures.rows[structures.site_of_species]
        radii = table("periodic").column("atomic_radius")[structures.numbers]

        def total(values: FloatArray) -> FloatArray:
            return np.bincount(rows, weights=structures.occupancies * values, minlength=len(structures)).astype(float)

        mass, atoms = total(ATOMIC_MASS[structures.numbers]), total(np.ones(len(rows)))
        spheres = 4.0 / 3.0 * math.pi * total(radii**3)
        reasons: dict[int, str] = {}
        for species in np.flatnonzero(np.isnan(radii)).tolist():
            symbol = SYMBOLS[structures.numbers[species]]
            reasons.setdefault(int(rows[species]), f"no atomic radius of {symbol} is known: no packing fraction")
        volumes = structures.volumes
        return np.column_stack([U_PER_A3 * mass / volumes, volumes / atoms, spheres / volumes]), reasons

    def units(self) -> dict[str, str]:
        return {"density": "g/cm^3", "vpa": "angstrom^3"}

    def citations(self) -> tuple[str, ...]:
        return ("J. C. Slater, Atomic radii in crystals, J. Chem. Phys. 41 (1964) 3199, doi:10.1063/1.1725697",)
