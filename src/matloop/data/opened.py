"""Tables that are read row by row from files which are more than text: archives, folders, trajectories, databases."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from matloop.core.errors import DataError
from matloop.data.table import RawTable, checked_rows, column_arrays, provenance
from matloop.problem.question import Source

UNREADABLE = "cannot be read: "
"""A cell of structures begins so where there is a reason instead of a structure."""
MOST_CELLS = 400_000_000


@dataclass(frozen=True, slots=True)
class Opened:
    """A table whose rows come one after another, so that it never has to stand in memory.

    names : columns. n_rows : how many rows come. rows : called, gives the rows anew, each a list of cells in the order
    of `names`. lost : {what is no row of the table: why}, as far as a list is worth reading. notes : what was decided.
    """

    names: tuple[str, ...]
    n_rows: int
    rows: Callable[[], Iterator[list[Any]]]
    lost: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def said(self) -> tuple[str, ...]:
        """The notes, and what is no row: ten by name, the others by number."""
        shown = [f"{name}: left out ({why})" for name, why in list(self.lost.items())[:10]]
        more = [f"and {len(self.lost) - 10:,} more entries left out"] if len(self.lost) > 10 else []
        return (*self.notes, *shown, *more)


def collected(opened: Opened, path: Path, source: Source) -> RawTable:
    """All rows of an opened table at once.

    Raises
    ------
    DataError : there are no rows, or more than memory should hold; or the file is damaged further down.
    """
    checked_rows(opened.n_rows, source.source, opened.names)
    if opened.n_rows * len(opened.names) > MOST_CELLS:
        raise DataError(
            f"{source.source}: {opened.n_rows:,} rows x {len(opened.names)} columns are too many cells to be held at "
            f"once ({MOST_CELLS:,}). Part the file, or make features of it, which reads it in pieces."
        )
    cells = np.empty((opened.n_rows, len(opened.names)), dtype=object)
    n = 0
    for n, row in enumerate(opened.rows(), start=1):
        cells[n - 1] = row
    columns = column_arrays(opened.names, cells[:n])
    sha256 = file_hash(path) if path.is_file() else _cells_hash(cells[:n])
    return RawTable(
        columns, provenance(source.source, sha256, columns), notes=opened.said(), missing=source.missing,
        folder=str(path) if path.is_dir() else "",
    )  # fmt: skip


def file_hash(path: Path) -> str:
    """SHA-256 of a file of any length."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _cells_hash(cells: np.ndarray) -> str:
    digest = hashlib.sha256()
    for row in cells:
        digest.update("\0".join(map(str, row)).encode() + b"\n")
    return digest.hexdigest()
