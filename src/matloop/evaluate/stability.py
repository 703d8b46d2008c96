"""How firm the numbers about a model are: seeds, rival models, label noise, single rows, and sanity."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.evaluate.bench import Bench, benches, in_scale, result_losses
from matloop.evaluate.evidence import terms_of
from matloop.evaluate.gathered import Gathered
from matloop.evaluate.label_noise import NoiseStudy, study_label_noise
from matloop.evaluate.power import (
    Comparison,
    SeedSpread,
    SpreadParts,
    compare_models,
    seed_spread,
    seeds_needed,
    spread_parts,
)
from matloop.evaluate.row_worth import WorthStudy, study_row_worth
from matloop.evaluate.sanity import Direction, SanityStudy, study_sanity
from matloop.metrics.estimate import Estimate
from matloop.metrics.scores import scores
from matloop.models import FAMILIES
from matloop.split.folds import make_folds
from matloop.train.fits import FitTask
from matloop.train.subject import Subject
from matloop.train.values import Candidate


@dataclass(frozen=True, slots=True)
class StabilityPlan:
    """What a depth asks for: places to fit in and their rows, draws of noise, shuffles, random removals, repeats."""

    places: int
    most_train: int
    most_test: int
    draws: int
    shuffles: int
    removals: int
    repeats: int


PLANS = {
    "quick": StabilityPlan(0, 0, 0, 0, 0, 0, 0),
    "standard": StabilityPlan(1, 1000, 600, 1, 2, 1, 0),
    "thorough": StabilityPlan(3, 5000, 2000, 2, 3, 3, 3),
}


@dataclass(frozen=True, slots=True)
class RivalStudy:
    """The best candidate and the best one of another kind, on the same folds.

    names : families of both; labels: with their settings. folds : by the scores of the search.
    repeated : the same with further seeds and folds, by the loss per row; None where not asked or not done.
    parts, seeds : of these, what seeds and rows add to the doubt of the difference, and the seeds needed by that.
    """

    names: tuple[str, str]
    labels: tuple[str, str]
    metric: str
    folds: Comparison
    repeated: Comparison | None
    parts: SpreadParts | None
    seeds: float


@dataclass(frozen=True, slots=True)
class StabilityStudy:
    """Everything about how firm a model is; parts are None where they were not asked or could not be had."""

    seeds: SeedSpread | None
    rivals: RivalStudy | None
    noise: NoiseStudy | None
    worth: WorthStudy | None
    sanity: SanityStudy | None
    notes: tuple[str, ...] = ()


def study_stability(
    subject: Subject,
    gathered: Gathered,
    *,
    deadline: float,
    monotone: Mapping[str, Direction] | None = None,
) -> StabilityStudy:
    """Spread over seeds, power, label noise, worth of rows and sanity checks of the chosen recipe.

    Quick makes no fits. Standard makes about a dozen on up to 1,000 rows; thorough does all on up to 5,000 rows in
    three folds, and fits two rival candidates on all rows with three further seeds. What the deadline does not allow
    is left out and named, sanity checks first done.

    Parameters
    ----------
    monotone : columns whose direction is known from nature, by name.
    """
    plan, development = PLANS[subject.depth], subject.development
    places = benches(development, most_train=plan.most_train, most_test=plan.most_test, n=plan.places,
                     seed=subject.seed) if plan.places else []  # fmt: skip
    notes = _said_of(places, plan, len(development))
    seeds = _seeds(subject, gathered)
    sanity = study_sanity(
        subject, gathered, places, shuffles=plan.shuffles, deadline=_share(deadline, 0.4), monotone=monotone
    )  # fmt: skip
    noise = worth = rivals = None
    if places and time.monotonic() < deadline:
        noise = study_label_noise(
            subject, places, _residual(subject, gathered), repeats=plan.draws, deadline=_share(deadline, 0.5)
        )  # fmt: skip
    if time.monotonic() < deadline:
        worth = study_row_worth(subject, places, chances=plan.removals, deadline=_share(deadline, 0.5))
    rivals = _rivals(subject, plan.repeats, deadline)
    if places and noise is None:
        notes.append("label noise: no fit was done in time, or the labels do not vary")
    if worth is None:
        notes.append("worth of rows: the time ran out, or labels or features do not vary")
    return StabilityStudy(seeds, rivals, noise, worth, sanity, tuple(notes))


def _share(deadline: float, share: float) -> float:
    now = time.monotonic()
    return now + share * max(deadline - now, 0.0) if math.isfinite(deadline) else deadline


def _said_of(places: Sequence[Bench], plan: StabilityPlan, n: int) -> list[str]:
    if not plan.places:
        return ["depth quick: nothing was fitted again"]
    if not places:
        return ["no fold leaves enough rows, or two classes, to fit again"]
    train = max(len(place.train) for place in places)
    if train < 0.7 * n:
        return [f"altered fits learn from {train:,} of {n:,} rows: their errors are larger, changes may be"]
    return []


def _residual(subject: Subject, gathered: Gathered) -> FloatArray:
    development, value = subject.development, gathered.cv.prediction.value
    if development.task == "classification":
        return np.asarray((value != development.y).astype(np.float64))
    known = np.isfinite(value)
    return in_scale(development, value[known]) - in_scale(development, development.y[known])


def _seeds(subject: Subject, gathered: Gathered) -> SeedSpread | None:
    known = [score for score in gathered.seed_scores if math.isfinite(score)]
    if len(known) < 2:
        return None
    development, prediction = subject.development, gathered.cv.prediction
    terms = terms_of(subject.target, development, subject.trained.metric, subject.seed)
    rows = np.flatnonzero(np.isfinite(prediction.value))
    proba = prediction.proba[rows] if prediction.proba.shape[1] else None
    found: Estimate = scores(
        terms.task, development.y[rows], prediction.value[rows], proba, development.groups[rows],
        classes=terms.classes, positive_index=terms.positive, top_k=terms.top_k, seed=subject.seed,
        names=[gathered.metric], n_boot=300,
    )[gathered.metric]  # fmt: skip
    return seed_spread(known, (found.high - found.low) / 3.92)


def rivals(candidates: Sequence[Candidate]) -> tuple[Candidate, Candidate] | None:
    """The best ranked single model and the best one of another family (else the next); None without two.

    Both need a score on every fold.
    """
    ranked = sorted(
        (one for one in candidates if one.status == "ranked" and len(one.recipe.members) == 1 and one.fold_scores
         and all(math.isfinite(score) for score in one.fold_scores)),
        key=lambda one: (one.score, one.number),
    )  # fmt: skip
    if len(ranked) < 2:
        return None
    first = ranked[0]
    other = [one for one in ranked[1:] if one.recipe.members[0].family != first.recipe.members[0].family]
    return first, (other or ranked[1:])[0]


def _rivals(subject: Subject, repeats: int, deadline: float) -> RivalStudy | None:
    pair = rivals(subject.trained.candidates)
    if pair is None or len(pair[0].fold_scores) != len(pair[1].fold_scores) or len(pair[0].fold_scores) < 3:
        return None
    n, k = len(subject.development), len(pair[0].fold_scores)
    n_test = max(n // k, 1)
    families = [str(FAMILIES.load(one.recipe.members[0].family).label) for one in pair]
    same = families[0] == families[1]
    names = (f"{families[0]} (first)", f"{families[1]} (second)") if same else (families[0], families[1])
    labels = (pair[0].recipe.label, pair[1].recipe.label)
    folds = compare_models(
        pair[0].fold_scores, pair[1].fold_scores, n_train=n - n_test, n_test=n_test, names=names, seed=subject.seed
    )  # fmt: skip
    losses, parts_of = _repeated(subject, pair, repeats, k, deadline) if repeats else (None, [])
    if losses is None:
        return RivalStudy(names, labels, subject.trained.metric, folds, None, None, math.nan)
    means = [[float(row[part == one].mean()) for row, part in zip(table, parts_of, strict=True)
              for one in np.unique(part)] for table in losses]  # fmt: skip
    repeated = compare_models(*means, n_train=n - n_test, n_test=n_test, names=names, seed=subject.seed)
    gaps = losses[1] - losses[0]
    parts = spread_parts(gaps, subject.development.groups) if len(gaps) > 1 else None
    seeds = seeds_needed(float(gaps.mean()), parts) if parts else math.nan
    return RivalStudy(names, labels, subject.trained.metric, folds, repeated, parts, seeds)


def _repeated(
    subject: Subject, pair: tuple[Candidate, Candidate], repeats: int, k: int, deadline: float
) -> tuple[FloatArray | None, list[IntArray]]:
    """Loss per row of both under further seeds and folds, shape (2, n_done, n); only whole repeats count."""
    development = subject.development
    parts = [
        make_folds(development.y, development.groups, n_folds=k, seed=subject.seed + 1000 + r, task=development.task)
        for r in range(repeats)
    ]
    table = np.full((2, repeats, len(development)), np.nan)
    for r, part in enumerate(parts):
        asked = [(which, int(one)) for one in np.unique(part) for which in (0, 1)]
        tasks = [
            FitTask(pair[which].recipe, np.flatnonzero(part != one), np.flatnonzero(part == one), subject.seed + r + 1)
            for which, one in asked
        ]
        for (which, _), task, result in zip(asked, tasks, subject.fits.run(tasks, deadline=deadline), strict=True):
            if result is not None and not result.failed:
                table[which, r, task.predict] = result_losses(development, task.predict, result)
    done = np.isfinite(table).all(axis=(0, 2))
    if not done.any():
        return None, []
    return table[:, done], [part for part, kept in zip(parts, done, strict=True) if kept]
