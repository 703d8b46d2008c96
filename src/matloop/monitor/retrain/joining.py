"""New labels join the data: which row is new, repeated, corrected, in conflict; which wait as rows later in time."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.data.clean import Cleaned, clean
from matloop.data.labels import read_labels
from matloop.data.merge import rule_of
from matloop.data.table import RawTable
from matloop.monitor.retrain.plan import Plan
from matloop.monitor.retrain.sizes import other_sizes
from matloop.monitor.retrain.sources import ORIGIN, TIME, SetAside, columns_needed
from matloop.monitor.retrain.tables import Texts, raw_of
from matloop.problem.question import Problem, Target
from matloop.split.groups import fingerprints, whole_groups

MOST_LATER = 2000
"""Groups that are held out at most: more say little more, and would be missed in training."""
FAR = 8.0
"""Measurements of the same inputs farther apart than this many robust standard deviations are in conflict."""
SAME = 1e-9
REPEATED = 10
"""Repeated measurements from which their own spread is the yardstick, and not that of all labels."""
USUAL, KNOWN_TAILS = 0.99, 100
"""What this share of the repeated measurements of the data themselves keep is no conflict, where there are so many."""


@dataclass(frozen=True, slots=True)
class Joined:
    """A version of the data, and what became of each new row.

    table : the next version, without the rows that wait. later : rows held out as later in time, with origin and time;
    they join with the next version. added : rows that joined. corrected : (id or inputs, where the correction stood).
    aside : rows that are not used, with reasons. vaulted : rows that joined in a group that is in the vault. fresh :
    groups of new rows that nobody has seen. notes : on the new rows as a whole.
    """

    table: Texts
    later: Texts
    added: Texts
    corrected: tuple[tuple[str, str], ...]
    aside: tuple[SetAside, ...]
    vaulted: int
    fresh: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Whole:
    """Old rows, then rows that arrived, understood together: `at` is the place of each in the cleaned rows, -1 where it
    could not be used; `labels` are those of the rows one by one."""

    table: Texts
    n_old: int
    cleaned: Cleaned
    at: IntArray
    labels: Mapping[str, FloatArray]


def join(
    problem: Problem, plan: Plan, version: Texts, waiting: Texts, new: Texts, *,
    sealed: frozenset[str] = frozenset(), like: RawTable | None = None,
) -> Joined:  # fmt: skip
    """The next version of the data.

    Parameters
    ----------
    version : the data so far. waiting : rows that were later in time in the round before; they join now. new : rows
        that arrived, in the order of time. Both have origin and time as last columns. sealed : groups and inputs in the
        vault.

    Raises
    ------
    DataError : the table as a whole cannot answer the problem, see `matloop.data.clean.clean`.
    """
    arrivals = waiting.plus(new)
    alone = _lone_classes(problem, version, arrivals, like)
    whole = _understood(problem, version, arrivals, like, alone)
    reasons = {**_unusable(whole), **alone}
    replaced = _same_id(problem, whole, reasons)
    _same_inputs(problem, plan, whole, reasons, replaced, whole.n_old + len(waiting))
    usable = [row for row in range(whole.n_old, len(whole.table)) if row not in reasons]
    groups = np.r_[whole_groups(whole.cleaned.dataset), -1][whole.at]
    marks = _marks(whole.cleaned)
    in_vault = {row for row in usable if marks[whole.at[row]] & sealed}
    fresh = _fresh(usable, groups, whole.n_old, whole.n_old + len(waiting), in_vault)
    held = _newest(fresh, groups, plan)
    stays = [row for row in range(whole.n_old) if row not in replaced] + [row for row in usable if row not in held]
    n_old, names = whole.n_old, version.names
    aside = [
        SetAside(arrivals.rows[row - n_old][-2], shown_row(problem, whole.table, row), why)
        for row, why in sorted(reasons.items())
    ]
    return Joined(
        whole.table.take(stays).with_names(names), arrivals.take([row - n_old for row in sorted(held)]),
        arrivals.take([row - n_old for row in usable if row not in held]),
        tuple((shown_row(problem, whole.table, row), arrivals.rows[by - n_old][-2]) for row, by in
              sorted(replaced.items())),
        tuple(aside), len(in_vault), len({int(groups[row]) for row in fresh}),
        other_sizes(problem.targets, whole.labels, n_old),
    )  # fmt: skip


def lenient(problem: Problem) -> Problem:
    """The problem without what stops on bad rows: here they are listed one by one."""
    targets = tuple(replace(one, merge=None) if one.merge == "error" else one for one in problem.targets)
    return replace(problem, targets=targets, limits=replace(problem.limits, lost_share=1.0))


def shown_row(problem: Problem, table: Texts, row: int) -> str:
    """What a person would call a row: its id and its inputs."""
    columns = ((problem.roles.id,) if problem.roles.id else ()) + columns_needed(problem)
    values = [table.rows[row][table.names.index(name)] for name in columns if name in table.names]
    return ", ".join(value for value in values if value)[:120]


def places(cleaned: Cleaned, n: int) -> IntArray:
    """The cleaned row that each row of the table went into, shape (n,); -1 where it was removed."""
    at = np.full(n, -1, dtype=np.int64)
    for place, rows in enumerate(cleaned.dataset.source_rows):
        at[[row - 1 for row in rows]] = place
    return at


def _lone_classes(problem: Problem, version: Texts, arrivals: Texts, like: RawTable | None) -> dict[int, str]:
    """Rows that arrived with a class that no other row has: it can be neither learnt nor judged yet."""
    found: dict[int, str] = {}
    raw = raw_of(version.plus(arrivals), like, problem.data.missing)
    for target in problem.targets:
        labels = read_labels(raw, target).labels
        known = np.flatnonzero(np.isfinite(labels.values)) if labels.classes else np.empty(0, dtype=np.int64)
        counts = np.bincount(labels.values[known].astype(np.int64), minlength=len(labels.classes))
        for row in known.tolist():
            if row >= len(version) and counts[int(labels.values[row])] == 1:
                name = labels.classes[int(labels.values[row])]
                found[row] = (
                    f"the class {name!r} of {target.name} has no other member yet: tell it again with more of them"
                )
    return found


def _understood(
    problem: Problem, version: Texts, arrivals: Texts, like: RawTable | None, without: Mapping[int, str]
) -> _Whole:  # fmt: skip
    """Everything read at once; the labels of rows `without` are left out."""
    table = version.with_names((*version.names, ORIGIN, TIME)).plus(arrivals)
    if without:
        columns = {target.column for target in problem.targets}
        keep = [name not in columns for name in table.names]
        blank = {
            row: tuple(cell if kept else "" for cell, kept in zip(table.rows[row], keep, strict=True))
            for row in without
        }
        table = Texts(table.names, tuple(blank.get(row, cells) for row, cells in enumerate(table.rows)))
    raw = raw_of(table, like, problem.data.missing)
    cleaned = clean(raw, lenient(problem))
    labels = {target.name: read_labels(raw, target).labels for target in problem.targets}
    values = {
        name: _classed(found.values, found.classes, cleaned.dataset.targets[name].classes)
        for name, found in labels.items()
    }
    return _Whole(table, len(version), cleaned, places(cleaned, len(table)), values)


def _classed(values: FloatArray, names: Sequence[str], classes: Sequence[str]) -> FloatArray:
    """Class indices in the order of `classes`; numbers as they are."""
    if not names:
        return values
    place = np.array([classes.index(name) if name in classes else -1 for name in names] or [-1], dtype=float)
    return np.where(np.isfinite(values), place[np.nan_to_num(values).astype(np.int64)], np.nan)


def _unusable(whole: _Whole) -> dict[int, str]:
    """Rows that arrived and cannot be read, or have no label: {row: why}."""
    reasons = {
        one.row - 1: f"unreadable: {one.reason} ({one.column}: {one.found[:60]!r})" if one.column else one.reason
        for one in whole.cleaned.removed if one.row > whole.n_old
    }  # fmt: skip
    for row in range(whole.n_old, len(whole.table)):
        if row not in reasons and not any(math.isfinite(values[row]) for values in whole.labels.values()):
            reasons[row] = "has no label"
    return reasons


def _same_id(problem: Problem, whole: _Whole, reasons: dict[int, str]) -> dict[int, int]:
    """Old rows that a row with the same id replaces: {old row: row that arrived}; repeats and conflicts are told."""
    if problem.roles.id not in whole.table.names or not problem.roles.id:
        return {}
    ids = whole.table.column(problem.roles.id)
    arrived: dict[str, list[int]] = {}
    for row in range(whole.n_old, len(ids)):
        if ids[row] and row not in reasons:
            arrived.setdefault(ids[row], []).append(row)
    for rows in arrived.values():
        _within(whole, rows, reasons)
    chosen = {name: rows[-1] for name, rows in arrived.items() if rows[-1] not in reasons}
    replaced = {}
    for row in range(whole.n_old):
        by = chosen.get(ids[row])
        if by is None or by in reasons:
            continue
        if whole.at[row] >= 0 and whole.at[row] == whole.at[by] and _alike(whole, row, by):
            reasons[by] = "duplicate: the same row with the same label is in the data already"
        else:
            replaced[row] = by
    return replaced


def _within(whole: _Whole, rows: list[int], reasons: dict[int, str]) -> None:
    """Rows with one id that arrived together: the last one counts if the times say which that is."""
    for row, following in itertools.pairwise(rows):
        if _alike(whole, row, following) and whole.at[row] == whole.at[following]:
            reasons[row] = "duplicate: the same row with the same label stands in a later one"
        elif (
            _moment(whole.table, row)
            and _moment(whole.table, following)
            and _moment(whole.table, row) < _moment(whole.table, following)
        ):
            reasons[row] = "corrected by a later row with the same id"
        else:
            reasons[row] = reasons[following] = (
                "conflict: two rows have this id and different values, and no time tells which is the later one"
            )


def _moment(table: Texts, row: int) -> float:
    text = table.rows[row][-1]
    return float(text) if text else 0.0


def _same_inputs(
    problem: Problem, plan: Plan, whole: _Whole, reasons: dict[int, str], replaced: dict[int, int], first_new: int
) -> None:
    """Rows with the inputs of an earlier one: copies and conflicts are told, corrections replace."""
    first: dict[int, list[int]] = {}
    for row in range(whole.n_old):
        if whole.at[row] >= 0 and row not in replaced:
            first.setdefault(int(whole.at[row]), []).append(row)
    far = {target.name: _far(target, whole) for target in problem.targets}
    corrects = plan.labels.same == "correction"
    odd = {} if corrects else _odd_together(problem, whole, reasons, set(whole.at[:first_new].tolist()), far)
    for row in range(whole.n_old, len(whole.table)):
        if row in reasons:
            continue
        place = int(whole.at[row])
        earlier = first.get(place, [])
        if any(_alike(whole, old, row) for old in earlier):
            reasons[row] = "duplicate: the same inputs with the same label are in the data already"
        elif earlier and corrects:
            replaced.update({old: row for old in earlier if old < whole.n_old})
            first[place] = [row]
        elif why := odd[row] if row in odd else _conflict(problem, whole, row, earlier, far):
            reasons[row] = why
        else:
            first.setdefault(place, []).append(row)


def _odd_together(
    problem: Problem, whole: _Whole, reasons: Mapping[int, str], known: set[int], far: Mapping[str, float]
) -> dict[int, str]:
    """Rows that arrived together for inputs that no earlier row has: {row: why it is in conflict, or empty}.

    Which of them came first says nothing about which is right, so each is judged against the middle of all of them:
    one that stands alone is in conflict, and where there are but two, both are.
    """
    groups: dict[int, list[int]] = {}
    for row in range(whole.n_old, len(whole.table)):
        if row not in reasons and (place := int(whole.at[row])) not in known:
            groups.setdefault(place, []).append(row)
    told = {row: "" for rows in groups.values() if len(rows) > 1 for row in rows}
    for target in problem.targets:
        for rows in (found for found in groups.values() if len(found) > 1):
            finite = [row for row in rows if math.isfinite(whole.labels[target.name][row])]
            told.update((row, why) for row in finite if (why := _apart(target, whole, row, finite, far)))
    return told


def _apart(target: Target, whole: _Whole, row: int, rows: Sequence[int], far: Mapping[str, float]) -> str:
    """Why a row is in conflict with those that arrived with it, itself among them; empty where it is not."""
    values, classes = whole.labels[target.name], whole.cleaned.dataset.targets[target.name].classes
    others = [float(values[one]) for one in rows if one != row]
    if classes:
        alike = 1 + others.count(float(values[row]))
        if 2 * alike > len(rows):
            return ""
        names = ", ".join(sorted({repr(classes[int(value)]) for value in others}))
        return f"conflict: {target.name} is {classes[int(values[row])]!r}, new rows with the same inputs say {names}"
    scaled = [_scaled(target, float(values[one])) for one in rows]
    apart = abs(_scaled(target, float(values[row])) - float(np.median(scaled)))
    limit = 0.0 if rule_of(target) == "error" else far[target.name] / (2.0 if len(rows) == 2 else 1.0)
    if apart <= limit:
        return ""
    which = ", and nothing tells which of the two is right" if len(rows) == 2 else ""
    return (f"conflict: {target.name} is {values[row]:.6g}, new rows with the same inputs say "
            f"{float(np.median(others)):.6g}; too far apart to be measurements of one thing{which}")  # fmt: skip


def _alike(whole: _Whole, one: int, other: int) -> bool:
    """Whether two rows have the same labels, wherever the second has one."""
    pairs = [(values[one], values[other]) for values in whole.labels.values()]
    return all(
        not math.isfinite(b) or (math.isfinite(a) and abs(a - b) <= SAME * max(abs(a), abs(b), 1e-300))
        for a, b in pairs
    )


def _conflict(
    problem: Problem, whole: _Whole, row: int, earlier: Sequence[int], far: Mapping[str, float]
) -> str:  # fmt: skip
    for target in problem.targets:
        values, labels = whole.labels[target.name], whole.cleaned.dataset.targets[target.name]
        known = [values[old] for old in earlier if math.isfinite(values[old])]
        if not known or not math.isfinite(values[row]):
            continue
        if labels.classes:
            told, old = labels.classes[int(values[row])], sorted({labels.classes[int(v)] for v in known})
            if told not in old:
                return f"conflict: {target.name} is {told!r}, rows with the same inputs say {', '.join(map(repr, old))}"
            continue
        middle = float(np.median(known))
        apart = abs(_scaled(target, values[row]) - _scaled(target, middle))
        if not labels.classes and apart > (0.0 if rule_of(target) == "error" else far[target.name]):
            return (f"conflict: {target.name} is {values[row]:.6g}, rows with the same inputs say {middle:.6g}; too "
                    "far apart to be two measurements of one thing")  # fmt: skip
    return ""


def _scaled(target: Target, value: float) -> float:
    return math.log10(max(value, 1e-300)) if target.scale == "log" else value


def _far(target: Target, whole: _Whole) -> float:
    """How far two labels of the same inputs may be apart."""
    if whole.cleaned.dataset.targets[target.name].classes:
        return math.inf
    values = whole.labels[target.name][: whole.n_old]
    at = whole.at[: whole.n_old]
    rows = np.flatnonzero(np.isfinite(values) & (at >= 0))
    scaled = np.array([_scaled(target, v) for v in values[rows].tolist()])
    if len(scaled) < 2:
        return math.inf
    order = np.argsort(at[rows], kind="stable")
    pairs = np.flatnonzero(np.diff(at[rows][order]) == 0)
    apart = np.abs(np.diff(scaled[order]))[pairs]
    spread = 1.4826 * float(np.median(np.abs(scaled - np.median(scaled))))
    repeated = 1.4826 * float(np.median(apart)) if np.count_nonzero(apart) >= REPEATED else 0.0
    usual = float(np.quantile(apart, USUAL)) if len(apart) >= KNOWN_TAILS else 0.0
    return max(FAR * (repeated or spread or math.inf), usual)


def _marks(cleaned: Cleaned) -> list[frozenset[str]]:
    """Names by which a vault knows each cleaned row: its group and its inputs."""
    dataset = cleaned.dataset
    return [frozenset(pair) for pair in zip(dataset.groups.tolist(), fingerprints(dataset).tolist(), strict=True)]


def _fresh(usable: Iterable[int], groups: IntArray, n_old: int, first_new: int, vault: set[int]) -> list[int]:
    """Rows of groups that neither the data so far nor the vault know."""
    seen = set(groups[:first_new].tolist()) | {int(groups[row]) for row in vault}
    return [row for row in usable if row >= first_new and int(groups[row]) not in seen]


def _newest(fresh: Sequence[int], groups: IntArray, plan: Plan) -> set[int]:
    """The rows of the newest groups, which wait; at most half of the groups, so that training gets the others.

    A group is as old as its first row: all of a group that judges is later than what training begins with.
    """
    begun: dict[int, int] = {}
    for row in fresh:
        begun.setdefault(int(groups[row]), row)
    wanted = min(max(math.ceil(plan.judge.later * len(begun)), plan.judge.least), len(begun) // 2, MOST_LATER)
    chosen = set(sorted(begun, key=lambda group: begun[group])[len(begun) - wanted :])
    return {row for row in fresh if int(groups[row]) in chosen}
