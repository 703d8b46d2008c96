"""A table of results as it comes back: who it answers, what was measured, in which unit, and what cannot be read."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from matloop.campaign.question import Question, absent, plain
from matloop.core import units
from matloop.core.arrays import BoolArray, FloatArray
from matloop.core.errors import DataError, MatloopError, all_faults
from matloop.data.table import RawTable
from matloop.data.values import read_numbers
from matloop.problem.campaign import Measured
from matloop.problem.fault import did_you_mean, quoted

_UNIT = re.compile(r"(.+?)\s*(?:\[([^\[\]]*)\]|\(([^()]*)\))")
_YES = frozenset({"yes", "y", "true", "1", "1.0", "x", "failed", "fail", "ja", "wahr"})
_NO = frozenset({"no", "n", "false", "0", "0.0", "", "-", "ok", "none", "nan", "nein", "falsch"})
_FAILED = frozenset({"failed", "fail", "failure", "no result", "no product"})
_TEXTS = ("id", "place", "note", "who")
_SHEET = re.compile(r"(reason|chance|cost foreseen|nearest|repeats|flags|round|result|.+ (foreseen|low|high))")
"""Columns of a sheet of suggestions that are for reading only."""


@dataclass(frozen=True, slots=True)
class Row:
    """One result as it was read. number : 1-based, of the table. point : None where the table does not say it.

    outside : why the point is not in the space. fidelity : as in `Result`, None where the table does not say it.
    """

    where: str
    id: str = ""
    point: Mapping[str, Any] | None = None
    key: str = ""
    outside: str = ""
    values: Mapping[str, float] = field(default_factory=dict)
    errors: Mapping[str, float] = field(default_factory=dict)
    failed: bool = False
    why: str = ""
    cost: float = math.nan
    place: str = ""
    who: str = ""
    flags: tuple[str, ...] = ()
    fidelity: str | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """A table of results. rows : those with a result. open : how many had none yet. notes : what was decided."""

    rows: tuple[Row, ...]
    open: int
    notes: tuple[str, ...]
    source: str
    sha256: str


@dataclass(frozen=True, slots=True)
class _Heads:
    """Which column holds what: {name: (column, unit in its header)}."""

    targets: Mapping[str, tuple[str, str]]
    errors: Mapping[str, tuple[str, str]]
    parameters: Mapping[str, tuple[str, str]]
    others: Mapping[str, str]
    unknown: tuple[str, ...]


def read_results(raw: RawTable, question: Question) -> Read:
    """The results in a table; nothing is compared with what is known yet.

    Parameters
    ----------
    raw : a column per target ("yield" or "yield [%]"), and either `id` of the suggestions or the columns of the
        parameters, or both; also "yield error", "failed", "cost", "place", "note", "who".

    Raises
    ------
    DataError : a cell cannot be read, a unit does not fit, a column is missing; all such rows are listed.
    """
    heads = _heads(raw, question)
    _refuse_nameless(raw, heads, question)
    faults: list[str] = []
    measured = {name: _target(raw, name, heads, question, faults) for name in heads.targets}
    errors = {name: _errors(raw, name, heads, question, faults) for name in heads.errors}
    failed = _failed(raw, heads, faults)
    for each in measured.values():
        failed = failed | each.failed
    costs = _costs(raw, heads, faults)
    points = _points(raw, heads, question, faults)
    texts = {name: _texts(raw, heads.others.get(name, "")) for name in _TEXTS}
    fidelities = _fidelities(raw, heads, question, faults)
    if faults:
        count = "1 cell" if len(faults) == 1 else f"{len(faults)} cells"
        headline = f"{raw.provenance.source}: {count} cannot be read; nothing of the table was recorded:"
        raise DataError(all_faults(headline, faults))
    found, still_open = [], 0
    for i in range(len(raw)):
        values = {name: float(column.values[i]) for name, column in measured.items() if np.isfinite(column.values[i])}
        if not values and not failed[i]:
            still_open += 1
            continue
        flags = tuple(column.flags[i] for column in measured.values() if i in column.flags)
        told = {name: float(column[i]) for name, column in errors.items() if name in values and np.isfinite(column[i])}
        for name, column in measured.items():
            if name in values and name not in told and np.isfinite(column.errors[i]):
                told[name] = float(column.errors[i])
        point, key, outside = points[i] if points else (None, "", "")
        found.append(
            Row(
                raw.where(i + 1), texts["id"][i], point, key, outside, values, told, bool(failed[i]) and not values,
                texts["note"][i], float(costs[i]), texts["place"][i], texts["who"][i], flags, fidelities[i],
            )
        )  # fmt: skip
    return Read(tuple(found), still_open, _notes(heads), raw.provenance.source, raw.provenance.sha256)


def _heads(raw: RawTable, question: Question) -> _Heads:
    targets: dict[str, tuple[str, str]] = {}
    errors: dict[str, tuple[str, str]] = {}
    parameters: dict[str, tuple[str, str]] = {}
    others: dict[str, str] = {}
    unknown: list[str] = []
    of_column = {target.column: target.name for target in question.problem.targets}
    of_error = {target.error_column: target.name for target in question.problem.targets if target.error_column}
    for target in question.problem.targets:
        of_column.setdefault(target.name, target.name)
        of_error.setdefault(f"{target.column} error", target.name)
    known = {**{name: (targets, key) for name, key in of_column.items()},
             **{name: (errors, key) for name, key in of_error.items()},
             **{name: (parameters, name) for name in question.names}}  # fmt: skip
    for column in raw.names:
        base, unit = _split(column, known)
        if base in known:
            place, key = known[base]
            if key in place:
                raise DataError(
                    f"{raw.provenance.source}: the columns {quoted(place[key][0])} and {quoted(column)} are both "
                    f"{quoted(key)}. Delete one of them."
                )
            place[key] = (column, unit)
        elif column in (*_TEXTS, "failed", "cost") or (column == "fidelity" and question.problem.fidelities):
            others[column] = column
        elif not _SHEET.fullmatch(column):
            unknown.append(column)
    return _Heads(targets, errors, parameters, others, tuple(unknown))


def _split(column: str, known: Mapping[str, object]) -> tuple[str, str]:
    """ "yield [%]" -> ("yield", "%"); a name that is known as it stands stays whole."""
    match = _UNIT.fullmatch(column)
    if column in known or match is None:
        return column, ""
    return match[1], match[2] if match[2] is not None else match[3]


def _refuse_nameless(raw: RawTable, heads: _Heads, question: Question) -> None:
    source = raw.provenance.source
    if not heads.targets and "failed" not in heads.others:
        wanted = [target.column for target in question.problem.targets]
        near = [did_you_mean(name, wanted) for name in heads.unknown if did_you_mean(name, wanted)[:3] == "Did"]
        hint = near[0] if near else f"The columns are {', '.join(map(quoted, raw.names[:8]))}."
        raise DataError(f"{source}: there is no column with a result ({', '.join(map(quoted, wanted))}). {hint}")
    missing = [name for name in question.names if name not in heads.parameters]
    if "id" not in heads.others and missing and len(missing) == len(question.names):
        raise DataError(
            f"{source}: it does not say which experiments these are: there is neither a column id nor one of the "
            f"parameters ({', '.join(map(quoted, question.names[:8]))})."
        )


@dataclass(frozen=True, slots=True)
class _Target:
    values: FloatArray
    errors: FloatArray
    failed: BoolArray
    flags: Mapping[int, str]


def _target(raw: RawTable, name: str, heads: _Heads, question: Question, faults: list[str]) -> _Target:
    column, unit = heads.targets[name]
    target = question.problem.target(name)
    _refuse_unit(raw, column, unit, target)
    cells, failed = _without_failures(raw.column(column))
    try:
        read = read_numbers(
            cells, unit=target.unit, column_unit=unit or target.unit, missing=raw.missing,
            decimal_comma=raw.decimal_comma, name=column,
        )  # fmt: skip
    except MatloopError as error:
        raise DataError(f"{raw.provenance.source}, column {quoted(column)}: {error}") from error
    faults += _told_faults(raw, column, read.faults)
    flags = {int(i): f"{name} was given as a limit, not as a value" for i in np.flatnonzero(read.censored)}
    if target.bounds is not None:
        low, high = target.bounds
        for i in np.flatnonzero((read.values < low) | (read.values > high)):
            flags[int(i)] = f"{name} is outside what is possible ({low:g} to {high:g})"
    return _Target(read.values, read.errors, failed, flags)


def _told_faults(raw: RawTable, column: str, faults: Mapping[int, str]) -> list[str]:
    """Where a cell stands, what is in it, and what is wrong with it."""
    cells = raw.column(column)
    return [f"{raw.where(row + 1)}, column {quoted(column)}: {quoted(cells[row])} {why}" for row, why in faults.items()]


def _refuse_unit(raw: RawTable, column: str, unit: str, target: Measured) -> None:
    if unit and not units.known(unit):
        raise DataError(
            f"{raw.provenance.source}, column {quoted(column)}: {quoted(unit)} is not a known unit. "
            f"Write the column as {quoted(target.column + (f' [{target.unit}]' if target.unit else ''))}."
        )
    if unit and not units.compatible(unit, target.unit):
        raise DataError(
            f"{raw.provenance.source}, column {quoted(column)}: the problem has {quoted(target.name)} in "
            f"{quoted(target.unit) if target.unit else 'no unit'}, to which {quoted(unit)} cannot be converted. "
            "Correct the column, or the unit in the campaign file."
        )


def _without_failures(column: NDArray) -> tuple[NDArray, BoolArray]:
    """A column without the words that say that an experiment gave nothing, and where they stood."""
    failed = np.array([isinstance(cell, str) and cell.strip().lower() in _FAILED for cell in column], dtype=bool)
    if not failed.any():
        return column, failed
    cells = np.array(column, dtype=object)
    cells[failed] = None
    return cells, failed


def _errors(raw: RawTable, name: str, heads: _Heads, question: Question, faults: list[str]) -> FloatArray:
    column, unit = heads.errors[name]
    target = question.problem.target(name)
    unit = unit or (heads.targets[name][1] if name in heads.targets else "") or target.unit
    read = read_numbers(raw.column(column), missing=raw.missing, decimal_comma=raw.decimal_comma, name=column)
    faults += _told_faults(raw, column, read.faults)
    for row in np.flatnonzero(read.values < 0):
        said = f"found {read.values[row]:g}; a standard deviation of 0 or more was expected."
        faults.append(f"{raw.where(int(row) + 1)}, column {quoted(column)}: {said}")
    ends = units.convert(np.array([0.0, 1.0]), unit, target.unit)
    errors = read.values * float(ends[1] - ends[0])
    return np.where(errors > 0, errors, np.nan)


def _failed(raw: RawTable, heads: _Heads, faults: list[str]) -> BoolArray:
    failed = np.zeros(len(raw), dtype=bool)
    if "failed" not in heads.others:
        return failed
    for i, word in enumerate(_texts(raw, "failed")):
        if word.lower() in _YES:
            failed[i] = True
        elif word.lower() not in _NO:
            faults.append(f'{raw.where(i + 1)}, column "failed": found {quoted(word)}; write yes or no.')
    return failed


def _costs(raw: RawTable, heads: _Heads, faults: list[str]) -> FloatArray:
    if "cost" not in heads.others:
        return np.full(len(raw), np.nan)
    read = read_numbers(raw.column("cost"), missing=raw.missing, decimal_comma=raw.decimal_comma, name="cost")
    faults += _told_faults(raw, "cost", read.faults)
    for row in np.flatnonzero(read.values < 0):
        faults.append(f'{raw.where(int(row) + 1)}, column "cost": found {read.values[row]:g}; it is never below 0.')
    return read.values


def _fidelities(raw: RawTable, heads: _Heads, question: Question, faults: list[str]) -> list[str | None]:
    """What measured each row: empty for the experiment, None where the table does not say it."""
    found: list[str | None] = [None] * len(raw)
    if "fidelity" not in heads.others:
        return found
    names = [one.name for one in question.problem.fidelities]
    for i, word in enumerate(_texts(raw, "fidelity")):
        if word in names:
            found[i] = question.problem.fidelity(names.index(word))
        elif word:
            hint = f"{did_you_mean(word, names)} Fidelities are {', '.join(map(quoted, names))}."
            faults.append(f'{raw.where(i + 1)}, column "fidelity": found {quoted(word)}. {hint}')
    return found


def _texts(raw: RawTable, column: str) -> list[str]:
    if not column:
        return [""] * len(raw)
    return ["" if absent(plain(cell)) else str(plain(cell)).strip() for cell in raw.column(column)]


def _points(
    raw: RawTable, heads: _Heads, question: Question, faults: list[str]
) -> list[tuple[Mapping[str, Any] | None, str, str]]:
    """The point of each row, its key, and why it is outside; nothing for rows whose settings are all empty."""
    if not heads.parameters:
        return []
    cells = {name: _parameter(raw, name, heads, question) for name in heads.parameters}
    said = np.array([any(not absent(plain(column[i])) for column in cells.values()) for i in range(len(raw))])
    found: list[tuple[Mapping[str, Any] | None, str, str]] = [(None, "", "")] * len(raw)
    missing = [name for name in question.names if name not in heads.parameters]
    rows = np.flatnonzero(said)
    ids = _texts(raw, heads.others.get("id", ""))
    if missing:  # without all settings a row is known by its id only
        nameless = [i for i in rows if not ids[i]]
        faults += [f"{raw.where(int(i) + 1)}: there is no id, and no column {quoted(missing[0])}" for i in nameless]
        return found
    if not len(rows):
        return found
    frame = pd.DataFrame({name: pd.Series(list(column[rows]), dtype=object) for name, column in cells.items()})
    try:
        points, outside = question.domain.read(frame[list(question.names)])
    except DataError as error:
        raise DataError(f"{raw.provenance.source}: {error}") from error
    keys, records = question.domain.keys(points), question.records(points)
    for k, i in enumerate(rows):
        found[i] = (_record(frame, k, records[k], str(outside[k])), str(keys[k]), str(outside[k]))
    return found


def _record(frame: pd.DataFrame, row: int, record: Mapping[str, Any], outside: str) -> Mapping[str, Any]:
    """The point in the campaign's own spelling; one that is outside stays as it was written."""
    if not outside:
        return record
    return {str(name): plain(frame[name].iloc[row]) for name in frame if not absent(plain(frame[name].iloc[row]))}


def _parameter(raw: RawTable, name: str, heads: _Heads, question: Question) -> NDArray:
    """Cells of a parameter; converted where the header has another unit than the problem."""
    column, unit = heads.parameters[name]
    wanted = next((getattr(p, "unit", "") for p in question.problem.space.parameters if p.name == name), "")
    cells: NDArray = raw.column(column)
    if not unit or units.tidy(unit) == units.tidy(wanted):
        return cells
    if not units.compatible(unit, wanted):
        raise DataError(
            f"{raw.provenance.source}, column {quoted(column)}: the problem has {quoted(name)} in "
            f"{quoted(wanted) if wanted else 'no unit'}, to which {quoted(unit)} cannot be converted. "
            "Correct the column."
        )
    read = read_numbers(cells, unit=wanted, column_unit=unit, decimal_comma=raw.decimal_comma, name=column)
    fine = np.array(cells, dtype=object)
    for i in np.flatnonzero(np.isfinite(read.values)):
        fine[i] = float(read.values[i])
    return fine


def _notes(heads: _Heads) -> tuple[str, ...]:
    if not heads.unknown:
        return ()
    few: Sequence[str] = heads.unknown[:5]
    return (f"not part of the campaign, and left out: {', '.join(map(quoted, few))}",)
