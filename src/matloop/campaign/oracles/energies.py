"""Properties of a crystal from energies and forces: relaxed within bounds, or refused with the reason."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from matloop.campaign.oracles.crystals import EXTRA, SITES, shares, volume_of
from matloop.core.errors import ConfigError, DataError
from matloop.core.optional import require

PROPERTIES: Mapping[str, str] = {
    "energy_per_atom": "eV/atom", "formation_energy": "eV/atom", "volume_per_atom": "angstrom**3", "density": "g/cm**3",
    "bulk_modulus": "GPa",
}  # fmt: skip
"""{property: unit}. formation_energy : per atom, over the elements in their own crystals (or molecules), each relaxed
by the same method. bulk_modulus : at zero pressure, from a Birch-Murnaghan fit."""
MOLECULAR = ("energy_per_atom", "formation_energy")
CELL = 8.0
"""Shortest edge of a cell for tight binding at one k-point, A; 0.1 eV per atom are left at half of it (MgO)."""
FORCE = 0.05
"""Largest force of a relaxed structure, eV/A."""
SCAN = (0.88, 0.92, 0.96, 1.0, 1.04, 1.08, 1.12)
STRAINS = (0.98, 0.9875, 0.995, 1.0, 1.005, 1.0125, 1.02)
LEAST_BULK = 1.0
"""GPa; below, the energies say that there is no minimum."""


def calculator(name: str) -> Any:
    """A fresh ASE calculator.

    EMT: effective medium theory for Al, Cu, Ag, Au, Ni, Pd, Pt (Jacobsen, Stoltze, Norskov, Surf. Sci. 366 (1996) 394,
    doi:10.1016/0039-6028(96)00816-3). xTB: GFN1-xTB, elements to Rn (Grimme, Bannwarth, Shushkov, J. Chem. Theory
    Comput. 13 (2017) 1989, doi:10.1021/acs.jctc.7b00118). CHGNet: universal potential (Deng et al., Nat. Mach.
    Intell. 5 (2023) 1031, doi:10.1038/s42256-023-00716-3).

    Raises
    ------
    ConfigError : no such name. MissingExtra : its library is not installed.
    """
    if name == "emt":
        return require("ase.calculators.emt", extra=EXTRA).EMT()
    if name == "xtb":
        return require("tblite.ase", extra=EXTRA).TBLite(method="GFN1-xTB", verbosity=0)
    if name == "chgnet":
        return require("chgnet.model.dynamics", extra="chgnet").CHGNetCalculator(use_device="cpu", verbose=False)
    raise ConfigError(f"there is no calculator {name!r}. Known: emt, xtb, chgnet.")


@dataclass(slots=True)
class Method:
    """A calculator with bounds, and the energies of the elements it has computed; lives in one process."""

    name: str
    steps: int
    elements: dict[str, float] = field(default_factory=dict)

    def properties(self, atoms: Any, wanted: Sequence[str]) -> dict[str, float]:
        """The wanted properties of a crystal, in the units of `PROPERTIES`.

        Raises
        ------
        DataError : it does not relax within the steps, falls apart, or the method does not know its elements.
        """
        relaxed = self.relaxed(self.repeated(atoms))
        energy = float(relaxed.get_potential_energy()) / len(relaxed)
        if not relaxed.pbc.all() and (cell := [name for name in wanted if name not in MOLECULAR]):
            raise DataError(f"{cell[0]} is a property of crystals; this is a molecule, or a slab")
        volume = float(relaxed.get_volume()) / len(relaxed) if relaxed.pbc.all() else math.nan
        mass = float(relaxed.get_masses().sum()) / len(relaxed)
        found = {"energy_per_atom": energy}
        if relaxed.pbc.all():
            found |= {"volume_per_atom": volume, "density": 1.66053907 * mass / volume}
        if "formation_energy" in wanted:
            found["formation_energy"] = energy - sum(
                share * self.element(name) for name, share in sorted(shares(relaxed).items())
            )
        if "bulk_modulus" in wanted:
            found["bulk_modulus"] = self.bulk_modulus(relaxed)
        return {name: found[name] for name in wanted}

    def repeated(self, atoms: Any) -> Any:
        """A cell large enough for the method: tight binding here has no k-points, so that a small one is no crystal."""
        if self.name != "xtb" or not atoms.pbc.any():
            return atoms
        lengths = atoms.cell.lengths()
        return atoms.repeat(
            tuple(math.ceil(CELL / one - 0.01) if on else 1 for one, on in zip(lengths, atoms.pbc, strict=True))
        )

    def relaxed(self, atoms: Any) -> Any:
        """The nearest minimum: first the size of the cell alone, then cell and positions; of molecules positions."""
        if not atoms.pbc.all():
            alone = atoms.copy()
            alone.calc = calculator(self.name)
            self._settle(alone, alone)
            return alone
        atoms = self._sized(atoms)
        filters = require("ase.filters", extra=EXTRA)
        self._settle(atoms, filters.FrechetCellFilter(atoms))
        return atoms

    def element(self, symbol: str) -> float:
        """Energy per atom (eV) of an element in its own crystal, or molecule."""
        if symbol not in self.elements:
            self.elements[symbol] = min(self._element(one) for one in _references(symbol))
        return self.elements[symbol]

    def _element(self, atoms: Any) -> float:
        if atoms.pbc.any():
            atoms = self.repeated(atoms)
        return float(self.relaxed(atoms).get_potential_energy()) / len(atoms)

    def bulk_modulus(self, relaxed: Any) -> float:
        """GPa."""
        volumes, energies = [], []
        for strain in STRAINS:
            one = relaxed.copy()
            one.set_cell(relaxed.cell * strain, scale_atoms=True)
            one.calc = calculator(self.name)
            if len(one) > 1:
                self._settle(one, one)
            volumes.append(one.get_volume())
            energies.append(one.get_potential_energy())
        fit = require("ase.eos", extra=EXTRA).EquationOfState(volumes, energies, eos="birchmurnaghan")
        try:
            _, _, modulus = fit.fit()
        except (RuntimeError, ValueError) as error:
            raise DataError(f"the energies over the volume have no minimum ({error})") from error
        value = float(modulus) / float(require("ase.units", extra=EXTRA).GPa)
        if not LEAST_BULK < value < 2000:
            raise DataError(f"the fit gives a bulk modulus of {value:.3g} GPa, which no crystal has")
        return value

    def _sized(self, atoms: Any) -> Any:
        """Scaled to the lowest energy; a minimum at an end is followed, three times at most."""
        factor = 1.0
        for _ in range(4):
            energies = [self._energy(atoms, factor * one) for one in SCAN]
            best = int(np.argmin(energies))
            factor *= SCAN[best]
            if 0 < best < len(SCAN) - 1:
                break
        else:
            raise DataError("its volume has no minimum: it collapses, or falls apart")
        return self._scaled(atoms, factor)

    def _scaled(self, atoms: Any, factor: float) -> Any:
        one = atoms.copy()
        one.set_cell(atoms.cell * factor, scale_atoms=True)
        one.calc = calculator(self.name)
        return one

    def _energy(self, atoms: Any, factor: float) -> float:
        value = float(self._scaled(atoms, factor).get_potential_energy())
        return value if math.isfinite(value) else math.inf

    def _settle(self, atoms: Any, moved: Any) -> None:
        optimiser = require("ase.optimize", extra=EXTRA).BFGSLineSearch(moved, logfile=None)
        if not optimiser.run(fmax=FORCE, steps=self.steps):
            forces = float(np.abs(moved.get_forces()).max())
            raise DataError(f"not relaxed after {self.steps} steps (largest force {forces:.2g} eV/A)")
        if not np.isfinite(atoms.get_potential_energy()):
            raise DataError("its energy is not finite")


def _references(symbol: str) -> list[Any]:
    """An element in its own crystal or molecule; where that is not simple, fcc and bcc, of which the lower counts."""
    data, building = require("ase.data", extra=EXTRA), require("ase.build", extra=EXTRA)
    state = data.reference_states[data.atomic_numbers[symbol]] or {}
    kind = state.get("symmetry", "")
    if kind == "diatom":
        return [require("ase", extra=EXTRA).Atoms(symbol + symbol, [[0, 0, 0], [0, 0, state["d"]]])]
    if kind in ("fcc", "bcc", "diamond", "sc"):
        return [building.bulk(symbol, kind, a=state["a"])]
    if kind == "hcp":
        return [building.bulk(symbol, "hcp", a=state["a"], c=state["a"] * state["c/a"])]
    volume = volume_of(symbol)
    return [building.bulk(symbol, kind, a=(SITES[kind] * volume) ** (1 / 3)) for kind in ("fcc", "bcc")]
