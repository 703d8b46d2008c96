"""Several levels of theory in one target: one as an input of the other, or shifted to it with its error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray, TextArray
from matloop.core.errors import DataError
from matloop.data.cleaning.levels import Levels, level_of
from matloop.data.dataset import Dataset, Labels, Repair
from matloop.data.inputs import needed, read_columns
from matloop.data.keys import input_keys
from matloop.data.labels import read_labels
from matloop.data.table import ColumnCard, RawTable
from matloop.matter.alike import nearly_identical
from matloop.matter.compositions import Compositions
from matloop.matter.structures import Structures
from matloop.problem.question import Problem, Target

FEWEST_PAIRS = 10
"""Materials that must have both levels before anything is said of the shift between them."""
FEWEST_SEALED = 5
FOLDS = 10
STRAIGHT = 0.95
"""A straight line is taken in place of a constant shift where its out-of-fold error is at most this share."""
_MOST_PAIRS = 500


@dataclass(frozen=True, slots=True)
class LevelShift:
    """What turns values of one level of theory into another: `slope` times the value plus `intercept`.

    In log10 of the value where the target's scale is logarithmic. `error` is the out-of-fold root mean square error of
    a shifted value, `before` that of the value as it is; `n_pairs` materials have both.
    """

    level: str
    to: str
    slope: float
    intercept: float
    error: float
    before: float
    n_pairs: int

    def applied(self, values: FloatArray) -> FloatArray:
        """Values of `to` that values of `level` stand for."""
        return np.asarray(self.slope * values + self.intercept, dtype=float)


def fit_shift(level: str, to: str, values: FloatArray, wanted: FloatArray) -> LevelShift:
    """The robust shift between two levels, from materials that have both; a line where that is clearly better.

    The constant is the median of the differences, the line that of Theil and Sen: a few wrong values do not move them.

    Parameters
    ----------
    values, wanted : shape (n,), n >= 10, of `level` and of `to` for the same materials.

    References
    ----------
    Sen, J. Am. Stat. Assoc. 63 (1968) 1379. doi:10.1080/01621459.1968.10480934

    Examples
    --------
    >>> x = np.linspace(0.0, 5.0, 20)
    >>> found = fit_shift("PBE", "HSE06", x, 1.3 * x + 0.5)
    >>> round(found.slope, 6), round(found.intercept, 6), found.error < 1e-9
    (1.3, 0.5, True)
    """
    fold = np.random.default_rng(0).permutation(len(values)) % min(FOLDS, len(values))
    errors = {}
    for straight in (False, True):
        off = np.empty(len(values))
        for one in range(int(fold.max()) + 1):
            left, out = fold != one, fold == one
            slope, intercept = _fitted(values[left], wanted[left], straight)
            off[out] = slope * values[out] + intercept - wanted[out]
        errors[straight] = float(np.sqrt(np.mean(off**2)))
    straight = errors[True] < STRAIGHT * errors[False]
    slope, intercept = _fitted(values, wanted, straight)
    before = float(np.sqrt(np.mean((values - wanted) ** 2)))
    return LevelShift(level, to, slope, intercept, errors[straight], before, len(values))


def _fitted(x: FloatArray, y: FloatArray, straight: bool) -> tuple[float, float]:
    from scipy.stats import theilslopes

    if straight and len(np.unique(x)) > 2:
        some = np.unique(np.linspace(0, len(x) - 1, min(len(x), _MOST_PAIRS)).astype(np.int64))
        some = np.argsort(x, kind="stable")[some]
        slope = float(theilslopes(y[some], x[some])[0])
        return slope, float(np.median(y - slope * x))
    return 1.0, float(np.median(y - x))


# ---- shifted, after the seal ----


@dataclass(frozen=True, slots=True)
class Corrected:
    """A dataset of one level: `repairs` has a line per shifted value, `notes` what the shifts are.

    to : {target: the level of its values}, for targets that mixed several.
    """

    dataset: Dataset
    to: Mapping[str, str]
    repairs: tuple[Repair, ...]
    notes: tuple[str, ...]


def correct(
    dataset: Dataset, development: IntArray, levels: TextArray, problem: Problem, labelled: Mapping[str, BoolArray]
) -> Corrected:
    """Shift the labels of development rows to one level; the error of the shift becomes part of that of each row.

    A material that has the level itself loses its values of others: it would count twice. Labels of other rows are
    neither read nor changed. Several targets are corrected each by itself.

    Parameters
    ----------
    levels : shape (n_rows,), of each row; "" where it is not known, such rows stay as they are.
    labelled : {target: rows that have a label, sealed ones among them}.

    Raises
    ------
    DataError : fewer than 10 materials have both levels, fewer than 5 sealed rows have the level to be judged by, or a
        target has classes.
    """
    repairs: list[Repair] = []
    notes: list[str] = []
    targets = dict(dataset.targets)
    reached: dict[str, str] = {}
    keys = _materials(dataset)
    sealed = np.ones(len(dataset), dtype=bool)
    sealed[development] = False
    for target in problem.targets:
        labels = dataset.targets[target.name]
        found = _levels_here(levels, labelled[target.name])
        if len(found) < 2:
            continue
        to = reached[target.name] = wanted_level(problem) or found[0]
        _refuse(target, labels, levels, to, sealed & labelled[target.name])
        targets[target.name], changed, said = _shifted(dataset, development, levels, keys, target, to, found)
        repairs += changed
        notes += said
    return Corrected(replace(dataset, targets=targets), reached, tuple(repairs), tuple(notes))


def judged_by(labels: Mapping[str, Labels], levels: TextArray, to: Mapping[str, str]) -> dict[str, Labels]:
    """Sealed labels without those of other levels (unknown ones stay): a shifted value is no truth to judge by.

    Parameters
    ----------
    levels : shape (n_rows,), of the sealed rows. to : {target: its level}, as `Corrected` has it.
    """
    found = {}
    for name, one in labels.items():
        other = (levels != "") & (levels != to[name]) if name in to else np.zeros(len(levels), dtype=bool)
        found[name] = replace(one, values=np.where(other, np.nan, one.values))
    return found


def wanted_level(problem: Problem) -> str:
    """The level that the problem asks for, "" for the most frequent one."""
    return level_of(problem.cleaning.level) or problem.cleaning.level


def _levels_here(levels: TextArray, rows: BoolArray) -> list[str]:
    names, counts = np.unique(levels[rows & (levels != "")], return_counts=True)
    return [str(names[k]) for k in np.lexsort((names, -counts))]


def _refuse(target: Target, labels: Labels, levels: TextArray, to: str, sealed: BoolArray) -> None:
    if labels.classes:
        raise DataError(f'"{target.name}" has classes, which cannot be shifted. Write mixed = "separate".')
    n = int((sealed & (levels == to)).sum())
    if n < FEWEST_SEALED:
        raise DataError(
            f'"{target.name}": {n} sealed rows are {to}, at least {FEWEST_SEALED} are needed to judge by, because '
            'shifted values are no truth. Choose another level, or write mixed = "separate".'
        )


def _shifted(
    dataset: Dataset, development: IntArray, levels: TextArray, keys: IntArray, target: Target, to: str,
    found: Sequence[str],
) -> tuple[Labels, list[Repair], list[str]]:  # fmt: skip
    labels, log = dataset.targets[target.name], target.scale == "log"
    values, errors = labels.values.copy(), labels.errors.copy()
    known = development[np.isfinite(values[development])]
    own = {int(keys[i]): i for i in known[levels[known] == to].tolist()}
    repairs: list[Repair] = []
    notes: list[str] = []
    for level in (one for one in found if one != to):
        rows = known[levels[known] == level]
        both = np.array([i for i in rows.tolist() if int(keys[i]) in own], dtype=np.int64)
        partner = np.array([own[int(keys[i])] for i in both.tolist()], dtype=np.int64)
        if len(both) < FEWEST_PAIRS:
            raise DataError(
                f'"{target.name}": {len(both)} development materials have both {level} and {to}, at least '
                f"{FEWEST_PAIRS} are needed to fit what lies between them. Make the method an input, keep one level "
                'with mixed = "separate", or add materials that have both.'
            )
        scaled = np.log10(labels.values) if log else labels.values
        shift = fit_shift(level, to, scaled[both], scaled[partner])
        moved = shift.applied(scaled[rows])
        new = 10.0**moved if log else moved
        if target.bounds is not None:
            new = np.clip(new, *target.bounds)
        of_shift = new * np.log(10.0) * shift.error if log else shift.error
        errors[rows] = np.hypot(np.nan_to_num(labels.errors[rows]), of_shift)
        values[rows] = new
        values[both], errors[both] = np.nan, np.nan
        repairs += _lines(dataset, labels, values, rows, target, shift)
        notes.append(_said(target, labels, shift, len(rows), len(both), log))
    return replace(labels, values=values, errors=errors), repairs, notes


def _lines(
    dataset: Dataset, labels: Labels, values: FloatArray, rows: IntArray, target: Target, shift: LevelShift
) -> list[Repair]:
    lines = []
    for row in rows.tolist():
        gone = not np.isfinite(values[row])
        why = (
            f"{shift.level} beside a value of {shift.to} for the same inputs, which is used"
            if gone
            else f"{shift.level} shifted to {shift.to}, {shift.error:.3g} standard error"
        )
        new = "" if gone else f"{values[row]:.10g}"
        old = f"{labels.values[row]:.10g}"
        lines.append(Repair(dataset.source_rows[row][0], str(dataset.ids[row]), target.column, old, new, why))
    return lines


def _said(target: Target, labels: Labels, shift: LevelShift, n_rows: int, n_both: int, log: bool) -> str:
    unit = "" if log or not labels.unit else f" {labels.unit}"
    name = f"log10 of {shift.level}" if log else shift.level
    line = f"{shift.slope:.4g} times {name} {shift.intercept:+.4g}{unit}" if shift.slope != 1.0 else (
        f"{name} {shift.intercept:+.4g}{unit}")  # fmt: skip
    better = "" if shift.error < shift.before else "; it does not bring them nearer"
    return (
        f'"{target.name}": {n_rows - n_both:,} values of {shift.level} were shifted to {shift.to} ({line}), with a '
        f"standard error of {shift.error:.3g}{unit} out of fold ({shift.before:.3g} unshifted{better}), fitted to "
        f"{shift.n_pairs:,} development materials that have both; the model is judged by sealed rows of {shift.to}"
    )


def _materials(dataset: Dataset) -> IntArray:
    """Equal where all inputs are, structures up to relaxation."""
    near = {name: nearly_identical(one) for name, one in dataset.inputs.items() if isinstance(one, Structures)}
    distinct = {
        name: (one, np.arange(len(dataset))) for name, one in dataset.inputs.items() if isinstance(one, Compositions)
    }
    return input_keys(dataset.inputs, distinct, near)


# ---- as columns, before the seal ----


def beside(raw: RawTable, problem: Problem, levels: tuple[str, Levels] | None) -> RawTable:
    """The table with a column per target and other level, "gap (PBE)", in rows of the level that is asked for.

    The value is that of another row with the same inputs (structures up to relaxation), the median of several; NaN
    where there is none. It is known before the target is, so that it may be an input.

    Raises
    ------
    DataError : no input is such a column; the message says which there are.
    """
    if levels is None:
        return raw
    method, found = levels
    added: dict[str, FloatArray] = {}
    cards: dict[str, ColumnCard] = {}
    keys = None
    for target in problem.targets:
        if target.task == "classification":
            continue
        values = read_labels(raw, target).labels.values
        families = list(found.incompatible(np.isfinite(values)))
        level = wanted_level(problem) or next(iter(families), "")
        for other in (one for one in families if one != level):
            keys = _rows_alike(raw, problem) if keys is None else keys
            name = beside_name(target.column, other)
            added[name] = _taken(values, keys, found.family == other, found.family == level)
            cards[name] = ColumnCard(target.unit, f'"{target.column}" by {other}, from the rows of that "{method}"')
    if added and not {column for entry in problem.inputs for column in needed(entry)} & set(added):
        lines = "; ".join(f'"{name}" = {{ kind = "number" }}' for name in added)
        raise DataError(
            f'{raw.provenance.source}: [cleaning] mixed = "columns" makes columns of the other levels of theory, but '
            f"none is an input. Write one or more of these lines under [inputs]: {lines}."
        )
    new = {name: column for name, column in added.items() if name not in raw.columns}
    return replace(raw, columns={**raw.columns, **new}, describe={**raw.describe, **cards}) if new else raw


def beside_name(column: str, level: str) -> str:
    """What the column of another level is called."""
    return f"{column} ({level})"


def _rows_alike(raw: RawTable, problem: Problem) -> IntArray:
    own = [entry for entry in problem.inputs if all(column in raw.columns for column in needed(entry))]
    read = read_columns(raw, own, {})
    near = {name: nearly_identical(one) for name, one in read.columns.items() if isinstance(one, Structures)}
    return input_keys(read.columns, read.distinct, near)


def _taken(values: FloatArray, keys: IntArray, other: BoolArray, wanted: BoolArray) -> FloatArray:
    known: dict[int, list[float]] = {}
    for row in np.flatnonzero(other & np.isfinite(values)).tolist():
        known.setdefault(int(keys[row]), []).append(float(values[row]))
    found = np.full(len(values), np.nan)
    for row in np.flatnonzero(wanted).tolist():
        if int(keys[row]) in known:
            found[row] = float(np.median(known[int(keys[row])]))
    return found
