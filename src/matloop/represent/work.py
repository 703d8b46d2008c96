"""What one process does with a chunk: read it, describe it piece by piece, find the row that a failure is due to."""

from __future__ import annotations

import importlib
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.errors import ConfigError, MatloopError, MissingExtra
from matloop.problem.question import InputKind
from matloop.represent.batches import Batch, Rows, View, read, taken
from matloop.represent.spec import plain

REFUSALS = (ConfigError, MissingExtra)
"""What ends the whole call: no row is to blame."""
logger = logging.getLogger(__name__)
FIRST_PIECE = 16
"""Rows of the first piece where time is bounded; its time decides how many the next ones have."""
SHARE = 0.25
"""Part of the bound of a row that a whole piece should take, so that a piece that runs over holds a row that does."""
MEMORY = "it needs more memory than it may have"


@dataclass(frozen=True, slots=True)
class Ticket:
    """A featurizer in plain values, from which another process makes it: "module:class" and its options."""

    place: str
    options: tuple[tuple[str, Any], ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"place": self.place, "options": [list(pair) for pair in self.options]}


def ticket(featurizer: Any) -> Ticket:
    """The ticket of a featurizer.

    Raises
    ------
    ConfigError : its class cannot be imported by name, or an option is no plain value.
    """
    kind = type(featurizer)
    place = f"{kind.__module__}:{kind.__qualname__}"
    if "<" in place or kind.__module__ == "__main__":
        raise ConfigError(f"{kind.__qualname__} is not in a module that other processes can import: use workers=1.")
    try:
        options = sorted((name, plain(value)) for name, value in featurizer.get_params(deep=False).items())
    except ValueError as error:
        raise ConfigError(f"{place}: an option is no plain value ({error}): use workers=1 without bounds.") from error
    return Ticket(place, tuple(options))


def from_ticket(message: Mapping[str, Any]) -> Any:
    """The featurizer that a ticket (as JSON) stands for."""
    module, _, name = message["place"].partition(":")
    made: Any = importlib.import_module(module)
    for part in name.split("."):
        made = getattr(made, part)
    return made(**{key: plain(value) for key, value in message["options"]})


@dataclass(frozen=True, slots=True)
class Span:
    """Rows start to stop of a chunk, for one featurizer."""

    featurizer: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Piece:
    """What was made of a span. `unlike` are rows that failed by time, memory or a fault: not to be kept for later."""

    span: Span
    X: FloatArray
    reasons: dict[int, str]
    """{row, counted from the start of the chunk: why}"""
    unlike: frozenset[int] = frozenset()
    seconds: float = 0.0
    late: bool = False
    """Whether the rows in `unlike` took too long."""


@dataclass(slots=True)
class Work:
    """Featurizers in one process.

    seconds : bound of a row, which sets how large pieces are; None for as large as they come.
    """

    kind: InputKind
    featurizers: Sequence[Any]
    seconds: float | None = None
    memory: str = MEMORY
    _pace: dict[int, float] = field(default_factory=dict)

    def read(self, rows: Rows) -> tuple[Batch, dict[int, str]]:
        """The rows as a batch, and why some could not be read; also a text on which the reader itself fails."""
        try:
            return read(self.kind, rows)
        except REFUSALS:
            raise
        except Exception as error:
            if isinstance(rows, Batch):
                raise
            logger.info("reading: %r", error)
        texts, reasons = list(rows), {}
        for row, text in enumerate(texts):
            try:
                read(self.kind, [text])
            except Exception as error:  # noqa: BLE001 - as above
                texts[row] = ""
                reasons[row] = f"could not be read ({type(error).__name__}: {error})"[:300]
        batch, found = read(self.kind, texts)
        return batch, {**found, **reasons}

    def pieces(self, batch: Batch, spans: Sequence[Span]) -> Iterator[Span | Piece]:
        """Each piece, announced by its span before it begins."""
        view, of = View(batch), (0, len(batch))
        for span in spans:
            start = span.start
            while start < span.stop:
                stop = min(start + self._size(span.featurizer, span.stop - start), span.stop)
                part = Span(span.featurizer, start, stop)
                yield part
                if of != (start, stop):
                    of = (start, stop)
                    view = View(taken(batch, start, stop))
                yield self._piece(view, part)
                start = stop

    def forget(self) -> None:
        """Forget how fast the featurizers were."""
        self._pace.clear()

    def _size(self, featurizer: int, left: int) -> int:
        if self.seconds is None:
            return left
        if featurizer not in self._pace:
            return min(FIRST_PIECE, left)
        return max(min(int(SHARE * self.seconds / self._pace[featurizer]), left), 1)

    def _piece(self, view: View, span: Span) -> Piece:
        begun = time.perf_counter()
        X, reasons, unlike = self._described(view, self.featurizers[span.featurizer])
        seconds = time.perf_counter() - begun
        pace = max(seconds / max(span.stop - span.start, 1), 1e-9)
        self._pace[span.featurizer] = max(pace, 0.5 * self._pace.get(span.featurizer, 0.0))
        moved = {span.start + row: why for row, why in reasons.items()}
        return Piece(span, X, moved, frozenset(span.start + row for row in unlike), seconds)

    def _described(self, view: View, featurizer: Any) -> tuple[FloatArray, dict[int, str], set[int]]:
        """Features of a batch; where the featurizer fails on it, the batch is divided until the row is found."""
        try:
            X, reasons = view.described(featurizer)
        except REFUSALS:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a plug-in raises must become the row's reason
            logger.info("%s: %r", type(featurizer).__name__, error)
            return self._divided(view.batch, featurizer, _said(error, self.memory))
        return X, reasons, set()

    def _divided(self, batch: Batch, featurizer: Any, why: str) -> tuple[FloatArray, dict[int, str], set[int]]:
        n = len(batch)
        if n == 1:
            return np.full((1, len(featurizer.get_feature_names_out())), np.nan), {0: why}, {0}
        blocks: list[FloatArray] = []
        reasons: dict[int, str] = {}
        unlike: set[int] = set()
        for start, stop in parts(0, n):
            half = View(taken(batch, start, stop))
            X, found, odd = self._described(half, featurizer)
            blocks.append(X)
            reasons |= {start + row: said for row, said in found.items()}
            unlike |= {start + row for row in odd}
        return np.concatenate(blocks), reasons, unlike


def _said(error: Exception, memory: str) -> str:
    if isinstance(error, MemoryError):
        return memory
    said = str(error) if isinstance(error, MatloopError) else f"{type(error).__name__}: {error}"
    return f"the featurizer fails on it ({' '.join(said.split())[:300]})"


def parts(start: int, stop: int) -> list[tuple[int, int]]:
    """A span in about as many parts as each has rows: two steps to single rows, few of which are done twice."""
    n = stop - start
    size = 1 if n <= FIRST_PIECE else int(np.ceil(np.sqrt(n)))
    return [(at, min(at + size, stop)) for at in range(start, stop, size)]
