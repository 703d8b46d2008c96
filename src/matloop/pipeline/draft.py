"""Draft a problem by looking at a table: what goes in, what is asked, how it is judged; says all that was guessed."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.errors import ConfigError, DataError
from matloop.core.files import write_text
from matloop.data.benchmarks.source import moved as mirror_moved
from matloop.data.collect import collect, from_frame
from matloop.data.sources import is_named
from matloop.data.sql import moved
from matloop.data.table import RawTable, no_column
from matloop.matter.molecules import rdkit_missing
from matloop.matter.structures import structures_missing
from matloop.pipeline.columns import MOST_ROWS_SEEN, Facts, look, numbers_of
from matloop.pipeline.guess import Guess, as_category, guess, task_of
from matloop.pipeline.orders import order_of_words
from matloop.problem.fault import quoted
from matloop.problem.make import folder_name
from matloop.problem.question import (
    IN_MEMORY,
    MOLECULE,
    REDUCED_FORMULA,
    Input,
    InputKind,
    Problem,
    Roles,
    Scale,
    Source,
    Target,
)
from matloop.problem.toml import dump_problem

if TYPE_CHECKING:
    from pandas import DataFrame

DECADES = 2.5
"""All-positive values that span more powers of ten are a case for a logarithmic scale."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A drafted problem, what was guessed (a line each), and the problem file with comments."""

    problem: Problem
    said: tuple[str, ...]
    toml: str


def draft(table: DataFrame | Path | str, *, targets: Sequence[str] = (), sheet: str = "", encoding: str = "") -> Draft:
    """A problem about a table that was never seen before.

    Parameters
    ----------
    table : a path, the name of a data set that matloop carries, or a DataFrame.
    targets : columns asked for; guessed from names, places and values where empty.
    sheet, encoding : of the file, where it does not say so itself.

    Raises
    ------
    DataError : the table cannot be read, a target is no column, or nothing in it could be asked for or seen.
    """
    source = Source(str(table) if isinstance(table, Path | str) else IN_MEMORY, sheet=sheet, encoding=encoding)
    raw = collect(source) if isinstance(table, Path | str) else from_frame(table)
    for name in targets:
        if name not in raw.columns:
            raise DataError(f"{source.source}: {no_column(name, raw.names)}")
    found = guess(look(raw), targets)
    _refuse_useless(found, source.source)
    problem = _problem(found, raw, source)
    notes = _notes(found, raw, problem)
    return Draft(problem, _said(found, raw, problem), dump_problem(problem, notes))


def write_draft(
    table: str, out: Path, *, targets: Sequence[str] = (), sheet: str = "", encoding: str = "", force: bool = False
) -> Draft:
    """Draft a problem and write it to `out`; a path in it is relative to where it stands.

    Raises
    ------
    ConfigError : `out` is already there and `force` is not given.
    DataError : see `draft`.
    RunError : `out` cannot be written.
    """
    if out.exists() and not force:
        raise ConfigError(f"{out} is already there. Write another file with -o, or overwrite it with --force.")
    drafted = draft(table, targets=targets, sheet=sheet, encoding=encoding)
    source = drafted.problem.data.source
    written = drafted.toml
    if source.startswith("store:"):
        place, hash_, rest = source.removeprefix("store:").partition("#")
        seen = place if "://" in place else _seen_from(place, out)
        written = written.replace(f"source = {_toml(source)}", f"source = {_toml(f'store:{seen}{hash_}{rest}')}", 1)
    elif is_named(source):
        name, _, query = source.partition(":")
        seen = f"sql:{moved(query, out.parent)}" if name == "sql" else mirror_moved(source, out.parent)
        written = written.replace(f"source = {_toml(source)}", f"source = {_toml(seen)}", 1)
    else:
        written = written.replace(f"source = {_toml(source)}", f"source = {_toml(_seen_from(source, out))}", 1)
    write_text(out, written)
    return drafted


def _toml(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _seen_from(source: str, out: Path) -> str:
    """The path as seen from the folder of the problem file; absolute where it was or where there is no way."""
    path = Path(source).expanduser()
    if path.is_absolute():
        return str(path)
    try:
        return Path(os.path.relpath(path, out.parent)).as_posix()
    except ValueError:  # another drive
        return str(path.absolute())


def _refuse_useless(found: Guess, source: str) -> None:
    if not found.targets:
        raise DataError(
            f"{source}: no column of numbers or classes was found that could be "
            "asked for. Name one with --target, or look "
            "whether the numbers are written as text."
        )
    if not found.inputs and not found.elements:
        why = "; ".join(f"{quoted(name)}: {reason}" for name, reason in list(found.left_out.items())[:8])
        raise DataError(f"{source}: no column is left that a model could learn from ({why}).")


def _problem(found: Guess, raw: RawTable, source: Source) -> Problem:
    inputs = _inputs(found, len(raw))
    targets = tuple(_target(fact, found, raw) for fact in found.targets)
    kinds = {entry.kind for entry in inputs}
    derived = {"composition": REDUCED_FORMULA, MOLECULE: MOLECULE}
    groups = [rule for kind, rule in derived.items() if kind in kinds]
    group = found.group or (groups[0] if len(groups) == 1 else "")
    return Problem(
        name=folder_name(f"{_stem(source.source)}-{targets[0].name}"),
        question=f"What is {_and([target.name for target in targets])}, given "
        f"{_and([entry.name for entry in inputs])}?",
        data=source,
        inputs=inputs,
        targets=targets,
        roles=Roles(group=group),
    )


def _stem(source: str) -> str:
    """What the table is called; the folder's name where the file is only called "data"."""
    if source == IN_MEMORY:
        return "table"
    if ":" in source and is_named(source):
        place = re.split(r"[?#]", source.partition(":")[2])[0]
        return place.rstrip("/").rpartition("/")[2].partition(".")[0] or "table"
    stem = Path(source).name.split(".")[0]
    folder = Path(source).absolute().parent.name
    return folder if stem.lower() in ("data", "table", "dataset", "train") and folder else stem


def _and(names: Sequence[str], most: int = 4) -> str:
    if len(names) > most:
        return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} more columns"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _inputs(found: Guess, n_rows: int) -> tuple[Input, ...]:
    inputs: list[Input] = []
    taken: set[str] = set()
    if found.elements:
        inputs.append(
            Input("composition", "composition", columns=found.elements.columns, amounts=found.elements.amounts)
        )
        taken.add("composition")
    for fact in found.inputs:
        name = fact.short if fact.short and fact.short not in taken else fact.name
        taken.add(name)
        if fact.kind == "number":
            inputs.append(Input(name, "number", fact.name, unit=fact.unit))
        else:
            kind = _matter_kind(fact)
            # further rows may hold further words
            order = order_of_words(fact.words) if kind == "category" and n_rows <= MOST_ROWS_SEEN else ()
            inputs.append(Input(name, kind, fact.name, order=order))
    return tuple(inputs)


def _matter_kind(fact: Facts) -> InputKind:
    if fact.kind in ("composition", "structure"):
        return "composition" if fact.kind == "composition" else "structure"
    return "molecule" if fact.kind == MOLECULE and not as_category(fact) else "category"


def _target(fact: Facts, found: Guess, raw: RawTable) -> Target:
    task = task_of(fact)
    if task == "classification":
        return Target(fact.name, fact.name, task=task, positive=_positive(fact))
    values = _finite(numbers_of(raw.columns[fact.name], raw, fact.name)[0])
    name = fact.short or fact.name
    return Target(
        name,
        fact.name,
        unit=fact.unit,
        task=task,
        scale=_scale(values),
        bounds=_bounds(fact, values),
        error_column=found.errors.get(fact.name, ""),
    )


def _positive(fact: Facts) -> str:
    """The word that means yes, where the words say so."""
    yes = [word for word in fact.words if word.lower() in ("true", "yes", "t", "y", "1", "1.0", "positive")]
    return yes[0] if len(fact.words) == 2 and yes else ""


def _finite(values: FloatArray) -> FloatArray:
    return values[np.isfinite(values)]


def _scale(values: FloatArray) -> Scale:
    """Logarithmic where all values are positive, span many decades, and are less skewed as logarithms."""
    if len(values) < 10 or values.min() <= 0 or np.log10(values.max() / values.min()) <= DECADES:
        return "linear"
    return "log" if abs(_skew(np.log10(values))) < abs(_skew(values)) and _wide(values) else "linear"


def _wide(values: FloatArray) -> bool:
    """Whether the bulk of the values, not some strays, spans two decades."""
    low, high = np.quantile(values, [0.02, 0.98])
    return bool(np.log10(high / low) > 2.0)


def _skew(values: FloatArray) -> float:
    spread = values.std()
    return float(np.mean(((values - values.mean()) / spread) ** 3)) if spread > 0 else 0.0


def _bounds(fact: Facts, values: FloatArray) -> tuple[float, float] | None:
    """Physical limits that fifty or more values all keep to."""
    if len(values) < 50 or values.min() < 0 or "log" in fact.name.lower():
        return None
    percent = fact.unit in ("%", "percent") or fact.name.lower() in ("yield", "conversion", "selectivity", "efficiency")
    if percent and 1 < values.max() <= 100:
        return (0.0, 100.0)
    return (0.0, float("inf"))


# --- what is said ----------------------------------------------------------------------------------------------------


def _notes(found: Guess, raw: RawTable, problem: Problem) -> Mapping[str, Sequence[str]]:
    notes: dict[str, list[str]] = {
        "": [f"Drafted from {problem.data.source}: {len(raw)} rows, {len(raw.columns)} columns. Look at every line."],
        "inputs": [
            *(f"{name}: {_NAMES_ONLY}" for name in _named_molecules(found)),
            *([structures_missing()] if _has(problem, "structure") and structures_missing() else []),
            *([rdkit_missing()] if any(e.kind == MOLECULE for e in problem.inputs) and rdkit_missing() else []),
            *(f"not a feature: {name}, because {_because(why)}" for name, why in found.left_out.items()),
        ],
        "roles": _group_lines(found, problem),
    }
    for fact, target in zip(found.targets, problem.targets, strict=True):
        notes[f"targets.{target.name}"] = [*_told(fact, target), *_goal(fact, target, raw)]
    if found.others:
        last = f"targets.{problem.targets[-1].name}"
        names = ", ".join(quoted(fact.name) for fact in found.others[:12])
        notes[last] += ["", f"Other columns that could be asked for: {names}", "(matloop init TABLE --target NAME)"]
    return notes


def _told(fact: Facts, target: Target) -> list[str]:
    lines = []
    if target.scale == "log":
        lines.append(
            "scale: all values are positive and span orders of magnitude; errors "
            "are judged as written, not as logarithms"
        )
    if target.bounds is not None:
        lines.append(
            f"bounds: no value lies outside [{target.bounds[0]:g}, {target.bounds[1]:g}]; delete the line if one may"
        )
    if fact.missing > 0:
        lines.append(f"{fact.missing:.1%} of the rows have no value")
    return lines


def _goal(fact: Facts, target: Target, raw: RawTable) -> list[str]:
    """A goal as a commented example, beside what no skill at all would reach."""
    place = _toml_key(target.name)
    if target.task == "classification":
        names, counts = _class_counts(fact)
        share = f'always saying "{names[0]}" is right for {counts[0] / counts.sum():.0%} of the rows'
        skill = f"{share}, a balanced accuracy of {1 / len(names):.2f}"
        return [
            "",
            "A goal, for example:",
            f"[targets.{place}.success]",
            'metric = "balanced_accuracy"',
            f"at_least = 0.9   # {skill}",
        ]
    values = _finite(numbers_of(raw.columns[fact.name], raw, fact.name)[0])
    baseline = float(np.mean(np.abs(values - np.median(values)))) if len(values) else 0.0
    unit = f" {target.unit}" if target.unit else ""
    return [
        "",
        "A goal, for example:",
        f"[targets.{place}.success]",
        'metric = "mae"',
        f"at_most = {_rounded(baseline / 2)}   # predicting the median for every row gives {_rounded(baseline)}{unit}",
    ]


def _toml_key(name: str) -> str:
    """`name` as a TOML key."""
    return name if name.replace("_", "").replace("-", "").isalnum() and name.isascii() else _toml(name)


def _rounded(value: float) -> str:
    return f"{float(f'{value:.3g}'):g}"


def _group_lines(found: Guess, problem: Problem) -> list[str]:
    lines = []
    if problem.roles.group == REDUCED_FORMULA:
        lines.append("rows of the same composition stay together")
    elif _has(problem, "structure") and problem.derived_group:
        lines.append(
            'polymorphs stay together; group = "nearly_identical" parts them, "prototype" or "space_group" is stricter'
        )
    elif MOLECULE in problem.derived_group:
        lines.append(
            'rows of the same molecule stay together; group = "scaffold" judges by molecules of other ring systems'
        )
    elif problem.roles.group:
        lines.append(f"group: taken because of its name; {len(found.inputs)} inputs")
    else:
        lines.append("no group was found: every row stands by itself")
    if found.sources:
        names = ", ".join(map(quoted, found.sources[:4]))
        lines.append(f"stricter: group by {names}, if rows from one source are alike")
    return lines


def _said(found: Guess, raw: RawTable, problem: Problem) -> tuple[str, ...]:
    lines = [f"{problem.data.source}: {len(raw)} rows, {len(raw.columns)} columns", *raw.notes]
    for target in problem.targets:
        unit = f" in {target.unit}" if target.unit else ""
        extras = [part for part in (", log scale" if target.scale == "log" else "", _bounded(target)) if part]
        lines.append(
            f"asked for: {quoted(target.column)} "
            f"({target.task}{unit}{''.join(extras)}){_values_words(target, found, raw)}"
        )
    if found.others:
        lines.append(f"  it could also be {', '.join(quoted(fact.name) for fact in found.others[:8])} (--target NAME)")
    for entry in problem.inputs[:20]:
        lines.append(f"input: {entry.name} ({_input_words(entry, found)})")
    if len(problem.inputs) > 20:
        lines.append(f"  and {len(problem.inputs) - 20} more inputs")
    shown = list(found.left_out.items())
    lines += [f"not a feature: {quoted(name)}, because {_because(why)}" for name, why in shown[:20]]
    if len(shown) > 20:
        lines.append(f"  and {len(shown) - 20} more, listed in the file")
    lines += [f"groups: {line}" for line in _group_lines(found, problem)]
    return tuple(lines)


def _values_words(target: Target, found: Guess, raw: RawTable) -> str:
    fact = next(fact for fact in found.targets if fact.name == target.column)
    if target.task == "classification":
        words, counts = _class_counts(fact)
        shown = ", ".join(
            f"{word} {count / counts.sum():.0%}" for word, count in zip(words[:6], counts[:6], strict=True)
        )
        return f": {shown}" + (f" and {len(words) - 6} more classes" if len(words) > 6 else "")
    values = _finite(numbers_of(raw.columns[target.column], raw, target.column)[0])
    if not len(values):
        return ""
    return f": {len(values)} values from {values.min():.4g} to {values.max():.4g}, median {np.median(values):.4g}"


def _class_counts(fact: Facts) -> tuple[list[str], FloatArray]:
    """The classes among the rows seen, the largest first."""
    words, counts = np.unique(fact.texts[np.isin(fact.texts, fact.words)], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return [str(word) for word in words[order]], counts[order].astype(float)


def _because(why: str) -> str:
    return why if why.startswith(("it ", "only ", "a year", "molecules")) else f"it is {why}"


def _bounded(target: Target) -> str:
    return f", within [{target.bounds[0]:g}, {target.bounds[1]:g}]" if target.bounds else ""


def _input_words(entry: Input, found: Guess) -> str:
    if entry.columns and found.elements:
        return f"composition in {entry.amounts}: {found.elements.why}"
    if entry.kind == "structure" and structures_missing():
        return f"structure; {structures_missing()}"
    if entry.kind == MOLECULE and rdkit_missing():
        return f"molecule; {rdkit_missing()}"
    if entry.column in _named_molecules(found):
        return f"{entry.kind}; {_NAMES_ONLY}"
    if entry.order:
        return f"category with an order: {' < '.join(entry.order)}"
    return f"{entry.kind} in {entry.unit}" if entry.unit else entry.kind


def _has(problem: Problem, kind: InputKind) -> bool:
    return any(entry.kind == kind for entry in problem.inputs)


_NAMES_ONLY = 'few molecules, so their names are categories; kind = "molecule" describes them, also new ones'


def _named_molecules(found: Guess) -> list[str]:
    return [fact.name for fact in found.inputs if fact.kind == MOLECULE and as_category(fact)]
