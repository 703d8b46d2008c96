"""Questions to the database that end in time, whoever asks them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from matloop.core.errors import RunError
from matloop.core.optional import require
from matloop.data.store.connect import Database

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy import Connection
else:
    sa = require("sqlalchemy", extra="store")

_UNTIL: ContextVar[float | None] = ContextVar("matloop_until", default=None)
_STEPS = 20_000
"""Steps of SQLite between two looks at the clock: about a millisecond."""


class TooLong(RunError):
    """The database needed longer than it may."""


def limited(database: Database) -> None:
    """Let questions to this database end when the time of `within` is over. Writing is never broken off."""
    sa.event.listen(database.engine, "begin", _begun)
    if database.is_sqlite:
        sa.event.listen(database.engine, "reset", _freed)


def _begun(connection: Connection) -> None:
    until = _UNTIL.get()
    if until is None or connection.get_execution_options().get("matloop_write", False):
        return
    if connection.dialect.name == "sqlite":
        raw: Any = connection.connection.dbapi_connection
        raw.set_progress_handler(lambda: int(time.monotonic() > until), _STEPS)
        return
    left = max(1, int(1000 * (until - time.monotonic())))
    connection.exec_driver_sql(f"SET LOCAL statement_timeout = {left}")


def _freed(raw: Any, record: object, state: object) -> None:
    del record, state
    raw.set_progress_handler(None, _STEPS)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """What is asked inside of this ends after `seconds` in all.

    Raises
    ------
    TooLong : it did not end by itself.
    """
    until, before = time.monotonic() + seconds, _UNTIL.get()
    token = _UNTIL.set(until if before is None else min(until, before))
    try:
        yield
    except Exception as error:
        if _broken_off(error):
            raise TooLong(f"the database needed longer than {seconds:g} s. Ask for less.") from error
        raise
    finally:
        _UNTIL.reset(token)


def _broken_off(error: BaseException | None) -> bool:
    while error is not None and not isinstance(error, sa.exc.DBAPIError):
        error = error.__cause__
    if error is None:
        return False
    return str(error.orig) == "interrupted" or getattr(error.orig, "sqlstate", None) == "57014"
