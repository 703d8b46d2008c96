"""Properties of the store as fields with the prefix of the provider: `_matloop_band_gap`."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from matloop.core import units
from matloop.core.errors import ConfigError
from matloop.core.optional import require
from matloop.data.store import schema
from matloop.data.store.values import Property, Record
from matloop.service.optimade.fields import COMPARISONS, Field, JsonItems, Kind, Sql
from matloop.service.optimade.filter import Operator, Scalar
from matloop.service.optimade.names import slug

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy import ColumnElement, Connection
else:
    sa = require("sqlalchemy", extra=schema.EXTRA)

R, P, Q = schema.records.c, schema.properties.c, schema.quantities.c
LOOKED_AT = 500
"""Values of a quantity that are looked at for what kind it is of."""
_LARGEST = 1.7976931348623157e308
_KINDS: dict[str, Kind] = {"f": "float", "i": "integer", "b": "boolean", "t": "string", "j": "list"}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A quantity of the store with the unit `factor * value + offset` brings it to, and the kind of most values."""

    id: int
    name: str
    unit: str
    method: str
    kind: str
    factor: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True, slots=True)
class OwnField:
    """A field of our own: the quantities that are in it; of a record the first value counts."""

    field: Field
    quantities: tuple[Quantity, ...]

    def value(self, record: Record) -> Any:
        """The value of a record in the unit of the field; None where it has none of the kind."""
        for one in record.properties:
            for quantity in self.quantities:
                if (one.name, one.unit, one.method) == (quantity.name, quantity.unit, quantity.method):
                    return _shown(one, self.field.kind, quantity)
        return None


def _shown(one: Property, kind: Kind, quantity: Quantity) -> Any:
    value = one.value
    if kind in ("float", "integer"):
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return None
        if kind == "integer":
            return value if isinstance(value, int) else None
        return _converted(float(value), quantity)
    if kind == "boolean":
        return value if isinstance(value, bool) else None
    if kind == "string":
        return value if isinstance(value, str) else None
    return _finite(value) if isinstance(value, tuple) else None


def _converted(value: float, quantity: Quantity) -> float | None:
    found = value if (quantity.factor, quantity.offset) == (1.0, 0.0) else value * quantity.factor + quantity.offset
    return found if math.isfinite(found) else None


def _finite(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


# ---- which there are ----


def own_fields(connection: Connection, served: ColumnElement[bool], prefix: str) -> dict[str, OwnField]:
    """The fields for all quantities that records which are served have.

    Values by other methods are fields of their own, since levels of theory are not to be mixed; units of one quantity
    are brought to that of most values.
    """
    rows = connection.execute(sa.select(Q.id, Q.name, Q.unit, Q.method).order_by(Q.id)).all()
    known = [(row, *said) for row in rows if (said := _kind(connection, row.id, served))]
    known.sort(key=lambda one: -one[2])
    by_name: dict[str, list[Any]] = defaultdict(list)
    for row, kind, _ in sorted(known, key=lambda one: one[0].name):
        by_name[row.name].append((row, kind))
    found: dict[str, OwnField] = {}
    for name, members in by_name.items():
        methods = sorted({row.method for row, _ in members})
        for method in methods:
            some = [(row, kind) for row, kind in members if row.method == method]
            called = name if len(methods) == 1 or not method else f"{name} {method}"
            groups = sorted(_convertible(some), key=len, reverse=True)
            for i, group in enumerate(groups):
                more = f" {group[0].unit or 'plain'}" if i else ""
                label = _free(f"_{prefix}_{slug(called + more)}", found)
                found[label] = _field(label, called, group, connection.dialect.name)
    return found


def _free(label: str, found: Mapping[str, OwnField]) -> str:
    number, free = 2, label
    while free in found:
        free, number = f"{label}_{number}", number + 1
    return free


def _kind(connection: Connection, number: int, served: ColumnElement[bool]) -> tuple[str, int] | None:
    """The kind of most of the values that are looked at, and how many these are; None where there are none."""
    joined = schema.properties.join(schema.records, P.record_id == R.id)
    some = sa.select(P.kind).select_from(joined).where(P.quantity_id == number, served).limit(LOOKED_AT).subquery()
    counts = dict(connection.execute(sa.select(some.c.kind, sa.func.count()).group_by(some.c.kind)).all())
    if counts.get("f"):
        counts["f"] += counts.pop("i", 0)
    counts.pop("n", None)
    return (max(counts, key=lambda kind: (counts[kind], kind)), sum(counts.values())) if counts else None


def _convertible(members: Sequence[Any]) -> list[list[Quantity]]:
    """Groups of quantities whose units can be brought to that of the first."""
    groups: list[list[Quantity]] = []
    for row, kind in members:
        for group in groups:
            line = _line(row.unit, group[0].unit) if kind in "fi" and group[0].kind in "fi" else None
            if line is None and (kind, row.unit) == (group[0].kind, group[0].unit):
                line = (1.0, 0.0)
            if line is not None:
                group.append(Quantity(row.id, row.name, row.unit, row.method, kind, *line))
                break
        else:
            groups.append([Quantity(row.id, row.name, row.unit, row.method, kind)])
    return groups


def _line(unit: str, target: str) -> tuple[float, float] | None:
    """Factor and offset from one unit to another, None where there is no way."""
    if unit == target:
        return 1.0, 0.0
    try:
        zero, one = units.convert(np.array([0.0, 1.0]), unit, target).tolist()
    except ConfigError:
        return None
    return (one - zero, zero) if one > zero else None


# ---- what they are in SQL ----


def _field(label: str, called: str, group: Sequence[Quantity], dialect: str) -> OwnField:
    first = group[0]
    kinds = {one.kind for one in group}
    kind: Kind = "float" if kinds == {"f", "i"} or (len(group) > 1 and kinds <= {"f", "i"}) else _KINDS[first.kind]
    said = [called]
    said += [f"in {first.unit}"] if first.unit else []
    said += [f"by {first.method}"] if first.method else []
    about = ", ".join(said) + ". Where a record has several values, the first one counts."
    unit = first.unit or None
    if kind == "list":
        text = _first(group, sa.case((_is(("j",)) & ~P.text.contains("Infinity"), P.text)))
        field = Field(label, kind, about, unit, items=JsonItems(text, dialect), known=text.is_not(None))
        return OwnField(field, tuple(group))
    value = _value(kind, group)
    scalar = _first(group, value)
    return OwnField(Field(label, kind, about, unit, scalar=scalar, find=_finder(kind, group)), tuple(group))


def _is(kinds: Sequence[str]) -> Sql:
    return P.kind.in_(kinds)


def _value(kind: Kind, group: Sequence[Quantity]) -> Sql:
    if kind == "string":
        return sa.case((_is(("t",)), P.text))
    if kind == "boolean":
        return sa.case((_is(("b",)), P.number != 0))
    if kind == "integer":
        return sa.case((_is(("i",)), P.number))
    plain = [one.id for one in group if (one.factor, one.offset) == (1.0, 0.0)]
    lines = [(P.quantity_id == one.id, P.number * typed_float(one.factor) + typed_float(one.offset))
             for one in group if one.id not in plain]  # fmt: skip
    number = sa.case(*lines, else_=P.number) if lines else P.number
    return sa.case((sa.and_(_is(("f", "i")), P.number.between(-_LARGEST, _LARGEST)), number))


def typed_float(value: float) -> Sql:
    return sa.literal(value, sa.Double)


def _first(group: Sequence[Quantity], value: Sql) -> Sql:
    """Of the first property of a record that is one of these; "+ 0" keeps the index of values out."""
    mine = (P.quantity_id + 0).in_([one.id for one in group])
    found = sa.select(value).where(P.record_id == R.id, mine).order_by(P.place).limit(1)
    return found.correlate(schema.records).scalar_subquery()


def _finder(kind: Kind, group: Sequence[Quantity]) -> Any:
    if kind not in ("float", "integer"):
        return None

    def find(operator: Operator, value: Scalar) -> Sql | None:
        if operator == "!=":
            return None
        some = [sa.and_(P.quantity_id == one.id, *_around(operator, float(value), one)) for one in group]
        return R.id.in_(sa.select(P.record_id).where(sa.or_(*some)))

    return find


def _around(operator: Operator, value: float, one: Quantity) -> list[Sql]:
    """The condition in the unit of the store, a little wider where it is converted."""
    if (one.factor, one.offset) == (1.0, 0.0):
        return [COMPARISONS[operator](P.number, typed_float(value))]
    there = (value - one.offset) / one.factor
    slack = 1e-9 * (abs(there) + abs(one.offset / one.factor))
    low = [P.number >= typed_float(there - slack)] if operator in (">", ">=", "=") else []
    return low + ([P.number <= typed_float(there + slack)] if operator in ("<", "<=", "=") else [])
