"""Records as rows of a table and back, exactly: what each column means is a list beside the table."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from matloop.core.errors import DataError
from matloop.core.jsonable import to_jsonable
from matloop.data.store.interchange import (
    origin_from_json,
    origin_to_json,
    record_from_json,
    record_to_json,
    structure_from_json,
    structure_to_json,
    value_from_json,
    value_to_json,
)
from matloop.data.store.values import Origin, Property, Record

Role = Literal[
    "key", "formula", "structure", "value", "error", "condition", "value origin", "metadata", "origin", "record"
]  # fmt: skip
Kind = Literal["number", "integer", "truth", "text", "json"]
_ODD = re.compile(r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|_x[0-9A-Fa-f]{4}_")
"""Texts that no XML holds as they are."""
_ORIGIN = {"id": "provider id", "shareable": "shareable"}
_PROVIDER = {one.name: _ORIGIN.get(one.name, one.name) for one in fields(Origin)}
Slot = tuple[str, str, str, int]
"""Name, unit and method of a property, and which one of several of them it is in its record."""


@dataclass(frozen=True, slots=True)
class ColumnOf:
    """One column of the table.

    name : in the header. role : what it holds. kind : how its cells are to be read; a "json" cell holds JSON text.
    quantity, unit, method, place : of which property ("" for none). field : name of the condition, of the entry of the
    metadata, or of the part of the origin. n, low, high : number of cells with a value, and their ends where they are
    numbers.
    """

    name: str
    role: Role
    kind: Kind = "text"
    quantity: str = ""
    unit: str = ""
    method: str = ""
    place: int = 0
    field: str = ""
    n: int = 0
    low: float | None = None
    high: float | None = None

    @property
    def slot(self) -> Slot:
        return (self.quantity, self.unit, self.method, self.place)


@dataclass(slots=True)
class _Seen:
    """What stands in one column while the records go by."""

    kinds: set[str] = field(default_factory=set)
    n: int = 0
    low: float | None = None
    high: float | None = None

    def add(self, value: Any) -> None:
        self.n += 1
        kind = _kind(value)
        self.kinds.add(kind)
        if kind in ("number", "integer") and abs(value) < 1e308:
            self.low = value if self.low is None else min(self.low, value)
            self.high = value if self.high is None else max(self.high, value)

    def read_as(self, *, xml: bool) -> Kind:
        kinds = {"json" if kind == "odd" and xml else "text" if kind == "odd" else kind for kind in self.kinds}
        return kinds.pop() if len(kinds) == 1 else "json"  # type: ignore[return-value]


def _kind(value: Any) -> str:
    if type(value) is bool:
        return "truth"
    if type(value) is int:
        return "integer" if abs(value) < 2**53 else "json"
    if type(value) is float:
        return "number"
    if type(value) is str and value:
        return "odd" if _ODD.search(value) else "text"
    return "json"


def survey(records: Iterable[Record], *, xml: bool = False) -> tuple[ColumnOf, ...]:
    """The columns of the table of some records: first what a record is, then its properties, metadata and origin.

    Parameters
    ----------
    xml : whether cells are kept in XML (a workbook), where texts with control signs are written as JSON.
    """
    found: dict[tuple[str, Slot, str], _Seen] = {}
    slots: dict[Slot, int] = {}
    crossed = 0
    for record in records:
        slots, in_order = _merged(slots, [slot for slot, _ in _slots(record)])
        crossed += not in_order
        for where, value in _cells(record):
            found.setdefault(where, _Seen()).add(value)
    turn = {role: i for i, role in enumerate(("key", "formula", "structure"))}
    beside = {"value": 0, "error": 1, "condition": 2, "value origin": 3}
    last = {"metadata": 1, "origin": 2}
    parts = {name: i for i, name in enumerate(_PROVIDER)}

    def order(item: tuple[str, Slot, str]) -> tuple[Any, ...]:
        role, slot, name = item
        if role in turn:
            return (0, turn[role])
        if role in beside:
            return (1, slots[slot], beside[role], name)
        return (1 + last[role], parts.get(name, 0), name) if role == "origin" else (1 + last[role], 0, name)

    taken: set[str] = set()
    columns = [_column(where, found[where], taken, xml=xml) for where in sorted(found, key=order)]
    if crossed:
        columns.append(ColumnOf(_free("record", taken), "record", "json", n=crossed))
    return tuple(columns)


def _merged(slots: dict[Slot, int], new: Sequence[Slot]) -> tuple[dict[Slot, int], bool]:
    """The order of the columns with those of one more record, each behind the one before it; whether it is kept."""
    if any(slot not in slots for slot in new):
        order, at = list(slots), 0
        for slot in new:
            if slot in slots:
                at = max(at, order.index(slot) + 1)
            else:
                order.insert(at, slot)
                at += 1
        slots = {slot: i for i, slot in enumerate(order)}
    places = [slots[slot] for slot in new]
    return slots, places == sorted(places)


def _column(where: tuple[str, Slot, str], seen: _Seen, taken: set[str], *, xml: bool) -> ColumnOf:
    role, (name, unit, method, place), part = where
    kind: Kind = "json" if role in ("structure", "value origin") else seen.read_as(xml=xml)
    label = f"{name}{f' {method}' if method else ''}{f' #{place + 1}' if place else ''}"
    header = {
        "value": label + (f" ({unit})" if unit else ""), "error": f"{label} error", "condition": f"{label} {part}",
        "value origin": f"{label} origin", "metadata": part, "origin": _PROVIDER.get(part, part),
    }.get(role, role)  # fmt: skip
    return ColumnOf(
        _free(_ODD.sub("?", " ".join(header.split())), taken), role, kind, name, unit, method, place, part,  # type: ignore[arg-type]
        seen.n, seen.low, seen.high,
    )  # fmt: skip


def _free(name: str, taken: set[str]) -> str:
    name = name or "column"
    new, n = name, 2
    while new.casefold() in taken:
        new, n = f"{name} {n}", n + 1
    taken.add(new.casefold())
    return new


def _slots(record: Record) -> list[tuple[Slot, Property]]:
    seen: Counter[tuple[str, str, str]] = Counter()
    found = []
    for one in record.properties:
        label = (one.name, one.unit, one.method)
        found.append(((*label, seen[label]), one))
        seen[label] += 1
    return found


_NO_SLOT: Slot = ("", "", "", 0)


def _cells(record: Record) -> Iterable[tuple[tuple[str, Slot, str], Any]]:
    yield ("key", _NO_SLOT, ""), record.key
    if record.formula:
        yield ("formula", _NO_SLOT, ""), record.formula
    if record.structure is not None:
        yield ("structure", _NO_SLOT, ""), _Structure(record)
    for slot, one in _slots(record):
        yield ("value", slot, ""), one.value
        if one.error is not None:
            yield ("error", slot, ""), float(one.error)
        for name, setting in one.conditions.items():
            yield ("condition", slot, name), setting
        if one.origin is not None:
            yield ("value origin", slot, ""), origin_to_json(one.origin)
    for name, value in record.metadata.items():
        yield ("metadata", _NO_SLOT, name), value
    for name, part in origin_to_json(record.origin).items():
        yield ("origin", _NO_SLOT, name), part


class _Structure:
    """A structure whose JSON is made when it is written, not when columns are counted."""

    __slots__ = ("record",)

    def __init__(self, record: Record) -> None:
        self.record = record


def row_of(record: Record, columns: Sequence[ColumnOf]) -> list[Any]:
    """The cells of a record: numbers, truth values, texts, JSON texts; None where there is nothing."""
    found = dict(_cells(record))
    cells = [_cell(found.get((one.role, one.slot, one.field)), one, (one.role, one.slot, one.field) in found)
             for one in columns]  # fmt: skip
    if columns and columns[-1].role == "record":
        slots = {one.slot: i for i, one in enumerate(columns) if one.role == "value"}
        places = [slots[slot] for slot, _ in _slots(record)]
        if places != sorted(places):
            cells[-1] = _json(record_to_json(record))
    return cells


def _cell(value: Any, column: ColumnOf, there: bool) -> Any:
    if not there:
        return None
    if isinstance(value, _Structure):
        return _json(structure_to_json(value.record.structure))  # type: ignore[arg-type]
    if column.kind != "json":
        return value
    return _json(value_to_json(value) if column.role == "value" else to_jsonable(value))


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def record_of(cells: Sequence[Any], columns: Sequence[ColumnOf]) -> Record:
    """The inverse of `row_of`; cells may also be the texts of a CSV file.

    Raises
    ------
    DataError : a cell is not of its kind; the message names the column.
    """
    values = {column: _value(cell, column) for cell, column in zip(cells, columns, strict=True) if cell is not None}
    whole = next((v for c, v in values.items() if c.role == "record"), None)
    if whole is not None:
        return record_from_json(whole)
    by_role = {column.role: value for column, value in values.items() if column.role in ("key", "formula", "structure")}
    origin = origin_from_json({c.field: v for c, v in values.items() if c.role == "origin"}, "a row")
    structure = by_role.get("structure")
    return Record(
        str(by_role.get("key", "")), str(by_role.get("formula", "")),
        None if structure is None else structure_from_json(structure), _properties(values), origin,
        {column.field: value for column, value in values.items() if column.role == "metadata"},
    )  # fmt: skip


def _properties(values: Mapping[ColumnOf, Any]) -> tuple[Property, ...]:
    found: dict[Slot, Property] = {}
    for column, value in values.items():
        name, unit, method, _ = column.slot
        if column.role == "value":
            kept = value_from_json(value) if column.kind == "json" else value
            found[column.slot] = Property(name, kept, unit, None, method)
        elif column.role == "error":
            found[column.slot] = replace(found[column.slot], error=value)
        elif column.role == "condition":
            conditions = {**found[column.slot].conditions, column.field: value}
            found[column.slot] = replace(found[column.slot], conditions=conditions)
        elif column.role == "value origin":
            found[column.slot] = replace(found[column.slot], origin=origin_from_json(value, "a row"))
    return tuple(found.values())


def _value(cell: Any, column: ColumnOf) -> Any:
    try:
        if column.kind == "number":
            return float(cell)
        if column.kind == "integer":
            return int(cell)
        if column.kind == "truth":
            return cell if isinstance(cell, bool) else {"true": True, "false": False}[str(cell).lower()]
        return json.loads(cell) if column.kind == "json" else str(cell)
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(f'column "{column.name}": {str(cell)[:60]!r} is no {column.kind}.') from error
