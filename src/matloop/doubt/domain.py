"""The domain of a model: which rows are like those it learnt from, and in words why another one is not.

Four checks: an element that no training row holds; a category word that none had, or a value missing that never was; a
number outside the trained range; a distance to the nearest training rows that is large for that region. The distance is
the mean to five neighbours over the square root of their own distances to each other, so that a sparse region is not
called foreign as easily as a dense one (between a plain nearest-neighbour distance and the local outlier factor of
Breunig et al. 2000, doi:10.1145/342009.335388).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import Arrays, BoolArray, FloatArray, IntArray, TextArray, nested, number, taken, under, within
from matloop.core.errors import BundleError, DataError
from matloop.doubt.nearness import Nearness, fit_nearness
from matloop.represent.table import FeatureTable
from matloop.split.folds import make_folds

FLAGGED = 0.07
"""Share of held-out rows like the training rows that are flagged by all checks together."""
LEAST = 0.02
"""Share that the distance flags where the other checks already flag as many."""
MARGIN = 0.05
"""A number may lie outside the trained range by this share of it."""
LANDMARKS, AXES, NEIGHBOURS, FOLDS = 2000, 20, 5, 10
SOFTENING = 0.1
"""Share of the median distance between neighbours that is added to each, for rows that lie upon each other."""
MOST_WORDS = 50
CHUNK = 2048


@dataclass(frozen=True, slots=True)
class Domain:
    """Where a model may be trusted.

    names : shape (n_features,), feature columns.
    fractions : positions of element fraction columns no training row has any of.
    numbers, low, high : positions and allowed ranges of number inputs. complete : positions of columns (numbers,
        categories, fractions) that no training row misses.
    words : shape (n_words, 2), (column, code) of each category word that occurs in training.
    typical_low, typical_high : shape (n_features,), 1 and 99 % of the training values, for the reason in words.
    radius : shape (n_landmarks,), mean distance of each landmark to its neighbours. threshold : largest score inside.
    """

    names: TextArray
    fractions: IntArray
    numbers: IntArray
    low: FloatArray
    high: FloatArray
    complete: IntArray
    words: IntArray
    typical_low: FloatArray
    typical_high: FloatArray
    nearness: Nearness
    radius: FloatArray
    threshold: float

    def judge(self, table: FeatureTable) -> tuple[BoolArray, TextArray]:
        """Whether each row is like the training rows, and if not why; shape (n,) each.

        Raises
        ------
        DataError : the table has other columns than the training table.
        """
        self._check(table)
        reasons: dict[int, list[str]] = {}
        for start in range(0, len(table), CHUNK):
            X = table.X[start : start + CHUNK]
            known = {row - start: why for row, why in table.reasons.items() if start <= row < start + len(X)}
            for row, why in self._seen_checks(X, known):
                reasons.setdefault(start + row, []).append(why)
            for row, why in self._distance_check(X):
                reasons.setdefault(start + row, []).append(why)
        inside = np.ones(len(table), dtype=bool)
        inside[list(reasons)] = False
        texts = np.array(["; ".join(dict.fromkeys(reasons.get(row, ()))) for row in range(len(table))], dtype=np.str_)
        return inside, texts

    def score(self, table: FeatureTable) -> FloatArray:
        """How foreign each row is, shape (n,): the distance over its limit, raised where another check fails."""
        self._check(table)
        found = np.empty(len(table))
        for start in range(0, len(table), CHUNK):
            X = table.X[start : start + CHUNK]
            ratio = self._distances(X) / self.threshold
            for row in {row for row, _ in self._seen_checks(X, {})}:
                ratio[row] = 1.5 * max(ratio[row], 1.0)
            found[start : start + CHUNK] = ratio
        return found

    def _check(self, table: FeatureTable) -> None:
        if table.names != tuple(self.names.tolist()):
            raise DataError(f"{len(table.names)} feature columns; the domain was learnt from {len(self.names)} others.")

    def _seen_checks(self, X: FloatArray, known: dict[int, str]) -> list[tuple[int, str]]:
        found: list[tuple[int, str]] = []
        for row, column in np.argwhere(X[:, self.fractions] > 0).tolist():
            found.append((row, f"contains {self._element(self.fractions[column])}, never seen in training"))
        missing = np.isnan(X[:, self.complete])
        for row in np.flatnonzero(missing.any(axis=1)).tolist():
            first = self.names[self.complete[missing[row].argmax()]]
            found.append((row, known.get(row, f"{first} is missing, it never was in training")))
        for column in np.unique(self.words[:, 0]).tolist():
            codes = self.words[self.words[:, 0] == column, 1]
            values = X[:, column]
            for row in np.flatnonzero(~np.isnan(values) & ~np.isin(values, codes)).tolist():
                found.append((row, f"this {self.names[column]} was never seen in training"))
        values = X[:, self.numbers]
        for row, column in np.argwhere((values < self.low) | (values > self.high)).tolist():
            edge = (self.high[column] - self.low[column]) * MARGIN / (1.0 + 2.0 * MARGIN)
            span = f"{_short(self.low[column] + edge)} to {_short(self.high[column] - edge)}"
            found.append((row, f"{self.names[self.numbers[column]]} {_short(values[row, column])} outside {span}"))
        return found

    def _element(self, column: int) -> str:
        return str(self.names[column]).rsplit(" ", 1)[-1]

    def _distances(self, X: FloatArray) -> FloatArray:
        return _relative(self.nearness, self.radius, _expanded(X, self.words))

    def _distance_check(self, X: FloatArray) -> list[tuple[int, str]]:
        found: list[tuple[int, str]] = []
        score = self._distances(X)
        rows = np.flatnonzero(score > self.threshold)
        if len(rows) == 0:
            return found
        standard = np.abs(self.nearness.standard(_expanded(X[rows], self.words)))
        for place, row in enumerate(rows.tolist()):
            head = f"unlike the training rows (distance {score[row] / self.threshold:.1f} times the limit)"
            found.append((row, head + self._most_unusual(X[row], standard[place])))
        return found

    def _most_unusual(self, x: FloatArray, standard: FloatArray) -> str:
        if standard.size == 0:
            return ""
        if amount := self._most_unusual_amount(x):
            return amount
        column = int(self.nearness.columns[int(standard.argmax())])
        if column >= len(self.names):
            word = self.words[column - len(self.names), 0]
            return f", most unusual: {self.names[word]}"
        low, high = _short(self.typical_low[column]), _short(self.typical_high[column])
        return f", most unusual: {self.names[column]} {_short(x[column])} (most training rows: {low} to {high})"

    def _most_unusual_amount(self, x: FloatArray) -> str:
        """The common element whose amount is furthest above what most training rows hold: a chemist reads it first."""
        excess = np.zeros(len(self.names))
        common = np.char.find(self.names, "fraction ") >= 0
        common &= self.typical_high > 0.0
        excess[common] = np.nan_to_num(x[common]) / self.typical_high[common]
        column = int(excess.argmax())
        if excess[column] <= 1.0:
            return ""
        low, high, found = (_short(100.0 * v) for v in (self.typical_low[column], self.typical_high[column], x[column]))
        return f", most unusual: {found} at% {self._element(column)} (most training rows: {low} to {high})"

    def to_arrays(self) -> Arrays:
        """Plain arrays; `from_arrays` judges the same."""
        arrays: Arrays = {"threshold": np.array(self.threshold)}
        for name in _PLAIN:
            arrays[name] = getattr(self, name)
        return arrays | nested("nearness", self.nearness.to_arrays())

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Domain:
        """The value that `to_arrays` gave.

        Raises
        ------
        BundleError : an array is missing or impossible.
        """
        names = taken(arrays, "names", kind="U")
        n = len(names)
        columns = {name: within(arrays, name, 0, n).astype(np.int64) for name in ("fractions", "numbers", "complete")}
        words = taken(arrays, "words", kind="iu", ndim=2).astype(np.int64)
        limits = {name: taken(arrays, name).astype(np.float64) for name in ("low", "high")}
        typical = {name: taken(arrays, name).astype(np.float64) for name in ("typical_low", "typical_high")}
        radius, threshold = taken(arrays, "radius").astype(np.float64), number(arrays, "threshold")
        if words.shape[1] != 2 or (words.size and (words.min() < 0 or words[:, 0].max() >= n)):
            raise BundleError(
                "the category words of the domain point to impossible columns. The bundle is not trusted."
            )
        nearness = Nearness.from_arrays(under("nearness", arrays), n + len(words))
        if (
            any(len(part) != len(columns["numbers"]) for part in limits.values())
            or any(len(part) != n for part in typical.values())
            or len(radius) != len(nearness.landmarks)
            or (radius <= 0).any()
            or not (np.isfinite(threshold) and threshold > 0)
        ):
            raise BundleError("the arrays of the domain do not fit each other. The bundle is not trusted.")
        return cls(
            names=names,
            fractions=columns["fractions"],
            numbers=columns["numbers"],
            low=limits["low"],
            high=limits["high"],
            complete=columns["complete"],
            words=words,
            typical_low=typical["typical_low"],
            typical_high=typical["typical_high"],
            nearness=nearness,
            radius=radius,
            threshold=threshold,
        )


_PLAIN = (
    "names", "fractions", "numbers", "low", "high", "complete", "words", "typical_low", "typical_high", "radius",
)  # fmt: skip


def fit_domain(table: FeatureTable, y: FloatArray, groups: ArrayLike, *, seed: int) -> Domain:
    """Learn the domain of a model from its training rows.

    Parameters
    ----------
    table : training rows; columns whose origin ends with ":fractions" are element fractions, ":number" and ":category"
        are process inputs.
    y, groups : shape (n,), only to make the folds that the limit of the distance is found with.

    Raises
    ------
    DataError : no rows, or lengths differ.
    """
    index = np.unique(np.asarray(groups), return_inverse=True)[1].reshape(-1)
    if len(table) == 0 or not len(table) == len(y) == len(index):
        raise DataError(
            f"{len(table)} feature rows, {len(y)} targets, {len(index)} groups; a domain needs rows of each."
        )
    ends = [np.array([origin.endswith(tail) for origin in table.origins]) for tail in _KINDS]
    is_fraction, is_number, is_category = ends
    checked = is_fraction | is_number | is_category
    X = table.X
    seen = (X > 0).any(axis=0)
    low, high, numbers = _ranges(X, np.flatnonzero(is_number))
    words = _words(X, np.flatnonzero(is_category))
    wide = _expanded(X, words)
    nearness, rows = fit_nearness(wide, n_axes=AXES, n_landmarks=LANDMARKS, neighbours=NEIGHBOURS, seed=seed)
    radius = _radius(nearness)
    shown = np.nan_to_num(np.where(np.isfinite(X), X, np.nan), nan=0.0)
    return Domain(
        names=np.array(table.names, dtype=np.str_),
        fractions=np.flatnonzero(is_fraction & ~seen).astype(np.int64),
        numbers=numbers,
        low=low,
        high=high,
        complete=np.flatnonzero(checked & ~np.isnan(X).any(axis=0)).astype(np.int64),
        words=words,
        typical_low=np.quantile(shown, 0.01, axis=0),
        typical_high=np.quantile(shown, 0.99, axis=0),
        nearness=nearness,
        radius=radius,
        threshold=_limit(nearness, radius, rows, wide, X, y, index, np.flatnonzero(is_fraction), numbers, seed),
    )


_KINDS = (":fractions", ":number", ":category")


def _limit(
    nearness: Nearness,
    radius: FloatArray,
    rows: IntArray,
    wide: FloatArray,
    X: FloatArray,
    y: FloatArray,
    index: IntArray,
    fractions: IntArray,
    numbers: IntArray,
    seed: int,
) -> float:
    """The score above which held-out rows of the same kind are rare enough, found by grouped folds."""
    if len(np.unique(index)) < 2:
        return _positive(2.0 * float(_relative(nearness, radius, wide).max()))
    n_folds = min(FOLDS, len(np.unique(index)))
    fold = make_folds(np.nan_to_num(y), index, n_folds=n_folds, seed=seed, task="regression")
    score = _relative(nearness, radius, wide, part=fold, landmark_part=fold[rows])
    hard = np.zeros(len(X), dtype=bool)
    for f in range(n_folds):
        out, rest = fold == f, fold != f
        never = fractions[~(X[rest][:, fractions] > 0).any(axis=0)]
        hard[out] = (X[out][:, never] > 0).any(axis=1)
        low, high, columns = _ranges(X[rest], numbers)
        hard[out] |= ((X[out][:, columns] < low) | (X[out][:, columns] > high)).any(axis=1)
    left = score[~hard & np.isfinite(score)]
    if len(left) == 0:
        return _positive(float(np.max(score, where=np.isfinite(score), initial=0.0)))
    share = max((FLAGGED - hard.mean()) / max(1.0 - hard.mean(), 1e-9), LEAST)
    return _positive(float(np.quantile(left, 1.0 - share, method="higher")))


def _positive(limit: float) -> float:
    """A limit above zero, and above rounding where all training rows lie upon each other."""
    return max(limit, 1e-6)


def _ranges(X: FloatArray, columns: IntArray) -> tuple[FloatArray, FloatArray, IntArray]:
    """Allowed ranges of number columns that have values: the trained range and a margin."""
    filled = np.isfinite(X[:, columns])
    used = columns[filled.any(axis=0)]
    values = np.where(np.isfinite(X[:, used]), X[:, used], np.nan)
    if len(used) == 0:
        return np.empty(0), np.empty(0), used.astype(np.int64)
    low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
    margin = MARGIN * (high - low) + 1e-9 * np.maximum(np.abs(low), np.abs(high))
    return low - margin, high + margin, used.astype(np.int64)


def _words(X: FloatArray, columns: IntArray) -> IntArray:
    """(column, code) of every word that occurs, shape (n_words, 2)."""
    pairs = [(int(c), int(code)) for c in columns for code in np.unique(X[np.isfinite(X[:, c]), c])]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _expanded(X: FloatArray, words: IntArray) -> FloatArray:
    """Columns as they are, then one per category word; the code columns themselves, and columns of very many words, are
    blanked, because a place in a list is no distance."""
    if len(words) == 0:
        return X
    inside = X.copy()
    columns, counts = np.unique(words[:, 0], return_counts=True)
    marks = (X[:, words[:, 0]] == words[:, 1]).astype(np.float64)
    marks[:, np.isin(words[:, 0], columns[counts > MOST_WORDS])] = 0.0
    inside[:, columns] = 0.0
    return np.hstack([inside, marks])


def _radius(nearness: Nearness) -> FloatArray:
    """Mean distance of each landmark to its neighbours, softened; shape (n_landmarks,)."""
    places = nearness.landmarks
    squares = np.einsum("ij,ij->i", places, places)
    found = np.empty(len(places))
    k = min(NEIGHBOURS, max(len(places) - 1, 1))
    for start in range(0, len(places), 500):
        rows = places[start : start + 500]
        away = squares - 2.0 * (rows @ places.T) + squares[start : start + 500, None]
        away[np.arange(len(rows)), start + np.arange(len(rows))] = np.inf
        nearest = np.partition(away, k - 1, axis=1)[:, :k]
        found[start : start + 500] = np.sqrt(np.maximum(np.where(np.isfinite(nearest), nearest, 0.0), 0.0)).mean(axis=1)
    return found + SOFTENING * float(np.median(found)) + 1e-6


def _relative(
    nearness: Nearness,
    radius: FloatArray,
    wide: FloatArray,
    *,
    part: IntArray | None = None,
    landmark_part: IntArray | None = None,
) -> FloatArray:
    """Mean distance to the neighbours over the root of their mean radius, shape (n,)."""
    distance, index = nearness.nearest(wide, part=part, landmark_part=landmark_part)
    there = np.isfinite(distance)
    count = np.maximum(there.sum(axis=1), 1)
    mean = np.where(there, distance, 0.0).sum(axis=1) / count
    around = np.where(there, radius[index], 0.0).sum(axis=1) / count
    return np.where(there.any(axis=1), mean / np.sqrt(np.maximum(around, 1e-12)), np.inf)


def _short(value: float) -> str:
    return f"{value:.4g}"
