"""Columns of a table of any size, some rows at a time: delimited text, JSON lines and Parquet are never held whole.

Values, names and errors are those of `collect`, which also reads the other formats here.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import itertools
import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from matloop.core.errors import DataError
from matloop.data.collect import collect, open_rows
from matloop.data.crystals import contents
from matloop.data.folders import structure_files
from matloop.data.json_parts import listed
from matloop.data.layout import ID_COLUMN, PROPERTIES, STRUCTURE_COLUMN
from matloop.data.opened import Opened
from matloop.data.records import with_structure
from matloop.data.sources import is_named
from matloop.data.sql import Asked, columns_of, parsed, pieces
from matloop.data.table import RawTable, named, no_column
from matloop.data.text import decoded, sniffed
from matloop.data.unpack import unpacked
from matloop.problem.question import Source

TEXTS = ("csv", "tsv", "txt", "dat", "tab")
LINES = ("jsonl", "ndjson")
PARQUET = ("parquet", "pq")
_HEAD = 1_000_000  # bytes that delimiter, names and kind of file are told from
_LONGEST_FIELD = 1_000_000
_KEYS_SEEN = 1_000  # records that the names of columns are told from
Cells = list[Any]


@dataclass(slots=True)
class Stream:
    """A table that is read as it is needed.

    names : columns. folder : where files are that the table names. hash : of path, size, time and both ends of the
        file; another file has another one. done : share of the file that has been read, in [0, 1]. decimal_comma :
        fields are separated by semicolons, so that a comma in a number is a decimal sign.
    """

    source: str
    names: tuple[str, ...]
    hash: str
    folder: str = ""
    done: float = 0.0
    decimal_comma: bool = False
    _read: Any = field(default=None, repr=False)

    def chunks(self, columns: Sequence[str], rows: int) -> Iterator[dict[str, Cells]]:
        """`rows` rows at a time (the last ones fewer): {column: values as written, or as stored}.

        Raises
        ------
        DataError : no such column, or the file is damaged further down; the message names the line.
        """
        for column in columns:
            if column not in self.names:
                raise DataError(f"{self.source}: {no_column(column, self.names)}")
        yield from self._read(self, tuple(columns), rows)


def stream(source: Source, *, base: Path | None = None) -> Stream:
    """A table to be read in chunks: as `matloop.data.collect.collect`, which reads what is not made for it.

    Raises
    ------
    DataError : as `collect`.
    """
    path = Path(base or ".") / Path(source.source).expanduser()
    if source.source.startswith("sql:") and is_named(source.source):
        return _database(parsed(source.source.removeprefix("sql:"), Path(base or ".")))
    if is_named(source.source):
        return whole(collect(source, base=base))
    if path.is_dir() and not (path / PROPERTIES).exists():
        files = structure_files(path)
        if files and "/" not in files[0]:
            return _folder(path, files, source)
    opened = open_rows(path, source)
    if opened is not None:
        return _opened(opened, path, source)
    if not path.is_file():
        return whole(collect(source, base=base))
    ending, start = _ending(path), _start(path)
    if ending in PARQUET and start[:4] == b"PAR1":
        return _parquet(path, source)
    if start[:4] in (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"PAR1"):
        return whole(collect(source, base=base))
    if ending in TEXTS:
        return _text(path, source)
    if ending in LINES and not start.lstrip().startswith(b"["):
        return _lines(path, source)
    if ending in (*LINES, "json") and start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"["):
        return _lines(path, source)
    return whole(collect(source, base=base))


# ---- delimited text ----


def _text(path: Path, source: Source) -> Stream:
    head = _head(path, source)
    delimiter = sniffed(head)
    if not head.strip():
        collect(source, base=path.parent)  # says what is wrong
    with _fields(path, source, delimiter) as (reader, _):
        header: list[str] = next((fields for fields in reader if any(one.strip() for one in fields)), [])
    names, _ = named(header, source.source)

    def read(own: Stream, columns: Sequence[str], size: int) -> Iterator[dict[str, Cells]]:
        places = [names.index(column) for column in columns]
        with _fields(path, source, delimiter) as (reader, raw):
            next(fields for fields in reader if any(one.strip() for one in fields))
            rows = _full_rows(reader, len(names), source.source)
            yield from _chunked(own, ([fields[k] for k in places] for fields in rows), columns, size, raw)

    comma = delimiter == ";"
    return Stream(source.source, names, _fingerprint(path), str(path.parent), decimal_comma=comma, _read=read)


def _full_rows(reader: Any, width: int, name: str) -> Iterator[list[str]]:
    """Rows of as many fields as the header; blank lines are skipped, and so are empty rows at the end."""
    empty: list[list[str]] = []
    number = 0
    try:
        for fields in reader:
            written = width == 1 and fields == [""]  # a blank line is [], two quotation marks are [""]
            if width == 1:
                fields = fields or [""]
            if not fields:
                continue
            number += 1
            if len(fields) != width:
                fields = _fitted(fields, width, name, number, reader.line_num)
            if not written and not any(one and not one.isspace() for one in fields):
                empty.append(fields)
                continue
            yield from empty
            empty = []
            yield fields
    except csv.Error as error:
        raise DataError(
            f"{name}, line {reader.line_num}: {error}. Most likely a quotation mark was opened and not closed there: "
            "close it, or double it where it is part of the text."
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{name}, after line {reader.line_num}: bytes that are no {error.encoding} text. Save the file as UTF-8."
        ) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{name}: the gzip file is damaged ({error}). Copy or download it again.") from error


def _fitted(fields: list[str], width: int, name: str, number: int, line: int) -> list[str]:
    if len(fields) > width and not any(one.strip() for one in fields[width:]):
        return fields[:width]
    raise DataError(
        f"{name}: row {number} (line {line}) has {len(fields)} fields, the header {width}. Quote fields that contain "
        "the delimiter, or complete the row."
    )


@contextmanager
def _fields(path: Path, source: Source, delimiter: str) -> Iterator[tuple[Any, BinaryIO]]:
    """A reader of fields, and the file beneath it, whose place says how far it is."""
    before = csv.field_size_limit(_LONGEST_FIELD)
    try:
        with path.open("rb") as raw, unpacked(raw, source.source) as content:
            text = io.TextIOWrapper(content, encoding=_encoding(path, source), newline="")
            yield csv.reader(text, delimiter=delimiter, strict=True), raw
    finally:
        csv.field_size_limit(before)


def _head(path: Path, source: Source) -> str:
    """The first lines as text, with the complaints of `collect` about encodings."""
    content = _start(path, _HEAD)
    if len(content) == _HEAD:
        content = content[: content.rfind(b"\n") + 1] or content
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        content = content[: len(content) // 2 * 2]
    return decoded(content, source)


def _encoding(path: Path, source: Source) -> str:
    marked = _start(path, 2) in (b"\xff\xfe", b"\xfe\xff")
    return source.encoding or ("utf-16" if marked else "utf-8-sig")


# ---- JSON lines ----


def _lines(path: Path, source: Source) -> Stream:
    names: dict[str, None] = {}
    for number, (record, _) in enumerate(_records(path, source)):
        if number >= _KEYS_SEEN:
            break
        names |= dict.fromkeys(record)
    called, _ = named(list(names), source.source)
    keys = dict(zip(called, names, strict=True))

    def read(own: Stream, columns: Sequence[str], size: int) -> Iterator[dict[str, Cells]]:
        with path.open("rb") as raw:
            found = ([_flat(record.get(keys[column])) for column in columns]
                     for record, _ in _records(path, source, raw))  # fmt: skip
            yield from _chunked(own, found, columns, size, raw)

    return Stream(source.source, called, _fingerprint(path), str(path.parent), _read=read)


def _records(path: Path, source: Source, raw: BinaryIO | None = None) -> Iterator[tuple[dict[str, Any], int]]:
    """Objects and their lines."""
    with path.open("rb") as own, unpacked(raw or own, source.source) as content:
        lines = io.TextIOWrapper(content, encoding=_encoding(path, source))
        try:
            if _start(path).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"["):
                for number, entry in enumerate(listed(lines, source.source), start=1):
                    yield _checked(entry, f"{source.source}, entry {number}"), number
                return
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield _record(line, f"{source.source}, line {number}"), number
        except UnicodeDecodeError as error:
            raise DataError(f"{source.source}: holds bytes that are no {error.encoding} text.") from error
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DataError(f"{source.source}: the gzip file is damaged ({error}). Copy it again.") from error


def _record(line: str, where: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: {line.strip()[:60]!r} is not JSON ({error}). Correct or delete the line.") from error
    return _checked(record, where)


def _checked(record: Any, where: str) -> dict[str, Any]:
    if not isinstance(record, dict):
        raise DataError(f'{where}: {json.dumps(record)[:60]!r} is not an object such as {{"formula": "NaCl"}}.')
    return with_structure(record)


def _flat(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


# ---- Parquet ----


def _parquet(path: Path, source: Source) -> Stream:
    import duckdb

    def fault(error: Exception) -> DataError:
        return DataError(f"{source.source}: cannot be read as Parquet ({str(error).splitlines()[0]}). Write it again.")

    try:
        with _plain_name(path) as plain, duckdb.connect(config={"autoinstall_known_extensions": "false"}) as connection:
            found = connection.read_parquet(plain)
            names, _ = named(found.columns, source.source)
            stored = dict(zip(names, found.columns, strict=True))
            ((n_rows,),) = connection.execute("SELECT count(*) FROM read_parquet(?)", [plain]).fetchall()
    except duckdb.Error as error:
        raise fault(error) from error

    def read(own: Stream, columns: Sequence[str], size: int) -> Iterator[dict[str, Cells]]:
        chosen = ", ".join('"' + stored[column].replace('"', '""') + '"' for column in columns)
        seen = 0
        with _plain_name(path) as plain, duckdb.connect(config={"threads": 1}) as connection:
            try:
                result = connection.execute(f"SELECT {chosen} FROM read_parquet(?)", [plain])
                while rows := result.fetchmany(size):
                    seen += len(rows)
                    own.done = seen / max(n_rows, 1)
                    yield {column: list(cells) for column, cells in zip(columns, zip(*rows, strict=True), strict=True)}
            except duckdb.Error as error:
                raise fault(error) from error

    return Stream(source.source, names, _fingerprint(path), str(path.parent), _read=read)


@contextmanager
def _plain_name(path: Path) -> Iterator[str]:
    """A name without signs that DuckDB takes for a pattern ("*", "?", "[")."""
    if not set("*?[]{}") & set(str(path)):
        yield str(path)
        return
    with tempfile.TemporaryDirectory(prefix="matloop-") as folder:
        plain = Path(folder) / "table.parquet"
        try:
            plain.symlink_to(path.absolute())
        except OSError:  # links need a privilege on some systems
            shutil.copyfile(path, plain)
        yield str(plain)


# ---- folders, and what has to be read whole ----


def _opened(opened: Opened, path: Path, source: Source) -> Stream:
    """Folders with values or subfolders, archives, trajectories, databases."""
    digest = _folder_hash(path, structure_files(path)) if path.is_dir() else _fingerprint(path)

    def read(own: Stream, columns: Sequence[str], size: int) -> Iterator[dict[str, Cells]]:
        places = [opened.names.index(column) for column in columns]
        rows = opened.rows()
        for start in range(0, opened.n_rows, size):
            part = [[row[k] for k in places] for row in itertools.islice(rows, size)]
            own.done = min(start + size, opened.n_rows) / opened.n_rows
            if part:
                yield _columns(part, columns)

    return Stream(source.source, opened.names, digest, str(path) if path.is_dir() else "", _read=read)


def _folder_hash(path: Path, files: Sequence[str]) -> str:
    """Of the names, lengths and times of all files."""
    digest = hashlib.sha256(str(path.absolute()).encode())
    for name in [*files, PROPERTIES]:
        try:
            state = (path / name).stat()
        except OSError:
            continue  # without properties, or gone: then reading it says so
        digest.update(f"\n{name} {state.st_size} {state.st_mtime_ns}".encode())
    return digest.hexdigest()


def _folder(path: Path, files: Sequence[str], source: Source) -> Stream:

    def read(own: Stream, columns: Sequence[str], size: int) -> Iterator[dict[str, Cells]]:
        for start in range(0, len(files), size):
            part = files[start : start + size]
            texts, faults = contents(part, set(), str(path))
            cells = [faults.get(k, text) for k, text in enumerate(texts)]
            whole = {ID_COLUMN: list(part), STRUCTURE_COLUMN: cells}
            own.done = (start + len(part)) / len(files)
            yield {column: whole[column] for column in columns}

    digest = _folder_hash(path, files)
    return Stream(source.source, (ID_COLUMN, STRUCTURE_COLUMN), digest, str(path), _read=read)


def _database(asked: Asked) -> Stream:
    def read(own: Stream, columns: Sequence[str], size: int) -> Iterator[dict[str, Cells]]:
        del own
        return pieces(asked, columns, size)

    digest = hashlib.sha256(f"{asked.shown}#{asked.query}".encode()).hexdigest()
    return Stream(asked.shown, columns_of(asked), digest, str(asked.base), _read=read)


def whole(raw: RawTable) -> Stream:
    """A table that stands in memory, some rows at a time."""

    def read(own: Stream, columns: Sequence[str], size: int) -> Iterator[dict[str, Cells]]:
        for start in range(0, len(raw), size):
            own.done = min(start + size, len(raw)) / max(len(raw), 1)
            yield {column: _listed(raw.columns[column][start : start + size]) for column in columns}

    return Stream(raw.provenance.source, raw.names, raw.provenance.sha256, raw.folder, _read=read)


def _listed(values: NDArray) -> Cells:
    return list(np.asarray(values).tolist())


# ---- shared ----


def _chunked(
    own: Stream, rows: Iterable[Cells], columns: Sequence[str], size: int, raw: BinaryIO
) -> Iterator[dict[str, Cells]]:
    length = max(os.fstat(raw.fileno()).st_size, 1)
    part: list[Cells] = []
    for row in rows:
        part.append(row)
        if len(part) >= size:
            own.done = raw.tell() / length
            yield _columns(part, columns)
            part = []
    own.done = 1.0
    if part:
        yield _columns(part, columns)


def _columns(rows: Sequence[Cells], columns: Sequence[str]) -> dict[str, Cells]:
    return {column: list(cells) for column, cells in zip(columns, zip(*rows, strict=True), strict=True)}


def _ending(path: Path) -> str:
    parts = [part.lower() for part in path.name.split(".")[1:]]
    parts = parts[:-1] if parts and parts[-1] in ("gz", "gzip") else parts
    return parts[-1] if parts else ""


def _start(path: Path, length: int = 64) -> bytes:
    """The first bytes of what the file holds; of a damaged gzip file, what there is."""
    try:
        with path.open("rb") as raw, unpacked(raw, path.name) as content:
            return content.read(length)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return b""


def _fingerprint(path: Path) -> str:
    state = path.stat()
    digest = hashlib.sha256(f"{path.absolute()} {state.st_size} {state.st_mtime_ns}".encode())
    with path.open("rb") as stream:
        digest.update(stream.read(_HEAD))
        stream.seek(max(state.st_size - _HEAD, 0))
        digest.update(stream.read())
    return digest.hexdigest()
