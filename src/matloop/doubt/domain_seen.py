"""What the training rows held at all: elements, words, filled columns, ranges; and what is unusual in a row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import Arrays, BoolArray, FloatArray, IntArray, TextArray, taken, within
from matloop.core.errors import BundleError
from matloop.represent.table import FeatureTable

MARGIN = 0.05
"""A number may lie outside the trained range by this share of it."""
MOST_WORDS = 50
_KINDS = (":fractions", ":number", ":category")


@dataclass(frozen=True, slots=True)
class Seen:
    """What occurred in training.

    names : shape (n_features,), feature columns.
    fractions : positions of element fraction columns no training row has any of.
    numbers, low, high : positions and allowed ranges of number inputs. complete : positions of columns (numbers,
        categories, fractions) that no training row misses.
    words : shape (n_words, 2), (column, code) of each category word that occurs in training.
    typical_low, typical_high : shape (n_features,), 1 and 99 % of the training values, for the reason in words.
    """

    names: TextArray
    fractions: IntArray
    numbers: IntArray
    low: FloatArray
    high: FloatArray
    complete: IntArray
    words: IntArray
    typical_low: FloatArray
    typical_high: FloatArray

    def never(self, X: FloatArray, known: dict[int, str]) -> list[tuple[int, str]]:
        """(row, why) of everything in `X` that never occurred; `known` has reasons given before, by row."""
        found: list[tuple[int, str]] = []
        for row, column in np.argwhere(X[:, self.fractions] > 0).tolist():
            found.append((row, f"contains {self._element(self.fractions[column])}, never seen in training"))
        missing = np.isnan(X[:, self.complete])
        for row in np.flatnonzero(missing.any(axis=1)).tolist():
            first = self.names[self.complete[missing[row].argmax()]]
            found.append((row, known.get(row, f"{first} is missing, it never was in training")))
        for column in np.unique(self.words[:, 0]).tolist():
            codes = self.words[self.words[:, 0] == column, 1]
            values = X[:, column]
            for row in np.flatnonzero(~np.isnan(values) & ~np.isin(values, codes)).tolist():
                found.append((row, f"this {self.names[column]} was never seen in training"))
        values = X[:, self.numbers]
        for row, column in np.argwhere((values < self.low) | (values > self.high)).tolist():
            edge = (self.high[column] - self.low[column]) * MARGIN / (1.0 + 2.0 * MARGIN)
            span = f"{_short(self.low[column] + edge)} to {_short(self.high[column] - edge)}"
            found.append((row, f"{self.names[self.numbers[column]]} {_short(values[row, column])} outside {span}"))
        return found

    def most_unusual(self, x: FloatArray, standard: FloatArray, columns: IntArray) -> str:
        """What stands out most in a row, in words; `standard` are its standardised features at `columns`."""
        if standard.size == 0:
            return ""
        if amount := self._most_unusual_amount(x):
            return amount
        column = int(columns[int(np.abs(standard).argmax())])
        if column >= len(self.names):
            word = self.words[column - len(self.names), 0]
            return f", most unusual: {self.names[word]}"
        low, high = _short(self.typical_low[column]), _short(self.typical_high[column])
        return f", most unusual: {self.names[column]} {_short(x[column])} (most training rows: {low} to {high})"

    def _most_unusual_amount(self, x: FloatArray) -> str:
        """The common element whose amount is furthest above what most training rows hold: a chemist reads it first."""
        above = np.flatnonzero((self.typical_high > 0.0) & (x > self.typical_high)).tolist()
        common = [column for column in above if "fraction " in str(self.names[column])]
        if not common:
            return ""
        column = max(common, key=lambda k: float(x[k] / self.typical_high[k]))
        low, high, found = (_short(100.0 * v) for v in (self.typical_low[column], self.typical_high[column], x[column]))
        return f", most unusual: {found} at% {self._element(column)} (most training rows: {low} to {high})"

    def _element(self, column: int) -> str:
        return str(self.names[column]).rsplit(" ", 1)[-1]

    def expanded(self, X: FloatArray) -> FloatArray:
        """Columns as they are, then one per category word; the code columns themselves, and columns of very many words,
        are blanked, because a place in a list is no distance."""
        if len(self.words) == 0:
            return X
        inside = X.copy()
        columns, counts = np.unique(self.words[:, 0], return_counts=True)
        marks = (X[:, self.words[:, 0]] == self.words[:, 1]).astype(np.float64)
        marks[:, np.isin(self.words[:, 0], columns[counts > MOST_WORDS])] = 0.0
        inside[:, columns] = 0.0
        return np.hstack([inside, marks])

    @property
    def n_expanded(self) -> int:
        """Columns of `expanded`."""
        return len(self.names) + len(self.words)

    def to_arrays(self) -> Arrays:
        return {name: getattr(self, name) for name in _PLAIN}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Seen:
        """The value that `to_arrays` gave, checked (BundleError)."""
        names = taken(arrays, "names", kind="U")
        n = len(names)
        columns = {name: within(arrays, name, 0, n).astype(np.int64) for name in ("fractions", "numbers", "complete")}
        words = taken(arrays, "words", kind="iu", ndim=2).astype(np.int64)
        limits = {name: taken(arrays, name).astype(np.float64) for name in ("low", "high")}
        typical = {name: taken(arrays, name).astype(np.float64) for name in ("typical_low", "typical_high")}
        if words.shape[1] != 2 or (words.size and (words.min() < 0 or words[:, 0].max() >= n)):
            raise BundleError(
                "the category words of the domain point to impossible columns. The bundle is not trusted."
            )
        if any(len(part) != len(columns["numbers"]) for part in limits.values()) or any(
            len(part) != n for part in typical.values()
        ):
            raise BundleError("the arrays of the domain do not fit each other. The bundle is not trusted.")
        return cls(
            names, columns["fractions"], columns["numbers"], limits["low"], limits["high"], columns["complete"], words,
            typical["typical_low"], typical["typical_high"],
        )  # fmt: skip


_PLAIN = ("names", "fractions", "numbers", "low", "high", "complete", "words", "typical_low", "typical_high")


def fit_seen(table: FeatureTable) -> Seen:
    """Learn what occurs in training rows; columns whose origin ends with ":fractions" are element fractions, ":number"
    and ":category" are process inputs."""
    X = table.X
    is_fraction, is_number, is_category = (_ending(table, tail) for tail in _KINDS)
    checked = is_fraction | is_number | is_category
    low, high, numbers = _ranges(X, np.flatnonzero(is_number))
    shown = np.nan_to_num(np.where(np.isfinite(X), X, np.nan), nan=0.0)
    return Seen(
        names=np.array(table.names, dtype=np.str_),
        fractions=np.flatnonzero(is_fraction & ~(X > 0).any(axis=0)).astype(np.int64),
        numbers=numbers,
        low=low,
        high=high,
        complete=np.flatnonzero(checked & ~np.isnan(X).any(axis=0)).astype(np.int64),
        words=_words(X, np.flatnonzero(is_category)),
        typical_low=np.quantile(shown, 0.01, axis=0),
        typical_high=np.quantile(shown, 0.99, axis=0),
    )


def new_things(table: FeatureTable, part: IntArray) -> BoolArray:
    """Whether a row has an element or a number that no row of another part has (or comes near); shape (n,)."""
    X, found = table.X, np.zeros(len(table), dtype=bool)
    fractions = np.flatnonzero(_ending(table, _KINDS[0]))
    numbers = np.flatnonzero(_ending(table, _KINDS[1]))
    holds = X[:, fractions] > 0
    for one in np.unique(part):
        out, rest = part == one, part != one
        found[out] = holds[out][:, ~holds[rest].any(axis=0)].any(axis=1)
        low, high, columns = _ranges(X[rest], numbers)
        found[out] |= ((X[out][:, columns] < low) | (X[out][:, columns] > high)).any(axis=1)
    return found


def _ending(table: FeatureTable, tail: str) -> BoolArray:
    return np.array([origin.endswith(tail) for origin in table.origins], dtype=bool)


def _ranges(X: FloatArray, columns: IntArray) -> tuple[FloatArray, FloatArray, IntArray]:
    """Allowed ranges of number columns that have values: the trained range and a margin."""
    filled = np.isfinite(X[:, columns])
    used = columns[filled.any(axis=0)]
    values = np.where(np.isfinite(X[:, used]), X[:, used], np.nan)
    if len(used) == 0:
        return np.empty(0), np.empty(0), used.astype(np.int64)
    low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
    margin = MARGIN * (high - low) + 1e-9 * np.maximum(np.abs(low), np.abs(high))
    return low - margin, high + margin, used.astype(np.int64)


def _words(X: FloatArray, columns: IntArray) -> IntArray:
    """(column, code) of every word that occurs, shape (n_words, 2)."""
    pairs = [(int(c), int(code)) for c in columns for code in np.unique(X[np.isfinite(X[:, c]), c])]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _short(value: float) -> str:
    return f"{value:.4g}"
