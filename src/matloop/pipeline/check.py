"""Everything that is wrong with a question and its data, found before anything runs."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from matloop.core import units
from matloop.core.arrays import FloatArray
from matloop.core.errors import ConfigError, DataError, MatloopError
from matloop.core.jsonable import to_jsonable
from matloop.data.clean import Cleaned, clean, with_levels
from matloop.data.collect import collect, from_frame
from matloop.data.dataset import Dataset, Labels
from matloop.data.inputs import needed
from matloop.data.table import RawTable, no_column
from matloop.matter.molecules import rdkit_missing
from matloop.matter.structures import structures_missing
from matloop.metrics import METRICS
from matloop.models import FAMILIES, missing
from matloop.models.foreign import NAME as FOREIGN
from matloop.pipeline.measured import attach_files
from matloop.problem.fault import Fault, Places, quoted
from matloop.problem.question import Input, Problem, Target
from matloop.problem.toml import Reading, read_problem
from matloop.problem.validate import Known, MetricFacts, located
from matloop.represent import FEATURIZERS
from matloop.represent.representation import plan_representation, represent
from matloop.represent.spec import read_spec

if TYPE_CHECKING:
    from pandas import DataFrame

FEW_ROWS = 100
FEW_GROUPS = 30
_COPIES = 6.0  # feature tables that are in memory at once: the table, a fold, scaled and imputed copies, a worker's


@dataclass(frozen=True, slots=True)
class Checked:
    """What `check` found.

    problem : None where the file could not be understood. faults : of the file, then of the data; a run would stop at
    them. warnings : the run works, but look. summary : what would be run, a line each.
    """

    file: str
    problem: Problem | None
    file_faults: tuple[str, ...]
    data_faults: tuple[str, ...]
    warnings: tuple[str, ...]
    summary: tuple[str, ...]

    @property
    def faults(self) -> tuple[str, ...]:
        """All faults, those of the file first."""
        return self.file_faults + self.data_faults

    @property
    def exit_code(self) -> int:
        """0 all is well, 2 the file has faults, 3 the data have."""
        if self.file_faults:
            return ConfigError.exit_code
        return DataError.exit_code if self.data_faults else 0

    def lines(self) -> Iterable[str]:
        """The same for a person."""
        yield from self.summary
        if self.warnings:
            yield "notes:"
            yield from (f"  - {line}" for line in self.warnings)
        if self.faults:
            yield f"{self.file}: {len(self.faults)} to be mended:"
            yield from (f"  - {line}" for line in self.faults)
        else:
            yield f"{self.file}: no fault found."

    def as_json(self) -> Any:
        """The same for a program."""
        return {"ok": not self.faults, "exit_code": self.exit_code, **to_jsonable(self)}


def check(
    problem: Problem | Path | str,
    *,
    data: DataFrame | None = None,
    base: Path | None = None,
    folder: Path | str = "runs",
) -> Checked:
    """Look at a question and its data without running anything.

    Parameters
    ----------
    problem : a problem file, or a `Problem`.
    data : the table, where the problem has no file.
    base : folder that a relative `data.source` starts from; that of the problem file by default.
    folder : where runs would be kept.

    Raises
    ------
    ConfigError : the problem file does not exist or is not TOML; all other faults are in what is returned.
    """
    if isinstance(problem, Problem):
        reading = Reading(problem.name or "problem", problem, (), Places())
    else:
        reading = read_problem(Path(problem))
        base = base or Path(problem).absolute().parent
    if reading.problem is None:
        return Checked(reading.file, None, reading.sentences(), (), (), ())
    question = reading.problem
    found = list(located(question, known_names()))
    found += _missing_extras(question)
    data_faults: tuple[str, ...] = ()
    warnings: list[str] = list(_optional_extras(question))
    summary: list[str] = []
    try:
        raw = collect(question.data, base=base) if data is None else from_frame(data)
        found += _columns(question, raw)
        summary.append(f"data: {raw.provenance.source}, {len(raw)} rows, {len(raw.columns)} columns")
        if not found:
            data_faults = _data(question, raw, summary, warnings)
    except MatloopError as error:
        data_faults = (str(error),)
    found += _folder(Path(folder))
    return Checked(reading.file, question, reading.sentences(found), data_faults, tuple(warnings), tuple(summary))


def known_names() -> Known:
    """What plug-ins are called, for `problem.validate`."""
    metrics = {name: METRICS.load(name) for name in METRICS}
    return Known(
        families={name: tuple(FAMILIES.load(name).tasks) for name in FAMILIES},
        featurizers=tuple(FEATURIZERS),
        molecular=_describing("molecule"),
        structural=_describing("structure"),
        metrics={
            name: MetricFacts(tuple(metric.tasks), metric.greater_is_better, metric.greater_is_better)
            for name, metric in metrics.items()
        },
    )


def _describing(kind: str) -> tuple[str, ...]:
    return tuple(name for name in FEATURIZERS if getattr(FEATURIZERS.load(name), "kind", "") == kind)


def _missing_extras(problem: Problem) -> Iterable[Fault]:
    for entry in problem.inputs:
        if entry.kind == "molecule" and (why := rdkit_missing()):
            yield Fault(("inputs", entry.name), f"{why}.")
        if entry.kind == "structure" and (why := structures_missing()):
            yield Fault(("inputs", entry.name), f"{why}.")
        yield from _wrong_options(entry)
    for name in problem.training.families:
        if name in FAMILIES and (why := missing(name)):
            yield Fault(("training", "families"), f"{why}; or take {quoted(name)} out of the list.")


def _wrong_options(entry: Input) -> Iterable[Fault]:
    """Options of featurizers that there are not, or of another kind."""
    for text in entry.features:
        if text.partition("(")[0].strip() in FEATURIZERS:
            try:
                read_spec(text)
            except ConfigError as error:
                yield Fault(("inputs", entry.name), str(error))


def _optional_extras(problem: Problem) -> Iterable[str]:
    if not problem.training.families:
        for name in FAMILIES:
            if (name != FOREIGN or problem.training.estimators) and (why := missing(name)):
                yield f"{quoted(name)} will not be tried: {why}"


def _columns(problem: Problem, raw: RawTable) -> Iterable[Fault]:
    """Columns that are not in the table, and units that do not fit those in its header."""
    raw, _ = with_levels(raw, problem)
    for path, name in _named_columns(problem):
        if name not in raw.columns:
            yield Fault(path, no_column(name, raw.names))
    wanted: list[tuple[tuple[str, ...], str, str]]
    wanted = [(("inputs", entry.name), entry.column, entry.unit) for entry in problem.inputs]
    wanted += [(("targets", target.name, "unit"), target.column, target.unit) for target in problem.targets]
    for path, name, unit in wanted:
        card = raw.describe.get(name)
        if card and card.unit and unit and not units.compatible(card.unit, unit):
            yield Fault(path, f"the table has {quoted(name)} in {card.unit}, which cannot be converted to {unit}.")


def _named_columns(problem: Problem) -> Iterable[tuple[tuple[str, ...], str]]:
    for entry in problem.inputs:
        for column in needed(entry):
            yield ("inputs", entry.name), column
    for target in problem.targets:
        yield ("targets", target.name), target.column
        if target.error_column:
            yield ("targets", target.name, "error_column"), target.error_column
    roles = problem.roles
    for key in ("group", "id", "weight", "time"):
        column = getattr(roles, key)
        if column and not (key == "group" and problem.derived_group):
            yield ("roles", key), column
    for column in roles.ignore:
        yield ("roles", "ignore"), column


def _folder(folder: Path) -> Iterable[Fault]:
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir():
        yield Fault((), f"{place} is a file, so runs cannot be kept there. Choose another folder with -o.")
    elif not os.access(place, os.W_OK):
        yield Fault((), f"{place} cannot be written, so runs cannot be kept there. Choose another folder with -o.")


# --- the data --------------------------------------------------------------------------------------------------------


def _data(problem: Problem, raw: RawTable, summary: list[str], warnings: list[str]) -> tuple[str, ...]:
    cleaned = clean(raw, problem)
    summary += _cleaning(cleaned)
    warnings += cleaned.notes
    if (attached := attach_files(problem, raw)) is not None:
        warnings += attached.lines()
    dataset = cleaned.dataset
    faults: list[str] = []
    for target in problem.targets:
        faults += _labels(target, dataset, problem, summary, warnings)
    if not faults:
        _size(problem, dataset, summary, faults)
    return tuple(faults)


def _cleaning(cleaned: Cleaned) -> Iterable[str]:
    merged = f", {cleaned.n_merged} merged with rows of the same inputs" if cleaned.n_merged else ""
    rows = {entry.row for entry in cleaned.removed}
    yield (
        f"cleaning: {len(cleaned.dataset)} rows stay, {len(rows)} removed, "
        f"{len(cleaned.repaired)} values repaired{merged}"
    )
    reasons = Counter((entry.column, _alike(entry.reason)) for entry in cleaned.removed)
    for (column, alike), count in reasons.most_common(8):
        first = next(e for e in cleaned.removed if (e.column, _alike(e.reason)) == (column, alike))
        yield f"  removed {count}: {column}: {first.reason} (row {first.row}: {quoted(first.found)})"
    repairs = Counter((entry.column, _alike(entry.reason)) for entry in cleaned.repaired)
    for (column, alike), count in repairs.most_common(5):
        reasons_of = {e.reason: None for e in cleaned.repaired if (e.column, _alike(e.reason)) == (column, alike)}
        yield f"  repaired {count}: {column}: {next(iter(reasons_of))}" + (
            " (and the like)" if len(reasons_of) > 1 else ""
        )


def _alike(reason: str) -> str:
    """A reason without its numbers."""
    return re.sub(r"(and [\d,]+ more)|[\d.,\s]+", "", reason)


def _labels(
    target: Target, dataset: Dataset, problem: Problem, summary: list[str], warnings: list[str]
) -> Iterable[str]:
    """What is wrong with the values of one target, beyond what cleaning refuses."""
    labels = dataset.targets[target.name]
    known = ~np.isnan(labels.values)
    values = labels.values[known]
    groups = len(np.unique(dataset.groups[known]))
    called = f"target {quoted(target.name)}"
    if groups < problem.protocol.folds + 1:
        yield (
            f"{called}: there are {groups} groups, fewer than protocol.folds = {problem.protocol.folds} and the sealed "
            "rows need. Group by something finer, or ask for fewer folds."
        )
    elif groups < FEW_GROUPS and groups < 0.2 * len(values):
        warnings.append(
            f"{called}: {len(values)} rows in only {groups} groups; the sealed rows "
            "are a few whole groups, so the verdict "
            "will be vague. Is there a finer group?"
        )
    if len(values) < FEW_ROWS:
        warnings.append(f"{called}: {len(values)} rows are few; expect wide intervals, perhaps no verdict.")
    counts = [int(np.sum(values == i)) for i in range(len(labels.classes))]
    for word, count in zip(labels.classes, counts, strict=True):
        if count <= problem.protocol.folds:
            warnings.append(f"{called}: class {quoted(word)} has only {count} rows; some folds will not see it.")
    summary.append(f"{called}: {len(values)} rows in {groups} groups, {_scale_of(labels, values, counts)}")
    if unlabelled := int(np.sum(~known)):
        warnings.append(f"{called}: {unlabelled} rows have no value.")


def _scale_of(labels: Labels, values: FloatArray, counts: list[int]) -> str:
    """The classes, or the range of the values beside the error of a guess without any skill."""
    if labels.classes:
        shown = ", ".join(f"{word} {count}" for word, count in zip(labels.classes[:8], counts[:8], strict=True))
        return shown + (f" and {len(counts) - 8} more classes" if len(counts) > 8 else "")
    unit = f" {labels.unit}" if labels.unit else ""
    spread = float(np.mean(np.abs(values - np.median(values))))
    return (
        f"from {values.min():.4g} to {values.max():.4g}{unit}; predicting the median for each gives a mean absolute "
        f"error of {spread:.4g}{unit}"
    )


def _size(problem: Problem, dataset: Dataset, summary: list[str], faults: list[str]) -> None:
    """Columns of the feature table, from a few rows, and what it will take in memory."""
    some = dataset.take(np.arange(min(len(dataset), 5)))
    table = represent(some, plan_representation(dataset, problem.inputs, polynomial=problem.features.polynomial))
    width = table.X.shape[1]
    gigabytes = len(dataset) * width * 8 * _COPIES / 1e9
    summary.append(f"features: {width} columns, about {_size_words(gigabytes)} of memory for all steps")
    limit = problem.limits.memory_gb
    if limit is not None and gigabytes > limit:
        faults.append(
            f"about {gigabytes:.1f} GB of memory would be needed, limits.memory_gb is {limit:g}. List fewer inputs or "
            "features, use fewer rows, or raise the limit."
        )


def _size_words(gigabytes: float) -> str:
    return f"{gigabytes:.1f} GB" if gigabytes >= 1 else f"{max(gigabytes * 1000, 1):.0f} MB"
