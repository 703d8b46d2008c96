"""How much worse the model gets when it is fitted again without a group of features.

Permutation asks what a fitted model leans on; leaving columns out asks what the data cannot do without. A group that
shuffles badly and is not missed is replaceable: others say the same.

References
----------
Nadeau & Bengio, Mach. Learn. 52 (2003) 239 (variance of scores from overlapping folds). doi:10.1023/A:1024068626366
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import DataError
from matloop.explain.output import rows_of
from matloop.explain.values import DropColumn

LossOf = Callable[[FloatArray, FloatArray], float]


def corrected_interval(differences: ArrayLike, *, level: float = 0.95) -> tuple[float, float, float]:
    """Mean of paired differences over the k folds of a cross-validation, and its corrected interval.

    The variance is multiplied by 1 + k / (k - 1) (Nadeau & Bengio), as folds share training rows. NaN ends for fewer
    than two folds.

    Examples
    --------
    >>> mean, low, high = corrected_interval([1.0, 1.2, 0.8, 1.1, 0.9])
    >>> bool(low < 1.0 < high)
    True
    """
    from scipy.stats import t as student

    found = np.asarray(differences, dtype=np.float64)
    found = found[np.isfinite(found)]
    k = len(found)
    if k < 2:
        return (float(found.mean()) if k else float("nan")), float("nan"), float("nan")
    half = float(student.ppf((1.0 + level) / 2.0, k - 1) * np.sqrt((1.0 / k + 1.0 / (k - 1.0)) * found.var(ddof=1)))
    mean = float(found.mean())
    return mean, mean - half, mean + half


def drop_column_importance(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    groups: Sequence[IntArray],
    fold: ArrayLike,
    *,
    loss: LossOf | None = None,
    names: Sequence[str] = (),
) -> tuple[DropColumn, ...]:
    """Drop-column importance of groups of columns for any scikit-learn estimator, in the order of `groups`.

    Parameters
    ----------
    estimator : unfitted; it is cloned before every fit. Its `predict` is judged.
    X, y : shape (n_rows, n_features) and (n_rows,).
    groups : columns that are left out together, see `correlated_groups`.
    fold : shape (n_rows,), the fold of each row; each is predicted by a model fitted on the others.
    loss : function of (y, predicted), lower is better; None: mean absolute error, or share of wrong classes.
    names : of the columns.

    Raises
    ------
    DataError : lengths differ; fewer than two folds; a group holds every column.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(100, 2))
    >>> groups, fold = [np.array([0]), np.array([1])], np.arange(100) % 5
    >>> found = drop_column_importance(LinearRegression(), X, X[:, 0], groups, fold)
    >>> found[0].low > 0.0, abs(found[1].value) < 1e-9
    (True, True)
    """
    from sklearn.base import clone

    X, truth, part = rows_of(X), np.asarray(y), np.asarray(fold)
    if not len(X) == len(truth) == len(part):
        raise DataError(f"{len(X)} rows, {len(truth)} targets and {len(part)} fold numbers.")
    parts = [np.flatnonzero(part == k) for k in np.unique(part)]
    if len(parts) < 2:
        raise DataError("there is one fold only. Give every row a fold number, at least two different ones.")
    score = loss or _plain_loss(hasattr(estimator, "predict_proba"))
    labels = tuple(names) or tuple(f"x{j}" for j in range(X.shape[1]))

    def losses(kept: IntArray) -> FloatArray:
        found = []
        for rows in parts:
            rest = np.setdiff1d(np.arange(len(X)), rows)
            model = clone(estimator).fit(X[np.ix_(rest, kept)], truth[rest])
            found.append(score(truth[rows], model.predict(X[np.ix_(rows, kept)])))
        return np.array(found, dtype=np.float64)

    whole = losses(np.arange(X.shape[1]))
    drops = []
    for columns in groups:
        kept = np.setdiff1d(np.arange(X.shape[1]), columns)
        if not len(kept):
            raise DataError("a group holds every column: without it there is nothing to fit on.")
        drops.append(drop_of(tuple(labels[j] for j in columns), losses(kept) - whole))
    return tuple(drops)


def drop_of(members: tuple[str, ...], rises: FloatArray, *, permutation: float = float("nan")) -> DropColumn:
    """The importance of a group from the rise of the loss on each fold, shape (n_folds,)."""
    name = members[0] if len(members) == 1 else f"{members[0]} (+{len(members) - 1} correlated)"
    return DropColumn(name, members, *corrected_interval(rises), permutation)


def disagreements(drops: Sequence[DropColumn], told: Sequence[str]) -> list[str]:
    """What permutation and leaving out say differently, in words; `told`: groups that permutation finds important."""
    replaceable = [one.name for one in drops if one.name in told and not one.low > 0.0]
    missed = [one.name for one in drops if one.name not in told and one.low > 0.0]
    said = []
    if replaceable:
        said.append(
            f"the model leans on {_listed(replaceable)}, but fitted without it is no worse within the doubt: other "
            "features can say the same"
        )
    if missed:
        said.append(f"shuffling {_listed(missed)} does not show it, but without it a new fit is worse")
    return said


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _plain_loss(classes: bool) -> LossOf:
    if classes:
        return lambda y, value: float((y != value).mean())
    return lambda y, value: float(np.abs(y - value).mean())
