"""Rows with the same inputs become one: the rule of each target gives its value, the spread its uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.core.errors import DataError, all_faults
from matloop.data.dataset import Dataset, Labels, Repair
from matloop.problem.question import Merge, Target

_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Merged:
    """One row per key; `repairs` lists every key whose labels differed, `notes` counts what was merged."""

    dataset: Dataset
    repairs: tuple[Repair, ...]
    notes: tuple[str, ...]
    n_merged: int


@dataclass(frozen=True, slots=True)
class _Groups:
    """Rows sorted by key: `order` (n_rows,), the start of each key in it, and the key of each row."""

    key: IntArray
    order: IntArray
    starts: IntArray
    first: IntArray

    def members(self, key: int) -> IntArray:
        end = self.starts[key + 1] if key + 1 < len(self.starts) else len(self.order)
        return self.order[self.starts[key] : end]


def merge(dataset: Dataset, keys: IntArray, targets: Sequence[Target], source: str = "") -> Merged:
    """Merge rows with equal `keys`, which must be numbered by first appearance (0, 1, 2, ...).

    Regression: median by default. The error of a merged value is its standard error from the spread of the replicates
    (sd / sqrt(n), 1.2533 times that for a median of three and more), or what the stated errors give if that is larger:
    `Labels.errors` is the uncertainty of the value that is kept, and a mean of ten is better known than a single value.
    Replicates that agree to the last digit are copies, not measurements, and say nothing about noise: NaN. From two or
    three replicates such an error is itself uncertain by half; whoever weighs by it pools it over development rows.

    Limits ("> 300") give way to values; limits alone keep the tightest one. Classification: the majority; at a tie the
    class of the row that comes first.

    A merged row keeps the id, group and inputs of its first row, the mean weight, the latest time, and all source rows.

    Raises
    ------
    DataError : merge = "error" and rows with the same inputs have different values.
    """
    n_keys = int(keys.max(initial=-1)) + 1
    if n_keys == len(dataset):
        return Merged(dataset, (), (), 0)
    groups = _groups(keys)
    repairs: list[Repair] = []
    notes: list[str] = []
    labels = {}
    for target in targets:
        labels[target.name], changed = _merged_labels(dataset, target, groups, source)
        repairs.extend(changed)
        if changed:
            notes.append(
                f'"{target.name}": sets of rows with the same inputs and different values: {len(changed):,} '
                f"({rule_of(target)} taken)"
            )
    split = _straddling(dataset, groups)
    if split:
        notes.append(f"{split} merged rows come from more than one group and stay in that of their first row")
    merged = dataset.take(groups.first)
    times = np.full(n_keys, -np.inf)
    np.maximum.at(times, keys, np.where(np.isnan(dataset.times), -np.inf, dataset.times))
    merged = replace(
        merged,
        targets=labels,
        weights=np.bincount(keys, weights=dataset.weights) / np.bincount(keys),
        times=np.where(np.isinf(times), np.nan, times),
        source_rows=_source_rows(dataset, groups),
    )
    n_merged = len(dataset) - n_keys
    return Merged(
        merged,
        tuple(repairs),
        (f"rows that repeat the inputs of another row and were merged with it: {n_merged:,}", *notes),
        n_merged,
    )


def rule_of(target: Target) -> Merge:
    """The merge rule of a target: what the problem says, else majority for classes and median for numbers."""
    return target.merge or ("majority" if target.task == "classification" else "median")


def _groups(keys: IntArray) -> _Groups:
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(keys[order]) > 0])
    return _Groups(keys, order, starts, order[starts])


def _source_rows(dataset: Dataset, groups: _Groups) -> tuple[tuple[int, ...], ...]:
    ends = np.r_[groups.starts[1:], len(groups.order)]
    ordered = [dataset.source_rows[i] for i in groups.order.tolist()]
    spans = zip(groups.starts.tolist(), ends.tolist(), strict=True)
    return tuple(ordered[a] if b - a == 1 else tuple(row for rows in ordered[a:b] for row in rows) for a, b in spans)


def _straddling(dataset: Dataset, groups: _Groups) -> int:
    other = dataset.groups != dataset.groups[groups.first][groups.key]
    return len(np.unique(groups.key[other]))


def _merged_labels(dataset: Dataset, target: Target, groups: _Groups, source: str) -> tuple[Labels, list[Repair]]:
    labels = dataset.targets[target.name]
    use = _used(labels, groups)
    rule = rule_of(target)
    if rule == "error":
        _refuse_conflicts(dataset, target, labels, groups, use, source)
    values = _combined(labels, groups, use, rule)
    counts = np.bincount(groups.key[use], minlength=len(groups.starts))
    spread = _spread(labels.values, groups, use, counts)
    single = values.copy()
    censored = np.zeros(len(values), dtype=np.int64)
    limits = np.flatnonzero(use & (labels.censored != 0))
    censored[groups.key[limits]] = labels.censored[limits]
    if labels.classes:
        errors = np.full(len(values), np.nan)
    else:
        errors = _errors(labels, groups, use, counts, spread, rule)
    merged = replace(labels, values=single, errors=errors, censored=censored)
    return merged, _conflicts(dataset, target, labels, merged, groups, use, counts, spread)


def _used(labels: Labels, groups: _Groups) -> BoolArray:
    """Which rows a merged label is made of: values before limits, and of limits alone the tightest."""
    there = np.isfinite(labels.values)
    if not labels.censored.any():
        return there
    plain = there & (labels.censored == 0)
    has_plain = np.bincount(groups.key[plain], minlength=len(groups.starts)) > 0
    limits = there & (labels.censored != 0) & ~has_plain[groups.key]
    tight = np.full(len(groups.starts), -np.inf)
    tightness = labels.values * labels.censored  # largest lower limit, smallest upper limit
    np.maximum.at(tight, groups.key[limits], tightness[limits])
    chosen = limits & (tightness == tight[groups.key])
    first = np.full(len(groups.starts), len(there), dtype=np.int64)
    np.minimum.at(first, groups.key[chosen], np.flatnonzero(chosen))
    return plain | (chosen & (first[groups.key] == np.arange(len(there))))


def _combined(labels: Labels, groups: _Groups, use: BoolArray, rule: Merge) -> FloatArray:
    """The value of each key by the rule; NaN where no row has one."""
    rows = np.flatnonzero(use)
    key, value = groups.key[rows], labels.values[rows]
    out = np.full(len(groups.starts), np.nan)
    if rule == "majority":
        key, value = _majority(key, value, rows)
        out[key] = value
        return out
    if rule in ("first", "error"):
        out[key[::-1]] = value[::-1]
        return out
    order = np.lexsort((value, key))
    key, value = key[order], value[order]
    start = np.flatnonzero(np.r_[True, np.diff(key) > 0]) if len(key) else np.empty(0, dtype=np.int64)
    count = np.diff(np.r_[start, len(key)])
    if rule == "median":
        out[key[start]] = (value[start + (count - 1) // 2] + value[start + count // 2]) / 2.0
    elif rule == "mean":
        out[key[start]] = np.add.reduceat(value, start) / count if len(start) else []
    else:
        out[key[start]] = value[start] if rule == "min" else value[start + count - 1]
    return out


def _majority(key: IntArray, value: FloatArray, rows: IntArray) -> tuple[IntArray, FloatArray]:
    """The most frequent value per key; at a tie the one whose first row comes first."""
    order = np.lexsort((rows, value, key))
    key, value, rows = key[order], value[order], rows[order]
    start = np.flatnonzero(np.r_[True, (np.diff(key) > 0) | (np.diff(value) != 0)])
    count = np.diff(np.r_[start, len(key)])
    best = np.lexsort((-rows[start], count, key[start]))
    last = np.flatnonzero(np.r_[np.diff(key[start][best]) > 0, True])
    chosen = start[best[last]]
    return key[chosen], value[chosen]


def _spread(values: FloatArray, groups: _Groups, use: BoolArray, counts: IntArray) -> FloatArray:
    """Sample standard deviation per key; NaN below two values, 0 where all are equal."""
    key, value = groups.key[use], values[use]
    n = len(groups.starts)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(key, weights=value, minlength=n) / counts
        variance = np.bincount(key, weights=(value - mean[key]) ** 2, minlength=n) / (counts - 1)
    spread = np.sqrt(variance)
    low, high = np.full(n, np.inf), np.full(n, -np.inf)
    np.minimum.at(low, key, value)
    np.maximum.at(high, key, value)
    spread[low == high] = 0.0
    spread[counts < 2] = np.nan
    return spread


def _errors(
    labels: Labels, groups: _Groups, use: BoolArray, counts: IntArray, spread: FloatArray, rule: Merge
) -> FloatArray:
    n = len(groups.starts)
    key, stated = groups.key[use], labels.errors[use]
    known = np.isfinite(stated)
    n_known = np.bincount(key[known], minlength=n)
    squares = np.bincount(key[known], weights=stated[known] ** 2, minlength=n)
    averaging = rule in ("median", "mean", "majority")
    factor = np.where((counts >= 3) & (rule == "median"), 1.2533, 1.0)  # asymptotic, normal errors: sqrt(pi/2)
    with np.errstate(invalid="ignore", divide="ignore"):
        from_spread = spread * (factor / np.sqrt(counts) if averaging else 1.0)
        root_mean_square = np.sqrt(squares / n_known)
        from_stated = root_mean_square * (factor / np.sqrt(counts) if averaging else 1.0)
    from_spread[spread == 0] = np.nan
    return np.fmax(from_spread, np.where(n_known > 0, from_stated, np.nan))


def _conflicts(
    dataset: Dataset,
    target: Target,
    labels: Labels,
    merged: Labels,
    groups: _Groups,
    use: BoolArray,
    counts: IntArray,
    spread: FloatArray,
) -> list[Repair]:
    repairs = []
    for key in np.flatnonzero((counts > 1) & (spread > 0)).tolist():
        members = groups.members(key)
        members = members[use[members]]
        rows = sorted(row for i in members.tolist() for row in dataset.source_rows[i])
        unit = f" {labels.unit}" if labels.unit else ""
        old = _values_shown(labels, members) + unit
        new = _value_shown(labels, float(merged.values[key])) + unit
        reason = f"{rule_of(target)} of rows {_rows_shown(rows)}, which have the same inputs"
        if labels.classes:
            reason += _tie(labels.values[members], float(merged.values[key]))
        else:
            reason += f"; they spread by {spread[key]:.4g}{unit} (standard deviation)"
        repairs.append(Repair(rows[0], str(dataset.ids[groups.first[key]]), target.column, old, new, reason))
    return repairs


def _tie(values: FloatArray, chosen: float) -> str:
    _, counts = np.unique(values, return_counts=True)
    tied = np.count_nonzero(counts == counts.max()) > 1
    return "; a tie, the class of the first row is taken" if tied else ""


def _values_shown(labels: Labels, members: IntArray) -> str:
    shown = [_value_shown(labels, float(value)) for value in labels.values[members[:_SHOWN]]]
    more = f"; and {len(members) - _SHOWN} more" if len(members) > _SHOWN else ""
    return "; ".join(shown) + more


def _value_shown(labels: Labels, value: float) -> str:
    if np.isnan(value):
        return ""
    return labels.classes[int(value)] if labels.classes else f"{value:.10g}"


def _rows_shown(rows: Sequence[int]) -> str:
    return ", ".join(map(str, rows[:_SHOWN])) + (f" and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else "")


def _refuse_conflicts(
    dataset: Dataset, target: Target, labels: Labels, groups: _Groups, use: BoolArray, source: str
) -> None:
    counts = np.bincount(groups.key[use], minlength=len(groups.starts))
    spread = _spread(labels.values, groups, use, counts)
    wrong = []
    for key in np.flatnonzero((counts > 1) & (spread > 0)).tolist():
        members = groups.members(key)
        members = members[use[members]]
        rows = sorted(row for i in members.tolist() for row in dataset.source_rows[i])
        wrong.append(f"rows {_rows_shown(rows)}: {_values_shown(labels, members)}")
    if wrong:
        raise DataError(
            all_faults(
                f'{source}, column "{target.column}": {len(wrong)} sets of rows have the same inputs and different '
                "values, and "
                'merge = "error" does not allow that. Correct them, add the input that tells them apart, or write '
                'merge = "median":',
                wrong,
            )
        )
