"""The line in which requests wait: one thread answers, and takes all that wait for the same model at once.

Answering one row or thirty costs nearly the same, so the more ask at the same time, the cheaper each becomes. For few
rows the loop stands still until they are answered, for `STILL_S` at most: that is quicker than to be woken by another
thread, and two threads do not take the interpreter from each other; what takes longer is waited for as everything else.
Who asks alone is answered at once; where several asked together lately, the first waits a moment for the others.
Who comes when the line is full is told so at once; who has waited too long is told so, and costs nothing any more.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matloop.service.models.refused import Refused
from matloop.service.models.settings import Limits
from matloop.service.models.shelf import Served
from matloop.service.models.told import Told, joined, told

logger = logging.getLogger(__name__)
GATHER = 512
"""Rows that are answered at once, of several requests together."""
PIECE = 1000
"""Rows of one request that are answered at once; others come between."""
FEW = 64
"""Rows for whose answers the loop stands still."""
STILL_S = 0.005
"""Seconds that it does so at most; all other requests wait meanwhile."""
IN_VAIN = 50
"""Batches that are not waited for so after one that took longer: slow models cost the loop 5 ms in 50 answers."""

COMPANY_S = 0.0005
"""Seconds that the first in the line waits at most for as many others as came together lately."""


@dataclass(slots=True, eq=False)
class Piece:
    """Rows of one request that wait. until : on the clock of the loop."""

    served: Served
    columns: Mapping[str, Sequence[Any]]
    n: int
    until: float
    answer: asyncio.Future[Told]


class Batch:
    """Pieces that are answered together. ended : is free once they are. awaited : the loop stands still for them; else
    the thread tells it. told : their askers have been given `found`."""

    __slots__ = ("awaited", "ended", "found", "pieces", "rows", "seconds", "told")

    def __init__(self, pieces: list[Piece], rows: int) -> None:
        self.pieces, self.rows = pieces, rows
        self.found: list[Told | Exception] = []
        self.seconds = 0.0
        self.awaited = self.told = False
        self.ended = threading.Lock()
        self.ended.acquire()


class Line:
    """Requests in the order they came, and the thread that answers them.

    Parameters
    ----------
    noted : is called with (rows, seconds) of every batch that was answered.
    """

    def __init__(self, limits: Limits, noted: Callable[[int, float], None] = lambda rows, seconds: None) -> None:
        self.limits, self.noted = limits, noted
        self.waiting: deque[Piece] = deque()
        self.rows = self.requests = 0
        self.since = 0.0
        self._pace = 0.0
        self._vain = self._together = 0
        self._work: queue.SimpleQueue[Batch | None] = queue.SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; in the loop that asks."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._answer_all, name="matloop-answers", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Answer what was taken, and end."""
        self._work.put(None)
        if self._thread is not None:
            self._thread.join(5)

    def wait_s(self) -> float:
        """Seconds that who comes now would wait, from how quickly rows were answered lately."""
        return self.rows * self._pace

    async def ask(self, served: Served, columns: Mapping[str, Sequence[Any]], n: int, until: float) -> Told:
        """The answers to n rows.

        Raises
        ------
        Refused : the line is full, or they would not be answered before `until` (503), or were not (504).
        """
        limits = self.limits
        if self.requests >= limits.waiting or (self.rows and self.rows + n > limits.waiting_rows):
            raise Refused(503, "too many are asking at once. Come again in a moment.", "full", max(1.0, self.wait_s()))
        self.requests += 1
        self.rows += n
        left = n
        try:
            if n <= PIECE:
                return await self._one(served, columns, n, until)
            parts = []
            for start in range(0, n, PIECE):
                size = min(PIECE, n - start)
                piece = {name: values[start : start + size] for name, values in columns.items()}
                parts.append(await self._one(served, piece, size, until))
                left -= size
                self.rows -= size
            return joined(parts)
        finally:
            self.requests -= 1
            self.rows -= left

    async def _one(self, served: Served, columns: Mapping[str, Sequence[Any]], n: int, until: float) -> Told:
        assert self._loop is not None
        piece = Piece(served, columns, n, until, self._loop.create_future())
        self.waiting.append(piece)
        if not self.since:
            self.since = time.monotonic()
            self._loop.call_soon(self._soon)  # not at once: what has come in together is answered together
        timer = self._loop.call_at(until, _late, piece)
        try:
            return await piece.answer
        finally:
            timer.cancel()

    def _soon(self) -> None:
        """Go on: at once with who asks alone, else when as many wait as came together lately."""
        if self.waiting:
            self._gather(time.monotonic() + COMPANY_S)
        else:
            self.since = 0.0

    def _gather(self, until: float) -> None:
        assert self._loop is not None
        if len(self.waiting) < self._together and time.monotonic() < until:
            self._loop.call_soon(self._gather, until)  # the loop reads what comes in between
        else:
            self._next()

    def _next(self, *, still: bool = True) -> None:
        """Hand the thread what waits for the same model as the first in the line; for few rows stand `still`."""
        assert self._loop is not None
        batch = self._taken()
        if batch is None:
            self.since = 0.0
            return
        self.since = time.monotonic()
        batch.awaited = still and batch.rows <= FEW and not self._vain
        self._vain = max(0, self._vain - 1)
        waited = batch.awaited
        self._work.put(batch)
        if waited and not batch.ended.acquire(timeout=STILL_S):
            self._vain = IN_VAIN
            batch.awaited = False  # from here on the thread tells the loop; it may have ended just now
            waited = batch.ended.acquire(blocking=False)
        if waited:
            self._done(batch)

    def _taken(self) -> Batch | None:
        """The first in the line, with others for the same model; None where nobody waits."""
        while self.waiting and self.waiting[0].answer.done():  # who waited has gone, or was told that it is too late
            self.waiting.popleft()
        if not self.waiting:
            return None
        first = self.waiting.popleft()
        pieces, rows, passed = [first], first.n, []
        while self.waiting and rows < GATHER:
            piece = self.waiting.popleft()
            if piece.answer.done():
                continue
            if piece.served is first.served and rows + piece.n <= PIECE:
                pieces.append(piece)
                rows += piece.n
            else:
                passed.append(piece)
        self.waiting.extendleft(reversed(passed))
        return Batch(pieces, rows)

    def _answer_all(self) -> None:
        """What the thread does."""
        assert self._loop is not None
        while (batch := self._work.get()) is not None:
            started = time.perf_counter()
            batch.found = _answered(batch.pieces)
            batch.seconds = time.perf_counter() - started
            batch.ended.release()
            if batch.awaited:
                continue
            try:
                self._loop.call_soon_threadsafe(self._done, batch)
            except RuntimeError:  # the loop was closed: nobody waits any more
                return

    def _done(self, batch: Batch) -> None:
        """Give the askers their answers, and go on."""
        assert self._loop is not None
        if batch.told:
            return
        batch.told = True
        self._together = max(len(batch.pieces) + len(self.waiting), self._together // 2)
        pace = batch.seconds / batch.rows
        self._pace = pace if not self._pace else 0.9 * self._pace + 0.1 * pace
        many = self.rows - batch.rows > FEW
        if many:
            self._next(still=False)  # the thread works while these answers are written
        for piece, answer in zip(batch.pieces, batch.found, strict=True):
            if piece.answer.done():
                continue
            if isinstance(answer, Exception):
                piece.answer.set_exception(answer)
            else:
                piece.answer.set_result(answer)
        if not many:
            self._loop.call_soon(self._soon)
        self.noted(batch.rows, batch.seconds)


def _late(piece: Piece) -> None:
    if not piece.answer.done():
        piece.answer.set_exception(Refused(504, "the answer took longer than it may. Ask for fewer rows.", "time", 5.0))


def _answered(batch: list[Piece]) -> list[Told | Exception]:
    """Answers to each piece; where all together fail, each alone, so that nobody suffers for another one's row."""
    served = batch[0].served
    try:
        if len(batch) == 1:
            return [told(served.answerer.answer_columns(batch[0].columns))]
        columns = {name: [value for piece in batch for value in piece.columns[name]] for name in batch[0].columns}
        whole, found, start = told(served.answerer.answer_columns(columns)), [], 0
        for piece in batch:
            found.append(whole.part(start, start + piece.n))
            start += piece.n
        return list(found)
    except Exception as error:
        if len(batch) > 1:
            return [_answered([piece])[0] for piece in batch]
        logger.exception("%s could not answer %d rows", served.spelled, batch[0].n)
        return [error]
