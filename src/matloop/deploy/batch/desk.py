"""Chunks under way: each comes back whole, also where a worker died over it.

An order that was lost is given again. One that is lost a second time while it was worked on is halved, and so on, until
the rows are found that end a process: they get that as their reason, all others their prediction.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from matloop.deploy.answering import Answers
from matloop.deploy.batch.crew import Crew, Done
from matloop.deploy.batch.table import Chunk
from matloop.deploy.rows import joined

logger = logging.getLogger(__name__)
_TRIES = 2


@dataclass(frozen=True, slots=True)
class _Piece:
    chunk: int
    start: int
    stop: int
    tries: int = 0
    why: str = ""

    @property
    def key(self) -> str:
        return f"{self.chunk}:{self.start}:{self.stop}:{self.tries}"


@dataclass(slots=True)
class _Open:
    chunk: Chunk
    found: dict[int, Answers] = field(default_factory=dict)
    rows: int = 0


class Desk:
    """Hands chunks to a crew and puts together what comes back.

    lost : how many orders were lost with their worker.
    """

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._pieces: dict[str, _Piece] = {}
        self._open: dict[int, _Open] = {}
        self.lost = 0

    def __len__(self) -> int:
        return len(self._open)

    def room(self) -> bool:
        """Whether another chunk is wanted now."""
        return self._crew.room() > 0

    def give(self, chunk: Chunk) -> None:
        """Order the answers of a chunk."""
        self._open[chunk.number] = _Open(chunk)
        self._order(_Piece(chunk.number, 0, chunk.n_rows))

    def take(self) -> tuple[Chunk, Answers]:
        """The next chunk that is whole, in any order; waits for it."""
        while True:
            done = self._crew.take()
            piece = self._pieces.pop(done.key)
            if done.found is None:
                self._again(piece, done)
                continue
            state = self._open[piece.chunk]
            state.found[piece.start] = done.found if not piece.why else _unreadable(done.found, piece.why)
            state.rows += piece.stop - piece.start
            if state.rows == state.chunk.n_rows:
                del self._open[piece.chunk]
                return state.chunk, together([state.found[start] for start in sorted(state.found)])

    def _again(self, piece: _Piece, done: Done) -> None:
        self.lost += 1
        tries = piece.tries + done.blamed
        logger.warning("rows %d to %d of chunk %d are given again: %s", piece.start, piece.stop, piece.chunk, done.why)
        if tries < _TRIES:
            self._order(_Piece(piece.chunk, piece.start, piece.stop, tries, piece.why))
        elif piece.stop - piece.start > 1:
            half = (piece.start + piece.stop) // 2
            self._order(_Piece(piece.chunk, piece.start, half))
            self._order(_Piece(piece.chunk, half, piece.stop))
        else:
            self._order(_Piece(piece.chunk, piece.start, piece.stop, 0, f"ends the process that reads it: {done.why}"))

    def _order(self, piece: _Piece) -> None:
        columns = self._open[piece.chunk].chunk.inputs
        rows = {name: values[piece.start : piece.stop] for name, values in columns.items()}
        if piece.why:  # the row itself is not read again; an empty one has the shape of an answer
            rows = {name: [None] * (piece.stop - piece.start) for name in columns}
        self._pieces[piece.key] = piece
        self._crew.give(piece.key, rows)


def together(parts: list[Answers]) -> Answers:
    """Answers of rows in a row."""
    if len(parts) == 1:
        return parts[0]
    unreadable: dict[int, str] = {}
    start = 0
    for part in parts:
        unreadable |= {start + row: why for row, why in part.unreadable.items()}
        start += len(next(iter(part.predictions.values())))
    names = parts[0].predictions
    return Answers({name: joined([part.predictions[name] for part in parts], unreadable) for name in names}, unreadable)


def _unreadable(found: Answers, why: str) -> Answers:
    n = len(next(iter(found.predictions.values())))
    unreadable = dict.fromkeys(range(n), why)
    return Answers({name: joined([one], unreadable) for name, one in found.predictions.items()}, unreadable)
