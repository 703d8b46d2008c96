"""The prediction log: what a service was asked and what it answered, as a folder of JSON-lines segments."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from matloop.core.errors import RunError
from matloop.core.files import said
from matloop.monitor.beside import forget
from matloop.monitor.columns import Columns, Stale, columns
from matloop.monitor.labels import By, Told, as_table, how, match, names_of
from matloop.monitor.reading import Tally, moment, segments, span, stream
from matloop.monitor.record import Answered
from matloop.monitor.told import Labelled, Match, labelled, read_book, write_told
from matloop.monitor.writer import Writer

logger = logging.getLogger(__name__)
T = TypeVar("T")
When = str | float | datetime | timedelta
"""ISO text, how long ago ("7d"), seconds since 1970, a datetime, or a timedelta before now."""


def now_text() -> str:
    """This moment as the log writes it: UTC, ISO with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@dataclass(frozen=True, slots=True)
class Reading:
    """Answers of a window, to be gone through once; `tally` counts while one does.

    Iterate for `Answered`, or `timed()` for pairs of seconds since 1970 and `Answered`.
    """

    folder: Path
    since: float
    until: float
    model: str | None = None
    version: int | None = None
    bundle: str | None = None
    tally: Tally = field(default_factory=Tally)

    def __iter__(self) -> Iterator[Answered]:
        return (answered for _, answered in self.timed())

    def timed(self) -> Iterator[tuple[float, Answered]]:
        tally = self.tally
        for at, answered in stream(self.folder, tally, since=self.since, until=self.until):
            if (
                (self.model is None or answered.model == self.model)
                and (self.version is None or answered.version == self.version)
                and (self.bundle is None or answered.bundle == self.bundle)
            ):
                tally.requests += 1
                tally.rows += answered.n
                tally.first = at if tally.requests == 1 else tally.first
                tally.last = at
                yield at, answered


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What a cleaning removed."""

    segments: int
    bytes: int
    kept: int

    def lines(self) -> list[str]:
        """A line for the user."""
        return [f"{self.segments} segments ({self.bytes / 2**20:.1f} MiB) were removed, {self.kept} are kept."]


class PredictionLog:
    """A folder of the prediction log.

    Parameters
    ----------
    folder : made by the first answer that is written.

    Examples
    --------
    >>> log = PredictionLog("answers")                                         # doctest: +SKIP
    >>> with log.writer("w0") as writer:                                       # doctest: +SKIP
    ...     writer.write(Answered(now_text(), "r1", "steel", "0" * 16, 1))
    >>> [answered.request for answered in log.read(since="7d")]                # doctest: +SKIP
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)

    def writer(self, worker: str = "w0") -> Writer:
        """What this process writes its answers with; see `matloop.monitor.writer.Writer`."""
        return Writer(self.folder, worker)

    def read(
        self,
        *,
        since: When | None = None,
        until: When | None = None,
        model: str | None = None,
        version: int | None = None,
        bundle: str | None = None,
    ) -> Reading:
        """Answers of `since <= time < until`, of one model, version or bundle where these are said, in order of time.

        Raises
        ------
        DataError : the times cannot be read; on going through it, that there is no log.
        """
        now = time.time()
        start, end = (
            moment(when, otherwise=end, now=now) for when, end in ((since, float("-inf")), (until, float("inf")))
        )
        return Reading(self.folder, start, end, model, version, bundle)

    def look(self, work: Callable[[Columns], T], *, since: float = float("-inf"), until: float = float("inf")) -> T:
        """What `work` makes of all requests with `since <= time < until` (seconds since 1970), in order of time.

        What was parsed of segments is kept beside them (`matloop.monitor.beside`), so that each is parsed once. `work`
        is called again where the log is changed while it reads lines.

        Raises
        ------
        DataError : there is no log. RunError : the log is changed again and again.
        """
        for trust in (True, False, False):
            try:
                return work(columns(self.folder, since=since, until=until, trust=trust))
            except Stale as error:
                logger.info("%s was changed while it was read; it is read again", error)
        raise RunError(f"{self.folder}: segments are changed while they are read. Let nothing write into old ones.")

    def find(self, requests: Collection[str]) -> list[Answered]:
        """The answers to requests with these ids, in order of time.

        Raises
        ------
        DataError : there is no log.
        """
        wanted = frozenset(requests)

        def finding(columns: Columns) -> list[Answered]:
            return [answered for _, _, answered in columns.answers(columns.named(wanted))]

        return [answered for answered in self.look(finding) if answered.request in wanted]

    def label(
        self, table: Any, *, by: By | None = None, formulas: Collection[str] = (), since: When | None = None
    ) -> Told:
        """Tell measured values; each is kept with the answer that it belongs to.

        Parameters
        ----------
        table : a file (CSV, Excel, JSON lines, Parquet), a data frame, or {column: values}. A column that has the name
            of a target holds its measured values, in the unit of the target.
        by : how a value finds its answer: "request" (column `request`, with `row` counted from 0, or "id/row"), "id"
            (the asker's ids), or "inputs" (all input columns; numbers within 1e-6). None takes the first of these for
            which there are columns.
        formulas : input columns where differently written formulas of one composition are the same.
        since : leave out older answers.

        Raises
        ------
        DataError : the table cannot be read or has no measured column. RunError : the labels cannot be written.
        """
        values = as_table(table)
        joined = how(values, by)
        book, same = read_book(self.folder), frozenset(formulas)

        def found(columns: Columns) -> tuple[list[Match], Told]:
            wanted = names_of(values, joined)
            places = columns.named(wanted) if joined == "request" else columns.of_asker(wanted)
            answers = ((at, answered) for _, at, answered in columns.answers(places))
            targets = {target for kind in columns.present() for target in kind.targets}
            return match(values, answers, book, by=joined, formulas=same, targets=targets)

        if joined == "inputs":  # numbers that are nearly the same have no common digest
            matches, told = match(values, self.read(since=since).timed(), book, by=joined, formulas=same)
        else:
            start = moment(since, otherwise=float("-inf"), now=time.time())
            matches, told = self.look(found, since=start)
        if not matches:
            return told
        return replace(told, file=write_told(self.folder, matches, source=values.source, by=joined).name)

    def labels(
        self, *, model: str | None = None, version: int | None = None, bundle: str | None = None
    ) -> dict[str, Labelled]:
        """Answers with measured values, by target, in the order in which the values were told."""
        return labelled(self.folder, model=model, version=version, bundle=bundle)

    def clean(self, older_than: str | timedelta) -> Cleaned:
        """Remove the segments whose last answer is older than that; told labels are kept.

        A segment that a writer has open may go too, should it be that old: the writer notices and begins another.

        Raises
        ------
        DataError : no log, or no duration. RunError : a segment cannot be removed.
        """
        age = older_than.total_seconds() if isinstance(older_than, timedelta) else span(older_than)
        before = time.time() - age
        gone, size, found = 0, 0, segments(self.folder)
        for segment in found:
            try:
                stat = segment.path.stat()
                if stat.st_mtime < before:
                    segment.path.unlink()
                    gone, size = gone + 1, size + stat.st_size
            except FileNotFoundError:  # somebody else cleaned too
                gone += 1
            except OSError as error:
                raise RunError(said(segment.path, error)) from error
        forget(self.folder)
        return Cleaned(gone, size, len(found) - gone)
