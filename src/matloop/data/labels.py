"""What is asked for: the values of a target with errors and limits, or why a value cannot be used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from matloop.core import units
from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.core.errors import DataError
from matloop.data.dataset import Labels
from matloop.data.inputs import number_column
from matloop.data.table import RawTable
from matloop.data.words import Change, Why, read_words, shown
from matloop.problem.fault import did_you_mean
from matloop.problem.question import Target

MOST_CLASSES = 200


@dataclass(frozen=True, slots=True)
class LabelsRead:
    """One target of all rows: `labels` (NaN: none, or not usable), why values are not usable, what was changed."""

    labels: Labels
    unusable: Mapping[int, Why]
    changes: tuple[Change, ...]
    notes: tuple[str, ...]

    @property
    def present(self) -> BoolArray:
        """Rows with a usable value, shape (n_rows,)."""
        return np.isfinite(self.labels.values)


def read_labels(raw: RawTable, target: Target) -> LabelsRead:
    """The values of a target.

    Raises
    ------
    DataError : several units and none asked for; a classification of measured numbers or of more than 200 classes.
    """
    return _classes(raw, target) if target.task == "classification" else _values(raw, target)


def _values(raw: RawTable, target: Target) -> LabelsRead:
    column = raw.column(target.column)
    read = number_column(raw, target.column, target.unit)
    values, errors, censored = read.values.copy(), read.errors.copy(), read.censored.copy()
    why = dict(read.faults)
    why.update(_set_aside(target, censored))
    why.update(_impossible(target, values))
    for row in why:
        values[row], errors[row], censored[row] = np.nan, np.nan, 0
    changes = [
        Change(row, target.column, shown(column[row]), new, reason) for row, (new, reason) in read.repairs.items()
    ]
    changes += [
        Change(
            int(row),
            target.column,
            shown(column[row]),
            f"{values[row]:.12g}",
            "a limit, kept at its bound and marked as censored",
        )
        for row in np.flatnonzero(censored)
    ]
    notes = list(read.notes)
    if target.error_column:
        errors = _stated_errors(raw, target, errors, changes, notes)
        errors[np.isnan(values)] = np.nan
    unusable = {row: Why(target.column, shown(column[row]), reason) for row, reason in sorted(why.items())}
    kept = tuple(change for change in changes if change.row not in unusable)
    return LabelsRead(Labels(values, errors, censored, target.unit or read.unit), unusable, kept, tuple(notes))


def _set_aside(target: Target, censored: IntArray) -> dict[int, str]:
    if target.censored == "at_bound":
        return {}
    reason = 'is a limit, not a value, and limits are set aside (censored = "at_bound" keeps them at their bound)'
    return {int(row): reason for row in np.flatnonzero(censored)}


def _impossible(target: Target, values: FloatArray) -> dict[int, str]:
    why: dict[int, str] = {}
    if target.scale == "log":
        for row in np.flatnonzero(values <= 0):
            why[int(row)] = 'is not above zero and has no logarithm (scale = "log")'
    if target.bounds is not None:
        low, high = target.bounds
        for row in np.flatnonzero((values < low) | (values > high)):
            why[int(row)] = f"is {values[row]:.6g} {target.unit}".rstrip() + f", outside the bounds {low:g} to {high:g}"
    return why


def _stated_errors(
    raw: RawTable, target: Target, written_beside: FloatArray, changes: list[Change], notes: list[str]
) -> FloatArray:
    """Errors from the error column, else those written beside the value."""
    column = raw.column(target.error_column)
    shifted = bool(target.unit) and units.compatible(target.unit, "K")
    read = number_column(raw, target.error_column, "" if shifted else target.unit)
    errors = read.values.copy()
    if shifted and read.unit and units.tidy(read.unit) != units.tidy(target.unit):
        ends = units.convert(np.array([0.0, 1.0]), read.unit, target.unit)  # a width: the zero point does not count
        errors *= abs(ends[1] - ends[0])
    for row in sorted({*read.faults, *np.flatnonzero(errors <= 0).tolist()}):
        reason = read.faults.get(row, "is no uncertainty: it must be above zero")
        changes.append(
            Change(row, target.error_column, shown(column[row]), "", f"{reason}; the error is taken as unknown")
        )
        errors[row] = np.nan
    notes.extend(read.notes)
    return np.where(np.isfinite(errors), errors, written_beside)


def _classes(raw: RawTable, target: Target) -> LabelsRead:
    words, changes, notes = read_words(raw, target.column)
    found = [str(word) for word in dict.fromkeys(words.tolist()) if word]
    same = _same_numbers(found)
    merged = tuple(
        Change(i, target.column, str(word), same[word], "the same number written in another way")
        for i, word in enumerate(words.tolist())
        if word and same[word] != word
    )
    classes = _ordered(set(same.values()))
    _refuse_numbers(raw, target, classes, int(np.count_nonzero(words != "")))
    index = {word: float(i) for i, word in enumerate(classes)}
    values = np.array([index[same[word]] if word else np.nan for word in words.tolist()], dtype=float)
    n = len(values)
    labels = Labels(values, np.full(n, np.nan), np.zeros(n, dtype=np.int64), "", classes)
    return LabelsRead(labels, {}, changes + merged, notes)


def _same_numbers(words: list[str]) -> dict[str, str]:
    """{word: class}: "1" and "1.0" are one class where all classes are numbers."""
    numbers = {word: _number(word) for word in words}
    if any(number is None for number in numbers.values()):
        return {word: word for word in words}
    return {word: shown(number) for word, number in numbers.items()}


def _number(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None


def _ordered(words: set[str]) -> tuple[str, ...]:
    numbers = {word: _number(word) for word in words}
    if all(number is not None for number in numbers.values()):
        return tuple(sorted(words, key=lambda word: numbers[word] or 0.0))
    return tuple(sorted(words))


def _refuse_numbers(raw: RawTable, target: Target, classes: tuple[str, ...], n_labelled: int) -> None:
    place = f'{raw.provenance.source}, column "{target.column}"'
    measured = [word for word in classes if (number := _number(word)) is not None and not number.is_integer()]
    if len(measured) > 20 or (len(measured) > 5 and len(classes) > n_labelled / 3):
        shown_values = ", ".join(measured[:3])
        raise DataError(
            f"{place}: {len(classes)} different values such as {shown_values} are measured numbers, not classes. "
            'Write task = "regression", or make a column of classes.'
        )
    if len(classes) > MOST_CLASSES:
        raise DataError(
            f"{place}: {len(classes)} classes are more than {MOST_CLASSES}, the most that can be learnt. "
            "Merge classes, or choose another column as target."
        )


def checked_positive(target: Target, classes: tuple[str, ...], source: str) -> None:
    """DataError if the positive class of a target is none of the classes found."""
    if target.positive and target.positive not in classes:
        hint = did_you_mean(target.positive, list(classes), otherwise="The classes are")
        raise DataError(
            f'{source}, column "{target.column}": positive = "{target.positive}" is none of the classes. {hint}'
        )
