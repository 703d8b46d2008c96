"""Measured values that were told for answers: kept beside the log with what had been answered, so that error and
coverage can be followed from the first label on, also when the answers themselves were cleaned away."""

from __future__ import annotations

import itertools
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, TextArray, frozen
from matloop.core.files import write_atomic
from matloop.core.jsonable import to_jsonable

FORMAT = 1
FOLDER = "labels"
CHUNK = 1000
_number = itertools.count(1)
_COLUMNS = ("request", "row", "time", "truth", "value", "low", "high", "in_domain", "key")


@dataclass(frozen=True, slots=True)
class Match:
    """A measured value and the answer that it belongs to.

    request, row, time : of the answer (row 0-based, time in seconds since 1970). truth : number or class. value, low,
    high, in_domain : as they were answered; None where there was none. key : a digest of the inputs, equal for equal
    inputs.
    """

    model: str
    version: int
    bundle: str
    target: str
    request: str
    row: int
    time: float
    truth: float | str
    value: float | str | None
    low: float | None
    high: float | None
    in_domain: bool | None
    key: str


@dataclass(frozen=True, slots=True)
class Labelled:
    """Answers of one target with their measured values, in the order in which the values were told; a later correction
    stands in the place of the first value.

    truth, value : (n,) numbers, NaN where the answer had none; for classes indices into `classes`. low, high : (n,),
    NaN where there is no interval. in_domain : (n,). time, told : (n,) seconds since 1970. request : (n,) "id/row".
    key : (n,) digest of the inputs. corrected : values that were replaced later. damaged : lines that are unreadable.
    """

    target: str
    truth: FloatArray
    value: FloatArray
    low: FloatArray
    high: FloatArray
    in_domain: BoolArray
    time: FloatArray
    told: FloatArray
    request: TextArray
    key: TextArray
    model: TextArray
    version: tuple[int, ...]
    bundle: TextArray
    classes: tuple[str, ...] = ()
    corrected: int = 0
    damaged: int = 0

    def __len__(self) -> int:
        return len(self.truth)

    def take(self, rows: Any) -> Labelled:
        """The rows of an index or mask, in that order."""
        index = np.flatnonzero(rows) if np.asarray(rows).dtype == bool else np.asarray(rows, dtype=np.int64)
        arrays: dict[str, Any] = {
            entry.name: frozen(getattr(self, entry.name)[index])
            for entry in fields(self)
            if isinstance(getattr(self, entry.name), np.ndarray)
        }
        return replace(self, version=tuple(self.version[k] for k in index), **arrays)

    @property
    def distinct(self) -> Labelled:
        """One row per material and measured value and bundle, the one told first: the same measurement of a formula
        that was asked a hundred times is one observation of the error, not a hundred."""
        known, rows = set(), []
        for row, what in enumerate(zip(self.key.tolist(), self.truth.tolist(), self.bundle.tolist(), strict=True)):
            if what not in known:
                known.add(what)
                rows.append(row)
        return self.take(np.array(rows, dtype=np.int64))


def write_told(folder: Path, matches: Iterable[Match], *, source: str, by: str, now: datetime | None = None) -> Path:
    """Keep labels as one file of the folder `labels` of a log, whole or not at all.

    Raises
    ------
    RunError : disk full, or the folder cannot be written.
    """
    told = (now or datetime.now(UTC)).isoformat(timespec="microseconds")
    head = {"format": FORMAT, "told": told, "source": source[:200], "by": by}
    name = f"{re.sub(r'[^0-9T.-]', '', told)[:24]}-{os.getpid()}-{next(_number)}.jsonl"

    def fill(stream: Any) -> None:
        for line in _lines(matches):
            stream.write(json.dumps(to_jsonable(head | line), ensure_ascii=False).encode() + b"\n")

    path = folder / FOLDER / name
    write_atomic(path, fill)
    return path


def _lines(matches: Iterable[Match]) -> Iterator[dict[str, Any]]:
    """Chunks of consecutive labels of one model and target, column by column."""

    def whose(match: Match) -> tuple[str, int, str, str]:
        return (match.model, match.version, match.bundle, match.target)

    for (model, version, bundle, target), group in itertools.groupby(matches, key=whose):
        while part := list(itertools.islice(group, CHUNK)):
            columns = {name: [getattr(match, name) for match in part] for name in _COLUMNS}
            yield {"model": model, "version": version, "bundle": bundle, "target": target} | columns


@dataclass(slots=True)
class Book:
    """All labels of a log as lists: what later ones are compared with."""

    first: dict[tuple[str, int, str], int] = field(default_factory=dict)
    rows: list[list[Any]] = field(default_factory=list)
    corrected: int = 0
    damaged: int = 0

    def add(self, told: float, line: dict[str, Any]) -> None:
        target, whose = (
            str(line["target"]),
            [str(line["target"]), told, str(line["model"]), int(line["version"]), str(line["bundle"])],
        )
        for request, row, *rest in zip(*(line[name] for name in _COLUMNS), strict=True):
            known = self.first.setdefault((str(request), int(row), target), len(self.rows))
            if known == len(self.rows):
                self.rows.append([*whose, str(request), int(row), *rest])
            else:
                self.corrected += self.rows[known][8] != rest[1]
                self.rows[known][8] = rest[1]

    def known(self, request: str, row: int, target: str) -> float | str | None:
        """The value that stands for an answer, None where none was told."""
        at = self.first.get((request, row, target))
        return None if at is None else self.rows[at][8]


def read_book(folder: Path) -> Book:
    """All labels that were told for a log; a file that cannot be read counts as damaged."""
    book = Book()
    for path in sorted((folder / FOLDER).glob("*.jsonl")):
        for line in path.read_bytes().splitlines():
            try:
                found = json.loads(line)
                told = datetime.fromisoformat(found["told"]).timestamp()
                if found["format"] > FORMAT:
                    raise ValueError("later release")
                book.add(told, found)
            except (ValueError, KeyError, TypeError, RecursionError):
                book.damaged += 1
    return book


def labelled(
    folder: Path, *, model: str | None = None, version: int | None = None, bundle: str | None = None
) -> dict[str, Labelled]:
    """The told labels of a log, by target, of one model, version or bundle where these are said."""
    book = read_book(folder)
    rows = [
        row for row in book.rows
        if (model is None or row[2] == model) and (version is None or row[3] == version)
        and (bundle is None or row[4] == bundle)
    ]  # fmt: skip
    names = sorted({row[0] for row in rows})
    return {name: _of_target(name, [row for row in rows if row[0] == name], book) for name in names}


def _of_target(target: str, rows: Sequence[list[Any]], book: Book) -> Labelled:
    (_, told, model, version, bundle, request, row, time, truth, value, low, high, inside, key) = (
        list(column) for column in zip(*rows, strict=True)
    )
    texts = any(isinstance(one, str) for one in (*truth, *value))
    classes = tuple(sorted({str(one) for one in (*truth, *value) if one is not None})) if texts else ()
    number = {word: float(at) for at, word in enumerate(classes)}

    def numbers(column: list[Any]) -> FloatArray:
        found = [np.nan if one is None else number[str(one)] if texts else float(one) for one in column]
        return frozen(np.array(found, dtype=np.float64))

    def plain(column: list[Any]) -> FloatArray:
        return frozen(np.array([np.nan if one is None else float(one) for one in column], dtype=np.float64))

    return Labelled(
        target, numbers(truth), numbers(value), plain(low), plain(high),
        frozen(np.array([bool(one) for one in inside])), plain(time), plain(told),
        frozen(np.array([f"{a}/{b}" for a, b in zip(request, row, strict=True)])), frozen(np.array(key, dtype=str)),
        frozen(np.array(model, dtype=str)), tuple(version), frozen(np.array(bundle, dtype=str)), classes,
        book.corrected, book.damaged,
    )  # fmt: skip
