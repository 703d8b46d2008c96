"""What the domain flag is worth: does it tell new chemistry, and are the rows outside really worse.

Every row is scored twice by measures that did not see it: with its random fold left out, where it is like the training
rows, and with its cluster left out, where it is new chemistry. No model is fitted; errors and intervals are those that
are known already.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.doubt.domain import fit_domain
from matloop.doubt.domain_seen import fit_seen
from matloop.doubt.domains import DOMAINS
from matloop.doubt.domains.choice import auroc, choose
from matloop.doubt.domains.method import AXES, LANDMARKS, method_of
from matloop.doubt.domains.space import drawn_rows, fit_space
from matloop.doubt.prediction import Prediction
from matloop.evaluate.gathered import Gathered, HeldOut
from matloop.evaluate.resample import means, share
from matloop.metrics.estimate import Estimate
from matloop.train.subject import Subject
from matloop.train.values import Development

FALSE_FLAGS = (0.02, 0.05, 0.1, 0.2)
ROWS = 6_000
"""Rows that are scored in each part of the evidence: enough for shares to half a percent."""
LEAST_BIN, MOST_BINS = 40, 8
UNKNOWN = Estimate(math.nan, math.nan, math.nan)


@dataclass(frozen=True, slots=True)
class MeasureResult:
    """How one measure tells rows of left-out clusters from held-out rows of random folds.

    auroc : over all rows; by_cluster : for each left-out cluster against all rows of random folds.
    found : share of rows of left-out clusters above the limit that flags as many rows of random folds as the domain in
        use does.
    in_use : whether it is the one of the predictions, with its checks of elements, words and ranges.
    """

    name: str
    label: str
    auroc: float
    by_cluster: tuple[float, ...]
    found: float
    in_use: bool = False


@dataclass(frozen=True, slots=True)
class Side:
    """Rows on one side of the flag. `where` is "cv" or "loco"; error: mean absolute error, or share in the wrong class;
    coverage: share of measured values inside their interval (NaN for classes)."""

    where: str
    inside: bool
    n_rows: int
    error: Estimate
    coverage: Estimate


@dataclass(frozen=True, slots=True)
class DistanceBin:
    """Rows of like score: mean score (1 is the limit), error and coverage. `where` is "cv" or "loco"."""

    where: str
    score: float
    n_rows: int
    error: Estimate
    coverage: float


@dataclass(frozen=True, slots=True)
class LimitGain:
    """What another limit would buy: `limit` in units of the one in use, the share of rows of random folds that it flags
    and of rows of left-out clusters, and the rows of left-out clusters that remain."""

    limit: float
    flagged_cv: float
    flagged_loco: float
    error: Estimate
    coverage: Estimate
    in_use: bool = False


@dataclass(frozen=True, slots=True)
class DomainStudy:
    """The flag judged. level : of the intervals; classification : errors are shares of rows in the wrong class.

    measures : the domain in use first, others by AUROC. flagged_cv, flagged_loco : shares with their intervals.
    sides, bins, limits : see there; those of "loco" are missing where no cluster could be left out.
    """

    unit: str
    classification: bool
    level: float
    measures: tuple[MeasureResult, ...]
    flagged_cv: Estimate
    flagged_loco: Estimate
    sides: tuple[Side, ...]
    bins: tuple[DistanceBin, ...]
    limits: tuple[LimitGain, ...]
    notes: tuple[str, ...] = ()

    def side(self, where: str, *, inside: bool) -> Side | None:
        """The rows of "cv" or "loco" that are inside (or outside) the domain."""
        return next((one for one in self.sides if one.where == where and one.inside == inside), None)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of one part of the evidence that are scored: positions, what left them out, error, covered, flagged."""

    where: str
    rows: IntArray
    part: IntArray
    error: FloatArray
    covered: FloatArray
    flagged: BoolArray
    groups: IntArray


def study_domain(subject: Subject, gathered: Gathered, *, deadline: float) -> DomainStudy:
    """The flag of a run's predictions, judged; see `compare_domains`.

    Parameters
    ----------
    deadline : `time.monotonic()` value; measures that it does not allow are left out and named. At depth "quick" only
        the domain in use and the plain distance to neighbours are compared.
    """
    names = [name for name in DOMAINS if subject.depth != "quick" or name == "nearest_neighbours"]
    return compare_domains(
        subject.development, gathered.cv, gathered.loco, measures=names, seed=subject.seed, deadline=deadline
    )


def compare_domains(
    development: Development,
    cv: HeldOut,
    loco: HeldOut | None,
    *,
    measures: Sequence[str] = tuple(DOMAINS),
    seed: int,
    deadline: float = math.inf,
) -> DomainStudy:
    """Score development rows by every measure, and set errors and coverage beside the scores.

    Parameters
    ----------
    cv, loco : predictions of all rows with random folds and with clusters left out, judged by what did not see them.
    measures : names of `DOMAINS` that are compared with the domain in use.

    Notes
    -----
    Flags are those of the predictions; the scores beside them come from domains fitted anew without each part, by the
    measure of the final model. On at most 6,000 rows of each kind of evidence.
    """
    sets = [_rows(development, cv, "cv", seed)]
    notes = []
    if loco is not None:
        sets.append(_rows(development, loco, "loco", seed))
    else:
        notes.append("no cluster could be left out: the flag was not tried on new chemistry")
    chosen = _chosen(development, seed)
    scores = [_by_part(one, _domain_of(development, chosen, seed)) for one in sets]
    flagged = [share(one.flagged.astype(np.float64), one.groups) for one in sets]
    found = [_result(chosen, sets, scores, flagged[0].value, in_use=True)]
    others, late = _others(development, sets, measures, flagged[0].value, seed, deadline)
    found += sorted(others, key=lambda one: -one.auroc if math.isfinite(one.auroc) else math.inf)
    if late:
        notes.append(f"not compared, the time ran out: {', '.join(method_of(name).label for name in late)}")
    notes += _cautions(sets)
    return DomainStudy(
        development.unit, development.task == "classification", cv.prediction.level, tuple(found),
        flagged[0], flagged[1] if len(sets) > 1 else UNKNOWN,
        tuple(side for one in sets for side in _sides(one, seed)),
        tuple(each for one, score in zip(sets, scores, strict=True) for each in _bins(one, score, seed)),
        _limits(sets, scores, seed), tuple(notes),
    )  # fmt: skip


def _chosen(development: Development, seed: int) -> str:
    """The measure of the final model."""
    wide = fit_seen(development.table).expanded(development.table.X)
    groups = np.unique(development.groups, return_inverse=True)[1].reshape(-1)
    return choose(wide, groups, seed=seed).name


def _rows(development: Development, held: HeldOut, where: str, seed: int) -> _Rows:
    prediction: Prediction = held.prediction
    known = np.flatnonzero(np.isfinite(prediction.value) & np.isfinite(development.y))
    rows = known[drawn_rows(len(known), ROWS, seed)]
    error = np.abs(prediction.value[rows] - development.y[rows])
    covered = np.full(len(rows), np.nan)
    if development.task == "classification":
        error = (error > 0).astype(np.float64)
    else:
        y = development.y[rows]
        covered = ((prediction.low[rows] <= y) & (y <= prediction.high[rows])).astype(np.float64)
    flagged = ~prediction.in_domain[rows]
    return _Rows(where, rows, held.part, error, covered, flagged, development.groups[rows])


Scorer = Callable[[IntArray, IntArray], FloatArray]
"""(training rows, asked rows) to scores of the asked ones."""


def _by_part(one: _Rows, scorer: Scorer) -> FloatArray:
    """The score of each row by what did not see its fold or cluster."""
    part, found = one.part[one.rows], np.empty(len(one.rows))
    for name in np.unique(part):
        inside = np.flatnonzero(part == name)
        found[inside] = scorer(np.flatnonzero(one.part != name), one.rows[inside])
    return found


def _domain_of(development: Development, method: str, seed: int) -> Scorer:
    def score(known: IntArray, asked: IntArray) -> FloatArray:
        domain = fit_domain(
            development.table.take(known), development.y[known], development.groups[known], seed=seed, method=method
        )  # fmt: skip
        return domain.score(development.table.take(asked))

    return score


def _others(
    development: Development, sets: list[_Rows], names: Sequence[str], false_flags: float, seed: int, deadline: float
) -> tuple[list[MeasureResult], list[str]]:
    """Each measure alone, without the checks; and the names of those that the deadline did not allow."""
    # spaces and places are the same for all measures
    made = [[_places(development, one, part, seed) for part in np.unique(one.part[one.rows])] for one in sets]
    found, late = [], []
    for name in names:
        if time.monotonic() >= deadline:
            late.append(name)
            continue
        method, scores = method_of(name), []
        for one, parts in zip(sets, made, strict=True):
            score = np.empty(len(one.rows))
            for inside, known, asked in parts:
                score[inside] = method.fit(known, seed).score(asked)
            scores.append(score)
        found.append(_result(name, sets, scores, false_flags))
    return found, late


def _places(development: Development, one: _Rows, part: int, seed: int) -> tuple[IntArray, np.ndarray, np.ndarray]:
    """Rows of the part, places of landmarks outside of it, and places of the rows."""
    known, inside = np.flatnonzero(one.part != part), np.flatnonzero(one.part[one.rows] == part)
    seen = fit_seen(development.table.take(known))
    wide = seen.expanded(development.table.X[known])
    landmarks = drawn_rows(len(known), LANDMARKS, seed)
    space = fit_space(wide, landmarks, n_axes=AXES)
    asked = seen.expanded(development.table.X[one.rows[inside]])
    return inside, space.project(wide[landmarks]), space.project(asked)


def _result(
    name: str, sets: list[_Rows], scores: list[FloatArray], false_flags: float, *, in_use: bool = False
) -> MeasureResult:
    label = method_of(name).label
    if len(sets) < 2:
        return MeasureResult(name, label, math.nan, (), math.nan, in_use)
    usual, foreign = scores
    cluster = sets[1].part[sets[1].rows]
    limit = float(np.quantile(usual, 1.0 - false_flags, method="higher"))
    each = tuple(auroc(usual, foreign[cluster == one]) for one in np.unique(cluster))
    found = float(np.mean(sets[1].flagged if in_use else foreign > limit))
    return MeasureResult(name, label, auroc(usual, foreign), each, found, in_use)


def _sides(one: _Rows, seed: int) -> list[Side]:
    member = np.column_stack([~one.flagged, one.flagged]).astype(np.float64)
    errors, held = means(one.error, member, one.groups, seed), means(one.covered, member, one.groups, seed)
    return [
        Side(one.where, inside, int(member[:, place].sum()), errors[place], held[place])
        for place, inside in enumerate((True, False))
        if member[:, place].any()
    ]


def _bins(one: _Rows, score: FloatArray, seed: int) -> list[DistanceBin]:
    """Up to eight bins of equally many rows, nearest first."""
    n_bins = min(MOST_BINS, len(score) // LEAST_BIN)
    if n_bins < 2:
        return []
    order = np.argsort(score, kind="stable")
    parts = np.array_split(order, n_bins)
    member = np.zeros((len(score), n_bins))
    for place, rows in enumerate(parts):
        member[rows, place] = 1.0
    errors = means(one.error, member, one.groups, seed)
    return [
        DistanceBin(one.where, float(np.mean(score[rows])), len(rows), errors[place], float(np.mean(one.covered[rows])))
        for place, rows in enumerate(parts)
    ]


def _limits(sets: list[_Rows], scores: list[FloatArray], seed: int) -> tuple[LimitGain, ...]:
    """Limits by the share of rows of random folds that they flag, and the one in use; strictest first."""
    if len(sets) < 2:
        return ()
    usual, foreign = scores
    quantiles = np.quantile(usual, 1.0 - np.array(FALSE_FLAGS), method="higher")
    limits = sorted([*((float(q), False) for q in quantiles), (1.0, True)])
    # the limit in use: the flags as they were given, with the measure that each part chose
    marks = [[one.flagged for one in sets] if in_use else [usual > limit, foreign > limit] for limit, in_use in limits]
    inside = np.column_stack([~new for _, new in marks]).astype(np.float64)
    errors, held = (means(values, inside, sets[1].groups, seed) for values in (sets[1].error, sets[1].covered))
    return tuple(
        LimitGain(limit, float(np.mean(known)), float(np.mean(new)), errors[i], held[i], in_use)
        for i, ((limit, in_use), (known, new)) in enumerate(zip(limits, marks, strict=True))
    )


def _cautions(sets: list[_Rows]) -> list[str]:
    said = []
    n_flagged = int(sets[0].flagged.sum())
    if n_flagged < 20:
        said.append(f"only {n_flagged} rows of random folds are flagged: how wrong those are is hardly known")
    if len(sets) > 1 and (~sets[1].flagged).sum() < 20:
        n_inside = int((~sets[1].flagged).sum())
        said.append(f"only {n_inside} rows of left-out clusters are not flagged: how wrong those are is hardly known")
    return said
