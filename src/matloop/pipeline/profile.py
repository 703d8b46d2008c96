"""`matloop data profile`: a table or a problem looked at before any model, as a page and as figures."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

import numpy as np
import pandas as pd

from matloop.core.arrays import BoolArray, FloatArray, IntArray, TextArray
from matloop.core.errors import ConfigError, DataError
from matloop.core.files import write_text
from matloop.core.jsonable import to_jsonable
from matloop.core.progress import SILENT, Progress
from matloop.core.threads import one_thread
from matloop.data.clean import clean, with_levels
from matloop.data.collect import collect, from_frame
from matloop.data.dataset import Dataset
from matloop.data.inputs import InputsRead, absent, number_column, read_columns, read_inputs
from matloop.data.keys import input_keys
from matloop.data.measurements.columns import guessed, read_measured
from matloop.data.measurements.values import Measured
from matloop.data.sources import PASTS, is_file
from matloop.data.spelling import MISSING_NUMBERS
from matloop.data.table import RawTable, no_column
from matloop.data.times import seconds_of
from matloop.data.words import read_words, texts
from matloop.matter.compositions import Compositions
from matloop.matter.structures import Structures
from matloop.matter.structures import to_compositions as structure_atoms
from matloop.matter.symmetry import symmetry
from matloop.pipeline.columns import Facts, look, numbers_of
from matloop.pipeline.folder import slug
from matloop.pipeline.guess import as_category, guess
from matloop.problem.fault import did_you_mean
from matloop.problem.question import IN_MEMORY, Depth, Input, Measurements, Problem, Source
from matloop.problem.toml import load_problem
from matloop.profile.five import profile_table
from matloop.profile.five_values import DataProfile, Field, History, Part, TableRead
from matloop.report.profile_page import write_profile
from matloop.represent.representation import plan_representation, represent
from matloop.represent.table import FeatureTable
from matloop.split.vault import seal

if TYPE_CHECKING:
    from pandas import DataFrame

DRAWN = {"composition": 3000, "molecule": 1000, "structure": 500}
"""Rows that are described for the map and for what tells of the target, by the slowest kind among the inputs."""
MOST_SYMMETRIES = 5000
"""Structures whose space groups are found; in larger tables polymorphs are told only by a column that names phases."""
HIDDEN = ("target", "error", "other")
"""Columns that sealed rows must not show: labels, and what may hold them in other words."""
_PHASE = re.compile(
    r"space[\s_]?group|\bspg|\bsg[\s_]?(num|no)|prototype|\bphase\b|polymorph|crystal[\s_]?sys|crys_sys", re.I
)
_TIME = re.compile(r"\b(date|year|timestamp|datetime)\b", re.I)


@dataclass(frozen=True, slots=True)
class TableProfiled:
    """A finished profile, and its page if one was written."""

    profile: DataProfile
    page: Path | None = None

    def lines(self) -> Iterable[str]:
        """The same for a person: the five Vs, a line per figure, then what to look at."""
        found = self.profile
        yield f"{found.source}: {found.n_rows:,} rows, labels of {found.labels_shown:,} rows were looked at"
        for name, findings in found.vs:
            yield name
            for one in findings:
                mark = {"good": " ", "look": "!", "bad": "!!"}[one.level]
                yield f"  {mark:<2} {one.name}: {one.shown}"
                yield f"     {one.meaning}"
        shapes = [(pair, warned) for pair in found.warnings for warned in pair.warnings]
        if shapes:
            yield "What correlations hide"
            yield from (f"  {pair.first} and {pair.second}: {warned.said}" for pair, warned in shapes[:8])
        if found.target_relations:
            yield f"What tells of {found.target}"
            for told in found.target_relations[:8]:
                sign = "rho" if told.kind == "spearman" else "eta²"
                yield f"  {told.name}: {sign} {told.strength:.2f} (p {told.p_value:.2g})"
        yield from (f"  {one.first} and {one.second} say the same ({one.how})" for one in found.redundant[:8])
        yield from (f"  {note}" for note in found.notes)
        if self.page is not None:
            yield f"page  {self.page}"

    def as_json(self) -> Any:
        """The same for a program."""
        return {**to_jsonable(self.profile), "page": None if self.page is None else str(self.page)}


def profile_data(
    table: DataFrame | Problem | Path | str,
    *,
    targets: Sequence[str] = (),
    sheet: str = "",
    encoding: str = "",
    depth: Depth = "quick",
    seed: int = 0,
    out: Path | str | None = None,
    folder: Path | str = "runs",
    progress: Progress = SILENT,
) -> TableProfiled:
    """Volume, velocity, veracity, validity and volatility of a table, with relations and a map of the materials.

    Parameters
    ----------
    table : a table, or a problem (`.toml`). Of a table all labels are looked at; of a problem those of its development
        rows, after its vault was sealed as a run would.
    targets : columns asked for, where a table is given; guessed where empty.
    sheet, encoding : of the file, where it does not say so itself.
    depth : "quick" draws principal axes, "standard" also t-SNE, "thorough" also UMAP and an autoencoder (extras).
    out : the page to write (.html). folder : where runs are kept, and so the vault.

    Raises
    ------
    ConfigError, DataError, RunError : what is wrong with table, problem or folder.
    """
    page = None if out is None else Path(out)
    if page is not None and page.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"{page}: the page is HTML. Give a name that ends in .html.")
    if depth not in get_args(Depth):
        raise ConfigError(f"depth is {depth!r}. {did_you_mean(depth, list(get_args(Depth)))}")
    progress.step("reading")
    asks = isinstance(table, Problem) or (isinstance(table, Path | str) and Path(table).suffix.lower() == ".toml")
    if asks:
        if targets:
            raise ConfigError("--target goes with a table; a problem file names its targets itself.")
        read = _of_problem(table if isinstance(table, Problem) else Path(str(table)), Path(folder), seed)
    else:
        source = Source(IN_MEMORY if not isinstance(table, Path | str) else str(table), sheet=sheet, encoding=encoding)
        raw = collect(source) if isinstance(table, Path | str) else from_frame(cast(Any, table))
        read = _of_table(raw, source.source, targets, seed)
        read = replace(read, history=_history(source.source, Path.cwd()))
    progress.step("measuring")
    with one_thread():
        found = profile_table(read, seed=seed, depth=depth)
    if page is not None:
        write_text(page, write_profile(found))
    return TableProfiled(found, page)


# --- reading ---------------------------------------------------------------------------------------------------------


def _of_table(raw: RawTable, source: str, targets: Sequence[str], seed: int) -> TableRead:
    for name in targets:
        if name not in raw.columns:
            raise DataError(f"{source}: {no_column(name, raw.names)}")
    facts = look(raw)
    found = guess(facts, targets)
    inputs = [
        Input("composition", "composition", columns=found.elements.columns, amounts=found.elements.amounts)
    ] if found.elements else []  # fmt: skip
    inputs += [Input(fact.name, _kind(fact), fact.name, unit=fact.unit) for fact in found.inputs]
    parts: dict[str, Part] = {fact.name: "other" for fact in facts}
    parts |= {fact.name: "id" for fact in facts if fact.kind == "id"}
    parts |= dict.fromkeys(found.elements.columns.values() if found.elements else (), "input")
    parts |= {fact.name: "input" for fact in found.inputs}
    parts |= dict.fromkeys(found.errors.values(), "error")
    parts |= {fact.name: "target" for fact in found.targets}
    dated = [fact.name for fact in facts if fact.kind == "date" or (_TIME.search(fact.name) and fact.kind == "number")]
    words = {fact.name for fact in facts if _is_words(fact) or (parts[fact.name] == "target" and as_category(fact))}
    notes = [*raw.notes, f"parts were guessed: target {', '.join(f.name for f in found.targets) or 'none'}, "
             f"inputs {', '.join(one.name for one in inputs[:12]) or 'none'}"
             f"{f' and {len(inputs) - 12} more' if len(inputs) > 12 else ''}"]  # fmt: skip
    labels = np.ones(len(raw), dtype=bool)
    taken = [name for name in raw.names if parts[name] in ("target", "error")]
    how = guessed(raw.names, taken)
    return _read(
        raw,
        source,
        facts,
        parts,
        inputs,
        dated[0] if dated else "",
        words,
        labels,
        notes,
        seed,
        how=how,
        is_guessed=True,
    )


def _history(source: str, base: Path) -> History | None:
    """The versions of a dataset in a store; None for what has none."""
    name, _, query = source.partition(":")
    if name not in PASTS or not query or is_file(source):
        return None
    past = PASTS.load(name)(query, base)
    return History(past.versions, past.retrieved, past.values, past.changed)


def _of_problem(problem: Problem | Path, folder: Path, seed: int) -> TableRead:
    base = None
    if isinstance(problem, Path):
        base = problem.absolute().parent
        problem = load_problem(problem)
    raw = collect(problem.data, base=base)
    cleaned = clean(raw, problem)
    sealed = seal(cleaned.dataset, problem, folder / slug(problem.name) / "vault")
    read = read_development(problem, raw, cleaned.dataset, sealed.development, seed=seed)
    return replace(read, history=_history(problem.data.source, base or Path.cwd()))


def read_development(
    problem: Problem, raw: RawTable, dataset: Dataset, development: IntArray, *, seed: int,
    features: FeatureTable | None = None,
) -> TableRead:  # fmt: skip
    """The table of a problem, with targets, and all columns that are not inputs, of development rows alone.

    Parameters
    ----------
    dataset : the cleaned table, its labels are not read. development : rows of it.
    features : of the rows of `dataset`; without them those of some rows are made.
    """
    raw, _ = with_levels(raw, problem)
    labels = np.zeros(len(raw), dtype=bool)
    labels[[row - 1 for i in development.tolist() for row in dataset.source_rows[i]]] = True
    facts = look(raw)
    roles = problem.roles
    parts: dict[str, Part] = {fact.name: "other" for fact in facts}
    parts |= {fact.name: "id" for fact in facts if fact.kind == "id"}
    for entry in problem.inputs:
        parts |= dict.fromkeys(entry.columns.values() if entry.columns else (entry.column or entry.name,), "input")
    parts |= {target.error_column: "error" for target in problem.targets if target.error_column}
    parts |= {target.column: "target" for target in problem.targets}
    parts |= {name: "id" for name in (roles.id,) if name}
    inputs = list(problem.inputs)
    kinds = {entry.column or entry.name: entry.kind for entry in inputs}
    words = {fact.name for fact in facts if _is_words(fact) and kinds.get(fact.name, "category") != "number"}
    words |= {name for name, kind in kinds.items() if kind in ("category", "composition", "molecule", "structure")}
    # what a target holds is said by the problem: sealed cells must not decide it
    words -= {target.column for target in problem.targets} | {target.error_column for target in problem.targets}
    words |= {target.column for target in problem.targets if target.task == "classification"}
    units = {entry.column or entry.name: entry.unit for entry in inputs}
    units |= {target.error_column: target.unit for target in problem.targets}
    units |= {target.column: target.unit for target in problem.targets}
    notes = (*raw.notes, "labels, and columns that are no inputs, are shown of development rows only")
    drawn = None if features is None else _drawn_of(dataset, features, _slowest(inputs), seed)
    return _read(
        raw, problem.data.source, facts, parts, inputs, roles.time, words, labels, notes, seed, units=units,
        drawn=drawn, how=problem.measurements,
    )  # fmt: skip


def _kind(fact: Facts) -> Any:
    if fact.kind in ("composition", "structure", "molecule", "number"):
        return fact.kind if fact.kind != "molecule" or not as_category(fact) else "category"
    return "category"


def _is_words(fact: Facts) -> bool:
    return fact.kind not in ("number", "id", "date") and not (
        fact.kind == "constant" and np.isfinite(fact.numbers).any()
    )


def _read(
    raw: RawTable, source: str, facts: Sequence[Facts], parts: dict[str, Part], inputs: list[Input], time: str,
    words: set[str], labels: BoolArray, notes: Sequence[str], seed: int,
    *, units: Mapping[str, str] | None = None, drawn: tuple[FeatureTable | None, IntArray] | None = None,
    how: Measurements = Measurements(), is_guessed: bool = False,  # noqa: B008
) -> TableRead:  # fmt: skip
    by_name = {fact.name: fact for fact in facts}
    dates = {fact.name for fact in facts if fact.kind == "date"} | {time}
    fields = [
        _words(raw, name, parts[name])
        if name in words
        else _number(raw, by_name[name], parts[name], (units or {}).get(name, ""))
        for name in raw.names
        if parts[name] != "id" and name not in dates
    ]
    fields = [_hidden(one, labels) if one.part in HIDDEN else one for one in fields]
    read = read_columns(raw, inputs, {})
    columns = dict(read.columns)
    keys = input_keys(columns, read.distinct) if columns else np.full(len(raw), -1)
    if columns:
        keys[np.logical_and.reduce([absent(column) for column in columns.values()])] = -1
    compositions, structures = None, None
    for column in columns.values():
        if isinstance(column, Compositions) and compositions is None:
            compositions = column
        elif isinstance(column, Structures) and structures is None:
            structures = column
            compositions = structure_atoms(column)
    phase, phase_from = _phase(raw, structures, parts, labels)
    features, rows = drawn or _drawn(raw, inputs, seed)
    ids = next((name for name in raw.names if parts[name] == "id"), "")
    shown = compositions.formulas if compositions is not None else texts(raw.column(ids)) if ids else None
    known_as = (
        np.array([f"row {i + 1}" for i in range(len(raw))]) if shown is None else np.asarray(shown, dtype=np.str_)
    )
    kept = [name for name in raw.names if parts[name] != "id"]
    return TableRead(
        source=source, fields=tuple(fields), compositions=compositions, phase=phase, phase_from=phase_from,
        input_keys=keys, row_keys=np.where(labels, _row_keys(raw, kept), -1), seconds=_seconds(raw, time),
        labels=labels, drawn=features, drawn_rows=rows, shown=known_as, notes=tuple(notes),
        measured=_measured(raw, how, inputs, read, time, labels, is_guessed=is_guessed),
    )  # fmt: skip


def _measured(
    raw: RawTable, how: Measurements, inputs: Sequence[Input], read: InputsRead, time: str, labels: BoolArray,
    *, is_guessed: bool,
) -> Measured | None:  # fmt: skip
    """How values were measured; samples are rows whose inputs are equal but for that."""
    kept = {one.name: read.columns[one.name] for one in inputs if (one.column or one.name) not in how.columns}
    samples = np.full(len(raw), -1, dtype=np.int64)
    if kept:
        distinct = {name: found for name, found in read.distinct.items() if name in kept}
        samples = input_keys(kept, distinct)
        samples[np.logical_and.reduce([absent(column) for column in kept.values()])] = -1
    named = [name for one in inputs for name in (one.columns.values() if one.columns else (one.column or one.name,))]
    return read_measured(
        raw, how, samples, inputs=named, time=time, is_guessed=is_guessed, shown=None if is_guessed else labels
    )


def _hidden(one: Field, labels: BoolArray) -> Field:
    """A column without what stands in rows whose labels must not be looked at."""
    if labels.all():
        return one
    return replace(
        one, values=np.where(labels, one.values, np.nan) if one.is_number else one.values,
        codes=one.codes if one.is_number else np.where(labels, one.codes, -1),
        missing=one.missing & labels, unreadable=one.unreadable & labels,
    )  # fmt: skip


def _number(raw: RawTable, fact: Facts, part: Part, unit: str) -> Field:
    """A column of numbers, in the unit that is asked for, else in the one that it states."""
    column = raw.column(fact.name)
    try:
        read = number_column(raw, fact.name, unit or fact.unit)
        values, unit = read.values, read.unit
    except DataError:  # units that cannot be converted: the numbers beside the first unit are shown
        values, unit = numbers_of(column, raw, fact.name)
    gap = ~np.isfinite(values)
    empty = gap.copy()
    at = np.flatnonzero(gap)
    missing = {word.strip().lower() for word in raw.missing}
    empty[at] = [_nothing(str(word), missing) for word in texts(column[at])]
    return Field(fact.name, part, unit, values, np.zeros(0, np.int64), (), empty, gap & ~empty)


def _nothing(word: str, missing: set[str]) -> bool:
    return word.lower() in MISSING_NUMBERS or word.lower() in missing


def _words(raw: RawTable, name: str, part: Part) -> Field:
    values, _, _ = read_words(raw, name)
    written = np.asarray(values, dtype=object)
    codes, found = pd.factorize(written)
    longest = max((len(str(word)) for word in found[:50]), default=0)
    none = np.zeros(len(raw), dtype=bool)
    if longest > 300:  # texts of structures are no words
        gap = written == ""
        return Field(name, part, "", np.zeros(0), np.where(gap, -1, 0), ("present",), gap, none)
    order = np.argsort(np.array([str(word) for word in found], dtype=object), kind="stable")
    words = [str(found[k]) for k in order if str(found[k])]
    place = np.full(len(found) + 1, -1, dtype=np.int64)
    place[[k for k in order if str(found[k])]] = np.arange(len(words))
    known = place[codes]
    return Field(name, part, "", np.zeros(0), known, tuple(words), known < 0, none)


def _phase(
    raw: RawTable, structures: Structures | None, parts: Mapping[str, Part], labels: BoolArray
) -> tuple[TextArray, str]:
    """What tells polymorphs apart: a column that names phases, else the space groups of structures."""
    for name in raw.names:
        if parts[name] in ("input", "other") and _PHASE.search(name):
            found = np.asarray(texts(raw.column(name)), dtype=np.str_)
            return found if parts[name] == "input" else np.where(labels, found, ""), name
    if structures is not None and len(structures) <= MOST_SYMMETRIES:
        numbers = symmetry(structures).numbers
        return np.where(numbers > 0, numbers.astype(np.str_), ""), "space group"
    return np.full(len(raw), "", dtype="U1"), ""


def _drawn(raw: RawTable, inputs: list[Input], seed: int) -> tuple[FeatureTable | None, IntArray]:
    """Some rows with their features; none where there is nothing to describe."""
    if not inputs:
        return None, np.zeros(0, dtype=np.int64)
    rows = _some(len(raw), _slowest(inputs), seed)
    dataset: Dataset = read_inputs(_rows_of(raw, rows), inputs)[0]
    return represent(dataset, plan_representation(dataset, inputs)), rows


def _drawn_of(dataset: Dataset, features: FeatureTable, most: int, seed: int) -> tuple[FeatureTable, IntArray]:
    """Some rows of a table that has its features."""
    chosen = _some(len(dataset), most, seed)
    return features.take(chosen), np.array([dataset.source_rows[i][0] - 1 for i in chosen.tolist()], dtype=np.int64)


def _slowest(inputs: Sequence[Input]) -> int:
    return min((DRAWN.get(entry.kind, 3000) for entry in inputs), default=3000)


def _some(n: int, most: int, seed: int) -> IntArray:
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, size=most, replace=False))


def _rows_of(raw: RawTable, rows: IntArray) -> RawTable:
    provenance = replace(raw.provenance, n_rows=len(rows))
    lines = raw.lines[rows] if len(raw.lines) else raw.lines
    return replace(raw, columns={name: c[rows] for name, c in raw.columns.items()}, provenance=provenance, lines=lines)


def _row_keys(raw: RawTable, names: Sequence[str]) -> IntArray:
    """Equal where all columns but ids are equal as written."""
    if not names:
        return np.full(len(raw), -1)
    joint = np.zeros(len(raw), dtype=np.int64)
    for name in names:
        codes, found = pd.factorize(raw.column(name), use_na_sentinel=False)
        joint = np.asarray(pd.factorize(joint * (len(found) + 1) + codes)[0], dtype=np.int64)
    return joint


def _seconds(raw: RawTable, time: str) -> FloatArray:
    return seconds_of(raw.column(time)) if time else np.full(len(raw), np.nan)
