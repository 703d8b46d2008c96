"""What reads labels across rows: far-off values, and inputs that give the target away. Development rows only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.data.cleaning import outliers
from matloop.data.cleaning.levels import names_levels
from matloop.data.dataset import Categories, Column, Dataset, Flagged, Labels, Numbers
from matloop.data.inputs import absent
from matloop.matter.compositions import Compositions, reduced_formulas
from matloop.matter.structures import Structures, to_compositions
from matloop.problem.question import Problem, Target

NEARLY_MONOTONE = 0.995
"""Rank correlation above which an input says the target in other words; two measurements of one thing stay below."""
FAR = 8.0
"""Robust standard deviations from the median beyond which a value is flagged: 1e-15 of a normal distribution."""
FEWEST = 20
_MOST_LISTED = 20
_HEAVY_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Something to look at; nothing is removed because of it.

    kind : "outlier", "leak" (an input that gives the target away), "identifier" (an input that names the row) or
        "levels" (what lies between levels of theory).
    rows : rows of the dataset it is about (outliers), most extreme first.
    flags : a line for each of them, all of them; without those that `[cleaning] keep` accepts.
    """

    kind: Literal["outlier", "leak", "identifier", "levels"]
    target: str
    input: str
    said: str
    rows: tuple[int, ...] = ()
    flags: tuple[Flagged, ...] = ()

    def __str__(self) -> str:
        return self.said


def screen_development(dataset: Dataset, rows: IntArray, problem: Problem) -> tuple[Suspicion, ...]:
    """Suspicions about the rows `rows` of a dataset; labels of other rows are not read.

    Parameters
    ----------
    rows : development rows; their labels must not be sealed.
    """
    part = dataset.take(rows)
    found: list[Suspicion] = []
    for target in problem.targets:
        labels = part.targets[target.name]
        known = np.isfinite(labels.values)
        if known.sum() < FEWEST:
            continue
        if not labels.classes:
            found += _outliers(part, target, labels, rows)
            found += _misfits(part, target, labels, rows)
            found += _between_levels(part, target, labels)
        y = labels.values[known]
        for name, column in part.inputs.items():
            kept = column.take(np.flatnonzero(known))
            found += _given_away(name, kept, y, labels, target)
    found += _identifiers(part.inputs)
    accepted = frozenset(problem.cleaning.keep)
    return tuple(replace(one, flags=tuple(flag for flag in one.flags if flag.id not in accepted)) for one in found)


def _flag(part: Dataset, target: Target, labels: Labels, row: int, reason: str) -> Flagged:
    found = f"{labels.values[row]:.10g} {labels.unit}".rstrip()
    return Flagged(part.source_rows[row][0], str(part.ids[row]), target.column, found, reason)


def _outliers(part: Dataset, target: Target, labels: Labels, rows: IntArray) -> list[Suspicion]:
    """Values far outside the bulk; each side is measured by its own spread, for skewed targets."""
    values = np.log10(labels.values) if target.scale == "log" else labels.values
    distance = _robust_distance(values)
    far = np.flatnonzero(distance > FAR)
    if len(far) == 0:
        return []
    if len(far) > _HEAVY_SHARE * np.isfinite(values).sum():
        said = (
            f'"{target.name}": {len(far)} values lie more than {FAR:g} robust standard deviations from the median; '
            "that many are "
            'a wide distribution rather than errors. Think of scale = "log", or of loss = "mae" or "huber".'
        )
        return [Suspicion("outlier", target.name, "", said)]
    far = far[np.argsort(-distance[far], kind="stable")]
    shown = "; ".join(
        f"row {part.source_rows[i][0]} ({part.ids[i]}): {labels.values[i]:.6g} {labels.unit}".rstrip() for i in far[:5]
    )
    said = (
        f'"{target.name}": {len(far)} values are far from all others (more than {FAR:g} robust standard deviations): '
        f"{shown}. "
        "They were kept; look whether they are slips of unit or decimal sign."
    )
    flags = tuple(
        _flag(part, target, labels, i, f"lies {distance[i]:.3g} robust standard deviations from the median")
        for i in far.tolist()
    )
    return [Suspicion("outlier", target.name, "", said, tuple(int(rows[i]) for i in far[:_MOST_LISTED]), flags)]


def _misfits(part: Dataset, target: Target, labels: Labels, rows: IntArray) -> list[Suspicion]:
    """Values unlike those of similar compositions, and such as are off by a factor between units."""
    known = np.flatnonzero(np.isfinite(labels.values))
    batch = _matter(part)
    if batch is None or len(known) < outliers.FEWEST:
        return []
    values = labels.values[known]
    log = target.scale == "log"
    distances, slips = outliers.misfits(batch.take(known), values)
    if log:
        distances = outliers.misfits(batch.take(known), np.log10(values))[0]
    odd = outliers.flagged(distances, slips)
    if len(odd) == 0 or len(odd) > _HEAVY_SHARE * len(known):
        return []
    shown = "; ".join(
        f"row {part.source_rows[known[k]][0]} ({part.ids[known[k]]}): {values[k]:.6g} {labels.unit}".rstrip()
        + (f", off by a {slips[k]}" if k in slips else "")
        for k in odd[:5].tolist()
    )
    said = f'"{target.name}": {len(odd)} values are unlike those of similar compositions: {shown}. They were kept.'
    flags = tuple(
        _flag(part, target, labels, int(known[k]), f"seems off by a {slips[k]}: similar compositions differ by that")
        if k in slips
        else _flag(part, target, labels, int(known[k]),
                   f"lies {distances[k]:.3g} robust standard deviations from similar compositions")
        for k in odd.tolist()
    )  # fmt: skip
    return [Suspicion("outlier", target.name, "", said, tuple(int(rows[known[k]]) for k in odd[:_MOST_LISTED]), flags)]


def _matter(part: Dataset) -> Compositions | None:
    for column in part.inputs.values():
        if isinstance(column, Structures):
            return to_compositions(column)
        if isinstance(column, Compositions):
            return column
    return None


def _between_levels(part: Dataset, target: Target, labels: Labels) -> list[Suspicion]:
    """The difference between levels of theory that are an input, from the compositions that both have."""
    batch = _matter(part)
    known = np.isfinite(labels.values)
    found = []
    for name, column in part.inputs.items():
        if batch is None or not isinstance(column, Categories) or not names_levels(column.values):
            continue
        methods, formulas = column.values[known], reduced_formulas(batch)[known]
        for one, other, shift, error, n in outliers.shifts(formulas, methods, labels.values[known])[:5]:
            said = (
                f'"{target.name}" by {one} is on average {shift:+.4g} {labels.unit}'.rstrip()
                + f" from {other} ({error:.2g} standard error, {n} common compositions); the model learns it from the "
                f'input "{name}".'
            )
            found.append(Suspicion("levels", target.name, name, said))
    return found


def _robust_distance(values: FloatArray) -> FloatArray:
    """Distance from the median in robust standard deviations of that side; NaN where there is no value."""
    known = values[np.isfinite(values)]
    middle = np.median(known)
    above, below = known[known > middle] - middle, middle - known[known < middle]
    scale_up = 1.4826 * np.median(above) if len(above) else 0.0
    scale_down = 1.4826 * np.median(below) if len(below) else 0.0
    floor = 1e-3 * max(scale_up, scale_down)
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = np.where(values >= middle, max(scale_up, floor), max(scale_down, floor))
        return np.where(values == middle, 0.0, np.abs(values - middle) / scale)


def _given_away(name: str, column: Column, y: FloatArray, labels: Labels, target: Target) -> list[Suspicion]:
    if isinstance(column, Numbers):
        said = _number_says(name, column.values, y, labels, target)
    elif isinstance(column, Categories):
        said = _words_say(name, column.values, y, labels, target)
    else:
        said = ""
    said = said or _gaps_say(name, absent(column), y, labels, target)
    advice = "If it is known only once the target is known, take it out of [inputs]."
    return [Suspicion("leak", target.name, name, f"{said} {advice}")] if said else []


def _number_says(name: str, x: FloatArray, y: FloatArray, labels: Labels, target: Target) -> str:
    both = np.isfinite(x)
    x, y = x[both], y[both]
    if len(x) < FEWEST or len(np.unique(x)) < 5 or len(np.unique(y)) < 2:
        return ""
    if labels.classes:
        return _number_parts(name, x, y, labels, target)
    if factor := _constant_factor(x, y):
        return f'Input "{name}" is the target "{target.name}" itself in another unit (divided by {factor:.6g}).'
    rank = float(stats.spearmanr(x, y).statistic)
    if abs(rank) <= NEARLY_MONOTONE:
        return ""
    way = "rises" if rank > 0 else "falls"
    return f'Target "{target.name}" {way} with input "{name}" almost without exception (rank correlation {rank:.4f}).'


def _constant_factor(x: FloatArray, y: FloatArray) -> float:
    """y / x where that is one number for at least 99 % of the rows, else 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = x / y
    ratio = ratio[np.isfinite(ratio) & (ratio != 0)]
    if len(ratio) < FEWEST:
        return 0.0
    middle = float(np.median(ratio))
    same = np.abs(ratio - middle) <= 1e-4 * abs(middle)
    return middle if same.mean() >= 0.99 and len(ratio) >= 0.9 * np.count_nonzero((x != 0) & (y != 0)) else 0.0


def _number_parts(name: str, x: FloatArray, y: FloatArray, labels: Labels, target: Target) -> str:
    """Whether thresholds on one number part the classes: each class in an interval of its own."""
    order = np.argsort(x, kind="stable")
    changes = int(np.count_nonzero(np.diff(y[order])))
    n_classes = len(np.unique(y))
    smallest = np.bincount(y.astype(np.int64)).max(initial=0)
    if changes != n_classes - 1 or smallest == len(y) or len(y) < 3 * FEWEST:
        return ""
    return f'Input "{name}" alone parts the classes of "{target.name}" without a mistake, by {changes} limits.'


def _words_say(name: str, words: np.ndarray, y: FloatArray, labels: Labels, target: Target) -> str:
    codes, found = pd.factorize(words.astype(object))
    if len(found) < 2 or len(found) > len(y) / 3:
        return ""
    share = _explained(codes.astype(np.int64), y, labels)
    if share <= NEARLY_MONOTONE:
        return ""
    return f'Input "{name}" ({len(found)} categories) alone determines "{target.name}" ({share:.1%} of it).'


def _gaps_say(name: str, gaps: BoolArray, y: FloatArray, labels: Labels, target: Target) -> str:
    if min(gaps.sum(), (~gaps).sum()) < max(5, 0.02 * len(gaps)):
        return ""
    share = _explained(gaps.astype(np.int64), y, labels)
    if share <= NEARLY_MONOTONE:
        return ""
    return f'Whether input "{name}" is empty alone determines "{target.name}" ({share:.1%} of it).'


def _explained(codes: IntArray, y: FloatArray, labels: Labels) -> float:
    """Share of the variance, or for classes of the mistakes of the commonest class, that the group says."""
    if labels.classes:
        table = np.zeros((int(codes.max()) + 1, len(labels.classes)))
        np.add.at(table, (codes, y.astype(np.int64)), 1.0)
        wrong, wrong_before = len(y) - table.max(axis=1).sum(), len(y) - table.sum(axis=0).max()
        return float(1.0 - wrong / wrong_before) if wrong_before else 0.0
    counts = np.bincount(codes)
    mean = np.bincount(codes, weights=y) / np.maximum(counts, 1)
    total = float(((y - y.mean()) ** 2).sum())
    return 1.0 - float(((y - mean[codes]) ** 2).sum()) / total if total else 0.0


def _identifiers(inputs: Mapping[str, Column]) -> list[Suspicion]:
    found = []
    for name, column in inputs.items():
        if not isinstance(column, Categories) or len(column.values) < FEWEST:
            continue
        words = column.values[column.values != ""]
        n_words = len(np.unique(words))
        if len(words) >= FEWEST and n_words > 0.9 * len(words):
            said = (
                f'Input "{name}" has another category in nearly every row ({n_words} in {len(words)}): it names the '
                "row and says "
                "nothing about new ones. Take it out of [inputs], or give it as [roles] id."
            )
            found.append(Suspicion("identifier", "", name, said))
    return found
