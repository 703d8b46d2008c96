"""Traces that a leak leaves in a table: scaled over all rows, encoded by the answers, twins, rows of the future."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.core.errors import DataError
from matloop.evaluate.leaks.values import LeakCheck

FEWEST_LEVEL_ROWS = 2
MOST_NAMED = 5
ROUNDING = 3.0
"""Standard errors of the rounding of written digits within which a mean counts as exactly 0."""


@dataclass(frozen=True, slots=True)
class FeatureColumns:
    """A table as given, before anything of ours touches it.

    numbers : name -> shape (n,), NaN missing. words : name -> shape (n,), empty text missing.
    """

    numbers: Mapping[str, FloatArray]
    words: Mapping[str, np.ndarray]
    n_rows: int


def check_columns(columns: FeatureColumns, y: ArrayLike, *, test: ArrayLike | None = None) -> tuple[LeakCheck, ...]:
    """Look in feature columns for what all rows, or all answers, have written into them.

    Parameters
    ----------
    y : shape (n,), the target as a number (class index for classes), NaN unknown.
    test : shape (n,), True for held-out rows where there is one fixed split; a column that was made from the training
        rows alone is then told from one that was made from all.

    Raises
    ------
    DataError : lengths differ.
    """
    target = np.asarray(y, dtype=np.float64)
    held = None if test is None else np.asarray(test, dtype=bool)
    for name, found in (("y", target), ("test", held)):
        if found is not None and found.shape != (columns.n_rows,):
            raise DataError(f"{name} has shape {found.shape}, the table {columns.n_rows} rows. Give one entry per row.")
    return _scaled(columns, held), _encoded(columns, target, held)


def check_time(time: ArrayLike, fold: ArrayLike) -> LeakCheck:
    """Whether a split into folds, or one held-out part, trains on rows that are later than those it is judged on.

    Parameters
    ----------
    time : shape (n,), any number that grows with time; NaN unknown.
    fold : shape (n,), the part of each row; each part is judged by a model of all parts before it in time only if no
        training row is later. A fold of -1 is never held out.
    """
    when, part = np.asarray(time, dtype=np.float64), np.asarray(fold)
    names = [one for one in np.unique(part) if one != -1]
    late, judged = 0, 0
    for one in names:
        inside, outside = (part == one) & np.isfinite(when), (part != one) & np.isfinite(when)
        if inside.any() and outside.any():
            late += int((when[inside] < when[outside].max()).sum())
            judged += int(inside.sum())
    if not judged:
        return LeakCheck("time travel", "not checked", "no row has both a time and a fold.")
    if late:
        said = (
            f"{late:,} of {judged:,} held-out rows are older than a row that their model learns from. If new rows "
            "will be later than the known ones, hold out the latest rows (split.ordered: ForwardInTime)."
        )
        return LeakCheck("time travel", "leak", said)
    return LeakCheck("time travel", "clean", f"all {judged:,} held-out rows are later than the training rows.")


def check_twins(same: ArrayLike, fold: ArrayLike, *, shown: Sequence[str] = ()) -> LeakCheck:
    """Whether rows that cannot be told apart stand in different folds.

    Parameters
    ----------
    same : shape (n,), equal entries for rows with equal inputs (see `split.groups.fingerprints`). fold : shape (n,).
    shown : what a reader knows each row by.
    """
    kinds, at = np.unique(np.asarray(same), return_inverse=True)
    part = np.unique(np.asarray(fold), return_inverse=True)[1].reshape(-1)
    lowest, highest = np.full(len(kinds), part.max(initial=0)), np.zeros(len(kinds), dtype=np.int64)
    np.minimum.at(lowest, at.reshape(-1), part)
    np.maximum.at(highest, at.reshape(-1), part)
    split = np.flatnonzero((lowest < highest)[at.reshape(-1)])
    if not len(split):
        return LeakCheck("duplicates across folds", "clean", "rows with equal inputs are in one fold.")
    names = [shown[row] if shown else f"row {row + 1}" for row in split[:MOST_NAMED].tolist()]
    said = (
        f"{len(split):,} rows have a twin with the same inputs in another fold ({', '.join(dict.fromkeys(names))}"
        f"{', ...' if len(split) > MOST_NAMED else ''}). Give twins one group, or merge them."
    )
    return LeakCheck("duplicates across folds", "leak", said, rows=tuple(split[:100].tolist()))


def _scaled(columns: FeatureColumns, held: BoolArray | None) -> LeakCheck:
    name = "scaled over all rows"
    found = [column for column, x in columns.numbers.items() if _standardised(x) and not _made_in_training(x, held)]
    ranged = [column for column, x in columns.numbers.items() if _unit_range(x)]
    wide = [column for column, x in columns.numbers.items() if len(np.unique(x[np.isfinite(x)])) > 2]
    if len(ranged) >= 3 and len(ranged) == len(wide):  # one column from 0 to 1 is common, every column is not
        found += [column for column in ranged if not _made_in_training(columns.numbers[column], held)]
    if not found:
        return LeakCheck(name, "clean", "no column has exactly the mean and spread that scaling of all rows gives.")
    said = (
        f"{_named(found)} {'was' if len(found) == 1 else 'were'} scaled with mean and spread (or range) of all "
        f"{columns.n_rows:,} rows, held-out ones included. Give unscaled columns, and scale inside each fold."
    )
    return LeakCheck(name, "leak", said, columns=tuple(found))


def _standardised(x: FloatArray) -> bool:
    """Mean 0 and standard deviation 1 to the digits that are written, which no measured column has by chance."""
    known = x[np.isfinite(x)]
    if len(known) < 10 or len(np.unique(known)) < 3:
        return False
    step = _step(known)
    slack = max(ROUNDING * step / np.sqrt(12.0 * len(known)), 1e-7)
    spread = min(abs(known.std() - 1.0), abs(known.std(ddof=1) - 1.0))
    return bool(step < 0.02 and abs(known.mean()) <= slack and spread <= slack)


def _step(x: FloatArray) -> float:
    """The last written digit: the largest power of ten that all values are multiples of."""
    for digits in range(0, 12):
        if np.allclose(x, np.round(x, digits), rtol=0.0, atol=1e-13):
            return 10.0**-digits
    return 1e-12


def _unit_range(x: FloatArray) -> bool:
    known = x[np.isfinite(x)]
    if len(known) < 10 or len(np.unique(known)) < 3:
        return False
    return bool(abs(known.min()) < 1e-12 and abs(known.max() - 1.0) < 1e-12)


def _made_in_training(x: FloatArray, held: BoolArray | None) -> bool:
    """Whether the training rows alone have the mean 0 and spread 1 (or range 0 to 1) as exactly as all rows have."""
    if held is None or not held.any() or held.all():
        return False
    training = x[~held]
    return _standardised(training) or (_unit_range(training) and not _unit_range(x))


def _encoded(columns: FeatureColumns, y: FloatArray, held: BoolArray | None) -> LeakCheck:
    name = "encoded by the answers"
    known = np.isfinite(y)
    found = [column for column, x in columns.numbers.items() if _is_level_mean(x, y, known, held)]
    for word, values in columns.words.items():
        level = np.unique(np.asarray(values, dtype=str), return_inverse=True)[1].reshape(-1)
        found += [
            f"{column} (mean over {word} without the row itself)"
            for column, x in columns.numbers.items()
            if column not in found and _is_left_out_mean(x, y, level, known)
        ]
    if not found:
        return LeakCheck(name, "clean", "no column holds means of the target over its own rows.")
    said = (
        f"{_named(found)} {'holds' if len(found) == 1 else 'hold'} the mean of the target over rows with something in "
        "common, held-out rows included: the answer is in the question. Encode inside each fold, from training rows."
    )
    return LeakCheck(name, "leak", said, columns=tuple(found))


def _is_level_mean(x: FloatArray, y: FloatArray, known: BoolArray, held: BoolArray | None) -> bool:
    """Whether `x` takes few values, each the mean of `y` over the rows that have it (shrunk to the overall mean)."""
    rows = np.flatnonzero(known & np.isfinite(x))
    levels, at, counts = np.unique(x[rows], return_inverse=True, return_counts=True)
    often = counts >= FEWEST_LEVEL_ROWS
    if often.sum() < 3 or len(levels) > 0.5 * len(rows) or counts[often].sum() < 0.5 * len(rows):
        return False
    if held is not None and _fits(levels, *_means(y[rows], at.reshape(-1), len(levels), ~held[rows])):
        return False
    return _fits(levels, *_means(y[rows], at.reshape(-1), len(levels), np.ones(len(rows), dtype=bool)))


def _means(y: FloatArray, at: IntArray, n: int, use: BoolArray) -> tuple[FloatArray, IntArray, float]:
    """Mean of `y` and count per level over the rows `use`, and the overall mean."""
    counts = np.bincount(at[use], minlength=n)
    sums = np.bincount(at[use], weights=y[use], minlength=n)
    return sums / np.maximum(counts, 1), counts, float(y[use].mean())


def _fits(levels: FloatArray, means: FloatArray, counts: IntArray, overall: float) -> bool:
    """Whether levels are the means, plain or shrunk: (n mean + m overall) / (n + m) with one m for all levels."""
    seen = counts >= FEWEST_LEVEL_ROWS
    scale = np.ptp(means[seen]) if seen.sum() > 2 else 0.0
    if not scale:
        return False
    away, shift = levels[seen] - overall, means[seen] - levels[seen]
    weight = float(shift @ (away / counts[seen])) / max(float((away / counts[seen]) @ (away / counts[seen])), 1e-300)
    shrunk = (counts[seen] * means[seen] + max(weight, 0.0) * overall) / (counts[seen] + max(weight, 0.0))
    return bool(np.abs(shrunk - levels[seen]).max() <= 1e-3 * scale)


def _is_left_out_mean(x: FloatArray, y: FloatArray, level: IntArray, known: BoolArray) -> bool:
    """Whether `x` is the mean of `y` over the other rows of the same level."""
    rows = np.flatnonzero(known & np.isfinite(x))
    counts = np.bincount(level[rows])
    often = rows[counts[level[rows]] >= 3]
    if len(often) < 10 or len(often) < 0.5 * len(rows):
        return False
    sums = np.bincount(level[rows], weights=y[rows])
    others = (sums[level[often]] - y[often]) / (counts[level[often]] - 1)
    scale = np.ptp(others)
    return bool(scale > 0 and np.median(np.abs(others - x[often])) <= 1e-6 * scale)


def _named(columns: Sequence[str]) -> str:
    shown = ", ".join(repr(column) for column in columns[:MOST_NAMED])
    return shown if len(columns) <= MOST_NAMED else f"{shown} and {len(columns) - MOST_NAMED} more columns"
