"""`matloop trust leaks`: the table of a problem, its split, matloop's own walk and the user's pipeline, searched for
leaks."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from matloop.core.arrays import FloatArray, IntArray, TextArray
from matloop.core.errors import ConfigError, DataError
from matloop.core.jsonable import to_jsonable
from matloop.core.progress import SILENT, Progress
from matloop.data.clean import Cleaned, clean
from matloop.data.collect import collect, from_frame
from matloop.data.dataset import Dataset
from matloop.data.screen import screen_development
from matloop.data.table import RawTable, no_column
from matloop.evaluate.leaks.pipeline import Pipeline, check_pipeline
from matloop.evaluate.leaks.table import FeatureColumns, check_columns, check_time, check_twins
from matloop.evaluate.leaks.values import LeakCheck, LeakReport
from matloop.models.family import Spec
from matloop.pipeline.account import shown_rows
from matloop.pipeline.develop import develop
from matloop.pipeline.measured import check_measurements
from matloop.problem.question import Problem, Target
from matloop.problem.toml import load_problem
from matloop.represent.representation import plan_representation, represent
from matloop.split.groups import fingerprints
from matloop.train.recipe_model import FitData, fit_recipe
from matloop.train.values import Development, Recipe

if TYPE_CHECKING:
    import pandas as pd

WALK_ROWS = 1000
"""Rows that matloop's own walk is tried with: its steps are the same for any number."""
NUMERIC_SHARE = 0.9
LEAK_FOUND = 7
"""Exit code where a leak is certain."""


@dataclass(frozen=True, slots=True)
class LeaksFound:
    """Everything that was checked for one problem."""

    problem: str
    reports: tuple[LeakReport, ...]

    @property
    def clean(self) -> bool:
        """Whether nothing at all was found."""
        return all(report.clean for report in self.reports)

    @property
    def exit_code(self) -> int:
        """0 where no leak is certain, 7 where one is."""
        return LEAK_FOUND if any(report.leaks for report in self.reports) else 0

    def lines(self) -> Iterable[str]:
        """The same for a person."""
        for report in self.reports:
            yield f"{report.subject}:"
            yield from (f"  {line}" for line in report.lines()[:-1])
            yield report.lines()[-1]
            yield ""

    def as_json(self) -> Any:
        """The same for a program."""
        return {"clean": self.clean, "exit_code": self.exit_code, **to_jsonable(self)}


def find_leaks(
    problem: Problem | Path | str,
    *,
    data: pd.DataFrame | None = None,
    base: Path | None = None,
    folds: str = "",
    pipeline: Pipeline | str = "",
    progress: Progress = SILENT,
) -> LeaksFound:
    """Search a problem's table, its split, matloop's own walk and, if given, your pipeline for leaks.

    Labels of all rows are read: a column that was encoded with them cannot be found otherwise. Nothing is scored.

    Parameters
    ----------
    folds : a column that says which part each row is held out in ("train" and "test" are parts as well).
    pipeline : your whole cross-validation as a function (see `check_pipeline`), or "FILE.py:FUNCTION". The file is
        run: it must be your own.

    Raises
    ------
    ConfigError, DataError : what is wrong with the problem, the table, the column or the function.

    Examples
    --------
    >>> import matloop                                                    # doctest: +SKIP
    >>> matloop.find_leaks("problem.toml", folds="split").clean           # doctest: +SKIP
    True
    """
    if not isinstance(problem, Problem):
        base = base or Path(problem).absolute().parent
        problem = load_problem(Path(problem))
    box = _loaded(pipeline) if isinstance(pipeline, str) and pipeline else pipeline
    progress.tell("reading the table", 0.0)
    raw = collect(problem.data, base=base) if data is None else from_frame(data)
    cleaned = clean(raw, problem)
    frame = _frame(raw)
    part = _parts(raw, folds) if folds else None
    reports = []
    for number, target in enumerate(problem.targets):
        progress.tell(f"looking at the table, {target.name}", 0.1 + 0.8 * number / len(problem.targets))
        reports.append(_table_report(problem, target, raw, frame, cleaned, part))
        progress.tell(f"trying matloop's own walk, {target.name}", 0.3 + 0.6 * number / len(problem.targets))
        reports.append(_walk_report(problem, target, cleaned.dataset))
        if callable(box):
            progress.tell(f"trying your pipeline, {target.name}", 0.6 + 0.4 * number / len(problem.targets))
            column = target.column
            reports.append(
                check_pipeline(
                    box, frame.drop(columns=[folds], errors="ignore"), target=column, group=_column_of_groups(problem),
                    time=problem.roles.time, subject=f"your pipeline, target {target.name!r}",
                )
            )  # fmt: skip
    return LeaksFound(problem.name, tuple(reports))


def _loaded(place: str) -> Pipeline:
    """The function that the user named on the command line, from the user's own file."""
    file, _, name = place.rpartition(":")
    path = Path(file)
    if not file or not path.is_file():
        raise ConfigError(f"--pipeline {place!r}: there is no such file. Write it as FILE.py:FUNCTION.")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"--pipeline {place!r}: {path.name} is no Python file. Write it as FILE.py:FUNCTION.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = getattr(module, name, None)
    if not callable(found):
        raise ConfigError(f"--pipeline {place!r}: {path.name} has no function {name!r}.")
    return found


def _frame(raw: RawTable) -> pd.DataFrame:
    """The table as most users would read it: a column of numbers where nearly all its cells are."""
    import pandas as pd

    columns = {}
    for name in raw.names:
        values = pd.Series(np.asarray(raw.column(name), dtype=object)).replace("", None)
        numbers = pd.to_numeric(values, errors="coerce")
        filled = int(values.notna().sum())
        is_number = filled > 0 and int(numbers.notna().sum()) >= NUMERIC_SHARE * filled
        columns[name] = numbers.astype(float) if is_number else values
    return pd.DataFrame(columns)


def _parts(raw: RawTable, column: str) -> TextArray:
    if column not in raw.names:
        raise DataError(no_column(column, raw.names))
    return np.asarray([str(value) for value in raw.column(column)], dtype=np.str_)


def _column_of_groups(problem: Problem) -> str:
    """The group column, where the user named one of the table."""
    return "" if problem.derived_group else problem.roles.group


def _table_report(
    problem: Problem, target: Target, raw: RawTable, frame: pd.DataFrame, cleaned: Cleaned, part: TextArray | None
) -> LeakReport:
    """Checks that need no fit."""
    column = target.column
    y = frame[column].to_numpy(dtype=float) if frame[column].dtype.kind == "f" else _codes(frame[column])
    held = _held_out(part) if part is not None else None
    checks = list(check_columns(_inputs(problem, frame), y, test=held))
    checks.append(_given_away(problem, target, cleaned.dataset))
    checks.append(_twins(cleaned.dataset, raw, part))
    checks += _time(cleaned.dataset, raw, part)
    checks += check_measurements(problem.measurements, raw, part, problem.roles.group)
    return LeakReport(f"the table, target {target.name!r}", tuple(checks))


def _codes(values: pd.Series) -> FloatArray:
    codes = values.astype("category").cat.codes.to_numpy().astype(np.float64)
    return np.where(codes < 0, np.nan, codes)


def _inputs(problem: Problem, frame: pd.DataFrame) -> FeatureColumns:
    """Input columns as given; compositions are words here."""
    numbers, words = {}, {}
    for each in problem.inputs:
        for name in each.columns.values() or (each.column,):
            if name not in frame.columns:
                continue
            if frame[name].dtype.kind == "f":
                numbers[name] = frame[name].to_numpy()
            else:
                words[name] = frame[name].fillna("").to_numpy(dtype=object).astype(str)
    return FeatureColumns(numbers, words, len(frame))


def _held_out(part: TextArray) -> np.ndarray | None:
    """Held-out rows of a split into two, the training rows being the larger part or the one that is called so."""
    names, counts = np.unique(part, return_counts=True)
    if len(names) != 2:
        return None
    training = next((name for name in names if str(name).lower().startswith("train")), names[counts.argmax()])
    return np.asarray(part != training)


def _given_away(problem: Problem, target: Target, dataset: Dataset) -> LeakCheck:
    found = [
        one
        for one in screen_development(dataset, np.arange(len(dataset)), problem)
        if one.kind == "leak" and one.target in ("", target.name)
    ]
    if not found:
        return LeakCheck("the target in other words", "clean", "no input gives the target away by itself.")
    said = " ".join(one.said for one in found)
    return LeakCheck("the target in other words", "suspect", said, columns=tuple(one.input for one in found))


def _twins(dataset: Dataset, raw: RawTable, part: TextArray | None) -> LeakCheck:
    prints = fingerprints(dataset)
    if part is None:
        twins = len(prints) - len(np.unique(prints)) + sum(len(rows) - 1 for rows in dataset.source_rows)
        said = f"{twins:,} rows repeat the inputs of another; they were merged, or stay in one fold and one vault."
        return LeakCheck("duplicates across folds", "clean", said)
    rows = np.array([row - 1 for source in dataset.source_rows for row in source], dtype=np.int64)
    same = np.repeat(prints, [len(source) for source in dataset.source_rows])
    shown = np.repeat(shown_rows(dataset, np.arange(len(dataset))), [len(source) for source in dataset.source_rows])
    found = check_twins(same, part[rows], shown=[str(text) for text in shown])
    if found.state == "clean":
        groups = np.repeat(dataset.groups, [len(source) for source in dataset.source_rows])
        found = check_twins(groups, part[rows], shown=[str(text) for text in shown])
        if found.state == "leak":
            said = found.said.replace("have a twin with the same inputs", "have a row of the same group")
            said = said.replace("Give twins one group, or merge them.", "Keep a group in one fold.")
            found = replace(found, state="suspect", said=said)
    return replace(found, rows=tuple(int(rows[at]) + 1 for at in found.rows))


def _time(dataset: Dataset, raw: RawTable, part: TextArray | None) -> list[LeakCheck]:
    if not np.isfinite(dataset.times).any():
        return []
    if part is None:
        said = (
            "the rows have times, and folds are random: fine for filling gaps between known rows; for later rows give "
            "a column of folds by time with --folds."
        )
        return [LeakCheck("time travel", "suspect", said)]
    when = np.full(len(raw), np.nan)
    for row, source in enumerate(dataset.source_rows):
        when[[at - 1 for at in source]] = dataset.times[row]
    held = _held_out(part)
    fold = np.unique(part, return_inverse=True)[1].reshape(-1)
    return [check_time(when, np.where(held, 1, -1) if held is not None else fold)]


def _walk_report(problem: Problem, target: Target, dataset: Dataset) -> LeakReport:
    """matloop's own folds, preparation and fit under the same tests as anybody's pipeline."""
    rows = np.arange(len(dataset))
    labelled = rows[np.isfinite(dataset.targets[target.name].values)]
    if len(labelled) > WALK_ROWS:
        labelled = np.sort(np.random.default_rng(0).permutation(labelled)[:WALK_ROWS])
    representation = plan_representation(dataset, problem.inputs, polynomial=problem.features.polynomial)
    part = dataset.take(labelled)
    development = develop(part, represent(part, representation), np.arange(len(part)), target, problem)
    frame = _features_frame(development)
    walk = check_pipeline(
        lambda table: _walked(development, table), frame, target="y", group="group", shuffles=3, probes=3,
        subject=f"matloop's own walk, target {target.name!r}",
    )  # fmt: skip
    said = f" ({len(development):,} rows)"
    return replace(
        walk, checks=tuple(replace(check, said=check.said.removesuffix(".") + said + ".") for check in walk.checks)
    )


def _features_frame(development: Development) -> pd.DataFrame:
    import pandas as pd

    table = development.table
    frame = pd.DataFrame(table.X, columns=[f"{number} {name}" for number, name in enumerate(table.names)])
    classes = np.array(development.classes, dtype=object)
    y = classes[development.y.astype(np.int64)] if len(classes) else development.y
    return frame.assign(y=y, group=development.groups)


def _walked(development: Development, table: pd.DataFrame) -> pd.DataFrame:
    """Held-out predictions in the development's own folds, by a plain recipe that sees every column."""
    import pandas as pd

    width = development.table.X.shape[1]
    X = table.iloc[:, :width].to_numpy(dtype=np.float64)
    place = {name: float(index) for index, name in enumerate(development.classes)}
    y = np.array([place[v] for v in table["y"]]) if place else table["y"].to_numpy(dtype=np.float64)
    classify = development.task == "classification"
    # linear: every training row moves every prediction; on a linear scale, as altered labels may be negative
    recipe = Recipe((Spec("logistic" if classify else "ridge"),))
    data = FitData(
        X, y, development.weights, np.zeros((0, width)), development.table.columns(), development.task,
        len(development.classes), "linear", None, "cross_entropy" if classify else "mse",
    )  # fmt: skip
    value = np.full(len(table), np.nan)
    for one in np.unique(development.fold):
        held: IntArray = np.flatnonzero(development.fold == one)
        model = fit_recipe(recipe, data, np.flatnonzero(development.fold != one), 0)
        value[held] = model.predict(X[held])
    said = np.array(development.classes, dtype=object)[value.astype(np.int64)] if classify else value
    return pd.DataFrame({"prediction": said, "fold": development.fold})
