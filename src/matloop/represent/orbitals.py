"""The highest occupied and the lowest empty level, if atoms only pooled their electrons."""

from __future__ import annotations

from functools import cache

import numpy as np

from matloop.core.arrays import FloatArray, IntArray, frozen
from matloop.core.elements import MAX_Z, SYMBOLS, orbital_energies
from matloop.matter.compositions import Compositions
from matloop.represent import pooling
from matloop.represent.featurizer import CompositionFeaturizer

CAPACITY = {"s": 2.0, "p": 6.0, "d": 10.0, "f": 14.0}
CORE = -80.0
"""eV; deeper orbitals are full in every neutral atom, so they neither hold nor border the highest electrons."""
FULL = 1e-6  # electrons per atom: below the smallest dopant that a formula can name, above rounding


class OrbitalsFeaturizer(CompositionFeaturizer):
    """Band edges from the orbital energies of neutral atoms: all electrons of the formula fill all orbitals from below.

    Columns "HOMO energy", "LUMO energy", "gap of atomic orbitals" (eV; 0 where the highest orbital is partly filled),
    and "HOMO orbital", "LUMO orbital" (0, 1, 2, 3 for s, p, d, f). As matminer's `AtomicOrbitals`, also for fractional
    formulas. NaN with an element above uranium. Kotochigova et al. (1997), doi:10.1103/PhysRevA.55.191
    """

    def columns(self) -> tuple[str, ...]:
        return ("HOMO energy", "LUMO energy", "gap of atomic orbitals", "HOMO orbital", "LUMO orbital")

    def describe(self, elements: IntArray, amounts: FloatArray) -> FloatArray:
        energies, places, shells, electrons = _valence()
        share = pooling.fractions(amounts)
        m = len(elements)
        energy = energies[elements].reshape(m, -1)
        place = (places[elements] * share[:, :, None]).reshape(m, -1)
        shell = shells[elements].reshape(m, -1)
        order, row = np.argsort(energy, axis=1, kind="stable"), np.arange(m)[:, None]
        energy, place, shell = energy[row, order], place[row, order], shell[row, order]
        filled = np.cumsum(place, axis=1) - pooling.total(share * electrons[elements])[:, None]
        homo = np.argmax(filled >= -FULL, axis=1)[:, None]
        level = energy[row, homo]
        # the next orbital, past those of the same energy, where the highest one is exactly full
        above = np.argmax(filled > FULL, axis=1)[:, None]
        edges = np.hstack([homo, np.where(filled[:, -1:] > FULL, above, homo)])
        found = energy[row, edges]
        with np.errstate(invalid="ignore"):  # elements without energies are made NaN below
            gap = found[:, 1:] - level
        features = np.hstack([found, gap, shell[row, edges]])
        closed = filled[:, -1] <= FULL  # as in neon: no empty orbital is listed
        features[np.ix_(closed, np.array([1, 2, 4]))] = np.nan
        features[np.isnan(electrons[elements]).any(axis=1)] = np.nan
        return features

    def limits(self, compositions: Compositions) -> dict[int, str]:
        return self.limits_of(compositions, self.transform(compositions))

    def limits_of(self, compositions: Compositions, features: FloatArray) -> dict[int, str]:
        heavy = np.isnan(_valence()[3])[compositions.elements]
        rows, elements = compositions.rows[heavy].tolist(), compositions.elements[heavy].tolist()
        symbols = {row: SYMBOLS[z] for row, z in zip(rows, elements, strict=True)}
        unknown = {row: f"orbitals: no orbital energies of {symbol} are known" for row, symbol in symbols.items()}
        closed = np.flatnonzero(np.isnan(features[:, 1]) & ~np.isnan(features[:, 0])).tolist()
        return {**dict.fromkeys(closed, "orbitals: all orbitals that are listed are full, so no empty one"), **unknown}

    def units(self) -> dict[str, str]:
        return dict.fromkeys(("HOMO energy", "LUMO energy", "gap of atomic orbitals"), "eV")

    def citations(self) -> tuple[str, ...]:
        return (
            "S. Kotochigova, Z. H. Levine, E. L. Shirley, M. D. Stiles, C. W. Clark, Local-density-functional "
            "calculations of the energy of atoms, Phys. Rev. A 55 (1997) 191, doi:10.1103/PhysRevA.55.191",
        )


@cache
def _valence() -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Energies, places and shells of the orbitals above CORE, (119, k) each; the electrons in them (NaN: no data)."""
    listed = orbital_energies()
    k = max(sum(energy > CORE for _, energy in orbitals) for orbitals in listed)
    energies, places, shells = np.full((MAX_Z + 1, k), np.inf), np.zeros((MAX_Z + 1, k)), np.zeros((MAX_Z + 1, k))
    electrons = np.full(MAX_Z + 1, np.nan)
    for z, orbitals in enumerate(listed):
        if not orbitals:
            continue
        core = sum(CAPACITY[name[-1]] for name, energy in orbitals if energy <= CORE)
        electrons[z] = z - core
        for j, (name, energy) in enumerate((n, e) for n, e in orbitals if e > CORE):
            energies[z, j], places[z, j], shells[z, j] = energy, CAPACITY[name[-1]], "spdf".index(name[-1])
    return frozen(energies), frozen(places), frozen(shells), frozen(electrons)
