"""Numbers as people write them: units, uncertainties, limits, ranges, decimal commas, and many ways to say nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real

import numpy as np
from numpy.typing import NDArray

from matloop.core import units
from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.core.errors import DataError, listed
from matloop.data.spelling import (
    GROUPED_POINT,
    MISSING_NUMBERS,
    Ambiguous,
    Commas,
    Reading,
    read_number,
    settle_commas,
    tidied,
    without_points,
)
from matloop.data.words import distinct, is_nothing

_PLAIN_NUMBER = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*", re.ASCII)
_LONGEST_PLAIN = 100


@dataclass(frozen=True, slots=True)
class NumberColumn:
    """A column read as numbers.

    values : shape (n_rows,), in `unit`; NaN is missing or unreadable.
    errors : one standard deviation where the text gives one ("1.2 +- 0.1", "1.23(4)"; half the width of a range),
        else NaN.
    censored : +1 where the true value is above ("> 300"), -1 where it is below ("< 5"), else 0.
    faults : {0-based row: why it cannot be read}.
    repairs : {0-based row: (what it became, why)} where reading was more than taking the number.
    notes : rules that were applied to the whole column.
    """

    values: FloatArray
    errors: FloatArray
    censored: IntArray
    unit: str = ""
    faults: Mapping[int, str] = field(default_factory=dict)
    repairs: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_numbers(
    column: NDArray,
    *,
    unit: str = "",
    column_unit: str = "",
    missing: Sequence[str] = (),
    decimal_comma: bool = False,
    name: str = "",
) -> NumberColumn:
    """Read a column of numbers or text as numbers in `unit`.

    Parameters
    ----------
    column : shape (n_rows,), numbers or objects (text, None, numbers, dates).
    unit : what numbers are converted to; "" takes them as they are.
    column_unit : what numbers without a unit of their own are in; "" means `unit`.
    missing : spellings of "no value" beyond `MISSING_NUMBERS`.
    decimal_comma : "1,234" is 1.234 where nothing in the column says otherwise.
    name : for messages.

    Notes
    -----
    The comma is settled once per column: it is a decimal sign if some value can only be read so ("1,5", "0,125",
    "1.234,5"), a thousands sign if some value can only be read so ("1,234.5", "1,234,567") or if all commas stand
    before three digits; where a column shows both, values that fit both are refused.

    Raises
    ------
    DataError : values in several units, or some with and some without, and no `unit` to convert them to.
    """
    if column.dtype.kind != "O":
        native = _native(column)
        native.values[np.isin(native.values, _numbers_among(missing))] = np.nan
        return _converted(native, unit, column_unit)
    # numbers and plain text at once; what is left goes word by word, each distinct one once
    plain = np.array([plain_number(value) for value in column.tolist()], dtype=float)
    slow = ~np.isfinite(plain)
    codes, found = distinct([_text(value) for value in column[slow]])
    words = [tidied(word) for word in found]
    no_value = MISSING_NUMBERS | {tidied(word).lower() for word in missing}
    commas = settle_commas([word for word in words if "," in word], column, slow, decimal_comma)
    readings = [read_number(word, no_value, commas) for word in words]
    plain[np.isin(plain, _numbers_among(missing))] = np.nan
    return _converted(_assembled(plain, np.flatnonzero(slow), codes, readings, commas, column), unit, column_unit, name)


def plain_number(value: object) -> float:
    """A number, or a text that is one and nothing else ("-1.5e3"), as float; NaN for anything else."""
    if isinstance(value, str):
        return float(value) if len(value) <= _LONGEST_PLAIN and _PLAIN_NUMBER.fullmatch(value) else np.nan
    if not isinstance(value, Real):
        return np.nan
    try:
        return float(value)
    except OverflowError:
        return np.nan


def _numbers_among(missing: Sequence[str]) -> FloatArray:
    """The spellings of "no value" that are numbers themselves (-999), in whatever way they are written."""
    numbers = np.array([plain_number(word) for word in missing], dtype=float)
    return numbers[np.isfinite(numbers)]


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if is_nothing(value) or (isinstance(value, float) and np.isnan(value)):
        return ""
    return str(value)


@dataclass(frozen=True, slots=True)
class _Read:
    values: FloatArray
    errors: FloatArray
    censored: IntArray
    unit_rows: Mapping[str, IntArray]
    faults: dict[int, str]
    repairs: dict[int, tuple[str, str]]
    notes: tuple[str, ...] = ()


def _native(column: NDArray) -> _Read:
    n = len(column)
    faults: dict[int, str] = {}
    if column.dtype.kind in "fiub":
        values = np.array(column, dtype=float)
        for row in np.flatnonzero(np.isinf(values)):
            faults[int(row)] = "is infinite; a measured value is finite"
        values[np.isinf(values)] = np.nan
    else:
        import pandas as pd

        values = np.full(n, np.nan)
        faults = {int(row): "is a date or text, not a number" for row in np.flatnonzero(~pd.isna(column))}
    return _Read(values, np.full(n, np.nan), np.zeros(n, dtype=np.int64), {}, faults, {})


def _assembled(
    plain: FloatArray, rows: IntArray, codes: IntArray, readings: Sequence[Reading], commas: Commas, column: NDArray
) -> _Read:
    n = len(plain)
    values, errors, censored = plain, np.full(n, np.nan), np.zeros(n, dtype=np.int64)
    values[rows] = np.array([p.value for p in readings], dtype=float)[codes] if readings else np.nan
    if readings:
        errors[rows] = np.array([p.error for p in readings])[codes]
        censored[rows] = np.array([p.sign for p in readings], dtype=np.int64)[codes]
    said = np.array([bool(p.fault or p.repair) for p in readings], dtype=bool)
    faults: dict[int, str] = {}
    repairs: dict[int, tuple[str, str]] = {}
    marked = np.flatnonzero(said[codes]) if readings else np.empty(0, dtype=np.int64)
    for i in marked:
        entry, row = readings[codes[i]], int(rows[i])
        if entry.fault:
            faults[row] = entry.fault
        else:
            repairs[row] = (_shown(entry), entry.repair)
    if commas.comma == "decimal" and commas.point != "decimal":
        _reread_points(column, values, rows, commas, faults, repairs)
    return _Read(
        values,
        errors,
        censored,
        _unit_rows(rows, codes, readings),
        faults,
        repairs,
        (commas.note,) if commas.note else (),
    )


def _reread_points(
    column: NDArray,
    values: FloatArray,
    slow_rows: IntArray,
    commas: Commas,
    faults: dict[int, str],
    repairs: dict[int, tuple[str, str]],
) -> None:
    """Plain values like "1.234" in a column with decimal commas, which the fast path took for 1.234."""
    slow = set(slow_rows.tolist())
    for row, written in enumerate(column):
        if row in slow or not isinstance(written, str) or not GROUPED_POINT.match(written.strip()):
            continue
        try:
            values[row] = float(without_points(written.strip(), commas))
            repairs[row] = (f"{values[row]:.12g}", "the point parts thousands, as other values of the column show")
        except Ambiguous as error:
            values[row], faults[row] = np.nan, str(error)


def _shown(entry: Reading) -> str:
    error = f" ± {entry.error:.6g}" if np.isfinite(entry.error) else ""
    return f"{entry.value:.12g}{error}{' ' + entry.unit if entry.unit else ''}"


def _unit_rows(rows: IntArray, codes: IntArray, readings: Sequence[Reading]) -> dict[str, IntArray]:
    """{unit as written: rows}, for the units that stand beside values."""
    words = [p.unit for p in readings]
    written = dict.fromkeys(word for word in words if word)
    return {unit: rows[np.isin(codes, [i for i, word in enumerate(words) if word == unit])] for unit in written}


def _converted(read: _Read, unit: str, column_unit: str = "", name: str = "") -> NumberColumn:
    """Everything in `unit`; unknown and incompatible units become faults of their rows."""
    values, errors, faults = read.values, read.errors, dict(read.faults)
    by_unit = _known_units(read.unit_rows, values, errors, faults, unit or column_unit)
    notes = list(read.notes)
    has_unit = np.zeros(len(values), dtype=bool)
    for rows in by_unit.values():
        has_unit[rows] = True
    bare = ~has_unit & np.isfinite(values)
    target = unit or column_unit
    if by_unit and not target:
        target = _only_unit(by_unit, bare, name)
    stated = bool(column_unit) or units.tidy(target) in map(units.tidy, by_unit)
    if by_unit and bare.any() and not stated:
        _refuse_bare(bare, by_unit, values, errors, faults)
        bare[:] = False
    elif by_unit and bare.any():
        notes.append(f"{int(bare.sum())} values without a unit are taken as {column_unit or target}")
    if column_unit and units.tidy(column_unit) != units.tidy(target):
        _convert(values, errors, np.flatnonzero(bare), column_unit, target)
        notes.append(f"converted from {column_unit} to {target}")
    for written, rows in by_unit.items():
        if units.tidy(written) != units.tidy(target):
            _convert(values, errors, rows, written, target)
            notes.append(f"{len(rows)} values converted from {written} to {target}")
    repairs = _odd_units(by_unit, bare, values, target)
    repairs |= {row: entry for row, entry in read.repairs.items() if row not in faults}
    censored = np.where(np.isfinite(values), read.censored, 0)
    return NumberColumn(values, errors, censored, target, faults, repairs, tuple(notes))


def _odd_units(
    by_unit: Mapping[str, IntArray], bare: BoolArray, values: FloatArray, target: str
) -> dict[int, tuple[str, str]]:
    """A line per value in another unit than most of its column; where all are in that unit, the column is converted."""
    sizes = {written: len(rows) for written, rows in by_unit.items()}
    if bare.any():
        sizes[target] = sizes.get(target, 0) + int(bare.sum())
    most = max(sizes, key=lambda one: sizes[one], default="")
    return {
        row: (f"{values[row]:.12g}", f"converted from {written} to {target}, most of the column is in {most}")
        for written, rows in by_unit.items()
        if units.tidy(written) not in (units.tidy(most), units.tidy(target))
        for row in rows.tolist()
    }


def _known_units(
    unit_rows: Mapping[str, IntArray], values: FloatArray, errors: FloatArray, faults: dict[int, str], target: str
) -> dict[str, IntArray]:
    good: dict[str, IntArray] = {}
    for written, rows in unit_rows.items():
        if not units.known(written):
            fault = f"has the unit {written!r}, which is not known"
        elif target and not units.compatible(written, target):
            fault = f"is in {written!r}, which cannot be converted to {target!r}"
        else:
            live = rows[np.isfinite(values[rows])]
            if len(live):
                good[written] = live
            continue
        values[rows], errors[rows] = np.nan, np.nan
        faults.update({int(row): fault for row in rows})
    return good


def _only_unit(by_unit: Mapping[str, IntArray], bare: BoolArray, name: str) -> str:
    """The one unit of a column; DataError if there are several, or some values have none."""
    distinct = {units.tidy(written) for written in by_unit}
    if len(distinct) == 1 and not bare.any():
        return next(iter(by_unit))
    found = [f"{written}: {_rows(rows)}" for written, rows in by_unit.items()]
    if bare.any():
        found.append(f"no unit: {_rows(np.flatnonzero(bare))}")
    first = next(iter(by_unit))
    raise DataError(
        f'column "{name}" mixes units. Say which one you want with unit = "{first}" in the problem file:\n'
        f"{listed(found)}"
    )


def _rows(rows: IntArray) -> str:
    shown = ", ".join(str(int(row) + 1) for row in rows[:5])
    return f"row{'s' if len(rows) > 1 else ''} {shown}" + (f" and {len(rows) - 5} more" if len(rows) > 5 else "")


def _refuse_bare(
    bare: BoolArray, by_unit: Mapping[str, IntArray], values: FloatArray, errors: FloatArray, faults: dict[int, str]
) -> None:
    others = ", ".join(list(by_unit)[:3])
    for row in np.flatnonzero(bare):
        faults[int(row)] = f"has no unit, while other values of the column are in {others}"
    values[bare], errors[bare] = np.nan, np.nan


def _convert(values: FloatArray, errors: FloatArray, rows: IntArray, source: str, target: str) -> None:
    if len(rows) == 0:
        return
    old = values[rows]
    values[rows] = units.convert(old, source, target)
    known = np.isfinite(errors[rows])
    if known.any():  # a difference, so that the zero point of a temperature scale does not enter
        upper = units.convert(old[known] + errors[rows][known], source, target)
        errors[rows[known]] = np.abs(upper - values[rows][known])
