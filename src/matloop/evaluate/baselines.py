"""Dumb methods that every model must beat: the middle of the labels, the nearest known row, the rule of mixtures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.represent.standard import fit_standard, nearest
from matloop.represent.table import Columns, FeatureTable
from matloop.train.values import Development

FRACTIONS = ":fractions"


@dataclass(frozen=True, slots=True)
class Guess:
    """What a baseline says: value (n,) in target unit or class index; proba (n, n_classes), (n, 0) for regressions."""

    value: FloatArray
    proba: FloatArray

    def take(self, rows: IntArray) -> Guess:
        """The given rows, in the given order."""
        return Guess(self.value[rows], self.proba[rows])

    @staticmethod
    def blank(n: int, n_classes: int) -> Guess:
        """Nothing said yet: NaN everywhere."""
        return Guess(np.full(n, np.nan), np.full((n, n_classes), np.nan))


@dataclass(frozen=True, slots=True)
class Method:
    """A baseline: its name, how it works in words, and `guess(development, train rows, asked X) -> Guess`."""

    name: str
    how: str
    guess: Callable[[Development, IntArray, FloatArray], Guess]


def methods(development: Development) -> tuple[Method, ...]:
    """The baselines that make sense for these rows, dummiest first."""
    classes = development.task == "classification"
    middle = "the most frequent class" if classes else "the median of the training labels"
    found = [
        Method("dummy", f"{middle}, whatever is asked", _dummy),
        Method(
            "nearest neighbour",
            "the label of the nearest training row in standardised features (1-NN, Euclidean)",
            _nearest_neighbour,
        ),
    ]
    of = "class shares" if classes else "log10 values" if development.scale == "log" else "values"
    if has_composition(development.table.columns()):
        how = f"mean of per-element {of} weighted by atomic fraction; ridge least squares, one pseudo-row per element"
        return (*found, Method("rule of mixtures", how, _mixtures))
    how = f"plain linear regression of {of} on all inputs; there is no composition, so no rule of mixtures"
    return (*found, Method("linear regression", how, _linear))


def held_out(method: Method, development: Development, part: IntArray) -> Guess:
    """Each part (fold, cluster) guessed from the rows of all other parts; rows with part < 0 stay NaN."""
    answer = Guess.blank(len(development), len(development.classes))
    for one in np.unique(part[part >= 0]):
        asked = np.flatnonzero(part == one)
        guess = method.guess(development, np.flatnonzero(part != one), development.table.X[asked])
        answer.value[asked], answer.proba[asked] = guess.value, guess.proba
    return answer


def guess_table(method: Method, development: Development, table: FeatureTable) -> Guess:
    """New rows guessed from all development rows."""
    return method.guess(development, np.arange(len(development)), table.X)


def has_composition(columns: Columns) -> bool:
    """Whether element fractions are among the columns."""
    return any(origin.endswith(FRACTIONS) for origin in columns.origins)


def fraction_columns(columns: Columns) -> IntArray:
    """Positions of the element fraction columns."""
    return np.array([i for i, origin in enumerate(columns.origins) if origin.endswith(FRACTIONS)], dtype=np.int64)


def _dummy(development: Development, train: IntArray, asked: FloatArray) -> Guess:
    y, n = development.y[train], len(asked)
    if development.task != "classification":
        return Guess(np.full(n, np.median(y)), np.zeros((n, 0)))
    shares = np.bincount(y.astype(np.int64), minlength=len(development.classes)) / len(y)
    return Guess(np.full(n, float(shares.argmax())), np.tile(shares, (n, 1)))


def _nearest_neighbour(development: Development, train: IntArray, asked: FloatArray) -> Guess:
    standard = fit_standard(development.table.X[train], development.table.columns())
    found = nearest(standard.apply(development.table.X[train]), standard.apply(asked))
    value = development.y[train][found.row[:, 0]]
    if development.task != "classification":
        return Guess(value, np.zeros((len(asked), 0)))
    return Guess(value, np.eye(len(development.classes))[value.astype(np.int64)])


def _mixtures(development: Development, train: IntArray, asked: FloatArray) -> Guess:
    columns = fraction_columns(development.table.columns())
    fractions = np.nan_to_num(development.table.X[np.ix_(train, columns)])
    # fractions sum to one, so mean + fractions @ d is the weighted mean of per-element values mean + d; an element that
    # training rows never hold gets d = 0, the mean
    return _regressed(development, train, fractions, np.nan_to_num(asked[:, columns]))


def _linear(development: Development, train: IntArray, asked: FloatArray) -> Guess:
    standard = fit_standard(development.table.X[train], development.table.columns())
    known = standard.apply(development.table.X[train])
    # values far outside the training rows would shoot off along the line
    return _regressed(development, train, known, np.clip(standard.apply(asked), known.min(axis=0), known.max(axis=0)))


def _regressed(development: Development, train: IntArray, known: FloatArray, asked: FloatArray) -> Guess:
    y = development.y[train]
    if development.task == "classification":
        n_classes = len(development.classes)
        shares = np.clip(_ridge(known, np.eye(n_classes)[y.astype(np.int64)], asked), 1e-6, None)
        proba = shares / shares.sum(axis=1, keepdims=True)
        return Guess(proba.argmax(axis=1).astype(np.float64), proba)
    if development.scale == "log":
        value = 10.0 ** np.clip(_ridge(known, np.log10(y)[:, None], asked)[:, 0], -300.0, 300.0)
    else:
        value = _ridge(known, y[:, None], asked)[:, 0]
    if development.bounds is not None:
        value = np.clip(value, *development.bounds)
    return Guess(value, np.zeros((len(asked), 0)))


def _ridge(known: FloatArray, y: FloatArray, asked: FloatArray, penalty: float = 1.0) -> FloatArray:
    middle = y.mean(axis=0)
    normal = known.T @ known + penalty * np.eye(known.shape[1])
    return np.asarray(middle + asked @ np.linalg.solve(normal, known.T @ (y - middle)))
