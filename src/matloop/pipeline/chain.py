"""`matloop trust propagate`: a chain file of measurements, bundles and formulas, carried through for every row."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray
from matloop.core.errors import ConfigError, DataError
from matloop.core.jsonable import to_jsonable
from matloop.core.progress import SILENT, Progress
from matloop.data.collect import collect, from_frame
from matloop.data.inputs import number_column
from matloop.data.table import RawTable, no_column
from matloop.deploy.bundle import Bundle, load_bundle
from matloop.deploy.predict import ending_of, predict_frame, write_frame
from matloop.doubt.prediction import Prediction
from matloop.doubt.propagation import Computed, Measured, Propagated, Step, from_interval, propagate
from matloop.problem.fault import did_you_mean
from matloop.problem.question import Source

if TYPE_CHECKING:
    import pandas as pd

ROWS_AT_ONCE = 100_000
KINDS = {
    "measured": {"name", "column", "value", "std", "std_column", "unit", "positive"},
    "bundle": {"name", "bundle", "target", "inputs"},
    "formula": {"name", "formula", "unit", "relative_error"},
}


@dataclass(frozen=True, slots=True)
class Predicted:
    """A step that a bundle predicts, from columns of the table and from steps before it.

    frame : the table. fed : {input column of the bundle: step that it comes from}. outside : rows of `frame` that the
        bundle flags as unlike its training rows, filled when the chain is made.
    """

    name: str
    bundle: Bundle
    target: str
    frame: pd.DataFrame
    fed: Mapping[str, str]
    unit: str = ""
    noisy: bool = True

    @property
    def needs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.fed.values()))

    def draw(self, known: Mapping[str, FloatArray], z: FloatArray) -> FloatArray:
        """The bundle's value for every draw of what it is fed with, and a draw from its interval."""
        n_rows, n_draws = z.shape
        if not self.fed:
            found = self.predicted(self.frame)
            value, low, high = (part[:, None] for part in (found.value, found.low, found.high))
            return from_interval(value, low, high, z, found.level)
        drawn = np.empty(z.shape)
        step = max(ROWS_AT_ONCE // n_draws, 1)
        for start in range(0, n_rows, step):
            rows = np.arange(start, min(start + step, n_rows))
            frame = self.frame.iloc[np.repeat(rows, n_draws)].reset_index(drop=True)
            for column, name in self.fed.items():
                frame[column] = known[name][rows].reshape(-1)
            found = self.predicted(frame)
            shape = (len(rows), n_draws)
            value, low, high = (part.reshape(shape) for part in (found.value, found.low, found.high))
            drawn[rows] = from_interval(value, low, high, z[rows], found.level)
        return drawn

    def predicted(self, frame: pd.DataFrame) -> Prediction:
        """The bundle's prediction of the rows of a frame."""
        return predict_frame(self.bundle, frame).predictions[self.target]


@dataclass(frozen=True, slots=True)
class Chained:
    """A chain carried through a table.

    frame : the table's columns, then `<last step>`, `_low`, `_high`, `_std`, `_in_domain`, and per uncertain step
        `_share_<step>` of the variance.
    inside : rows whose every bundle step is inside its domain.
    """

    name: str
    result: Propagated
    inside: BoolArray
    frame: pd.DataFrame
    out: Path | None = None

    def lines(self) -> Iterable[str]:
        """The same for a person."""
        last, n = self.result.names[-1], len(self.result)
        yield f"{self.name}: {last} of {n:,} rows, {self.result.n_draws:,} draws each, {self.result.unit or 'no unit'}"
        yield self.result.words()
        failed = int((self.result.failed > 0.01).sum())
        if failed:
            yield f"{failed:,} rows have draws without a value (a logarithm of what may be negative, a division by 0)."
        if not self.inside.all():
            yield f"{int((~self.inside).sum()):,} rows are unlike the training rows of a bundle: go by them last."
        yield f"Written to {self.out}." if self.out else self.frame.head(10).to_string(index=False)

    def as_json(self) -> Any:
        """The same for a program."""
        return to_jsonable(self.result) | {"name": self.name, "in_domain": self.inside.tolist()}


def carry(
    chain: Path | str,
    table: Path | str | pd.DataFrame,
    out: Path | str | None = None,
    *,
    n_draws: int = 500,
    seed: int = 0,
    progress: Progress = SILENT,
) -> Chained:
    """Carry uncertainty through a chain file for every row of a table.

    Parameters
    ----------
    chain : a TOML file with a list of `[[step]]`: a measured column or number with its standard deviation, a bundle
        that predicts, or a formula. See docs/howto/carry-uncertainty.md.
    n_draws : draws per row and pass.

    Raises
    ------
    ConfigError, DataError, BundleError : what is wrong with the file, a step, the table or a bundle.
    """
    path = Path(chain)
    out = None if out is None else Path(out)
    if out is not None:
        ending_of(out)
    content = _read(path)
    raw = from_frame(table) if not isinstance(table, str | Path) else collect(Source(str(table)))
    progress.step("load")
    frame = _frame(raw)
    steps: list[Step] = []
    for number, entry in enumerate(content["step"], start=1):
        steps.append(_step(entry, f"{path}, step {number}", raw, frame, steps, path.parent))
    progress.step("propagate")
    result = propagate(steps, n_rows=len(raw), n_draws=n_draws, seed=seed)
    inside = np.ones(len(raw), dtype=bool)
    for step in steps:
        if isinstance(step, Predicted) and not step.fed:
            inside &= step.predicted(frame).in_domain
    found = Chained(str(content.get("name", path.stem)), result, inside, _answered(frame, result, inside), out)
    if out is not None:
        write_frame(out, found.frame)
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: there is no such chain file.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}.") from error
    steps = content.get("step")
    if not isinstance(steps, list) or not steps or not all(isinstance(entry, dict) for entry in steps):
        raise ConfigError(f"{path}: there is no [[step]]. A chain is a list of steps, the last one is the answer.")
    for word in content:
        if word not in ("name", "step"):
            raise ConfigError(f"{path}: unknown word {word!r}; a chain has a name and steps.")
    return content


def _frame(raw: RawTable) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({name: raw.column(name) for name in raw.names})


def _step(
    entry: Mapping[str, Any], where: str, raw: RawTable, frame: pd.DataFrame, before: list[Step], home: Path
) -> Step:
    kind = "bundle" if "bundle" in entry else "formula" if "formula" in entry else "measured"
    for word in entry:
        if word not in KINDS[kind]:
            raise ConfigError(f"{where}: unknown word {word!r}. {did_you_mean(word, sorted(KINDS[kind]))}")
    name = entry.get("name")
    if not isinstance(name, str) or not name.isidentifier():
        raise ConfigError(f"{where}: a step needs a name of letters, digits and _ (formulas use it), got {name!r}.")
    if kind == "formula":
        error = _number(entry.get("relative_error", 0.0), f"{where}: relative_error")
        return Computed(name, str(entry["formula"]), str(entry.get("unit", "")), error)
    if kind == "bundle":
        return _predicted(entry, name, where, frame, before, home)
    return _measured(entry, name, where, raw)


def _measured(entry: Mapping[str, Any], name: str, where: str, raw: RawTable) -> Measured:
    unit = str(entry.get("unit", ""))
    if "value" in entry:
        values = np.full(len(raw), _number(entry["value"], f"{where}: value", least=-np.inf))
    else:
        values = _column(raw, str(entry.get("column", name)), unit, where)
    if "std_column" in entry:
        std = _column(raw, str(entry["std_column"]), unit, where)
    else:
        std = np.full(len(raw), _number(entry.get("std", 0.0), f"{where}: std"))
    bad = np.flatnonzero(std < 0)
    if len(bad):
        raise DataError(f"{where}, row {bad[0] + 1}: a standard deviation of {std[bad[0]]:g}. It cannot be negative.")
    positive = entry.get("positive", False)
    if positive is True and (values <= 0).any():
        row = int(np.flatnonzero(values <= 0)[0])
        raise DataError(f"{where}, row {row + 1}: {values[row]:g} is called positive. Correct it, or leave that out.")
    return Measured(name, values, std, unit, positive is True)


def _column(raw: RawTable, column: str, unit: str, where: str) -> FloatArray:
    if column not in raw.names:
        raise DataError(f"{where}: {no_column(column, raw.names)}")
    return number_column(raw, column, unit).values


def _number(value: object, where: str, *, least: float = 0.0) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value < np.inf:
        raise ConfigError(f"{where} must be a number{'' if least < 0 else ', 0 or more'}, got {value!r}.")
    return float(value)


def _predicted(
    entry: Mapping[str, Any], name: str, where: str, frame: pd.DataFrame, before: list[Step], home: Path
) -> Predicted:
    bundle = load_bundle(home / str(entry["bundle"]))
    models = {model.target: model for model in bundle.models}
    target = str(entry.get("target", next(iter(models))))
    if target not in models:
        raise ConfigError(f"{where}: the bundle has no target {target!r}, only {', '.join(map(repr, models))}.")
    if models[target].task == "classification":
        raise ConfigError(f"{where}: {target!r} is a class, not a quantity; a chain carries quantities.")
    steps = {step.name: step for step in before}
    columns = {
        column: entry_.unit
        for entry_ in bundle.manifest.inputs
        for column in (entry_.columns.values() or (entry_.column,))
    }
    fed = {column: column for column in columns if column in steps}
    given = entry.get("inputs", {})
    if not isinstance(given, dict):
        raise ConfigError(f'{where}: inputs = {{ "column of the bundle" = "step" }}, got {given!r}.')
    for column, source in given.items():
        if column not in columns:
            raise ConfigError(
                f"{where}: the bundle has no input column {column!r}. {did_you_mean(column, list(columns))}"
            )
        if source in steps:
            fed[column] = source
        elif source in frame.columns:
            frame = frame.copy()
            frame[column] = frame[source]
        else:
            raise ConfigError(f"{where}: {source!r} is neither a step before it nor a column of the table.")
    missing = [column for column in columns if column not in fed and column not in frame.columns]
    if missing:
        raise DataError(f"{where}: the bundle needs {', '.join(map(repr, missing))}; give a column or a step.")
    for column, source in fed.items():
        _refuse_other_unit(where, column, columns[column], steps[source])
    return Predicted(name, bundle, target, frame, fed, models[target].unit)


def _refuse_other_unit(where: str, column: str, unit: str, step: Step) -> None:
    """Numbers go into a bundle as they are, so the step must come in the unit of the input."""
    from matloop.core.units import tidy

    if unit and tidy(unit) != tidy(step.unit):
        raise ConfigError(
            f"{where}: the bundle's {column!r} is in {unit!r}, step {step.name!r} in {step.unit or 'no unit'!r}. Put a "
            "formula between them whose unit is the bundle's."
        )


def _answered(frame: pd.DataFrame, result: Propagated, inside: BoolArray) -> pd.DataFrame:
    last = result.names[-1]
    columns: dict[str, FloatArray | BoolArray] = {
        last: result.median, f"{last}_low": result.low, f"{last}_high": result.high, f"{last}_std": result.std,
        f"{last}_in_domain": inside,
    }  # fmt: skip
    for k, name in enumerate(result.names):
        if np.nan_to_num(result.total[:, k]).any():
            columns[f"{last}_share_{name}"] = np.round(result.total[:, k], 3)
    answered = frame.copy()
    for name, values in columns.items():
        answered[name if name not in frame.columns else f"{name}'"] = values
    return answered
