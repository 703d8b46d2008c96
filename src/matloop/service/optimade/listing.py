"""Entries that fulfil a filter, a page of them: the database filters, sorts, counts and cuts the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matloop.core.optional import require
from matloop.data.store import schema
from matloop.data.store.connect import Database
from matloop.service.optimade.asked import Asked
from matloop.service.optimade.clauses import Clause, Compiler
from matloop.service.optimade.faults import BadRequest, TooSlow
from matloop.service.optimade.fields import Fields
from matloop.service.optimade.names import unescaped
from matloop.service.optimade.references import Small
from matloop.service.optimade.state import State
from matloop.service.timed import TooLong, within

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy import ColumnElement, Connection
else:
    sa = require("sqlalchemy", extra=schema.EXTRA)

FEW = 10_000
"""Up to so many matches of one condition are looked up by its index; of more, entries are walked in their order."""
COUNTED = 2.0
"""Seconds that may be spent on how many entries there are in all, where the page itself was found."""
R = schema.records.c


@dataclass(frozen=True, slots=True)
class Page:
    """Ids (of rows) of a page. total : entries that fulfil the filter, None where counting took too long. more :
    whether there are others behind. warnings : what was taken differently than it was meant."""

    ids: tuple[Any, ...]
    total: int | None
    more: bool
    warnings: tuple[str, ...] = ()


def structure_page(database: Database, state: State, asked: Asked, prefix: str, seconds: float) -> Page:
    """A page of structures.

    Raises
    ------
    BadRequest, NotOffered : the filter asks for what there is not. TooSlow : the database needs longer than `seconds`.
    """
    clause, warnings = _compiled(database, state, asked, prefix)
    try:
        with within(seconds):
            return database.repeated(lambda: _page(database, state, asked, clause, warnings), again=True)
    except TooLong as error:
        raise TooSlow(
            f"{error} A filter that names elements, a formula or a range of values is answered fast."
        ) from error


def _compiled(database: Database, state: State, asked: Asked, prefix: str) -> tuple[Clause | None, tuple[str, ...]]:
    if asked.node is None:
        return None, ()
    among = R.dataset_id.in_([part.dataset_id for part in state.parts])
    compiler = Compiler(state.fields, prefix, database.engine.dialect.name, among, schema.records)
    return compiler.clause(asked.node), tuple(dict.fromkeys(compiler.warnings))


def _page(database: Database, state: State, asked: Asked, clause: Clause | None, warnings: tuple[str, ...]) -> Page:
    with database.engine.connect() as connection:
        few = _few(connection, state, asked, clause)
        if few is not None and not asked.sort:
            ids, more = _cut(connection, state, asked, few)
            return Page(ids, len(few), more, warnings)
        where = state.structures if clause is None else sa.and_(state.structures, clause.checks)
        if few is not None:
            where = R.id.in_([number for *_, number in few]) if len(few) < FEW // 10 else where
        rows = connection.execute(_walk(connection, state, asked, where)).scalars().all()
    ids, more = tuple(rows[: asked.limit]), len(rows) > asked.limit
    total = len(few) if few is not None else _total(database, state, asked, clause)
    return Page(ids, total, more, warnings)


def _few(
    connection: Connection, state: State, asked: Asked, clause: Clause | None
) -> Sequence[tuple[int, int, int]] | None:
    """(dataset, slot, id) of all matches in their order where an index leads to few; None where none does."""
    if clause is None or not clause.finds:
        return None
    known = state.remembered.get(asked.filter)
    if known is not None:
        return known if isinstance(known, tuple) else None
    sizes = []
    for place, find in enumerate(clause.finds):
        some = sa.select(sa.literal(1)).select_from(schema.records).where(state.structures, find).limit(FEW + 1)
        size = connection.execute(sa.select(sa.func.count()).select_from(some.subquery())).scalar_one()
        sizes.append((size, place))
        if size < FEW // 20:
            break
    size, best = min(sizes)
    if size > FEW:
        return None
    found = sa.select(R.dataset_id, R.slot, R.id).where(state.structures, clause.finds[best], clause.checks)
    few = tuple(sorted(tuple(row) for row in connection.execute(found)))
    state.remembered.put(asked.filter, few)
    return few


def _cut(
    connection: Connection, state: State, asked: Asked, few: Sequence[tuple[int, int, int]]
) -> tuple[tuple[int, ...], bool]:
    start = asked.offset
    if asked.above is not None:
        behind = _slot(connection, state, asked.above)
        start = next((i for i, one in enumerate(few) if one[:2] > behind), len(few))
    end = start + asked.limit
    return tuple(number for *_, number in few[start:end]), len(few) > end


def _walk(connection: Connection, state: State, asked: Asked, where: ColumnElement[bool]) -> Any:
    """One entry more than the page, so that it is known whether there are others."""
    order: list[Any] = []
    for name, descending in asked.sort:
        expression = state.fields[name].scalar
        order.append(sa.nulls_last(sa.desc(expression) if descending else sa.asc(expression)))
    found = sa.select(R.id).where(where).order_by(*order, R.dataset_id, R.slot).limit(asked.limit + 1)
    if asked.above is not None:
        behind = _slot(connection, state, asked.above)
        found = found.where(_behind(state, behind))
    return found.offset(asked.offset) if asked.offset else found


def _behind(state: State, place: tuple[int, int]) -> ColumnElement[bool]:
    dataset, slot = place
    if len(state.parts) == 1:
        return R.slot > slot
    return sa.or_(R.dataset_id > dataset, sa.and_(R.dataset_id == dataset, R.slot > slot))


def _slot(connection: Connection, state: State, name: str) -> tuple[int, int]:
    """The place of an entry, also of one that has been removed meanwhile."""
    parts = state.parts
    key = name
    if state.several:
        dataset, _, key = name.partition(":")
        parts = tuple(part for part in parts if part.name == dataset)
    for part in parts:
        found = sa.select(R.slot).where(R.dataset_id == part.dataset_id, R.key == unescaped(key)).limit(1)
        slot = connection.execute(found).scalar()
        if slot is not None:
            return part.dataset_id, slot
    raise BadRequest(f'page_above: there is no entry "{name}".')


def _total(database: Database, state: State, asked: Asked, clause: Clause | None) -> int | None:
    """How many fulfil the filter; None where that takes too long to find out."""
    if clause is None:
        return state.available
    known = state.remembered.get(asked.filter)
    if isinstance(known, int):
        return known
    counted = sa.select(sa.func.count()).select_from(schema.records).where(state.structures, clause.checks)
    try:
        with within(COUNTED), database.engine.connect() as connection:
            total: int = connection.execute(counted).scalar_one()
    except TooLong:
        return None
    state.remembered.put(asked.filter, total)
    return total


# ---- small collections ----


def small_page(small: Small, fields: Fields, asked: Asked, prefix: str) -> tuple[Page, list[dict[str, Any]]]:
    """A page of references or links, and their rows."""
    compiler = Compiler(fields, prefix, "sqlite")
    where = sa.true() if asked.node is None else compiler.clause(asked.node).checks
    order = [sa.nulls_last(sa.desc(fields[name].scalar) if down else sa.asc(fields[name].scalar))
             for name, down in asked.sort]  # fmt: skip
    c = small.table.c
    found = sa.select(small.table).where(where).order_by(*order, c.id).limit(asked.limit + 1).offset(asked.offset)
    if asked.above is not None:
        found = found.where(c.id > asked.above)
    with small.lock, small.engine.connect() as connection:
        rows = [dict(row) for row in connection.execute(found).mappings()]
        total = connection.execute(sa.select(sa.func.count()).select_from(small.table).where(where)).scalar_one()
    shown = rows[: asked.limit]
    return Page(tuple(row["id"] for row in shown), total, len(rows) > asked.limit, tuple(compiler.warnings)), shown
