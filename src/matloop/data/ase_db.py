"""Databases of ASE (.db SQLite, .json): a row per entry, opened read-only."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from matloop.core.errors import DataError
from matloop.core.optional import require
from matloop.data.layout import ID_COLUMN, STRUCTURE_COLUMN
from matloop.data.opened import UNREADABLE, Opened
from matloop.data.table import named
from matloop.matter.formats.objects import from_ase
from matloop.matter.formats.optimade import to_optimade
from matloop.matter.formats.part import StructureError
from matloop.matter.formats.xyz import to_extxyz
from matloop.problem.question import Source

EXTRA = "structures"
LARGEST_JSON = 500 * 1024**2
"""Bytes of a JSON database, which ASE holds in memory whole."""
_RESULTS = ("energy", "free_energy", "magmom")


def open_ase_sqlite(path: Path, source: Source) -> Opened:
    """An SQLite database of ASE as a table.

    Columns: "id", "structure" (extended XYZ with forces, moments and the like as site values), energy, free_energy and
    magmom where there are any, and the key-value pairs. The file is opened read-only.

    Raises
    ------
    DataError : no database of ASE, or a damaged one. MissingExtra : ase is not installed.
    """
    try:
        with closing(_connected(path)) as connection:
            found = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if not {"systems", "text_key_values", "number_key_values"} <= found:
                shown = ", ".join(sorted(found)[:8]) or "none"
                raise DataError(
                    f"{source.source}: an SQLite file, but no database of ASE (its tables: {shown}). Query other "
                    "databases by their address."
                )
            keys = _keys(connection)
            results = [name for name in _RESULTS if _any(connection, name)]
            ((n_rows,),) = connection.execute("SELECT count(*) FROM systems").fetchall()
    except sqlite3.Error as error:
        raise DataError(
            f"{source.source}: cannot be read as an SQLite database ({error}). Copy it again, or name a table."
        ) from error

    def select() -> Iterator[Any]:
        database = require("ase.db.sqlite", extra=EXTRA).SQLite3Database(str(path), use_lock_file=False)
        database._connect = lambda: _connected(path)
        return iter(database.select(include_data=False))

    return _opened(select, keys, results, n_rows, source)


def _connected(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True, timeout=20)


def _keys(connection: sqlite3.Connection) -> list[str]:
    query = "SELECT key FROM text_key_values UNION SELECT key FROM number_key_values ORDER BY key"
    return [str(key) for (key,) in connection.execute(query)]


def _any(connection: sqlite3.Connection, name: str) -> bool:
    held = {row[1] for row in connection.execute("PRAGMA table_info(systems)")}
    if name not in held:
        return False
    return bool(connection.execute(f"SELECT 1 FROM systems WHERE {name} IS NOT NULL LIMIT 1").fetchall())


def open_ase_json(path: Path, source: Source) -> Opened:
    """A JSON database of ASE as a table, as `open_ase_sqlite`.

    Raises
    ------
    DataError : damaged, or too long to be held. MissingExtra : ase is not installed.
    """
    if path.stat().st_size > LARGEST_JSON:
        raise DataError(
            f"{source.source}: a JSON database of ASE of more than {LARGEST_JSON >> 20} MiB. Convert it once: "
            "ase db FILE.json --insert-into FILE.db"
        )

    def select() -> Iterator[Any]:
        return iter(require("ase.db.jsondb", extra=EXTRA).JSONDatabase(str(path), use_lock_file=False).select())

    keys: dict[str, None] = {}
    results: dict[str, None] = {}
    n_rows = 0
    try:
        for row in select():
            n_rows += 1
            keys |= dict.fromkeys(row.key_value_pairs)
            results |= {name: None for name in _RESULTS if name in row}
    except (ValueError, TypeError, LookupError, AttributeError, AssertionError, RecursionError, OSError) as error:
        raise DataError(f"{source.source}: a damaged JSON database of ASE ({error}). Write it again.") from error
    return _opened(select, sorted(keys), list(results), n_rows, source)


def looks_like_ase_json(start: str) -> bool:
    """Whether a JSON text begins as a database of ASE: an object of numbered entries."""
    head, _, rest = start.lstrip().removeprefix("{").partition(":")
    return head.strip().strip('"').isdigit() and rest.lstrip().startswith("{") and start.lstrip().startswith("{")


def _opened(select: Any, keys: list[str], results: list[str], n_rows: int, source: Source) -> Opened:
    results = [name for name in results if name not in keys]
    own = [_free(ID_COLUMN, keys), _free(STRUCTURE_COLUMN, keys)]
    names, notes = named([*own, *results, *keys], source.source)

    def read() -> Iterator[list[Any]]:
        try:
            for row in select():
                pairs = row.key_value_pairs
                yield [row.id, _structure(row), *(row.get(name) for name in results), *(pairs.get(k) for k in keys)]
        except (sqlite3.Error, OSError) as error:
            raise DataError(f"{source.source}: the database is damaged ({error}). Copy it again.") from error

    return Opened(names, n_rows, read, notes=notes)


def _free(name: str, taken: list[str]) -> str:
    return name if name not in taken else _free(f"{name} in the database", taken)


def _structure(row: Any) -> str:
    try:
        part = from_ase(row.toatoms())
        return to_extxyz(part) if part.ordered else json.dumps(to_optimade(part))
    except (StructureError, ValueError, TypeError, LookupError, AttributeError) as error:
        return f"{UNREADABLE}{str(error)[:200]}"
