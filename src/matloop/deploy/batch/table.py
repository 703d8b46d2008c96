"""The table of a batch: rows of any number, in chunks that are always cut at the same places.

Parquet (one file, several by a pattern, a folder of them) is read at the places needed; delimited text and JSON lines
are read through. What is carried over from Parquet stays in DuckDB, so that its types stay what they are.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import duckdb
import numpy as np
import pandas as pd

from matloop.core.errors import DataError, all_faults
from matloop.core.jsonable import dumps
from matloop.data.parquet import plain
from matloop.data.stream import PARQUET, Stream, stream
from matloop.data.table import named, no_column
from matloop.problem.question import Source

_ENDS = 2**16  # bytes at both ends of a file that its print holds; the last ones of a Parquet file describe the rest
_PATTERN = re.compile(r"[*?\[]")
Values = Any
"""A list of plain values, or an array of numbers."""


@dataclass(frozen=True, slots=True)
class FilePrint:
    """What tells a file from another one: name, bytes, time of its last change, and a digest of both its ends."""

    name: str
    bytes: int
    changed_ns: int
    ends: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows in a row. number : its place among all. start : its first row (0-based). inputs : {column: values}.

    carried : the columns that go over to the result, for tables that are read through; None where they are read again.
    """

    number: int
    start: int
    n_rows: int
    inputs: dict[str, Values]
    carried: pd.DataFrame | None = None


class Table(Protocol):
    """What a batch reads."""

    source: str
    names: tuple[str, ...]
    n_rows: int | None
    folder: str
    decimal_comma: bool

    def prints(self) -> tuple[FilePrint, ...]:
        """Of all its files, as they are now."""
        ...

    def chunks(self, inputs: Sequence[str], carried: Sequence[str], size: int, skip: set[int]) -> Iterator[Chunk]:
        """The chunks of `size` rows whose number is not in `skip`, in order.

        Raises
        ------
        DataError : the table is damaged further down; the message names the place.
        """
        ...

    def carry(self, connection: duckdb.DuckDBPyConnection, chunk: Chunk, carried: Sequence[str]) -> str:
        """A query for the columns of a chunk that are carried over, in the order of its rows; they are called c0, c1,
        ... there, since DuckDB takes "Co" and "CO" for one name."""
        ...

    def done(self) -> float:
        """Share of the table that was read, in [0, 1]."""
        ...

    def close(self) -> None:
        """Let go of what was held for reading."""
        ...


def is_many(table: str) -> bool:
    """Whether a table is several Parquet files: a pattern, or a folder of them."""
    path = Path(table).expanduser()
    if path.is_dir():
        return bool(parquet_files(path))
    return not path.exists() and _PATTERN.search(path.name) is not None


def parquet_files(folder: Path) -> list[Path]:
    """Parquet files in and below a folder, in the order of their names; hidden ones are left out."""
    found = (path for path in folder.rglob("*") if path.suffix.lower().lstrip(".") in PARQUET and path.is_file())
    return sorted(path for path in found if not any(part[0] in "._" for part in path.relative_to(folder).parts))


def open_table(table: str, *, missing: Sequence[str] = ()) -> Table:
    """The table of a batch.

    Raises
    ------
    DataError : nothing fits the pattern, or the table cannot be read; the message names the file.
    """
    path = Path(table).expanduser()
    if is_many(table):
        files = parquet_files(path) if path.is_dir() else sorted(path.parent.glob(path.name))
        wrong = [file.name for file in files if file.suffix.lower().lstrip(".") not in PARQUET]
        if not files or wrong:
            found = f"fits {', '.join(wrong[:3])}, which is no Parquet file" if wrong else "fits no file"
            raise DataError(f"{table}: the pattern {found}. Several files in one call are Parquet files.")
        return ParquetTable(table, files)
    if path.is_file() and path.suffix.lower().lstrip(".") in PARQUET and _starts(path, b"PAR1"):
        return ParquetTable(table, [path])
    return StreamTable(table, stream(Source(table, missing=tuple(missing))))


class ParquetTable:
    """Parquet files, one after the other. Any rows can be read without those before them."""

    decimal_comma = False

    def __init__(self, source: str, files: Sequence[Path]) -> None:
        self.source, self.files, self.folder = source, list(files), str(files[0].parent)
        self._held = ExitStack()
        self._share = 0.0
        try:
            self._plain = _plain_names(self.files, self._held)
            with _connected() as connection:
                counts = dict(
                    connection.execute(
                        "SELECT file_name, num_rows FROM parquet_file_metadata(?)", [self._plain]
                    ).fetchall()
                )
                columns, kinds = _schema(connection, self._plain[0])
                self._refuse_others(connection, columns, kinds)
        except duckdb.Error as error:
            raise DataError(_fault(source, error)) from error
        self.names, _ = named(columns, source)
        self._stored = dict(zip(self.names, columns, strict=True))
        self._counts = [int(counts[name]) for name in self._plain]
        self._starts = np.concatenate([[0], np.cumsum(self._counts)])
        self.n_rows: int | None = int(self._starts[-1])

    def _refuse_others(self, connection: duckdb.DuckDBPyConnection, names: list[str], kinds: list[str]) -> None:
        wrong = []
        for path, file in zip(self._plain[1:], self.files[1:], strict=True):
            own = dict(zip(*_schema(connection, path), strict=True))
            lost = [name for name in names if name not in own]
            other = [f"{n} is {own[n]}, not {k}" for n, k in zip(names, kinds, strict=True) if own.get(n, k) != k]
            if lost or other:
                wrong.append(f"{file.name}: " + "; ".join([f"lacks {', '.join(lost)}"] * bool(lost) + other))
        if wrong:
            said = f"{self.source}: {len(wrong)} files do not have the columns of {self.files[0].name}:"
            raise DataError(all_faults(said, wrong))

    def prints(self) -> tuple[FilePrint, ...]:
        return tuple(print_of(path) for path in self.files)

    def chunks(self, inputs: Sequence[str], carried: Sequence[str], size: int, skip: set[int]) -> Iterator[Chunk]:
        del carried  # read again when they are written, in the types that they have
        assert self.n_rows is not None
        with _connected() as connection:
            for number, start in enumerate(range(0, self.n_rows, size)):
                if number in skip:
                    continue
                stop = min(start + size, self.n_rows)
                found = self._fetched(connection, inputs, start, stop)
                self._share = stop / self.n_rows
                yield Chunk(number, start, stop - start, found)

    def carry(self, connection: duckdb.DuckDBPyConnection, chunk: Chunk, carried: Sequence[str]) -> str:
        del connection
        called = {name: f"c{k}" for k, name in enumerate(carried)}
        return self._query(called, chunk.start, chunk.start + chunk.n_rows)

    def done(self) -> float:
        return self._share

    def close(self) -> None:
        self._held.close()

    def _fetched(
        self, connection: duckdb.DuckDBPyConnection, names: Sequence[str], start: int, stop: int
    ) -> dict[str, Values]:
        try:
            found = connection.execute(self._query({n: n for n in names}, start, stop)).fetchnumpy()
        except duckdb.Error as error:
            raise DataError(_fault(self.source, error)) from error
        return {name: plain(found[name]) for name in names}

    def _query(self, names: Mapping[str, str], start: int, stop: int) -> str:
        """Rows `start` to `stop` of all files together. names : {column: how it is called}."""
        chosen = ", ".join(f"{quoted(self._stored[name])} AS {quoted(called)}" for name, called in names.items())
        first = int(np.searchsorted(self._starts, start, side="right")) - 1
        pieces = []
        for k in range(first, len(self.files)):
            begin, end = max(start - self._starts[k], 0), min(stop - self._starts[k], self._counts[k])
            if self._starts[k] >= stop:
                break
            if end > begin:
                pieces.append(
                    f"SELECT {chosen} FROM read_parquet({told(self._plain[k])}, file_row_number = true) "
                    f"WHERE file_row_number >= {begin} AND file_row_number < {end}"
                )
        return " UNION ALL ".join(pieces)


class StreamTable:
    """A table that is read from its beginning to its end."""

    n_rows: int | None = None

    def __init__(self, source: str, rows: Stream) -> None:
        self.source, self.names, self.folder = source, rows.names, rows.folder
        self._rows, self.decimal_comma = rows, rows.decimal_comma
        self._path = Path(source).expanduser()

    def prints(self) -> tuple[FilePrint, ...]:
        if self._path.is_file():
            return (print_of(self._path),)
        return (FilePrint(self.source, 0, 0, self._rows.hash),)

    def chunks(self, inputs: Sequence[str], carried: Sequence[str], size: int, skip: set[int]) -> Iterator[Chunk]:
        wanted = list(dict.fromkeys([*inputs, *carried]))
        start = 0
        for number, cells in enumerate(self._rows.chunks(wanted, size)):
            n = len(cells[wanted[0]])
            if number not in skip:
                frame = pd.DataFrame({name: _column(cells[name]) for name in carried}, index=range(n))
                yield Chunk(number, start, n, {name: cells[name] for name in inputs}, frame)
            start += n

    def carry(self, connection: duckdb.DuckDBPyConnection, chunk: Chunk, carried: Sequence[str]) -> str:
        assert chunk.carried is not None
        connection.register("carried", chunk.carried.set_axis([f"c{k}" for k in range(len(carried))], axis=1))
        return "SELECT * FROM carried"

    def done(self) -> float:
        return self._rows.done

    def close(self) -> None:
        return


def refuse_unknown(table: Table, wanted: Sequence[str], what: str) -> None:
    """DataError that lists every column asked for and not there, with the nearest names."""
    wrong = [f"{what}: {no_column(name, table.names)}" for name in wanted if name not in table.names]
    if wrong:
        raise DataError(all_faults(f"{table.source}: the table lacks {len(wrong)} of the columns asked for:", wrong))


def refuse_commas(table: Table, chunk: Chunk, numbers: Sequence[str]) -> None:
    """DataError where a comma stands in a number: what it means is settled by all values of a column, and only some are
    here. A decimal comma of a table that is separated by semicolons means one thing."""
    for name in numbers:
        values = chunk.inputs[name]
        if isinstance(values, np.ndarray) and values.dtype.kind != "O":
            continue
        for row, value in enumerate(values):
            if isinstance(value, str) and "," in value:
                if table.decimal_comma and value.count(",") == 1 and "." not in value:
                    continue
                raise DataError(
                    f'{table.source}, row {chunk.start + row + 1}, column "{name}": {value[:40]!r} holds a comma, and '
                    "what it means depends on the other rows, which are not read together in a batch. Write numbers "
                    "with a point, or store them as numbers (Parquet)."
                )


def print_of(path: Path) -> FilePrint:
    """The print of a file as it is now.

    Raises
    ------
    DataError : it is gone or cannot be read.
    """
    try:
        state = path.stat()
        with path.open("rb") as content:
            digest = hashlib.sha256(content.read(_ENDS))
            content.seek(max(state.st_size - _ENDS, 0))
            digest.update(content.read(_ENDS))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from error
    return FilePrint(path.name, state.st_size, state.st_mtime_ns, digest.hexdigest()[:16])


def quoted(name: str) -> str:
    """A name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def told(text: str) -> str:
    """A text as SQL has it."""
    return "'" + text.replace("'", "''") + "'"


def _column(values: list[Any]) -> pd.Series:
    """Texts, truth values or numbers as such; several kinds in one column as text."""
    kinds = {type(value) for value in values if value is not None}
    if (kinds and kinds <= {int, float}) or kinds == {bool}:
        return pd.Series(values, dtype=None if None not in values or float in kinds else object)
    return pd.Series([_text(value) for value in values], dtype=object)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return dumps(value, indent=None) if isinstance(value, dict | list | bool) else str(value)


def _connected() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": 1, "autoinstall_known_extensions": "false"})


def _schema(connection: duckdb.DuckDBPyConnection, path: str) -> tuple[list[str], list[str]]:
    rows = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [path]).fetchall()
    return [row[0] for row in rows], [row[1] for row in rows]


def _fault(source: str, error: Exception) -> str:
    return f"{source}: cannot be read as Parquet ({str(error).splitlines()[0]}). Write it again, or take it out."


def _starts(path: Path, mark: bytes) -> bool:
    with path.open("rb") as content:
        return content.read(len(mark)) == mark


def _plain_names(files: Sequence[Path], held: ExitStack) -> list[str]:
    """Names without signs that DuckDB takes for a pattern, as links where there are some."""
    if not any(set("*?[]{}") & set(str(path)) for path in files):
        return [str(path) for path in files]
    folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="matloop-")))
    for number, path in enumerate(files):
        (folder / f"{number:06d}.parquet").symlink_to(path.absolute())
    return [str(folder / f"{number:06d}.parquet") for number in range(len(files))]
