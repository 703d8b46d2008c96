"""Opening a store: a file of SQLite or a server of PostgreSQL, and what their errors mean for the user."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from matloop.core.errors import ConfigError, DataError, MatloopError, RunError
from matloop.core.optional import require
from matloop.data.store import registered, schema
from matloop.data.store.guards import guarded

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy import Connection, Engine
else:
    sa = require("sqlalchemy", extra=schema.EXTRA)

logger = logging.getLogger(__name__)
T = TypeVar("T")
PATIENCE = 30.0
"""Seconds to wait for another writer, or for a database that is being restarted."""
_CACHE = 64 * 1024
"""KiB of the file that SQLite keeps in memory."""
_AGAIN = ("40001", "40P01")  # serialisation failure, deadlock
_GONE = ("57P01", "57P02", "57P03", "08000", "08001", "08003", "08006")


@dataclass(frozen=True, slots=True)
class Database:
    """An open store: `place` is how to name it in messages (without a password)."""

    engine: Engine
    place: str
    patience: float = PATIENCE

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one state of the store.

        Raises
        ------
        MatloopError : what the database complains of, in the words of `told`.
        """
        try:
            with self.engine.connect() as connection:
                yield connection
        except sa.exc.DBAPIError as error:
            raise told(error, self.place, self.patience) from error

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that may write: whole at the end, or nothing of it. On SQLite it holds the store's lock."""
        with self.engine.connect().execution_options(matloop_write=True) as connection, connection.begin():
            if not self.is_sqlite:  # nothing is known yet of the rows being written: always by an index
                connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
                connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_custom_plan")
            yield connection

    def repeated(self, work: Callable[[], T], *, again: bool) -> T:
        """What `work` returns; done again while the database is gone or asks for it, if `again` and not too late.

        Raises
        ------
        MatloopError : see `told`.
        """
        until = time.monotonic() + self.patience
        pause = 0.05
        while True:
            try:
                return work()
            except sa.exc.DBAPIError as error:
                if not (again and _passes(error) and time.monotonic() + pause < until):
                    raise told(error, self.place, self.patience) from error
                logger.warning("%s: %s; trying again", self.place, _short(error))
            time.sleep(pause)
            pause = min(2 * pause, 2.0)


def connect(place: str | Path, *, create: bool = True, current: bool = True, patience: float = PATIENCE) -> Database:
    """The store at a path (SQLite) or URL (`postgresql://user@host/database`, `sqlite:///path`).

    Parameters
    ----------
    create : make one where there is none. current : refuse one that another release made.

    Raises
    ------
    ConfigError : no such kind of database, or it cannot be reached with this user and password.
    DataError : there is none and `create` is False; the file is something else; another release made it.
    RunError : the folder cannot be written, the disk is full.
    """
    url = _url(place)
    shown = url.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)
    database = Database(_engine(url, patience), shown, patience)
    if database.is_sqlite:
        database = Database(database.engine, _sqlite_path(url, create), patience)
    try:
        if not _is_ours(database):
            if not create:
                raise DataError(f"{database.place}: holds no store yet. Put something into it: matloop data add --help")
            database.repeated(lambda: _made(database), again=True)
        if current:
            _checked(database)
    except sa.exc.DBAPIError as error:
        database.engine.dispose()
        raise told(error, database.place, patience) from error
    except MatloopError:
        database.engine.dispose()
        raise
    return database


def _url(place: str | Path) -> sa.URL:
    text = str(place)
    if "://" not in text:
        return sa.URL.create("sqlite+pysqlite", database=str(Path(text).expanduser()))
    try:
        url = sa.make_url(text)
    except sa.exc.ArgumentError as error:
        raise ConfigError("the URL of the store cannot be read. Write postgresql://user@host:5432/database") from error
    kind = url.drivername.partition("+")[0]
    if kind in ("postgresql", "postgres"):
        require("psycopg", extra=schema.EXTRA)
        return url.set(drivername="postgresql+psycopg")
    if kind == "sqlite" and url.database:
        return url.set(drivername="sqlite+pysqlite", query={})
    raise ConfigError(
        f'a store cannot be kept in "{url.drivername}". Name a file (materials.db), or PostgreSQL: '
        "postgresql://user@host:5432/database"
    )


def _sqlite_path(url: sa.URL, create: bool) -> str:
    path = Path(str(url.database))
    if path.is_dir():
        raise DataError(f"{path}: is a folder. Name the file of the store, such as {path / 'store.db'}")
    if not create and not path.exists():
        raise DataError(f"{path}: there is no such store. Put something into it: matloop data add --help")
    if not path.parent.is_dir():
        raise DataError(f"{path}: the folder {path.parent} does not exist. Make it first.")
    return str(path)


def _engine(url: sa.URL, patience: float) -> Engine:
    if url.drivername.startswith("sqlite"):
        engine = sa.create_engine(url, connect_args={"timeout": patience, "check_same_thread": False})
        sa.event.listen(engine, "connect", _prepared)
        sa.event.listen(engine, "begin", _begun)
        return engine
    options = f"-c search_path=matloop -c lock_timeout={int(patience * 1000)} -c client_min_messages=warning"
    arguments = {"options": options, "connect_timeout": max(2, int(patience)), "application_name": "matloop"}
    return sa.create_engine(url, connect_args=arguments, pool_pre_ping=True)


def _prepared(connection: Any, record: object) -> None:
    """SQLite: transactions are begun by us; a log beside the file lets readers go on while one writes."""
    del record
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("synchronous=FULL", f"cache_size=-{_CACHE}", "foreign_keys=ON", "temp_store=FILE"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begun(connection: Connection) -> None:
    write = connection.get_execution_options().get("matloop_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


# ---- whose database it is ----


def _is_ours(database: Database) -> bool:
    """Whether the tables are there.

    Raises
    ------
    DataError : a file of SQLite that belongs to another program.
    """
    with database.engine.connect() as connection:
        if not database.is_sqlite:
            return sa.inspect(connection).has_table("about", schema="matloop")
        number = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
        tables = connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one()
    if number != schema.APPLICATION and tables:
        raise DataError(
            f"{database.place}: is a database of another program. Name another file for the store; to read tables from "
            "this one, give its URL and a query as the source."
        )
    return bool(tables)


def _made(database: Database) -> None:
    """The empty tables; of two who make them at once, one does."""
    if database.is_sqlite:
        with database.engine.connect() as connection:  # not within a transaction
            connection.connection.cursor().execute("PRAGMA journal_mode=WAL")
    with database.writing() as connection:
        if database.is_sqlite:
            connection.exec_driver_sql(f"PRAGMA application_id={schema.APPLICATION}")
        else:
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (schema.APPLICATION,))
            connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS matloop")
        new = not sa.inspect(connection).has_table(registered.deeds.name)
        schema.metadata.create_all(connection, checkfirst=True)
        if new:
            guarded(connection)
        if connection.execute(sa.select(sa.func.count()).select_from(schema.about)).scalar_one() == 0:
            facts = {"schema": str(schema.SCHEMA), "matloop": version("matloop")}
            connection.execute(sa.insert(schema.about), [{"name": n, "value": v} for n, v in facts.items()])


def layout(database: Database) -> tuple[int, str]:
    """Number of the layout of a store, and the release of matloop that made it."""
    with database.engine.connect() as connection:
        rows = connection.execute(sa.select(schema.about.c.name, schema.about.c.value))
        facts = {row.name: row.value for row in rows}
    return int(facts.get("schema", "0")), facts.get("matloop", "unknown")


def _checked(database: Database) -> None:
    number, release = layout(database)
    if number > schema.SCHEMA:
        raise DataError(
            f"{database.place}: was made by matloop {release} (layout {number}); this release, {version('matloop')}, "
            f"knows layouts up to {schema.SCHEMA}. Install a newer one: pip install -U matloop"
        )
    if number < schema.SCHEMA:
        raise DataError(
            f"{database.place}: was made by matloop {release} (layout {number}, now {schema.SCHEMA}). Bring it up to "
            f"date, which keeps all versions: matloop data upgrade {database.place}"
        )


# ---- errors ----


def _state(error: sa.exc.DBAPIError) -> str:
    return str(getattr(error.orig, "sqlstate", None) or "")


def _short(error: sa.exc.DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__


def lost(error: sa.exc.DBAPIError) -> bool:
    """Whether the database went away, so that nobody knows how far it got."""
    return bool(error.connection_invalidated) or _state(error) in _GONE or _unreachable(error)


_AWAY = (
    "server closed the connection", "connection is lost", "the connection is closed", "terminating connection",
    "Connection refused", "Connection reset", "Connection timed out", "starting up", "shutting down",
    "accepting connections", "in recovery mode", "No such file or directory\n\tIs the server",
)  # fmt: skip
"""What PostgreSQL and its driver say of a server that is away, or on its way down or up (such errors may come without
a state)."""


def _unreachable(error: sa.exc.DBAPIError) -> bool:
    return any(words in str(error.orig) for words in _AWAY)


def _passes(error: sa.exc.DBAPIError) -> bool:
    return lost(error) or _state(error) in _AGAIN


def told(error: sa.exc.DBAPIError, place: str, patience: float) -> MatloopError:
    """What an error of the database means for the user."""
    text, state = str(error.orig), _state(error)
    if "database or disk is full" in text or state in ("53100", "53200"):
        return RunError(
            f"{place}: the disk is full. Nothing of this change was written; free some space and repeat it."
        )
    if "database is locked" in text or state == "55P03":
        return RunError(
            f"{place}: another process has been writing for {patience:g} s. Nothing was written; wait and repeat."
        )
    if state in _AGAIN:
        return RunError(f"{place}: another writer was in the way ({_short(error)}). Nothing was written; repeat it.")
    if state in ("42501", "42P01"):  # tables that one may not look at are not found
        return RunError(
            f"{place}: your user may not do that ({_short(error)}). Ask an admin of the store for a role: matloop data "
            "grant STORE USER --role read|run|admin"
        )
    if "readonly" in text or "unable to open" in text:
        return RunError(f"{place}: cannot be written or opened ({_short(error)}). Check the permissions of it.")
    if "not a database" in text or "malformed" in text:
        return DataError(f"{place}: is no store, or damaged ({_short(error)}). Name another file, or restore a copy.")
    if lost(error):
        return RunError(
            f"{place}: the database cannot be reached ({_short(error)}). Nothing of this change was written; repeat it "
            "when the database is up again."
        )
    if state.startswith(("28", "3D")) or "FATAL" in text or "no password supplied" in text:
        return ConfigError(
            f"{place}: the database refuses ({_short(error)}). Check user and database (createdb makes one); a "
            "password is best kept in the file ~/.pgpass or in PGPASSWORD."
        )
    if isinstance(error, sa.exc.OperationalError) and not state:
        return RunError(f"{place}: {_short(error)}. Nothing of this change was written.")
    return DataError(f"{place}: the database refuses ({_short(error)}).")
