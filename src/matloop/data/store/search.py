"""A query as conditions of SQL, and the rows that fulfil them, found by whatever index narrows them most."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from matloop.core import units
from matloop.core.elements import Z_OF
from matloop.core.errors import ConfigError
from matloop.core.optional import require
from matloop.data.store import schema
from matloop.data.store.query import Query, Where, composition
from matloop.problem.fault import did_you_mean

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy import ColumnElement, Connection
    from sqlalchemy.dialects import postgresql
else:
    sa = require("sqlalchemy", extra=schema.EXTRA)
    postgresql = require("sqlalchemy.dialects.postgresql", extra=schema.EXTRA)

FEW, SOME = 10_000, 100_000
"""Up to so many matches of one condition are looked up and sorted (the second where all of them are wanted); of more,
the records are walked in their order."""
_SUBSETS = 8
"""Up to so many elements, "only these" is asked as all systems of them by name."""
R, P, O, S = schema.records.c, schema.properties.c, schema.origins.c, schema.system_elements.c


def among(connection: Connection, column: Any, values: Iterable[Any]) -> ColumnElement[bool]:
    """`column` is one of `values`, of any number of them (texts or whole numbers), with one parameter."""
    found = list(values)
    if connection.dialect.name == "sqlite":
        import json

        each = sa.func.json_each(json.dumps(found, ensure_ascii=False)).table_valued("value")
        return column.in_(sa.select(each.c.value))
    return column.in_(sa.select(_unnested(found)))


def one_by_one(
    connection: Connection, columns: Sequence[Any], column: Any, values: Sequence[Any], *where: ColumnElement[bool]
) -> sa.Select[Any]:
    """`columns` of the rows where `column` is one of `values`, each looked up by the index.

    While it is being filled nobody knows how a table is distributed, and PostgreSQL, left alone, would read all of it.
    """
    if connection.dialect.name == "sqlite":
        return sa.select(*columns).where(*where, among(connection, column, values))
    wanted = _unnested(values).table_valued("value", name="wanted").render_derived()
    found = sa.select(*columns).where(column == wanted.c.value, *where).offset(0).lateral("found")
    return sa.select(*(found.c[one.name] for one in columns)).select_from(wanted.join(found, sa.true()))


def _unnested(values: Sequence[Any]) -> Any:
    kind = postgresql.ARRAY(sa.Text() if values and isinstance(values[0], str) else sa.BigInteger())
    return sa.func.unnest(sa.cast(sa.literal(list(values), kind), kind))


def in_version(dataset_id: int, number: int) -> ColumnElement[bool]:
    """Records of one version of a dataset."""
    return sa.and_(R.dataset_id == dataset_id, R.since <= number, R.until > number)


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition in two forms that mean the same: `finds` leads to the records by an index (None: there is none),
    `checks` looks at one record that is already found. `some` are ids of properties that fulfil it, where it is about
    these."""

    finds: ColumnElement[bool] | None
    checks: ColumnElement[bool]
    some: sa.Select[Any] | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A query of one version: `finds` leads to the records by the index that narrows them most, `checks` is for a walk
    over all records in their order; `few` says that the first way is the better one."""

    finds: tuple[ColumnElement[bool], ...] = ()
    checks: tuple[ColumnElement[bool], ...] = ()
    few: bool = False


def plan(connection: Connection, asked: Query, part: ColumnElement[bool], most: int) -> Plan:
    """How to look for `asked` among the records of `part`; up to `most` matches of one condition are few.

    Neither database sees by itself which of several conditions is the rarest, so their matches are counted first.

    Raises
    ------
    ConfigError : a property that the store does not know, or a unit that cannot be converted to that stored.
    """
    found = [*_composition(connection, asked), *_elements(connection, asked)]
    found += [_property(connection, one) for one in asked.where]
    found += _provenance(asked)
    checks = tuple(one.checks for one in found)
    sizes = [(_size(connection, one, part, most), i) for i, one in enumerate(found) if one.finds is not None]
    if not sizes:
        return Plan(checks, checks)
    size, best = min(sizes)
    finds = [one.finds if i == best and one.finds is not None else one.checks for i, one in enumerate(found)]
    return Plan(tuple(finds), checks, size <= most)


def _size(connection: Connection, one: Condition, part: ColumnElement[bool], most: int) -> int:
    """How many matches a condition has, counted to one more than `most`."""
    some = one.some
    if some is None and one.finds is not None:
        some = sa.select(sa.literal(1)).select_from(schema.records).where(part, one.finds)
    if some is None:
        return most + 1
    counted = sa.select(sa.func.count()).select_from(some.limit(most + 1).subquery())
    return connection.execute(counted).scalar_one()


def _composition(connection: Connection, asked: Query) -> list[Condition]:
    found = []
    if asked.keys:
        found.append(_both(among(connection, R.key, asked.keys)))
    if asked.formulas:
        reduced = list(dict.fromkeys(composition(one).reduced for one in asked.formulas))
        found.append(_both(among(connection, R.reduced, reduced)))
    if asked.anonymous:
        found.append(_both(R.anonymous == asked.anonymous))
    if asked.systems:
        found.append(_both(among(connection, R.system, asked.systems)))
    found += [Condition(None, one) for one in _between(R.n_sites, asked.n_sites)]
    if asked.n_elements != (None, None):
        inside = sa.and_(*_between(schema.systems.c.n_elements, asked.n_elements))
        finds = R.system.in_(sa.select(schema.systems.c.name).where(inside))
        found.append(Condition(finds, sa.and_(*_between(R.n_elements, asked.n_elements))))
    if asked.has_structure is not None:
        found.append(Condition(None, R.structure.is_not(None) if asked.has_structure else R.structure.is_(None)))
    return found


def _both(one: ColumnElement[bool]) -> Condition:
    return Condition(one, one)


def _between(column: Any, limits: tuple[int | None, int | None]) -> list[ColumnElement[bool]]:
    low, high = limits
    return ([column >= low] if low is not None else []) + ([column <= high] if high is not None else [])


# ---- elements ----


def _elements(connection: Connection, asked: Query) -> list[Condition]:
    found = []
    if asked.has_all:
        first, *others = _rarest_first(connection, asked.has_all)
        chosen = sa.select(S.system).where(S.element == first)
        for z in others:
            one = schema.system_elements.alias()
            chosen = chosen.where(sa.exists().where(one.c.element == z, one.c.system == S.system))
        found.append(Condition(R.system.in_(chosen), sa.and_(*(_has(z) for z in (first, *others)))))
    if asked.has_any:
        numbers = [Z_OF[one] for one in asked.has_any]
        finds = R.system.in_(sa.select(S.system).where(S.element.in_(numbers)))
        found.append(Condition(finds, sa.or_(*(_has(z) for z in numbers))))
    if asked.has_only:
        found.append(_only(connection, asked.has_only))
    if asked.has_none:
        absent = [sa.not_(_has(Z_OF[one])) for one in asked.has_none]
        found.append(Condition(None, sa.and_(R.system.is_not(None), *absent)))
    return found


def _has(z: int) -> ColumnElement[bool]:
    one = schema.system_elements.alias()
    return sa.exists().where(one.c.element == z, one.c.system == R.system)


def _rarest_first(connection: Connection, symbols: Sequence[str]) -> list[int]:
    """Atomic numbers, that of the fewest systems first (counted to `FEW`)."""
    counts = {}
    for z in {Z_OF[symbol] for symbol in symbols}:
        some = sa.select(sa.literal(1)).where(S.element == z).limit(FEW).subquery()
        counts[z] = connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()
    return sorted(counts, key=lambda z: (counts[z], -z))


def _only(connection: Connection, symbols: Sequence[str]) -> Condition:
    distinct = sorted(set(symbols))
    if len(distinct) <= _SUBSETS:
        sizes = range(1, len(distinct) + 1)
        names = ["-".join(some) for k in sizes for some in combinations(distinct, k)]
        return _both(among(connection, R.system, names))
    numbers = [Z_OF[one] for one in distinct]
    inside = sa.select(S.system).where(S.element.in_(numbers))
    finds = R.system.in_(inside.group_by(S.system, S.n_elements).having(sa.func.count() == S.n_elements))
    one = schema.system_elements.alias()
    inside_one = sa.select(sa.func.count()).where(one.c.system == R.system, one.c.element.in_(numbers))
    return Condition(finds, R.n_elements == inside_one.scalar_subquery())


# ---- properties and provenance ----


def _property(connection: Connection, asked: Where) -> Condition:
    q = schema.quantities.c
    rows = connection.execute(sa.select(q.id, q.unit, q.method).where(q.name == asked.name)).all()
    if not rows:
        names = list(connection.execute(sa.select(q.name).distinct()).scalars())
        raise ConfigError(f'no record has a property "{asked.name}". {did_you_mean(asked.name, names)}')
    chosen = [row for row in rows if asked.method in ("", row.method)]
    alternatives, faults = [], []
    for row in chosen:
        try:
            alternatives.append((row.id, _value(asked, row.unit)))
        except ConfigError as error:  # that value is in something else; an error only if all are
            faults.append(error)
    if faults and not alternatives:
        raise faults[0]
    if not alternatives:
        return _both(sa.false())
    inside = sa.or_(*(sa.and_(P.quantity_id == number, *value) for number, value in alternatives))
    # "+ 0" keeps the index of values out: the properties of one record are looked at
    beside = sa.or_(*(sa.and_(P.quantity_id + 0 == number, *value) for number, value in alternatives))
    ids = sa.select(P.record_id).where(inside)
    return Condition(R.id.in_(ids), sa.exists().where(P.record_id == R.id, beside), ids)


def _value(asked: Where, unit: str) -> list[ColumnElement[bool]]:
    if asked.text is not None:
        return [P.text == asked.text]
    found: list[ColumnElement[bool]] = []
    if asked.low is not None:
        low = _converted(asked.low, asked, unit)
        found.append(P.number > low if asked.above else P.number >= low)
    if asked.high is not None:
        high = _converted(asked.high, asked, unit)
        found.append(P.number < high if asked.below else P.number <= high)
    return found


def _converted(value: float, asked: Where, unit: str) -> float:
    if not asked.unit:
        return value
    try:
        return float(units.convert(np.array([value]), asked.unit, unit)[0])
    except ConfigError as error:
        raise ConfigError(f'property "{asked.name}" is stored in {unit or "no unit"!r}: {error}') from error


def _provenance(asked: Query) -> list[Condition]:
    found = []
    named = {name: getattr(asked, name) for name in ("provider", "licence", "sha256", "url") if getattr(asked, name)}
    if named:
        found.append(Condition(None, _from(*(O[name] == value for name, value in named.items()))))
    if asked.origin_id:
        by_record = sa.and_(R.origin_key == asked.origin_id, R.origin_key != "")
        own = sa.select(P.record_id).where(P.origin_key == asked.origin_id, P.origin_key.is_not(None))
        finds = sa.or_(by_record, R.id.in_(own))
        checks = sa.or_(by_record, sa.exists().where(P.record_id == R.id, P.origin_key == asked.origin_id))
        found.append(Condition(finds, checks))
    if asked.shareable is not None:
        hidden = _from(O.shareable.is_(False))
        found.append(Condition(None, sa.not_(hidden) if asked.shareable else hidden))
    return found


def _from(*origin: ColumnElement[bool]) -> ColumnElement[bool]:
    """That the origin of a record, or of one of its properties, is such."""
    whole = sa.exists().where(O.id == R.origin_id, *origin)
    one = sa.exists().where(P.record_id == R.id, P.origin_id == O.id, *origin)
    return sa.or_(whole, one)
