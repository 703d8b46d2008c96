"""Reading the prediction log as a stream: many segments in order of time, damaged lines counted, memory flat."""

from __future__ import annotations

import heapq
import json
import re
from collections.abc import Callable, Iterator
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
MOST_ROWS = 2**40
TORN = "torn"
_SEGMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d{6}(?:\.\d+)?)-(\w+)-(\d+)-(\d+)\.jsonl")
_FIELDS = frozenset(entry.name for entry in fields(Answered))
_TEXTS = ("time", "request", "model", "bundle", "why", "who")


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


def segments_between(folder: Path, since: float, until: float) -> list[Segment]:
    """Segments that may hold answers with `since <= time < until`; errors as for `segments`."""
    found = []
    for segment in segments(folder):
        try:
            ended = segment.path.stat().st_mtime + SLACK_S
        except FileNotFoundError:  # cleaned up since it was listed
            continue
        if segment.start - SLACK_S < until and ended >= since:
            found.append(segment)
    return found


def stream(folder: Path, tally: Tally, *, since: float, until: float) -> Iterator[tuple[float, Answered]]:
    """All answers with `since <= time < until` (seconds), in order of time; each segment is opened when its turn
    comes, so that only those that were written at the same time are open at once."""
    heap: list[tuple[float, int, Answered | None, Iterator[tuple[float, Answered]]]] = []
    for number, segment in enumerate(segments_between(folder, since, until)):
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
            for _, line in whole_lines(file, tally.damage):
                try:
                    yield as_timed(line)
                except (ValueError, RecursionError) as error:
                    tally.damage(why_odd(error))
    except FileNotFoundError:  # cleaned up since it was listed
        tally.damage("segment removed while reading")
    except OSError as error:
        tally.damage(f"segment cannot be read: {error.strerror}")


def whole_lines(
    file: BinaryIO, damage: Callable[[str], None], *, at: int = 0, seen: Callable[[bytes], object] = len
) -> Iterator[tuple[int, bytes]]:
    """Where lines begin, and the lines with their end; the last one without is torn, or being written just now.

    damage : is told what could not be used. at : where `file` stands. seen : is shown the bytes of all whole lines.
    """
    while line := file.readline(LINE_LIMIT):
        start, at = at, at + len(line)
        if line.endswith(b"\n"):
            seen(line)
            if line.strip(b"\0\r\n "):
                yield start, line
        elif len(line) < LINE_LIMIT:
            damage(TORN)
        else:
            damage("longer than a line may be")
            seen(line)
            while more := file.readline(LINE_LIMIT):
                at += len(more)
                seen(more)
                if more.endswith(b"\n"):
                    break


def as_timed(line: bytes) -> tuple[float, Answered]:
    """A line as its time (seconds since 1970) and the answer it holds; see `as_answered`."""
    answered = as_answered(json.loads(line.decode("utf-8", "surrogatepass")))
    return seconds(answered.time), answered


def why_odd(error: Exception) -> str:
    """Why a line cannot be used, in words that can be counted."""
    return str(error) if isinstance(error, _Odd) else "not to be read"


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
        if not found.keys() <= _FIELDS:
            found = {name: value for name, value in found.items() if name in _FIELDS}
        answered = Answered(**found)
    except TypeError as error:
        raise _Odd("fields are missing") from error
    n = answered.n
    for name in _TEXTS:
        if not isinstance(getattr(answered, name), str):
            raise _Odd("not an answer")
    for mapping in (answered.inputs, answered.targets, answered.unreadable):
        if not isinstance(mapping, dict):
            raise _Odd("not an answer")
    if not isinstance(n, int) or not 0 <= n < MOST_ROWS or not isinstance(answered.ids, list):
        raise _Odd("not an answer")
    if not _counts(answered.status, 2**15) or not _counts(answered.version, MOST_ROWS):
        raise _Odd("not an answer")
    if not isinstance(answered.ms, int | float) or abs(answered.ms) > 1e15:
        raise _Odd("not an answer")
    for columns in (answered.inputs, *answered.targets.values()):
        if not isinstance(columns, dict):
            raise _Odd("columns of different lengths")
        for column in columns.values():
            if not isinstance(column, list) or len(column) != n:
                raise _Odd("columns of different lengths")
    return answered


def _counts(number: object, below: int) -> bool:
    return isinstance(number, int) and abs(number) < below


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
