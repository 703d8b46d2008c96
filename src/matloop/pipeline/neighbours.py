"""The materials of a table, of any length, that are nearest to some given ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.errors import ConfigError, DataError
from matloop.core.progress import SILENT, Progress
from matloop.data.stream import Stream, stream
from matloop.matter.molecules import read_molecules, to_compositions
from matloop.matter.structures import to_compositions as atoms_of
from matloop.matter.structures_read import read_structures
from matloop.pipeline.features import Work, column_of, kind_of_column, rows_of, texts_of
from matloop.problem.fault import did_you_mean
from matloop.problem.question import InputKind, Source
from matloop.represent.auto import chosen
from matloop.represent.cache import Cache
from matloop.represent.distances import (
    EARTH_MOVER,
    METRICS,
    empty_rows,
    heights,
    nearest,
    refuse_unknown,
    scaled,
    scaling,
)
from matloop.represent.engine import Describer, describe

SAMPLE_CELLS = 6_000_000
"""Cells that are held to learn the scale of the features: of longer tables a random sample of rows (seed 0)."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One row of the table: its 1-based number, what stands in the column, the distance, and what was carried over."""

    row: int
    text: str
    distance: float
    kept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """Neighbours of each asked material, nearest first."""

    asked: tuple[str, ...]
    kind: InputKind
    sets: tuple[str, ...]
    metric: str
    n_rows: int
    columns: tuple[str, ...]
    neighbours: tuple[tuple[Neighbour, ...], ...]

    def lines(self) -> Iterable[str]:
        """The same for a person."""
        by = f"{self.metric} distance" + (f" of {', '.join(self.sets)}" if self.sets else " of compositions")
        for asked, found in zip(self.asked, self.neighbours, strict=True):
            yield f"nearest to {asked} among {self.n_rows:,} rows, {by}:"
            rows = [(str(one.row), one.text, f"{one.distance:.6g}", *one.kept) for one in found]
            head = ("row", *self.columns[:1], "distance", *self.columns[1:])
            widths = [max(len(cells[k]) for cells in (head, *rows)) for k in range(len(head))]
            for cells in (head, *rows):
                yield "  " + "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip()


def find_neighbours(
    table: str,
    of: Sequence[str],
    *,
    k: int = 10,
    sets: Sequence[str] = ("auto",),
    metric: str = "euclidean",
    p: float = 3.0,
    column: str = "",
    keep: Sequence[str] = (),
    kind: str = "",
    work: Work | None = None,
    progress: Progress = SILENT,
) -> Found:
    """The `k` nearest rows of a table to each of the materials `of`; all rows are tried, and memory is flat.

    Parameters
    ----------
    of : formulas, SMILES, or names of structure files. metric : one of `represent.distances.METRICS` on features of
        mean 0 and standard deviation 1 over the table, or "earth_mover" between compositions. p : of "minkowski".
    table, sets, column, keep, kind, work : as for `make_features`.

    Raises
    ------
    ConfigError, DataError : as `make_features`; no such metric; a material of `of` cannot be described.
    """
    if metric not in (*METRICS, EARTH_MOVER):
        raise ConfigError(f"there is no metric {metric!r}. {did_you_mean(metric, (*METRICS, EARTH_MOVER))}")
    if not of:
        raise ConfigError("neighbours of what? Name a material with --of, as in --of LiFePO4.")
    source = stream(Source(table))
    column = column or column_of(source)
    told = kind_of_column(kind, () if metric == EARTH_MOVER else sets, source, column)
    asked, faults = texts_of([_opened(one, told) for one in of], told, str(Path.cwd()))
    refuse_unknown(faults)
    rows = _Rows(source, column, told)
    if metric == EARTH_MOVER:
        wanted, reasons = _heights(asked, told)
        refuse_unknown(reasons)
        found = nearest(wanted, (_heights(texts, told)[0] for texts in rows.chunks(8192, progress)), k,
                        metric="manhattan")  # fmt: skip
        named: tuple[str, ...] = ()
    else:
        named, _ = chosen(sets, told, rows_of(source, column) if told == "molecule" else None)
        found = _by_features(asked, rows, named, k, metric, p, work or Work(), progress)
    cells = _cells(source, (column, *keep), {int(row) for row in found.row.ravel() if row >= 0})
    neighbours = tuple(
        tuple(
            Neighbour(row + 1, cells[row][0], distance, tuple(cells[row][1:]))
            for row, distance in zip(found.row[one].tolist(), found.distance[one].tolist(), strict=True)
            if row >= 0
        )
        for one in range(len(asked))
    )
    return Found(tuple(of), told, named, metric, rows.n, (column, *keep), neighbours)


def _opened(one: str, kind: InputKind) -> str:
    """The text of a structure file that a person names, wherever it lies; anything else as it is."""
    if kind != "structure" or "\n" in one or not Path(one).is_file():
        return one
    try:
        return Path(one).read_text("utf-8", errors="replace") + "\n"
    except OSError as error:
        raise DataError(f"{one}: cannot be read ({error.strerror}).") from error


@dataclass(slots=True)
class _Rows:
    """The described column of the table, as often as it is asked for."""

    source: Stream
    column: str
    kind: InputKind
    n: int = 0

    def chunks(self, size: int, progress: Progress) -> Iterator[list[str]]:
        self.n = 0
        for cells in self.source.chunks((self.column,), size):
            self.n += len(cells[self.column])
            progress.tell(f"{self.n:,} rows", self.source.done)
            yield texts_of(cells[self.column], self.kind, self.source.folder)[0]


def _by_features(
    asked: Sequence[str], rows: _Rows, named: Sequence[str], k: int, metric: str, p: float, work: Work,
    progress: Progress,
) -> Any:  # fmt: skip
    cache = Cache() if work.cache else None
    more = {"workers": work.workers, "seconds_per_row": work.seconds_per_row, "memory_gb": work.memory_gb}
    with Describer(named, kind=rows.kind, cache=cache, **more) as describer:  # type: ignore[arg-type]
        of = describe(named, asked, kind=rows.kind)
        refuse_unknown(empty_rows(of.X, of.by_row))

        def blocks() -> Iterator[FloatArray]:
            return (one.X for one in describer.blocks(rows.chunks(describer.rows_at_once, progress)))

        most = max(SAMPLE_CELLS // len(describer.names), 1000)
        progress.step("scale")
        sample, whole = _sampled(blocks(), most)
        standard = scaling(sample)
        progress.step("compare")
        table = [sample] if whole else blocks()
        return nearest(scaled(of.X, standard), (scaled(X, standard) for X in table), k, metric=metric, p=p)


def _sampled(blocks: Iterable[FloatArray], most: int) -> tuple[FloatArray, bool]:
    """At most so many rows in their order, each as likely as any other; and whether these are all."""
    random, whole = np.random.default_rng(0), True
    kept: list[FloatArray] = []
    marks: list[FloatArray] = []
    held = 0
    for block in blocks:
        kept.append(block)
        marks.append(random.random(len(block)))
        held += len(block)
        if held > 2 * most:
            kept, marks, whole = *_cut(kept, marks, most), False
            held = most
    if held > most:
        kept, marks, whole = *_cut(kept, marks, most), False
    return np.concatenate(kept), whole


def _cut(
    kept: Sequence[FloatArray], marks: Sequence[FloatArray], most: int
) -> tuple[list[FloatArray], list[FloatArray]]:
    X, mark = np.concatenate(kept), np.concatenate(marks)
    rows = np.sort(np.argsort(mark, kind="stable")[:most])
    return [X[rows]], [mark[rows]]


def _heights(texts: Sequence[str], kind: InputKind) -> tuple[FloatArray, dict[int, str]]:
    if kind == "composition":
        return heights(texts)
    if kind == "molecule":
        molecules, reasons = read_molecules(texts)
        found, _ = heights(to_compositions(molecules))
    else:
        structures, reasons = read_structures(texts)
        found, _ = heights(atoms_of(structures))
    return found, {row: reasons.get(row, "it has no place on the scale")
                   for row in np.flatnonzero(np.isnan(found).all(axis=1)).tolist()}  # fmt: skip


def _cells(source: Stream, columns: Sequence[str], wanted: set[int]) -> dict[int, list[str]]:
    """What stands in these columns of the wanted rows, each on one line."""
    found: dict[int, list[str]] = {}
    start = 0
    for cells in source.chunks(columns, 8192):
        n = len(cells[columns[0]])
        for row in [row for row in wanted if start <= row < start + n]:
            found[row] = [_short(cells[column][row - start]) for column in columns]
        start += n
        if len(found) == len(wanted):
            break
    return found


def _short(value: Any) -> str:
    words = ("" if value is None else str(value)).split()
    text = " ".join(words[:20])
    return text if len(text) <= 60 else text[:57] + "..."
