"""Models that can be read, beside the chosen one on the same folds: what they say, and what they cost in accuracy.

References
----------
Rudin, Nat. Mach. Intell. 1 (2019) 206 (a model that can be read, where it is as good). doi:10.1038/s42256-019-0048-x
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import DataError
from matloop.core.optional import available
from matloop.explain.checks import destroyed, skilful, stable
from matloop.explain.drop_column import corrected_interval
from matloop.explain.output import rows_of
from matloop.explain.readable import Readable, Reader, explainable_boosting, few_terms, readable_columns, shallow_tree
from matloop.explain.values import GlassBox, Term
from matloop.represent.table import Columns

READERS: Mapping[str, Reader] = {
    "shallow tree": shallow_tree,
    "sparse linear model": few_terms,
    "explainable boosting": explainable_boosting,
}
MAX_ROWS = 3000
"""Rows that a readable model is fitted on at most: it needs no more."""
_SHOWN = 12


def readers() -> dict[str, Reader]:
    """The kinds of readable models that can be fitted with what is installed."""
    return {
        name: reader for name, reader in READERS.items() if name != "explainable boosting" or available("interpret")
    }


def plain_columns(X: FloatArray, names: Sequence[str] = ()) -> Columns:
    """Columns of numbers called x0, x1, ..., or as `names` say."""
    labels = tuple(names) or tuple(f"x{j}" for j in range(X.shape[1]))
    if len(labels) != X.shape[1]:
        raise DataError(f"{len(labels)} names for {X.shape[1]} columns.")
    return Columns(labels, tuple(f"{name}:number" for name in labels), {})


def glass_boxes(
    X: Any,
    y: ArrayLike,
    fold: ArrayLike,
    predicted: ArrayLike,
    *,
    columns: Columns | None = None,
    probability: bool = False,
    loss: Callable[[FloatArray, FloatArray], float] | None = None,
    back: Callable[[FloatArray], FloatArray] | None = None,
    weights: FloatArray | None = None,
    kinds: Sequence[str] = (),
    alike: Sequence[IntArray] = (),
    unit: str = "",
    seed: int = 0,
    deadline: float = math.inf,
) -> tuple[GlassBox, ...]:
    """Readable models on the folds of the chosen one, with the price in accuracy over paired folds.

    Parameters
    ----------
    X, y : shape (n_rows, n_features), (n_rows,). With `probability` y holds 0 and 1.
    fold : shape (n_rows,), the fold of each row; -1 leaves it out.
    predicted : shape (n_rows,), out-of-fold predictions of the chosen model: in the unit of y, or the probability of 1.
    columns : names and categories of the columns; None: numbers x0, x1, ...
    loss : function of (y, predicted), lower is better; None: mean absolute error, or Brier score.
    back : what brings y and what is fitted to it into the unit of the loss (`lambda u: 10**u` for logarithms).
    kinds : names in `READERS`; empty: all that are installed.
    alike : groups of columns that say the same (`correlated_groups`): one in place of another is no instability.
    unit : of what is fitted, written into rules.
    deadline : `time.monotonic()` value; kinds that it does not allow are left out.

    Raises
    ------
    DataError : lengths differ, or there are fewer than two folds.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 3))
    >>> y = 2.0 * X[:, 0] + 0.1 * rng.normal(size=300)
    >>> box = glass_boxes(X, y, np.arange(300) % 5, predicted=2.0 * X[:, 0], kinds=["sparse linear model"])[0]
    >>> box.terms[0].name, round(box.terms[0].coefficient, 1), box.terms[0].folds
    ('x0', 2.0, 1.0)
    """
    X, truth, part, said = rows_of(X), np.asarray(y, float), np.asarray(fold), np.asarray(predicted, float)
    if not len(X) == len(truth) == len(part) == len(said):
        raise DataError(f"{len(X)} rows, {len(truth)} targets, {len(part)} folds and {len(said)} predictions.")
    parts = [np.flatnonzero((part == k) & np.isfinite(said)) for k in np.unique(part[part >= 0])]
    if len(parts) < 2:
        raise DataError("a price needs at least two folds with predictions of the chosen model.")
    known = columns or plain_columns(X)
    w = np.ones(len(X)) if weights is None else np.asarray(weights, dtype=np.float64)
    measure = loss or _plain_loss(probability)
    into = back or (lambda values: values)
    chosen, boxes = readers(), []
    same = one_name(known, alike)
    for kind in kinds or chosen:
        job = _Job(chosen[kind], X, truth, w, known, probability, seed)
        fitted, lost, longest = [], [], 0.0
        for rows in parts:
            before = time.monotonic()
            fitted.append(job.fit(np.flatnonzero((part >= 0) & ~np.isin(np.arange(len(X)), rows))))
            lost.append(measure(into(truth[rows]), into(fitted[-1][1](X[rows]))))
            longest = max(longest, time.monotonic() - before)
            if time.monotonic() + longest * (len(parts) + 2 - len(fitted)) > deadline:
                break
        if len(fitted) < len(parts):
            continue
        boxes.append(
            _judged(kind, job, fitted, lost, parts, said, lambda y, value: measure(into(y), into(value)), same, unit)
        )
    return tuple(boxes)


def _plain_loss(probability: bool) -> Callable[[FloatArray, FloatArray], float]:
    if probability:
        return lambda y, p: float(((y - p) ** 2).mean())
    return lambda y, value: float(np.abs(y - value).mean())


_Fitted = tuple[Readable, Callable[[FloatArray], FloatArray]]


class _Job:
    """One kind of readable model on one table."""

    def __init__(
        self,
        reader: Reader,
        X: FloatArray,
        y: FloatArray,
        weights: FloatArray,
        columns: Columns,
        classes: bool,
        seed: int,
    ) -> None:
        self.reader, self.X, self.y, self.weights = reader, X, y, weights
        self.columns, self.classes, self.seed = columns, classes, seed

    def fit(self, rows: IntArray, *, shuffled: bool = False) -> _Fitted:
        rng = np.random.default_rng(self.seed)
        rows = np.sort(rng.permutation(rows)[:MAX_ROWS])
        y = rng.permutation(self.y[rows]) if shuffled else self.y[rows]
        told = readable_columns(self.X[rows], y, self.columns, classes=2 if self.classes else 0)
        model = self.reader(
            told.rows(self.X[rows]), y, self.weights[rows], told.names, classes=self.classes, seed=self.seed
        )
        return model, lambda X: model.predict(told.rows(X))


def _judged(
    kind: str,
    job: _Job,
    fitted: list[_Fitted],
    lost: list[float],
    parts: list[IntArray],
    said: FloatArray,
    measure: Callable[[FloatArray, FloatArray], float],
    same: Mapping[str, str],
    unit: str,
) -> GlassBox:
    rivals = np.array([measure(job.y[rows], said[rows]) for rows in parts])
    price, low, high = corrected_interval(np.array(lost) - rivals)
    whole = job.fit(np.concatenate(parts))[0]
    chance = job.fit(np.concatenate(parts), shuffled=True)[0]
    each = [model.terms() for model, _ in fitted]
    names = names_of((*each, whole.terms(), chance.terms()), same)
    error, constant = _errors(job, fitted, parts)
    checks = [skilful(error, constant)]
    if names:
        table = np.array([sizes(terms, names, same) for terms in each])
        checks += [
            stable(table, between="fits on different folds"),
            destroyed(table, [sizes(chance.terms(), names, same)], what="term"),
        ]
    chosen = [{term.name for term in terms if term.size > 0} for terms in each]
    terms = tuple(
        replace(term, folds=float(np.mean([term.name in one for one in chosen]))) for term in whole.terms()[:_SHOWN]
    )
    return GlassBox(
        kind, float(np.mean(lost)), float(rivals.mean()), price, low, high, terms, whole.rules(unit, share=job.classes),
        float(getattr(whole, "intercept", np.nan)), tuple(checks),
    )  # fmt: skip


def one_name(columns: Columns, alike: Sequence[IntArray]) -> dict[str, str]:
    """{column: the first column of its group}."""
    return {columns.names[j]: columns.names[int(group[0])] for group in alike for j in group}


def names_of(models: Sequence[Sequence[Term]], same: Mapping[str, str]) -> list[str]:
    """Names of all terms of some models, columns that say the same under one."""
    return list(dict.fromkeys(same.get(term.name, term.name) for terms in models for term in terms))


def sizes(terms: Sequence[Term], names: Sequence[str], same: Mapping[str, str]) -> FloatArray:
    """How large the terms of each name are together, shape (n_names,); 0 for those that are not there."""
    found = dict.fromkeys(names, 0.0)
    for term in terms:
        found[same.get(term.name, term.name)] += term.size
    return np.array([found[name] for name in names])


def _errors(job: _Job, fitted: list[_Fitted], parts: list[IntArray]) -> tuple[FloatArray, FloatArray]:
    """Errors of the box and of a constant on the rows of each fold, in the unit that is fitted."""
    error, constant = [], []
    for (_, predict), rows in zip(fitted, parts, strict=True):
        rest = np.setdiff1d(np.concatenate(parts), rows)
        middle = job.y[rest].mean() if job.classes else np.median(job.y[rest])
        power = 2.0 if job.classes else 1.0
        error.append(np.abs(job.y[rows] - predict(job.X[rows])) ** power)
        constant.append(np.abs(job.y[rows] - middle) ** power)
    return np.concatenate(error), np.concatenate(constant)
