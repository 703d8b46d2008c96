"""What is needed of a segment of the log without its lines: a few numbers per request, and where its line stands."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.monitor.decay.running import causes_of, numbers_of
from matloop.monitor.record import Answered

TYPES = {
    "offset": "q", "time": "d", "ms": "d", "rows": "q", "failed": "q", "status": "h", "refused": "b", "outside": "q",
    "width": "d", "kind": "i", "who": "i", "request": "Q", "n_ids": "q", "deep": "B", "ids": "Q", "event": "q",
    "place": "q", "said": "i",
}  # fmt: skip
"""Columns and their types, as of `array`."""
PER_REQUEST = tuple(TYPES)[:13]
PER_EVENT = ("event", "place", "said")


class Kind(NamedTuple):
    """What answers have in common: who answered, and the names of what was asked and answered."""

    model: str
    version: int
    bundle: str
    inputs: tuple[str, ...]
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Words:
    """Texts that columns count through. said : (kind, reason without what differs from row to row)."""

    kinds: tuple[Kind, ...] = ()
    who: tuple[str, ...] = ()
    said: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Parsed:
    """A segment as columns, its m requests in the order of its lines.

    covered : bytes from the start of the file that were read. damaged : {why: lines} among them. offset, time, ms,
    rows, failed, status, refused, outside, width : (m,), where the line begins, seconds since 1970, and as in
    `matloop.monitor.decay.running.Run`. kind, who : (m,) into `words`. request : (m,) digests of the ids. n_ids : (m,)
    how many names of the asker there are. deep : how often two divides the mark of each row, of all requests that hold
    inputs (see `mark`). ids : digests of the asker's names. event, place, said : (e,) reasons: request, which of the
    request's reasons, and into `words`.
    """

    covered: int
    damaged: Mapping[str, int]
    words: Words
    offset: IntArray
    time: FloatArray
    ms: FloatArray
    rows: IntArray
    failed: IntArray
    status: IntArray
    refused: IntArray
    outside: IntArray
    width: FloatArray
    kind: IntArray
    who: IntArray
    request: IntArray
    n_ids: IntArray
    deep: IntArray
    ids: IntArray
    event: IntArray
    place: IntArray
    said: IntArray

    def __len__(self) -> int:
        return len(self.time)

    def with_inputs(self) -> BoolArray:
        """Which requests hold inputs, shape (m,)."""
        return np.array([bool(one.inputs) for one in self.words.kinds], dtype=bool)[self.kind]

    def whole(self) -> bool:
        """Whether the columns fit together, so that what a file says may be used."""
        m, words = len(self.time), self.words
        alike = all(len(getattr(self, name)) == m for name in PER_REQUEST)
        alike = alike and all(len(getattr(self, name)) == len(self.event) for name in PER_EVENT)
        tables = ((self.kind, len(words.kinds)), (self.who, len(words.who)), (self.said, len(words.said)))
        if not alike or not all(_below(column, size) for column, size in (*tables, (self.event, m))):
            return False
        ends = np.append(self.offset, self.covered)
        counted = int(self.rows[self.with_inputs()].sum()) == len(self.deep) and int(self.n_ids.sum()) == len(self.ids)
        ordered = bool((np.diff(ends) > 0).all()) and bool((np.diff(self.event) >= 0).all()) and ends[0] >= 0
        return counted and ordered and bool((self.rows >= 0).all() and (self.n_ids >= 0).all())


def _below(column: IntArray, size: int) -> bool:
    return not len(column) or (int(column.min()) >= 0 and int(column.max()) < size)


def digest(text: str) -> int:
    """A text as a number of eight bytes."""
    return int.from_bytes(blake2b(text.encode("utf-8", "backslashreplace"), digest_size=8).digest(), "big")


def mark(request: str, row: int) -> int:
    """By which rows are drawn for samples: those that 2, 4, 8, ... divides."""
    return digest(f"{request}/{row}")


def _twos(number: int) -> int:
    """How often two divides it."""
    return (number & -number).bit_length() - 1 if number else 64


@dataclass(slots=True)
class Builder:
    """Columns as they grow; goes on from those of an earlier reading."""

    before: Parsed | None = None
    columns: dict[str, Any] = field(default_factory=lambda: {name: array(code) for name, code in TYPES.items()})
    damaged: dict[str, int] = field(default_factory=dict)
    kinds: dict[tuple[Any, ...], int] = field(default_factory=dict)
    who: dict[str, int] = field(default_factory=dict)
    said: dict[tuple[str, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.before is not None:
            words = self.before.words
            self.damaged = dict(self.before.damaged)
            self.kinds = {tuple(kind): k for k, kind in enumerate(words.kinds)}
            self.who = {name: k for k, name in enumerate(words.who)}
            self.said = {reason: k for k, reason in enumerate(words.said)}

    def add(self, offset: int, time: float, answered: Answered) -> None:
        """Take in the answer whose line begins at `offset`.

        Raises
        ------
        ValueError, TypeError, OverflowError : its numbers are none; then nothing was taken in.
        """
        names = answered.ids[: answered.n]
        ms, rows, failed, status, refused, outside, width = numbers_of(answered)
        number, c = len(self.columns["time"]) + (len(self.before) if self.before else 0), self.columns
        c["width"].append(width)  # the only one that may fail: an integer beyond all floats
        c["ms"].append(ms)
        c["rows"].append(rows)
        c["failed"].append(failed)
        c["status"].append(status)
        c["refused"].append(refused)
        c["outside"].append(outside)
        c["offset"].append(offset)
        c["time"].append(time)
        kind = (answered.model, answered.version, answered.bundle, *map(tuple, (answered.inputs, answered.targets)))
        c["kind"].append(self.kinds.setdefault(kind, len(self.kinds)))
        c["who"].append(self.who.setdefault(answered.who, len(self.who)))
        c["request"].append(digest(answered.request))
        c["n_ids"].append(len(names))
        if answered.inputs:
            c["deep"].extend([_twos(mark(answered.request, row)) for row in range(answered.n)])
        c["ids"].extend([digest(str(name).strip()) for name in names])
        if failed or refused:
            for place, (of, said, _, _) in enumerate(causes_of(answered)):
                c["event"].append(number)
                c["place"].append(place)
                c["said"].append(self.said.setdefault((of, said), len(self.said)))

    def damage(self, why: str) -> None:
        """Count a line that cannot be used."""
        self.damaged[why] = self.damaged.get(why, 0) + 1

    def parsed(self, covered: int) -> Parsed:
        """All of it, with what was there before."""
        fresh = {name: np.frombuffer(column, dtype=column.typecode) for name, column in self.columns.items()}
        if self.before is not None:
            fresh = {name: np.concatenate([getattr(self.before, name), fresh[name]]) for name in TYPES}
        words = Words(tuple(Kind(*kind) for kind in self.kinds), tuple(self.who), tuple(self.said))
        return Parsed(covered, dict(self.damaged), words, **fresh)
