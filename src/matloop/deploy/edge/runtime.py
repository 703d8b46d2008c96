"""What an exported folder runs: the bundle in it answers rows, tables and the command line."""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matloop.core.errors import DataError, MatloopError
from matloop.core.files import write_text
from matloop.core.jsonable import to_jsonable
from matloop.data.inputs import read_inputs
from matloop.data.share.escape import is_formula
from matloop.data.table import RawTable, provenance
from matloop.deploy.answering import Answerer
from matloop.deploy.bundle import Bundle
from matloop.deploy.predict import prediction_columns
from matloop.deploy.rows import predict_dataset
from matloop.doubt.prediction import Prediction
from matloop.represent.representation import represent
from matloop.represent.table import FeatureTable

_DELIMITERS = ",;\t"
_MARK = "'"


@dataclass(frozen=True, slots=True)
class Answered:
    """Predictions of rows, in the order asked.

    predictions : by target; an entry per row. unreadable : {0-based row: why it has no prediction}.
    """

    predictions: Mapping[str, Prediction]
    unreadable: Mapping[int, str]

    def columns(self, taken: Iterable[str] = ()) -> dict[str, list[Any]]:
        """A column per value, as `matloop predict` writes them; names that are `taken` get a prime."""
        found: dict[str, object] = dict.fromkeys(taken)
        mine: dict[str, list[Any]] = {}
        for name, prediction in self.predictions.items():
            made = prediction_columns(name, prediction, found)
            found |= made
            mine |= {key: np.asarray(value, dtype=object).tolist() for key, value in made.items()}
        return mine

    def rows(self) -> list[dict[str, Any]]:
        """A mapping per row; what is not known is None."""
        columns = {name: [to_jsonable(value) for value in values] for name, values in self.columns().items()}
        return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


class Runner:
    """A bundle that answers.

    Parameters
    ----------
    bundle : loaded and checked.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._answerer = Answerer(bundle, "")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the values that a row needs, in the order of the inputs."""
        return self._answerer.columns

    def predict(self, rows: Sequence[Any] | Mapping[str, Sequence[Any]]) -> Answered:
        """Predict rows: mappings by the names of the inputs, or a column of values per name; where there is one input,
        its values alone.

        Raises
        ------
        DataError : columns are missing or differ in length, or rows are no mappings although there are several inputs.
        """
        found = self._answerer.answer_columns(self._named(rows))
        return Answered(found.predictions, found.unreadable)

    def features(self, rows: Sequence[Any] | Mapping[str, Sequence[Any]]) -> FeatureTable:
        """The rows as the model sees them: `X` (n_rows, n_features), `names`, and `reasons` of rows that lack some."""
        arrays = {str(name): _objects(values) for name, values in self._named(rows).items()}
        raw = RawTable(arrays, provenance("rows", "", arrays))
        manifest = self.bundle.manifest
        return represent(read_inputs(raw, manifest.inputs, words=self._words)[0], manifest.representation)

    def predict_table(self, path: Path | str) -> tuple[dict[str, list[str]], Answered]:
        """The columns of a CSV file (comma, semicolon or tab; UTF-8) as written, and the predictions of its rows.

        Raises
        ------
        DataError : the file cannot be read, is no table, or lacks a column.
        """
        header, lines, delimiter = _read_csv(Path(path))
        arrays = {name: _objects([line[i] for line in lines]) for i, name in enumerate(header)}
        found = provenance(str(path), "", arrays)
        raw = RawTable(arrays, found, missing=self.bundle.manifest.missing, decimal_comma=delimiter == ";")
        dataset, unreadable = read_inputs(raw, self.bundle.manifest.inputs, words=self._words)
        answered = Answered(predict_dataset(self.bundle, dataset, unreadable), unreadable)
        return {name: values.tolist() for name, values in arrays.items()}, answered

    @property
    def _words(self) -> dict[str, tuple[str, ...]]:
        return {entry.name: entry.words for entry in self.bundle.manifest.representation.inputs if entry.words}

    def _named(self, rows: Sequence[Any] | Mapping[str, Sequence[Any]]) -> Mapping[str, Sequence[Any]]:
        """Rows as columns by name."""
        columns = rows if isinstance(rows, Mapping) else self._columns(rows)
        lengths = {len(values) for values in columns.values()}
        if len(lengths) != 1:
            raise DataError(f"columns of {sorted(lengths)} values do not make rows. Give one value per row in each.")
        return columns

    def _columns(self, rows: Sequence[Any]) -> dict[str, list[Any]]:
        if len(self.names) == 1:
            name = self.names[0]
            return {name: [row.get(name) if isinstance(row, Mapping) else row for row in rows]}
        wrong = next((row for row in rows if not isinstance(row, Mapping)), None)
        if wrong is not None:
            raise DataError(f"{wrong!r:.80} is no row: give mappings with {', '.join(map(repr, self.names))}.")
        return {name: [row.get(name) for row in rows] for name in self.names}


def main(folder: Path, arguments: Sequence[str], load: Callable[[Path], Runner]) -> int:
    """The command line of an exported folder; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python " + folder.name, description="Predict with an exported model.")
    commands = parser.add_subparsers(dest="command", required=True)
    table = commands.add_parser("predict", help="predict the rows of a CSV file")
    table.add_argument("table", type=Path, help="CSV with the columns of the inputs")
    table.add_argument("-o", "--out", type=Path, help="CSV to write; without it rows go to the screen")
    one = commands.add_parser("ask", help="predict values given here, where there is one input")
    one.add_argument("values", nargs="+")
    commands.add_parser("info", help="what the model predicts, from what, and how well")
    given = parser.parse_args(arguments)
    try:
        return _done(load(folder), folder, given)
    except MatloopError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code


def _done(runner: Runner, folder: Path, given: argparse.Namespace) -> int:
    if given.command == "info":
        sys.stdout.write(_info(runner) + "\n")
        return 0
    if given.command == "ask":
        for value, row in zip(given.values, runner.predict(given.values).rows(), strict=True):
            sys.stdout.write(json.dumps({runner.names[0]: value, **row}, ensure_ascii=False) + "\n")
        return 0
    before, answered = runner.predict_table(given.table)
    text = _as_csv({**before, **answered.columns(before)})
    if given.out is None:
        sys.stdout.write(text)
        return 0
    write_text(given.out, text)
    n = len(next(iter(before.values())))
    sys.stdout.write(f"{n:,} rows, {len(answered.unreadable):,} without a prediction, written to {given.out}\n")
    return 0


def _info(runner: Runner) -> str:
    manifest = runner.bundle.manifest
    lines = [f"{manifest.name}: {manifest.question}", f"needs: {', '.join(runner.names)}"]
    for model in runner.bundle.models:
        unit = f" in {model.unit}" if model.unit else ""
        what = " or ".join(model.classes) if model.classes else f"a value{unit}, intervals of {model.level:.0%}"
        lines.append(f"{model.target}: {what}")
        lines += [f"  {key}: {value}" for key, value in manifest.evidence.get(model.target, {}).items()]
    return "\n".join(lines)


# ---- tables ----


def _objects(values: Iterable[Any]) -> NDArray[Any]:
    found = list(values)
    column = np.empty(len(found), dtype=object)
    column[:] = found
    return column


def _read_csv(path: Path) -> tuple[list[str], list[list[str]], str]:
    """Header, rows and delimiter."""
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is no UTF-8 text ({error.reason}). Save it as CSV in UTF-8.") from error
    first = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    try:
        lines = [line for line in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if line]
    except csv.Error as error:
        raise DataError(f"{path}: is no CSV ({error}).") from error
    if len(lines) < 2:
        raise DataError(f"{path}: there is no row of data below a header.")
    header = [" ".join(name.split()) for name in lines[0]]
    wrong = [str(i) for i, line in enumerate(lines[1:], start=2) if len(line) != len(header)]
    if wrong or len(set(header)) != len(header):
        what = f"lines {', '.join(wrong[:5])} have another number of cells" if wrong else "two columns share a name"
        raise DataError(f"{path}: {what}. The header has {len(header)} columns.")
    return header, lines[1:], delimiter


def _as_csv(columns: Mapping[str, Sequence[Any]]) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([_cell(name) for name in columns])
    writer.writerows([_cell(value) for value in row] for row in zip(*columns.values(), strict=True))
    return out.getvalue()


def _cell(value: object) -> object:
    """A value as a spreadsheet may see it: no text that it would run as a formula; signs alone stay."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    runs = isinstance(value, str) and is_formula(value) and any(sign.isalnum() for sign in value)
    return _MARK + str(value) if runs else value
