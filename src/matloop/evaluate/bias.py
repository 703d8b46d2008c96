"""Where a model errs more than elsewhere, or always in one direction, and what of it is more than luck."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.core.errors import DataError
from matloop.evaluate.bias_values import (
    BiasFinding,
    BiasStudy,
    Errors,
    errors_of_classes,
    errors_of_values,
    left_unexplained,
)
from matloop.evaluate.bias_words import finding_words, noun, study_sentence
from matloop.evaluate.gathered import Gathered
from matloop.evaluate.multiple import adjusted
from matloop.evaluate.resample import group_weights
from matloop.evaluate.row_sets import by_range, by_word, column_sets, table_sets
from matloop.evaluate.set_tests import compare_sets
from matloop.evaluate.slices import Slice
from matloop.metrics.estimate import Estimate
from matloop.train.subject import Subject

MIN_ROWS, MIN_GROUPS = 10, 5
"""Fewer rows, or fewer independent groups, inside or outside of a set cannot be compared."""
FALSE_ALARM = 0.05
WORTH = 0.1
"""A set is called only if its error differs by at least this share of the rest's, its offset by this share of the
mean error: with 30,000 rows smaller differences are real and do not matter."""
SAME = 0.6
"""Sets that share this part of their rows (Jaccard) are told as one."""
STRATA = 5
ONE_SIDED = ("measured", "class")
"""Kinds made from the true value. Any model with noise predicts the highest true values too low and the lowest too
high (regression to the mean), so no direction is tested in them."""


def find_bias(
    errors: Errors,
    sets: Sequence[Slice],
    groups: ArrayLike | None = None,
    *,
    predicted: ArrayLike | None = None,
    false_alarm: float = FALSE_ALARM,
    seed: int = 0,
) -> BiasStudy:
    """Sets of rows on which a model errs more, less, or in one direction, corrected for how many were looked at.

    The chance that even one of all called differences is luck is `false_alarm`: p-values come from permuting whole
    groups and taking the largest statistic of all sets and quantities (step-down max-T). To be called a difference
    must also matter: a tenth of the error of the rest.

    Parameters
    ----------
    errors : see `errors_of_values`, `errors_of_classes`. Rows with an error that is not finite are left out.
    sets : see `row_sets` (`by_chemistry`, `by_word`, `by_range`), each over all rows.
    groups : shape (n,), rows that belong together (one compound at several temperatures); None: each by itself.
    predicted : shape (n,), predicted value or probability, to ask whether it explains a difference.

    Raises
    ------
    DataError : a set or the groups have another length than the errors.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> y, fluoride = rng.normal(size=400), np.arange(400) < 80
    >>> said = y + rng.normal(0, np.where(fluoride, 0.4, 0.1))
    >>> found = find_bias(errors_of_values(y, said), [Slice("element", "F", fluoride)])
    >>> found.called[0].size, 3 < found.called[0].ratio.value < 5
    ('larger', True)
    """
    n = len(errors.size)
    names = np.arange(n) if groups is None else np.asarray(groups)
    _same_lengths(n, names, sets)
    known = np.isfinite(errors.size) & (True if errors.offset is None else np.isfinite(errors.offset))
    rows = np.flatnonzero(known)
    group = np.unique(names[rows], return_inverse=True)[1].reshape(-1).astype(np.int64)
    chosen, too_few = _comparable([replace(s, member=s.member[rows]) for s in sets], group)
    size = errors.size[rows]
    offset = None if errors.offset is None else errors.offset[rows]
    taken = replace(errors, size=size, offset=offset)
    member = np.stack([s.member for s in chosen], axis=1) if chosen else np.zeros((len(rows), 0), dtype=np.bool_)
    notes = [] if len(rows) == n else [f"{n - len(rows):,} rows without a prediction are left out"]
    overall = _means(taken, np.ones((len(rows), 1), dtype=np.bool_), group, seed) if len(rows) else None
    if overall is None or not chosen:
        notes.append("no set of rows is large enough to be compared with the others")
        none = Estimate(math.nan, math.nan, math.nan)
        blank = BiasStudy(
            (), len(rows), 0, false_alarm, none, none, errors.scale, errors.unit, errors.positive, too_few, "",
            tuple(notes),
        )  # fmt: skip
        return replace(blank, sentence=study_sentence(blank))
    said = None if predicted is None else np.asarray(predicted, dtype=np.float64)[rows]
    findings, n_permutations = _findings(taken, chosen, member, group, said, false_alarm, seed)
    study = BiasStudy(
        findings, len(rows), n_permutations, false_alarm, overall.size[0], overall.offset[0], errors.scale, errors.unit,
        errors.positive, too_few, "", tuple(notes),
    )  # fmt: skip
    return replace(study, sentence=study_sentence(study))


def study_bias(
    subject: Subject,
    gathered: Gathered,
    *,
    deadline: float,
    columns: Mapping[str, ArrayLike] | None = None,
) -> BiasStudy | None:
    """Bias of the cross-validated predictions: by chemistry, categories, inputs, values, clusters and domain.

    Parameters
    ----------
    columns : further columns of the development rows (source, space group, year), by name; each shape (n,).

    Returns
    -------
    None where the deadline has passed.
    """
    if time.monotonic() >= deadline:
        return None
    development, prediction = subject.development, gathered.cv.prediction
    y, errors = development.y, subject_errors(subject, gathered)
    two = prediction.proba.shape[1] == 2
    predicted = prediction.proba[:, development.positive] if two else prediction.value
    sets = table_sets(development.table)
    sets += column_sets(columns or {}, len(development))
    if development.classes:
        sets += by_word("class", "", np.asarray(development.classes)[y.astype(np.int64)])
    else:
        sets += by_range("measured", "", y)
    if two or not development.classes:
        name = f"chance of {development.classes[development.positive]}" if two else ""
        sets += by_range("predicted", name, predicted)
    if gathered.loco is not None:
        sets += [Slice("cluster", f"cluster {k + 1}", gathered.loco.part == k) for k in np.unique(gathered.loco.part)]
    sets.append(Slice("domain", "outside", ~prediction.in_domain))
    return find_bias(
        errors, sets, development.groups, predicted=None if development.classes and not two else predicted,
        seed=subject.seed,
    )  # fmt: skip


def subject_errors(subject: Subject, gathered: Gathered) -> Errors:
    """Errors of the cross-validated predictions of the development rows."""
    development, prediction = subject.development, gathered.cv.prediction
    if development.classes:
        return errors_of_classes(
            development.y, prediction.value, prediction.proba, classes=development.classes,
            positive=development.positive,
        )  # fmt: skip
    value = prediction.value
    if development.scale == "log":
        value = np.where(value > 0, value, np.nan)
        known = np.where(np.isfinite(value), value, 1.0)
        errors = errors_of_values(development.y, known, scale="log")
        lost = ~np.isfinite(value)
        return replace(errors, size=np.where(lost, np.nan, errors.size))
    return errors_of_values(development.y, value, unit=development.unit)


def _same_lengths(n: int, groups: NDArray, sets: Sequence[Slice]) -> None:
    if len(groups) != n:
        raise DataError(f"{n} rows, but {len(groups)} group names. Give one group per row.")
    for one in sets:
        if len(one.member) != n:
            raise DataError(f"set {one.name!r} is about {len(one.member)} rows, the errors are {n}.")


def _comparable(sets: Sequence[Slice], group: IntArray) -> tuple[list[Slice], tuple[str, ...]]:
    chosen, too_few, seen = [], [], set()
    for one in sets:
        n, inside = int(one.member.sum()), one.member
        if n == 0 or n == len(inside):
            continue
        few = min(n, len(inside) - n) < MIN_ROWS
        if few or min(len(np.unique(group[inside])), len(np.unique(group[~inside]))) < MIN_GROUPS:
            too_few.append(noun(one.kind, one.name))
            continue
        mark = inside.tobytes()
        if mark not in seen:  # two names of the same rows are one comparison
            seen.add(mark)
            chosen.append(one)
    return chosen, tuple(too_few)


@dataclass(frozen=True, slots=True)
class _Means:
    """Mean of sizes and offsets inside each set, and inside over outside, each with its interval."""

    size: list[Estimate]
    rest: FloatArray
    ratio: list[Estimate]
    offset: list[Estimate]
    offset_rest: FloatArray


def _means(errors: Errors, member: BoolArray, group: IntArray, seed: int) -> _Means:
    """Bootstrap by group of everything about the sets (n_rows, n_sets) at once."""
    offset = np.full(len(errors.size), np.nan) if errors.offset is None else errors.offset
    n_groups, inside = int(group.max()) + 1, member.astype(np.float64)
    count, size, shift = (_by_group(inside * part[:, None], group, n_groups) for part in (np.ones(len(group)),
        errors.size, offset))  # fmt: skip
    everyone = [_by_group(part[:, None], group, n_groups) for part in (np.ones(len(group)), errors.size, offset)]
    weights = np.vstack([np.ones(n_groups, dtype=np.float32), group_weights(n_groups, seed)])
    n, s, o = ((weights @ part.astype(np.float32)).astype(np.float64) for part in (count, size, shift))
    n_all, s_all, o_all = ((weights @ part.astype(np.float32)).astype(np.float64) for part in everyone)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean, rest = s / n, (s_all - s) / (n_all - n)
        ratio = np.where(rest > 0, mean / rest, np.nan)
        offsets, offset_rest = o / n, (o_all - o) / (n_all - n)
    return _Means(*(_estimates(mean), rest[0]), _estimates(ratio), _estimates(offsets), offset_rest[0])


def _by_group(columns: FloatArray, group: IntArray, n_groups: int) -> FloatArray:
    return np.stack([np.bincount(group, weights=column, minlength=n_groups) for column in columns.T], axis=1)


def _estimates(drawn: FloatArray) -> list[Estimate]:
    """The first row is the value, the others are resamples."""
    found = []
    for column in drawn.T:
        known = column[1:][np.isfinite(column[1:])]
        enough = len(known) >= (len(column) - 1) / 2 and np.isfinite(column[0])
        low, high = np.quantile(known, [0.025, 0.975]) if enough else (math.nan, math.nan)
        found.append(Estimate(float(column[0]), float(low), float(high)))
    return found


def _findings(
    errors: Errors,
    sets: Sequence[Slice],
    member: BoolArray,
    group: IntArray,
    predicted: FloatArray | None,
    false_alarm: float,
    seed: int,
) -> tuple[tuple[BiasFinding, ...], int]:
    means = _means(errors, member, group, seed)
    directed = np.array([one.kind not in ONE_SIDED for one in sets])
    tests = _tested(errors, member, directed, group, seed)
    worth = WORTH * float(errors.size.mean())
    alike = _alike(errors.size, member, predicted)
    found = []
    for k, one in enumerate(sets):
        ratio, gap = means.ratio[k].value, means.offset[k].value - means.offset_rest[k]
        large = tests.p[0, k] <= false_alarm and abs(math.log(max(ratio, 1e-9))) >= math.log1p(WORTH)
        shifted = tests.p[1, k] <= false_alarm and abs(gap) >= worth
        offset = means.offset[k] if directed[k] else Estimate(math.nan, math.nan, math.nan)
        finding = BiasFinding(
            one.kind, one.name, int(member[:, k].sum()), len(np.unique(group[member[:, k]])), means.size[k],
            float(means.rest[k]), means.ratio[k], float(alike[k]), offset,
            float(means.offset_rest[k]) if directed[k] else math.nan,
            float(tests.p[0, k]), float(tests.p[1, k]), float(tests.q[0, k]), float(tests.q[1, k]),
            ("larger" if ratio > 1 else "smaller") if large else "", ("high" if gap > 0 else "low") if shifted else "",
            "", (),
        )  # fmt: skip
        found.append((finding, one.member, _strength(finding, tests.statistic[:, k])))
    ordered = [(one, inside) for one, inside, _ in sorted(found, key=lambda each: each[2], reverse=True)]
    told = tuple(replace(one, words=finding_words(one, errors)) for one in _told_once(ordered))
    return told, tests.n_permutations


@dataclass(frozen=True, slots=True)
class _Tests:
    """Of size and direction, each (2, n_sets); NaN where not tested: statistic, family-wise p, false discovery rate."""

    statistic: FloatArray
    p: FloatArray
    q: FloatArray
    n_permutations: int


def _tested(errors: Errors, member: BoolArray, directed: BoolArray, group: IntArray, seed: int) -> _Tests:
    none = errors.offset is None
    values = errors.size[:, None] if errors.offset is None else np.column_stack([errors.size, errors.offset])
    tests = compare_sets(values, member, group, seed)
    asked = np.ones(tests.p.shape, dtype=np.bool_) if none else np.stack([np.ones(len(directed), np.bool_), directed])
    q = adjusted(np.where(asked, tests.p, np.nan).ravel(), "fdr").reshape(asked.shape)
    found = [np.where(asked, one, np.nan) for one in (tests.statistic, tests.p_adjusted, q)]
    if none:
        found = [np.vstack([one, np.full(len(directed), np.nan)]) for one in found]
    return _Tests(found[0], found[1], found[2], tests.n_permutations)


def _alike(size: FloatArray, member: BoolArray, predicted: FloatArray | None) -> FloatArray:
    """Mean error of each set over what rows outside with the same predicted values have (direct standardisation)."""
    if predicted is None or not np.isfinite(predicted).all():
        return np.full(member.shape[1], np.nan)
    ends = np.unique(np.quantile(predicted, np.linspace(0, 1, STRATA + 1)))
    place = np.clip(np.searchsorted(ends, predicted, side="right") - 1, 0, max(len(ends) - 2, 0))
    strata = np.eye(int(place.max()) + 1)[place]
    count, total = strata.T @ member, strata.T @ (member * size[:, None])
    with np.errstate(invalid="ignore", divide="ignore"):
        outside = (strata.T @ size[:, None] - total) / (strata.sum(axis=0)[:, None] - count)
        expected = np.where(count > 0, count * outside, 0.0).sum(axis=0)
        found = total.sum(axis=0) / expected
    return np.asarray(np.where(np.isfinite(found), found, np.nan))


def _strength(one: BiasFinding, statistic: FloatArray) -> tuple[bool, float]:
    """Called ones first; by the statistic, that of sizes as far as the predicted value does not explain it."""
    called = bool(one.size or one.direction)
    size, direction = np.abs(np.nan_to_num(statistic))
    if one.size and left_unexplained(one) < 1.0:
        size *= max(left_unexplained(one), 0.0)
    size = size if one.size or not called else 0.0
    return called, max(float(size), float(direction) if one.direction or not called else 0.0)


def _told_once(ordered: Sequence[tuple[BiasFinding, BoolArray]]) -> list[BiasFinding]:
    """Called findings that hold mostly the rows of a stronger one with the same call say so."""
    told: list[BiasFinding] = []
    first: list[tuple[BiasFinding, BoolArray]] = []
    for one, member in ordered:
        same = ""
        if one.size or one.direction:
            same = next((noun(b.kind, b.name) for b, m in first if _same_call(one, b) and _jaccard(member, m) >= SAME),
                        "")  # fmt: skip
            if not same:
                first.append((one, member))
        told.append(replace(one, same_as=same))
    return told


def _same_call(one: BiasFinding, other: BiasFinding) -> bool:
    return (one.size, one.direction) == (other.size, other.direction)


def _jaccard(one: BoolArray, other: BoolArray) -> float:
    return float((one & other).sum() / max((one | other).sum(), 1))
