"""Single values as strangers send them, before they are read as columns: of the right type, of bearable size.

A value is looked at by itself: what one row says never changes how another is read, whoever sent it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matloop.core.elements import Z_OF
from matloop.core.errors import DataError
from matloop.data.inputs import BALANCE, needed, stated_unit
from matloop.data.table import RawTable, provenance
from matloop.data.values import plain_number, read_numbers
from matloop.data.words import Why, is_nothing
from matloop.matter.structures import Structures
from matloop.problem.question import Input


@dataclass(frozen=True, slots=True)
class Bounds:
    """The largest values that are answered, so that no row takes long; formulas and molecules are bounded by those who
    read them.

    word : characters of a category. number : of a number that is written as text. structure : of the text of a CIF,
    POSCAR, XYZ or JSON file. sites : of a structure, with all images by symmetry. density : of its sites, per cubic
    Angstrom (diamond has 0.18). pairs : of its sites within a cutoff. depth : of JSON sent as a value.
    """

    word: int = 1_000
    number: int = 200
    structure: int = 500_000
    sites: int = 1_000
    density: float = 0.6
    pairs: int = 3_000_000
    depth: int = 20


BOUNDS = Bounds()
_TEXTS = ("composition", "molecule")
_LONGER = "has {n:,} characters; at most {most:,} are read"
Cell = tuple[object, str]
"""A value that can be read, or None and why not ("" where it is simply missing)."""


def plain_columns(
    inputs: Sequence[Input], columns: Mapping[str, Sequence[Any]], missing: Sequence[str] = (), bounds: Bounds = BOUNDS
) -> tuple[dict[str, NDArray[Any]], dict[int, str]]:
    """Columns of values that can be read together, and {row: why a value of it cannot}; that value is then None.

    Parameters
    ----------
    columns : {name: values of the rows}, of one length; names that no input needs are left out.
    missing : spellings of "no value".

    Raises
    ------
    DataError : columns of several lengths, or one is missing.
    """
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"columns of different lengths: {lengths}. Give one value per row, or None.")
    found: dict[str, NDArray[Any]] = {}
    faults: dict[int, str] = {}
    for item in inputs:
        for name in needed(item):
            if name in columns and name not in found:
                found[name] = _column(item, name, columns[name], tuple(missing), bounds, faults)
    return found, faults


def too_dense(structures: Structures, density: float) -> dict[int, str]:
    """{row: why} for periodic structures with more sites per cubic Angstrom: each has very many neighbours, and no
    matter is like that."""
    volumes = np.abs(np.linalg.det(structures.lattices))
    packed = structures.periodic.all(axis=1) & (structures.sizes > density * volumes) & (volumes > 0)
    found = {row: structures.sizes[row] / volumes[row] for row in np.flatnonzero(packed).tolist()}
    asked = f"up to {density:g} are answered. Are lengths in Angstrom?"
    return {row: f"has {value:.3g} sites per cubic Angstrom; {asked}" for row, value in found.items()}


def _column(
    item: Input, name: str, values: Sequence[Any], missing: tuple[str, ...], bounds: Bounds, faults: dict[int, str]
) -> NDArray[Any]:
    column = np.empty(len(values), dtype=object)
    if item.kind in _TEXTS and not item.columns and all(type(value) is str for value in values):
        column[:] = values
        return column
    if item.kind == "number" and all(type(value) is float for value in values):
        return np.array(values, dtype=float)
    reader = _reader(item, name, missing, bounds)
    known: dict[str, Cell] = {}
    for row, value in enumerate(values):
        if is_nothing(value) or (isinstance(value, float | np.floating) and value != value):
            continue
        if isinstance(value, str):
            if value not in known:
                known[value] = reader(value)
            column[row], why = known[value]
        else:
            column[row], why = reader(value)
        if why:
            faults.setdefault(row, str(Why(name, _shown(value), why)))
    return column


def _reader(item: Input, name: str, missing: tuple[str, ...], bounds: Bounds) -> Callable[[Any], Cell]:
    if item.columns or (item.kind == "number" and name == needed(item)[0]):
        unit = "" if item.columns else item.unit
        numbers = frozenset(plain_number(word) for word in missing)
        return lambda value: (
            _number(value, numbers, bounds)
            if not isinstance(value, str)
            else _written(value, name, unit, missing, bounds, balance=bool(item.columns))
        )
    if item.kind == "composition":
        return lambda value: _formula(value, bounds)
    if item.kind == "structure":
        return lambda value: _structure(value, bounds)
    return lambda value: _text(value, None if item.kind == "molecule" else bounds.word)


def _text(value: Any, most: int | None) -> Cell:
    """A text, or a number in its place."""
    if isinstance(value, str):
        fits = most is None or len(value) <= most
        return (value, "") if fits else (None, _LONGER.format(n=len(value), most=most))
    if isinstance(value, bool | int | float | np.generic):
        return value, ""
    return None, f"is {_kind(value)}; a text is needed"


def _formula(value: Any, bounds: Bounds) -> Cell:
    """A formula, or {element: amount}."""
    if isinstance(value, Mapping):
        amounts = {str(key): plain_number(amount) for key, amount in list(value.items())[: len(Z_OF) + 1]}
        if not value or len(value) > len(Z_OF) or not all(key in Z_OF and n >= 0 for key, n in amounts.items()):
            return None, "is no {element: amount}, with symbols of elements and amounts from 0"
        return json.dumps(amounts), ""
    if hasattr(value, "get_el_amt_dict"):  # of pymatgen
        return _formula(dict(value.get_el_amt_dict()), bounds)
    return _text(value, None)


def _structure(value: Any, bounds: Bounds) -> Cell:
    """The text of a file; a dictionary or an object of pymatgen becomes its JSON."""
    if hasattr(value, "as_dict"):
        value = value.as_dict()
    if isinstance(value, Mapping | list):
        if _deeper(value, bounds.depth):
            return None, f"is JSON deeper than {bounds.depth} levels; no structure is"
        try:
            value = json.dumps(value, default=_listed)
        except (TypeError, ValueError, RecursionError) as error:
            return None, f"cannot be written as JSON ({str(error)[:100]})"
    return _text(value, bounds.structure) if isinstance(value, str) else (None, f"is {_kind(value)}; {_STRUCTURE}")


_STRUCTURE = "the text of a CIF, POSCAR, XYZ or JSON file, or a structure as JSON, is needed"


def _number(value: Any, missing: frozenset[float], bounds: Bounds) -> Cell:
    """A number as it is sent."""
    if not isinstance(value, bool | int | float | np.number):
        return None, f"is {_kind(value)}; a number is needed"
    number = plain_number(value)
    if np.isfinite(number):
        return (None if number in missing else number), ""
    return None, "is too large for a number" if isinstance(value, int) else "is infinite; a measured value is finite"


def _written(value: str, name: str, unit: str, missing: tuple[str, ...], bounds: Bounds, *, balance: bool) -> Cell:
    """A number as text, read by itself: with its own unit and commas. It is given in the unit of its column."""
    if len(value) > bounds.number:
        return None, _LONGER.format(n=len(value), most=bounds.number)
    if balance and value.strip().lower() in BALANCE:
        return value, ""
    cell = np.array([value, None], dtype=object)[:1]
    raw = RawTable({name: cell}, provenance("row", "", {name: cell}))
    try:
        own = stated_unit(raw, name, unit)[0] or unit
        read = read_numbers(cell, unit=own, missing=missing, name=name)
    except DataError as error:
        return None, " ".join(str(error).split())[:300]
    if read.faults:
        return None, read.faults[0]
    return (float(read.values[0]) if np.isfinite(read.values[0]) else None), ""


def _deeper(value: Any, depth: int) -> bool:
    """Whether JSON has more levels; looks at a bounded number of them, never by recursion."""
    level: list[Any] = [value]
    for _ in range(depth):
        level = [
            inner
            for one in level
            for inner in (one.values() if isinstance(one, Mapping) else one)
            if isinstance(inner, Mapping | list | tuple)
        ]
        if not level:
            return False
    return True


def _listed(value: Any) -> Any:
    """Arrays and single numbers of numpy in JSON."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is no JSON")


def _kind(value: Any) -> str:
    """What a value is, in the words of JSON."""
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple | set | np.ndarray):
        return "a list"
    return "a number" if isinstance(value, int | float | np.number) else f"a {type(value).__name__}"


def _shown(value: Any) -> str:
    """The beginning of a value, for a message; a large or deep one is not written out for it."""
    if isinstance(value, str):
        return value.strip()[:80]
    return repr(value)[:80] if isinstance(value, bool | float | np.generic) else _kind(value)
