"""Which training rows help a model and which hurt it: values by nearest neighbours, checked in three ways."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.evaluate.bench import Bench, in_scale, result_losses
from matloop.evaluate.resample import means
from matloop.evaluate.valuation import K, kernel_shapley, knn_shapley
from matloop.evaluate.words import number, percent
from matloop.metrics.estimate import Estimate
from matloop.represent.standard import fit_standard, nearest
from matloop.train.fits import FitResult, FitTask
from matloop.train.subject import Subject
from matloop.train.values import Development

LISTED = 12
TEST_ROWS = 300
"""Held-out rows of each fold that values are averaged over."""
VALUED_ROWS = {"quick": 3000, "standard": 5000, "thorough": 30_000}
"""Rows that get a value, by depth; of more a random part is taken, groups whole."""
SECOND_ROWS = {"quick": 0, "standard": 800, "thorough": 2000}
"""Rows on which a second method is asked, by depth: its cost is the cube of the rows."""
SECOND_DRAWS = 16
REMOVED = 0.05
"""Share of the rows that the recipe is fitted without, to see whether the lowest do harm."""
STABLE, AGREED = 0.75, 0.65
"""Below these reliability and agreement the list is not to be read; 0.5 is chance."""
TAIL = 0.005
"""Labels are pulled in to these quantiles: a single huge one would decide every value."""
ODD = 4.0
"""Robust standard deviations from the neighbours' labels from which a row is called odd."""
SAMPLE = 1000


@dataclass(frozen=True, slots=True)
class ValuedRow:
    """A training row and what it is worth, in units of the mean absolute worth of a row; negative: it hurts.

    around : label of its nearest rows of other groups (their median, or most frequent class). odd : how far its own
        label is from that, in robust standard deviations of that distance; for classes the share of neighbours that
        disagree. nearest : id, what it is, label.
    """

    id: str
    shown: str
    y: float
    worth: float
    around: float
    odd: float
    why: str
    nearest: tuple[tuple[str, str, float], ...]


@dataclass(frozen=True, slots=True)
class Removal:
    """The recipe fitted again without the rows of least worth, and without as many drawn by chance.

    worst, chance : change of the error as a share of it, paired on the same held-out rows. gap : worst minus chance.
    """

    n_removed: int
    worst: float
    chance: float
    gap: Estimate


@dataclass(frozen=True, slots=True)
class WorthStudy:
    """What training rows are worth.

    worth : shape (n,), of each development row; NaN where it was not valued. harmful, helpful : the ends of the list,
        most extreme first.
    negative : share of rows with a worth below zero. odd : how many rows disagree with their neighbours, of the
        `n_sampled` that were looked at.
    reliability : chance that a row among the lowest 5 % by one half of the held-out rows is lower than another row by
        the other half, too; 0.5 is chance, 1 is the same list. agreement : the same by Shapley values for kernel
        ridge; NaN where these were not asked. readable : whether both are enough, or the recipe itself is shown to be
        better without the lowest; never where it is shown to be worse.
    """

    worth: FloatArray
    harmful: tuple[ValuedRow, ...]
    helpful: tuple[ValuedRow, ...]
    negative: float
    odd: int
    n_sampled: int
    reliability: float
    agreement: float
    removal: Removal | None
    readable: bool
    sentence: str
    notes: tuple[str, ...] = ()


def row_worth(
    X: FloatArray, y: FloatArray, fold: IntArray, groups: IntArray, *, classes: bool = False, k: int = K, seed: int = 0
) -> tuple[FloatArray, float]:
    """Mean k-nearest-neighbour Shapley value of every row on the held-out rows of the other folds, and its reliability.

    Parameters
    ----------
    X : shape (n, n_features), standardised features without gaps. y : shape (n,), numbers or class indices.
    fold, groups : shape (n,); at most 300 rows of each fold are asked.

    Returns
    -------
    values, shape (n,), and their reliability: `same_lowest` of the values by two halves of the asked groups.
    """
    halves, count = np.zeros((2, len(y))), np.zeros((2, len(y)))
    for one in np.unique(fold):
        train, test = np.flatnonzero(fold != one), np.flatnonzero(fold == one)
        rng = np.random.default_rng([seed, int(one)])
        if len(test) > TEST_ROWS:
            test = np.sort(rng.choice(test, TEST_ROWS, replace=False))
        if not len(train) or not len(test):
            continue
        names, group = np.unique(groups[test], return_inverse=True)
        side = (rng.permutation(len(names)) % 2)[group.reshape(-1)]
        values = knn_shapley(X[train], y[train], X[test], y[test], k=k, classes=classes)
        for half in (0, 1):
            halves[half, train] += values[side == half].sum(axis=0)
            count[half, train] += (side == half).sum()
    worth = halves.sum(axis=0) / np.maximum(count.sum(axis=0), 1.0)
    both = (count > 0).all(axis=0)
    one, other = (halves[half, both] / count[half, both] for half in (0, 1))
    return worth, 0.5 * (same_lowest(one, other) + same_lowest(other, one))


def same_lowest(values: FloatArray, others: FloatArray, share: float = REMOVED) -> float:
    """Chance that a row with one of the lowest `values` is lower than another row by `others`, too; both shape (n,).

    The area under the receiver operating characteristic: 0.5 is chance, 1 is full agreement; NaN for fewer than three
    rows or values that are all equal.
    """
    from scipy.stats import rankdata

    n = len(values)
    if n < 3 or not values.std() or not others.std():
        return math.nan
    low = np.argsort(values, kind="stable")[: max(round(share * n), 1)]
    above = n - rankdata(others)[low]  # rows higher than each, half of the equal ones
    among = len(low) * (len(low) - 1) / 2.0
    return float((above.sum() - among) / (len(low) * (n - len(low))))


def study_row_worth(subject: Subject, places: Sequence[Bench], *, chances: int, deadline: float) -> WorthStudy | None:
    """Worth of the development rows; None where the labels or the features do not vary.

    Parameters
    ----------
    places : where the recipe is fitted without the rows of least worth; empty: it is not fitted again.
    chances : draws of as many other rows, for comparison.
    """
    development = subject.development
    X = fit_standard(development.table.X, development.table.columns()).apply(development.table.X)
    y, classes = _labels(development), development.task == "classification"
    if not X.shape[1] or len(np.unique(y)) < 2 or time.monotonic() >= deadline:
        return None
    rows = _some_rows(development, VALUED_ROWS[subject.depth], subject.seed)
    values, reliability = row_worth(
        X[rows], y[rows], development.fold[rows], development.groups[rows], classes=classes, seed=subject.seed
    )
    size = float(np.abs(values).mean())
    if size == 0.0:
        return None
    worth = np.full(len(y), np.nan)
    worth[rows] = values / size
    notes = [f"values by {K} nearest neighbours in standardised features, which is not the chosen model"]
    if len(rows) < len(y):
        notes.append(f"{len(rows):,} of {len(y):,} rows were valued, drawn at random, and only by one another")
    agreement = _agreement(subject, X, y, deadline)
    if math.isnan(agreement) and SECOND_ROWS[subject.depth]:
        notes.append("a second method was not asked: the time ran out")
    removal = _removal(subject, places, X, y, chances, deadline) if places else None
    order = rows[np.argsort(values, kind="stable")]
    worst, best = order[: min(LISTED, int((values < 0).sum()))], order[::-1][: min(LISTED, int((values > 0).sum()))]
    harmful, helpful, odd, n_sampled = _rows(subject, X, worth, worst, best)
    harm, helps = (False, False) if removal is None else (removal.gap.high < 0, removal.gap.low > 0)
    readable = harm or not (helps or reliability < STABLE or agreement < AGREED)
    found = WorthStudy(
        worth, harmful, helpful, float((values < 0).mean()), odd, n_sampled, reliability, agreement, removal,
        readable, "", tuple(notes),
    )  # fmt: skip
    return replace(found, sentence=_sentence(found))


def _some_rows(development: Development, most: int, seed: int) -> IntArray:
    """All rows, or whole groups drawn at random until about `most` rows are there."""
    n = len(development)
    if n <= most:
        return np.arange(n)
    names, group = np.unique(development.groups, return_inverse=True)
    turn = np.random.default_rng(seed).permutation(len(names))[group.reshape(-1)]
    order = np.argsort(turn, kind="stable")
    return np.sort(order[turn[order] <= turn[order[most - 1]]])


def _labels(development: Development) -> FloatArray:
    """Labels as they are compared, extreme numbers pulled in."""
    if development.task == "classification":
        return development.y
    y = in_scale(development, development.y)
    return np.clip(y, *np.quantile(y, [TAIL, 1.0 - TAIL]))


def _agreement(subject: Subject, X: FloatArray, y: FloatArray, deadline: float) -> float:
    """How far the second method gives the same lowest rows, over folds; NaN where it was not asked."""
    development, most = subject.development, SECOND_ROWS[subject.depth]
    if not most or len(y) < 20:
        return math.nan
    rng = np.random.default_rng(subject.seed)
    rows = np.arange(len(y)) if len(y) <= most else np.sort(rng.choice(len(y), most, replace=False))
    fold, classes = development.fold[rows], development.task == "classification"
    one, other = np.zeros(len(rows)), np.zeros(len(rows))
    for part in np.unique(fold):
        if time.monotonic() >= deadline:
            return math.nan
        train, test = np.flatnonzero(fold != part), np.flatnonzero(fold == part)
        if len(train) < 5:
            continue
        given = X[rows[train]], y[rows[train]], X[rows[test]], y[rows[test]]
        one[train] += knn_shapley(*given, classes=classes).sum(axis=0)
        other[train] += len(test) * kernel_shapley(*given, draws=SECOND_DRAWS, classes=classes, seed=subject.seed)
    return same_lowest(one, other)


def _removal(
    subject: Subject, places: Sequence[Bench], X: FloatArray, y: FloatArray, chances: int, deadline: float
) -> Removal | None:
    """Values from the training rows alone, their lowest left out, the recipe judged on rows that had no say in it."""
    development, classes = subject.development, subject.development.task == "classification"
    tasks: list[tuple[int, FitTask]] = []
    n_removed = 0
    for at, place in enumerate(places):
        train = place.train
        worth, _ = row_worth(X[train], y[train], development.fold[train], development.groups[train],
                             classes=classes, seed=subject.seed)  # fmt: skip
        n_removed = max(round(REMOVED * len(train)), 1)
        rng = np.random.default_rng([subject.seed, at])
        without = [np.argsort(worth, kind="stable")[:n_removed]]
        without += [rng.choice(len(train), n_removed, replace=False) for _ in range(chances)]
        kept = [train, *(np.delete(train, gone) for gone in without)]
        tasks += [(at, FitTask(subject.trained.recipe, rows, place.test, place.seed)) for rows in kept]
    results = subject.fits.run([task for _, task in tasks], deadline=deadline)
    step = chances + 2
    parts = [
        _losses(development, place, results[at * step : (at + 1) * step]) for at, place in enumerate(places)
    ]  # fmt: skip
    found = [part for part in parts if part is not None]
    if not found:
        return None
    plain, worst, chance, groups = (np.concatenate([part[k] for part in found]) for k in range(4))
    level = float(plain.mean())
    if level <= 0:
        return None
    gap = means((worst - chance) / level, np.ones((len(plain), 1)), groups.astype(np.int64), subject.seed)[0]
    return Removal(n_removed, float(worst.mean()) / level - 1.0, float(chance.mean()) / level - 1.0, gap)


def _losses(
    development: Development, place: Bench, results: Sequence[FitResult | None]
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray] | None:
    done = [None if r is None or r.failed else result_losses(development, place.test, r) for r in results]
    others = [one for one in done[2:] if one is not None]
    if done[0] is None or done[1] is None or not others:
        return None
    return done[0], done[1], np.mean(others, axis=0), development.groups[place.test].astype(np.float64)


def _rows(
    subject: Subject, X: FloatArray, worth: FloatArray, worst: IntArray, best: IntArray
) -> tuple[tuple[ValuedRow, ...], tuple[ValuedRow, ...], int, int]:
    """Both ends of the list with their neighbours; how many sampled rows are odd among theirs, and of how many."""
    n = len(worth)
    rng = np.random.default_rng(subject.seed)
    sample = np.arange(n) if n <= SAMPLE else np.sort(rng.choice(n, SAMPLE, replace=False))
    wanted = np.concatenate([sample, worst, best])
    near = _others(X, subject.development.groups, wanted)
    around, gap = _around(subject.development, wanted, near)
    classes = subject.development.task == "classification"
    usual = 1.4826 * float(np.median(gap[: len(sample)])) if not classes else 1.0
    odd = gap / usual if usual > 0 else np.zeros(len(gap))
    limit = ODD if not classes else 1.0
    rows = [
        _row(subject, int(row), float(worth[row]), float(around[k]), float(odd[k]), near[k])
        for k, row in list(enumerate(wanted))[len(sample) :]
    ]
    return tuple(rows[: len(worst)]), tuple(rows[len(worst) :]), int((odd[: len(sample)] >= limit).sum()), len(sample)


def _others(X: FloatArray, groups: IntArray, rows: IntArray) -> list[IntArray]:
    """The nearest rows of other groups for each of the rows, at most K."""
    found = nearest(X, X[rows], min(len(X), 4 * K)).row
    return [line[groups[line] != groups[row]][:K] for row, line in zip(rows, found, strict=True)]


def _around(development: Development, rows: IntArray, near: Sequence[IntArray]) -> tuple[FloatArray, FloatArray]:
    """Label around each row, and how far its own is from it (share that disagree, for classes)."""
    around, gap = np.full(len(rows), np.nan), np.zeros(len(rows))
    y = in_scale(development, development.y)
    for k, (row, line) in enumerate(zip(rows, near, strict=True)):
        if not len(line):
            continue
        if development.task == "classification":
            around[k] = float(np.bincount(y[line].astype(np.int64)).argmax())
            gap[k] = float(np.mean(y[line] != y[row]))
        else:
            around[k] = float(np.median(development.y[line]))
            gap[k] = abs(float(np.median(y[line])) - y[row])
    return around, gap


def _row(subject: Subject, row: int, worth: float, around: float, odd: float, near: IntArray) -> ValuedRow:
    y = subject.development.y
    return ValuedRow(
        str(subject.ids[row]), str(subject.shown[row]), float(y[row]), worth, around, odd,
        _why(subject.development, odd, len(near)),
        tuple((str(subject.ids[k]), str(subject.shown[k]), float(y[k])) for k in near[:3]),
    )  # fmt: skip


def _why(development: Development, odd: float, n_near: int) -> str:
    if not n_near:
        return "no row of another group is near"
    if development.task == "classification":
        if odd >= 1.0:
            return f"all {n_near} nearest rows have another class"
        return f"{round(odd * n_near)} of {n_near} nearest rows have another class" if odd > 0 else ""
    if odd >= ODD:
        return f"far from its nearest rows: {number(odd, 2)} times the usual distance"
    return "somewhat off its nearest rows" if odd >= 2.0 else ""


def _sentence(found: WorthStudy) -> str:
    odd = f"{found.odd:,} of {found.n_sampled:,} rows that were looked at have a label far from their neighbours'."
    if found.removal is not None and found.removal.gap.low > 0:
        return f"Do not read these values: without the rows of least worth the chosen model is worse. {odd}"
    if not found.readable:
        return (
            f"Do not read these values: other held-out rows or another method would order the rows differently. {odd}"
        )
    if found.removal is None:
        return f"Rows at the top of the list are worth a second look in their source. {odd}"
    one = found.removal
    how = "lowers" if one.worst < 0 else "raises"
    text = f"Leaving out the {one.n_removed:,} rows of least worth {how} the error by {percent(abs(one.worst))}"
    text += f", leaving out as many others {'lowers' if one.chance < 0 else 'raises'} it by {percent(abs(one.chance))}"
    if one.gap.high < 0:
        return f"{text}: they do harm. {odd}"
    return f"{text}: no harm is shown. {odd}"
