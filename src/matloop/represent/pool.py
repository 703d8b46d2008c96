"""Chunks of rows described in child processes that can be killed: a row that takes too long or kills one is found."""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from matloop.core.children import LEAST_GB, Child, Parcel
from matloop.core.errors import ConfigError, MissingExtra, RunError
from matloop.problem.question import InputKind
from matloop.represent.batches import Rows, cut, packed
from matloop.represent.work import Piece, Span, Ticket, parts

START_S = 300.0
"""A process may take so long to import its libraries."""
_NOTHING = Span(-1, 0, 0)
_TICK = 0.5  # seconds between looks at the clock while waiting


@dataclass(frozen=True, slots=True)
class Task:
    """Spans of some rows of a chunk. `offset`: place of the first of these rows in the chunk; spans count from it."""

    chunk: int
    offset: int
    rows: Rows
    spans: tuple[Span, ...]

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True)
class Unread:
    """Rows of a chunk that could not be read, and why."""

    reasons: dict[int, str]


@dataclass(slots=True, eq=False)
class _Worker:
    child: Child
    ready: bool = False
    task: Task | None = None
    left: list[Span] = field(default_factory=list)
    now: Span | None = None
    """What it is at; None while it reads."""
    until: float | None = None


class Pool:
    """Child processes for some featurizers.

    Parameters
    ----------
    kind, tickets, widths : what the rows are, the featurizers, and how many columns each has.
    workers : processes. seconds : bound of one row's time in one featurizer (or in reading). memory_gb : bound of one
        process's own memory, libraries included.
    """

    def __init__(
        self, kind: InputKind, tickets: Sequence[Ticket], widths: Sequence[int], *, workers: int,
        seconds: float | None, memory_gb: float | None,
    ) -> None:  # fmt: skip
        if memory_gb is not None and memory_gb < LEAST_GB:
            raise ConfigError(f"memory_gb = {memory_gb:g}: the libraries alone need {LEAST_GB:g} GB.")
        self.workers, self.seconds, self.widths = max(workers, 1), seconds, widths
        self._late = "" if seconds is None else f"took longer than {seconds:g} s"
        self._hello = {
            "kind": kind, "tickets": [ticket.as_json() for ticket in tickets], "seconds": seconds,
            "memory_gb": memory_gb,
            "memory": "needed more memory than there is" if memory_gb is None else f"needed more than {memory_gb:g} GB",
        }  # fmt: skip
        self._pool: list[_Worker] = []
        self._news: queue.Queue[tuple[Child, Parcel | None]] = queue.Queue()
        self._tasks: deque[Task] = deque()

    def close(self) -> None:
        """End all processes."""
        while self._pool:
            self._pool.pop().child.kill()

    def add(self, task: Task) -> None:
        """Queue a task."""
        self._tasks.append(task)

    @property
    def idle(self) -> bool:
        """Whether there is nothing left to do or to wait for."""
        return not self._tasks and not any(worker.task for worker in self._pool)

    def results(self) -> list[tuple[int, Piece | Unread]]:
        """Hand out tasks, wait a moment, and return what came: (chunk, result), rows counted within the chunk.

        Raises
        ------
        ConfigError, MissingExtra : a featurizer refuses to work at all. RunError : processes do not start.
        """
        self._hand_out()
        found = self._heard()
        for worker in [w for w in self._pool if w.until is not None and time.monotonic() >= w.until]:
            if not worker.ready:
                raise RunError(f"a process that describes rows did not start within {START_S:g} s. Use fewer workers.")
            found += self._failed(worker, self._late, late=True)
        return found

    def _hand_out(self) -> None:
        for worker in [w for w in self._pool if w.task is None and w.ready and not w.child.alive]:
            self._dismiss(worker)
        waiting = len(self._tasks) - sum(not worker.ready for worker in self._pool)
        while waiting > 0 and len(self._pool) < self.workers and not any(w.ready and not w.task for w in self._pool):
            worker = _Worker(Child("matloop.represent.worker", self._news), until=time.monotonic() + START_S)
            worker.child.send(self._hello)
            self._pool.append(worker)
            waiting -= 1
        for worker in self._pool:
            if worker.ready and worker.task is None and self._tasks:
                self._begin(worker, self._tasks.popleft())

    def _begin(self, worker: _Worker, task: Task) -> None:
        worker.task, worker.left, worker.now = task, list(task.spans), None
        message, arrays = packed(task.rows)
        worker.child.send({"rows": message, "spans": [[s.featurizer, s.start, s.stop] for s in task.spans]}, arrays)
        worker.until = self._deadline()

    def _deadline(self) -> float | None:
        return None if self.seconds is None else time.monotonic() + self.seconds

    def _heard(self) -> list[tuple[int, Piece | Unread]]:
        ends = [worker.until - time.monotonic() for worker in self._pool if worker.until is not None]
        try:
            child, parcel = self._news.get(timeout=max(min([_TICK, *ends]), 0.0) + 0.001)
        except queue.Empty:
            return []
        worker = next((w for w in self._pool if w.child is child), None)
        if worker is None:
            return []  # said by a process that was dismissed meanwhile
        if parcel is None:
            return self._died(worker)
        return self._understood(worker, parcel)

    def _understood(self, worker: _Worker, parcel: Parcel) -> list[tuple[int, Piece | Unread]]:
        message, task = parcel.message, worker.task
        if message.get("ready"):
            worker.ready, worker.until = True, None
            return []
        if "refused" in message:
            raise (MissingExtra if message["kind"] == "MissingExtra" else ConfigError)(message["refused"])
        assert task is not None
        if message.get("done"):
            worker.task, worker.until = None, None
            return []
        worker.until = self._deadline()
        if "unread" in message:
            reasons = {task.offset + row: why for row, why in message["unread"]}
            return [(task.chunk, Unread(reasons))] if reasons else []
        if "now" in message:
            worker.now = Span(*message["now"])
            return []
        piece = Span(*message["piece"])
        worker.left = _without(worker.left, piece)
        worker.now = worker.left[0] if worker.left else _NOTHING
        return [(task.chunk, _moved(piece, parcel, task.offset))]

    def _died(self, worker: _Worker) -> list[tuple[int, Piece | Unread]]:
        why = worker.child.epitaph()
        if not worker.ready:
            raise RunError(
                f"a process that describes rows cannot start: {why}. Allow more memory, or use workers=1 unbounded."
            )
        return self._failed(worker, why.removeprefix("its "), late=False)

    def _failed(self, worker: _Worker, why: str, *, late: bool) -> list[tuple[int, Piece | Unread]]:
        """The process is gone or has to go: the row is found by dividing, what is left is queued again."""
        self._dismiss(worker)
        task, now = worker.task, worker.now
        if task is None:
            return []
        if now is None:  # while reading
            if len(task) == 1:
                offset = task.offset
                pieces = [self._nothing(task, span, f"reading it {why}", late) for span in worker.left]
                return [(task.chunk, Unread({offset: f"reading it {why}"})), *((task.chunk, p) for p in pieces)]
            self._queue(_divided(task, worker.left, 0, len(task)))
            return []
        self._queue([_part(task, _without(worker.left, now))])
        if now.stop - now.start == 1:
            return [(task.chunk, self._nothing(task, now, why, late))]
        self._queue(_divided(task, [now], now.start, now.stop))
        return []

    def _queue(self, tasks: Iterable[Task | None]) -> None:
        """To the front: the chunk has been waited for already."""
        self._tasks.extendleft(reversed([task for task in tasks if task is not None]))

    def _nothing(self, task: Task, span: Span, why: str, late: bool) -> Piece:
        at = Span(span.featurizer, task.offset + span.start, task.offset + span.stop)
        X = np.full((span.stop - span.start, self.widths[span.featurizer]), np.nan)
        return Piece(
            at, X, dict.fromkeys(range(at.start, at.stop), why), frozenset(range(at.start, at.stop)), late=late
        )

    def _dismiss(self, worker: _Worker) -> None:
        worker.child.kill()
        self._pool.remove(worker)


def _moved(piece: Span, parcel: Parcel, offset: int) -> Piece:
    message: dict[str, Any] = parcel.message
    return Piece(
        Span(piece.featurizer, piece.start + offset, piece.stop + offset),
        parcel.arrays["X"],
        {row + offset: why for row, why in message["reasons"]},
        frozenset(row + offset for row in message["unlike"]),
        message["seconds"],
    )


def _without(spans: Sequence[Span], done: Span) -> list[Span]:
    """Spans less one part of them."""
    left = []
    for span in spans:
        if span.featurizer != done.featurizer or done.stop <= span.start or span.stop <= done.start:
            left.append(span)
            continue
        left += [Span(span.featurizer, span.start, done.start)] if span.start < done.start else []
        left += [Span(span.featurizer, done.stop, span.stop)] if done.stop < span.stop else []
    return left


def _part(task: Task, spans: Sequence[Span]) -> Task | None:
    return Task(task.chunk, task.offset, task.rows, tuple(spans)) if spans else None


def _divided(task: Task, spans: Sequence[Span], start: int, stop: int) -> list[Task | None]:
    """Tasks for parts of the rows start to stop, with what the spans have to do there."""
    tasks = []
    for a, b in parts(start, stop):
        inside = [(s.featurizer, max(s.start, a) - a, min(s.stop, b) - a) for s in spans]
        own = tuple(Span(*span) for span in inside if span[1] < span[2])
        tasks.append(Task(task.chunk, task.offset + a, cut(task.rows, a, b), own) if own else None)
    return tasks
