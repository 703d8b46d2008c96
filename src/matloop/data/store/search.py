"""A query as conditions of SQL, and the rows that fulfil them, found by whatever index narrows them most."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
    kind = sa.Text() if found and isinstance(found[0], str) else sa.BigInteger()
    return column == sa.any_(sa.cast(sa.literal(found, postgresql.ARRAY(kind)), postgresql.ARRAY(kind)))


def in_version(dataset_id: int, number: int) -> ColumnElement[bool]:
    """Records of one version of a dataset."""
    return sa.and_(R.dataset_id == dataset_id, R.since <= number, R.until > number)


def conditions(connection: Connection, asked: Query) -> list[ColumnElement[bool]]:
    """Conditions on rows of `records` that together say `asked`.

    Raises
    ------
    ConfigError : a property that the store does not know, or a unit that cannot be converted to that stored.
    """
    found: list[ColumnElement[bool]] = []
    if asked.keys:
        found.append(among(connection, R.key, asked.keys))
    if asked.formulas:
        found.append(among(connection, R.reduced, {composition(one).reduced: None for one in asked.formulas}))
    if asked.anonymous:
        found.append(R.anonymous == asked.anonymous)
    if asked.systems:
        found.append(among(connection, R.system, asked.systems))
    found += _elements(connection, asked)
    found += _between(R.n_elements, asked.n_elements) + _between(R.n_sites, asked.n_sites)
    if asked.n_elements != (None, None):
        inside = sa.and_(*_between(schema.systems.c.n_elements, asked.n_elements))
        found.append(R.system.in_(sa.select(schema.systems.c.name).where(inside)))
    found += [_property(connection, one) for one in asked.where]
    if asked.has_structure is not None:
        found.append(R.structure.is_not(None) if asked.has_structure else R.structure.is_(None))
    return found + _provenance(asked)


def _between(column: Any, limits: tuple[int | None, int | None]) -> list[ColumnElement[bool]]:
    low, high = limits
    return ([column >= low] if low is not None else []) + ([column <= high] if high is not None else [])


# ---- elements ----


def _elements(connection: Connection, asked: Query) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if asked.has_all:
        first, *others = _rarest_first(connection, asked.has_all)
        chosen = sa.select(S.system).where(S.element == first)
        for z in others:
            one = schema.system_elements.alias()
            chosen = chosen.where(sa.exists().where(one.c.element == z, one.c.system == S.system))
        found.append(R.system.in_(chosen))
    if asked.has_any:
        found.append(R.system.in_(sa.select(S.system).where(S.element.in_([Z_OF[one] for one in asked.has_any]))))
    if asked.has_only:
        found.append(_only(connection, asked.has_only))
    if asked.has_none:
        inside = sa.select(S.system).where(S.element.in_([Z_OF[one] for one in asked.has_none]))
        found.append(R.system.not_in(inside))
    return found


def _rarest_first(connection: Connection, symbols: Sequence[str]) -> list[int]:
    """Atomic numbers, that of the fewest systems first (counted to 10,000)."""
    counts = {}
    for z in {Z_OF[symbol] for symbol in symbols}:
        some = sa.select(sa.literal(1)).where(S.element == z).limit(10_000).subquery()
        counts[z] = connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()
    return sorted(counts, key=lambda z: (counts[z], -z))


def _only(connection: Connection, symbols: Sequence[str]) -> ColumnElement[bool]:
    distinct = sorted(set(symbols))
    if len(distinct) <= _SUBSETS:
        sizes = range(1, len(distinct) + 1)
        return among(connection, R.system, ["-".join(some) for k in sizes for some in combinations(distinct, k)])
    inside = sa.select(S.system).where(S.element.in_([Z_OF[one] for one in distinct]))
    return R.system.in_(inside.group_by(S.system, S.n_elements).having(sa.func.count() == S.n_elements))


# ---- properties and provenance ----


def _property(connection: Connection, asked: Where) -> ColumnElement[bool]:
    q = schema.quantities.c
    rows = connection.execute(sa.select(q.id, q.unit, q.method).where(q.name == asked.name)).all()
    if not rows:
        names = list(connection.execute(sa.select(q.name).distinct()).scalars())
        raise ConfigError(f'no record has a property "{asked.name}". {did_you_mean(asked.name, names)}')
    chosen = [row for row in rows if asked.method in ("", row.method)]
    alternatives = [sa.and_(P.quantity_id == row.id, *_value(asked, row.unit)) for row in chosen]
    inside = sa.or_(*alternatives) if alternatives else sa.false()
    return R.id.in_(sa.select(P.record_id).where(inside))


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


def _provenance(asked: Query) -> list[ColumnElement[bool]]:
    named = {name: getattr(asked, name) for name in ("provider", "licence", "sha256", "url") if getattr(asked, name)}
    found: list[ColumnElement[bool]] = []
    if named:
        inside = sa.select(O.id).where(*(O[name] == value for name, value in named.items()))
        own = sa.select(P.record_id).where(P.origin_id.in_(inside))
        found.append(sa.or_(R.origin_id.in_(inside), R.id.in_(own)))
    if asked.origin_id:
        own = sa.select(P.record_id).where(P.origin_key == asked.origin_id)
        found.append(sa.or_(R.origin_key == asked.origin_id, R.id.in_(own)))
    if asked.shareable is not None:
        closed = sa.select(O.id).where(O.shareable.is_(False))
        hidden = sa.or_(R.origin_id.in_(closed), R.id.in_(sa.select(P.record_id).where(P.origin_id.in_(closed))))
        found.append(sa.not_(hidden) if asked.shareable else hidden)
    return found
