"""Predict a table with a bundle: every row of the table comes back, with a value or with a reason."""

from __future__ import annotations

import difflib
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import duckdb
import numpy as np
import pandas as pd

from matloop.core.errors import ConfigError
from matloop.core.files import write_atomic
from matloop.core.progress import SILENT, Progress
from matloop.data.collect import collect, from_frame
from matloop.data.inputs import read_inputs
from matloop.data.share.escape import MARK, is_formula
from matloop.data.table import RawTable
from matloop.deploy.bundle import Bundle, load_bundle
from matloop.deploy.rows import predict_dataset
from matloop.doubt.prediction import Prediction
from matloop.problem.question import Source

FORMATS = (".csv", ".csv.gz", ".tsv", ".jsonl", ".parquet", ".xlsx")


@dataclass(frozen=True, slots=True)
class Predicted:
    """Predictions of a table.

    frame : the table's own columns, then per target `<target>_predicted`, `_low`, `_high`, `_std` (and where the model
        knows, its parts `_std_epistemic` and `_std_aleatoric`), `_in_domain`, `_reason`; for a classification
        `_may_be`, the classes that cannot be ruled out, and `_proba_<class>`.
    unreadable : {1-based data row: why it has no prediction}.
    """

    frame: pd.DataFrame
    predictions: Mapping[str, Prediction]
    unreadable: Mapping[int, str]
    out: Path | None = None

    @property
    def outside(self) -> Mapping[str, int]:
        """Rows outside the domain, by target (unreadable rows not counted)."""
        return {
            name: int((~prediction.in_domain).sum()) - len(self.unreadable)
            for name, prediction in self.predictions.items()
        }

    def _repr_html_(self) -> str:
        return self.frame.head(20).to_html()


def predict_file(
    bundle: Path | str, table: Path | str, out: Path | str | None = None, *, progress: Progress = SILENT
) -> Predicted:
    """Predict every row of a table file; rows that cannot be read come back with a reason.

    Raises
    ------
    ConfigError : `out` has an ending that is not known. BundleError, DataError : bundle or table cannot be read.
    RunError : `out` cannot be written.
    """
    out = None if out is None else Path(out)
    if out is not None:
        ending_of(out)
    progress.step("load")
    loaded = load_bundle(bundle)
    progress.step("read")
    raw = collect(Source(str(table), missing=loaded.manifest.missing))
    predicted = predict_raw(loaded, raw, progress=progress)
    if out is None:
        return predicted
    progress.step("write")
    write_frame(out, predicted.frame)
    return Predicted(predicted.frame, predicted.predictions, predicted.unreadable, out)


def predict_frame(bundle: Bundle, frame: pd.DataFrame) -> Predicted:
    """Predict the rows of a data frame with a loaded bundle."""
    return predict_raw(bundle, from_frame(frame))


def predict_raw(bundle: Bundle, raw: RawTable, *, progress: Progress = SILENT) -> Predicted:
    """Predict the rows of a collected table with a loaded bundle."""
    known = {entry.name: entry.words for entry in bundle.manifest.representation.inputs if entry.words}
    dataset, unreadable = read_inputs(raw, bundle.manifest.inputs, words=known)
    predictions = predict_dataset(bundle, dataset, unreadable, progress=progress)
    columns: dict[str, object] = dict(raw.columns.items())
    for name, prediction in predictions.items():
        columns |= prediction_columns(name, prediction, columns)
    return Predicted(pd.DataFrame(columns), predictions, {row + 1: why for row, why in sorted(unreadable.items())})


def prediction_columns(
    target: str, prediction: Prediction, taken: Mapping[str, object], *, every: bool = False
) -> dict[str, object]:
    """The columns of one target; a name that the table has already gets a prime. every : also the parts of the standard
    deviation that no row has, so that all chunks of a table have the same columns."""

    def free(name: str) -> str:
        return free(name + "'") if name in taken else name

    values: object = prediction.value
    found: dict[str, object] = {}
    if prediction.classes:
        words = np.array([*prediction.classes, ""], dtype=object)
        known = ~np.isnan(prediction.value)
        values = words[np.where(known, np.nan_to_num(prediction.value), -1).astype(int)]
        found[free(f"{target}_predicted")] = values
        if prediction.may_be is not None:
            sets = [[prediction.classes[k] for k in np.flatnonzero(row)] for row in prediction.may_be]
            found[free(f"{target}_may_be")] = [" or ".join(names) for names in sets]
        for number, word in enumerate(prediction.classes):
            found[free(f"{target}_proba_{word}")] = prediction.proba[:, number]
    else:
        found[free(f"{target}_predicted")] = values
        found[free(f"{target}_low")] = prediction.low
        found[free(f"{target}_high")] = prediction.high
    found[free(f"{target}_std")] = prediction.std
    if not prediction.classes:
        for name, part in (("epistemic", prediction.epistemic), ("aleatoric", prediction.aleatoric)):
            if part is not None and (every or np.isfinite(part).any()):
                found[free(f"{target}_std_{name}")] = part
    found[free(f"{target}_in_domain")] = prediction.in_domain
    found[free(f"{target}_reason")] = prediction.reason
    return found


def ending_of(path: Path) -> str:
    """The ending that says in which format to write.

    Raises
    ------
    ConfigError : it is none of `FORMATS`.
    """
    for ending in sorted(FORMATS, key=len, reverse=True):
        if path.name.lower().endswith(ending):
            return ending
    near = difflib.get_close_matches("".join(path.suffixes), FORMATS, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise ConfigError(f"{path.name}: cannot tell the format from the name; it may end in {', '.join(FORMATS)}.{hint}")


def write_frame(path: Path, frame: pd.DataFrame) -> None:
    """Write a table in the format of its ending, atomically.

    Raises
    ------
    ConfigError : unknown ending. RunError : disk full or folder not writable.
    """
    ending = ending_of(path)

    def fill(stream: BinaryIO) -> None:
        with tempfile.TemporaryDirectory() as folder:
            _write(Path(folder) / f"frame{ending}", frame, ending)
            with (Path(folder) / f"frame{ending}").open("rb") as written:
                shutil.copyfileobj(written, stream)

    write_atomic(path, fill)


def _harmless(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with a mark before texts that a spreadsheet would run as a formula; signs alone stay."""

    def cell(value: object) -> object:
        runs = isinstance(value, str) and is_formula(value) and any(sign.isalnum() for sign in value)
        return MARK + str(value) if runs else value

    texts = {name: frame[name].map(cell) for name in frame.columns if frame[name].dtype.kind == "O" or
             pd.api.types.is_string_dtype(frame[name].dtype)}  # fmt: skip
    return frame.assign(**texts).rename(columns=cell) if texts else frame.rename(columns=cell)


def _write(path: Path, frame: pd.DataFrame, ending: str) -> None:
    if ending in (".csv", ".csv.gz", ".tsv", ".xlsx"):
        frame = _harmless(frame)
    if ending in (".csv", ".csv.gz"):
        frame.to_csv(path, index=False)
    elif ending == ".tsv":
        frame.to_csv(path, index=False, sep="\t")
    elif ending == ".jsonl":
        frame.to_json(path, orient="records", lines=True, force_ascii=False, double_precision=15)
    elif ending == ".xlsx":
        frame.to_excel(path, index=False)
    else:
        with duckdb.connect() as connection:
            connection.register("frame", frame)
            connection.sql("SELECT * FROM frame").write_parquet(str(path))
