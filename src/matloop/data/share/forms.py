"""Records in files of each form that a dataset can be shared in, and back."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from matloop.core.errors import ConfigError, DataError
from matloop.core.files import write_atomic, write_text
from matloop.data.share.escape import disarmed, restored
from matloop.data.share.flat import ColumnOf, record_of, row_of
from matloop.data.store.interchange import record_from_json, record_to_json
from matloop.data.store.values import Record
from matloop.matter.structures import Structures
from matloop.matter.structures_write import to_cif, to_extxyz

Form = Literal["csv", "parquet", "xlsx", "jsonl", "cif", "extxyz"]
FORMS: tuple[Form, ...] = ("csv", "parquet", "xlsx", "jsonl", "cif", "extxyz")
MEDIA = {
    ".csv": "text/csv", ".parquet": "application/vnd.apache.parquet", ".jsonl": "application/jsonl",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".cif": "chemical/x-cif",
    ".extxyz": "chemical/x-xyz", ".json": "application/json", ".md": "text/markdown", ".cff": "text/yaml",
    ".bib": "application/x-bibtex", ".txt": "text/plain",
}  # fmt: skip
_FIELD = 64 * 2**20
_CELL = 32_767
"""Signs that a cell of a workbook holds."""
_SHEET_ROWS = 1_048_575
_BATCH = 10_000
_DAY = (1980, 1, 1, 0, 0, 0)


def write_form(folder: Path, form: Form, records: Callable[[], Iterator[Record]], columns: Sequence[ColumnOf]) -> None:
    """Write records into a folder: "records" with the ending of the form ("records.jsonl" and a folder or file of
    structures for "cif" and "extxyz").

    Parameters
    ----------
    records : gives them anew each time it is called, always in the same order. columns : of the table, see `survey`.

    Raises
    ------
    DataError : the form cannot hold them; the message says which one does.
    """
    if form in ("jsonl", "cif", "extxyz"):
        write_atomic(folder / "records.jsonl", lambda stream: _lines(stream, records()))
        if form != "jsonl":
            _structures(folder, form, records())
        return
    rows = (row_of(record, columns) for record in records())
    path = folder / f"records.{form}"
    {"csv": _write_csv, "parquet": _write_parquet, "xlsx": _write_workbook}[form](path, columns, rows)


def read_form(folder: Path, form: Form, columns: Sequence[ColumnOf]) -> Iterator[Record]:
    """The records that `write_form` wrote.

    Raises
    ------
    DataError : a cell or line cannot be read; the message says which.
    """
    if form in ("jsonl", "cif", "extxyz"):
        yield from _read_lines(folder / "records.jsonl")
        return
    path = folder / f"records.{form}"
    read = {"csv": _read_csv, "parquet": _read_parquet, "xlsx": _read_workbook}[form]
    for number, cells in enumerate(read(path, columns), start=1):
        try:
            yield record_of(cells, columns)
        except (DataError, ValueError) as error:
            raise DataError(f"{path.name}, row {number}: {error}") from error


# ---- JSON lines ----


def _lines(stream: Any, records: Iterable[Record]) -> None:
    for record in records:
        stream.write(json.dumps(record_to_json(record), ensure_ascii=False, allow_nan=False).encode() + b"\n")


def _read_lines(path: Path) -> Iterator[Record]:
    with path.open(encoding="utf-8", newline="\n") as stream:
        for number, line in enumerate(stream, start=1):
            try:
                yield record_from_json(json.loads(line))
            except (DataError, ValueError) as error:
                raise DataError(f"{path.name}, line {number}: {error}") from error


# ---- CSV ----


def _write_csv(path: Path, columns: Sequence[ColumnOf], rows: Iterable[list[Any]]) -> None:
    def fill(stream: Any) -> None:
        text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=True)
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow([disarmed(one.name) for one in columns])
        for cells in rows:
            writer.writerow([_csv_cell(cell) for cell in cells])
        text.flush()
        text.detach()

    write_atomic(path, fill)


def _csv_cell(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return disarmed(cell) if isinstance(cell, str) else repr(cell)


def _read_csv(path: Path, columns: Sequence[ColumnOf]) -> Iterator[list[Any]]:
    before = csv.field_size_limit(_FIELD)
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            _same_header([restored(name) for name in next(reader, [])], columns, path)
            for cells in reader:
                yield [None if cell == "" else restored(cell) for cell in cells]
    except csv.Error as error:
        raise DataError(f"{path.name}: cannot be read as CSV ({error}).") from error
    finally:
        csv.field_size_limit(before)


def _same_header(names: Sequence[str], columns: Sequence[ColumnOf], path: Path) -> None:
    if list(names) != [one.name for one in columns]:
        raise DataError(f"{path.name}: its columns are not those that stand in {path.name}-metadata.json.")


# ---- Parquet ----

_SQL = {"number": "DOUBLE", "integer": "BIGINT", "truth": "BOOLEAN", "text": "VARCHAR", "json": "VARCHAR"}


def _write_parquet(path: Path, columns: Sequence[ColumnOf], rows: Iterable[list[Any]]) -> None:
    import tempfile

    import duckdb
    import pandas as pd

    dtypes: dict[str, Any] = {
        "number": "Float64",
        "integer": "Int64",
        "truth": "boolean",
        "text": object,
        "json": object,
    }

    def fill(stream: Any) -> None:
        with tempfile.TemporaryDirectory(prefix="matloop-") as folder, duckdb.connect(f"{folder}/table.db") as known:
            known.execute("SET threads = 1")
            names = ", ".join(f"{_quoted(one.name)} {_SQL[one.kind]}" for one in columns)
            known.execute(f"CREATE TABLE records ({names})")
            rest = iter(rows)
            while batch := list(islice(rest, _BATCH)):
                frame = pd.DataFrame({  # noqa: F841  (DuckDB reads it by its name)
                    f"c{i}": pd.array([cells[i] for cells in batch], dtype=dtypes[one.kind])
                    for i, one in enumerate(columns)
                })  # fmt: skip
                known.execute("INSERT INTO records SELECT * FROM frame")
            known.execute(f"COPY records TO '{folder}/records.parquet' (FORMAT parquet, COMPRESSION zstd)")
            stream.write(Path(folder, "records.parquet").read_bytes())

    write_atomic(path, fill)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _read_parquet(path: Path, columns: Sequence[ColumnOf]) -> Iterator[list[Any]]:
    import shutil
    import tempfile

    import duckdb

    # a name of our own: DuckDB reads "*", "?" and "[" in a path as a pattern
    with tempfile.TemporaryDirectory(prefix="matloop-") as folder:
        shutil.copyfile(path, f"{folder}/records.parquet")
        try:
            with duckdb.connect(config={"autoinstall_known_extensions": "false", "threads": 1}) as known:
                found = known.execute("SELECT * FROM read_parquet(?)", [f"{folder}/records.parquet"])
                _same_header([part[0] for part in found.description or ()], columns, path)
                while batch := found.fetchmany(_BATCH):
                    yield from map(list, batch)
        except duckdb.Error as error:
            first = str(error).replace(folder, "").splitlines()[0]
            raise DataError(f"{path.name}: cannot be read as Parquet ({first}).") from error


# ---- workbook ----


def _write_workbook(path: Path, columns: Sequence[ColumnOf], rows: Iterable[list[Any]]) -> None:
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

    book = Workbook(write_only=True)
    sheet = book.create_sheet("records")

    def cell_of(value: Any, where: str) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if not isinstance(value, str):
            if abs(value) == float("inf"):
                return str(value)
            digits = WriteOnlyCell(sheet, value=repr(value))  # openpyxl would write 16 digits of a number
            digits.data_type = "n"
            return digits
        if len(value) > _CELL:
            raise DataError(
                f"{where}: {len(value):,} signs are more than a cell of a workbook holds ({_CELL:,}). "
                "Export as csv, parquet or jsonl."
            )
        cell = WriteOnlyCell(sheet, value=value)
        cell.data_type, cell.quotePrefix = "s", True  # a text, also where it looks like a formula
        return cell

    sheet.append([cell_of(one.name, "header") for one in columns])
    for number, cells in enumerate(rows, start=1):
        if number > _SHEET_ROWS:
            raise DataError(f"{path.name}: a sheet holds {_SHEET_ROWS:,} rows. Export as csv, parquet or jsonl.")
        sheet.append([cell_of(v, f"row {number}, {c.name}") for v, c in zip(cells, columns, strict=True)])
    content = io.BytesIO()
    book.save(content)
    write_atomic(path, lambda stream: stream.write(_timeless(content.getvalue())))


def _timeless(content: bytes) -> bytes:
    """A workbook without the moment when it was written, so that equal tables are equal files."""
    new = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in sorted(old.namelist()):
            part = old.read(name)
            if name == "docProps/core.xml":
                part = re.sub(rb"(<dcterms:(created|modified)[^>]*>)[^<]*", rb"\g<1>1980-01-01T00:00:00Z", part)
            packed.writestr(zipfile.ZipInfo(name, _DAY), part, zipfile.ZIP_DEFLATED)
    return new.getvalue()


def _read_workbook(path: Path, columns: Sequence[ColumnOf]) -> Iterator[list[Any]]:
    from openpyxl import load_workbook

    book = load_workbook(path, read_only=True, data_only=True)
    try:
        rows = book["records"].iter_rows(values_only=True)
        _same_header([str(name) for name in next(rows, ())], columns, path)
        for cells in rows:
            yield [*cells, *[None] * (len(columns) - len(cells))]
    finally:
        book.close()


# ---- structures ----


def _structures(folder: Path, form: Form, records: Iterator[Record]) -> None:
    if form == "cif":
        for number, record in enumerate(records, start=1):
            if record.structure is not None:
                text = _named(record, record.structure, to_cif)
                write_text(folder / "structures" / f"{number:06d}-{file_name(record.key)}.cif", text)
        return

    def fill(stream: Any) -> None:
        for record in records:
            if record.structure is not None:
                stream.write(_named(record, record.structure, to_extxyz).encode())

    write_atomic(folder / "structures.extxyz", fill)


def _named(record: Record, structure: Structures, write: Callable[[Structures], list[str]]) -> str:
    try:
        return write(structure)[0]
    except DataError as error:
        raise DataError(
            f'record "{record.key}": {error} Export as jsonl, which holds every structure, or leave it out with a '
            "query."
        ) from error


def file_name(key: str) -> str:
    """A key as part of a file's name: letters, digits, "-" and "_"."""
    return re.sub(r"[^A-Za-z0-9-]+", "_", key).strip("_")[:60] or "record"


def checked_form(name: str) -> Form:
    """The form of that name.

    Raises
    ------
    ConfigError : there is none.
    """
    for form in FORMS:
        if form == name.lower().lstrip("."):
            return form
    raise ConfigError(f"--as {name}: a dataset is shared as {', '.join(FORMS)}.")
