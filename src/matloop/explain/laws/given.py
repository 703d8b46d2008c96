"""The table that laws are sought in: read, checked, brought to the units of the law."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import DataError
from matloop.explain.laws.dimensions import Quantities, quantities

MISSING = 0.2
"""A column with a larger share of missing values is left out; of the others, the rows with one."""


@dataclass(frozen=True, slots=True)
class Table:
    """X : shape (n_rows, n_inputs), in the units of the law, finite. y : numbers, or 0 and 1. groups : numbers."""

    X: FloatArray
    y: FloatArray
    given: Quantities
    groups: IntArray
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def at_most(self, n: int, seed: int) -> tuple[Table, tuple[str, ...]]:
        """A random part of the rows if there are more than `n`, and a note that says so."""
        if len(self.y) <= n:
            return self, ()
        rows = np.sort(np.random.default_rng([seed, 3]).permutation(len(self.y))[:n])
        note = f"sought on {n:,} of {len(self.y):,} rows, drawn at random"
        return replace(self, X=self.X[rows], y=self.y[rows], groups=self.groups[rows]), (note,)


def read_table(
    X: ArrayLike, y: ArrayLike, names: Sequence[str] | None, units: Sequence[str | None] | None, target: str,
    target_unit: str | None, *, task: Literal["regression", "classification"], groups: ArrayLike | None,
) -> Table:  # fmt: skip
    """Check shapes, leave out what is missing, read units.

    Raises
    ------
    DataError : the message says which length or column is wrong and what to do.
    """
    rows = np.asarray(X, dtype=np.float64)
    if rows.ndim != 2 or not rows.size:
        raise DataError(f"X has shape {rows.shape}; a table of rows and columns with at least one of each is needed.")
    labels = [f"x{k}" for k in range(rows.shape[1])] if names is None else [str(name) for name in names]
    texts: list[str | None] = [""] * rows.shape[1] if units is None else list(units)
    _same_length("names", len(labels), rows.shape[1], "columns of X")
    _same_length("units", len(texts), rows.shape[1], "columns of X")
    raw = np.asarray(y).ravel()
    _same_length("y", len(raw), len(rows), "rows of X")
    index = np.arange(len(rows)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    _same_length("groups", len(index), len(rows), "rows of X")
    values, classes = _classes(raw) if task == "classification" else (_numbers(raw), ())
    given = quantities(labels, texts, target, "" if classes else target_unit)
    columns, kept, notes = _complete(rows, values, labels)
    taken = given.taken(rows)
    taken[:, ~columns] = 0.0  # a constant: never used
    y_taken = values if classes else values * given.target.scale + given.target.offset
    if np.ptp(y_taken[kept]) == 0:
        raise DataError(
            f"{target!r} has one value only on the {int(kept.sum())} complete rows: there is nothing to find."
        )
    return Table(taken[kept], y_taken[kept], given, np.asarray(index, dtype=np.int64)[kept], classes, notes)


def _same_length(what: str, found: int, wanted: int, of: str) -> None:
    if found != wanted:
        raise DataError(f"{what}: {found} given for {wanted} {of}. Give one for each.")


def _numbers(raw: np.ndarray) -> FloatArray:
    try:
        return np.asarray(raw, dtype=np.float64)
    except ValueError as error:
        raise DataError(f"y holds {str(raw[0])!r}, which is no number. For words use task='classification'.") from error


def _classes(raw: np.ndarray) -> tuple[FloatArray, tuple[str, ...]]:
    missing = np.array([v is None or v != v for v in raw.tolist()])
    words = np.unique(raw[~missing])
    if len(words) != 2:
        raise DataError(
            f"y has {len(words)} classes; a rule needs two. Put classes together, or ask for one against the rest: "
            "find_laws(X, y == 'metal', ..., task='classification')."
        )
    found = np.where(missing, np.nan, (raw == words[1]).astype(float))
    return found, (str(words[0]), str(words[1]))


def _complete(rows: FloatArray, y: FloatArray, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Columns that are mostly there, rows without a gap in them, and what was left out."""
    there = np.isfinite(rows)
    columns = there.mean(axis=0) >= 1.0 - MISSING
    kept = there[:, columns].all(axis=1) & np.isfinite(y)
    notes = []
    if not columns.all():
        gone = [names[k] for k in np.flatnonzero(~columns).tolist()]
        notes.append(
            f"left out, too many values missing: {', '.join(gone[:5])}{' and others' if len(gone) > 5 else ''}"
        )
    if not kept.all():
        notes.append(f"left out: {int((~kept).sum())} of {len(y)} rows with a missing value")
    if kept.sum() < 3:
        raise DataError(
            f"{int(kept.sum())} complete rows of {len(y)}: a law needs more. Fill gaps or leave columns out."
        )
    return columns, kept, tuple(notes)
