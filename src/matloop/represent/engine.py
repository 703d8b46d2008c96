"""Any number of rows described by any number of featurizers: in chunks, on all cores by choice, each row bounded.

The values do not depend on chunks or on the number of workers; what was slow may be kept on disk for a second run.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import ConfigError, DataError
from matloop.core.progress import SILENT, Progress
from matloop.problem.question import InputKind
from matloop.represent.batches import ROWS_AT_ONCE, Rows, cut, kind_of, picked, read, refuse_other_kinds, row_keys
from matloop.represent.cache import Cache, Shelf, kept
from matloop.represent.pool import Pool, Task, Unread
from matloop.represent.spec import canonical, made, written
from matloop.represent.work import Piece, Span, Ticket, Work, ticket

BOUNDED_ROWS = 64
"""Rows per chunk of structures and molecules where time is bounded: reading them has to stay within the bound, too."""
_AHEAD = 2  # chunks per worker that may be under way


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a row (counted from 0) has no or not all values from the named featurizers; none named: from any."""

    row: int
    featurizers: tuple[str, ...]
    why: str

    @property
    def sentence(self) -> str:
        """Who says so, and why; many featurizers name themselves in their reasons."""
        who = ", ".join(self.featurizers)
        return self.why if not who or self.why.startswith(f"{who.partition('(')[0]}:") else f"{who}: {self.why}"


@dataclass(frozen=True, slots=True)
class Described:
    """Rows as features.

    X : shape (n_rows, n_columns), NaN where there is no value. names : of the columns. origins : the featurizer of each
        column, as text. reasons : by row.
    """

    X: FloatArray
    names: tuple[str, ...]
    origins: tuple[str, ...]
    reasons: tuple[Reason, ...]

    @property
    def by_row(self) -> dict[int, str]:
        """{row: all reasons in one sentence}."""
        found: dict[int, list[str]] = {}
        for reason in self.reasons:
            found.setdefault(reason.row, []).append(reason.sentence)
        return {row: "; ".join(whys) for row, whys in found.items()}


def describe(
    featurizers: Sequence[Any],
    rows: Any,
    *,
    kind: InputKind | None = None,
    workers: int = 1,
    seconds_per_row: float | None = None,
    memory_gb: float | None = None,
    cache: Cache | None = None,
    chunk: int = 0,
    progress: Progress = SILENT,
) -> Described:
    """Describe rows by several featurizers.

    Parameters
    ----------
    featurizers : texts as `represent.spec` reads them, or featurizers.
    rows : compositions, molecules or structures: a batch, or a sequence of anything that the batch is read from.
    kind : what the rows are, where featurizers of compositions are to describe molecules or structures by their atoms.
    workers : processes; 0 for one per core. The values do not depend on it.
    seconds_per_row : a row that takes longer in one featurizer (or in reading) gets NaN there, and the reason.
    memory_gb : the same for the memory of one process, libraries included (at least 0.75; Linux). With either bound, or
        several workers, rows are described in child processes that can be killed.
    cache : where features of slow featurizers are looked up and kept.
    chunk : rows at once; by default what suits the kind.

    Raises
    ------
    ConfigError : no such featurizer or option, or one for another kind of rows; with bounds or workers, one that cannot
        be sent to another process. DataError : `rows` is no sequence. MissingExtra : a library is missing.
    RunError : processes do not start.

    Examples
    --------
    >>> found = describe(["magpie", "valence"], ["Fe2O3", "Xx"])
    >>> found.X.shape, found.by_row
    ((2, 140), {1: "there is no element 'Xx'."})
    """
    given = kind_of(rows) or kind
    with Describer(
        featurizers, kind=given, workers=workers, seconds_per_row=seconds_per_row, memory_gb=memory_gb, cache=cache
    ) as describer:
        whole, unread = _readable(rows, describer.kind)
        n = len(whole)
        X, reasons, done = np.empty((n, len(describer.names))), [Reason(row, (), why) for row, why in unread.items()], 0
        size = chunk or describer.rows_at_once
        for block in describer.blocks(cut(whole, at, min(at + size, n)) for at in range(0, n, size)):
            X[done : done + len(block.X)] = block.X
            found = [Reason(done + one.row, one.featurizers, one.why) for one in block.reasons]
            reasons += [one for one in found if one.row not in unread]
            done += len(block.X)
            progress.tell(f"{done:,} of {n:,} rows", done / max(n, 1))
    return Described(X, describer.names, describer.origins, tuple(sorted(reasons, key=lambda one: one.row)))


class Describer:
    """Featurizers ready to describe chunk after chunk; a context that ends its processes.

    Parameters
    ----------
    kind : what rows are; by default what the featurizers describe. The others: as in `describe`.
    """

    def __init__(
        self, featurizers: Sequence[Any], *, kind: InputKind | None = None, workers: int = 1,
        seconds_per_row: float | None = None, memory_gb: float | None = None, cache: Cache | None = None,
    ) -> None:  # fmt: skip
        if not featurizers:
            raise ConfigError("no featurizer is named. Name one or more, as in: magpie, rdf(cutoff=8.0).")
        self._featurizers = [made(one) if isinstance(one, str) else one for one in featurizers]
        called = [canonical(one) if isinstance(one, str) else written(one) for one in featurizers]
        self.texts = tuple(dict.fromkeys(called))
        if len(self.texts) < len(called):
            raise ConfigError(f"{next(one for one in called if called.count(one) > 1)!r} is named twice.")
        self.kind = kind or _kind_for(self._featurizers)
        refuse_other_kinds(dict(zip(self.texts, self._featurizers, strict=True)), self.kind)
        own = [[str(name) for name in one.get_feature_names_out()] for one in self._featurizers]
        self.names, self.origins = column_names(self.texts, own)
        self._widths = [len(names) for names in own]
        self._edges = np.concatenate([[0], np.cumsum(self._widths)]).astype(int).tolist()
        self._workers = workers if workers > 0 else _cores()
        self._seconds, self._memory_gb = seconds_per_row, memory_gb
        self._bounded = seconds_per_row is not None or memory_gb is not None
        self._cache = cache
        self._pool: Pool | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all processes, and keep the cache to its limit."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None
        if self._cache is not None:
            self._cache.tidy()

    @property
    def rows_at_once(self) -> int:
        """Rows of a chunk that suit the kind."""
        usual = ROWS_AT_ONCE[self.kind]
        return usual if self._seconds is None else min(usual, max(BOUNDED_ROWS, usual // 8))

    def blocks(self, chunks: Iterable[Rows]) -> Iterator[Described]:
        """Each chunk described, in order. Rows of `reasons` count from the start of their chunk.

        Raises
        ------
        as `describe`. Where the caller stops early (Ctrl-C), `close` ends what is under way.
        """
        if self._workers > 1 or self._bounded:
            yield from self._by_pool(chunks)
            return
        work = Work(self.kind, self._featurizers)
        for number, rows in enumerate(chunks):
            chunk = self._opened(rows)
            if (task := chunk.task(number)) is not None:
                batch, unread = work.read(task.rows)
                chunk.note(Unread(unread))
                for piece in work.pieces(batch, task.spans):
                    if isinstance(piece, Piece):
                        chunk.note(piece)
            yield self._closed(chunk)

    def _by_pool(self, chunks: Iterable[Rows]) -> Iterator[Described]:
        tickets = [ticket(one) for one in self._featurizers]
        if self._pool is None:
            self._pool = Pool(
                self.kind, tickets, self._widths, workers=self._workers, seconds=self._seconds,
                memory_gb=self._memory_gb,
            )  # fmt: skip
        source, under_way, first, number = iter(chunks), {}, 0, 0  # type: ignore[var-annotated]
        more = True
        while more or under_way:
            while more and len(under_way) < _AHEAD * self._workers:
                rows = next(source, None)
                if rows is None:
                    more = False
                    break
                under_way[number] = self._opened(rows)
                if (task := under_way[number].task(number)) is not None:
                    self._pool.add(task)
                number += 1
            while under_way and under_way[first].finished:
                yield self._closed(under_way.pop(first))
                first += 1
            if under_way and not (more and len(under_way) < _AHEAD * self._workers):
                for at, result in self._pool.results():
                    under_way[at].note(result)

    def _opened(self, rows: Rows) -> _Chunk:
        chunk = _Chunk(rows, self._edges, self._order)
        for k, shelf in enumerate(self._shelves):
            for one in (shelf, self._late_shelves[k]):
                if one is not None and not one.empty:
                    chunk.fill(k, one)
        return chunk

    def _closed(self, chunk: _Chunk) -> Described:
        for k, shelf in enumerate(self._shelves):
            if shelf is not None and self._cache is not None:
                chunk.keep(k, shelf, self._late_shelves[k], self._cache.least_seconds)
        return Described(chunk.X, self.names, self.origins, _together(chunk.reasons, self.texts))

    @cached_property
    def _order(self) -> list[int]:
        """Featurizers with large cutoffs first: smaller neighbour lists are cut from larger ones."""
        reach = [float(getattr(one, "cutoff", 0.0) or 0.0) for one in self._featurizers]
        return sorted(range(len(reach)), key=lambda k: -reach[k])

    @cached_property
    def _tickets(self) -> list[Ticket]:
        return [ticket(one) for one in self._featurizers]

    @cached_property
    def _shelves(self) -> list[Shelf | None]:
        if self._cache is None:
            return [None] * len(self._featurizers)
        return [self._cache.shelf(one, width) for one, width in zip(self._tickets, self._widths, strict=True)]

    @cached_property
    def _late_shelves(self) -> list[Shelf | None]:
        """Rows that took too long under this very bound."""
        if self._cache is None or self._seconds is None:
            return [None] * len(self._featurizers)
        bound = ("seconds_per_row", self._seconds)
        late = [Ticket(one.place, (*one.options, bound)) for one in self._tickets]
        return [self._cache.shelf(one, width) for one, width in zip(late, self._widths, strict=True)]


@dataclass(slots=True)
class _Chunk:
    """A chunk that is being described."""

    rows: Rows
    edges: list[int]
    order: list[int]
    X: FloatArray = field(init=False)
    reasons: list[dict[int, str]] = field(init=False)
    open: list[NDArray[np.bool_]] = field(init=False)
    """Per featurizer, rows that are not described yet."""
    fresh: list[NDArray[np.bool_]] = field(init=False)
    unlike: list[set[int]] = field(init=False)
    late: list[set[int]] = field(init=False)
    seconds: list[float] = field(init=False)
    which: IntArray = field(init=False)
    """Rows of the chunk that were handed out: what a task counts from."""
    _keys: list[bytes] = field(init=False)

    def __post_init__(self) -> None:
        n, k = len(self.rows), len(self.edges) - 1
        self.X = np.full((n, self.edges[-1]), np.nan)
        self.reasons = [{} for _ in range(k)]
        self.open = [np.ones(n, dtype=bool) for _ in range(k)]
        self.fresh = [np.zeros(n, dtype=bool) for _ in range(k)]
        self.unlike, self.late = [set() for _ in range(k)], [set() for _ in range(k)]
        self.seconds = [0.0] * k
        self.which = np.arange(n)
        self._keys = []

    @property
    def keys(self) -> list[bytes]:
        """Hashes of the rows."""
        if not self._keys:
            self._keys = row_keys(self.rows)
        return self._keys

    @property
    def finished(self) -> bool:
        """Whether every row is described by all."""
        return not any(rows.any() for rows in self.open)

    def fill(self, k: int, shelf: Shelf) -> None:
        """Take what is known already."""
        found = shelf.find(self.keys)
        rows = np.flatnonzero(found.known & self.open[k])
        self.X[rows, self.edges[k] : self.edges[k + 1]] = found.X[rows]
        self.open[k][rows] = False
        self.reasons[k].update({row: why for row, why in found.reasons.items() if found.known[row]})

    def task(self, number: int) -> Task | None:
        """What is left to do."""
        self.which = np.flatnonzero(np.logical_or.reduce(self.open))
        if not len(self.which):
            return None
        rows = self.rows if len(self.which) == len(self.rows) else picked(self.rows, self.which)
        spans = [Span(k, a, b) for k in self.order for a, b in _runs(self.open[k][self.which])]
        return Task(number, 0, rows, tuple(spans))

    def note(self, result: Piece | Unread) -> None:
        """Take over what was worked out, rows counted as in the task."""
        if isinstance(result, Unread):
            moved = {int(self.which[row]): why for row, why in result.reasons.items()}
            for k, reasons in enumerate(self.reasons):
                reasons.update({row: why for row, why in moved.items() if self.open[k][row] or self.fresh[k][row]})
            return
        k, rows = result.span.featurizer, self.which[result.span.start : result.span.stop]
        self.X[rows, self.edges[k] : self.edges[k + 1]] = result.X
        self.open[k][rows], self.fresh[k][rows] = False, True
        for row, why in result.reasons.items():
            self.reasons[k].setdefault(int(self.which[row]), why)
        (self.late if result.late else self.unlike)[k].update(int(self.which[row]) for row in result.unlike)
        self.seconds[k] += result.seconds

    def keep(self, k: int, shelf: Shelf, late: Shelf | None, least_seconds: float) -> None:
        """Keep what was worked out now, if it was slow enough."""
        fresh = int(self.fresh[k].sum())
        if fresh and (self.seconds[k] >= least_seconds * fresh or not shelf.empty):
            usual = self.fresh[k].copy()
            usual[list(self.unlike[k] | self.late[k])] = False
            self._keep(k, shelf, np.flatnonzero(usual))
        if late is not None and self.late[k]:
            self._keep(k, late, np.array(sorted(self.late[k])))

    def _keep(self, k: int, shelf: Shelf, rows: IntArray) -> None:
        if len(rows):
            place = {row: at for at, row in enumerate(rows.tolist())}
            reasons = {place[row]: why for row, why in self.reasons[k].items() if row in place}
            block = self.X[rows, self.edges[k] : self.edges[k + 1]]
            kept(shelf, [self.keys[row] for row in rows.tolist()], block, reasons)


def column_names(texts: Sequence[str], own: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of all columns, and the featurizer of each; a name that several have gets its featurizer in brackets.

    Examples
    --------
    >>> column_names(("rdf", "rdf(cutoff=8.0)"), (("g 1",), ("g 1",)))[0]
    ('g 1 [rdf]', 'g 1 [rdf(cutoff=8.0)]')
    """
    often: dict[str, int] = {}
    for names in own:
        for name in names:
            often[name] = often.get(name, 0) + 1
    pairs = [(name, text) for text, names in zip(texts, own, strict=True) for name in names]
    called = tuple(name if often[name] == 1 else f"{name} [{text}]" for name, text in pairs)
    return called, tuple(text for _, text in pairs)


def _together(reasons: Sequence[dict[int, str]], texts: Sequence[str]) -> tuple[Reason, ...]:
    """Reasons by row; one that all featurizers share names none."""
    found: dict[tuple[int, str], list[str]] = {}
    for text, own in zip(texts, reasons, strict=True):
        for row, why in own.items():
            found.setdefault((row, why), []).append(text)
    return tuple(
        Reason(row, () if len(who) == len(texts) else tuple(who), why) for (row, why), who in sorted(found.items())
    )


def _runs(rows: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Start and stop of each stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], rows, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _readable(rows: Any, kind: InputKind) -> tuple[Rows, dict[int, str]]:
    """A batch, or a list of texts; anything else is read now."""
    if kind_of(rows) is not None:
        return rows, {}
    if isinstance(rows, str) or not (isinstance(rows, Iterable) or hasattr(rows, "to_numpy")):
        raise DataError(f"a sequence of rows is needed, found {type(rows).__name__}: write [row].")
    values = rows.to_numpy(dtype=object) if hasattr(rows, "to_numpy") else rows
    flat = isinstance(values, np.ndarray) and values.ndim == 1
    entries = values.tolist() if flat else values if isinstance(values, list | tuple) else None
    if entries is not None and all(isinstance(entry, str) for entry in entries):
        return list(entries), {}
    return read(kind, rows)


def _kind_for(featurizers: Sequence[Any]) -> InputKind:
    kinds: list[InputKind] = [getattr(one, "kind", "composition") for one in featurizers]
    special = sorted(set(kinds) - {"composition"})
    if len(special) > 1:
        raise ConfigError(f"some featurizers describe a {' and some a '.join(special)}. Make two tables.")
    return special[0] if special else "composition"


def _cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
