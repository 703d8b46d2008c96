"""How values were measured, through a run: columns beside the data, files of instruments, and what a split does to
them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from matloop.core.arrays import BoolArray, TextArray
from matloop.data.dataset import Dataset
from matloop.data.measurements.columns import kept_columns
from matloop.data.measurements.files import Attached, InstrumentFile, attach, file_hashes
from matloop.data.table import RawTable
from matloop.data.words import as_text, texts
from matloop.evaluate.leaks.values import LeakCheck
from matloop.pipeline.tables import write_account
from matloop.problem.question import Measurements, Problem

FILE, FILE_HASH = "measured file", "measured file sha256"


@dataclass(frozen=True, slots=True)
class Beside:
    """columns : {name: text per row of the dataset}, as they stand in data.parquet. notes : on files of instruments."""

    columns: Mapping[str, TextArray]
    files: tuple[InstrumentFile, ...]
    notes: tuple[str, ...]


def beside(problem: Problem, raw: RawTable, dataset: Dataset) -> Beside:
    """The columns of `[measurements]` and the files of instruments of each row; never features by themselves.

    Raises
    ------
    DataError : a path leads out of the folder of the table; see `matloop.data.measurements.files.attach`.
    """
    how = problem.measurements
    columns = {f"measured:{name}": words for name, words in kept_columns(raw, how, dataset).items()}
    attached = attach_files(problem, raw)
    if attached is None:
        return Beside(columns, (), ())
    columns[FILE] = _joined(np.array(attached.paths, dtype=object), dataset)
    columns[FILE_HASH] = _joined(file_hashes(attached).astype(object), dataset)
    return Beside(columns, attached.files, tuple(attached.lines()))


def attach_files(problem: Problem, raw: RawTable) -> Attached | None:
    """The files of instruments, None where the problem names none."""
    return attach(raw, problem.measurements.files) if problem.measurements.files else None


def write_files(path: Path, found: Beside) -> None:
    """files.csv: path, size, hash and rows of each file of an instrument."""
    if found.files:
        write_account(path, InstrumentFile, found.files)


def _joined(words: np.ndarray, dataset: Dataset) -> TextArray:
    return as_text([
        "; ".join(dict.fromkeys(str(words[row - 1]) for row in rows if words[row - 1])) for rows in dataset.source_rows
    ])  # fmt: skip


def check_measurements(how: Measurements, raw: RawTable, part: TextArray | None, group: str) -> list[LeakCheck]:
    """Whether a split puts the same sample, batch, instrument, ... on both sides.

    Parameters
    ----------
    part : which part each row is held out in; None for matloop's own random folds. group : the column of groups.
    """
    named = [(getattr(how, key), key) for key in ("replicate", "batch", "instrument", "operator", "laboratory")]
    return [_one_column(raw, column, key, part, group) for column, key in named if column]


def _one_column(raw: RawTable, column: str, key: str, part: TextArray | None, group: str) -> LeakCheck:
    what = "sample" if key == "replicate" else key
    name = f"{what} on both sides"
    if part is None and column == group:
        return LeakCheck(name, "clean", f"rows of one {what} share a group and stay in one fold.", columns=(column,))
    words = np.asarray(texts(raw.column(column)), dtype=object).astype(str)
    advice = f'give [roles] group = "{column}"'
    if part is None:
        repeated = _repeated(words)
        if not repeated.any():
            return LeakCheck(name, "clean", f"every row has a {what} of its own.", columns=(column,))
        said = (
            f"folds are random: {int(repeated.sum()):,} rows share their {what} with another row, which may be on the "
            f"other side; to predict for a new {what}, {advice}."
        )
    else:
        repeated = _crossing(words, part)
        if not repeated.any():
            return LeakCheck(name, "clean", f"no {what} is in two parts of the split.", columns=(column,))
        said = (
            f"{int(repeated.sum()):,} rows share their {what} with a row of another part; a score says nothing about a "
            f"new {what}. Split by it, or {advice}."
        )
    # one sample on both sides is a copy of the answer; batches and instruments on both sides are a question of use
    return LeakCheck(name, "suspect", said, tuple((np.flatnonzero(repeated)[:10] + 1).tolist()), (column,))


def _repeated(words: np.ndarray) -> BoolArray:
    _, place, counts = np.unique(words, return_inverse=True, return_counts=True)
    return np.asarray((counts[place.reshape(-1)] > 1) & (words != ""))


def _crossing(words: np.ndarray, part: TextArray) -> BoolArray:
    _, place = np.unique(words, return_inverse=True)
    _, at = np.unique(part, return_inverse=True)
    place, at = place.reshape(-1), at.reshape(-1)
    low, high = np.full(place.max() + 1, at.max() + 1), np.full(place.max() + 1, -1)
    np.minimum.at(low, place, at)
    np.maximum.at(high, place, at)
    return np.asarray((low[place] != high[place]) & (words != ""))
