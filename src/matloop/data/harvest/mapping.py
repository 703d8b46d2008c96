"""Entries of OPTIMADE as records: structure, formula, and properties of all databases in one schema with units.

`fields.csv` says what a property of a database is called here, in which unit it comes and at which level of theory;
`quantities.csv` says the unit that it has here. What stands in neither is kept under its own name.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote

import numpy as np

from matloop.core import units
from matloop.core.errors import DataError
from matloop.data.harvest.providers import Provider
from matloop.data.store.values import LONGEST_KEY, Origin, Property, Record, Value
from matloop.matter.formats.optimade import from_optimade
from matloop.matter.formats.part import StructureError, assembled
from matloop.matter.formula import FormulaError, parse_formula
from matloop.matter.structures import Structures

GEOMETRY = ("cartesian_site_positions", "lattice_vectors", "dimension_types", "species_at_sites", "species", "nsites",
            "assemblies")  # fmt: skip
"""Fields that a structure is made of."""
FORMULAS = ("chemical_formula_reduced", "chemical_formula_descriptive", "chemical_formula_hill")
NEEDED = (*GEOMETRY, *FORMULAS[:2], "last_modified", "immutable_id")
"""Standard fields that are asked for."""
_FACTS = ("last_modified", "immutable_id")
_DEEPEST, _NESTED = 4, 20
_LARGEST = 10**300
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True, slots=True)
class Field:
    """One property of a database: what it is called here, the unit it comes in, the level of theory ("" not fixed)."""

    name: str
    unit: str
    method: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What a database says of itself. units : {property: unit} as /info/structures states. licence : SPDX name."""

    properties: frozenset[str] = frozenset()
    units: Mapping[str, str] = field(default_factory=dict)
    licence: str = ""


@dataclass(frozen=True, slots=True)
class Entries:
    """What a page holds. aside : (id, reason) of entries that are no records. partial : (id, reason) of records that
    came without a structure, or with values that could not be brought into the unit of the schema."""

    records: tuple[Record, ...]
    aside: tuple[tuple[str, str], ...]
    partial: tuple[tuple[str, str], ...]


@cache
def known_fields() -> Mapping[str, Field]:
    """{property of a database, in small letters: what it is here}."""
    return {row["field"].lower(): Field(row["name"], row["unit"], row["method"]) for row in _rows("fields.csv")}


@cache
def schema_units() -> Mapping[str, str]:
    """{quantity: its unit here}."""
    return {row["name"]: row["unit"] for row in _rows("quantities.csv")}


def _rows(name: str) -> Iterator[dict[str, str]]:
    return csv.DictReader(files("matloop.data.harvest").joinpath(name).read_text("utf-8").splitlines())


def facts_of(about: Any, structures: Any) -> Facts:
    """What the answers of /info and /info/structures say; None, or what is damaged, says nothing."""
    told = _inside(structures, "data", "properties")
    properties = told if isinstance(told, Mapping) else {}
    stated = {str(name): _unit(one) for name, one in properties.items() if isinstance(one, Mapping)}
    return Facts(
        frozenset(map(str, properties)), {name: unit for name, unit in stated.items() if unit}, _licence(about)
    )


def _inside(value: Any, *names: str) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _unit(one: Mapping[str, Any]) -> str:
    for name in ("unit", "x-optimade-unit"):
        told = one.get(name)
        if isinstance(told, str) and told not in ("", "inapplicable", "dimensionless"):
            return told
    return ""


def _licence(about: Any) -> str:
    inside = _inside(about, "data", "attributes")
    for name in ("available_licenses_for_entries", "available_licenses"):
        told = _inside(inside, name)
        if isinstance(told, list) and told:
            return " or ".join(str(one)[:60] for one in told[:5])
    return ""


# ---- entries ----


def read_entries(data: Sequence[Any], provider: Provider, facts: Facts, origin: Origin) -> Entries:
    """The records of a page.

    Parameters
    ----------
    data : the entries as JSON. origin : what all have in common: when and from which answer (`retrieved`, `sha256`,
        `place`); the rest is filled in for each.
    """
    records: list[Record] = []
    aside: list[tuple[str, str]] = []
    partial: list[tuple[str, str]] = []
    for number, entry in enumerate(data, start=1):
        called = identity(entry)
        if not called:
            aside.append((f"entry {number}", "has no id"))
            continue
        try:
            record, said = _record(entry, called, provider, facts, origin)
        except DataError as error:
            aside.append((called, str(error)))
            continue
        records.append(record)
        partial += [(called, one) for one in said]
    return Entries(tuple(records), tuple(aside), tuple(partial))


def identity(entry: Any) -> str:
    """The id of an entry, "" where it has none."""
    found = entry.get("id") if isinstance(entry, Mapping) else None
    return str(storable(found)).strip() if isinstance(found, str | int) and not isinstance(found, bool) else ""


def key_of(provider: Provider, called: str) -> str:
    """What a record is called in a dataset: "mp/mp-149"."""
    return f"{provider.name}/{called}"


def _record(
    entry: Mapping[str, Any], called: str, provider: Provider, facts: Facts, origin: Origin
) -> tuple[Record, list[str]]:
    key = key_of(provider, called)
    if len(key) > LONGEST_KEY:
        raise DataError(f"its id has {len(called)} characters")
    told = entry.get("attributes")
    if not isinstance(told, Mapping):
        raise DataError("has no attributes")
    structure, why = _structure(told, called)
    formula = _formula(told)
    if structure is None and not formula:
        raise DataError(f"has neither a structure ({why}) nor a formula that can be read")
    others = storable({name: value for name, value in told.items() if name not in GEOMETRY})
    properties, rest, said = _properties(others, provider, facts)
    metadata: dict[str, Any] = {name: others[name] for name in _FACTS if isinstance(others.get(name), str)}
    metadata |= rest
    if structure is None:
        metadata["structure"] = why
        said.insert(0, f"kept without a structure: {why}")
    own = Origin(
        provider.name, called, f"{provider.url}/structures/{quote(called, safe='')}", origin.retrieved,
        facts.licence or provider.licence, origin.sha256, origin.place, *_cited(provider), origin.note,
    )  # fmt: skip
    return Record(key, formula, structure, tuple(properties), own, metadata), said


def storable(value: Any, depth: int = 0) -> Any:
    """A value of JSON without signs that databases cannot hold (null, half a pair), endless numbers and nesting.

    Raises
    ------
    DataError : it is nested too deeply.
    """
    if isinstance(value, str):
        if value.isascii() and "\0" not in value:
            return value
        return value.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _LARGEST:
        return f"{str(value)[:40]}..."
    if isinstance(value, list | Mapping) and depth > _NESTED:
        raise DataError(f"its values are nested more than {_NESTED} deep")
    if isinstance(value, list):
        return [storable(one, depth + 1) for one in value]
    if isinstance(value, Mapping):
        return {storable(str(name), depth): storable(one, depth + 1) for name, one in value.items()}
    return value


def _cited(provider: Provider) -> tuple[str, str]:
    doi = provider.citation.removeprefix("doi:") if provider.citation.startswith("doi:") else ""
    return (provider.title if doi else provider.citation, doi)


def _structure(told: Mapping[str, Any], called: str) -> tuple[Structures | None, str]:
    given = {name: told[name] for name in GEOMETRY if told.get(name) is not None}
    if not given.get("cartesian_site_positions"):
        return None, "no positions are given"
    try:
        return assembled([from_optimade({"id": called, "attributes": given})]), ""
    except StructureError as error:
        return None, str(error)
    except (TypeError, ValueError, KeyError, AttributeError, IndexError, OverflowError) as error:
        return None, f"the structure is damaged ({type(error).__name__}: {str(error)[:100]})"


def _formula(told: Mapping[str, Any]) -> str:
    """The first formula that can be read, as it is written."""
    for name in FORMULAS:
        text = told.get(name)
        if isinstance(text, str) and text.strip() and _readable(text.strip()):
            return text.strip()
    return ""


@lru_cache(maxsize=4096)
def _readable(text: str) -> bool:
    try:
        parse_formula(text)
    except FormulaError:
        return False
    return True


# ---- properties ----


def _properties(
    told: Mapping[str, Any], provider: Provider, facts: Facts
) -> tuple[list[Property], dict[str, Any], list[str]]:
    """Properties, what is no value and goes into the metadata, and what is to be said."""
    found: list[Property] = []
    rest: dict[str, Any] = {}
    said: list[str] = []
    there: set[tuple[str, str]] = set()
    for name, value in told.items():
        if not name.startswith("_") and name.lower() not in known_fields():
            continue
        for path, one in _leaves(name, value):
            plain = _plain(one)
            if plain is None:
                rest[path] = one
                continue
            made = _mapped(path, plain, provider, facts, said)
            if (made.name, made.method) in there:
                made = Property(path, plain, facts.units.get(path, ""), None, made.method)
            there.add((made.name, made.method))
            found.append(made)
    return found, rest, said


def _leaves(path: str, value: Any, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Values of nested objects, by their names with dots."""
    if isinstance(value, Mapping) and depth < _DEEPEST:
        for name, inner in value.items():
            yield from _leaves(f"{path}.{name}", inner, depth + 1)
    elif value is not None:
        yield path, value


def _plain(value: Any) -> Value:
    """A number, text, truth value, or tuples of numbers; None for other things."""
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list) and value:
        parts = tuple(_plain(one) for one in value)
        return parts if all(part is not None and not isinstance(part, bool) for part in parts) else None
    return None


def _mapped(path: str, value: Value, provider: Provider, facts: Facts, said: list[str]) -> Property:
    known = known_fields().get(path.lower())
    stated = facts.units.get(path, "")
    stated = stated if stated and _is_unit(stated) else ""
    if known is None:
        return Property(path, value, stated, None, provider.method)
    wanted = schema_units()[known.name]
    method = known.method or provider.method
    if not wanted:
        return Property(known.name, value, "", None, method)
    number = _number(value)
    given = stated or known.unit
    factor = _factor(given, wanted)
    if number is None or factor is None:
        said.append(f"{path} is {str(value)[:30]!r} {given}, which is no {wanted}; kept under its own name")
        return Property(path, value, given, None, method)
    return Property(known.name, number if factor == 1.0 else _scaled(number, factor), wanted, None, method)


@lru_cache(maxsize=1024)
def _is_unit(text: str) -> bool:
    return units.known(text)


def _number(value: Value) -> float | int | tuple[Any, ...] | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value.strip()) else None
    return value


def _scaled(value: float | tuple[Any, ...], factor: float) -> float | tuple[Any, ...]:
    if isinstance(value, tuple):
        return tuple(_scaled(one, factor) for one in value)
    return value * factor


@lru_cache(maxsize=256)
def _factor(given: str, wanted: str) -> float | None:
    """What a value is multiplied with, None where the units are of different kinds or do not begin at the same zero."""
    if given == wanted:
        return 1.0
    if not units.compatible(given, wanted):
        return None
    zero, one = units.convert(np.array([0.0, 1.0]), given, wanted).tolist()
    return float(one) if zero == 0.0 else None
