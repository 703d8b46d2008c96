"""Tables of a retraining home: every value as text, never changed once written, known by their hash."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matloop.core.errors import RunError
from matloop.core.files import sha256, write_bytes
from matloop.data.collect import collect
from matloop.data.table import RawTable
from matloop.data.words import shown
from matloop.problem.question import Problem, Source

csv.field_size_limit(2**31 - 1)


@dataclass(frozen=True, slots=True)
class Texts:
    """A table of texts: `rows` have one text per name; an empty one is no value."""

    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, name: str) -> list[str]:
        """The values of one column."""
        place = self.names.index(name)
        return [row[place] for row in self.rows]

    def take(self, rows: Sequence[int]) -> Texts:
        """Some rows, in the given order."""
        return Texts(self.names, tuple(self.rows[row] for row in rows))

    def with_names(self, names: Sequence[str]) -> Texts:
        """The columns `names` in that order; what is not there is empty."""
        if tuple(names) == self.names:
            return self
        place = [self.names.index(name) if name in self.names else -1 for name in names]
        return Texts(tuple(names), tuple(tuple(row[p] if p >= 0 else "" for p in place) for row in self.rows))

    def plus(self, other: Texts) -> Texts:
        """The rows of another table below, with the columns of this one."""
        return Texts(self.names, (*self.rows, *other.with_names(self.names).rows))


def texts_of(raw: RawTable) -> Texts:
    """A table as it was read, as texts."""
    columns = [[_text(value) for value in values.tolist()] for values in raw.columns.values()]
    return Texts(raw.names, tuple(zip(*columns, strict=True)))


def _text(value: object) -> str:
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, default=str, sort_keys=True)
    if hasattr(value, "as_dict"):
        return json.dumps(value.as_dict(), default=str, sort_keys=True)
    return shown(value)


def raw_of(table: Texts, like: RawTable | None = None, missing: tuple[str, ...] = ()) -> RawTable:
    """A table of texts as one that was read, with the units and meanings that `like` knows of its columns."""
    from matloop.data.table import provenance

    columns: dict[str, NDArray] = {}
    for place, name in enumerate(table.names):
        column = np.empty(len(table), dtype=object)
        column[:] = [row[place] for row in table.rows]
        columns[name] = column
    known = provenance("labels", hashlib.sha256(encoded(table)).hexdigest(), columns)
    if like is None:
        return RawTable(columns, known, missing=missing)
    return RawTable(columns, known, describe=like.describe, missing=(*like.missing, *missing),
                    decimal_comma=like.decimal_comma)  # fmt: skip


def encoded(table: Texts) -> bytes:
    """The table as CSV."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(table.names)
    writer.writerows(table.rows)
    return stream.getvalue().encode("utf-8")


def keep(folder: Path, stem: str, table: Texts) -> tuple[str, str]:
    """Write a table beside the others of `folder`; returns its name ("0002-3f9c2a11b0de.csv") and its hash.

    Raises
    ------
    RunError : the disk is full, or the folder cannot be written.
    """
    content = encoded(table)
    digest = hashlib.sha256(content).hexdigest()
    path = folder / f"{stem}-{digest[:12]}.csv"
    if not path.exists():
        write_bytes(path, content)
    return path.name, digest


def kept(path: Path, digest: str) -> Texts:
    """A table that was kept.

    Raises
    ------
    RunError : it is gone, or was changed.
    """
    if not path.is_file() or sha256(path) != digest:
        raise RunError(f"{path}: the table is missing or was changed; its hash is not that of the log. Restore it from "
                       "a copy: what was learnt from it cannot be repeated otherwise.")  # fmt: skip
    with path.open(encoding="utf-8", newline="") as stream:
        rows = [tuple(row) for row in csv.reader(stream)]
    return Texts(rows[0], tuple(rows[1:]))


def source_of(problem: Problem, path: Path) -> Source:
    """The table at `path` as the data of a problem."""
    return Source(str(path), missing=problem.data.missing)


def read_source(problem: Problem, base: Path) -> RawTable:
    """The table that the problem file names."""
    return collect(problem.data, base=base)
