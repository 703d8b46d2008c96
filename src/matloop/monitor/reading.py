"""Reading the prediction log as a stream: many segments in order of time, damaged lines counted, memory flat."""

from __future__ import annotations

import heapq
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from matloop.core.errors import DataError
from matloop.monitor.record import FORMAT, Answered

LINE_LIMIT = 256 * 2**20
"""Bytes; what is longer is no line of ours."""
SLACK_S = 120.0
"""Lines of one segment may be that much out of order, and before the time in its name, seconds."""
_SEGMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d{6}(?:\.\d+)?)-(\w+)-(\d+)-(\d+)\.jsonl")
_FIELDS = frozenset(entry.name for entry in fields(Answered))
_TEXTS = ("time", "request", "model", "bundle", "why", "who")
_MAPPINGS = ("inputs", "targets", "unreadable")


@dataclass(slots=True)
class Tally:
    """What a reading met, counted while it goes on.

    requests, rows : handed out. damaged : {why: lines} that could not be used; "torn" where a writer was stopped within
    a line. segments : files opened. first, last : times of what was handed out, seconds since 1970.
    """

    requests: int = 0
    rows: int = 0
    segments: int = 0
    damaged: dict[str, int] = field(default_factory=dict)
    first: float = float("nan")
    last: float = float("nan")

    def damage(self, why: str) -> None:
        self.damaged[why] = self.damaged.get(why, 0) + 1


@dataclass(frozen=True, slots=True)
class Segment:
    """A file of the log: when it begins (seconds since 1970) and which worker wrote it."""

    path: Path
    start: float
    worker: str


def seconds(time: str) -> float:
    """Seconds since 1970 of an ISO time; one without zone is UTC. ValueError where it is none."""
    found = datetime.fromisoformat(time)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def segments(folder: Path) -> list[Segment]:
    """The segments of a log, by the time they begin; other files are left alone.

    Raises
    ------
    DataError : there is no such folder.
    """
    if not folder.is_dir():
        raise DataError(
            f"{folder}: there is no prediction log. A service writes one with: matloop serve BUNDLE --log {folder}"
        )
    found = []
    for path in folder.iterdir():
        name = _SEGMENT.fullmatch(path.name)
        if name is None:
            continue
        try:
            start = datetime.strptime(name[1][:17], "%Y-%m-%dT%H%M%S").replace(tzinfo=UTC).timestamp()
        except ValueError:  # a name that only looks like ours: read from the first day on
            start = 0.0
        found.append(Segment(path, start, name[2]))
    return sorted(found, key=lambda segment: (segment.start, segment.path.name))


def stream(folder: Path, tally: Tally, *, since: float, until: float) -> Iterator[tuple[float, Answered]]:
    """All answers with `since <= time < until` (seconds), in order of time; each segment is opened when its turn
    comes, so that only those that were written at the same time are open at once."""
    heap: list[tuple[float, int, Answered | None, Iterator[tuple[float, Answered]]]] = []
    for number, segment in enumerate(segments(folder)):
        ended = segment.path.stat().st_mtime + SLACK_S
        if segment.start - SLACK_S < until and ended >= since:
            heapq.heappush(heap, (segment.start, number, None, _lines(segment, tally)))
    while heap:
        time, number, answered, rest = heap[0]
        following = next(rest, None)
        if following is None:
            heapq.heappop(heap)
        else:
            heapq.heapreplace(heap, (following[0], number, following[1], rest))
        if answered is not None and since <= time < until:
            yield time, answered


def _lines(segment: Segment, tally: Tally) -> Iterator[tuple[float, Answered]]:
    tally.segments += 1
    try:
        with segment.path.open("rb", buffering=2**20) as file:
            for line in _whole(file, tally):
                try:
                    answered = as_answered(json.loads(line))
                    yield seconds(answered.time), answered
                except (ValueError, RecursionError) as error:
                    tally.damage(str(error) if isinstance(error, _Odd) else "not to be read")
    except FileNotFoundError:  # cleaned up since it was listed
        tally.damage("segment removed while reading")
    except OSError as error:
        tally.damage(f"segment cannot be read: {error.strerror}")


def _whole(file: BinaryIO, tally: Tally) -> Iterator[bytes]:
    """Lines with their end; the last one without is torn, or being written just now."""
    while line := file.readline(LINE_LIMIT):
        if line.endswith(b"\n"):
            if line.strip(b"\0\r\n "):
                yield line
        elif len(line) < LINE_LIMIT:
            tally.damage("torn")
        else:
            tally.damage("longer than a line may be")
            while (more := file.readline(LINE_LIMIT)) and not more.endswith(b"\n"):
                pass


class _Odd(ValueError):
    """A line that is JSON but no answer; its text is the reason that is counted."""


def as_answered(found: Any) -> Answered:
    """A line as the value it was; what a later release added to it is left out.

    Raises
    ------
    ValueError : it is not one; the text says why, in words that can be counted.
    """
    if not isinstance(found, dict):
        raise _Odd("not an answer")
    if not isinstance(found.get("format", 0), int) or found.get("format", 0) > FORMAT:
        raise _Odd("written by a later release")
    try:
        answered = Answered(**{name: value for name, value in found.items() if name in _FIELDS})
    except TypeError as error:
        raise _Odd("fields are missing") from error
    if not all(isinstance(getattr(answered, name), str) for name in _TEXTS):
        raise _Odd("not an answer")
    if not all(isinstance(getattr(answered, name), dict) for name in _MAPPINGS):
        raise _Odd("not an answer")
    if not isinstance(answered.n, int) or answered.n < 0 or not isinstance(answered.ids, list):
        raise _Odd("not an answer")
    if not all(isinstance(column, list) and len(column) == answered.n for column in answered.inputs.values()):
        raise _Odd("columns of different lengths")
    for values in answered.targets.values():
        if not isinstance(values, dict) or not all(
            isinstance(column, list) and len(column) == answered.n for column in values.values()
        ):
            raise _Odd("columns of different lengths")
    return answered


def moment(when: str | float | datetime | timedelta | None, *, otherwise: float, now: float) -> float:
    """Seconds since 1970 of a time: seconds, a datetime, ISO text, or how long ago ("7d", "36h", "15m", a timedelta).

    Raises
    ------
    DataError : it is none of these.
    """
    if when is None:
        return otherwise
    if isinstance(when, timedelta):
        return now - when.total_seconds()
    if isinstance(when, datetime):
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    if isinstance(when, int | float):
        return float(when)
    try:
        return now - span(when) if _SPAN.fullmatch(when.strip()) else seconds(when.strip())
    except ValueError as error:
        raise DataError(
            f"{when!r} is no time: write how long ago (7d, 36h, 15m), or a date such as 2026-11-21T08:00."
        ) from error


_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|min|h|d|w)")
_UNIT_S = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}


def span(text: str) -> float:
    """Seconds of a duration such as "15m", "36h", "7d", "2w".

    Raises
    ------
    DataError : it is none.
    """
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        raise DataError(f"{text!r} is no duration: write a number and a unit, such as 15m, 36h, 7d or 2w.")
    return float(found[1]) * _UNIT_S[found[2]]
