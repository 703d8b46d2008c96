"""Any SQL database as a source: `source = "sql:postgresql://reader@host/lab#SELECT formula, gap FROM samples"`.

The database is opened so that it cannot be written to, and one SELECT is read in batches. A password never stands in
the source: it is taken from the environment (`${MATLOOP_SQL_PASSWORD}`), or from where the driver looks for it
(~/.pgpass).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from numpy.typing import NDArray

from matloop.core.errors import ConfigError, DataError, MatloopError, MissingExtra, RunError
from matloop.core.optional import require
from matloop.data.cells import joined, typed
from matloop.data.opened import MOST_CELLS
from matloop.data.sql_statement import found, is_ordered, place, pointed, statement
from matloop.data.table import RawTable, checked_rows, named, provenance

if TYPE_CHECKING:
    import sqlalchemy as sa

ROWS = 10_000
"""Rows that come from the database at once."""
VARIABLES = "MATLOOP_SQL_"
"""What the names of variables begin with that may stand in a URL: a problem file that somebody else wrote must not be
able to send other secrets of this machine to its own server."""
_EXTRA = "store"
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_PLAIN = (bool, int, float, str, Decimal, date, datetime)
_DECLARE = "DECLARE matloop_rows NO SCROLL CURSOR FOR "
_DRIVERS = {
    "postgresql": "psycopg", "postgres": "psycopg", "mysql": "pymysql", "mariadb": "pymysql", "mssql": "pyodbc",
    "oracle": "oracledb",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of which database: `shown` names it in messages, files and pages, and holds no secret."""

    url: str
    query: str
    shown: str
    base: Path


def read_sql(text: str, base: Path) -> RawTable:
    """The rows that a query gives: "URL#SELECT ...", "URL#TABLE" or "URL#FILE.sql" (in the folder of the problem file).

    Numbers (decimals too), dates, truth values and NULL stay what they are; JSON and lists become JSON text; binary
    columns are left out, with a note.

    Raises
    ------
    ConfigError : no query, one that would change something, a password in the URL, a variable that is not set, no such
        kind of database. MissingExtra : its driver is not installed. DataError : no such file, table or column, a
        mistake in the query (with its place), no rows. RunError : the database cannot be reached.
    """
    asked = parsed(text, base)
    with rows_of(asked) as (header, batches):
        names, notes = named(header, asked.shown)
        columns, more = _gathered(names, batches, asked.shown)
    checked_rows(len(next(iter(columns.values()), ())), asked.shown, names)
    if not is_ordered(asked.query):
        more = (*more, "the query has no ORDER BY: the database may give the rows in another order the next time")
    known = provenance(asked.shown, content_hash(columns), columns, query=asked.query)
    return RawTable(columns, known, notes=(*notes, *more), folder=str(base))


def columns_of(asked: Asked) -> tuple[str, ...]:
    """The names of the columns that a query gives."""
    with rows_of(asked) as (header, _):
        return named(header, asked.shown)[0]


def pieces(asked: Asked, columns: Sequence[str], size: int) -> Iterator[dict[str, list[Any]]]:
    """Some columns, `size` rows at a time, so that the table never stands in memory; binary values are None.

    Raises
    ------
    MatloopError : see `read_sql`.
    """
    with rows_of(asked) as (header, batches):
        names = named(header, asked.shown)[0]
        places = [names.index(column) for column in columns]
        held: list[Sequence[Any]] = []
        for rows in batches:
            held.extend(rows)
            while len(held) >= size:
                yield _piece(columns, places, held[:size])
                del held[:size]
        if held:
            yield _piece(columns, places, held)


def _piece(columns: Sequence[str], places: Sequence[int], rows: Sequence[Sequence[Any]]) -> dict[str, list[Any]]:
    made = {column: [_cell(row[k]) for row in rows] for column, k in zip(columns, places, strict=True)}
    return {column: [None if cell is _BINARY else cell for cell in cells] for column, cells in made.items()}


def parsed(text: str, base: Path) -> Asked:
    """What a source asks; see `read_sql`.

    Raises
    ------
    ConfigError : the URL cannot be read, or holds a password; no query, or one that does not only read.
    """
    _refuse_password(text.strip())
    url, _, query = text.partition("#")
    url, query = url.strip(), query.strip()
    shown = f"sql:{url}"
    if query.endswith(".sql") and "\n" not in query:
        query = _from_file(base / Path(query).expanduser(), shown)
    return Asked(url, statement(query, shown), shown, base)


def moved(text: str, to: Path) -> str:
    """The source (without "sql:") as seen from another folder: relative paths of database and query are rewritten."""
    url, mark, query = text.partition("#")
    kind, slashes, rest = url.partition("://")
    if kind.partition("+")[0] in ("sqlite", "duckdb") and rest.startswith("/") and not rest.startswith("//"):
        url = f"{kind}{slashes}/{_relative(rest[1:], to)}"
    if query.strip().endswith(".sql") and "\n" not in query.strip():
        query = _relative(query.strip(), to)
    return f"{url}{mark}{query}"


def _relative(path: str, to: Path) -> str:
    if not path or Path(path).expanduser().is_absolute():
        return path
    try:
        return Path(os.path.relpath(path, to)).as_posix()
    except ValueError:  # another drive
        return Path(path).absolute().as_posix()


def _refuse_password(text: str) -> None:
    """Refuse one that stands in the URL, whatever signs are in it; nothing of it is repeated."""
    user = re.match(r"[^:]*://[^:/@?\s]*:(?!\$\{[^}]*\}@)(\S*)@", text)
    given = re.search(r"[?&](?:password|passwd|pwd|sslpassword)=([^&#\s]*)", text.partition(" ")[0], re.I)
    for secret in (user[1] if user else "", given[1] if given else ""):
        if secret and not _VARIABLE.fullmatch(secret):
            raise ConfigError(
                "the URL of the database holds a password, which would end up in problem files and reports. Write "
                f"${{{VARIABLES}PASSWORD}} in its place and set that variable, or keep the password in ~/.pgpass."
            )


def _from_file(path: Path, shown: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"{shown}: the query in {path} cannot be read ({why}).") from error


def _filled(url: str) -> str:
    """The URL with its variables; they never leave this file."""

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if not name.startswith(VARIABLES):
            raise ConfigError(
                f"${{{name}}} in the URL of the database: only variables whose names begin with {VARIABLES} are put "
                f"in, such as ${{{VARIABLES}PASSWORD}}."
            )
        if name not in os.environ:
            raise ConfigError(f"the URL of the database needs the variable {name}, which is not set: export {name}=...")
        return quote(os.environ[name], safe="")

    return _VARIABLE.sub(value, url)


# ---- rows ----


@contextmanager
def rows_of(asked: Asked) -> Iterator[tuple[list[str], Iterator[Sequence[Sequence[Any]]]]]:
    """Names of columns, and the rows some thousands at a time, from a connection that can only read.

    Raises
    ------
    MatloopError : see `read_sql`.
    """
    if asked.url.partition(":")[0] == "duckdb":
        with _duckdb_rows(asked) as found_rows:
            yield found_rows
        return
    sql = require("sqlalchemy", extra=_EXTRA)
    engine = _engine(asked)
    try:
        with engine.connect() as connection:
            connection = connection.execution_options(no_parameters=True)  # "%" is a sign like any other
            if engine.dialect.name == "postgresql":
                yield _by_cursor(connection.execution_options(postgresql_readonly=True), asked.query)
            else:
                _begin(connection, engine)
                result = connection.execution_options(stream_results=True).exec_driver_sql(asked.query)
                yield list(result.keys()), iter(lambda: result.fetchmany(ROWS), [])
    except sql.exc.DBAPIError as error:
        raise _told(error, asked) from None  # the error behind it may hold the password
    except sql.exc.SQLAlchemyError as error:
        raise DataError(f"{asked.shown}: {_first_line(str(error))}") from None
    finally:
        engine.dispose()


def _engine(asked: Asked) -> sa.Engine:
    sql = require("sqlalchemy", extra=_EXTRA)
    try:
        url = sql.make_url(_filled(asked.url))
    except (sql.exc.ArgumentError, ValueError):
        raise ConfigError(
            f"{asked.shown[:200]}: the URL of the database cannot be read. Write sql:postgresql://user@host/database#"
            "SELECT ... or sql:sqlite:///file.db#SELECT ..."
        ) from None
    kind, _, driver = url.drivername.partition("+")
    if kind == "sqlite":
        return sql.create_engine(
            "sqlite+pysqlite://", creator=_sqlite(url.database, asked), poolclass=sql.pool.NullPool
        )
    if not driver and kind in _DRIVERS:
        url = url.set(drivername=f"{'postgresql' if kind == 'postgres' else kind}+{_DRIVERS[kind]}")
    options: dict[str, Any] = {}
    if kind in ("postgresql", "postgres"):
        options["connect_args"] = {"connect_timeout": 15, "application_name": "matloop"}
    try:
        return sql.create_engine(url, poolclass=sql.pool.NullPool, **options)
    except sql.exc.NoSuchModuleError:
        raise ConfigError(
            f'{asked.shown}: "{url.drivername}" is no kind of database that SQLAlchemy knows here. Known without more: '
            "sqlite, postgresql, mysql, mariadb, mssql, oracle, duckdb; others bring a package of their own "
            "(sqlalchemy-...)."
        ) from None
    except ModuleNotFoundError as error:
        extra = "pip install 'matloop[store]'" if error.name == "psycopg" else f"pip install {error.name}"
        raise MissingExtra(f"{asked.shown}: the driver {error.name!r} is not installed. Install it: {extra}") from None


def _sqlite(database: str | None, asked: Asked) -> Any:
    path = _file(database, asked)

    def opened() -> sqlite3.Connection:
        return sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, check_same_thread=False, timeout=30)

    return opened


def _file(database: str | None, asked: Asked) -> Path:
    if not database or database == ":memory:":
        raise ConfigError(f"{asked.shown}: no file is named. Write sql:sqlite:///file.db#SELECT ...")
    path = asked.base / Path(database).expanduser()
    if not path.is_file():
        beside = sorted(p.name for p in path.parent.glob("*.db")) if path.parent.is_dir() else []
        hint = f" There are {', '.join(beside[:5])}." if beside else ""
        raise DataError(f"{asked.shown}: there is no file {path}.{hint} An absolute path has four slashes: sqlite:////")
    return path


def _by_cursor(connection: sa.Connection, query: str) -> tuple[list[str], Iterator[Sequence[Sequence[Any]]]]:
    """By a cursor of the server, in a transaction that is read-only: rows are held there and not here."""
    connection.exec_driver_sql(_DECLARE + query)
    first = connection.exec_driver_sql(f"FETCH {ROWS} FROM matloop_rows")
    header = list(first.keys())

    def batches() -> Iterator[Sequence[Sequence[Any]]]:
        rows = first.fetchall()
        while rows:
            yield rows
            rows = connection.exec_driver_sql(f"FETCH {ROWS} FROM matloop_rows").fetchall()

    return header, batches()


def _begin(connection: sa.Connection, engine: sa.Engine) -> None:
    """What makes the connection read-only where opening it did not."""
    if engine.dialect.name in ("mysql", "mariadb"):
        connection.exec_driver_sql("SET SESSION TRANSACTION READ ONLY")
        connection.commit()
    elif engine.dialect.name == "oracle":
        connection.exec_driver_sql("SET TRANSACTION READ ONLY")


@contextmanager
def _duckdb_rows(asked: Asked) -> Iterator[tuple[list[str], Iterator[Sequence[Sequence[Any]]]]]:
    import duckdb

    match = re.fullmatch(r"duckdb:///(.+)", asked.url)
    path = _file(match[1] if match else None, asked)
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            connection.execute("SET enable_external_access = false")  # the query reads this file and no other
            result = connection.execute(asked.query)
            header = [str(one[0]) for one in result.description or ()]
            yield header, iter(lambda: result.fetchmany(ROWS), [])
    except duckdb.Error as error:
        raise DataError(f"{asked.shown}: {_first_line(str(error))}") from error


# ---- values ----


def _gathered(
    names: Sequence[str], batches: Iterator[Sequence[Sequence[Any]]], shown: str
) -> tuple[dict[str, NDArray], tuple[str, ...]]:
    """Columns from batches of rows, and what was left out."""
    parts: dict[str, list[NDArray]] = {name: [] for name in names}
    n_rows, binary = 0, dict.fromkeys(names, 0)
    for rows in batches:
        n_rows += len(rows)
        if n_rows * len(names) > MOST_CELLS:
            raise DataError(
                f"{shown}: more than {n_rows - len(rows):,} rows x {len(names)} columns, too many to be held at once. "
                "Ask for fewer columns, or add a WHERE."
            )
        for k, name in enumerate(names):
            cells = [_cell(row[k]) for row in rows]
            binary[name] += sum(cell is _BINARY for cell in cells)
            parts[name].append(typed(cells))
    left = [name for name, count in binary.items() if count]
    notes = tuple(f'column "{name}" is left out: {binary[name]:,} values are binary' for name in left)
    return {name: joined(own) for name, own in parts.items() if name not in left}, notes


_BINARY = object()


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, _PLAIN):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return _BINARY
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def content_hash(columns: dict[str, NDArray]) -> str:
    """SHA-256 of names and values, a row at a time: equal for equal rows in equal order, whatever the database."""
    digest = hashlib.sha256("\x1f".join(columns).encode("utf-8", "surrogatepass"))
    for row in zip(*(column.tolist() for column in columns.values()), strict=True):
        text = "\x1f".join("" if cell is None or cell != cell else str(cell) for cell in row)
        digest.update(b"\n" + text.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


# ---- errors ----


def _told(error: sa.exc.DBAPIError, asked: Asked) -> MatloopError:
    """What an error of the database means, without a word of the URL that was sent."""
    origin = error.orig
    text = _masked(_first_line(str(origin)) or type(origin).__name__, asked)
    state = str(getattr(origin, "sqlstate", None) or "")
    at = _place_of(origin, asked.query)
    where = f", {place(asked.query, at)}" if at >= 0 else ""
    shown = f"\n{pointed(asked.query, at)}" if at >= 0 else ""
    if "readonly database" in text or "read-only" in text or state == "25006":
        return ConfigError(f"{asked.shown}{where}: the query would change the database ({text}). Write a SELECT.")
    if state in ("42P01", "42703") or "no such table" in text or "no such column" in text:
        return DataError(f"{asked.shown}{where}: {text}. Correct the name in the query.{shown}")
    if state.startswith("42") or "syntax error" in text or "incomplete input" in text:
        return DataError(f"{asked.shown}{where}: mistake in the query: {text}.{shown}")
    if "not a database" in text or "malformed" in text:
        return DataError(f"{asked.shown}: is no database of SQLite, or a damaged one ({text}).")
    if "locked" in text:
        return RunError(f"{asked.shown}: another process is writing ({text}). Repeat it later.")
    if state.startswith(("28", "3D")) or "FATAL" in text or "password" in text or "authentication" in text:
        return ConfigError(
            f"{asked.shown}: the database refuses ({text}). Check user, database and password: ~/.pgpass, or "
            f"${{{VARIABLES}PASSWORD}} in the URL."
        )
    away = not state and not isinstance(origin, sqlite3.Error) and type(origin).__name__ == "OperationalError"
    if away or "unable to open" in text:
        return RunError(f"{asked.shown}: the database cannot be reached or read ({text}).")
    return DataError(f"{asked.shown}{where}: the database refuses: {text}.{shown}")


def _place_of(origin: Any, query: str) -> int:
    """Where in the query the mistake is, -1 where the database does not say so."""
    position = getattr(getattr(origin, "diag", None), "statement_position", None)
    if position:
        return min(max(int(position) - 1 - len(_DECLARE), 0), max(len(query) - 1, 0))
    near = re.search(r'near "([^"]+)"|no such column: (?:\w+\.)?(\w+)|no such table: (?:\w+\.)?(\w+)', str(origin))
    return found(query, next(word for word in near.groups() if word)) if near else -1


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0].strip().rstrip(".") if text.strip() else ""


def _masked(text: str, asked: Asked) -> str:
    """The text without the values of variables of the URL."""
    for name in _VARIABLE.findall(asked.url):
        value = os.environ.get(name, "")
        for form in (value, quote(value, safe="")):
            text = text.replace(form, "***") if form else text
    return text
