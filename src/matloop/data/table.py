"""A table as it was found: every value as written, the row and line it stood in, and where the file came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import IntArray
from matloop.core.errors import DataError
from matloop.data.dataset import Provenance
from matloop.problem.fault import did_you_mean


@dataclass(frozen=True, slots=True)
class ColumnCard:
    """What is known about a column of a published set: its unit and what it means."""

    unit: str = ""
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class RawTable:
    """Columns as written, before anybody read meaning into them.

    columns : {name: array of shape (n_rows,)}. From text formats each value is the string as written (no guess at what
        is missing: "NaN" is sodium nitride, stoichiometry unknown, until the column is read as a number); from Excel,
        JSON, Parquet and data frames the value as stored (number, truth value, date, text, None).
    provenance : file, content hash, size, licence.
    lines : shape (n_rows,), the line of the file where each row begins; empty where a file has no lines.
    describe : {name: ColumnCard} of a published set.
    notes : what was decided while reading (delimiter, sheet, names of unnamed columns).
    missing : further spellings of "no value", from the problem file.
    decimal_comma : the table was separated by semicolons, so that a comma in a number is a decimal sign.
    folder : where the file lies, so that files named in it are found; empty where there is none.
    """

    columns: Mapping[str, NDArray]
    provenance: Provenance
    lines: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    describe: Mapping[str, ColumnCard] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    decimal_comma: bool = False
    folder: str = ""

    def __len__(self) -> int:
        return self.provenance.n_rows

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in the order of the file."""
        return tuple(self.columns)

    def column(self, name: str) -> NDArray:
        """The column called `name`.

        Raises
        ------
        DataError : there is none; the message gives the nearest names.
        """
        if name not in self.columns:
            raise DataError(f"{self.provenance.source}: {no_column(name, self.names)}")
        return self.columns[name]

    def where(self, row: int) -> str:
        """`row 17 (line 18)`: the 1-based data row, and its line where the file has lines."""
        if 0 < row <= len(self.lines):
            return f"row {row} (line {self.lines[row - 1]})"
        return f"row {row}"


def no_column(name: str, names: Sequence[str]) -> str:
    """`there is no column "tempreature". Did you mean "temperature"?`"""
    return f'there is no column "{name}". {did_you_mean(name, list(names), otherwise="The columns are")}'


def provenance(source: str, sha256: str, columns: Mapping[str, NDArray], **known: str) -> Provenance:
    """A `Provenance` of columns that were read just now."""
    n_rows = len(next(iter(columns.values()))) if columns else 0
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Provenance(source, sha256, n_rows, len(columns), retrieved=now, **known)


def named(header: Sequence[str], source: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of columns from a header (trimmed; an unnamed one is called by its place), and notes on what was changed.

    Raises
    ------
    DataError : two columns have the same name, or the header holds values instead of names.
    """
    names = [" ".join(str(name).split()) for name in header]
    unnamed = [i for i, name in enumerate(names) if not name]
    for i in unnamed:
        names[i] = f"column {i + 1}"
    _refuse_twins(names, source)
    _refuse_values(names, source)
    notes = tuple(f'column {i + 1} has no name and is called "{names[i]}"' for i in unnamed[:5])
    return tuple(names), notes


def _refuse_twins(names: Sequence[str], source: str) -> None:
    places: dict[str, list[int]] = {}
    for i, name in enumerate(names, start=1):
        places.setdefault(name, []).append(i)
    twins = [(name, at) for name, at in places.items() if len(at) > 1]
    if twins:
        found = "; ".join(f'"{name}" (columns {", ".join(map(str, at[:5]))})' for name, at in twins[:10])
        more = f" and {len(twins) - 10} more names" if len(twins) > 10 else ""
        raise DataError(
            f"{source}, header: duplicate column names: {found}{more}. A name must mean one column: rename or delete "
            "the others."
        )


def _refuse_values(names: Sequence[str], source: str) -> None:
    numbers = [_is_number(name) for name in names]
    if names and all(numbers) and list(names) != [str(i) for i in range(len(names))]:
        shown = ", ".join(f'"{name}"' for name in names[:3])
        raise DataError(
            f"{source}, line 1: the header holds numbers ({shown}) where names of columns are expected. "
            "Put a line with the column names first."
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def checked_rows(n_rows: int, source: str, names: Sequence[str]) -> None:
    """DataError if a table has a header and nothing below it."""
    if n_rows == 0:
        shown = ", ".join(f'"{name}"' for name in names[:5])
        raise DataError(f"{source}: there is a header ({shown}) but no row of data below it. Choose a table with rows.")


def column_arrays(names: Sequence[str], cells: NDArray) -> dict[str, NDArray]:
    """The columns of a 2-dimensional array of objects, each contiguous and read-only."""
    flipped = np.ascontiguousarray(cells.T)
    flipped.flags.writeable = False
    return {name: flipped[i] for i, name in enumerate(names)}
