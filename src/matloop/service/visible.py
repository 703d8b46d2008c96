"""Which records are shown to others: those that may be shared and whose licence is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matloop.core.optional import require
from matloop.data.store import schema
from matloop.data.store.search import in_version

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy import ColumnElement, Connection
else:
    sa = require("sqlalchemy", extra=schema.EXTRA)

R, P, O = schema.records.c, schema.properties.c, schema.origins.c


@dataclass(frozen=True, slots=True)
class Served:
    """One version of a dataset that is served."""

    dataset_id: int
    name: str
    number: int
    title: str
    about: str
    licence: str
    citation: str
    created: str
    n_records: int


def shown(licence: str) -> ColumnElement[bool]:
    """That a record, with all its values, may be shared, and that its licence is known, where the dataset as a whole
    has none (`licence`)."""
    hidden = O.shareable.is_(False) if licence else sa.or_(O.shareable.is_(False), O.licence == "")
    whole = sa.exists().where(O.id == R.origin_id, hidden)
    one = sa.exists().where(P.record_id == R.id, P.origin_id == O.id, hidden)
    return sa.and_(~whole, ~one)


def any_hidden(connection: Connection, licensed: bool) -> bool:
    """Whether there is any origin that would hide a record."""
    hidden = O.shareable.is_(False) if licensed else sa.or_(O.shareable.is_(False), O.licence == "")
    return connection.execute(sa.select(sa.literal(1)).where(hidden).limit(1)).first() is not None


def served_records(connection: Connection, parts: Sequence[Served], *, private: bool) -> ColumnElement[bool]:
    """The records of these versions that are shown; all of them if `private`."""
    each = []
    for part in parts:
        inside = in_version(part.dataset_id, part.number)
        if not private and any_hidden(connection, bool(part.licence)):
            inside = sa.and_(inside, shown(part.licence))
        each.append(inside)
    if not each:
        return sa.false()
    if len(each) == 1:
        return each[0]
    return sa.and_(R.dataset_id.in_([part.dataset_id for part in parts]), sa.or_(*each))
