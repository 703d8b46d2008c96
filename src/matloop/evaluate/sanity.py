"""Checks that a sound model passes whatever the data: shuffled labels, shuffled features, inputs a little off."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import DataError
from matloop.evaluate.bench import Bench, dummy_losses, in_scale, result_losses
from matloop.evaluate.gather import fold_models
from matloop.evaluate.gathered import Gathered
from matloop.evaluate.perturb import OFF, jittered_numbers, shifted_compositions
from matloop.evaluate.resample import means
from matloop.evaluate.words import number, percent, with_unit
from matloop.train.change import Change
from matloop.train.fits import FitTask
from matloop.train.recipe_model import RecipeModel
from matloop.train.subject import Subject
from matloop.train.values import Development

LEVEL_OF_DUMMY = 0.1
"""A model of shuffled labels may by luck be a little better than the dummy: a tenth of its error is not luck."""
LEARNT = 0.02
"""Least lead of the real model over that of shuffled labels, as a share of the error."""
TINY, NOISE_OF_NUMBERS = 1e-6, 0.01
"""Jitter in standard deviations of a column: far below any measurement; and a careful measurement."""
ROWS = 200
ALONE = 20
JUMPS = 0.05
"""Share of rows that may move by more than the typical error when inputs are a little off."""
BEYOND = 0.1
"""Predictions may leave the labels' range by this share of it."""
GRID = 12

Direction = Literal["rising", "falling"]
Predict = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, slots=True)
class SanityCheck:
    """One check. `value` was found and compared with `limit`; `passed` is None where it could not be judged."""

    name: str
    did: str
    found: str
    expected: str
    passed: bool | None
    value: float
    limit: float


@dataclass(frozen=True, slots=True)
class SanityStudy:
    """All checks that were made; failed ones first."""

    checks: tuple[SanityCheck, ...]
    sentence: str
    notes: tuple[str, ...] = ()

    @property
    def failed(self) -> tuple[SanityCheck, ...]:
        """Checks that were not passed."""
        return tuple(one for one in self.checks if one.passed is False)


def judge_shuffled(
    what: str, shuffled: ArrayLike, real: ArrayLike, dummy: ArrayLike, groups: ArrayLike | None = None, *, seed: int = 0
) -> tuple[SanityCheck, SanityCheck]:
    """Has a model of shuffled `what` fallen to the dummy's level, and is the real model better than it?

    Parameters
    ----------
    what : "labels" or "features", what was dealt out anew among the training rows.
    shuffled : shape (n_shuffles, n_rows), loss of each held-out row under each shuffle; real, dummy : shape (n_rows,).
    groups : shape (n_rows,), rows that belong together; None: each by itself.

    Raises
    ------
    DataError : lengths differ.

    References
    ----------
    Ojala & Garriga, J. Mach. Learn. Res. 11 (2010) 1833. https://jmlr.org/papers/v11/ojala10a.html
    """
    lost, own, none = (np.asarray(one, dtype=np.float64) for one in (shuffled, real, dummy))
    lost = np.atleast_2d(lost).mean(axis=0)
    if not len(lost) == len(own) == len(none):
        raise DataError(f"losses of {len(lost)}, {len(own)} and {len(none)} rows; all need the same rows.")
    index = np.arange(len(own)) if groups is None else np.asarray(groups)
    level, one = float(none.mean()), np.ones((len(own), 1))
    if level <= 0:
        nothing = SanityCheck(f"shuffled {what}", f"{what} shuffled among training rows", "the dummy makes no error",
                              "", None, math.nan, 0.0)  # fmt: skip
        return nothing, nothing
    gain = means((none - lost) / level, one, index, seed)[0]
    lead = means((lost - own) / level, one, index, seed)[0]
    did = f"{what} shuffled among the training rows, the model fitted again"
    # without an interval (few groups) the value itself decides
    leaks = (gain.low if math.isfinite(gain.low) else gain.value) > 0 and gain.value > LEVEL_OF_DUMMY
    part = percent(float(own.mean() / max(lost.mean(), 1e-99)))
    fallen = SanityCheck(
        f"shuffled {what}", did, f"error {percent(float(lost.mean()) / level)} of the dummy's",
        f"at least {percent(1 - LEVEL_OF_DUMMY)}: nothing is left to learn", not leaks, 1.0 - gain.value,
        1.0 - LEVEL_OF_DUMMY,
    )  # fmt: skip
    unsure = math.isfinite(lead.low) and lead.low <= 0 < lead.high and lead.value > -LEARNT
    better = SanityCheck(
        f"real against shuffled {what}", did, f"error {part} of that after shuffling",
        "clearly lower: the model has learnt something", None if unsure else lead.value > LEARNT,
        lead.value, LEARNT,
    )  # fmt: skip
    return fallen, better


def judge_jumps(
    name: str, did: str, jumps: ArrayLike, typical: float, *, unit: str = "", worst: str = ""
) -> SanityCheck:
    """Do predictions move by less than the typical error for all but a few rows?

    Parameters
    ----------
    jumps : shape (n_rows,), absolute change of each prediction. typical : the model's mean absolute error.
    worst : words about the row that moved most.
    """
    moved = np.asarray(jumps, dtype=np.float64)
    moved = moved[np.isfinite(moved)]
    if not len(moved) or not typical > 0:
        return SanityCheck(name, did, "no row to try it on", "", None, math.nan, JUMPS)
    share, usual, far = float((moved > typical).mean()), float(np.median(moved)), float(np.quantile(moved, 0.95))
    found = (
        f"half of the rows move by up to {with_unit(usual, unit)}, 95 % by up to {with_unit(far, unit)}; "
        f"{percent(share)} by more than the typical error"
    )
    if share > 0 and worst:
        found += f"; most: {worst}"
    expected = f"at most {percent(JUMPS)} of the rows by more than the typical error ({with_unit(typical, unit)})"
    return SanityCheck(name, did, found, expected, share <= JUMPS, share, JUMPS)


def check_monotone(
    predict: Predict, X: ArrayLike, column: int, direction: Direction, *, name: str = "", tolerance: float = 0.05
) -> SanityCheck:
    """Does the prediction rise (or fall) with one column, as it must by nature?

    Each row is predicted with the column set to 12 quantiles of its values. The found number is the share of rows whose
    way back is longer than `tolerance` of their whole way.

    Parameters
    ----------
    predict : rows (n, n_features) to predictions (n,). column : its position.

    Raises
    ------
    DataError : the column does not vary, or is not there.
    """
    rows = np.array(X, dtype=np.float64)
    if not -rows.shape[1] <= column < rows.shape[1]:
        raise DataError(f"column {column} of {rows.shape[1]}. Give the position of a column that is there.")
    known = rows[np.isfinite(rows[:, column]), column]
    grid = np.unique(np.quantile(known, np.linspace(0.02, 0.98, GRID))) if len(known) else np.zeros(0)
    if len(grid) < 2:
        raise DataError(f"column {name or column!r} does not vary: whether predictions follow it cannot be asked.")
    curves = []
    for value in grid:
        rows[:, column] = value
        curves.append(np.asarray(predict(rows), dtype=np.float64))
    steps = np.diff(np.stack(curves), axis=0) * (1.0 if direction == "rising" else -1.0)
    back, whole = np.maximum(-steps, 0.0).sum(axis=0), np.abs(steps).sum(axis=0)
    share = float((back > tolerance * np.maximum(whole, 1e-300)).mean())
    words = name or f"column {column}"
    return SanityCheck(
        f"{direction} with {words}", f"{words} moved through its range, all else as it is",
        f"{percent(share)} of the rows have a prediction that turns back", f"at most {percent(JUMPS)} of the rows",
        share <= JUMPS, share, JUMPS,
    )  # fmt: skip


def sanity_checks(
    estimator: Any, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None, *, shuffles: int = 3, seed: int = 0
) -> SanityStudy:
    """The checks for any scikit-learn estimator, pipeline included, on 5 grouped folds.

    Labels are shuffled before the whole estimator is fitted, so a step inside of it that peeks at held-out labels is
    found; what was done to `X` before cannot be seen here.

    Parameters
    ----------
    estimator : unfitted regressor or classifier (classifiers are judged by their 0/1 error); it is cloned.
    X : shape (n, n_features), plain numbers. y : shape (n,). groups : rows that stay together, or None.

    Raises
    ------
    DataError : fewer than ten rows, lengths differ, or one value of `y` only.
    """
    from sklearn.base import clone, is_classifier
    from sklearn.model_selection import GroupKFold

    rows, labels = np.asarray(X, dtype=np.float64), np.asarray(y)
    names = np.arange(len(labels)) if groups is None else np.asarray(groups)
    if rows.ndim != 2 or not len(rows) == len(labels) == len(names):
        raise DataError(f"features of shape {rows.shape}, {len(labels)} labels, {len(names)} groups: not one per row.")
    if len(rows) < 10 or len(np.unique(labels)) < 2 or len(np.unique(names)) < 2:
        raise DataError("at least ten rows, two groups and two different labels are needed.")
    classes = bool(is_classifier(estimator))
    folds = list(GroupKFold(min(5, len(np.unique(names)))).split(rows, labels, names))
    rng = np.random.default_rng(seed)

    def losses(how: Literal["", "labels", "features"]) -> FloatArray:
        found = np.full(len(rows), np.nan)
        for train, test in folds:
            turn = rng.permutation(len(train))
            inputs, known = rows[train], labels[train]
            known = known[turn] if how == "labels" else known
            if how == "features":
                inputs = np.column_stack([column[rng.permutation(len(train))] for column in inputs.T])
            said = clone(estimator).fit(inputs, known).predict(rows[test])
            found[test] = (said != labels[test]) if classes else np.abs(said - labels[test])
        return found

    dummy = np.full(len(rows), np.nan)
    for train, test in folds:
        dummy[test] = (labels[test] != _mode(labels[train])) if classes else np.abs(
            labels[test] - np.median(labels[train])
        )  # fmt: skip
    real = losses("")
    checks: list[SanityCheck] = []
    for what in ("labels", "features"):
        lost = np.stack([losses(what) for _ in range(shuffles)])
        fallen, better = judge_shuffled(what, lost, real, dummy, names, seed=seed)
        checks += [fallen, better] if what == "labels" else [fallen]
    train, test = folds[0]
    model = clone(estimator).fit(rows[train], labels[train])
    if not classes:
        near = rows[test] + TINY * rows.std(axis=0) * rng.standard_normal((len(test), rows.shape[1]))
        jumps = np.abs(model.predict(near) - model.predict(rows[test]))
        checks.append(judge_jumps("near-identical inputs", _TINY_DID, jumps, float(np.nanmean(real))))
    return _study(checks, ())


def _mode(values: NDArray) -> Any:
    names, counts = np.unique(values, return_counts=True)
    return names[counts.argmax()]


_TINY_DID = "each number moved by a millionth of its spread"


def study_sanity(
    subject: Subject,
    gathered: Gathered,
    places: Sequence[Bench],
    *,
    shuffles: int,
    deadline: float,
    monotone: Mapping[str, Direction] | None = None,
) -> SanityStudy:
    """Sanity checks of the chosen recipe.

    Parameters
    ----------
    places : where altered fits are made; empty: only what needs no fit is checked. shuffles : of each kind.
    monotone : columns whose direction is known from nature, by name.
    """
    checks, notes = _shuffled(subject, places, shuffles, deadline) if places else ([], [])
    if subject.development.task != "classification":
        checks.append(_range(subject, gathered))
    models = fold_models(subject.development, subject.trained, subject.fits, gathered)
    if models:
        checks += _perturbed(subject, gathered, models, deadline)
        checks += _expected(subject, models, monotone or {})
    else:
        notes.append("no fold model was kept: how predictions move with small changes was not looked at")
    return _study(checks, notes)


def _study(checks: Sequence[SanityCheck], notes: Sequence[str]) -> SanityStudy:
    order = {False: 0, None: 1, True: 2}
    ordered = tuple(sorted(checks, key=lambda one: order[one.passed]))
    failed, judged = [one for one in ordered if one.passed is False], [one for one in ordered if one.passed is not None]
    if failed:
        names = ", ".join(one.name for one in failed)
        text = f"{len(failed)} of {len(judged)} checks failed: {names}."
    else:
        text = f"All {len(judged)} checks that could be judged were passed."
    return SanityStudy(ordered, text, tuple(notes))


def _shuffled(
    subject: Subject, places: Sequence[Bench], shuffles: int, deadline: float
) -> tuple[list[SanityCheck], list[str]]:
    development, recipe = subject.development, subject.trained.recipe
    columns = tuple(range(development.table.X.shape[1]))
    changes: list[tuple[str, Change | None]] = [("", None)]
    changes += [("labels", Change(labels_shuffled=True, seed=subject.seed + 7 * (k + 1))) for k in range(shuffles)]
    changes += [("features", Change(shuffled=columns, seed=subject.seed + 13 * (k + 1))) for k in range(shuffles)]
    asked = [(at, what, change) for what, change in changes for at in range(len(places))]
    tasks = [FitTask(recipe, places[at].train, places[at].test, places[at].seed, change=c) for at, _, c in asked]
    results = subject.fits.run(tasks, deadline=deadline)
    done: dict[tuple[str, int], list[FloatArray]] = {}
    said: dict[tuple[str, int], list[FloatArray]] = {}
    lost = 0
    for (at, what, _), result in zip(asked, results, strict=True):
        if result is None or result.failed:
            lost += 1
            continue
        done.setdefault((what, at), []).append(result_losses(development, places[at].test, result))
        said.setdefault((what, at), []).append(_one_number(development, result.value, result.proba))
    notes = [f"{lost} of {len(tasks)} fits with shuffled rows were not done in time or failed"] if lost else []
    checks: list[SanityCheck] = []
    for what in ("labels", "features"):
        both = [at for at in range(len(places)) if ("", at) in done and (what, at) in done]
        if not both:
            continue
        parts = [(np.mean(done[what, at], axis=0), done["", at][0], dummy_losses(development, places[at]),
                  development.groups[places[at].test]) for at in both]  # fmt: skip
        shuffled, real, dummy, groups = (np.concatenate([part[k] for part in parts]) for k in range(4))
        fallen, better = judge_shuffled(what, shuffled, real, dummy, groups.astype(np.int64), seed=subject.seed)
        checks += [fallen, better] if what == "labels" else [fallen]
        if what == "labels":
            checks.append(_alike([(said["", at][0], one) for at in both for one in said[what, at]]))
    return checks, notes


def _one_number(development: Development, value: FloatArray, proba: FloatArray) -> FloatArray:
    """What a prediction says as one number per row: its value, or the chance of the positive class."""
    if development.task != "classification":
        return in_scale(development, value)
    return proba[:, development.positive] if proba.shape[1] == 2 else proba.max(axis=1)


def _alike(pairs: Sequence[tuple[FloatArray, FloatArray]]) -> SanityCheck:
    """Do a model of shuffled labels and the real one say the same? Then predictions come from the method, not the data.

    Adebayo et al., NeurIPS 31 (2018) 9505 (randomised models as a check). https://arxiv.org/abs/1810.03292
    """
    from scipy.stats import spearmanr

    found = [float(spearmanr(one, other).statistic) for one, other in pairs if one.std() > 0 and other.std() > 0]
    did, expected = "rank correlation of the real predictions with those of shuffled labels", "below 0.5, near 0"
    if not found:
        return SanityCheck(
            "randomised model", did, "constant predictions: nothing to compare", expected, True, 0.0, 0.5
        )
    value = float(np.mean(found))
    # a smooth model of few clusters is alike by luck on one shuffle: a single pair cannot fail
    passed = True if value < 0.5 else False if len(found) > 1 else None
    return SanityCheck("randomised model", did, number(value, 2), expected, passed, value, 0.5)


def _range(subject: Subject, gathered: Gathered) -> SanityCheck:
    development, value = subject.development, gathered.cv.prediction.value
    y = in_scale(development, development.y)
    said = in_scale(development, value[np.isfinite(value)])
    room = BEYOND * float(np.ptp(y))
    outside = (said < y.min() - room) | (said > y.max() + room)
    share = float(outside.mean()) if len(said) else math.nan
    return SanityCheck(
        "range of predictions", "cross-validated predictions beside the range of the labels",
        f"{percent(share)} of the predictions lie more than {percent(BEYOND)} of the range beyond it",
        "at most 1 % of them", share <= 0.01, share, 0.01,
    )  # fmt: skip


def _perturbed(
    subject: Subject, gathered: Gathered, models: Sequence[tuple[RecipeModel, IntArray]], deadline: float
) -> list[SanityCheck]:
    development, (model, unseen) = subject.development, models[0]
    rng = np.random.default_rng(subject.seed)
    rows = np.sort(rng.choice(unseen, min(ROWS, len(unseen)), replace=False))
    table, shown = development.table.take(rows), subject.shown[rows]
    unit, typical = _typical(subject, gathered)

    def said(X: FloatArray) -> FloatArray:
        return _one_number(development, *_value_and_proba(model, X))

    base = said(table.X)
    checks = [_alone(said, table.X, base, typical)]
    tiny = jittered_numbers(table, share=TINY, seed=subject.seed, all_columns=True)
    if tiny is not None:
        jumps = np.abs(said(tiny) - base)
        checks.append(
            judge_jumps("near-identical inputs", _TINY_DID, jumps, typical, unit=unit, worst=_most(jumps, shown))
        )
    if time.monotonic() < deadline and (shifted := shifted_compositions(table, seed=subject.seed)) is not None:
        jumps = np.where(shifted.moved, np.abs(said(shifted.X) - base), np.nan)
        did = f"{100 * OFF:g} at% (5 % of minor elements) of one element turned into another, features worked out anew"
        words = _most(jumps, shown, shifted.words)
        checks.append(judge_jumps("composition a little off", did, jumps, typical, unit=unit, worst=words))
    numbers = jittered_numbers(table, share=NOISE_OF_NUMBERS, seed=subject.seed)
    if numbers is not None:
        jumps = np.abs(said(numbers) - base)
        did = f"numeric inputs moved by {percent(NOISE_OF_NUMBERS)} of their spread"
        checks.append(judge_jumps("numbers a little off", did, jumps, typical, unit=unit, worst=_most(jumps, shown)))
    return checks


def _value_and_proba(model: RecipeModel, X: FloatArray) -> tuple[FloatArray, FloatArray]:
    out = model.output(X)
    return out.value, out.proba


def _typical(subject: Subject, gathered: Gathered) -> tuple[str, float]:
    """Unit of a jump and the mean absolute error it is compared with; of classes, of the probability."""
    development, prediction = subject.development, gathered.cv.prediction
    known = np.flatnonzero(np.isfinite(prediction.value))
    if development.task == "classification":
        chance = prediction.proba[known, development.y[known].astype(np.int64)]
        return "", float(np.mean(1.0 - chance))
    gap = in_scale(development, prediction.value[known]) - in_scale(development, development.y[known])
    return "decades" if development.scale == "log" else development.unit, float(np.abs(gap).mean())


def _alone(said: Predict, X: FloatArray, batch: FloatArray, typical: float) -> SanityCheck:
    rows = range(min(ALONE, len(X)))
    gap = max((abs(float(said(X[[row]])[0]) - float(batch[row])) for row in rows), default=0.0)
    limit = 1e-6 * max(typical, float(np.abs(batch).max(initial=0.0)), 1e-12)
    return SanityCheck(
        "one row alone", f"{len(rows)} rows predicted one by one and in a batch",
        "the same" if gap <= limit else f"differ by up to {number(gap)}", "the same", gap <= limit, gap, limit,
    )  # fmt: skip


def _most(jumps: FloatArray, shown: NDArray, words: Sequence[str] = ()) -> str:
    if not np.isfinite(jumps).any():
        return ""
    row = int(np.nanargmax(jumps))
    said = f" ({words[row]})" if words and words[row] else ""
    return f"{shown[row]}{said} by {number(float(jumps[row]))}"


def _expected(
    subject: Subject, models: Sequence[tuple[RecipeModel, IntArray]], monotone: Mapping[str, Direction]
) -> list[SanityCheck]:
    table, (model, unseen) = subject.development.table, models[0]
    checks = []
    for name, direction in monotone.items():
        if name not in table.names:
            raise DataError(f"no column is called {name!r}. Columns: {', '.join(table.names[:8])}, ...")
        rows = table.X[unseen[:ROWS]]
        checks.append(check_monotone(model.predict, rows, table.names.index(name), direction, name=name))
    return checks
