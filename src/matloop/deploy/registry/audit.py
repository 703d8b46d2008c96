"""The log of deeds: who did what and when, in a chain of hashes, so that what is changed or taken out is noticed.

The database refuses to change or remove deeds (`matloop.data.store.guards`). Somebody who owns it can switch that off;
then the chain does not close any more, or the last deeds are missing while their effects are there. To notice even one
who rewrites all of it, keep the last hash somewhere else: `matloop models history --json` prints it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from matloop.core.optional import require
from matloop.data.store import schema
from matloop.data.store.registered import deeds, model_versions, models
from matloop.deploy.registry.contract import Deed

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy import Connection
else:
    sa = require("sqlalchemy", extra=schema.EXTRA)

_HASHED = ("number", "time", "who", "login", "what", "name", "version", "why", "token", "before")


def alone(connection: Connection) -> None:
    """Wait until nobody else changes the registry, and keep others waiting until this transaction ends. A file of
    SQLite has one writer anyway."""
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (schema.APPLICATION + 1,))


def login(connection: Connection) -> str:
    """The user that the database knows, "" for a file."""
    if connection.dialect.name == "sqlite":
        return ""
    return str(connection.exec_driver_sql("SELECT session_user").scalar_one())


def written(
    connection: Connection, *, who: str, what: str, name: str, version: int = 0, why: str = "", token: str
) -> str:  # fmt: skip
    """Add a deed to the log, behind the last one, and return its time; the caller is `alone`."""
    last = connection.execute(sa.select(deeds.c.number, deeds.c.hash).order_by(deeds.c.number.desc()).limit(1)).first()
    row: dict[str, Any] = {
        "number": 1 if last is None else last.number + 1, "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "who": who, "login": login(connection), "what": what, "name": name, "version": version, "why": why,
        "token": token, "before": "" if last is None else last.hash,
    }  # fmt: skip
    connection.execute(sa.insert(deeds), {**row, "hash": digest(row)})
    return str(row["time"])


def digest(row: Any) -> str:
    """The hash of a deed, of the one before too."""
    values = [row[name] if isinstance(row, dict) else getattr(row, name) for name in _HASHED]
    return hashlib.sha256(json.dumps(values, ensure_ascii=False).encode("utf-8", "surrogatepass")).hexdigest()


def done(connection: Connection, token: str) -> bool:
    """Whether the deed of this token is in the log: a commit whose answer was lost."""
    return connection.execute(sa.select(deeds.c.number).where(deeds.c.token == token)).first() is not None


def told(connection: Connection, name: str = "") -> tuple[Deed, ...]:
    """All deeds, or those of one name, the first one first."""
    found = sa.select(deeds).order_by(deeds.c.number)
    if name:
        found = found.where(deeds.c.name == name)
    return tuple(_deed(row) for row in connection.execute(found))


def _deed(row: Any) -> Deed:
    return Deed(row.time, row.who, row.what, row.name, row.version, row.why, row.login, row.number, row.hash)


def reigns(known: Sequence[Deed]) -> list[int]:
    """Numbers of the champions of one name that one could go back to, the present one last.

    A promotion puts one on top, a roll back takes the top away; what was retired by hand is no champion to go back to.
    """
    stack: list[int] = []
    retired: set[int] = set()
    for deed in known:
        if deed.what == "promote":
            stack.append(deed.number)
            retired.discard(deed.number)
        elif deed.what == "rollback":
            while stack and stack[-1] != deed.number:
                stack.pop()
        elif deed.what == "retire":
            retired.add(deed.number)
    top = stack[-1:]
    return [number for number in stack[:-1] if number not in retired and number not in top] + top


def faults(connection: Connection) -> Iterator[str]:
    """What does not fit in the log of deeds, a line each: the chain, and the stages that follow from it."""
    before, expected = "", 1
    champions: dict[str, int] = {}
    added: set[tuple[str, int]] = set()
    for row in connection.execute(sa.select(deeds).order_by(deeds.c.number)):
        if row.number != expected:
            yield f"deed {expected}: is missing (the next one is {row.number})"
        elif row.before != before:
            yield f"deed {row.number}: does not follow the one before; one of them was exchanged"
        if digest(row) != row.hash:
            yield f"deed {row.number} ({row.time}, {row.what} {row.name}): was changed"
        before, expected = row.hash, row.number + 1
        if row.what == "add":
            added.add((row.name, row.version))
        elif row.what in ("promote", "rollback"):
            champions[row.name] = row.version
    columns = (models.c.name, model_versions.c.number, model_versions.c.stage)
    joined = model_versions.join(models, models.c.id == model_versions.c.model_id)
    for name, number, stage in connection.execute(sa.select(*columns).select_from(joined).order_by(*columns[:2])):
        if (name, number) not in added:
            yield f"{name}@{number}: no deed says who added it; deeds are missing"
        added.discard((name, number))
        if (stage == "champion") != (champions.get(name) == number):
            yield f"{name}@{number}: is {stage}, which no deed explains; deeds are missing or the stage was changed"
    for name, number in sorted(added):
        yield f"{name}@{number}: was added and is not there any more"
