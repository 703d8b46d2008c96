"""Do cheaper rows help: error on rows of one fidelity against the share of others that is learnt from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import ConfigError, DataError
from matloop.evaluate.evidence import Terms
from matloop.evaluate.refits import classifies, error_of, estimator_score, growing, run_refits, score_of
from matloop.split.folds import make_folds
from matloop.train.fits import FitTask
from matloop.train.subject import Subject

CHEAP_SHARES = (0.0, 0.1, 0.3, 1.0)
LEAST_EXPENSIVE = 20

_Job = tuple[float, int, int, IntArray, IntArray]


@dataclass(frozen=True, slots=True)
class CheapPoint:
    """Score on expensive held-out rows, with `n_cheap` cheap rows (`share` of all) added to the expensive ones."""

    share: float
    n_cheap: int
    n_expensive: int
    part: int
    score: float


@dataclass(frozen=True, slots=True)
class FidelityCurve:
    """Score on rows of one fidelity (the `wanted` one) against the share of other rows learnt from."""

    metric: str
    wanted: str
    points: tuple[CheapPoint, ...]
    gain: float
    """by what share the error falls with all cheap rows; below 0 they do harm"""
    gain_low: float
    gain_high: float
    sentence: str


def fidelity_curve(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike,
    fidelity: ArrayLike,
    wanted: str,
    *,
    metric: str = "mae",
    groups: ArrayLike | None = None,
    shares: Sequence[float] = CHEAP_SHARES,
    n_folds: int = 5,
    seed: int = 0,
) -> FidelityCurve:
    """Whether rows of another fidelity (calculated, older, cheaper) help to predict the wanted one.

    Rows of the wanted fidelity are held out in folds; the estimator learns from the others of that fidelity and a
    growing share of all other rows, but never from a row of a held-out group. Give X a column that says which fidelity
    a row is, or the estimator takes them for the same quantity.

    Parameters
    ----------
    estimator : of scikit-learn, cloned for each fit. X : shape (n, n_features). y : shape (n,).
    fidelity : shape (n,), names; `wanted` is one of them.
    groups : shape (n,), the same material in both fidelities must have the same group; None: rows with the same
        features belong together, which is only right where X does not say the fidelity.

    Raises
    ------
    ConfigError : `wanted` is none of the names. DataError : lengths differ, fewer than 20 wanted rows, or no other.
    """
    from sklearn.base import clone

    values, truth = np.asarray(X, dtype=np.float64), np.asarray(y, dtype=np.float64)
    source = np.asarray(fidelity, dtype=np.str_)
    if not len(values) == len(truth) == len(source):
        raise DataError(f"{len(values)} rows of X, {len(truth)} target values and {len(source)} fidelities.")
    alike = np.unique(values, axis=0, return_inverse=True)[1] if groups is None else np.asarray(groups)
    group = np.unique(alike.reshape(-1), return_inverse=True)[1].reshape(-1)

    def score(train: IntArray, held: IntArray) -> float | None:
        model = clone(estimator).fit(values[train], truth[train])
        return estimator_score(model, values[held], truth[held], metric, truth)

    jobs = _fidelity_jobs(truth, group, source, wanted, shares, n_folds, seed, classify=classifies(metric))
    scored = [(share, n, part, train, score(train, held)) for share, n, part, train, held in jobs]
    return _fidelity_found(metric, wanted, scored)


def _fidelity_jobs(
    y: FloatArray,
    groups: IntArray,
    source: NDArray,
    wanted: str,
    shares: Sequence[float],
    n_folds: int,
    seed: int,
    *,
    classify: bool,
) -> list[_Job]:
    """(share, cheap rows, part, training rows, held-out rows) of every fit; share 0 first."""
    mine, others = np.flatnonzero(source == wanted), np.flatnonzero(source != wanted)
    if not len(mine):
        names = ", ".join(map(repr, np.unique(source)[:6].tolist()))
        raise ConfigError(f"no row has fidelity {wanted!r}; there are {names}.")
    if len(mine) < LEAST_EXPENSIVE or not len(others):
        raise DataError(
            f"{len(mine)} rows of fidelity {wanted!r} and {len(others)} others; at least {LEAST_EXPENSIVE} and 1 are "
            "needed to see whether the others help."
        )
    fold = make_folds(
        y[mine], groups[mine], n_folds=n_folds, seed=seed, task="classification" if classify else "regression"
    )  # fmt: skip
    jobs: list[_Job] = []
    for share in sorted({0.0, *shares}):
        for part in np.unique(fold).tolist():
            held = mine[fold == part]
            # a cheap row of a held-out material would tell the answer
            free = others[~np.isin(groups[others], groups[held])]
            added = growing(free, groups, share, [seed, part, 13]) if share > 0 and len(free) else free[:0]
            train = np.sort(np.concatenate([mine[fold != part], added]))
            jobs.append((share, len(added), int(part), train, held))
    return jobs


def recipe_fidelity_curve(
    subject: Subject, terms: Terms, source: NDArray, wanted: str, deadline: float, notes: list[str]
) -> FidelityCurve | None:
    """`fidelity_curve` of the subject's recipe; None, and a note, where it cannot be had."""
    one = subject.development
    n_folds = 5 if subject.depth == "thorough" else 3
    shares = CHEAP_SHARES if subject.depth == "thorough" else (0.0, 1.0)
    try:
        jobs = _fidelity_jobs(
            one.y, one.groups, source, wanted, shares, n_folds, subject.seed, classify=bool(one.classes)
        )  # fmt: skip
    except (DataError, ConfigError) as error:
        notes.append(f"curve over fidelity: {error}")
        return None
    tasks = [FitTask(subject.trained.recipe, train, held, subject.seed) for *_, train, held in jobs]
    results = run_refits(subject, tasks, deadline, "fits with cheap rows", notes)
    scored = [
        (share, n, part, train, None if result is None else score_of(terms, one, held, result))
        for (share, n, part, train, held), result in zip(jobs, results, strict=True)
    ]
    return _fidelity_found(terms.metric, wanted, scored)


def _fidelity_found(
    metric: str, wanted: str, scored: Sequence[tuple[float, int, int, IntArray, float | None]]
) -> FidelityCurve:
    points = tuple(
        CheapPoint(share, n, len(train) - n, part, value)
        for share, n, part, train, value in scored
        if value is not None and math.isfinite(value)
    )
    gain, low, high = _cheap_gain(metric, points)
    if not math.isfinite(low):
        words = f"Whether other rows help to predict {wanted!r} cannot be told from so few folds."
    elif low > 0:
        words = (
            f"Rows of other fidelity help: the error on {wanted!r} rows is {_share(gain, low, high)} lower with them."
        )
    elif high < 0:
        words = f"Rows of other fidelity do harm: the error on {wanted!r} rows is {_share(-gain, -high, -low)} higher."
    else:
        words = (
            f"Whether rows of other fidelity help cannot be told: the error on {wanted!r} rows changes by "
            f"{-100 * gain:+.0f} % (95 %: {-100 * high:+.0f} to {-100 * low:+.0f} %)."
        )
    return FidelityCurve(metric, wanted, points, gain, low, high, words)


def _share(value: float, low: float, high: float) -> str:
    return f"about {100 * value:.0f} % (95 %: {100 * low:.0f} to {100 * high:.0f} %)"


def _cheap_gain(metric: str, points: tuple[CheapPoint, ...]) -> tuple[float, float, float]:
    """Fall of the error with all cheap rows, and its interval over the folds.

    Training sets of folds overlap, so the variance is corrected as by Nadeau & Bengio (2003),
    doi:10.1023/A:1024068626366.
    """
    from scipy.stats import t

    most = max((one.share for one in points), default=0.0)
    without = {one.part: error_of(metric, one.score) for one in points if one.share == 0.0}
    with_all = {one.part: error_of(metric, one.score) for one in points if one.share == most > 0.0}
    both = [part for part in without if part in with_all and without[part] > 0]
    if not both:
        return math.nan, math.nan, math.nan
    change = np.log([max(with_all[part], 1e-300) / without[part] for part in both])
    gain = 1.0 - float(np.exp(change.mean()))
    if len(both) < 3:
        return gain, math.nan, math.nan
    spread = float(change.std(ddof=1)) * math.sqrt(1 / len(both) + 1 / (len(both) - 1))
    half = float(t.ppf(0.975, len(both) - 1)) * spread
    low, high = 1.0 - np.exp(change.mean() + half), 1.0 - np.exp(change.mean() - half)
    return gain, float(low), float(high)
