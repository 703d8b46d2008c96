"""The choices of `[cleaning]` for a table: which rows go, which are told about, and why.

Before the seal no label is read across rows, with one exception: where the energy that chooses a polymorph is a target,
it is compared within one composition, which is in one group and on one side of every split. Which method a label was
obtained by, and whether there is one, is not the label.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from matloop.core.arrays import BoolArray, IntArray, TextArray
from matloop.core.errors import DataError, listed
from matloop.core.optional import available
from matloop.data.cleaning.decided import Decided, examples
from matloop.data.cleaning.geometry import geometry_faults
from matloop.data.cleaning.levels import Levels, level_of, names_levels, read_levels
from matloop.data.cleaning.near import MOST_PAIRS, near_compositions, near_structures
from matloop.data.cleaning.polymorphs import joint, not_lowest
from matloop.data.dataset import Labels
from matloop.data.inputs import InputsRead, needed, number_column
from matloop.data.table import RawTable
from matloop.data.words import Change, Why, as_text, texts
from matloop.matter.compositions import Compositions, reduced_formulas
from matloop.matter.structure_keys import reduced_formulas as formulas_of_structures
from matloop.matter.structures import Structures
from matloop.matter.symmetry import symmetry
from matloop.problem.fault import did_you_mean
from matloop.problem.question import Input, Problem

_REMOVED = "stands in [cleaning] remove"


def columns_of(problem: Problem) -> list[tuple[str, str]]:
    """The columns of the table that `[cleaning]` names, and where."""
    cleaning = problem.cleaning
    found = [(f"[cleaning] {key}", getattr(cleaning, key)) for key in ("energy", "space_group", "method")]
    return [(where, column) for where, column in found if column]


def decide(
    raw: RawTable, problem: Problem, ids: TextArray, inputs: InputsRead, labels: Mapping[str, Labels], out: BoolArray,
    levels: tuple[str, Levels] | None,
) -> Decided:  # fmt: skip
    """What the choices of `[cleaning]` do to the rows that are not `out`; `keep` and `remove` have the last word.

    Raises
    ------
    DataError : known methods that do not compare are mixed in a target; a name in `keep` or `remove` is no row.
    """
    cleaning = problem.cleaning
    keep, remove = _named(raw, ids, cleaning.keep, "keep"), _named(raw, ids, cleaning.remove, "remove")
    removals = {row: Why("", str(ids[row]), _REMOVED) for row in remove.tolist() if not out[row]}
    notes = [f"row {row + 1} ({ids[row]}) stands in [cleaning] keep but cannot be used" for row in keep[out[keep]]]
    changes: list[Change] = []
    gone = out.copy()
    gone[list(removals)] = True
    kept: set[int] = set()
    flags: list[tuple[int, Why]] = []
    for step in (_mixed, _geometry, _polymorphs):
        found = step(raw, problem, ids, inputs, labels, levels, gone)
        saved = set(keep.tolist()) & set(found.removals)
        kept |= saved
        removals |= {row: why for row, why in found.removals.items() if row not in saved}
        gone[list(removals)] = True
        changes += found.changes
        notes += found.notes
        flags += found.flags
    notes += [f"row {row + 1} ({ids[row]}) stays: it stands in [cleaning] keep" for row in sorted(kept)]
    return Decided(removals, tuple(changes), tuple(notes), tuple(flags))


def _named(raw: RawTable, ids: TextArray, names: tuple[str, ...], key: str) -> IntArray:
    place = {str(name): row for row, name in enumerate(ids.tolist())}
    wrong = [name for name in names if name not in place]
    if wrong:
        shown = [f'"{name}". {did_you_mean(name, list(place)[:2000], otherwise="Rows are called")}' for name in wrong]
        raise DataError(
            f"{raw.provenance.source}: [cleaning] {key} names {len(wrong)} rows that are not there:\n{listed(shown)}"
        )
    return np.array([place[name] for name in names], dtype=np.int64)


# ---- levels of theory ----


def levels_of(raw: RawTable, problem: Problem) -> tuple[str, Levels] | None:
    """The column of methods, named or recognised, and the level of each row."""
    if problem.cleaning.method:
        return problem.cleaning.method, read_levels(raw.column(problem.cleaning.method), problem.cleaning.compatible)
    taken = {target.column for target in problem.targets}
    for name in raw.names:
        if name not in taken and names_levels(raw.column(name)):
            return name, read_levels(raw.column(name))
    return None


def _mixed(
    raw: RawTable, problem: Problem, ids: TextArray, inputs: InputsRead, labels: Mapping[str, Labels],
    levels: tuple[str, Levels] | None, gone: BoolArray,
) -> Decided:  # fmt: skip
    if levels is None:
        return Decided()
    column, found = levels
    known_by_model = {name for item in problem.inputs if item.kind == "category" for name in needed(item)}
    labelled = {name: np.isfinite(one.values) & ~gone for name, one in labels.items()}
    notes = list(_unknown(column, found, np.logical_or.reduce(list(labelled.values()))))
    removals: dict[int, Why] = {}
    for target, rows in labelled.items():
        families = found.incompatible(rows)
        if not families:
            continue
        mix = ", ".join(f"{family} ({count:,} rows)" for family, count in families.items())
        said = f'column "{column}": "{target}" mixes levels of theory that do not compare: {mix}'
        if column in known_by_model:
            notes.append(f"{said}; the column is an input, so that the model learns what lies between them")
        elif column in problem.roles.ignore:
            notes.append(f"{said}; the column is ignored as [roles] says")
        elif problem.cleaning.mixed == "separate":
            level = _level(raw, problem, families)
            reason = f"is another level of theory than {level}, which is kept; they do not compare"
            removals |= _others(column, found, rows, level, reason)
            notes.append(f"{said}; {level} is kept")
        elif problem.cleaning.mixed == "columns":
            level = _level(raw, problem, families)
            reason = f"is another level of theory than {level}; its value is a column of rows with the same inputs"
            removals |= _others(column, found, rows, level, reason)
            notes.append(f"{said}; {level} is asked for, values of the others are columns beside it")
        elif problem.cleaning.mixed == "correct":
            level = _level(raw, problem, families)
            notes.append(f"{said}; development rows are shifted to {level} once the others are sealed")
        else:
            raise DataError(_refusal(raw, column, said, rows, found, next(iter(families))))
    return Decided(removals, notes=tuple(notes))


def _unknown(column: str, found: Levels, rows: BoolArray) -> Iterator[str]:
    unknown = rows & (found.family == "")
    if unknown.any():
        words, counts = np.unique(found.written[unknown], return_counts=True)
        order = np.argsort(-counts, kind="stable")
        shown = examples(
            [f'"{words[k]}" ({counts[k]:,} rows)' if words[k] else f"empty ({counts[k]:,})" for k in order]
        )
        yield f'column "{column}": methods that are not known, so that nobody says whether they compare: {shown}'


def _level(raw: RawTable, problem: Problem, families: Mapping[str, int]) -> str:
    wanted = problem.cleaning.level
    level = level_of(wanted) or wanted
    if not wanted:
        return next(iter(families))
    if level not in families:
        hint = did_you_mean(level, list(families), otherwise="Found are")
        raise DataError(f'{raw.provenance.source}: [cleaning] level = "{wanted}" is the method of no row. {hint}')
    return level


def _others(column: str, found: Levels, rows: BoolArray, level: str, reason: str) -> dict[int, Why]:
    other = rows & (found.family != level) & (found.family != "")
    return {row: Why(column, str(found.written[row]), reason) for row in np.flatnonzero(other).tolist()}


def _refusal(raw: RawTable, column: str, said: str, rows: BoolArray, found: Levels, most: str) -> str:
    firsts = [int(np.flatnonzero(rows & (found.family == family))[0]) for family in found.incompatible(rows)]
    where = ", ".join(f'{raw.where(row + 1)}: "{found.written[row]}"' for row in firsts)
    return (
        f"{raw.provenance.source}, {said} ({where}). Make the method an input, so that the difference is learnt: "
        f'{column} = {{ kind = "category" }} under [inputs]; or keep one: [cleaning] method = "{column}", mixed = '
        f'"separate", level = "{most}"; or shift the others to it: mixed = "correct"; or give them as columns beside '
        'it: mixed = "columns"; or say which compare here: compatible = [...] under [cleaning].'
    )


# ---- geometry ----


def _geometry(
    raw: RawTable, problem: Problem, ids: TextArray, inputs: InputsRead, labels: Mapping[str, Labels],
    levels: tuple[str, Levels] | None, gone: BoolArray,
) -> Decided:  # fmt: skip
    choice = problem.cleaning.geometry
    removals: dict[int, Why] = {}
    notes: list[str] = []
    flags: list[tuple[int, Why]] = []
    for item in problem.inputs:
        batch = inputs.columns.get(item.name)
        if choice == "ignore" or not isinstance(batch, Structures):
            continue
        if choice == "flag" and not available("matscipy"):
            notes.append(f'input "{item.name}": the geometry was not looked at, because matscipy is not installed')
            continue
        rows = np.flatnonzero(~gone)
        bad = {int(rows[place]): why for place, why in geometry_faults(batch.take(rows)).items()}
        column = needed(item)[0]
        if choice == "remove":
            removals |= {
                row: Why(column, str(ids[row]), f"is no possible structure: {why}") for row, why in bad.items()
            }
        elif bad:
            shown = examples([f"row {row + 1} ({ids[row]}): {why}" for row, why in bad.items()])
            notes.append(f'column "{column}": {len(bad):,} structures look impossible and were kept: {shown}')
            flags += [(row, Why(column, str(ids[row]), f"looks like no possible structure: {why}"))
                      for row, why in bad.items()]  # fmt: skip
    return Decided(removals, notes=tuple(notes), flags=tuple(flags))


# ---- polymorphs ----


def _polymorphs(
    raw: RawTable, problem: Problem, ids: TextArray, inputs: InputsRead, labels: Mapping[str, Labels],
    levels: tuple[str, Levels] | None, gone: BoolArray,
) -> Decided:  # fmt: skip
    choice, column = problem.cleaning.polymorphs, problem.cleaning.energy
    if choice == "all":
        return Decided()
    parts = _formulas(inputs)
    if levels is not None:
        parts["level"] = np.where(levels[1].family == "", levels[1].written, levels[1].family)
    rows = np.flatnonzero(~gone)
    if choice == "by_space_group":
        parts["space group"] = groups = _space_groups(raw, problem, inputs)
        rows = rows[groups[rows] != ""]
    energies = number_column(raw, column, "").values
    tell = column not in {target.column for target in problem.targets}
    kinds = joint(parts, rows, len(raw))
    removals = not_lowest(energies, kinds, ids, column, tell=tell)
    per = "composition and space group" if choice == "by_space_group" else "composition"
    notes = [f'polymorphs: {len(removals):,} rows above the lowest "{column}" of their {per} were taken out']
    if (left := int((~gone).sum()) - len(rows)) > 0:
        notes.append(f"polymorphs: {left:,} rows without a space group were kept as they are")
    return Decided(removals, notes=tuple(notes))


def _formulas(inputs: InputsRead) -> dict[str, TextArray]:
    parts = {}
    for name, column in inputs.columns.items():
        if name in inputs.distinct:
            batch, places = inputs.distinct[name]
            parts[name] = reduced_formulas(batch)[places]
        elif isinstance(column, Structures):
            parts[name] = formulas_of_structures(column)
    return parts


def _space_groups(raw: RawTable, problem: Problem, inputs: InputsRead) -> TextArray:
    if problem.cleaning.space_group:
        return as_text(texts(raw.column(problem.cleaning.space_group)))
    batch = next(column for column in inputs.columns.values() if isinstance(column, Structures))
    numbers = symmetry(batch).numbers
    return np.where(numbers > 0, numbers.astype(np.str_), "")


# ---- nearly the same ----


def near(problem: Problem, ids: TextArray, inputs: InputsRead, rows: IntArray) -> tuple[Decided, dict[str, IntArray]]:
    """Nearly the same structures and compositions among `rows`.

    Returns
    -------
    What is said and changed, and {structure input: for each of `rows` the place in `rows` of the one it is merged
    with, itself where there is none}.
    """
    notes: list[str] = []
    changes: list[Change] = []
    merged: dict[str, IntArray] = {}
    flags: list[tuple[int, Why]] = []
    for item in problem.inputs:
        column = inputs.columns.get(item.name)
        if isinstance(column, Structures) and problem.cleaning.near_structures != "ignore":
            leader = near_structures(column.take(rows), exact=problem.cleaning.exact)
            pairs = [(int(rows[leader[k]]), int(rows[k])) for k in np.flatnonzero(leader != np.arange(len(rows)))]
            how = "merged with" if problem.cleaning.near_structures == "merge" else "kept beside"
            if pairs:
                shown = examples([f"row {j + 1} ({ids[j]}) with row {i + 1} ({ids[i]})" for i, j in pairs])
                notes.append(
                    f'input "{item.name}": {len(pairs):,} structures are nearly those of earlier rows: {shown}'
                )
            if problem.cleaning.near_structures == "tell":
                flags += [(j, Why(needed(item)[0], str(ids[j]), f"a structure nearly that of row {i + 1} ({ids[i]})"))
                          for i, j in pairs]  # fmt: skip
            if problem.cleaning.near_structures == "merge":
                merged[item.name] = leader
                reason = f"a structure nearly the same as that of row {{}}, {how} it where all other inputs agree"
                changes += [
                    Change(j, needed(item)[0], str(ids[j]), str(ids[i]), reason.format(i + 1)) for i, j in pairs
                ]
        elif isinstance(column, Compositions) and problem.cleaning.near_compositions > 0:
            batch, within = column.take(rows), problem.cleaning.near_compositions
            alike = near_compositions(batch, within)
            notes += _alike_compositions(item.name, batch, rows, within, alike)
            flags += _alike_flags(item, batch, ids, rows, alike)
    return Decided({}, tuple(changes), tuple(notes), tuple(flags)), merged


def _alike_flags(
    item: Input, batch: Compositions, ids: TextArray, rows: IntArray, found: tuple[IntArray, IntArray, int]
) -> Iterator[tuple[int, Why]]:
    """A line per row that is near to an earlier one."""
    seen: set[int] = set()
    for i, j in zip(found[0].tolist(), found[1].tolist(), strict=True):
        if j not in seen:
            seen.add(j)
            said = f"a composition nearly that of row {rows[i] + 1} ({ids[rows[i]]}, {batch.formulas[i]})"
            yield int(rows[j]), Why(needed(item)[0], str(batch.formulas[j]), said)


def _alike_compositions(
    name: str, batch: Compositions, rows: IntArray, within: float, found: tuple[IntArray, IntArray, int]
) -> Iterator[str]:
    first, second, count = found
    if count:
        pairs = [f"rows {rows[i] + 1} and {rows[j] + 1} ({batch.formulas[i]}, {batch.formulas[j]})"
                 for i, j in zip(first[:6].tolist(), second[:6].tolist(), strict=True)]  # fmt: skip
        shown = "; ".join(pairs[:5]) if count <= MOST_PAIRS else "too many to list"
        yield (
            f'input "{name}": {count:,} pairs of compositions differ by at most {within:g} in every fraction, such as '
            f"{shown}. They were kept; a split by composition may part them"
        )
