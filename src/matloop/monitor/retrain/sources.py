"""New labels from where the plan says: tables and prediction logs, as texts, with what could not be read."""

from __future__ import annotations

import glob
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from matloop.core.errors import MatloopError
from matloop.data.collect import collect
from matloop.data.inputs import needed
from matloop.data.times import seconds_of
from matloop.monitor.retrain.plan import NewLabels
from matloop.monitor.retrain.tables import Texts, source_of, texts_of
from matloop.problem.question import Problem

ORIGIN, TIME = "label origin", "label time"
"""Columns of a table of new labels beside those of the data: where a row stood, and seconds since 1970."""


@dataclass(frozen=True, slots=True)
class SetAside:
    """A row of new labels that is not used: where it stood, what it is, why."""

    origin: str
    shown: str
    reason: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """Labels that were not there before. table : columns of the data, then `ORIGIN` and `TIME`, by time (rows without
    one in the order they stood). aside : what cannot be used, told once. sources : what was read, with the number of
    rows. notes : sentences on whole tables."""

    table: Texts
    aside: tuple[SetAside, ...]
    sources: tuple[tuple[str, int], ...]
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.table)


def columns_needed(problem: Problem) -> tuple[str, ...]:
    """The columns of the inputs."""
    return tuple(dict.fromkeys(name for item in problem.inputs for name in needed(item)))


def row_key(row: Sequence[str]) -> str:
    """What tells a row of labels from every other, without where it stood."""
    return hashlib.sha256(json.dumps(list(row)).encode()).hexdigest()[:24]


def arrived(
    problem: Problem,
    labels: NewLabels,
    home: Path,
    names: Sequence[str],
    known: frozenset[str],
    told: Sequence[Texts] = (),
) -> Arrived:
    """Read every source of the plan.

    Parameters
    ----------
    names : columns of the data. known : keys of rows that were taken (or set aside) before. told : tables from
        elsewhere, such as measured values joined with a prediction log.
    """
    notes: list[str] = []
    sources: list[tuple[str, int]] = []
    rows: list[tuple[str, ...]] = []
    aside: list[SetAside] = []
    seen: dict[str, str] = {}
    for where, table in (*_tables(problem, labels, home, notes), *(("prediction log", one) for one in told)):
        sources.append((where, len(table)))
        lacking = _lacking(problem, table)
        if lacking:
            notes.append(f"{where}: not used; {lacking}")
            continue
        when = TIME if TIME in table.names else labels.time or problem.roles.time
        times = _times(table, when)
        if when and (untold := int(np.isnan(times).sum())):
            fault = "cannot be read" if when in table.names else "is missing"
            notes.append(f"{where}: the time {when!r} of {untold:,} of {len(table):,} rows {fault}: they count as the "
                         "newest, in the order in which they stand")  # fmt: skip
        plain = table.with_names(names)
        for place, row in enumerate(plain.rows):
            origin = f"{where}, row {place + 1}"
            moment = "" if np.isnan(times[place]) else repr(float(times[place]))
            key = row_key((*row, moment))
            if key in known:
                continue
            if key in seen:
                aside.append(SetAside(origin, _shown(problem, plain, row), f"duplicate: the same as {seen[key]}"))
                continue
            seen[key] = origin
            rows.append((*row, origin, moment))
    ordered = sorted(rows, key=lambda row: float(row[-1]) if row[-1] else np.inf)
    return Arrived(Texts((*names, ORIGIN, TIME), tuple(ordered)), tuple(aside), tuple(sources), tuple(notes))


def keys_of(table: Texts) -> frozenset[str]:
    """Keys of rows that arrived earlier."""
    return frozenset(row_key((*row[:-2], row[-1])) for row in table.rows)


def _tables(problem: Problem, labels: NewLabels, home: Path, notes: list[str]) -> Iterator[tuple[str, Texts]]:
    for pattern in labels.tables:
        place = os.path.normpath(home / pattern)
        found = sorted(glob.glob(place)) if glob.has_magic(place) else [place]
        if not found:
            notes.append(f"{pattern}: no such file yet")
        for path in found:
            if not Path(path).exists():
                notes.append(f"{pattern}: no such file yet")
                continue
            try:
                yield Path(path).name, texts_of(collect(source_of(problem, Path(path))))
            except MatloopError as error:  # one bad table must not keep the others out
                notes.append(f"{Path(path).name}: cannot be read; {' '.join(str(error).split())[:300]}")


def _lacking(problem: Problem, table: Texts) -> str:
    missing = [name for name in columns_needed(problem) if name not in table.names]
    if missing:
        return f"it has no column {', '.join(map(repr, missing[:5]))} of the inputs"
    if not any(target.column in table.names for target in problem.targets):
        wanted = ", ".join(repr(target.column) for target in problem.targets)
        return f"it has no column of a target: {wanted} (its columns: {', '.join(map(repr, table.names[:20]))})"
    return ""


def _times(table: Texts, column: str) -> np.ndarray:
    if not column or column not in table.names:
        return np.full(len(table), np.nan)
    return seconds_of(np.array(table.column(column), dtype=object))


def _shown(problem: Problem, table: Texts, row: Sequence[str]) -> str:
    wanted = [table.names.index(name) for name in columns_needed(problem) if name in table.names]
    return ", ".join(row[place] for place in wanted)[:120]
