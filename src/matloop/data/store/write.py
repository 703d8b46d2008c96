"""Writing a version: one transaction, so that a kill, a full disk or a lost server leaves the version before it."""

from __future__ import annotations

import gc
import getpass
import logging
import secrets
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from matloop.core.errors import DataError, all_faults, listed
from matloop.core.optional import require
from matloop.data.store import schema
from matloop.data.store.bulk import closed, deferred, insert_all, insert_missing, next_ids, stored_rows
from matloop.data.store.connect import Database, lost
from matloop.data.store.read import by_ids, version_row
from matloop.data.store.rows import Prepared, prepared
from matloop.data.store.search import one_by_one
from matloop.data.store.shared import Shared, shared
from matloop.data.store.values import NotInStore, Record, Version, VersionConflict, checked_name

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy import Connection
else:
    sa = require("sqlalchemy", extra=schema.EXTRA)

logger = logging.getLogger(__name__)
Mode = Literal["add", "replace", "update", "whole"]
"""What is done with a record whose key is there already with other content. add : refused. replace : a correction.
update : a correction, and keys that are not there are refused. whole : a correction, and records that are not given
are taken out."""
BATCH = 5_000
_MANY, _WORTH = 50_000, 10_000
_MODULUS = 2**128


@dataclass(frozen=True, slots=True)
class Order:
    """What a new version is to be."""

    dataset: str
    records: Iterable[Record] = ()
    remove: Iterable[str] = ()
    mode: Mode = "add"
    base: int | None = None
    message: str = ""
    author: str = ""


@dataclass(slots=True)
class _Work:
    """What is known while a version is being written."""

    connection: Connection
    shared: Shared
    dataset_id: int
    old: Version | None
    number: int
    fingerprint: int
    added: int = 0
    changed: int = 0
    removed: int = 0
    kept: array[int] = field(default_factory=lambda: array("q"))
    unread: dict[str, str] = field(default_factory=dict)
    deferred: bool = False


def write(database: Database, order: Order) -> Version:
    """Make a new version; the latest one where nothing would change.

    Raises
    ------
    DataError : records cannot be stored, or stand there already with other content.
    NotInStore : keys that are to be updated or removed are not there.
    VersionConflict : `base` is no longer the latest version.
    RunError : the disk is full, another writer does not end, the database cannot be reached; nothing was written.
    """
    checked_name(order.dataset)
    token = secrets.token_hex(16)
    once = isinstance(order.records, Iterator) or isinstance(order.remove, Iterator)

    def work() -> Version:
        try:
            return _attempt(database, order, token)
        except sa.exc.DBAPIError as error:
            done = _gone_through(database, order.dataset, token) if lost(error) else None
            if done is None:
                raise
            return done

    return database.repeated(work, again=not once)


def _attempt(database: Database, order: Order, token: str) -> Version:
    with database.writing() as connection, shared(database, connection) as own:
        work = _begun(connection, own, order)
        mode = order.mode
        with _uncollected():
            for batch in batches(order.records, BATCH):
                _put(work, batch, mode)
                gc.collect(0)
        _removed(work, order)
        if mode == "whole":
            _rest_removed(work)
        if work.unread:
            _warn(order.dataset, work.unread)
        if not (work.added or work.changed or work.removed):
            return _unchanged(work, order)
        if work.deferred:
            for index in schema.SEARCH:
                index.create(connection)
        version = _recorded(work, order, token)
        if 10 * (version.added + version.changed) >= max(version.n_records, _WORTH):
            _analysed(connection)
        return version


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the search for cycles after every few hundred objects, which takes a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Lists of `size` items, the last one shorter."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


# ---- beginning and end ----


def _begun(connection: Connection, own: Shared, order: Order) -> _Work:
    table = schema.datasets
    named = sa.select(table.c.id, table.c.head).where(table.c.name == order.dataset).with_for_update()
    row = connection.execute(named).one_or_none()
    if row is None:
        if order.mode == "update" or order.base:
            raise NotInStore(f'there is no dataset "{order.dataset}" in the store.')
        new = (order.dataset, "", "", "", "", now(), 0)
        insert_missing(connection, table, ("name", "title", "about", "licence", "citation", "created", "head"), [new])
        row = connection.execute(named).one()
    old = version_row(connection, row.id, order.dataset, row.head) if row.head else None
    if order.base is not None and order.base != row.head:
        raise VersionConflict(
            f'"{order.dataset}" is at version {row.head} now, not at {order.base}: somebody has written meanwhile. '
            f"Look at what changed (matloop data diff ... {order.base} {row.head}) and do yours again."
        )
    return _Work(connection, own, row.id, old, row.head + 1, int(old.fingerprint, 16) if old else 0)


def _recorded(work: _Work, order: Order, token: str) -> Version:
    before = work.old.n_records if work.old else 0
    version = Version(
        dataset=order.dataset, number=work.number, created=now(), author=order.author or user(),
        message=order.message, n_records=before + work.added - work.removed, added=work.added, changed=work.changed,
        removed=work.removed, fingerprint=f"{work.fingerprint:032x}",
    )  # fmt: skip
    row = {name: getattr(version, name) for name in version.__slots__ if name != "dataset"}
    work.connection.execute(sa.insert(schema.versions), {**row, "dataset_id": work.dataset_id, "token": token})
    head = sa.update(schema.datasets).where(schema.datasets.c.id == work.dataset_id).values(head=work.number)
    work.connection.execute(head)
    return version


def _unchanged(work: _Work, order: Order) -> Version:
    if work.old is None:
        raise DataError(f'"{order.dataset}": there are no records to store.')
    return work.old


def _gone_through(database: Database, dataset: str, token: str) -> Version | None:
    """The version of a commit whose answer was lost, None if it did not go through."""
    table = schema.versions

    def look() -> Version | None:
        with database.engine.connect() as connection:
            row = connection.execute(sa.select(table).where(table.c.token == token)).one_or_none()
            return None if row is None else version_row(connection, row.dataset_id, dataset, row.number)

    return database.repeated(look, again=True)


def _analysed(connection: Connection) -> None:
    """Let the database learn how its values are distributed, so that it chooses the right index."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA analysis_limit=1000")
    for table in ("records", "properties", "systems", "system_elements"):
        connection.exec_driver_sql(f"ANALYZE {table}")


# ---- records ----


def _put(work: _Work, batch: Sequence[Record], mode: Mode) -> None:
    ready, unread = prepared(batch)
    _note(work, unread)
    ready = _single(ready)
    there = _there(work, [one.record.key for one in ready])
    if mode == "update":
        _all_there([one.record.key for one in ready], there)
    fresh: list[tuple[Prepared, int | None]] = []
    ended: list[int] = []
    faults: list[str] = []
    same = _same(work, ready, there, exactly=mode == "update")
    for one in ready:
        old = there.get(one.record.key)
        if old is None:
            fresh.append((one, None))
            continue
        if one.record.key in same:
            if mode == "whole":
                work.kept.append(old.id)
            continue
        if old.since == work.number:
            faults.append(f"{one.record.key}: stands twice in what is to be stored, with different content")
        elif mode == "add":
            faults.append(f"{one.record.key}: is there already, with other content")
        else:
            fresh.append((one, old.slot))
            ended.append(old.id)
            work.fingerprint -= int.from_bytes(old.content, "little")
    if faults:
        raise DataError(
            all_faults(
                "nothing was stored. A key means one record; to correct those that are there, replace them "
                "(--mode replace):",
                faults,
            )
        )
    closed(work.connection, ended, work.number)
    work.added += len(fresh) - len(ended)
    work.changed += len(ended)
    _insert(work, fresh)


def _note(work: _Work, unread: dict[str, str]) -> None:
    room = 1000 - len(work.unread)
    work.unread.update(islice(unread.items(), max(room, 0)))


def _single(ready: Sequence[Prepared]) -> list[Prepared]:
    """Each key once; equal twins are one."""
    found: dict[str, Prepared] = {}
    faults = []
    for one in ready:
        twin = found.setdefault(one.record.key, one)
        if twin.content != one.content:
            faults.append(f"{one.record.key}: stands twice in what is to be stored, with different content")
    if faults:
        raise DataError(all_faults("nothing was stored. A key means one record:", faults))
    return list(found.values())


def _there(work: _Work, keys: Sequence[str]) -> dict[str, Any]:
    if work.old is None and not work.added:
        return {}
    t = schema.records.c
    columns, where = (
        (t.key, t.id, t.slot, t.since, t.content),
        (t.dataset_id == work.dataset_id, t.until == schema.FOREVER),
    )
    found = one_by_one(work.connection, columns, t.key, keys, *where)
    return {row.key: row for row in work.connection.execute(found)}


def _same(work: _Work, ready: Sequence[Prepared], there: dict[str, Any], *, exactly: bool) -> set[str]:
    """Keys of records that need not be written: equal content, and if `exactly` also equal origins."""
    found = {one.record.key: one.record for one in ready
             if one.record.key in there and there[one.record.key].content == one.content}  # fmt: skip
    if not exactly:
        return set(found)
    stored = by_ids(work.connection, [there[key].id for key in found])
    return {record.key for _, record in stored if record == found[record.key]}


def _all_there(keys: Sequence[str], there: dict[str, Any]) -> None:
    missing = [key for key in keys if key not in there]
    if missing:
        raise NotInStore(f"nothing was changed: {len(missing)} keys are not in the dataset:\n{listed(missing)}")


def _insert(work: _Work, fresh: Sequence[tuple[Prepared, int | None]]) -> None:
    if not fresh:
        return
    _defer(work)
    connection, own = work.connection, work.shared
    own.keep([one for one, _ in fresh])
    ids = next_ids(connection, len(fresh))
    records, properties = [], []
    for (one, slot), number in zip(fresh, ids, strict=True):
        record, names, origin = one.record, one.names, one.record.origin
        work.fingerprint += int.from_bytes(one.content, "little")
        records.append((
            number, work.dataset_id, number if slot is None else slot, record.key, work.number, schema.FOREVER,
            record.formula, names.reduced or None, names.anonymous or None, names.system or None, len(names.elements),
            None if record.structure is None else len(record.structure.coordinates),
            one.structure and one.structure[0], own.origin(origin), origin.id, origin.place, one.metadata, one.content,
        ))  # fmt: skip
        for place, (item, row) in enumerate(zip(record.properties, one.properties, strict=True)):
            where = item.origin
            own_origin = (None, None, None) if where is None else (own.origin(where), where.id, where.place)
            properties.append((number, place, own.quantity(item), *row, *own_origin))
    work.fingerprint %= _MODULUS
    insert_all(connection, schema.records, records)
    insert_all(connection, schema.properties, properties)


def _defer(work: _Work) -> None:
    """Before a large load into a file: indices that only searches need are made again at its end."""
    if work.deferred or work.connection.dialect.name != "sqlite":
        return
    done = work.added + work.changed
    if done >= _MANY and 4 * done >= stored_rows(work.connection):
        deferred(work.connection)
        work.deferred = True


def _removed(work: _Work, order: Order) -> None:
    for keys in batches(order.remove, BATCH):
        there = _there(work, keys)
        _all_there(keys, there)
        _end(work, list(there.values()))


def _rest_removed(work: _Work) -> None:
    """Take out what was there before and was not given again."""
    if work.old is None:
        return
    import numpy as np

    kept = np.sort(np.frombuffer(work.kept, dtype=np.int64)) if len(work.kept) else np.empty(0, dtype=np.int64)
    t = schema.records.c
    last = -1
    page = sa.select(t.id, t.slot, t.content).where(
        t.dataset_id == work.dataset_id, t.until == schema.FOREVER, t.since < work.number,
    ).order_by(t.slot).limit(BATCH)  # fmt: skip
    while rows := work.connection.execute(page.where(t.slot > last)).all():
        last = rows[-1].slot
        _end(work, [row for row in rows if not _holds(kept, row.id)])


def _holds(ascending: Any, number: int) -> bool:
    place = int(ascending.searchsorted(number))
    return place < len(ascending) and int(ascending[place]) == number


def _end(work: _Work, rows: Sequence[Any]) -> None:
    closed(work.connection, [row.id for row in rows], work.number)
    for row in rows:
        work.fingerprint -= int.from_bytes(row.content, "little")
    work.fingerprint %= _MODULUS
    work.removed += len(rows)


# ---- words ----


def _warn(dataset: str, unread: dict[str, str]) -> None:
    shown = "; ".join(f"{key}: {why}" for key, why in islice(unread.items(), 3))
    logger.warning(
        '"%s": %d records have a formula that cannot be read; they are kept and not found by composition (%s)',
        dataset, len(unread), shown,
    )  # fmt: skip


def now() -> str:
    """The time in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def user() -> str:
    """Who is logged in, "" where nobody can tell."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""
