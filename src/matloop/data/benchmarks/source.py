"""Published data sets as the tables of problem files: `source = "matbench:matbench_steels"`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
from numpy.typing import NDArray

from matloop.core.errors import ConfigError, DataError
from matloop.core.progress import SILENT, Progress
from matloop.data.benchmarks.cards import Benchmark, benchmark
from matloop.data.benchmarks.folds import matbench_ids, official_folds
from matloop.data.benchmarks.obtain import Obtained, obtain
from matloop.data.benchmarks.read import read_frame, read_zipped_records
from matloop.data.collect import collect
from matloop.data.table import ColumnCard, RawTable, checked_rows, provenance
from matloop.problem.fault import did_you_mean
from matloop.problem.question import Source

ID, FOLD = "mbid", "fold"
_OPTIONS = ("mirror", "folds")


def read_matbench(query: str, base: Path) -> RawTable:
    """A task of Matbench; `?folds` adds the official fold in which each row is tested."""
    return read_benchmark(query, base, "matbench")


def read_matminer(query: str, base: Path) -> RawTable:
    """A data set of matminer."""
    return read_benchmark(query, base, "matminer")


def read_jarvis(query: str, base: Path) -> RawTable:
    """A data set of JARVIS."""
    return read_benchmark(query, base, "jarvis")


def read_benchmark(query: str, base: Path, family: str) -> RawTable:
    """NAME?mirror=FOLDER&folds; a relative folder starts from `base`.

    Raises
    ------
    ConfigError : no such data set or option. DataError, RunError : see `matloop.data.benchmarks.obtain.obtain`.
    """
    name, _, options = query.partition("?")
    given = dict(parse_qsl(options, keep_blank_values=True))
    for option in given:
        if option not in _OPTIONS:
            raise ConfigError(f"{family}:{query}: there is no option {option!r}. {did_you_mean(option, _OPTIONS)}")
    card = benchmark(name, family)
    mirror = str(base / Path(given["mirror"]).expanduser()) if given.get("mirror") else ""
    return table_of(card, obtain(card, mirror=mirror), folds="folds" in given)


def table_of(card: Benchmark, file: Obtained, *, folds: bool = False, progress: Progress = SILENT) -> RawTable:
    """The table in a file whose hash was compared.

    Parameters
    ----------
    folds : add the column "fold", the official fold in which each row is tested (Matbench).

    Raises
    ------
    ConfigError : folds of a set that has none. DataError : the file cannot be read.
    """
    if folds and card.family != "matbench":
        raise ConfigError(f"{card.source}: only the tasks of Matbench have official folds.")
    progress.tell(f"reading {file.path.name}")
    called = f"{card.source} ({file.path.name})"
    if file.converted:
        columns = _converted(card, file.path)
    elif file.path.suffix == ".zip":
        columns = read_zipped_records(file.path, called)
    else:
        columns = read_frame(file.path, called)
    checked_rows(len(next(iter(columns.values()), ())), called, tuple(columns))
    describe = {name: one for name, one in card.columns.items() if name in columns}
    if card.family == "matbench":
        columns, describe = _as_task(card, columns, dict(describe), folds)
    known = provenance(
        card.source, file.sha256, columns, licence=card.licence or file.licence, citation=card.citation,
        query="folds" if folds else "",
    )  # fmt: skip
    return RawTable(
        columns, known, describe=describe, notes=_notes(card, file), missing=("na",) * (card.family == "jarvis")
    )


def _notes(card: Benchmark, file: Obtained) -> tuple[str, ...]:
    if file.converted:
        return (f"read from {file.path.name}, a table that the mirror states to be {card.source}",)
    if not file.by:
        return (f"nobody states a hash of {card.file}; this one has sha256 {file.sha256}",)
    return ()


def _as_task(
    card: Benchmark, columns: dict[str, NDArray], describe: dict[str, ColumnCard], folds: bool
) -> tuple[dict[str, NDArray], dict[str, ColumnCard]]:
    """With the names of the rows, and where asked for the official folds."""
    if card.target not in columns or len(columns[card.target]) != card.rows:
        n = len(next(iter(columns.values())))
        raise DataError(
            f'{card.source}: {card.rows:,} rows with "{card.target}" were expected, found {n:,} with '
            f"{', '.join(list(columns)[:5])}. This is another table."
        )
    columns = {ID: np.array(matbench_ids(card.name, card.rows), dtype=object), **columns}
    describe[ID] = ColumnCard("", "name of the row in Matbench")
    if folds:
        columns[FOLD] = official_folds(columns[card.target], classes=card.classes)
        describe[FOLD] = ColumnCard("", "official fold in which the row is tested; never an input")
    return columns, describe


def _converted(card: Benchmark, path: Path) -> dict[str, NDArray]:
    """A table that the owner of a mirror made of a data set: a column "target" is its target; names of rows and folds
    follow from the rule and are compared with it.

    Raises
    ------
    DataError : its folds are not the official ones.
    """
    columns: dict[str, Any] = dict(collect(Source(path.name), base=path.parent).columns)
    if card.target and card.target not in columns and "target" in columns:
        columns = {card.target if name == "target" else name: column for name, column in columns.items()}
    if card.target in columns:
        columns[card.target] = _as_values(columns[card.target], card.classes)
    given = columns.pop(FOLD, None) if card.family == "matbench" else None
    columns.pop(ID, None)
    if given is not None and card.target in columns:
        official = official_folds(columns[card.target], classes=card.classes)
        if [str(fold) for fold in given] != [str(fold) for fold in official]:
            raise DataError(f'{path}: the column "{FOLD}" does not hold the official folds of {card.source}.')
    return columns


def _as_values(column: NDArray, classes: bool) -> NDArray:
    if classes and set(column.tolist()) <= {"True", "False"}:
        return np.array([value == "True" for value in column.tolist()])
    if classes or column.dtype.kind != "O":
        return column
    return np.array([float(value) for value in column.tolist()])


def moved(source: str, to: Path) -> str:
    """A source as seen from another folder: a relative mirror is rewritten."""
    name, mark, options = source.partition("?mirror=")
    folder, ampersand, rest = options.partition("&")
    if not mark or Path(folder).expanduser().is_absolute():
        return source
    return f"{name}{mark}{Path(os.path.relpath(folder, to)).as_posix()}{ampersand}{rest}"
