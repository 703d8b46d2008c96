"""A table of element properties of one's own: a CSV with the element's symbol first, then numbers."""

from __future__ import annotations

import csv
import gzip
import io
import math
import re
import zlib
from pathlib import Path

import numpy as np

from matloop.core.arrays import FloatArray, frozen
from matloop.core.elements import MAX_Z, Z_OF, ElementTable
from matloop.core.errors import DataError, all_faults

LARGEST = 64 * 2**20
"""Bytes of a table, unpacked: 118 elements times some ten thousand numbers."""
MISSING = frozenset({"", "nan", "na", "n/a", "none", "null", "-"})
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def read_element_table(path: str | Path) -> ElementTable:
    """The table in a CSV file (also gzipped), by the rules of `parse_element_table`.

    Raises
    ------
    DataError : the file cannot be read, or its content breaks a rule; the message names file, row and column.
    """
    return parse_element_table(element_table_text(path), str(path))


def element_table_text(path: str | Path) -> str:
    """The text of a CSV file (also gzipped) of an element table.

    Raises
    ------
    DataError : the file cannot be read, is no text, or too large.
    """
    place = Path(path)
    try:
        with gzip.open(place, "rb") if place.suffix == ".gz" else place.open("rb") as stream:
            content = stream.read(LARGEST + 1)
        text = content.decode("utf-8-sig")
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"the element table {str(path)!r} cannot be read: {error}.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"the element table {str(path)!r} is no UTF-8 text. Save it as CSV in UTF-8.") from error
    if len(content) > LARGEST:
        raise DataError(f"the element table {str(path)!r} is larger than {LARGEST:,} bytes: is it one?")
    return text


def parse_element_table(text: str, name: str = "element table") -> ElementTable:
    """A table from the text of a CSV: a header, then a line per element with its symbol in the first column.

    An empty cell (or nan, na, none, null, -) is a value that is not known. A column without any number, such as one of
    names, is left out; a column with numbers must hold nothing else. Elements may be missing, in any order.

    Parameters
    ----------
    name : what messages call it

    Raises
    ------
    DataError : no header or rows, an unknown element or one that stands twice, a row of another length, text among
        numbers, a column name that is empty or stands twice, no column of numbers. All faults of rows at once.

    Examples
    --------
    >>> parse_element_table("element,hardness\\nFe,4.0\\nO,\\n").column("hardness")[26]
    4.0
    """
    header, lines = _lines(text, name)
    faults: list[str] = []
    cells: dict[int, list[str]] = {}
    for row, line in lines:
        symbol = line[0]
        if symbol not in Z_OF:
            faults.append(f"row {row}: {symbol[:20]!r} is no element. The first column holds symbols such as Fe")
        elif len(line) != len(header):
            faults.append(f"row {row} ({symbol}): {len(line)} cells, the header has {len(header)}")
        elif Z_OF[symbol] in cells:
            faults.append(f"row {row}: {symbol} stands there twice")
        else:
            cells[Z_OF[symbol]] = line[1:]
    if faults:
        raise DataError(all_faults(f"{name}: correct these rows of the element table:", faults))
    return _table(header[1:], cells, {Z_OF[line[0]]: row for row, line in lines}, name)


def _lines(text: str, name: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Header and numbered lines (the header is row 1), blanks trimmed, empty lines dropped."""
    try:
        read = [
            (row, [cell.strip() for cell in line])
            for row, line in enumerate(csv.reader(io.StringIO(text), strict=True), 1)
        ]
    except csv.Error as error:
        raise DataError(f"{name} is no CSV: {error}.") from error
    read = [(row, line) for row, line in read if any(line)]
    if len(read) < 2 or len(read[0][1]) < 2:
        raise DataError(f"{name}: a header and a line per element are needed, as in 'element,hardness' and 'Fe,4.0'.")
    header = read[0][1]
    for place, title in enumerate(header[1:], start=2):
        if not title or title in header[1 : place - 1]:
            raise DataError(
                f"{name}: column {place} is called {title!r}, which is empty or stands there twice. Rename it."
            )
    return header, read[1:]


def _table(titles: list[str], cells: dict[int, list[str]], rows: dict[int, int], name: str) -> ElementTable:
    """Columns of numbers; faults name row and column."""
    kept: list[str] = []
    columns: list[FloatArray] = []
    faults: list[str] = []
    for place, title in enumerate(titles):
        values, odd = np.full(MAX_Z + 1, np.nan), {}
        for z, line in cells.items():
            cell = line[place]
            number = float(cell) if _NUMBER.fullmatch(cell) else math.nan
            if math.isfinite(number):
                values[z] = number
            elif cell.lower() not in MISSING:
                odd[z] = cell
        if np.isfinite(values).any():
            faults += [f"row {rows[z]}, column {title!r}: {cell[:40]!r} is no number" for z, cell in odd.items()]
            kept.append(title)
            columns.append(values)
    if faults:
        raise DataError(all_faults(f"{name}: correct or empty these cells of the element table:", faults))
    if not kept:
        raise DataError(f"{name}: no column holds numbers. Found the columns {', '.join(map(repr, titles[:10]))}.")
    return ElementTable(tuple(kept), frozen(np.column_stack(columns)))
