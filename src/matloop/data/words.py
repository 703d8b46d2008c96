"""Columns as words, and the notes that reading leaves: why a value cannot be used, what was read as something else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import IntArray, TextArray
from matloop.data.table import RawTable

MISSING_WORDS = frozenset({"", "-", "--", "?", "n/a", "n.a.", "n.d.", "#n/a", "<na>"})
"""What counts as "no value" in a category or class; words that may mean something ("none", "NaN", "NA") stay words."""


@dataclass(frozen=True, slots=True)
class Why:
    """Why a row cannot be used: the column, what was found there, and the reason."""

    column: str
    found: str
    reason: str

    def __str__(self) -> str:
        found = self.found if len(self.found) <= 60 else self.found[:57] + "..."
        return f'column "{self.column}", {found!r}: {self.reason}' if self.column else self.reason


@dataclass(frozen=True, slots=True)
class Change:
    """A value that was read as something else than it says: 0-based row, column, what it was and became, why."""

    row: int
    column: str
    old: str
    new: str
    reason: str


def texts(column: NDArray) -> NDArray:
    """A column as trimmed strings (dtype object), shape (n_rows,); None and NaN are "", 27.0 is "27"."""
    return np.array([shown(value) for value in column.tolist()], dtype=object)


def shown(value: object) -> str:
    """One value as text."""
    if isinstance(value, str):
        return value.strip()
    if is_nothing(value):
        return ""
    if isinstance(value, float):
        if np.isnan(value):
            return ""
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value)


def is_nothing(value: object) -> bool:
    """Whether it is None, or what pandas puts in its place (told by name: looking must not load pandas)."""
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def distinct(values: Sequence[str]) -> tuple[IntArray, list[str]]:
    """Which distinct text each one is, shape (n,), and the distinct texts in the order of their appearance."""
    places: dict[str, int] = {}
    codes = np.fromiter((places.setdefault(value, len(places)) for value in values), np.int64, len(values))
    return codes, list(places)


def as_text(values: Sequence[str] | NDArray) -> TextArray:
    """Strings as a fixed-width array (also of length 0)."""
    return np.array(list(values), dtype=np.str_) if len(values) else np.empty(0, dtype="U1")


def read_words(
    raw: RawTable, name: str, words: Sequence[str] | None = None
) -> tuple[NDArray, tuple[Change, ...], tuple[str, ...]]:
    """A column as words: trimmed, and spellings that differ only in case or spaces merged.

    The most frequent spelling wins (at a tie the first in the alphabet), or that of `words` where it is one of them.
    """
    written = np.array(
        [value if isinstance(value, str) else shown(value) for value in raw.column(name).tolist()], dtype=object
    )
    codes, spellings = distinct(written.tolist())
    trimmed = [" ".join(word.split()) for word in spellings]
    no_value = MISSING_WORDS | {word.lower() for word in raw.missing}
    counts = np.bincount(codes, minlength=len(spellings))
    chosen = _chosen_spellings(trimmed, counts, words)
    final = ["" if word.lower() in no_value else chosen[word.casefold()] for word in trimmed]
    changed = np.array([old != new and new != "" for old, new in zip(trimmed, final, strict=True)], dtype=bool)
    why = "spelling differs only in upper and lower case from a more frequent one"
    rows = np.flatnonzero(changed[codes]) if len(codes) else np.empty(0, dtype=np.int64)
    changes = tuple(Change(int(row), name, str(written[row]), final[codes[row]], why) for row in rows)
    values = np.array(final, dtype=object)[codes] if len(final) else written
    return values, changes, ()


def _chosen_spellings(trimmed: Sequence[str], counts: IntArray, words: Sequence[str] | None) -> dict[str, str]:
    totals: dict[str, dict[str, int]] = {}
    for word, count in zip(trimmed, counts.tolist(), strict=True):
        variants = totals.setdefault(word.casefold(), {})
        variants[word] = variants.get(word, 0) + count
    chosen = {key: min(variants, key=lambda word: (-variants[word], word)) for key, variants in totals.items()}
    chosen.update({word.casefold(): word for word in words or () if word.casefold() in chosen})
    return chosen
