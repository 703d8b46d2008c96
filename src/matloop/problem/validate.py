"""What contradicts itself in a question; no data is needed to say so."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from matloop.core import units
from matloop.core.elements import Z_OF
from matloop.problem.fault import Fault, did_you_mean, nearest, quoted, said
from matloop.problem.question import REDUCED_FORMULA, Input, Problem, Success, Target, Window

MOST_DEGREE = 5
MOST_ROWS = 1000
"""of a window"""
MOST_COLUMNS = 1000
"""that are made of numbers by products, or of one number by windows"""
MOST_SELECTED = 100_000
_NUMERIC_MERGES = ("median", "mean", "min", "max")
_CLASS_LOSSES = ("cross_entropy", "hinge")
_NUMBER_LOSSES = ("mse", "mae", "huber")


@dataclass(frozen=True, slots=True)
class MetricFacts:
    """What a question needs to know of a metric: the tasks it is for, its direction, and whether it lies in 0..1."""

    tasks: tuple[str, ...]
    greater_is_better: bool
    is_share: bool


@dataclass(frozen=True, slots=True)
class Known:
    """The names that plug-ins of higher floors give; None means not asked.

    families : name -> tasks it can be fitted for ("regression", "classification"); an empty tuple: not known.
    featurizers : names of featurizers; molecular : those of them that need a molecule; structural : a structure.
    metrics : name -> facts.
    """

    families: Mapping[str, tuple[str, ...]] | None = None
    featurizers: tuple[str, ...] | None = None
    molecular: tuple[str, ...] = ()
    structural: tuple[str, ...] = ()
    metrics: Mapping[str, MetricFacts] | None = None


def faults(problem: Problem, known: Known | None = None) -> tuple[str, ...]:
    """Every contradiction of a question, a sentence each; empty where there is none."""
    return said(located(problem, known))


def located(problem: Problem, known: Known | None = None) -> tuple[Fault, ...]:
    """Every contradiction with the table and key where it stands."""
    known = known or Known()
    found: list[Fault] = []
    for check in (
        _whole, _inputs, _features, _targets, _columns_used_twice, _roles, _limits, _protocol, _training, _cleaning,
        _measurements,
    ):  # fmt: skip
        found.extend(check(problem))
    for target in problem.targets:
        found.extend(_success(target, known.metrics))
    found.extend(_plugins(problem, known))
    return tuple(found)


def _whole(problem: Problem) -> Iterable[Fault]:
    if not problem.name.strip():
        yield Fault(("name",), "a name is missing; the run folder is called by it.")
    elif any(sign in problem.name for sign in '/\\:*?"<>|\0\n') or problem.name.startswith("."):
        yield Fault(("name",), f"found {quoted(problem.name)}; a folder is called by it: use letters, digits, - and _.")
    if not problem.data.source:
        yield Fault(("data", "source"), 'the data are missing; write for example: source = "table.csv"')
    if not problem.inputs:
        yield Fault(("inputs",), 'there is no input; write for example: formula = { kind = "composition" }')
    if not problem.targets:
        yield Fault(
            ("targets",), "there is no target; write a line [targets.NAME] with the name of the column asked for."
        )


def _inputs(problem: Problem) -> Iterable[Fault]:
    for name in _repeated(entry.name for entry in problem.inputs):
        yield Fault(("inputs", name), "the name is used for two inputs; give each its own.")
    for entry in problem.inputs:
        for said_of in _input(entry):
            yield Fault(("inputs", entry.name), said_of)


def _input(entry: Input) -> Iterable[str]:
    if not entry.column and not entry.columns:
        yield "it names no column; write column = ..., or for one column per element columns = { Fe = ..., C = ... }."
    if entry.columns and entry.kind != "composition":
        yield f"columns (one per element) is for compositions, this is a {entry.kind}; use column."
    elif entry.column and entry.columns:
        yield "column and columns are both given; keep the one that holds the composition."
    for symbol in entry.columns:
        if symbol not in Z_OF:
            near = nearest(symbol, Z_OF)
            yield f"{quoted(symbol)} is no element." + (f" Did you mean {quoted(near[0])}?" if near else "")
    if entry.amounts != "formula" and entry.kind != "composition":
        yield f"amounts is for compositions, this is a {entry.kind}; delete it."
    if entry.unit and entry.kind != "number":
        yield f"a unit is for numbers, this is a {entry.kind}; delete it."
    elif entry.unit and not units.known(entry.unit):
        yield _unknown_unit(entry.unit)
    yield from _made_of(entry)
    if entry.features and entry.kind not in ("composition", "structure", "molecule"):
        yield f"features are chosen for compositions, structures and molecules, this is a {entry.kind}; delete the key."


def _made_of(entry: Input) -> Iterable[str]:
    """Faults of the columns that are made from a number or a category."""
    for key, given, kind in (
        ("degree", entry.degree != 1, "number"),
        ("window", entry.window is not None, "number"),
        ("order", bool(entry.order), "category"),
    ):
        if given and entry.kind != kind:
            plural = "categories" if kind == "category" else "numbers"
            yield f"{key} is for {plural}, this is a {entry.kind}; delete it."
    if not 1 <= entry.degree <= MOST_DEGREE:
        yield f"degree is {entry.degree}; a whole number from 1 to {MOST_DEGREE} was expected, 2 adds the square."
    folded = [word.casefold() for word in entry.order]
    if len(entry.order) == 1 or len(set(folded)) < len(folded) or "" in folded:
        yield f'order is {list(entry.order)}; different words from low to high were expected, such as ["low", "high"].'
    if entry.window is not None:
        yield from _window(entry, entry.window)


def _window(entry: Input, window: Window) -> Iterable[str]:
    if not window.along:
        yield 'window names no column that orders the rows; write for example: along = "time".'
    elif window.along == entry.column:
        yield f"window goes along {quoted(window.along)}, the input's own column; name the column that orders the rows."
    if not window.rows or len(set(window.rows)) < len(window.rows) or not all(1 <= k <= MOST_ROWS for k in window.rows):
        yield f"window rows are {list(window.rows)}; different whole numbers from 1 to {MOST_ROWS}, such as [5]."
    if not window.statistics or len(set(window.statistics)) < len(window.statistics):
        yield f'window statistics are {list(window.statistics)}; each once, such as ["mean", "slope"].'
    plain = len([name for name in window.statistics if name != "lag"]) * len(window.rows)
    count = plain + ("lag" in window.statistics) * max(window.rows, default=0)
    if count > MOST_COLUMNS:
        yield f"window makes {count:,} columns, more than {MOST_COLUMNS:,}. Ask for fewer rows or statistics."


def _features(problem: Problem) -> Iterable[Fault]:
    degree = problem.features.polynomial
    if not 1 <= degree <= MOST_DEGREE:
        said_of = f"found {degree}; a whole number from 1 to {MOST_DEGREE} was expected, 2 adds squares and products."
        yield Fault(("features", "polynomial"), said_of)
        return
    n = sum(entry.kind == "number" for entry in problem.inputs)
    if degree > 1 and n == 0:
        yield Fault(("features", "polynomial"), "there is no number among the inputs to make products of; delete it.")
    count = math.comb(n + degree, degree) - 1 - n
    if degree > 1 and count > MOST_COLUMNS:
        said_of = (
            f"{n} number inputs make {count:,} products up to degree {degree}; at most {MOST_COLUMNS:,} were expected. "
            "Write a lower degree, or degree = ... for single inputs."
        )
        yield Fault(("features", "polynomial"), said_of)


def _unknown_unit(unit: str) -> str:
    return (
        f"the unit {quoted(unit)} is not known; write for example K, degC, MPa, "
        "eV, uV/K, W/m/K, percent, or leave it out."
    )


def _targets(problem: Problem) -> Iterable[Fault]:
    for name in _repeated(target.name for target in problem.targets):
        yield Fault(("targets", name), "the name is used for two targets; give each its own.")
    for target in problem.targets:
        checks = _class_target if target.task == "classification" else _number_target
        for key, said_of in checks(target):
            yield Fault(("targets", target.name, key), said_of)


def _class_target(target: Target) -> Iterable[tuple[str, str]]:
    for key, given in (("unit", target.unit), ("bounds", target.bounds), ("error_column", target.error_column)):
        if given:
            yield key, f'classes have no {key.replace("_column", "")}; delete it, or ask for task = "regression".'
    if target.scale == "log":
        yield "scale", 'classes have no logarithm; delete it, or ask for task = "regression".'
    if target.merge in _NUMERIC_MERGES:
        yield "merge", f'classes have no {target.merge}; use "majority", "first" or "error".'


def _number_target(target: Target) -> Iterable[tuple[str, str]]:
    if target.unit and not units.known(target.unit):
        yield "unit", _unknown_unit(target.unit)
    if target.positive:
        yield "positive", f"it names a class, but the task is {target.task}; delete it."
    if target.merge == "majority":
        yield "merge", 'a majority is for classes; use "median", "mean", "min", "max", "first" or "error".'
    if target.top_k < 1:
        yield "top_k", f"found {target.top_k}; the short list needs at least 1 row."
    if target.bounds is not None:
        low, high = target.bounds
        if math.isnan(low) or math.isnan(high) or low >= high:
            yield (
                "bounds",
                f"found [{low:g}, {high:g}]; the lower bound comes first and is smaller. Use inf where there is none.",
            )
        elif target.scale == "log" and low < 0:
            yield (
                "bounds",
                f'found [{low:g}, {high:g}] with scale = "log"; a logarithm needs '
                f"values above 0: write [0.0, {high:g}].",
            )


def _columns_used_twice(problem: Problem) -> Iterable[Fault]:
    """A column that is asked for must not be seen; a column that is seen is listed once."""
    owners: dict[str, str] = {}
    for entry in problem.inputs:
        for column in (entry.column, *entry.columns.values()):
            if column and column in owners:
                yield Fault(
                    ("inputs", entry.name), f"column {quoted(column)} is also input {quoted(owners[column])}; keep one."
                )
            owners.setdefault(column, entry.name)
    seen = {column for column in owners if column}
    asked = {target.column for target in problem.targets}
    for entry in problem.inputs:
        for key in ("along", "by"):
            if entry.window is not None and getattr(entry.window, key) in asked:
                said_of = f"column {quoted(getattr(entry.window, key))} is a target, which is not known beforehand."
                yield Fault(("inputs", entry.name, "window", key), said_of)
    taken: dict[str, str] = {}
    for target in problem.targets:
        path = ("targets", target.name)
        if target.column in seen:
            answer = "the model would be given the answer"
            yield Fault(
                path,
                f"column {quoted(target.column)} is also input {quoted(owners[target.column])}; {answer}. Keep one.",
            )
        if target.column in taken:
            yield Fault(
                path, f"column {quoted(target.column)} is also target {quoted(taken[target.column])}; keep one."
            )
        taken.setdefault(target.column, target.name)
        if target.error_column and target.error_column in seen:
            said_of = (
                f"column {quoted(target.error_column)} is also an input; the error "
                "of the answer is not known beforehand."
            )
            yield Fault((*path, "error_column"), said_of)
        if target.error_column == target.column:
            yield Fault(
                (*path, "error_column"), "it is the target's own column; name the column of standard deviations."
            )


def _roles(problem: Problem) -> Iterable[Fault]:
    roles = problem.roles
    inputs = {column: entry for entry in problem.inputs for column in (entry.column, *entry.columns.values()) if column}
    targets = {target.column for target in problem.targets}
    for key in ("group", "id", "weight", "time"):
        column = getattr(roles, key)
        if column and column in targets:
            yield Fault(("roles", key), f"column {quoted(column)} is a target; it cannot also be the {key}.")
    for key in ("id", "weight"):
        if getattr(roles, key) in inputs:
            said_of = (
                f"column {quoted(getattr(roles, key))} is also an input; the model "
                f"would learn from the {key}. Keep one."
            )
            yield Fault(("roles", key), said_of)
    group = inputs.get(roles.group)
    if group is not None and group.kind == "category":
        said_of = (
            f"column {quoted(roles.group)} is also a category input, whose words "
            "would never have been seen in the rows that "
            "judge the model. Delete the input, or group by something else."
        )
        yield Fault(("roles", "group"), said_of)
    if roles.group == REDUCED_FORMULA and not any(entry.kind == "composition" for entry in problem.inputs):
        yield Fault(
            ("roles", "group"), f"{quoted(REDUCED_FORMULA)} needs an input of kind composition; name a column instead."
        )
    for column in roles.ignore:
        if column in inputs or column in targets:
            what = "an input" if column in inputs else "a target"
            yield Fault(("roles", "ignore"), f"column {quoted(column)} is also {what}; keep one.")


def _limits(problem: Problem) -> Iterable[Fault]:
    limits = problem.limits
    for key in ("minutes", "predict_ms", "memory_gb"):
        found = getattr(limits, key)
        if found is not None and not (found > 0 and (math.isfinite(found) or key != "minutes")):
            hint = "; a quick answer takes about minutes = 1" if key == "minutes" else "; leave it out for no limit"
            yield Fault(("limits", key), f"found {found:g}; a number above 0 was expected{hint}.")
    if not 0 <= limits.lost_share <= 1:
        yield Fault(
            ("limits", "lost_share"), f"found {limits.lost_share:g}; a share from 0 to 1 was expected, such as 0.1."
        )
    if limits.cores is not None and limits.cores < 1:
        yield Fault(("limits", "cores"), f"found {limits.cores}; at least 1 was expected, or leave it out for all.")


def _protocol(problem: Problem) -> Iterable[Fault]:
    protocol = problem.protocol
    if not 0 < protocol.test_fraction <= 0.5:
        said_of = f"found {protocol.test_fraction:g}; a share above 0 and at most 0.5 was expected, such as 0.2."
        yield Fault(("protocol", "test_fraction"), said_of)
    if not protocol.seeds:
        yield Fault(("protocol", "seeds"), "the list is empty; at least one seed is needed, such as [0, 1, 2].")
    elif len(set(protocol.seeds)) < len(protocol.seeds):
        yield Fault(
            ("protocol", "seeds"), f"found {list(protocol.seeds)}; each seed counts once: write different numbers."
        )
    elif min(protocol.seeds) < 0 or max(protocol.seeds) >= 2**32:
        yield Fault(
            ("protocol", "seeds"), f"found {list(protocol.seeds)}; whole numbers from 0 to 4294967295 were expected."
        )
    if not 2 <= protocol.folds <= 50:
        yield Fault(("protocol", "folds"), f"found {protocol.folds}; 2 to 50 folds were expected, 5 is usual.")


def _training(problem: Problem) -> Iterable[Fault]:
    tasks = {target.task for target in problem.targets}
    loss = problem.training.loss
    if problem.training.candidates < 0:
        found = problem.training.candidates
        yield Fault(
            ("training", "candidates"), f"found {found}; give the most to try, or 0 for as many as there is time."
        )
    select = problem.training.select
    if select is not None and not 1 <= select.columns <= MOST_SELECTED:
        said_of = f"found {select.columns}; a number of columns from 1 to {MOST_SELECTED:,} was expected, such as 40."
        yield Fault(("training", "select", "columns"), said_of)
    if loss in _CLASS_LOSSES and tasks and "classification" not in tasks:
        yield Fault(
            ("training", "loss"), f"{quoted(loss)} is for classes; use {', '.join(map(quoted, _NUMBER_LOSSES))}."
        )
    if loss in _NUMBER_LOSSES and tasks == {"classification"}:
        yield Fault(
            ("training", "loss"), f"{quoted(loss)} is for numbers; use {', '.join(map(quoted, _CLASS_LOSSES))}."
        )


def _measurements(problem: Problem) -> Iterable[Fault]:
    """Faults of [measurements] that need no data."""
    how = problem.measurements
    places = ("operator", "instrument", "laboratory", "batch", "time", "replicate", "control")
    named = [getattr(how, key) for key in places if getattr(how, key)]
    for column in _repeated([*named, *how.conditions]):
        yield Fault(("measurements",), f"the column {quoted(column)} is named twice; a column has one meaning.")
    if column := next((t.column for t in problem.targets if t.column in how.columns), ""):
        yield Fault(("measurements",), f"{quoted(column)} is a target; how it was measured stands in other columns.")
    if how.files.count("{") != how.files.count("}") or ("{" not in how.files and how.files):
        yield Fault(("measurements", "files"), f"found {quoted(how.files)}; write a path with columns in braces, such "
                    'as "spectra/{sample}.csv".')  # fmt: skip
    elif how.files.startswith(("/", "~")) or ".." in how.files.replace("\\", "/").split("/"):
        yield Fault(("measurements", "files"), "it leads out of the folder of the table; files lie beside or below it.")


def _cleaning(problem: Problem) -> Iterable[Fault]:
    cleaning = problem.cleaning
    has_structure = any(entry.kind == "structure" for entry in problem.inputs)
    for name in sorted(set(cleaning.keep) & set(cleaning.remove)):
        yield Fault(("cleaning", "keep"), f"row {quoted(name)} is also in remove; it stands in one of them.")
    if cleaning.polymorphs != "all" and not cleaning.energy:
        yield Fault(
            ("cleaning", "energy"), "it is missing; name the column with the energy per atom of each polymorph."
        )
    if cleaning.polymorphs != "all" and not any(e.kind in ("composition", "structure") for e in problem.inputs):
        yield Fault(
            ("cleaning", "polymorphs"), "polymorphs share a composition; there is no such input. Delete the key."
        )
    if cleaning.polymorphs == "by_space_group" and not (cleaning.space_group or has_structure):
        yield Fault(
            ("cleaning", "space_group"), "there is no structure to find it from; name the column of space groups."
        )
    for key in ("level", "compatible"):
        if getattr(cleaning, key) and not cleaning.method:
            yield Fault(("cleaning", key), 'it needs the column of methods; write for example: method = "functional".')
    if cleaning.level and cleaning.mixed == "refuse":
        said_of = (
            'it is the method that is kept with mixed = "separate", "correct" or "columns"; write one of them too.'
        )
        yield Fault(("cleaning", "level"), said_of)
    if cleaning.near_structures != "ignore" and not has_structure:
        yield Fault(("cleaning", "near_structures"), "there is no input of kind structure; delete the key.")
    if cleaning.exact and cleaning.near_structures == "ignore":
        yield Fault(("cleaning", "exact"), 'nothing is compared; write near_structures = "tell" or "merge" with it.')
    if not 0 <= cleaning.near_compositions <= 0.1:
        found = f"found {cleaning.near_compositions:g}; an atomic fraction from 0 to 0.1 was expected, such as 0.005."
        yield Fault(("cleaning", "near_compositions"), found)
    targets = {target.column for target in problem.targets}
    if cleaning.polymorphs != "all" and cleaning.energy in targets and REDUCED_FORMULA not in problem.derived_group:
        said_of = (
            "the energy is a target, which may be compared only within a group: write group = "
            f"{quoted(REDUCED_FORMULA)} under [roles], so that polymorphs stay on one side of every split."
        )
        yield Fault(("cleaning", "energy"), said_of)
    if cleaning.method and cleaning.method in targets:
        yield Fault(
            ("cleaning", "method"), f"column {quoted(cleaning.method)} is a target; name the column of methods."
        )


def _success(target: Target, metrics: Mapping[str, MetricFacts] | None) -> Iterable[Fault]:
    success, path = target.success, ("targets", target.name, "success")
    if success is None:
        return
    if success.at_most is not None and success.at_least is not None:
        yield Fault(path, "at_most and at_least are both given; keep the one that says what is good enough.")
    elif success.at_most is None and success.at_least is None:
        yield Fault(path, "the goal is missing; write at_most = ... for an error, at_least = ... for a score.")
    if metrics is not None:
        yield from _metric(target, success, metrics, path)
    never = success.never
    if never is None:
        return
    if target.task == "classification":
        yield Fault((*path, "never"), "an absolute error is for numbers, the task is classification; delete it.")
    if not never.abs_error_above > 0:
        yield Fault((*path, "never"), f"abs_error_above is {never.abs_error_above:g}; a number above 0 was expected.")
    if not 0 <= never.share_above < 1:
        said_of = (
            f"share_above is {never.share_above:g}; a share from 0 to below 1 was "
            "expected, such as 0.01 for one percent."
        )
        yield Fault((*path, "never"), said_of)


def _metric(
    target: Target, success: Success, metrics: Mapping[str, MetricFacts], path: tuple[str, ...]
) -> Iterable[Fault]:
    fitting = tuple(name for name, facts in metrics.items() if target.task in facts.tasks)
    if success.metric not in fitting:
        known = f"for {target.task}" if success.metric in metrics else "known"
        said_of = f"the metric {quoted(success.metric)} is not {known}. "
        advice = did_you_mean(success.metric, fitting, otherwise=f"Metrics for {target.task}")
        yield Fault((*path, "metric"), said_of + advice)
        return
    facts = metrics[success.metric]
    wrong, right = ("at_most", "at_least") if facts.greater_is_better else ("at_least", "at_most")
    goal = success.at_most if success.at_most is not None else success.at_least
    if getattr(success, wrong) is not None and getattr(success, right) is None:
        better = "greater" if facts.greater_is_better else "smaller"
        yield Fault(
            (*path, wrong), f"{success.metric} is the better the {better}; write {right} = {getattr(success, wrong):g}."
        )
    elif goal is not None and facts.is_share and goal > 1:
        yield Fault((*path, right), f"{success.metric} is at most 1; found {goal:g}. Did you mean {goal / 100:g}?")
    elif goal is not None and not facts.greater_is_better and goal < 0:
        yield Fault((*path, right), f"{success.metric} is never negative; found {goal:g}.")


def _plugins(problem: Problem, known: Known) -> Iterable[Fault]:
    for entry in problem.inputs:
        for name in entry.features:
            plain = name.partition("(")[0].strip()
            if known.featurizers is not None and plain not in (*known.featurizers, "auto"):
                said_of = f"there is no featurizer {quoted(name)}. {did_you_mean(plain, known.featurizers)}"
                yield Fault(("inputs", entry.name), said_of)
            elif plain in known.structural and entry.kind != "structure":
                said_of = f"{quoted(name)} describes structures, this is a {entry.kind}; delete it from features."
                yield Fault(("inputs", entry.name), said_of)
            elif plain in known.molecular and entry.kind != "molecule":
                said_of = f"{quoted(name)} describes molecules, this is a {entry.kind}; delete it from features."
                yield Fault(("inputs", entry.name), said_of)
    tasks = {"classification" if target.task == "classification" else "regression" for target in problem.targets}
    for name in problem.training.families:
        if known.families is None:
            return
        if name not in known.families:
            advice = did_you_mean(name, tuple(known.families))
            yield Fault(("training", "families"), f"there is no model family {quoted(name)}. {advice}")
        elif known.families[name] and not tasks & set(known.families[name]):
            yield Fault(("training", "families"), f"{quoted(name)} cannot be used for {' and '.join(sorted(tasks))}.")


def _repeated(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]
