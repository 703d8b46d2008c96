"""Writing the prediction log beside the answers: nothing here makes an answer wait or fail.

A segment is a file of JSON lines that one writer, and no other, appends to: `2026-11-21T135500.123-w0-4711-1.jsonl` is
the first of worker w0 in process 4711, whose first answer was given at that time (UTC).
"""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import os
import re
import threading
import time
from collections import deque
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from matloop.core.errors import RunError
from matloop.core.files import said
from matloop.core.jsonable import to_jsonable
from matloop.monitor.record import Answered

logger = logging.getLogger(__name__)
FLUSH_S = 0.25
"""The longest that an answer waits for being written, seconds; twice as often as what is promised."""
SYNC_S = 1.0
"""How often what was written is forced onto the disk, seconds: a loss of power costs that much."""
RETRY_S = 0.5
CAPACITY = 20_000
"""Answers that may wait for the disk."""
CAPACITY_ROWS = 400_000
SEGMENT_BYTES = 128 * 2**20
_KEY = re.compile(r"mlk_[A-Za-z0-9_-]{8,}")
_NAMES = tuple(entry.name for entry in fields(Answered))
_number = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Written:
    """What became of the answers that a writer was given.

    requests, rows, bytes : written. lost : {why: requests} that will never be in the log. waiting : not written yet.
    error : the last one of the disk, empty once it could be written again. segments : files begun.
    """

    requests: int = 0
    rows: int = 0
    bytes: int = 0
    lost: tuple[tuple[str, int], ...] = ()
    waiting: int = 0
    error: str = ""
    segments: int = 0

    @property
    def lost_requests(self) -> int:
        """Requests that will never be in the log, for any reason."""
        return sum(count for _, count in self.lost)


class Writer:
    """Appends answers to the log from a thread of its own; use one per process.

    Parameters
    ----------
    folder : of the log. worker : short name of this worker, part of the file names. segment_bytes : a segment is closed
        at this size, and at the end of a day (UTC). capacity, capacity_rows : what may wait while the disk is slow or
        full; beyond it answers are counted as lost.
    """

    def __init__(
        self,
        folder: Path | str,
        worker: str = "w0",
        *,
        segment_bytes: int = SEGMENT_BYTES,
        capacity: int = CAPACITY,
        capacity_rows: int = CAPACITY_ROWS,
    ) -> None:
        self.folder = Path(folder)
        self.worker = re.sub(r"[^A-Za-z0-9_]", "_", worker)[:40] or "w0"
        self.segment_bytes, self.capacity, self.capacity_rows = segment_bytes, capacity, capacity_rows
        self._queue: deque[Answered] = deque()
        self._rows_waiting = 0
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._ending = False
        self._lost: dict[str, int] = {}
        self._requests = self._rows = self._bytes = self._segments = self._in_hand = 0
        self._error = ""
        self._open: _Segment | None = None
        self._thread = threading.Thread(target=self._run, name=f"prediction-log-{self.worker}", daemon=True)
        self._thread.start()

    def write(self, answered: Answered) -> bool:
        """Take an answer for writing; returns at once and raises nothing. False where it is lost, and counted."""
        with self._lock:
            why = ""
            if self._ending:
                why = "the log was closed"
            elif len(self._queue) + self._in_hand >= self.capacity or (
                self._queue and self._rows_waiting + answered.n > self.capacity_rows
            ):
                why = "disk full" if self._error else "disk too slow"
            if why:
                self._lost[why] = self._lost.get(why, 0) + 1
                return False
            self._queue.append(answered)
            self._rows_waiting += answered.n
            return True

    def counts(self) -> Written:
        """What became of the answers up to now."""
        with self._lock:
            return Written(
                self._requests, self._rows, self._bytes, tuple(sorted(self._lost.items())),
                len(self._queue) + self._in_hand, self._error, self._segments,
            )  # fmt: skip

    def flush(self, patience: float = 5.0) -> bool:
        """Wait until all that was given up to now is written; False where it takes longer than `patience` seconds."""
        until = time.monotonic() + patience
        while self.counts().waiting:
            self._wake.set()
            if time.monotonic() > until:
                return False
            time.sleep(0.005)
        return True

    def close(self, patience: float = 5.0) -> Written:
        """Write what waits, sync, and end the thread; what cannot be written within `patience` seconds is lost."""
        self.flush(patience)
        with self._lock:
            self._ending = True
        self._wake.set()
        self._thread.join(patience + 2 * RETRY_S)
        return self.counts()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        synced = time.monotonic()
        while True:
            self._wake.wait(FLUSH_S)
            self._wake.clear()
            self._drain()
            if self._open is not None and time.monotonic() - synced > SYNC_S:
                synced = time.monotonic()
                with contextlib.suppress(OSError):  # what was written stands; the next write tells of a broken disk
                    self._open.sync()
            if self._ending:
                break
        if self._open is not None:
            with contextlib.suppress(OSError):
                self._open.sync()
            self._open.close()

    def _drain(self) -> None:
        """Write all that waits, a batch at a time; on a full disk try again until it is written or given up."""
        while self._queue:
            with self._lock:
                batch = [self._queue.popleft() for _ in range(min(len(self._queue), 500))]
                self._in_hand = len(batch)
            lines, kept = self._as_lines(batch)
            while kept and not self._written(lines, kept):
                if self._ending:
                    self._count_lost("disk full", len(kept))
                    break
                time.sleep(RETRY_S)
            with self._lock:
                self._in_hand = 0
                self._rows_waiting -= sum(answered.n for answered in batch)

    def _as_lines(self, batch: list[Answered]) -> tuple[bytes, list[Answered]]:
        lines, kept = [], []
        for answered in batch:
            try:
                lines.append(_as_line(answered))
                kept.append(answered)
            except (TypeError, ValueError, RecursionError) as error:
                logger.warning("prediction log: request %s cannot be written: %s", answered.request, error)
                self._count_lost("not to be written as JSON", 1)
        return b"".join(lines), kept

    def _written(self, lines: bytes, batch: list[Answered]) -> bool:
        try:
            segment = self._segment(batch[0].time)
            segment.append(lines)
        except (OSError, RunError) as error:
            if not self._error:
                logger.error("prediction log: %s", said(self.folder, error) if isinstance(error, OSError) else error)
            with self._lock:
                self._error = str(error)
            if self._open is not None:
                self._open.close()
                self._open = None  # a broken segment is not gone on with
            return False
        with self._lock:
            if self._error:
                logger.warning("prediction log: it can be written again")
            self._error = ""
            self._requests += len(batch)
            self._rows += sum(answered.n for answered in batch)
            self._bytes += len(lines)
        return True

    def _segment(self, first: str) -> _Segment:
        now = self._open
        if now is not None and (now.size >= self.segment_bytes or now.day != first[:10] or now.removed()):
            now.close()
            now = None
        if now is None:
            now = self._open = _Segment(self.folder, first, self.worker)
            self._segments += 1
        return now

    def _count_lost(self, why: str, count: int) -> None:
        with self._lock:
            self._lost[why] = self._lost.get(why, 0) + count


class _Segment:
    """One file, appended to by whole batches: a batch that does not fit is taken back."""

    def __init__(self, folder: Path, first: str, worker: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{_start(first)}-{worker}-{os.getpid()}-{next(_number)}.jsonl"
        self.day, self.size = first[:10], 0
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o640)

    def append(self, lines: bytes) -> None:
        left = memoryview(lines)
        try:
            while left:
                left = left[os.write(self._handle, left) :]
        except OSError:
            with contextlib.suppress(OSError):  # else the reader counts the torn line
                os.ftruncate(self._handle, self.size)
            raise
        self.size += len(lines)

    def removed(self) -> bool:
        """Whether somebody deleted the file meanwhile: what is written now would be seen by nobody."""
        return os.fstat(self._handle).st_nlink == 0

    def sync(self) -> None:
        os.fsync(self._handle)

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
        self._handle = -1


def _start(first: str) -> str:
    """The time of the first answer as a file name has it; now, where it is no time."""
    try:
        found = datetime.fromisoformat(first)
    except ValueError:
        found = datetime.now(UTC)
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return found.astimezone(UTC).strftime("%Y-%m-%dT%H%M%S.%f")[:21]


def _as_line(answered: Answered) -> bytes:
    values = {name: getattr(answered, name) for name in _NAMES}
    try:
        text = json.dumps(values, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    except (TypeError, ValueError):  # NaN, or arrays of numpy
        text = json.dumps(to_jsonable(values), allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    if "mlk_" in text:
        text = _KEY.sub("mlk_(hidden)", text)
    return text.encode("utf-8", "backslashreplace") + b"\n"
