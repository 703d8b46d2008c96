"""Objects of pymatgen and ASE from and to parts. Neither library is imported before one of its objects is made."""

from __future__ import annotations

from typing import Any

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray
from matloop.core.elements import SYMBOLS
from matloop.core.optional import require
from matloop.matter.formats.part import (
    Part,
    Species,
    StructureError,
    completed,
    fractional,
    mixed_part,
    noted_isotopes,
    number_of,
    ordered_part,
    stands_in,
)
from matloop.matter.formats.values import OURS, THEIRS, WHOLE, left_out, number_or_numbers, numeric

EXTRA = "structures"
_NO_REPEAT: BoolArray = np.zeros(3, dtype=bool)
_SPIN = "spin"
"""Site value that holds the spin of pymatgen's species."""


def is_pymatgen(one: object) -> bool:
    """Whether it is a Structure or Molecule of pymatgen."""
    kind = type(one)  # asking the object would work its properties out
    return hasattr(kind, "site_properties") and hasattr(kind, "cart_coords") and hasattr(kind, "as_dict")


def is_ase(one: object) -> bool:
    """Whether it is an Atoms object of ASE."""
    return hasattr(one, "get_atomic_numbers") and hasattr(one, "get_scaled_positions")


# ---- pymatgen ----


def from_pymatgen(one: Any) -> Part:
    """A Structure, Molecule, or a kind of these.

    Kept: species with occupancies, oxidation states and spins, numeric site properties, numeric properties of the
    whole, an explicit charge, pbc. Not kept: labels of sites, properties that are no numbers (noted).

    Raises
    ------
    StructureError : it holds a dummy species, no sites, or occupancies above one.
    """
    species: list[list[Species]] = []
    spins: list[float | None] = []
    symbols: set[str] = set()
    for site in one:
        held = []
        for kind, amount in site.species.items():
            symbols.add(kind.symbol)
            oxidation = getattr(kind, "oxi_state", None)
            held.append((number_of(kind.symbol), float(amount), np.nan if oxidation is None else float(oxidation)))
        species.append(held)
        spins.append(getattr(kind, "spin", None) if len(held) == 1 else None)
    lattice = getattr(one, "lattice", None)
    values, lost = _site_properties(one.site_properties)
    if any(spin is not None for spin in spins):
        values[_SPIN] = np.array([np.nan if spin is None else float(spin) for spin in spins])
    whole, more = _properties(one)
    return mixed_part(
        np.eye(3) if lattice is None else np.array(lattice.matrix, dtype=float),
        _NO_REPEAT if lattice is None else np.array(lattice.pbc, dtype=bool),
        np.array(one.cart_coords if lattice is None else one.frac_coords, dtype=float).reshape(-1, 3),
        species,
        site_values=values,
        row_values=whole,
        charge=_charge(one),
        notes=(*noted_isotopes(sorted(symbols)), *left_out(lost, "site properties"), *left_out(more, "properties")),
    )


def _charge(one: Any) -> float | None:
    """The explicit charge; that of a molecule is always one."""
    given = getattr(one, "_charge", None)
    return None if given is None else float(given)


def _site_properties(given: dict[str, Any]) -> tuple[dict[str, FloatArray], list[str]]:
    found = {str(name): numeric(list(values)) for name, values in given.items()}
    return {n: v for n, v in found.items() if v is not None}, [n for n, v in found.items() if v is None]


def _properties(one: Any) -> tuple[dict[str, FloatArray], list[str]]:
    given = dict(getattr(one, "properties", None) or {})
    multiplicity = getattr(one, "_spin_multiplicity", None)
    if multiplicity is not None and not hasattr(one, "lattice"):
        given["spin_multiplicity"] = multiplicity
    found = {str(name): number_or_numbers(value) for name, value in given.items()}
    return {n: v for n, v in found.items() if v is not None}, [n for n, v in found.items() if v is None]


def to_pymatgen(part: Part) -> Any:
    """A Structure, or a Molecule where nothing repeats and there is no cell.

    Raises
    ------
    MissingExtra : pymatgen is not installed.
    """
    core = require("pymatgen.core", extra=EXTRA)
    values = {name: _listed(name, array) for name, array in part.site_values.items() if name != _SPIN}
    spins = part.site_values.get(_SPIN, np.full(len(part), np.nan)).tolist()
    sites = [
        {_species(core, z, state, spin): amount for z, amount, state in held}
        for held, spin in zip(part.species, spins, strict=True)
    ]
    whole = {name: array.tolist() for name, array in part.row_values.items()}
    charge = None if part.charge == part.implied_charge else part.charge
    if stands_in(part.lattice, part.periodic).all():
        multiplicity = whole.pop("spin_multiplicity", None)
        return core.Molecule(
            sites, part.positions, charge=part.charge, spin_multiplicity=multiplicity and int(multiplicity),
            site_properties=values, properties=whole, charge_spin_check=False,
        )  # fmt: skip
    lattice = core.Lattice(part.lattice, pbc=tuple(part.periodic.tolist()))
    return core.Structure(
        lattice, sites, part.coordinates, charge=charge, site_properties=values, properties=whole
    )  # fmt: skip


def _species(core: Any, z: int, state: float, spin: float) -> Any:
    if np.isnan(state) and np.isnan(spin):
        return core.Element(SYMBOLS[z])
    return core.Species(SYMBOLS[z], None if np.isnan(state) else state, spin=None if np.isnan(spin) else spin)


def _listed(name: str, array: FloatArray) -> list[Any]:
    """Values of each site; None where all are missing."""
    lacking = [bool(np.isnan(value).all()) for value in array]
    typed: Any = array.astype(bool) if name == "selective_dynamics" else array
    return [None if lack else value for lack, value in zip(lacking, typed.tolist(), strict=True)]


# ---- ASE ----


def from_ase(one: Any) -> Part:
    """An Atoms object, with the results of a calculation that belong to these positions.

    Kept: arrays and results of numbers (energy, forces, moments, charges, stress), numeric entries of `info`, pbc, the
    cell, fixed atoms as "selective_dynamics", and shared sites as ASE's reader of CIF marks them. Not kept: bonds,
    entries of `info` that are no numbers, other constraints (noted).

    Raises
    ------
    StructureError : it holds an atom of number 0 (dummy), no atoms, or a cell that does not fit its pbc.
    """
    numbers = np.array(one.get_atomic_numbers(), dtype=np.int64)
    if len(numbers) and (numbers.min() < 1 or numbers.max() >= len(SYMBOLS)):
        raise StructureError(
            f"atom {int(np.flatnonzero((numbers < 1) | (numbers >= len(SYMBOLS)))[0]) + 1} is a dummy "
            f"(atomic number {int(numbers[(numbers < 1) | (numbers >= len(SYMBOLS))][0])}): put an element there, or "
            "leave it out"
        )
    periodic = np.array(one.pbc, dtype=bool)
    lattice = completed(np.array(one.cell, dtype=float), periodic)
    site_values, row_values, notes = _ase_values(one)
    info = dict(one.info)
    species = _shared(numbers, info.pop("occupancy", None), site_values)
    name = str(info.pop("name", ""))
    charge = info.pop("charge", None)
    lost = []
    for key, value in info.items():
        array = number_or_numbers(value)
        if array is None:
            lost.append(str(key))
        else:
            row_values.setdefault(str(key), array)
    fields: dict[str, Any] = {
        "name": name, "charge": None if charge is None else float(charge),
        "site_values": site_values, "row_values": row_values,
        "notes": (*notes, *left_out([n for n in lost if n not in ("spacegroup", "unit_cell")], "info")),
    }  # fmt: skip
    oxidation = site_values.pop("oxidation_states", None)
    coordinates = fractional(np.array(one.positions, dtype=float), lattice)
    if species is None:
        if oxidation is not None:
            fields["oxidation"] = oxidation
        return ordered_part(lattice, periodic, coordinates, numbers, **fields)
    return mixed_part(lattice, periodic, coordinates, species, **fields)


def _ase_values(one: Any) -> tuple[dict[str, FloatArray], dict[str, FloatArray], tuple[str, ...]]:
    """Values of sites, of the whole, and what is not kept."""
    sites = {OURS.get(n, n): numeric(list(v)) for n, v in one.arrays.items() if n not in ("numbers", "positions")}
    whole: dict[str, FloatArray] = {}
    for name, value in _results(one).items():
        array = number_or_numbers(value)
        if array is not None and array.shape[:1] == (len(one),) and name not in ("dipole", "stress"):
            sites[OURS.get(name, name)] = array
        elif array is not None:
            whole[name] = array
    free, notes = _free(one)
    if free is not None:
        sites["selective_dynamics"] = free
    lost = [n for n, v in sites.items() if v is None]
    return {n: v for n, v in sites.items() if v is not None}, whole, (*notes, *left_out(lost, "arrays"))


def _results(one: Any) -> dict[str, Any]:
    """Results of the attached calculator, if they were worked out for these very positions; nothing is calculated."""
    calculator = one.calc
    if calculator is None or not getattr(calculator, "results", None) or not hasattr(calculator, "check_state"):
        return {}
    return {} if calculator.check_state(one) else dict(calculator.results)


def _free(one: Any) -> tuple[FloatArray | None, tuple[str, ...]]:
    """Along which axes each atom may move, shape (n, 3), and what other constraints there are."""
    free, others = None, []
    for constraint in one.constraints:
        kind = type(constraint).__name__
        if kind not in ("FixAtoms", "FixScaled", "FixCartesian"):
            others.append(kind)
            continue
        free = np.ones((len(one), 3)) if free is None else free
        free[constraint.index] = np.where(
            getattr(constraint, "mask", np.ones(3, dtype=bool)), 0.0, free[constraint.index]
        )
    return free, (f"constraints {', '.join(sorted(set(others)))} left out",) if others else ()


def _shared(numbers: Any, occupancy: Any, values: dict[str, FloatArray]) -> list[list[Species]] | None:
    """Species of each site from ASE's `info["occupancy"]`, {kind: {symbol: occupancy}}; None if all sites are whole."""
    kinds = values.get("spacegroup_kinds")
    if not isinstance(occupancy, dict) or kinds is None:
        return None
    del values["spacegroup_kinds"]
    held = {
        str(kind): [(number_of(str(s)), float(share), np.nan) for s, share in shares.items()]
        for kind, shares in occupancy.items()
    }
    whole = [[(z, 1.0, np.nan)] for z in numbers.tolist()]
    found = [held.get(str(int(kind)), one) for kind, one in zip(kinds.tolist(), whole, strict=True)]
    return found if found != whole else None


def to_ase(part: Part) -> Any:
    """An Atoms object; results (energy, forces, ...) as a SinglePointCalculator, shared sites as ASE's CIF reader.

    Raises
    ------
    MissingExtra : ase is not installed.
    """
    ase = require("ase", extra=EXTRA)
    cell = np.where(stands_in(part.lattice, part.periodic)[:, None], 0.0, part.lattice)
    first = [max(held, key=lambda one: one[1])[0] for held in part.species]
    atoms = ase.Atoms(numbers=first, positions=part.positions, cell=cell, pbc=part.periodic)
    known = require("ase.calculators.calculator", extra=EXTRA).all_properties
    sites = {THEIRS.get(name, name): array for name, array in part.site_values.items()}
    free = sites.pop("move_mask", None)
    results = {name: array for name, array in sites.items() if name in known}
    for name, array in sites.items():
        if name not in results:
            atoms.set_array(name, array.astype(np.int64) if name in WHOLE else array)
    results |= {n: array for n, array in part.row_values.items() if n in known}
    if results:
        plain = {name: float(array) if array.ndim == 0 else array for name, array in results.items()}
        calculator = require("ase.calculators.singlepoint", extra=EXTRA).SinglePointCalculator
        atoms.calc = calculator(atoms, **plain)
    _say(atoms, part, known)
    if free is not None:
        atoms.set_constraint(_fixed(free))
    return atoms


def _say(atoms: Any, part: Part, known: Any) -> None:
    """Name, charge, values of the whole and shares of sites as ASE keeps them."""
    if part.name:
        atoms.info["name"] = part.name
    if part.charge != part.implied_charge:
        atoms.info["charge"] = part.charge
    atoms.info |= {n: float(v) if v.ndim == 0 else v for n, v in part.row_values.items() if n not in known}
    if part.ordered and not np.isnan(part.oxidation).all():
        atoms.set_array("oxidation_states", part.oxidation)
    if not part.ordered:
        kinds: dict[tuple[Species, ...], int] = {}
        each = [kinds.setdefault(tuple((z, x, 0.0) for z, x, _ in held), len(kinds)) for held in part.species]
        atoms.set_array("spacegroup_kinds", np.array(each))
        atoms.info["occupancy"] = {str(k): {SYMBOLS[z]: x for z, x, _ in held} for held, k in kinds.items()}


def _fixed(free: FloatArray) -> list[Any]:
    constraints = require("ase.constraints", extra=EXTRA)
    masks = np.asarray(free) == 0
    whole = np.flatnonzero(masks.all(axis=1))
    found = [constraints.FixAtoms(indices=whole)] if len(whole) else []
    partly = np.flatnonzero(masks.any(axis=1) & ~masks.all(axis=1))
    return [*found, *(constraints.FixCartesian([int(i)], mask=tuple(masks[i].tolist())) for i in partly)]
