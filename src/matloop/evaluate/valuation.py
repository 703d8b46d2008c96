"""What each training row is worth: Shapley values, exact for nearest neighbours and by sampling for kernel ridge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import DataError

K = 5
CHUNK = 4_000_000
"""Pairs of rows held in memory at once (32 MB)."""
SMALLEST = 20
"""The smallest random set is this part of the rows: smaller ones learn nothing."""
PENALTIES = tuple(10.0**power for power in range(-4, 2))
"""Of kernel ridge; the one with the least leave-one-out error is taken."""


def knn_shapley(
    X_train: ArrayLike, y_train: ArrayLike, X_test: ArrayLike, y_test: ArrayLike, *, k: int = K, classes: bool = False
) -> FloatArray:
    """Shapley value of every training row for a k-nearest-neighbour model, exact, shape (n_test, n_train).

    A row's value is its fair share of what the training rows together bring on a test row: the mean gain from adding
    it, over all orders in which the rows could have come. Negative: the model is better without it.

    Parameters
    ----------
    X_train, X_test : shape (n, n_features), features in which Euclidean distance means something (standardised).
    y_train, y_test : shape (n,), numbers, or class indices with `classes`.
    k : neighbours; with fewer rows than that the sum is still divided by k.

    Returns
    -------
    for numbers the values of a test row sum to the fall of its squared error from "the mean of the training labels" to
    the k-nearest-neighbour prediction; for classes to the share of its k neighbours that have its class.

    Raises
    ------
    DataError : lengths differ, no rows, or a value is not finite.

    References
    ----------
    Jia et al., Proc. VLDB Endow. 12 (2019) 1610. doi:10.14778/3342263.3342637

    Examples
    --------
    >>> values = knn_shapley([[0.0], [0.1], [5.0]], [1, 0, 0], [[0.05]], [1], k=1, classes=True)
    >>> values.round(3).tolist()
    [[1.0, 0.0, 0.0]]
    """
    X, y, asked, truth = _checked(X_train, y_train, X_test, y_test)
    half, step = 0.5 * (X**2).sum(axis=1), max(1, CHUNK // len(X))
    found = np.empty((len(asked), len(X)))
    middle = 0.0 if classes else float(y.mean())
    for start in range(0, len(asked), step):
        part = slice(start, start + step)
        order = np.argsort(half - asked[part] @ X.T, axis=1, kind="stable")
        labels, wanted = y[order], truth[part, None]
        if classes:
            values = _agreement_values((labels == wanted).astype(np.float64), k)
        else:
            values = _mean_values(labels - middle, wanted - middle, k)
        np.put_along_axis(found[part], order, values, axis=1)
    return found


def _checked(*given: ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    X, y, asked, truth = (np.asarray(one, dtype=np.float64) for one in given)
    if X.ndim != 2 or asked.ndim != 2 or X.shape[1] != asked.shape[1]:
        raise DataError(f"training features of shape {X.shape}, test features of shape {asked.shape}: not of one kind.")
    if len(X) != len(y) or len(asked) != len(truth):
        raise DataError(
            f"{len(X)} and {len(asked)} rows, but {len(y)} and {len(truth)} labels. Give one label per row."
        )
    if not len(X) or not len(asked):
        raise DataError("training rows and test rows are both needed, one of them is empty.")
    for name, one in (
        ("training features", X),
        ("training labels", y),
        ("test features", asked),
        ("test labels", truth),
    ):
        bad = np.flatnonzero(~np.isfinite(one.reshape(len(one), -1)).all(axis=1))
        if len(bad):
            raise DataError(f"row {bad[0]} of the {name} is not finite. Impute or drop such rows first.")
    return X, y, asked, truth


def _agreement_values(agrees: FloatArray, k: int) -> FloatArray:
    """Theorem 1 of Jia et al.: (n_test, n_train), nearest first, from 1 where the label agrees and 0 where not."""
    n = agrees.shape[1]
    place = np.arange(1, n)
    steps = (agrees[:, :-1] - agrees[:, 1:]) / k * np.minimum(k, place) / place
    last = agrees[:, -1:] * (min(k, n) / k / n)
    return np.concatenate([np.cumsum(steps[:, ::-1], axis=1)[:, ::-1] + last, last], axis=1)


def _mean_values(y: FloatArray, truth: FloatArray, k: int) -> FloatArray:
    """The same for the squared error of the mean over neighbours; y nearest first, centred; truth (n_test, 1).

    Two neighbouring rows i, i + 1 differ in value by what they change in sets of the other rows that hold fewer than k
    nearer ones; with the sum R of the labels that stand beside them, that is
    (y_i+1 - y_i) / k E[((y_i + y_i+1 + 2 R) / k - 2 truth) 1(fewer than k)].
    """
    n = y.shape[1]
    last = _last_value(y, truth, k)
    if n == 1:
        return last
    i = np.arange(1, n)  # the pairs (i, i + 1), counted from one
    m = np.minimum(k, i)
    nearer = np.concatenate([np.zeros((len(y), 1)), np.cumsum(y, axis=1)[:, : n - 2]], axis=1)
    chance_nearer = np.divide(m * (m - 1.0), 2.0 * i * (i - 1.0), out=np.zeros(n - 1), where=i > 1)
    place = np.arange(1, n + 1)
    q = np.minimum(k - 1, place - 2)
    chance_farther = np.divide(q * (q + 1.0), 2.0 * (place - 1.0) * (place - 2.0), out=np.zeros(n), where=place > 2)
    beyond = np.cumsum((chance_farther * y)[:, ::-1], axis=1)[:, ::-1]
    farther = np.concatenate([beyond[:, 2:], np.zeros((len(y), 1))], axis=1)
    beside = chance_nearer * nearer + farther
    here, there = y[:, :-1], y[:, 1:]
    steps = (there - here) / k * ((m / i) * ((here + there) / k - 2.0 * truth) + 2.0 / k * beside)
    return np.concatenate([np.cumsum(steps[:, ::-1], axis=1)[:, ::-1] + last, last], axis=1)


def _last_value(y: FloatArray, truth: FloatArray, k: int) -> FloatArray:
    """The farthest row counts only among fewer than k others."""
    n, own = y.shape[1], y[:, -1:]
    m = min(k, n)
    others = (y.sum(axis=1, keepdims=True) - own) / max(n - 1, 1)
    value = -(own / (k * n)) * (m * (own / k - 2.0 * truth) + m * (m - 1.0) * others / k)
    return np.asarray(value)


def kernel_influence(
    X_train: ArrayLike, y_train: ArrayLike, X_test: ArrayLike, y_test: ArrayLike, *, classes: bool = False
) -> FloatArray:
    """Rise of each test row's squared error when a training row is left out of kernel ridge, exact, without refits.

    With A = (K + penalty)^-1 and a = A y, leaving row i out changes the prediction by -(K_test A)_i a_i / A_ii. The
    kernel is Gaussian with the median distance as its length, the penalty that of least leave-one-out error. Classes
    are regressed as zeros and ones.

    Parameters, errors : as in `knn_shapley`. Costs the cube of the number of training rows.

    Returns
    -------
    shape (n_test, n_train); negative: the model is better without that row.

    References
    ----------
    Allen, Technometrics 16 (1974) 125 (leaving one out in closed form). doi:10.1080/00401706.1974.10489157
    """
    one = _kernels(X_train, y_train, X_test, y_test, classes)
    return _left_out(one, np.arange(len(one.y)))


def kernel_shapley(
    X_train: ArrayLike,
    y_train: ArrayLike,
    X_test: ArrayLike,
    y_test: ArrayLike,
    *,
    draws: int = 20,
    classes: bool = False,
    seed: int = 0,
) -> FloatArray:
    """Shapley value of every training row for kernel ridge, by sampling, shape (n_train,), mean over the test rows.

    The Shapley value is the mean over set sizes of what a row adds to a random set of that size. Each draw takes a
    random set, its size uniform (a twentieth of the rows at least), and `kernel_influence` gives what every row in it
    adds: all rows of the set for one inversion.

    Parameters
    ----------
    draws : random sets; the error of a value falls as one over their root. A row that was never drawn has value zero.

    Other parameters, errors : as in `knn_shapley`.
    """
    one, rng = _kernels(X_train, y_train, X_test, y_test, classes), np.random.default_rng(seed)
    n = len(one.y)
    total, count = np.zeros(n), np.zeros(n)
    for _ in range(draws):
        rows = rng.choice(n, int(rng.integers(max(n // SMALLEST, 1), n + 1)), replace=False)
        total[rows] += _left_out(one, rows).mean(axis=0)
        count[rows] += 1
    return total / np.maximum(count, 1.0)


@dataclass(frozen=True, slots=True)
class _Kernels:
    """Kernels among training rows and from test rows to them, and labels (n, n_outputs), centred."""

    among: FloatArray
    across: FloatArray
    y: FloatArray
    truth: FloatArray
    penalty: float


def _kernels(X_train: ArrayLike, y_train: ArrayLike, X_test: ArrayLike, y_test: ArrayLike, classes: bool) -> _Kernels:
    X, y, asked, truth = _checked(X_train, y_train, X_test, y_test)
    names = np.unique(np.concatenate([y, truth]))
    known = (y[:, None] == names).astype(np.float64) if classes else y[:, None]
    wanted = (truth[:, None] == names).astype(np.float64) if classes else truth[:, None]
    middle = known.mean(axis=0)
    square, across = _distances(X, X), _distances(asked, X)
    length = float(np.median(square[square > 0])) if (square > 0).any() else 1.0
    among = np.exp(-square / length)
    return _Kernels(among, np.exp(-across / length), known - middle, wanted - middle, _penalty(among, known - middle))


def _distances(one: FloatArray, other: FloatArray) -> FloatArray:
    square = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2.0 * one @ other.T
    return np.maximum(square, 0.0)


def _penalty(kernel: FloatArray, y: FloatArray) -> float:
    """The penalty of least leave-one-out error."""
    values, vectors = np.linalg.eigh(kernel)
    turned, squared = vectors.T @ y, vectors**2

    def error(penalty: float) -> float:
        scale = 1.0 / (np.maximum(values, 0.0) + penalty)
        return float((((vectors @ (scale[:, None] * turned)) / (squared @ scale)[:, None]) ** 2).mean())

    return min(PENALTIES, key=error)


def _left_out(one: _Kernels, rows: IntArray) -> FloatArray:
    """Rise of the squared error of each test row without each of `rows`, of a model of `rows`; (n_test, len(rows))."""
    inverse = np.linalg.inv(one.among[np.ix_(rows, rows)] + one.penalty * np.eye(len(rows)))
    weights, across = inverse @ one.y[rows], one.across[:, rows]
    error = across @ weights - one.truth
    reach = (across @ inverse) / np.diag(inverse)
    change = np.zeros(reach.shape)
    for column in range(weights.shape[1]):
        shift = reach * weights[:, column]
        change += shift**2 - 2.0 * error[:, column, None] * shift
    return change
