"""What a store holds: records of materials, their properties, where each came from, and versions of datasets."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from matloop.core.errors import ConfigError, DataError, RunError
from matloop.matter.structures import Structures

Value = float | int | bool | str | tuple[Any, ...] | None
"""A number, truth value, text, or an array as (nested) tuples of them; None where it is known that there is none."""
LONGEST_KEY = 200
LATEST = 0
"""As a version number: the latest."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


class VersionConflict(RunError):
    """Somebody else has made a version in the meantime: look at it, and do the change again."""


class NotInStore(DataError):
    """There is no such dataset, version or record."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value came from, in full.

    provider : database, file or laboratory ("mp", "oqmd", "file", "icsd"). id : what it is called there. url : where
    it was read. retrieved : ISO time in UTC. licence : SPDX name or text, "" where none is known. sha256 : of the raw
    response or file. place : row, line or page in it. citation, doi : what to cite. note : who changed what and why.
    shareable : whether it may be shown and exported; False for licensed databases.
    """

    provider: str = ""
    id: str = ""
    url: str = ""
    retrieved: str = ""
    licence: str = ""
    sha256: str = ""
    place: str = ""
    citation: str = ""
    doi: str = ""
    note: str = ""
    shareable: bool = True

    def lines(self) -> list[str]:
        """What is known, a line each: `licence: CC-BY-4.0`."""
        texts = {name: getattr(self, name) for name in self.__slots__ if name != "shareable"}
        said = [f"{name}: {text}" for name, text in texts.items() if text]
        return said if self.shareable else [*said, "not to be shared"]


@dataclass(frozen=True, slots=True)
class Property:
    """One value of one quantity.

    value : see `Value`; NaN becomes None, -0.0 becomes 0.0, arrays become tuples. unit : "" for none. error : one
    standard deviation in `unit`, None where unknown. method : level of theory or experiment ("PBE+U", "experiment").
    conditions : what it holds for ({"temperature": "300 K"}). origin : where it came from, None where that of its
    record holds.
    """

    name: str
    value: Value
    unit: str = ""
    error: float | None = None
    method: str = ""
    conditions: Mapping[str, str | float] = field(default_factory=dict)
    origin: Origin | None = None

    def __post_init__(self) -> None:
        if type(self.value) is not float or self.value != self.value or self.value == 0.0:
            object.__setattr__(self, "value", plain(self.value))
        if self.error is not None and not math.isfinite(self.error):
            object.__setattr__(self, "error", None)


def plain(value: Any) -> Value:
    """`value` without numpy and lists: scalars, and tuples of them; NaN is None.

    Raises
    ------
    DataError : neither a number, truth value, text nor an array of them.
    """
    kind = type(value)
    if kind is float:
        return None if math.isnan(value) else value + 0.0  # no database keeps the sign of -0.0
    if kind in (str, int, bool) or value is None:
        return value
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return tuple(plain(part) for part in value)
    raise DataError(
        f"{str(value)[:60]!r} ({kind.__name__}) is no value of a property: give a number, text, truth value, or an "
        "array of them; other things belong into the metadata."
    )


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One material or measurement of a dataset.

    key : what it is called in its dataset, unique there. formula : as written; "" takes that of the structure.
    structure : a batch of one row, or None. properties : in their order; a name may stand several times with other
    methods or conditions. origin : of all that has none of its own. metadata : further facts that are JSON.
    Two records are equal where all of this is.
    """

    key: str
    formula: str = ""
    structure: Structures | None = None
    properties: tuple[Property, ...] = ()
    origin: Origin = Origin()
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Record):
            return NotImplemented
        names = ("key", "formula", "properties", "origin")
        return (
            all(getattr(self, name) == getattr(other, name) for name in names)
            and dict(self.metadata) == dict(other.metadata)
            and same_structure(self.structure, other.structure)
        )

    def __hash__(self) -> int:
        return hash(self.key)

    def property(self, name: str, method: str | None = None) -> Property | None:
        """The first property called `name` (by `method`, if one is given); None if there is none."""
        found = (one for one in self.properties if one.name == name and method in (None, one.method))
        return next(found, None)

    def origin_of(self, one: Property) -> Origin:
        """Where a property came from: its own origin, or that of the record."""
        return one.origin or self.origin

    def corrected(self, name: str, value: Any, *, why: str, method: str | None = None, **changes: Any) -> Record:
        """The record with another value of a property, whose origin says what stood there before and why it changed.

        Parameters
        ----------
        method : of the property, where several are called `name`. changes : further fields of `Property` (unit, error).

        Raises
        ------
        DataError : no such property, or several.
        """
        found = [i for i, one in enumerate(self.properties) if one.name == name and method in (None, one.method)]
        if len(found) != 1:
            names = ", ".join(f"{one.name} ({one.method})" if one.method else one.name for one in self.properties)
            what = "several properties are" if found else "no property is"
            raise DataError(f'record "{self.key}": {what} called "{name}". There are: {names or "none"}.')
        old = self.properties[found[0]]
        origin = self.origin_of(old)
        said = f"was {old.value}{f' {old.unit}' if old.unit else ''}: {why}"
        note = f"{origin.note}; {said}" if origin.note else said
        new = replace(old, value=value, origin=replace(origin, note=note), **changes)
        return replace(self, properties=(*self.properties[: found[0]], new, *self.properties[found[0] + 1 :]))


def same_structure(a: Structures | None, b: Structures | None) -> bool:
    """Whether two structures are equal to the last bit (NaN equals NaN), names and further values included."""
    if a is None or b is None:
        return a is b
    for name in a.__slots__:
        one, two = getattr(a, name), getattr(b, name)
        pairs = [(one, two)] if not isinstance(one, dict) else [(one[k], two.get(k)) for k in one]
        if isinstance(one, dict) and set(one) != set(two):
            return False
        if not all(np.array_equal(x, y, equal_nan=x.dtype.kind == "f") for x, y in pairs):
            return False
    return True


@dataclass(frozen=True, slots=True)
class Version:
    """One state of a dataset; it never changes.

    number : 1, 2, ... created : ISO time in UTC. author, message : who and why. n_records : in this state. added,
    changed, removed : records against the version before. fingerprint : 32 hex digits, equal for equal content in
    whatever order, store or time of retrieval.
    """

    dataset: str
    number: int
    created: str
    author: str
    message: str
    n_records: int
    added: int
    changed: int
    removed: int
    fingerprint: str


@dataclass(frozen=True, slots=True)
class DatasetCard:
    """What a dataset is: `title`, `about`, `licence` and `citation` as a whole; `version` is its latest one."""

    name: str
    title: str = ""
    about: str = ""
    licence: str = ""
    citation: str = ""
    created: str = ""
    version: Version | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One record that differs between two versions: `old` is None where it was added, `new` where it was removed."""

    key: str
    old: Record | None
    new: Record | None

    def lines(self) -> list[str]:
        """What is different, a line each."""
        if self.old is None or self.new is None:
            return ["added" if self.old is None else "removed"]
        return differing(self.old, self.new)


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs between two versions of a dataset: numbers of records, and keys of each kind."""

    dataset: str
    old: int
    new: int
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]


def differing(old: Record, new: Record) -> list[str]:
    """What is different in two records of one key: `band_gap (PBE): 1.1 eV -> 1.2 eV`."""
    said = [] if old.formula == new.formula else [f"formula: {old.formula} -> {new.formula}"]
    if not same_structure(old.structure, new.structure):
        said.append("structure: another one" if old.structure and new.structure else "structure: given or taken out")
    before, after = _by_label(old), _by_label(new)
    for label in dict.fromkeys([*before, *after]):
        a, b = before.get(label), after.get(label)
        if a != b:
            said.append(f"{label}: {_told(a)} -> {_told(b)}")
    if old.origin != new.origin:
        said.append("origin: " + "; ".join(_changed_fields(old.origin, new.origin)))
    if dict(old.metadata) != dict(new.metadata):
        names = dict.fromkeys([*old.metadata, *new.metadata])
        said += [f"{n}: {old.metadata.get(n)} -> {new.metadata.get(n)}" for n in names
                 if old.metadata.get(n) != new.metadata.get(n)]  # fmt: skip
    return said


def _by_label(record: Record) -> dict[str, Property]:
    found: dict[str, Property] = {}
    for one in record.properties:
        parts = [one.method, *(f"{name} {value}" for name, value in one.conditions.items())]
        label = f"{one.name} ({', '.join(filter(None, parts))})" if any(parts) else one.name
        while label in found:
            label += "'"
        found[label] = one
    return found


def _told(one: Property | None) -> str:
    if one is None:
        return "none"
    error = f" +- {one.error}" if one.error is not None else ""
    note = f" [{one.origin.note}]" if one.origin and one.origin.note else ""
    return f"{one.value}{error}{f' {one.unit}' if one.unit else ''}{note}"


def _changed_fields(old: Origin, new: Origin) -> list[str]:
    names = [name for name in old.__slots__ if getattr(old, name) != getattr(new, name)]
    return [f"{name} {getattr(old, name)!r} -> {getattr(new, name)!r}" for name in names]


def checked_name(name: str) -> str:
    """A name that a dataset may have.

    Raises
    ------
    ConfigError : it is empty, too long, or has other signs than letters, digits, "_", "." and "-".
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name[:120]!r} cannot be the name of a dataset: use up to 100 letters, digits, '_', '.' and '-', a "
            "letter or digit first."
        )
    return name
