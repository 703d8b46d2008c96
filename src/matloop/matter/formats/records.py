"""Structures as dictionaries or JSON: of pymatgen (`as_dict`), of OPTIMADE, of JARVIS, or plainly named arrays."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray
from matloop.matter.formats.cif_values import lattice_of
from matloop.matter.formats.optimade import from_optimade, is_optimade, optimade_records
from matloop.matter.formats.part import (
    Part,
    Species,
    StructureError,
    fractional,
    mixed_part,
    noted_isotopes,
    number_of,
)
from matloop.matter.formats.values import left_out, number_or_numbers, numeric

_ALL: BoolArray = np.ones(3, dtype=bool)


def from_json(text: str) -> Part:
    """The structure of a JSON text (see `from_record`).

    Raises
    ------
    StructureError : no JSON (truncated), or no single structure.
    """
    return from_record(parsed(text))


def parsed(text: str) -> Any:
    """The value of a JSON text.

    Raises
    ------
    StructureError : it is none.
    """
    try:
        return json.loads(text.lstrip("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise StructureError(f"this is no whole JSON text ({error}): it is truncated or damaged") from error


def from_record(one: Any) -> Part:
    """A structure from a dictionary; plain data only, no class that it names is ever made.

    Raises
    ------
    StructureError : it holds no structure, several, or one that is incomplete.
    """
    if isinstance(one, list):
        if len(one) != 1:
            raise StructureError(f"a list of {len(one)} entries: give each structure as a row of its own")
        one = one[0]
    if not isinstance(one, Mapping):
        raise StructureError(f"{type(one).__name__} is no structure: a dictionary is needed")
    try:
        if isinstance(one.get("structure"), Mapping):
            return from_record(one["structure"])
        if isinstance(one.get("sites"), Sequence):
            return _from_pymatgen_dict(one)
        if is_optimade(one):
            return from_optimade(one)
        if _lattice_key(one):
            return _from_arrays(one)
    except (TypeError, KeyError, ValueError, AttributeError, IndexError, ArithmeticError) as error:
        if isinstance(error, StructureError):
            raise
        raise StructureError(f"the record is damaged ({type(error).__name__}: {str(error)[:100]})") from error
    keys = ", ".join(sorted(map(str, one))[:8])
    raise StructureError(
        f"a dictionary with the keys {keys[:100]} is no structure: those of pymatgen (as_dict), OPTIMADE, or lattice, "
        "elements and frac_coords are read"
    )


def records_of(value: Any) -> list[Any]:
    """The single records in a JSON value: a list, a response of OPTIMADE, or itself."""
    if isinstance(value, list):
        return value
    if isinstance(value, Mapping) and "sites" not in value and is_optimade(value):
        return optimade_records(value)
    return [value]


# ---- pymatgen ----


def _from_pymatgen_dict(one: Mapping[str, Any]) -> Part:
    sites = one["sites"]
    cell = one.get("lattice")
    species = [[_species(entry) for entry in site["species"]] for site in sites]
    symbols = sorted({str(entry["element"]) for site in sites for entry in site["species"]})
    lattice, periodic = (np.eye(3), ~_ALL) if cell is None else _lattice(cell)
    if cell is None:
        coordinates = np.array([site["xyz"] for site in sites], dtype=float)
    elif all("abc" in site for site in sites):
        coordinates = np.array([site["abc"] for site in sites], dtype=float)
    else:
        coordinates = fractional(np.array([site["xyz"] for site in sites], dtype=float), lattice)
    values, lost = _values_of_sites(sites)
    whole = dict(one.get("properties") or {})
    if cell is None and one.get("spin_multiplicity") is not None:
        whole["spin_multiplicity"] = one["spin_multiplicity"]
    numbers = {str(name): number_or_numbers(value) for name, value in whole.items()}
    more = [name for name, value in numbers.items() if value is None]
    return mixed_part(
        lattice, periodic, coordinates.reshape(-1, 3), species, site_values=values,
        row_values={name: value for name, value in numbers.items() if value is not None},
        charge=_charge(one.get("charge"), () if cell is None else species),
        notes=(*noted_isotopes(symbols), *left_out(lost, "site properties"), *left_out(more, "properties")),
    )  # fmt: skip


def _charge(given: Any, species: Sequence[list[Species]]) -> float | None:
    """The charge, None where it is only what the oxidation states sum to (pymatgen writes it for crystals without being
    asked; that of a molecule, for which no species are given here, is always one)."""
    if given is None or not species:
        return None if given is None else float(given)
    total = sum(share * state for site in species for _, share, state in site if state == state)
    return None if abs(float(given) - total) < 1e-6 else float(given)


def _species(entry: Mapping[str, Any]) -> Species:
    state = entry.get("oxidation_state")
    return number_of(str(entry["element"])), float(entry.get("occu", 1.0)), np.nan if state is None else float(state)


def _spin(site: Mapping[str, Any]) -> Any:
    held = site["species"]
    return held[0].get("spin", (held[0].get("properties") or {}).get("spin")) if len(held) == 1 else None


def _values_of_sites(sites: Sequence[Mapping[str, Any]]) -> tuple[dict[str, FloatArray], list[str]]:
    given = [dict(site.get("properties") or {}) for site in sites]
    names = dict.fromkeys(name for one in given for name in one)
    found = {str(name): numeric([_plain(one.get(name)) for one in given]) for name in names}
    found["spin"] = numeric([_spin(site) for site in sites])
    return {n: v for n, v in found.items() if v is not None}, [n for n, v in found.items() if v is None and n != "spin"]


def _plain(value: Any) -> Any:
    """The number of a moment that is written as an object."""
    return value.get("moment") if isinstance(value, Mapping) else value


def _lattice(cell: Any) -> tuple[FloatArray, BoolArray]:
    if not isinstance(cell, Mapping):
        return np.array(cell, dtype=float).reshape(3, 3), _ALL
    periodic = np.array(cell.get("pbc", [True] * 3), dtype=bool).reshape(3)
    if "matrix" in cell:
        return np.array(cell["matrix"], dtype=float).reshape(3, 3), periodic
    sides, turns = (np.array([float(cell[name]) for name in names]) for names in (("a", "b", "c"), _ANGLES))
    return lattice_of(sides, turns), periodic


_ANGLES = ("alpha", "beta", "gamma")

# ---- plainly named arrays ----

_COORDINATES = ("frac_coords", "fractional_coordinates", "frac_coordinates", "coords", "cart_coords")


def _lattice_key(one: Mapping[str, Any]) -> str:
    return next((name for name in ("lattice", "lattice_mat", "cell") if name in one), "")


def _from_arrays(one: Mapping[str, Any]) -> Part:
    """{"lattice", "elements" (or "species"), "frac_coords" or "cart_coords"}; of JARVIS: {"lattice_mat", "elements",
    "coords", "cartesian"}."""
    lattice, periodic = _lattice(one[_lattice_key(one)])
    name = next((name for name in _COORDINATES if name in one), "")
    held = next((one[key] for key in ("species", "elements", "atoms", "symbols") if key in one), None)
    if not name or held is None:
        raise StructureError("the record has a lattice and lacks elements or coordinates (elements, frac_coords)")
    coordinates = np.array(one[name], dtype=float).reshape(-1, 3)
    if len(held) != len(coordinates):
        raise StructureError(f"{len(held)} elements but {len(coordinates)} coordinates: the record is truncated")
    if name == "cart_coords" or one.get("cartesian") is True:
        coordinates = fractional(coordinates, lattice)
    species = [
        [(number_of(site.strip()), 1.0, np.nan)] if isinstance(site, str) else [_species(entry) for entry in site]
        for site in held
    ]
    symbols = [site.strip() for site in held if isinstance(site, str)]
    return mixed_part(lattice, periodic, coordinates, species, notes=noted_isotopes(symbols))
