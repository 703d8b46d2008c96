"""Structures of OPTIMADE (v1 JSON) from and to records.

Evans et al., Digital Discovery 3 (2024) 1509. doi:10.1039/D4DD00039K
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray
from matloop.core.elements import SYMBOLS
from matloop.matter.formats.part import (
    Part,
    Species,
    StructureError,
    completed,
    fractional,
    mixed_part,
    noted_isotopes,
    number_of,
    stands_in,
)
from matloop.matter.formats.values import number_or_numbers, numeric

_OWN = "_matloop_"
"""Prefix of what OPTIMADE has no name for, as its standard asks."""


def is_optimade(one: Mapping[str, Any]) -> bool:
    """Whether a mapping is a record, the attributes of one, or a response with records."""
    given = one.get("attributes")
    inside = given if isinstance(given, Mapping) else one
    return "cartesian_site_positions" in inside or "species_at_sites" in inside or _is_response(one)


def _is_response(one: Mapping[str, Any]) -> bool:
    return isinstance(one.get("data"), Mapping | list) and not {"sites", "lattice"} & set(one)


def optimade_records(one: Mapping[str, Any]) -> list[Any]:
    """The records of a response; the record itself where it is one."""
    data = one.get("data") if _is_response(one) else one
    return list(data) if isinstance(data, list) else [data]


def from_optimade(one: Mapping[str, Any]) -> Part:
    """A structure from a record of OPTIMADE, its attributes, or a response with a single record.

    Vacancies are what lacks in the occupancy of a site; a mass given for the species of ordered sites becomes the site
    value "masses"; values of the provider (names that begin with an underscore) become row values where they are
    numbers.

    Raises
    ------
    StructureError : positions, species or cell are missing or do not fit; atoms are attached to sites without
        positions; sites depend on each other (assemblies); the species are unknown ("X").
    """
    records = optimade_records(one)
    if len(records) != 1 or not isinstance(records[0], Mapping):
        raise StructureError(f"the response holds {len(records)} structures: give each record as a row of its own")
    record = records[0]
    inside = record.get("attributes", record)
    if not isinstance(inside, Mapping):
        raise StructureError("the attributes of this OPTIMADE record are missing")
    if inside.get("assemblies"):
        raise StructureError("sites depend on each other (assemblies): pick one of the possible arrangements")
    positions = _array(inside, "cartesian_site_positions", (-1, 3))
    places = inside.get("species_at_sites")
    if not isinstance(places, Sequence) or isinstance(places, str) or len(places) != len(positions):
        found = len(places) if isinstance(places, Sequence) and not isinstance(places, str) else "no"
        raise StructureError(f"{len(positions)} positions but {found} species_at_sites: the record is truncated")
    if isinstance(inside.get("nsites"), int) and inside["nsites"] != len(positions):
        raise StructureError(f"nsites is {inside['nsites']}, {len(positions)} positions are there: truncated")
    species, masses, notes = _species(inside, [str(place) for place in places])
    lattice, periodic = _cell(inside)
    whole = {k.removeprefix(_OWN): number_or_numbers(v) for k, v in inside.items() if k[:1] == "_" and k not in _NAMED}
    return mixed_part(
        lattice, periodic, fractional(positions, lattice), species,
        site_values={**_site_values(inside, len(positions)), **masses},
        row_values={name: values for name, values in whole.items() if values is not None},
        charge=_charge(inside), name=str(record.get("id") or inside.get("id") or "")[:200], notes=notes,
    )  # fmt: skip


_NAMED = (f"{_OWN}site_values", f"{_OWN}charge")


def _array(inside: Mapping[str, Any], name: str, shape: tuple[int, ...]) -> FloatArray:
    given = inside.get(name)
    if given is None:
        raise StructureError(f"the OPTIMADE record has no {name}: ask the provider for it (response_fields)")
    try:
        return np.array(given, dtype=float).reshape(shape)
    except (TypeError, ValueError) as error:
        raise StructureError(f"{name} is no list of {shape[-1]} numbers each: correct it") from error


def _cell(inside: Mapping[str, Any]) -> tuple[FloatArray, BoolArray]:
    types = inside.get("dimension_types")
    vectors = inside.get("lattice_vectors")
    if types is None:
        types = [0, 0, 0] if vectors is None else [1, 1, 1]
    if not isinstance(types, list) or len(types) != 3 or not set(types) <= {0, 1}:
        raise StructureError(f"dimension_types is {str(types)[:30]}; three of 0 or 1 are needed")
    periodic = np.array(types, dtype=bool)
    if vectors is None:
        vectors = [[None] * 3] * 3
    if not isinstance(vectors, list) or len(vectors) != 3:
        raise StructureError("lattice_vectors are not three vectors: correct them")
    plain = [[0.0] * 3 if v is None or None in v else v for v in vectors]
    return completed(_array({"lattice_vectors": plain}, "lattice_vectors", (3, 3)), periodic), periodic


def _species(
    inside: Mapping[str, Any], places: list[str]
) -> tuple[list[list[Species]], dict[str, FloatArray], tuple[str, ...]]:
    """Species of each site, masses as site value where given, and what was assumed."""
    listed = inside.get("species")
    if not listed:  # records of before v1 and trimmed ones name elements directly
        held = {name: [(number_of(name), 1.0, np.nan)] for name in dict.fromkeys(places)}
        return [held[name] for name in places], {}, ("no species listed: species_at_sites read as elements",)
    read = {str(one["name"]): _one_species(one) for one in listed if isinstance(one, Mapping) and "name" in one}
    unknown = next((name for name in places if name not in read), None)
    if unknown is not None:
        raise StructureError(f"species_at_sites names {unknown[:30]!r}, which is not among the species: add it")
    masses = np.array([read[name][1] for name in places])
    symbols = [symbol for name in dict.fromkeys(places) for symbol in read[name][2]]
    kept = {} if np.isnan(masses).all() else {"masses": masses}
    return [read[name][0] for name in places], kept, noted_isotopes(symbols)


def _one_species(one: Mapping[str, Any]) -> tuple[list[Species], float, list[str]]:
    """What a species is made of (without vacancies), its mass (NaN if none or several), its symbols."""
    name = str(one.get("name"))[:30]
    if one.get("attached") and any(one.get("nattached") or [1]):
        raise StructureError(f"species {name!r} has attached atoms without positions: place them")
    symbols, shares = one.get("chemical_symbols"), one.get("concentration")
    if not isinstance(symbols, list) or not symbols:
        raise StructureError(f"species {name!r} has no chemical_symbols")
    shares = shares if shares is not None else [1.0] * (len(symbols) == 1)
    if not isinstance(shares, list) or len(shares) != len(symbols):
        raise StructureError(f"species {name!r} has {len(symbols)} chemical_symbols, and not as many concentrations")
    states = one.get(f"{_OWN}oxidation_states") or [None] * len(symbols)
    held = [
        (number_of(str(symbol)), _number(share, name), np.nan if state is None else _number(state, name))
        for symbol, share, state in zip(symbols, shares, states, strict=False)
        if symbol != "vacancy"
    ]
    masses = [mass for mass, symbol in zip(_listed(one.get("mass")), symbols, strict=False) if symbol != "vacancy"]
    mass = _number(masses[0], name) if len(masses) == 1 and masses[0] is not None else np.nan
    return held, mass, [str(symbol) for symbol in symbols]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _number(value: Any, name: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise StructureError(f"species {name!r} has {str(value)[:30]!r} where a number is needed")


def _charge(inside: Mapping[str, Any]) -> float | None:
    value = inside.get(f"{_OWN}charge")
    return float(value) if isinstance(value, int | float) else None


def _site_values(inside: Mapping[str, Any], n: int) -> dict[str, FloatArray]:
    given = inside.get(f"{_OWN}site_values")
    if not isinstance(given, Mapping):
        return {}
    found = {str(k): numeric(v) for k, v in given.items() if isinstance(v, list) and len(v) == n}
    return {name: values for name, values in found.items() if values is not None}


# ---- writing ----


def to_optimade(part: Part) -> dict[str, Any]:
    """A record of OPTIMADE v1: {"id", "type", "attributes"}; what the standard has no name for begins with _matloop_.

    Holds everything that `Structures` holds for a row.
    """
    held = part.species
    names = {one: _species_name(one) for one in dict.fromkeys(tuple(_key(site)) for site in held)}
    amounts: dict[str, float] = {}
    for site in held:
        for z, share, _ in site:
            amounts[SYMBOLS[z]] = amounts.get(SYMBOLS[z], 0.0) + share
    symbols, total = sorted(amounts), sum(amounts.values())
    cell: list[Any] = [
        [None] * 3 if no else v
        for no, v in zip(stands_in(part.lattice, part.periodic), part.lattice.tolist(), strict=True)
    ]
    lists = {n: [_none(v) for v in a.tolist()] for n, a in part.site_values.items() if n != "masses"}
    attributes: dict[str, Any] = {
        "elements": symbols,
        "nelements": len(symbols),
        "elements_ratios": [amounts[symbol] / total for symbol in symbols],
        "dimension_types": [int(flag) for flag in part.periodic.tolist()],
        "nperiodic_dimensions": int(part.periodic.sum()),
        "lattice_vectors": cell,
        "cartesian_site_positions": part.positions.tolist(),
        "nsites": len(part),
        "species_at_sites": [names[tuple(_key(site))] for site in held],
        "species": [_written(one, name) for one, name in names.items()],
        "structure_features": [] if part.ordered else ["disorder"],
        **{(n if n[:1] == "_" else _OWN + n): a.tolist() for n, a in part.row_values.items()},
        **({f"{_OWN}site_values": lists} if lists else {}),
        **({f"{_OWN}charge": part.charge} if part.charge != part.implied_charge else {}),
    }  # fmt: skip
    return {"id": part.name, "type": "structures", "attributes": attributes}


def _key(site: list[Species]) -> list[tuple[int, float, float | None]]:
    return [(z, share, None if state != state else state) for z, share, state in site]


def _species_name(site: tuple[tuple[int, float, float | None], ...]) -> str:
    """Unique for what is there: "Fe", "Fe+3", "Fe0.5Mn0.25"."""
    words = [
        SYMBOLS[z]
        + (f"{share:g}" if len(site) > 1 or share != 1.0 else "")
        + (f"{state:+g}" if state is not None else "")
        for z, share, state in site
    ]
    return "".join(words)


def _written(site: tuple[tuple[int, float, float | None], ...], name: str) -> dict[str, Any]:
    vacant = 1.0 - sum(share for _, share, _ in site)
    states = [state for _, _, state in site]
    gap = ["vacancy"] if vacant > 1e-8 else []
    return {
        "name": name,
        "chemical_symbols": [SYMBOLS[z] for z, _, _ in site] + gap,
        "concentration": [share for _, share, _ in site] + [vacant] * len(gap),
        **({} if all(state is None for state in states) else {f"{_OWN}oxidation_states": states + [None] * len(gap)}),
    }


def _none(value: Any) -> Any:
    """NaN as null, which JSON has no number for."""
    if isinstance(value, list):
        return [_none(one) for one in value]
    return None if value != value else value
