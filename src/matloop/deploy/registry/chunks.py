"""Files as chunks of bytes in the database, and back: every hash is checked on the way in and on the way out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from matloop.core.errors import BundleError, RunError
from matloop.core.files import said
from matloop.core.optional import require
from matloop.data.store import schema
from matloop.data.store.bulk import insert_missing
from matloop.data.store.connect import Database
from matloop.data.store.registered import chunks as table
from matloop.data.store.search import among

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy import Connection
else:
    sa = require("sqlalchemy", extra=schema.EXTRA)

SIZE = 2**20
"""Bytes of a chunk."""
_AT_ONCE = 16
"""Chunks in one transaction: what is held in memory, and how long other writers of a file wait."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A file as the registry knows it. kind : "bundle" or "run". chunks : names of its chunks, in their order."""

    kind: str
    name: str
    bytes: int
    sha256: str
    chunks: tuple[str, ...]


def described(kind: str, path: Path, name: str = "") -> Kept:
    """What a file is called by its content.

    Raises
    ------
    RunError : it cannot be read.
    """
    whole, parts, size = hashlib.sha256(), [], 0
    for part in _parts(path):
        whole.update(part)
        parts.append(hashlib.sha256(part).hexdigest())
        size += len(part)
    return Kept(kind, name or path.name, size, whole.hexdigest(), tuple(parts))


def sent(database: Database, path: Path, file: Kept) -> None:
    """Store the chunks of a file that are not there yet. What is left of an upload that was cut off is used again.

    Raises
    ------
    BundleError : the file has changed since it was described. RunError : see `Database.repeated`.
    """
    missing = _missing(database, file.chunks)
    batch: list[tuple[str, bytes]] = []
    for name, part in zip(file.chunks, _parts(path), strict=False):
        if name not in missing:
            continue
        if hashlib.sha256(part).hexdigest() != name:
            raise BundleError(f"{path}: was changed while it was read. Wait until nobody writes there, and repeat.")
        missing.discard(name)
        batch.append((name, part))
        if len(batch) == _AT_ONCE:
            _store(database, batch)
            batch = []
    _store(database, batch)


def fetched(database: Database, file: Kept, path: Path) -> None:
    """Write a file anew from its chunks.

    Raises
    ------
    BundleError : a chunk is missing or is not what it was; nothing of the file is to be used. RunError : the disk is
        full; the database cannot be reached.
    """
    whole = hashlib.sha256()
    try:
        with path.open("xb") as stream:
            for part in read(database, file):
                whole.update(part)
                stream.write(part)
    except OSError as error:
        raise RunError(said(path, error)) from error
    if whole.hexdigest() != file.sha256:
        raise BundleError(_damaged(database, file, "the parts do not make up the file"))


def read(database: Database, file: Kept) -> Iterator[bytes]:
    """The chunks of a file, each checked.

    Raises
    ------
    BundleError : one is missing or is not what it was.
    """
    for start in range(0, len(file.chunks), _AT_ONCE):
        names = file.chunks[start : start + _AT_ONCE]
        found = _found(database, names)
        for name in names:
            part = found.get(name)
            if part is None:
                raise BundleError(_damaged(database, file, "a part is missing"))
            if hashlib.sha256(part).hexdigest() != name:
                raise BundleError(_damaged(database, file, "a part was changed"))
            yield part


def _damaged(database: Database, file: Kept, why: str) -> str:
    return (
        f"{database.place}: {file.name} is not what was once stored ({why}). It is damaged or was changed: restore the "
        "store from a copy, or add the bundle to a new store."
    )


def _parts(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as stream:
            while part := stream.read(SIZE):
                yield part
    except OSError as error:
        raise RunError(said(path, error)) from error


def _missing(database: Database, names: Sequence[str]) -> set[str]:
    def look() -> set[str]:
        with database.engine.connect() as connection:
            there = connection.execute(sa.select(table.c.sha256).where(among(connection, table.c.sha256, list(names))))
            return set(names) - set(there.scalars())

    return database.repeated(look, again=True)


def _store(database: Database, batch: Sequence[tuple[str, bytes]]) -> None:
    if not batch:
        return

    def work() -> None:
        with database.writing() as connection:
            # in one order, so that two who send the same do not wait for each other in a ring
            insert_missing(connection, table, ("sha256", "data"), sorted(batch))

    database.repeated(work, again=True)


def _found(database: Database, names: Sequence[str]) -> dict[str, bytes]:
    def look() -> dict[str, bytes]:
        with database.engine.connect() as connection:
            return _rows(connection, names)

    return database.repeated(look, again=True)


def _rows(connection: Connection, names: Sequence[str]) -> dict[str, bytes]:
    rows = connection.execute(sa.select(table).where(among(connection, table.c.sha256, list(names))))
    return {row.sha256: bytes(row.data) for row in rows}
