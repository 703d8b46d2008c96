"""From a table as written to a dataset: everything read, checked, merged; every row that is lost or changed is listed.

Nothing here reads labels across rows, except within rows of the same inputs: it all happens before the seal.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from matloop.core.arrays import BoolArray, FloatArray, IntArray, TextArray
from matloop.core.errors import DataError, listed
from matloop.data.cleaning.decide import columns_of, decide, levels_of, near
from matloop.data.cleaning.decided import Decided
from matloop.data.cleaning.fidelity import beside
from matloop.data.cleaning.levels import Levels
from matloop.data.dataset import Categories, Column, Dataset, Flagged, Labels, Numbers, Removal, Repair
from matloop.data.inputs import (
    InputsRead,
    absent,
    needed,
    number_column,
    read_columns,
    read_inputs,
    refuse_unknown_columns,
)
from matloop.data.keys import by_appearance, input_hashes, input_keys, reduced
from matloop.data.labels import LabelsRead, checked_positive, read_labels
from matloop.data.merge import merge
from matloop.data.screen import Suspicion, screen_development
from matloop.data.table import RawTable
from matloop.data.times import seconds_of
from matloop.data.words import Change, Why, as_text, shown, texts
from matloop.matter.alike import nearly_identical
from matloop.matter.compositions import Compositions, reduced_formulas
from matloop.matter.molecules import Molecules, scaffolds
from matloop.matter.structure_keys import content_keys
from matloop.matter.structures import Structures
from matloop.matter.structures import to_compositions as structure_atoms
from matloop.matter.symmetry import symmetry
from matloop.problem.question import (
    CRYSTAL_GROUPS,
    MOLECULE,
    NEARLY_IDENTICAL,
    REDUCED_FORMULA,
    SCAFFOLD,
    SPACE_GROUP,
    Problem,
)

__all__ = ["Cleaned", "Suspicion", "clean", "read_inputs", "screen_development", "sealed_account", "with_levels"]

FEWEST_ROWS = 10
"""Fewer usable rows than this cannot be split, learnt from and judged."""

_LEVEL = "\0level"
_NO_LABEL = "has no value for any target"


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A dataset, and what became of every row of the source.

    removed, repaired : by row of the source; what stands in removed.csv and repaired.csv.
    notes : sentences on whole columns and on what was merged.
    n_source_rows : rows of the table; n_merged : rows that went into another one.
    flagged : what stays and should be looked at, without what `[cleaning] keep` accepts.
    levels : shape (n_rows,), level of theory of each row of `dataset` where values are to be corrected, else (0,).
    """

    dataset: Dataset
    removed: tuple[Removal, ...]
    repaired: tuple[Repair, ...]
    notes: tuple[str, ...]
    n_source_rows: int
    n_merged: int
    flagged: tuple[Flagged, ...] = ()
    levels: TextArray = field(default_factory=lambda: as_text([]))


@dataclass(slots=True)
class _Ledger:
    """Which rows are out and why, while the table is being read; the first reason counts."""

    raw: RawTable
    ids: TextArray
    out: BoolArray
    removals: dict[int, Why] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    flags: list[tuple[int, Why]] = field(default_factory=list)

    def remove(self, row: int, why: Why) -> None:
        self.out[row] = True
        self.removals.setdefault(row, why)

    def removed(self) -> tuple[Removal, ...]:
        return tuple(
            Removal(row + 1, str(self.ids[row]), why.column, why.found, why.reason)
            for row, why in sorted(self.removals.items())
        )

    def flagged(self, accepted: frozenset[str]) -> tuple[Flagged, ...]:
        return tuple(
            Flagged(row + 1, str(self.ids[row]), why.column, why.found, why.reason)
            for row, why in sorted(self.flags, key=lambda one: one[0])
            if not self.out[row] and str(self.ids[row]) not in accepted
        )

    def repaired(self) -> tuple[Repair, ...]:
        kept = [change for change in self.changes if not self.out[change.row]]
        return tuple(Repair(c.row + 1, str(self.ids[c.row]), c.column, c.old, c.new, c.reason) for c in kept)


def clean(raw: RawTable, problem: Problem) -> Cleaned:
    """Read the inputs, targets and roles of `problem` from a table.

    A row is removed if an input cannot be read, if no input has a value, or if no target has a usable value; rows
    without any value of a target are kept as unlabelled if `training.unlabelled`. Rows with the same inputs are merged
    (`merge.merge`). Several targets: a row with at least one usable value stays, the others are NaN.

    Raises
    ------
    DataError : columns are missing, values are in several units, more than `limits.lost_share` of the rows would be
        lost, fewer than 10 rows are usable, a target is the same everywhere, a class has one member; the message names
        file, rows, columns, what was found and what to do.
    """
    raw, levels = with_levels(raw, problem)
    _refuse_unknown(raw, problem)
    ids, id_changes = _ids(raw, problem)
    ledger = _Ledger(raw, ids, np.zeros(len(raw), dtype=bool), changes=list(id_changes), notes=list(raw.notes))
    inputs = read_columns(raw, problem.inputs, {})
    _note_inputs(ledger, inputs)
    labels = {target.name: read_labels(raw, target) for target in problem.targets}
    _note_labels(ledger, labels, problem)
    weights = _weights(raw, problem, ledger)
    times = _times(raw, problem, ledger)
    _refuse_losses(ledger, problem)
    asked = {name: read.labels for name, read in labels.items()}
    _apply(ledger, decide(raw, problem, ids, inputs, asked, ledger.out, levels))
    formulas = reduced(inputs.distinct)
    whole = _dataset(raw, ids, inputs, labels, weights, times, _groups(raw, problem, inputs, formulas))
    kept = np.flatnonzero(~ledger.out)
    found, near_codes = near(problem, ids, inputs, kept)
    _apply(ledger, found)
    columns, distinct = _parts(inputs, kept)
    families = as_text([""] * len(raw)) if levels is None else levels[1].family
    if problem.cleaning.mixed == "correct":
        columns[_LEVEL] = Categories(families[kept])  # values of two levels are not merged before they are corrected
    keys = input_keys(columns, distinct, near_codes)
    merged = merge(whole.take(kept), by_appearance(keys), problem.targets, raw.provenance.source)
    dataset = _with_used_classes(merged.dataset, problem)
    _refuse_targets(raw, dataset, problem)
    ledger.notes.extend(merged.notes)
    ledger.notes.extend(_about_targets(dataset))
    ledger.notes.extend(_about_inputs(raw, dataset, problem))
    ledger.notes.extend(_about_groups(dataset, problem))
    repaired = sorted((*ledger.repaired(), *merged.repairs), key=lambda repair: repair.row)
    return Cleaned(
        dataset, ledger.removed(), tuple(repaired), tuple(ledger.notes), len(raw), merged.n_merged,
        ledger.flagged(frozenset(problem.cleaning.keep)),
        families[[rows[0] - 1 for rows in dataset.source_rows] if problem.cleaning.mixed == "correct" else []],
    )  # fmt: skip


def with_levels(raw: RawTable, problem: Problem) -> tuple[RawTable, tuple[str, Levels] | None]:
    """The table with columns of other levels of theory where the problem asks for them, and the levels themselves.

    Columns that the table lacks are not told here.
    """
    needs = [problem.cleaning.method or raw.names[0], *(target.column for target in problem.targets)]
    if not set(needs) <= set(raw.columns):
        return raw, None
    levels = levels_of(raw, problem)
    return (beside(raw, problem, levels) if problem.cleaning.mixed == "columns" else raw), levels


def _apply(ledger: _Ledger, decided: Decided) -> None:
    for row, why in decided.removals.items():
        ledger.remove(row, why)
    ledger.changes.extend(decided.changes)
    ledger.notes.extend(decided.notes)
    ledger.flags.extend(decided.flags)


def _parts(inputs: InputsRead, rows: IntArray) -> tuple[dict[str, Column], dict[str, tuple[Compositions, IntArray]]]:
    """Columns and distinct compositions of some rows."""
    distinct = {name: (batch, places[rows]) for name, (batch, places) in inputs.distinct.items()}
    return {name: column.take(rows) for name, column in inputs.columns.items()}, distinct


# ---- reading ----


def _refuse_unknown(raw: RawTable, problem: Problem) -> None:
    wanted = [(f"[inputs] {item.name}", column) for item in problem.inputs for column in needed(item)]
    for target in problem.targets:
        wanted.append((f"[targets.{target.name}]", target.column))
        if target.error_column:
            wanted.append((f"[targets.{target.name}] error_column", target.error_column))
    roles = problem.roles
    wanted += [(f"[roles] {role}", column) for role in ("id", "weight", "time") if (column := getattr(roles, role))]
    wanted += columns_of(problem)
    wanted += [("[measurements]", column) for column in problem.measurements.columns]
    if roles.group and not problem.derived_group:
        wanted.append(("[roles] group", roles.group))
    refuse_unknown_columns(raw, wanted)


def _ids(raw: RawTable, problem: Problem) -> tuple[TextArray, tuple[Change, ...]]:
    """Unique names of the rows: the id column with repeats numbered ("A", "A-2"), or "row-17"."""
    generated = [f"row-{i + 1}" for i in range(len(raw))]
    name = problem.roles.id
    if not name:
        return as_text(generated), ()
    written = texts(raw.column(name)).tolist()
    taken = set(written)
    seen: Counter[str] = Counter()
    ids: list[str] = []
    changes = []
    for row, text in enumerate(written):
        new = text or generated[row]
        seen[new] += 1
        if seen[new] > 1:
            while (candidate := f"{new}-{seen[new]}") in taken:
                seen[new] += 1
            taken.add(candidate)
            changes.append(Change(row, name, text, candidate, "the id stands in an earlier row and is numbered"))
            new = candidate
        ids.append(new)
    return as_text(ids), tuple(changes)


def _note_inputs(ledger: _Ledger, inputs: InputsRead) -> None:
    for row, why in inputs.unreadable.items():
        ledger.remove(row, why)
    ledger.changes.extend(inputs.changes)
    ledger.notes.extend(inputs.notes)


def _note_labels(ledger: _Ledger, labels: Mapping[str, LabelsRead], problem: Problem) -> None:
    present = np.zeros(len(ledger.raw), dtype=bool)
    for read in labels.values():
        present |= read.present
        ledger.changes.extend(read.changes)
        ledger.notes.extend(read.notes)
    for read in labels.values():
        for row, why in read.unusable.items():
            if present[row]:
                reason = f"{why.reason}; the value is not used, the row is kept for its other targets"
                ledger.changes.append(Change(row, why.column, why.found, "", reason))
            else:
                ledger.remove(row, why)
    if not problem.training.unlabelled:
        columns = " / ".join(target.column for target in problem.targets)
        for row in np.flatnonzero(~present).tolist():
            ledger.remove(row, Why(columns, "", _NO_LABEL))


def _weights(raw: RawTable, problem: Problem, ledger: _Ledger) -> FloatArray:
    name = problem.roles.weight
    if not name:
        return np.ones(len(raw))
    read = number_column(raw, name, "")
    column = raw.column(name)
    for row, reason in read.faults.items():
        ledger.remove(row, Why(name, shown(column[row]), reason))
    for row in np.flatnonzero(read.values < 0).tolist():
        ledger.remove(row, Why(name, shown(column[row]), "is a negative weight"))
    empty = np.isnan(read.values)
    if empty.any():
        ledger.notes.append(f'column "{name}": {int(empty.sum())} rows without a weight count as 1')
    return np.where(empty, 1.0, read.values)


def _times(raw: RawTable, problem: Problem, ledger: _Ledger) -> FloatArray:
    """Seconds since 1970; four-digit whole numbers are years. What cannot be read is NaN and listed."""
    name = problem.roles.time
    if not name:
        return np.full(len(raw), np.nan)
    column = raw.column(name)
    seconds = seconds_of(column)
    if column.dtype.kind != "M":
        written = texts(column)
        for row in np.flatnonzero(np.isnan(seconds) & (written != "")).tolist():
            ledger.changes.append(
                Change(row, name, str(written[row]), "", "is no date or year; the time is taken as unknown")
            )
    return seconds


# ---- refusing ----


def _refuse_losses(ledger: _Ledger, problem: Problem) -> None:
    """Stop where more than the allowed share is lost; rows that merely have no label are not counted as lost."""
    lost = {row: why for row, why in ledger.removals.items() if why.reason != _NO_LABEL}
    n, share = len(ledger.raw), len(lost) / max(len(ledger.raw), 1)
    if share <= problem.limits.lost_share:
        return
    allowed = min(1.0, math.ceil(share * 100) / 100)
    raise DataError(
        f"{ledger.raw.provenance.source}: {len(lost):,} of {n:,} rows ({share:.0%}) cannot be used; "
        "limits.lost_share allows "
        f"{problem.limits.lost_share:.0%}. The reasons, most frequent "
        f"first:\n{listed(_top_reasons(ledger.raw, lost))}\n"
        f"Correct the table or the problem file; if these rows may go, write lost_share = {allowed:g} under [limits]."
    )


def _top_reasons(raw: RawTable, lost: Mapping[int, Why]) -> list[str]:
    kinds: dict[tuple[str, str], list[int]] = {}
    for row, why in sorted(lost.items()):
        kinds.setdefault((why.column, _kind(why)), []).append(row)
    lines = []
    for (column, _), rows in sorted(kinds.items(), key=lambda item: (-len(item[1]), item[1][0])):
        examples = "; ".join(f"{raw.where(row + 1)}: {_cut(lost[row].found)}" for row in rows[:3])
        where = f'column "{column}" ' if column else ""
        lines.append(f"{len(rows):,} rows: {where}{lost[rows[0]].reason} ({examples})")
    return lines


def _kind(why: Why) -> str:
    """A reason without what is particular to one value, so that like reasons are counted together."""
    return re.sub(r"'[^']*'|\"[^\"]*\"|-?\d[\d.,e+-]*", "#", why.reason)


def _cut(found: str) -> str:
    return repr(found if len(found) <= 40 else found[:37] + "...")


def _refuse_targets(raw: RawTable, dataset: Dataset, problem: Problem) -> None:
    for target in problem.targets:
        labels = dataset.targets[target.name]
        place = f'{raw.provenance.source}, column "{target.column}"'
        known = np.flatnonzero(np.isfinite(labels.values))
        if len(known) < FEWEST_ROWS:
            raise DataError(
                f"{place}: {len(known)} usable rows have a value for {target.name} (of {len(raw)} rows in the table, "
                "after merging rows "
                f"with the same inputs). At least {FEWEST_ROWS} are needed to learn and to judge; some hundred are "
                "better. Add rows."
            )
        if np.all(labels.values[known] == labels.values[known[0]]):
            found = labels.classes[0] if labels.classes else f"{labels.values[known[0]]:.10g}"
            raise DataError(
                f"{place}: every usable row has the same value, {found}; there is nothing to learn. Choose another "
                "target, or add rows "
                "with other values."
            )
        if labels.classes:
            checked_positive(target, labels.classes, raw.provenance.source)
            _refuse_lone_classes(raw, dataset, labels, place)


def _refuse_lone_classes(raw: RawTable, dataset: Dataset, labels: Labels, place: str) -> None:
    counts = np.bincount(labels.values[np.isfinite(labels.values)].astype(np.int64), minlength=len(labels.classes))
    lone = np.flatnonzero(counts == 1)
    if len(lone):
        rows = [int(np.flatnonzero(labels.values == code)[0]) for code in lone]
        found = [
            f'class "{labels.classes[code]}": {raw.where(dataset.source_rows[row][0])}'
            for code, row in zip(lone, rows, strict=True)
        ]
        raise DataError(
            f"{place}: {len(lone)} classes have one member, which cannot be in the training rows and in the test "
            "rows. Add members, "
            f"rename the class to a larger one, or delete the row:\n{listed(found)}"
        )


# ---- putting together ----


def _dataset(
    raw: RawTable,
    ids: TextArray,
    inputs: InputsRead,
    labels: Mapping[str, LabelsRead],
    weights: FloatArray,
    times: FloatArray,
    groups: TextArray,
) -> Dataset:
    return Dataset(
        ids=ids,
        inputs=inputs.columns,
        targets={name: read.labels for name, read in labels.items()},
        groups=groups,
        weights=weights,
        times=times,
        source_rows=tuple((i + 1,) for i in range(len(raw))),
    )


def _groups(raw: RawTable, problem: Problem, inputs: InputsRead, formulas: Mapping[str, TextArray]) -> TextArray:
    """What never straddles a split: a column, a derived group, or each set of equal inputs by itself."""
    name = problem.roles.group
    if name and not problem.derived_group:
        words = texts(raw.column(name))
        empty = words == ""
        words[empty] = [f"row-{i + 1}" for i in np.flatnonzero(empty)]
        return as_text(words)
    keys = _derived_keys(problem, inputs, formulas)
    if keys:
        return keys[0] if len(keys) == 1 else as_text([" | ".join(parts) for parts in zip(*keys, strict=True)])
    if name == REDUCED_FORMULA:
        raise DataError(
            f'{raw.provenance.source}: [roles] group = "{REDUCED_FORMULA}" needs an input of kind "composition" or '
            '"structure". Add one, or name a column.'
        )
    return input_hashes(inputs.columns, formulas)


def _derived_keys(problem: Problem, inputs: InputsRead, formulas: Mapping[str, TextArray]) -> list[TextArray]:
    """What derived groups are made of: reduced formulas, canonical SMILES, scaffolds, what crystals share; one entry
    per input."""
    rules = problem.derived_group.split(" + ")
    found = list(formulas.values()) if REDUCED_FORMULA in rules else []
    for column in inputs.columns.values():
        if isinstance(column, Molecules) and SCAFFOLD in rules:
            found.append(scaffolds(column))
        elif isinstance(column, Molecules) and MOLECULE in rules:
            found.append(as_text(column.smiles))
        elif isinstance(column, Structures):
            found += [_crystal_group(column, rule) for rule in rules if rule in CRYSTAL_GROUPS]
    return found


def _crystal_group(column: Structures, rule: str) -> TextArray:
    """Reduced formula, space group, prototype or cluster of nearly identical structures; a row that has none of it is
    told apart by its content."""
    if rule == NEARLY_IDENTICAL:
        return np.array([f"structure {number}" for number in nearly_identical(column).tolist()], dtype=np.str_)
    if rule == REDUCED_FORMULA:
        found = reduced_formulas(structure_atoms(column))
    elif rule == SPACE_GROUP:
        numbers = symmetry(column).numbers
        found = np.where(numbers > 0, numbers.astype(np.str_), "")
    else:
        found = symmetry(column).prototypes
    return np.where(found == "", content_keys(column), found)


def _with_used_classes(dataset: Dataset, problem: Problem) -> Dataset:
    """Classes without a row left are taken out."""
    targets = dict(dataset.targets)
    for name, labels in dataset.targets.items():
        known = np.isfinite(labels.values)
        used = np.unique(labels.values[known]).astype(np.int64)
        if labels.classes and len(used) < len(labels.classes):
            values = labels.values.copy()
            values[known] = np.searchsorted(used, labels.values[known].astype(np.int64))
            targets[name] = replace(labels, values=values, classes=tuple(labels.classes[i] for i in used))
    return replace(dataset, targets=targets)


# ---- what is worth knowing ----


def _about_inputs(raw: RawTable, dataset: Dataset, problem: Problem) -> list[str]:
    notes = []
    for name, column in dataset.inputs.items():
        empty = absent(column)
        if empty.all():
            raise DataError(
                f'{raw.provenance.source}: input "{name}" has no value in any usable row. Take it out of [inputs], '
                "or fill the column."
            )
        if empty.any():
            notes.append(f'input "{name}" is empty in {int(empty.sum()):,} of {len(dataset):,} rows')
        share, value = _commonest(column, ~empty)
        if share == 1.0:
            notes.append(f'input "{name}" is {value} in every row and tells nothing')
        elif share > 0.99:
            notes.append(f'input "{name}" is nearly constant: {value} in {share:.1%} of the rows')
    return notes


def _about_targets(dataset: Dataset) -> list[str]:
    """How many rows have no value of a target."""
    notes = []
    for name, labels in dataset.targets.items():
        n_empty = int(np.isnan(labels.values).sum())
        if n_empty:
            notes.append(f'"{name}": {n_empty:,} of {len(dataset):,} rows have no value and are unlabelled')
        if n_limits := int(np.count_nonzero(labels.censored)):
            notes.append(f'"{name}": {n_limits:,} values are limits, kept at their bound')
    return notes


def _commonest(column: object, there: BoolArray) -> tuple[float, str]:
    if isinstance(column, Numbers | Categories):
        values, counts = np.unique(column.values[there], return_counts=True)
        place = int(counts.argmax())
        value = values[place]
        return float(counts[place] / counts.sum()), repr(str(value)) if isinstance(column, Categories) else f"{value:g}"
    return 0.0, ""


def _about_groups(dataset: Dataset, problem: Problem) -> list[str]:
    """Compositions or molecules that several groups share: a split by group leaves them on both sides."""
    n_groups = len(np.unique(dataset.groups))
    notes = [f"{len(dataset):,} rows in {n_groups:,} groups; rows of a group stay on one side of every split"]
    group = problem.roles.group
    matter = [column for column in dataset.inputs.values() if isinstance(column, Compositions | Molecules | Structures)]
    if group and not problem.derived_group and matter:
        called, keys = _matter_keys(matter[0])
        pairs = pd.DataFrame({"key": keys, "group": dataset.groups}).drop_duplicates()
        shared = int((pairs.groupby("key").size() > 1).sum())
        if shared:
            notes.append(
                f'{shared:,} {called} stand in more than one group of "{group}": they may be in training and '
                "test rows, "
                "with other process conditions"
            )
    if n_groups < 10:
        notes.append(f"only {n_groups} groups: a split by group leaves very few sides to choose from")
    return notes


def _matter_keys(column: Compositions | Molecules | Structures) -> tuple[str, NDArray]:
    if isinstance(column, Molecules):
        return "molecules", column.smiles
    return "compositions", reduced_formulas(structure_atoms(column) if isinstance(column, Structures) else column)


def sealed_account(
    repaired: Sequence[Repair], dataset: Dataset, sealed: IntArray, problem: Problem
) -> tuple[Repair, ...]:
    """The list of repairs with target values of sealed rows blotted out: no file but the vault may tell them.

    Parameters
    ----------
    sealed : rows of `dataset` whose labels are in the vault.
    """
    hidden = {row for i in sealed.tolist() for row in dataset.source_rows[i]}
    columns = {column for target in problem.targets for column in (target.column, target.error_column) if column}
    why = "a value of a sealed row was repaired or merged; it is told after the vault was opened"
    return tuple(
        Repair(repair.row, repair.id, repair.column, "sealed", "sealed", why)
        if repair.row in hidden and repair.column in columns
        else repair
        for repair in repaired
    )
