"""Datasets and accounts of cleaning as files that a spreadsheet opens."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Sequence
from dataclasses import astuple, fields
from pathlib import Path
from typing import BinaryIO

import duckdb
import numpy as np
import pandas as pd

from matloop.core.errors import RunError
from matloop.core.files import write_atomic, write_text
from matloop.data.dataset import Column, Dataset, Flagged, Removal, Repair
from matloop.data.measurements.files import InstrumentFile
from matloop.data.share.escape import disarmed
from matloop.matter.compositions import Compositions
from matloop.matter.molecules import Molecules
from matloop.matter.structures import Structures, shown_structures


def dataset_frame(dataset: Dataset) -> pd.DataFrame:
    """The dataset as a flat table; sealed labels are not in it, because they are not in the dataset."""
    columns: dict[str, object] = {
        "id": dataset.ids,
        "source_rows": [" ".join(map(str, rows)) for rows in dataset.source_rows],
        "group": dataset.groups,
        "weight": dataset.weights,
    }
    for name, column in dataset.inputs.items():
        columns[f"input:{name}"] = _values(column)
    for name, labels in dataset.targets.items():
        columns[f"target:{name}"] = _worded(labels.values, labels.classes)
        columns[f"error:{name}"] = labels.errors
    return pd.DataFrame({name: np.asarray(values) for name, values in columns.items()})


def _values(column: Column) -> np.ndarray:
    if isinstance(column, Molecules):
        return column.smiles
    if isinstance(column, Structures):
        return shown_structures(column)
    return column.formulas if isinstance(column, Compositions) else column.values


def write_parquet(path: Path, frame: pd.DataFrame) -> None:
    """Write a table as Parquet, atomically.

    Raises
    ------
    RunError : the disk is full or the folder not writable.
    """

    def fill(stream: BinaryIO) -> None:
        with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
            connection.register("frame", frame)
            connection.sql("SELECT * FROM frame").write_parquet(f"{folder}/frame.parquet")
            stream.write(Path(folder, "frame.parquet").read_bytes())

    try:
        write_atomic(path, fill)
    except duckdb.IOException as error:
        raise RunError(f"{path} cannot be written ({error}). Mend that, then run the same command again.") from error


def write_account(
    path: Path, kind: type, entries: Sequence[Removal] | Sequence[Repair] | Sequence[Flagged] | Sequence[InstrumentFile]
) -> None:
    """Write removals, repairs, flags or files as CSV, one line each, with a header also when there are none.

    A text that a spreadsheet would run as a formula gets an apostrophe in front.
    """
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow([field.name for field in fields(kind)])
    for entry in entries:
        writer.writerow([_cell(value) for value in astuple(entry)])
    write_text(path, stream.getvalue())


def _cell(value: object) -> object:
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return disarmed(value) if isinstance(value, str) else value


def _worded(values: np.ndarray, classes: tuple[str, ...]) -> np.ndarray:
    if not classes:
        return values
    words = np.array([*classes, ""], dtype=object)
    return words[np.where(np.isnan(values), len(classes), values).astype(int)]
