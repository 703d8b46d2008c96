"""Excel sheets: values as stored, the first filled row as header."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np

from matloop.core.errors import DataError
from matloop.data.table import RawTable, checked_rows, column_arrays, named, provenance
from matloop.problem.fault import did_you_mean
from matloop.problem.question import Source

_OLD_EXCEL = b"\xd0\xcf\x11\xe0"


def read_workbook(content: bytes, source: Source, sha256: str) -> RawTable:
    """A table from an .xlsx file: the sheet asked for, else the first.

    Raises
    ------
    DataError : not a readable workbook, no such sheet, empty sheet, values beyond the header.
    """
    names, rows, lines, notes = _sheet(content, source)
    place = source.source + (f", sheet {source.sheet!r}" if source.sheet else "")
    checked_rows(len(rows), place, names)
    cells = np.empty((len(rows), len(names)), dtype=object)
    cells[:] = rows
    columns = column_arrays(names, cells)
    return RawTable(
        columns,
        provenance(source.source, sha256, columns, query=f"sheet={source.sheet}" if source.sheet else ""),
        lines=np.array(lines, dtype=np.int64),
        notes=notes,
        missing=source.missing,
    )


def _sheet(content: bytes, source: Source) -> tuple[tuple[str, ...], list[list[Any]], list[int], tuple[str, ...]]:
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    if content.startswith(_OLD_EXCEL):
        raise DataError(
            f"{source.source}: this is an Excel file of the old kind (.xls) or is protected by a password. "
            "Open it and save it as .xlsx or CSV, without a password."
        )
    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        titles = list(book.sheetnames)
        title = _chosen(titles, source)
        rows = [list(row) for row in book[title].iter_rows(values_only=True)]
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, OSError, SyntaxError, EOFError) as error:
        raise DataError(
            f"{source.source}: cannot be read as an Excel workbook ({error}). Open it in a spreadsheet program and "
            "save it again as .xlsx or CSV."
        ) from error
    names, body, lines, notes = _framed(rows, f"{source.source}, sheet {title!r}")
    if len(titles) > 1 and not source.sheet:
        notes = (
            f"of {len(titles)} sheets the first, {title!r}, was read; another one is chosen by sheet = ...",
            *notes,
        )
    return names, body, lines, notes


def _chosen(titles: list[str], source: Source) -> str:
    if not source.sheet:
        return titles[0]
    if source.sheet not in titles:
        hint = did_you_mean(source.sheet, titles, otherwise="The sheets are")
        raise DataError(f'{source.source}: there is no sheet "{source.sheet}". {hint}')
    return source.sheet


def _framed(rows: list[list[Any]], place: str) -> tuple[tuple[str, ...], list[list[Any]], list[int], tuple[str, ...]]:
    filled = [i for i, row in enumerate(rows) if any(not _blank(value) for value in row)]
    if not filled:
        raise DataError(f"{place}: the sheet is empty. Choose another one with sheet = ... under [data].")
    top = filled[0]
    width = max(j + 1 for i in filled for j, value in enumerate(rows[i]) if not _blank(value))
    header = ["" if value is None else str(value) for value in rows[top][:width]]
    header += [""] * (width - len(header))
    names, notes = named(header, place)
    body = [(row + [None] * width)[:width] for row in rows[top + 1 : filled[-1] + 1]]
    lines = [i + 1 for i in range(top + 1, filled[-1] + 1)]
    kept = [i for i, row in enumerate(body) if any(not _blank(value) for value in row)]
    return names, [body[i] for i in kept], [lines[i] for i in kept], notes


def _blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())
