"""Structures to objects of pymatgen and ASE, and to texts of files: one entry per row.

What a format cannot hold is refused where the structure would be another one (shared sites in POSCAR), and otherwise
left out, as each function says. From what is written the same arrays are read, to the last digit where the format has
room for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from matloop.core.errors import DataError, all_faults
from matloop.matter.formats import cif_write, objects, optimade, poscar, xyz
from matloop.matter.formats.part import Part, StructureError, parts_of
from matloop.matter.structures import Structures


def to_pymatgen(structures: Structures) -> list[Any]:
    """pymatgen Structures (Molecules where nothing repeats and there is no cell); None for rows without sites.

    Kept: all but the name.

    Raises
    ------
    MissingExtra : pymatgen is not installed.
    """
    return _each(structures, objects.to_pymatgen, None, "")


def to_ase(structures: Structures) -> list[Any]:
    """ASE Atoms; None for rows without sites.

    Kept: all but oxidation states of shared sites. Energies, forces and the like stand in a SinglePointCalculator;
    shared sites as ASE's reader of CIF marks them (`info["occupancy"]`, the most frequent species as atom).

    Raises
    ------
    MissingExtra : ase is not installed.
    """
    return _each(structures, objects.to_ase, None, "")


def to_cif(structures: Structures) -> list[str]:
    """Texts of CIF, all sites written (P 1); "" for rows without sites.

    Kept: occupancies, oxidation states, the name. Lattice vectors are written as lengths and angles, so the crystal may
    stand turned in space when read; a left-handed cell is written with all vectors reversed, not mirrored. Not kept:
    charge, values of sites and rows, pbc.

    Raises
    ------
    DataError : rows that have no cell.
    """
    return _each(structures, cif_write.to_cif, "", "CIF")


def to_poscar(structures: Structures) -> list[str]:
    """Texts of POSCAR (VASP 5, direct positions, order of sites kept); "" for rows without sites.

    Kept: the name, selective dynamics. Not kept: oxidation states, charge, other values, pbc.

    Raises
    ------
    DataError : rows with shared or partly vacant sites, or without a cell.
    """
    return _each(structures, poscar.to_poscar, "", "POSCAR")


def to_extxyz(structures: Structures) -> list[str]:
    """Texts of extended XYZ, one frame each (joined they are a trajectory); "" for rows without sites.

    Kept: all.

    Raises
    ------
    DataError : rows with shared or partly vacant sites.
    """
    return _each(structures, xyz.to_extxyz, "", "extended XYZ")


def to_optimade(structures: Structures) -> list[dict[str, Any]]:
    """Records of OPTIMADE v1 {"id", "type", "attributes"}; {} for rows without sites. Kept: all."""
    return _each(structures, optimade.to_optimade, {}, "")


def _each(structures: Structures, write: Callable[[Part], Any], blank: Any, kind: str) -> list[Any]:
    found, faults = [], []
    for row, part in enumerate(parts_of(structures)):
        try:
            found.append(blank if part is None else write(part))
        except StructureError as fault:
            faults.append(f"row {row}: {fault}")
    if faults:
        raise DataError(all_faults(f"rows that {kind} cannot hold; write another format or leave them out:", faults))
    return found
