"""The parts of a batch as one file, some rows at a time, in the format that its ending says."""

from __future__ import annotations

import errno
import gzip
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

import duckdb
import pandas as pd

from matloop.core.errors import DataError, RunError
from matloop.core.files import said, write_atomic
from matloop.data.parquet import plain
from matloop.deploy.batch.table import quoted, told
from matloop.deploy.predict import ending_of, write_frame

_GROUP = 100_000  # rows of a row group
_MEMORY = "512MB"
_MAYBE = ("_std_epistemic", "_std_aleatoric")


def join(files: Sequence[Path], names: Sequence[str], out: Path, work: Path) -> tuple[str, ...]:
    """Write `out` from the parts; returns its columns.

    Columns in which no row has a value, of those that only some models give, are left out, as where a table is
    predicted at once. `names` are those of the columns; in Parquet two that differ only in upper and lower case have
    another one ("CO_1"), so that every reader can tell them apart.

    Raises
    ------
    RunError : the disk is full, or the folder cannot be written.
    """
    parts = f"read_parquet([{', '.join(told(str(path)) for path in files)}], union_by_name = true)"
    settings = {"threads": 1, "memory_limit": _MEMORY, "temp_directory": str(work / "spill"),
                "autoinstall_known_extensions": "false"}  # fmt: skip
    with closing(duckdb.connect(config=settings)) as connection:
        stored = _columns(connection, parts, names)
        columns = tuple(stored)
        chosen = ", ".join(map(quoted, stored))
        if ending_of(out) == ".parquet":
            _parquet(connection, f"SELECT {chosen} FROM {parts}", out, work / "unfinished-whole")
        else:
            columns = tuple(stored.values())
            _text(connection, chosen, columns, files, out, work)
    return columns


def _parquet(connection: duckdb.DuckDBPyConnection, query: str, out: Path, unfinished: Path) -> None:
    path = told(str(unfinished))
    written(
        unfinished, lambda: connection.execute(f"COPY ({query}) TO {path} (FORMAT parquet, ROW_GROUP_SIZE {_GROUP})")
    )
    try:
        unfinished.replace(out)
    except OSError as error:
        raise RunError(said(out, error)) from error


def _text(
    connection: duckdb.DuckDBPyConnection,
    chosen: str,
    names: Sequence[str],
    files: Sequence[Path],
    out: Path,
    work: Path,
) -> None:
    """Pieces of text as tables are written elsewhere, one after the other; the names of the columns once."""
    ending = ending_of(out)
    piece = work / f"unfinished-piece{ending.removesuffix('.gz')}"

    def pieces() -> Iterator[bytes]:
        header = b""
        for path in files:
            found = connection.execute(f"SELECT {chosen} FROM read_parquet({told(str(path))})").fetchnumpy()
            frame = pd.DataFrame(dict(zip(names, map(plain, found.values()), strict=True)))
            write_frame(piece, frame)
            content = piece.read_bytes()
            yield content[len(header) :]
            if not header and ending != ".jsonl":
                write_frame(piece, frame.head(0))
                header = piece.read_bytes()

    def fill(stream: BinaryIO) -> None:
        if not ending.endswith(".gz"):
            stream.writelines(pieces())
            return
        with gzip.GzipFile(fileobj=stream, mode="wb", mtime=0, filename="") as packed:
            packed.writelines(pieces())

    write_atomic(out, fill)
    piece.unlink(missing_ok=True)


def written(path: Path, write: Callable[[], object]) -> None:
    """Let DuckDB write `path`, with its errors as ours.

    Raises
    ------
    RunError : the disk is full, or the folder cannot be written. DataError : what it reads cannot be read.
    """
    try:
        write()
    except duckdb.Error as error:
        path.unlink(missing_ok=True)
        text = str(error).splitlines()[0]
        if "no space" in text.lower() or shutil.disk_usage(path.parent).free < 2**20:
            raise RunError(said(path.parent, OSError(errno.ENOSPC, "no space"))) from error
        if isinstance(error, duckdb.IOException):
            raise RunError(f"{path.parent}: cannot be written ({text}). Finished parts are kept; mend this and run the "
                           "same command again.") from error  # fmt: skip
        raise DataError(f"{text}. Finished parts are kept.") from error


def _columns(connection: duckdb.DuckDBPyConnection, parts: str, names: Sequence[str]) -> dict[str, str]:
    """{column of the parts: its name}, without those that may be empty and are."""
    stored = [row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM {parts}").fetchall()]
    asked = [name for name in stored if name.rstrip("'").endswith(_MAYBE)]
    empty: set[str] = set()
    if asked:
        counts = ", ".join(f"count(*) FILTER (WHERE isfinite({quoted(name)}))" for name in asked)
        (found,) = connection.execute(f"SELECT {counts} FROM {parts}").fetchall()
        empty = {name for name, count in zip(asked, found, strict=True) if not count}
    return {column: name for column, name in zip(stored, names, strict=True) if column not in empty}
