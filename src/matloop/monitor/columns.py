"""The log of a window as columns in order of time; single lines are read again where more than numbers is needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.monitor.beside import parsed_of
from matloop.monitor.parsed import Kind, Parsed, digest
from matloop.monitor.reading import LINE_LIMIT, Segment, Tally, as_timed, segments_between
from matloop.monitor.record import Answered

AT_ONCE = 32 * 2**20
"""Bytes of lines that are held together."""


class Stale(Exception):
    """A segment is not what its columns say: it was changed, or removed, meanwhile."""


class Columns:
    """Requests of a window, in the order in which `matloop.monitor.reading.stream` gives them.

    tally : what the reading met. time : (m,) seconds since 1970. kinds, kind : what answers have in common, (m,) into
    it.
    """

    def __init__(self, parts: list[tuple[Segment, Parsed]], tally: Tally, since: float, until: float) -> None:
        self.parts = parts
        order = np.argsort(_joined([_turns(*one) for one in parts]), kind="stable")
        time = _joined([one.time for _, one in parts])[order]
        kept = (time >= since) & (time < until)
        self.order, self.time = order[kept], time[kept]
        tables = [one.words.kinds for _, one in parts]
        self.kinds: tuple[Kind, ...] = tuple(dict.fromkeys(kind for table in tables for kind in table))
        self.kind = self.through("kind", self.kinds, tables)
        rows = self.column("rows")
        self.tally = replace(
            tally, requests=len(self.time), rows=int(rows.sum()), damaged=dict(sorted(tally.damaged.items())),
            first=float(self.time[0]) if len(self.time) else float("nan"),
            last=float(self.time[-1]) if len(self.time) else float("nan"),
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.order)

    def column(self, name: str) -> NDArray:
        """A column of `Parsed`, shape (m,)."""
        return _joined([getattr(one, name) for _, one in self.parts])[self.order]

    def through(self, name: str, words: Iterable[object], tables: Sequence[tuple[object, ...]]) -> IntArray:
        """A column that counts through tables of the segments, as one that counts through `words`, shape (m,)."""
        place = {word: k for k, word in enumerate(words)}
        maps = [np.array([place[word] for word in table], dtype=np.int64) for table in tables]
        return _joined([to[getattr(one, name)] for to, (_, one) in zip(maps, self.parts, strict=True)])[self.order]

    def of(self, wanted: Mapping[Kind, bool]) -> BoolArray:
        """Which requests are of the wanted kinds, shape (m,)."""
        return np.array([wanted[kind] for kind in self.kinds], dtype=bool)[self.kind]

    def present(self) -> list[Kind]:
        """The kinds that occur, in the order of their first requests."""
        found, first = np.unique(self.kind, return_index=True)
        return [self.kinds[k] for k in found[np.argsort(first)].tolist()]

    @cached_property
    def starts(self) -> IntArray:
        """Where the rows of each request begin in `deep`, shape (m,)."""
        counts = [np.where(one.with_inputs(), one.rows, 0) for _, one in self.parts]
        return np.asarray((_joined(counts).cumsum() - _joined(counts))[self.order], dtype=np.int64)

    @cached_property
    def deep(self) -> IntArray:
        """See `Parsed`; of all rows, segment by segment."""
        return _joined([one.deep for _, one in self.parts])

    def named(self, names: Iterable[str]) -> IntArray:
        """Places of the requests with such an id; a few others may be among them."""
        return np.flatnonzero(np.isin(self.column("request"), _digests(names)))

    def of_asker(self, names: Iterable[str]) -> IntArray:
        """Places of the requests with a row that the asker calls so; a few others may be among them."""
        wanted = _digests(names)
        hits = []
        for _, one in self.parts:
            found = np.isin(one.ids, wanted)
            owner = np.repeat(np.arange(len(one)), one.n_ids)[found]
            hits.append(np.bincount(owner, minlength=len(one)) > 0)
        return np.flatnonzero(_joined(hits)[self.order]) if hits else np.zeros(0, dtype=np.int64)

    def answers(self, places: IntArray) -> Iterator[tuple[int, float, Answered]]:
        """Place, time and answer of the requests at `places` (ascending), their lines read again.

        Raises
        ------
        Stale : a line is another one by now.
        """
        sizes = _joined([np.diff(np.append(one.offset, one.covered)) for _, one in self.parts])
        batch = (sizes[self.order[places]].cumsum() // AT_ONCE) if len(places) else places
        for some in np.split(places, np.flatnonzero(np.diff(batch)) + 1):
            found: dict[int, tuple[float, Answered]] = {}
            for number, own in self._by_part(some):
                found |= _lines(self.parts[number], self.order[own] - self.bases[number], own)
            yield from ((place, *found[place]) for place in some.tolist())

    @cached_property
    def bases(self) -> IntArray:
        """The first request of each segment, in the order of the lines."""
        sizes = np.array([len(one) for _, one in self.parts], dtype=np.int64)
        return np.asarray(sizes.cumsum() - sizes)

    def _by_part(self, places: IntArray) -> Iterator[tuple[int, IntArray]]:
        number = np.searchsorted(self.bases, self.order[places], "right") - 1
        for one in np.unique(number).tolist():
            own = places[number == one]
            yield one, own[np.argsort(self.order[own])]


def columns(folder: Path, *, since: float, until: float, trust: bool = True) -> Columns:
    """All requests with `since <= time < until` (seconds since 1970).

    Raises
    ------
    DataError : there is no log.
    """
    tally, parts = Tally(), []

    def damage(why: str, n: int) -> None:
        tally.damaged[why] = tally.damaged.get(why, 0) + n

    for segment in segments_between(folder, since, until):
        tally.segments += 1
        try:
            parts.append((segment, parsed_of(segment, damage, trust=trust)))
        except FileNotFoundError:  # cleaned up since it was listed
            tally.damage("segment removed while reading")
        except OSError as error:
            tally.damage(f"segment cannot be read: {error.strerror}")
    return Columns(parts, tally, since, until)


def _turns(segment: Segment, one: Parsed) -> FloatArray:
    """When each line has its turn: segments are merged by the line that each shows, and one that is late in its segment
    comes at once. The first turn is when the segment begins."""
    return np.maximum.accumulate(np.maximum(one.time, segment.start)) if len(one) else one.time


def _lines(part: tuple[Segment, Parsed], rows: IntArray, places: IntArray) -> dict[int, tuple[float, Answered]]:
    segment, one = part
    found, position = {}, -1
    try:
        with segment.path.open("rb") as file:
            told = (one.offset[rows].tolist(), one.time[rows].tolist(), one.request[rows].tolist())
            for place, offset, at, request in zip(places.tolist(), *told, strict=True):
                if offset != position:
                    file.seek(offset)
                line = file.readline(LINE_LIMIT)
                position = offset + len(line)
                time, answered = as_timed(line)
                if time != at or digest(answered.request) != request:
                    raise Stale(str(segment.path))
                found[place] = (time, answered)
    except (OSError, ValueError, RecursionError) as error:
        raise Stale(str(segment.path)) from error
    return found


def _joined(parts: list[NDArray]) -> NDArray:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def _digests(names: Iterable[str]) -> NDArray[np.uint64]:
    return np.array([digest(name) for name in names], dtype=np.uint64)
