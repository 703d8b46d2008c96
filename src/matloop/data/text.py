"""Delimited text: every field as the string it is, no guess at types or missing values."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import IntArray
from matloop.core.errors import DataError, all_faults
from matloop.data.table import RawTable, checked_rows, column_arrays, named, provenance
from matloop.problem.question import Source

_DELIMITERS = (",", ";", "\t", "|")
_NONE = "\x1f"  # stands in no table: a file of one column is not split at the commas inside its values
_LONGEST_FIELD = 1_000_000
_CHUNK = 20_000
_MOST_CELLS = 400_000_000


def read_text(content: bytes, source: Source, sha256: str) -> RawTable:
    """A table from comma, semicolon, tab or bar separated text, UTF-8 (or UTF-16 with its mark) unless told otherwise.

    Raises
    ------
    DataError : wrong encoding, no header, no rows, rows of unequal length, an open quotation mark.
    """
    text = decoded(content, source)
    if not text.strip():
        raise DataError(f"{source.source}: the file is empty. Choose a table with a header and rows.")
    delimiter = sniffed(text)
    header, names, notes, cells, lines = _cells(text, delimiter, source.source)
    checked_rows(len(cells), source.source, header)
    columns = column_arrays(names, cells)
    return RawTable(
        columns,
        provenance(source.source, sha256, columns),
        lines=lines,
        notes=notes,
        missing=source.missing,
        decimal_comma=delimiter == ";",
    )


def decoded(content: bytes, source: Source) -> str:
    """`content` as text.

    Raises
    ------
    DataError : not in that encoding; names the byte, its line, and what to write in the problem file.
    """
    encoding = source.encoding or _marked(content)
    try:
        codecs.lookup(encoding)
    except LookupError as error:
        raise DataError(
            f'{source.source}: encoding = "{encoding}" is not known. Common ones: "utf-8", "latin-1", "cp1252", '
            '"utf-16".'
        ) from error
    try:
        text = content.decode(encoding)
    except UnicodeError as error:
        raise DataError(_undecodable(content, source.source, encoding, error)) from error
    if "\0" in text[:100_000]:
        raise DataError(
            f"{source.source}: the file holds null bytes, so it is no text table. Save it as CSV, Excel (.xlsx), "
            "JSON lines or Parquet."
        )
    return text.removeprefix("\ufeff")


def _marked(content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return "utf-8-sig"


def _undecodable(content: bytes, name: str, encoding: str, error: UnicodeError) -> str:
    called = "UTF-8" if encoding == "utf-8-sig" else encoding
    if not isinstance(error, UnicodeDecodeError):
        return f"{name}: the text cannot be read as {called} ({error}). Give the right one under [data] encoding."
    start = error.start
    line = content.count(b"\n", 0, start) + 1
    around = content[max(0, start - 20) : start + 20].decode("latin-1").splitlines()
    shown = " ".join(around).strip()
    return (
        f"{name}, line {line}, byte {start}: 0x{content[start]:02x} is not {called} text (near {shown!r}). "
        'Save the file as UTF-8, or add encoding = "latin-1" under [data] if it comes from an older Windows program.'
    )


def sniffed(text: str) -> str:
    """The delimiter that splits the header and gives most lines as many fields as the header has."""
    sample = _first_lines(text, 50)
    best, best_rank = _NONE, (0.0, 0)
    for delimiter in _DELIMITERS:
        widths = [len(fields) for fields in _parsed(sample, delimiter) if fields]
        if not widths or max(widths) < 2:
            continue
        agree = float(np.mean([width == widths[0] for width in widths]))
        rank = (agree if widths[0] > 1 else 0.0, widths[0])
        if rank > best_rank and widths[0] > 1:
            best, best_rank = delimiter, rank
    return best


def _first_lines(text: str, n: int) -> str:
    lines = list(itertools.islice(io.StringIO(text, newline=""), n))
    return "".join(lines)


def _parsed(sample: str, delimiter: str) -> list[list[str]]:
    rows: list[list[str]] = []
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
    try:
        rows.extend(reader)
    except csv.Error:
        return rows
    return rows


def _cells(
    text: str, delimiter: str, name: str
) -> tuple[list[str], tuple[str, ...], tuple[str, ...], NDArray, IntArray]:
    before = csv.field_size_limit(_LONGEST_FIELD)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = next(fields for fields in reader if any(field.strip() for field in fields))
        names, notes = named(header, name)
        cells, lines, ragged = _rows(reader, len(names))
    except csv.Error as error:
        raise DataError(
            f"{name}, line {reader.line_num}: {error}. Most likely a quotation mark was opened and not closed there: "
            "close it, or double it where it is part of the text."
        ) from error
    finally:
        csv.field_size_limit(before)
    if ragged:
        raise DataError(all_faults(_ragged_headline(name, len(names), len(ragged), len(lines), delimiter), ragged))
    if len(lines) * len(names) > _MOST_CELLS:
        raise DataError(
            f"{name}: {len(lines):,} rows x {len(names):,} columns are too many cells for a text table "
            f"({_MOST_CELLS:,}). "
            "Keep the columns that the question needs, or save it as Parquet."
        )
    return header, names, notes, cells, lines


def _ragged_headline(name: str, width: int, n_ragged: int, n_rows: int, delimiter: str) -> str:
    shown = {"\t": "tab", _NONE: "none"}.get(delimiter, delimiter)
    return (
        f"{name}: {n_ragged} of {n_rows} rows do not have the {width} fields of the header (delimiter {shown!r}). "
        "Quote fields that "
        "contain the delimiter, or complete these rows:"
    )


def _rows(reader: Iterator[list[str]], width: int) -> tuple[NDArray, IntArray, list[str]]:
    """Cells (n_rows, width), the line where each row begins, and the rows that have another number of fields.

    Blank lines are skipped; empty fields beyond the header are cut: spreadsheets write such trailing commas. In a table
    of one column a blank line between rows is an empty value, and so is `""` even at the end.
    """
    chunks: list[NDArray] = []
    lines: list[int] = []
    ragged: list[str] = []
    rows: list[Sequence[str]] = []
    size = max(1, min(_CHUNK, 20_000_000 // width))
    written = 0
    begin = reader.line_num + 1  # type: ignore[attr-defined]
    for fields in reader:
        if width == 1:
            written = len(lines) + 1 if fields == [""] else written  # a blank line is [], two quotation marks are [""]
            fields = fields or [""]
        if fields:
            lines.append(begin)
            if len(fields) != width:
                fields, found = _fitted(fields, width)
                if found:
                    ragged.append(f"row {len(lines)} (line {begin}): {found} fields, expected {width}")
            rows.append(fields)
            if len(rows) >= size:
                chunks.append(_block(rows, width))
                rows = []
        begin = reader.line_num + 1  # type: ignore[attr-defined]
    chunks.append(_block(rows, width))
    cells = np.concatenate(chunks)
    keep = max(_without_empty_tail(cells), written)
    return cells[:keep], np.array(lines[:keep], dtype=np.int64), ragged


def _fitted(fields: list[str], width: int) -> tuple[list[str], int]:
    if len(fields) > width and not any(field.strip() for field in fields[width:]):
        return fields[:width], 0
    return (fields + [""] * width)[:width], len(fields)


def _block(rows: list[Sequence[str]], width: int) -> NDArray:
    block = np.empty((len(rows), width), dtype=object)
    if rows:
        block[:] = rows
    return block


def _without_empty_tail(cells: NDArray) -> int:
    keep = len(cells)
    while keep and not any(str(value).strip() for value in cells[keep - 1]):
        keep -= 1
    return keep
