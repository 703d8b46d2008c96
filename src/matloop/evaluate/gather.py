"""Everything about a model that needs fits but no sealed label, in the order of importance, under a deadline."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from matloop.core.arrays import IntArray
from matloop.core.errors import DataError
from matloop.core.progress import SILENT, Progress
from matloop.doubt.prediction import OutOfFold
from matloop.evaluate.baselines import Guess, held_out, methods
from matloop.evaluate.evidence import Terms, terms_of
from matloop.evaluate.gathered import BaselineGuess, Gathered, HeldOut, Kept
from matloop.evaluate.judged import judged
from matloop.evaluate.values import CurvePoint
from matloop.problem.question import Target
from matloop.represent.standard import fit_standard
from matloop.split.folds import Clusters, clusters, make_folds
from matloop.train.fits import FitResult, Fits, FitTask
from matloop.train.plan import EvidencePlan
from matloop.train.recipe_model import RecipeModel
from matloop.train.values import Development, Recipe, Trained

TRAIN_SAMPLE = 2000
"""Training rows that a point of the learning curve is also scored on."""
MANY_ROWS = 10_000
"""From here on kept models are large: two are kept instead of three."""
PAIRS_PER_SECOND = 3e10
"""Pairs of rows times features that a nearest-neighbour search gets through in a second on one core, carefully."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """Fits that belong together: what they are for, and the tasks."""

    name: str
    key: int
    tasks: tuple[FitTask, ...]


def gather(
    development: Development,
    trained: Trained,
    fits: Fits,
    *,
    plan: EvidencePlan,
    seeds: Sequence[int],
    deadline: float,
    target: Target | None = None,
    like: Gathered | None = None,
    progress: Progress | None = None,
) -> Gathered:
    """Collect cross-validation, leave-one-cluster-out, baselines, learning curve and spread over seeds.

    Parameters
    ----------
    deadline : `time.monotonic()` value. What it does not allow is left out and named: models to explain and
        leave-one-cluster-out are done first, then baselines, learning curve, further
        seeds. Cross-validation needs no fit and is always there.
    target : decides the metric (its goal's), the positive class and the short list; None: the metric of the search.
    like : of an earlier run: exactly what was done there is done again, whatever time it takes.

    Returns
    -------
    Gathered; fold models kept for `explain` are handed out by `fold_models`.
    """
    progress, clock = progress or SILENT, _Clock(deadline)
    oof, seed = trained.out_of_fold, int(seeds[0])
    terms = terms_of(target, development, trained.metric, seed)
    progress.tell("judging the cross-validated predictions", 0.0)
    n_folds = len(np.unique(development.fold[development.fold >= 0]))
    how = f"{n_folds} random folds, groups kept whole; scores pooled"
    cv = judged(development, oof, oof, oof.fold, seed=seed, how=how, threads=fits.workers)
    judging = clock.lap("cv")
    regions = _clusters(development, plan, seed)
    n_clusters = len(np.unique(regions.fold))
    left = clock.left()
    pieces, kept = _pieces(development, trained, fits, plan, seeds, regions.fold, time_left=left, like=like)
    reserve = 1.3 * judging * n_clusters / max(n_folds, 1) + 2 * _search_seconds(development)
    end = deadline - min(reserve, 0.6 * max(clock.left(), 0.0)) if like is None else math.inf
    results = _run(fits, pieces, end, progress, like)
    clock.lap("fits")
    progress.tell("judging the left-out clusters and the baselines", 0.9)
    loco, missing = _loco(development, oof, pieces, results, regions, seed, fits.workers)
    clock.lap("loco")
    baselines, without = _baselines(development, cv, loco, clock, like)
    clock.lap("baselines")
    curve, gaps = _curve(development, oof, pieces, results, terms)
    spread, silent = _seed_scores(development, oof, pieces, results, terms)
    return Gathered(
        metric=terms.metric, cv=cv, loco=loco, baselines=baselines, learning_curve=curve, seed_scores=spread,
        kept=_really_kept(kept, pieces, results), left_out=(*missing, *without, *gaps, *silent),
        seconds=dict(clock.laps), done=tuple(sorted(results)),
    )  # fmt: skip


def fold_models(
    development: Development, trained: Trained, fits: Fits, gathered: Gathered
) -> list[tuple[RecipeModel, IntArray]]:
    """The models that `gather` kept, each with the development rows it did not see; read from the pool's folder."""
    kept = gathered.kept
    if kept.seed < 0:
        return []
    tasks = [_without(trained.recipe, kept.part, part, kept.seed, keep=True) for part in kept.which]
    # a deadline in the past: finished fits are handed out, nothing is fitted anew
    results = fits.run(tasks, deadline=time.monotonic())
    return [
        (RecipeModel.from_arrays(result.model), task.predict)
        for task, result in zip(tasks, results, strict=True)
        if result is not None and result.model is not None
    ]


class _Clock:
    """Time left and time used."""

    def __init__(self, deadline: float) -> None:
        self.deadline, self.mark, self.laps = deadline, time.monotonic(), dict[str, float]()

    def left(self) -> float:
        return self.deadline - time.monotonic()

    def lap(self, name: str) -> float:
        now = time.monotonic()
        self.laps[name], self.mark = now - self.mark, now
        return self.laps[name]


def _clusters(development: Development, plan: EvidencePlan, seed: int) -> Clusters:
    """Regions of the development rows; one region, with the reason, where none can be left out."""
    # a cluster of fewer than five groups would be a handful of compounds and not a chemistry
    n_clusters = max(2, min(plan.clusters, len(np.unique(development.groups)) // 5))
    standard = fit_standard(development.table.X, development.table.columns())
    try:
        return clusters(standard.apply(development.table.X), development.groups, n_clusters=n_clusters, seed=seed)
    except DataError as error:
        return Clusters(np.zeros(len(development), dtype=np.int64), str(error))


def _without(recipe: Recipe, part: IntArray, one: int, seed: int, *, keep: bool) -> FitTask:
    """The fit on all rows outside part `one`, predicting the rows inside."""
    return FitTask(recipe, np.flatnonzero(part != one), np.flatnonzero(part == one), seed, keep)


def _pieces(
    development: Development,
    trained: Trained,
    fits: Fits,
    plan: EvidencePlan,
    seeds: Sequence[int],
    regions: IntArray,
    *,
    time_left: float,
    like: Gathered | None,
) -> tuple[list[_Piece], Kept]:
    """All fits in the order of importance, and which of their models are to be kept."""
    recipe, n_kept = trained.recipe, 2 if len(development) >= MANY_ROWS else 3
    extra = [int(s) for s in seeds[1 : 1 + plan.extra_seeds]]
    folds = {
        s: make_folds(development.y, development.groups, n_folds=plan.folds, seed=s, task=development.task)
        for s in extra
    }
    affordable = bool(extra) and _expected_seconds(trained, plan, fits) < 0.7 * time_left
    if like is not None:
        affordable = bool(extra) and np.array_equal(like.kept.part, folds[extra[0]])
    # an explanation needs models that judge rows like their own: random folds, never left-out clusters
    part, seed = (folds[extra[0]], extra[0]) if affordable else (trained.out_of_fold.fold, int(seeds[0]))
    sizes = np.bincount(part)
    kept = Kept(part, tuple(int(k) for k in np.argsort(-sizes, kind="stable")[:n_kept]), seed)

    def tasks(of: IntArray, with_seed: int) -> tuple[FitTask, ...]:
        return tuple(
            _without(recipe, of, int(one), with_seed, keep=of is part and int(one) in kept.which)
            for one in np.unique(of)
        )

    pieces = []
    if not affordable:
        to_explain = tuple(_without(recipe, part, k, seed, keep=True) for k in kept.which)
        pieces.append(_Piece("explain", seed, to_explain))
    one = len(np.unique(regions)) < 2
    pieces.append(_Piece("loco", 0, () if one else tasks(regions, int(seeds[0]))))
    pieces += _curve_pieces(development, trained, plan, int(seeds[0]))
    pieces += [_Piece("seed", s, tasks(folds[s], s)) for s in extra]
    return pieces, kept


def _expected_seconds(trained: Trained, plan: EvidencePlan, fits: Fits) -> float:
    chosen = [c.seconds for c in trained.candidates if c.recipe == trained.recipe and c.seconds > 0]
    per_fit = chosen[0] / plan.folds if chosen else 0.0
    return per_fit * plan.full_fits / fits.workers


def _curve_pieces(development: Development, trained: Trained, plan: EvidencePlan, seed: int) -> list[_Piece]:
    """Training on growing shares of the rows outside fold 0, groups whole, larger shares holding the smaller ones."""
    fold = trained.out_of_fold.fold
    held, pool = np.flatnonzero(fold == fold.min()), np.flatnonzero(fold != fold.min())
    pieces = []
    for repeat in range(plan.curve_repeats):
        rng = np.random.default_rng([seed, repeat])
        names, group = np.unique(development.groups[pool], return_inverse=True)
        turn = rng.permutation(len(names))[group]
        order = pool[np.argsort(turn, kind="stable")]
        place = np.sort(turn, kind="stable")
        for share in plan.curve:
            size = int(np.searchsorted(place, place[min(math.ceil(share * len(pool)), len(pool)) - 1], side="right"))
            if size >= 5 and _all_classes(development, order[:size]):
                train = np.sort(order[:size])
                seen = np.sort(rng.choice(train, min(TRAIN_SAMPLE, size), replace=False))
                task = FitTask(trained.recipe, train, np.concatenate([held, seen]), seed)
                pieces.append(_Piece("curve", len(held), (task,)))
    return sorted(pieces, key=lambda piece: len(piece.tasks[0].train))


def _all_classes(development: Development, rows: IntArray) -> bool:
    return development.task != "classification" or len(np.unique(development.y[rows])) > 1


def _run(
    fits: Fits, pieces: Sequence[_Piece], deadline: float, progress: Progress, like: Gathered | None
) -> dict[tuple[int, int], FitResult]:
    """Results by (piece, task); what is missing was not done in time."""
    places = [(i, k) for i, piece in enumerate(pieces) for k in range(len(piece.tasks))]
    if like is not None:
        places = [place for place in places if place in set(like.done)]
    # first the few whose models are kept: without them there is no explanation, of the clusters some may be missing
    places.sort(key=lambda place: not pieces[place[0]].tasks[place[1]].keep)
    names = {
        "loco": "leaving one cluster out",
        "explain": "models to explain",
        "curve": "learning curve",
        "seed": "seeds",
    }
    done = 0

    def tell(at: int, result: FitResult) -> None:
        nonlocal done
        del result
        done += 1
        progress.tell(
            f"{names[pieces[places[at][0]].name]}: fit {done} of {len(places)}", 0.1 + 0.8 * done / len(places)
        )

    found = fits.run([pieces[i].tasks[k] for i, k in places], deadline=deadline, on_done=tell)
    return {place: result for place, result in zip(places, found, strict=True) if result is not None}


def _really_kept(kept: Kept, pieces: Sequence[_Piece], results: dict[tuple[int, int], FitResult]) -> Kept:
    which = []
    for (i, k), result in results.items():
        task = pieces[i].tasks[k]
        if task.keep and not result.failed:
            which.append(int(kept.part[task.predict[0]]))
    return Kept(kept.part, tuple(sorted(which)), kept.seed if which else -1)


def _loco(
    development: Development,
    oof: OutOfFold,
    pieces: Sequence[_Piece],
    results: dict[tuple[int, int], FitResult],
    regions: Clusters,
    seed: int,
    threads: int,
) -> tuple[HeldOut | None, list[str]]:
    """Leave-one-cluster-out predictions with doubt, and what is missing from them."""
    at = next(i for i, piece in enumerate(pieces) if piece.name == "loco")
    tasks, found = pieces[at].tasks, _blank(development)
    missing, done = [] if tasks else [f"leave-one-cluster-out: {regions.how}"], 0
    left: dict[str, list[str]] = {}
    for k, task in enumerate(tasks):
        result = results.get((at, k))
        if result is None or result.failed:
            why = "the time ran out" if result is None else result.failed
            left.setdefault(why, []).append(f"{len(task.predict):,}")
            continue
        _fill(found, task.predict, result)
        done += 1
    missing += [f"leave-one-cluster-out, clusters of {', '.join(sizes)} rows: {why}" for why, sizes in left.items()]
    if not done:
        return None, missing
    part = "" if done == len(tasks) else f"; only {done} of the clusters were done in time"
    how = f"{regions.how}; the same recipe trained without each cluster; scores pooled over all rows{part}"
    held = judged(development, oof, found, regions.fold, how=how, seed=seed, threads=threads)
    return replace(held, spread=found.spread), missing


def _blank(development: Development) -> OutOfFold:
    n = len(development)
    chances = np.full((n, len(development.classes)), np.nan)
    return OutOfFold(np.full(n, np.nan), np.full(n, np.nan), chances, np.full(n, -1, dtype=np.int64))


def _fill(found: OutOfFold, rows: IntArray, result: FitResult) -> None:
    n = len(rows)  # learning-curve results hold further rows behind
    found.value[rows], found.spread[rows], found.proba[rows] = result.value[:n], result.spread[:n], result.proba[:n]


def _search_seconds(development: Development) -> float:
    n, width = development.table.X.shape
    return float(n) ** 2 * width / PAIRS_PER_SECOND


def _baselines(
    development: Development, cv: HeldOut, loco: HeldOut | None, clock: _Clock, like: Gathered | None
) -> tuple[tuple[BaselineGuess, ...], list[str]]:
    found, missing = [], []
    for method in methods(development):
        slow = method.name == "nearest neighbour"
        late = _search_seconds(development) * (1 if loco is None else 2) > max(clock.left(), 1.0)
        if like is not None:
            late = any(one.name == method.name and one.cv is None for one in like.baselines)
        if slow and late:
            found.append(BaselineGuess(method.name, method.how, None, None))
            missing.append("nearest-neighbour baseline in cross-validation and leave-one-cluster-out: the time ran out")
            continue
        by_cluster = None if loco is None else held_out(method, development, loco.part)
        found.append(BaselineGuess(method.name, method.how, held_out(method, development, cv.part), by_cluster))
    return tuple(found), missing


def _curve(
    development: Development,
    oof: OutOfFold,
    pieces: Sequence[_Piece],
    results: dict[tuple[int, int], FitResult],
    terms: Terms,
) -> tuple[tuple[CurvePoint, ...], list[str]]:
    """Scores on fold 0 after training on more and more rows; the last point is the cross-validation's own fold 0."""
    points, missing = [], 0
    for i, piece in enumerate(pieces):
        if piece.name != "curve":
            continue
        task, result, n_held = piece.tasks[0], results.get((i, 0)), piece.key
        if result is None or result.failed:
            missing += 1
            continue
        guess = Guess(result.value, result.proba)
        held, seen = (
            _score(terms, development, task.predict, guess, part) for part in (slice(n_held), slice(n_held, None))
        )
        points.append(CurvePoint(len(task.train), held, seen))
    rows = np.flatnonzero((oof.fold == oof.fold.min()) & np.isfinite(oof.value))
    if points and len(rows):
        full = _score(terms, development, rows, Guess(oof.value[rows], oof.proba[rows]), slice(None))
        points.append(CurvePoint(int((oof.fold != oof.fold.min()).sum()), full, math.nan))
    asked = sum(piece.name == "curve" for piece in pieces)
    return tuple(points), [f"learning curve: {missing} of {asked} fits were not done in time"] if missing else []


def _score(terms: Terms, development: Development, rows: IntArray, guess: Guess, part: slice) -> float:
    return terms.point(development.y[rows[part]], Guess(guess.value[part], guess.proba[part]))


def _seed_scores(
    development: Development,
    oof: OutOfFold,
    pieces: Sequence[_Piece],
    results: dict[tuple[int, int], FitResult],
    terms: Terms,
) -> tuple[tuple[float, ...], list[str]]:
    """Score of the whole cross-validation, for the first seed and for each further one that was finished."""
    rows = np.flatnonzero(np.isfinite(oof.value))
    own = Guess(oof.value[rows], oof.proba[rows])
    scores, missing = [_score(terms, development, rows, own, slice(None))], []
    for i, piece in enumerate(pieces):
        if piece.name != "seed":
            continue
        parts = [results.get((i, k)) for k in range(len(piece.tasks))]
        if any(part is None or part.failed for part in parts):
            missing.append(f"cross-validation with seed {piece.key}: the time ran out or a fit failed")
            continue
        found = _blank(development)
        for task, part in zip(piece.tasks, parts, strict=True):
            if part is not None:
                _fill(found, task.predict, part)
        everyone = np.arange(len(development))
        scores.append(_score(terms, development, everyone, Guess(found.value, found.proba), slice(None)))
    return tuple(scores), missing
