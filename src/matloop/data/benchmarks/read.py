"""Files of published data sets as columns: frames that matminer writes, and lists of records of JARVIS. No class that a
file names is ever made."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from numpy.typing import NDArray

from matloop.core.elements import Z_OF
from matloop.core.errors import DataError
from matloop.data.cells import typed
from matloop.data.json_parts import listed
from matloop.data.unpack import checked_zip, unpacked

STRUCTURE = "structure"
_PIECE = 1 << 18
_LONGEST_HEAD = 256_000_000


def read_frame(path: Path, called: str) -> dict[str, NDArray]:
    """The columns of a data frame in JSON ({"index", "columns", "data"}, packed or not), read row by row.

    Structures of pymatgen become JSON text, compositions formulas, arrays JSON text.

    Raises
    ------
    DataError : it is no such file, or damaged; the message says where.
    """
    with _whole(called), path.open("rb") as raw, unpacked(raw, called) as content:
        text = io.TextIOWrapper(content, "utf-8-sig", errors="replace")
        names, rest = _head(text, called)
        columns: list[list[Any]] = [[] for _ in names]
        for number, row in enumerate(listed(rest, called), start=1):  # type: ignore[arg-type]
            if not isinstance(row, list) or len(row) != len(names):
                raise DataError(f"{called}, row {number}: {len(names)} values were expected. The file is damaged.")
            for column, value in zip(columns, row, strict=True):
                column.append(_cell(value))
    return {name: typed(column) for name, column in zip(names, columns, strict=True)}


def read_zipped_records(path: Path, called: str) -> dict[str, NDArray]:
    """The columns of a list of records in JSON inside a zip file; a key that a record lacks is a missing value.

    The structure of a record ("atoms") becomes the column "structure".

    Raises
    ------
    DataError : it is no such file, or damaged.
    """
    columns: dict[str, list[Any]] = {}
    n = 0
    with _whole(called), _zipped(path, called) as text:
        for number, record in enumerate(listed(text, called), start=1):
            if not isinstance(record, dict):
                raise DataError(f"{called}, entry {number}: an object was expected, found {str(record)[:40]!r}.")
            for key, value in record.items():
                name = STRUCTURE if key == "atoms" and STRUCTURE not in record else str(key)
                column = columns.setdefault(name, [None] * n)
                column.append(_cell(value))
            n = number
            for column in columns.values():
                if len(column) < n:
                    column.append(None)
    return {name: typed(column) for name, column in columns.items()}


@contextmanager
def _whole(called: str) -> Iterator[None]:
    """What is broken in a packed file, in our words."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile, NotImplementedError) as error:
        raise DataError(f"{called}: is damaged or cut off ({error}). Copy or fetch it again.") from error


@contextmanager
def _zipped(path: Path, called: str) -> Iterator[IO[str]]:
    with path.open("rb") as raw, checked_zip(raw, called, 100) as archive:
        names = [name for name in archive.namelist() if name.endswith(".json") and not name.startswith("__MACOSX")]
        if len(names) != 1:
            raise DataError(f"{called}: one JSON file was expected in it, found {len(names)}.")
        with archive.open(names[0]) as content:
            yield io.TextIOWrapper(content, "utf-8-sig", errors="replace")


class _Rest:
    """What follows in a text of which a part was read already."""

    def __init__(self, read: str, text: IO[str]) -> None:
        self._read, self._text = read, text

    def read(self, size: int) -> str:
        held, self._read = self._read, ""
        return held or self._text.read(size)


def _head(text: IO[str], called: str) -> tuple[list[str], _Rest]:
    """The names of the columns, and the text from the list of rows on."""
    decoder, buffer, at = json.JSONDecoder(), "", 0
    held: dict[str, Any] = {}

    def more() -> bool:
        nonlocal buffer, at
        piece = text.read(max(_PIECE, len(buffer) - at))
        buffer, at = buffer[at:] + piece, 0
        return bool(piece) and len(buffer) < _LONGEST_HEAD

    def sign() -> str:
        nonlocal at
        while True:
            while at < len(buffer) and buffer[at] in " \t\r\n":
                at += 1
            if at < len(buffer):
                return buffer[at]
            if not more():
                raise DataError(f"{called}: is cut off, or no data frame in JSON. Copy or fetch it again.")

    def value() -> Any:
        nonlocal at
        while True:
            try:
                found, end = decoder.raw_decode(buffer, at)
            except (ValueError, RecursionError) as error:
                if not more():
                    raise DataError(f"{called}: is no data frame in JSON, or cut off ({error}).") from error
                continue
            if end == len(buffer) and more():
                continue
            at = end
            return found

    def expect(wanted: str) -> None:
        nonlocal at
        if sign() not in wanted:
            raise DataError(f"{called}: is no data frame in JSON: found {buffer[at : at + 20]!r}.")
        at += 1

    expect("{")
    while True:
        sign()
        key = value()
        expect(":")
        sign()
        if key == "data":
            break
        held[str(key)] = value()
        expect(",")
    names = held.get("columns")
    if not isinstance(names, list) or len(set(map(str, names))) != len(names):
        raise DataError(f"{called}: is no data frame in JSON: the names of its columns do not come before the rows.")
    return [str(name) for name in names], _Rest(buffer[at:], text)


# ---- cells ----


def _cell(value: Any) -> Any:
    if isinstance(value, float) and value != value:
        return None
    if isinstance(value, dict):
        return _of_object(value)
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return value


def _of_object(value: dict[str, Any]) -> str:
    kind = value.get("@class", "")
    if kind == "Composition":
        return _formula(value)
    if kind == "array" and "data" in value:
        return json.dumps(value["data"], separators=(",", ":"))
    sites = value.get("sites")
    if isinstance(sites, list) and isinstance(value.get("lattice"), dict) and all(isinstance(s, dict) for s in sites):
        return json.dumps(_slim(value), ensure_ascii=False, separators=(",", ":"))
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _formula(value: Mapping[str, Any]) -> str:
    """A composition that was written as {element: amount}; as it stands where it has other keys."""
    amounts = {key: amount for key, amount in value.items() if not key.startswith("@")}
    if all(key in Z_OF and isinstance(amount, int | float) for key, amount in amounts.items()):
        return "".join(f"{symbol}{amount:.12g}" if amount != 1 else symbol for symbol, amount in amounts.items())
    return json.dumps(amounts, ensure_ascii=False)


def _slim(value: dict[str, Any]) -> dict[str, Any]:
    """A structure of pymatgen without what follows from the rest: a third of the text, to the last digit the same."""
    sites = [
        {
            key: site[key]
            for key in ("species", "abc", "xyz", "properties")
            if site.get(key) and not (key == "xyz" and "abc" in site)
        }
        for site in value["sites"]
    ]
    cell = value["lattice"]
    lattice = {key: cell[key] for key in ("matrix", "pbc") if key in cell} if "matrix" in cell else cell
    rest = {key: value[key] for key in ("charge", "properties") if value.get(key)}
    return {"lattice": lattice, "sites": sites, **rest}
