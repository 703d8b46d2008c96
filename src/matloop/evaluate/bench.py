"""A small place to try altered fits in: some training rows, some held-out rows, and how rows are scored there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.train.fits import FitResult
from matloop.train.values import Development

LOSSES = {"linear": "mean absolute error", "log": "mean absolute error of log10", "classes": "Brier score"}


@dataclass(frozen=True, slots=True)
class Bench:
    """Rows to learn from and rows to be judged on; no group is in both. `seed` is that of the fits."""

    train: IntArray
    test: IntArray
    seed: int


def benches(development: Development, *, most_train: int, most_test: int, n: int, seed: int) -> list[Bench]:
    """Up to `n` benches, one per fold of the development, the largest folds first; groups are kept whole in training.

    Folds whose training rows would hold fewer than two classes, or fewer than ten rows, are left out.
    """
    folds, sizes = np.unique(development.fold[development.fold >= 0], return_counts=True)
    found = []
    for fold in folds[np.argsort(-sizes, kind="stable")]:
        rng = np.random.default_rng([seed, int(fold)])
        train = _some_groups(np.flatnonzero(development.fold != fold), development, most_train, rng)
        test = np.flatnonzero(development.fold == fold)
        if len(test) > most_test:
            test = np.sort(rng.choice(test, most_test, replace=False))
        few_classes = development.task == "classification" and len(np.unique(development.y[train])) < 2
        if len(train) >= 10 and len(test) >= 5 and not few_classes:
            found.append(Bench(train, test, seed))
    return found[:n]


def _some_groups(rows: IntArray, development: Development, most: int, rng: np.random.Generator) -> IntArray:
    """At most about `most` of the rows in whole groups, with rows of every class that there is."""
    if len(rows) <= most:
        return rows
    names, group = np.unique(development.groups[rows], return_inverse=True)
    turn = rng.permutation(len(names))
    if development.task == "classification":
        classes = development.y[rows]
        for one in np.unique(classes):  # a group of each class comes first
            own = group[classes == one]
            turn[own[np.argmin(turn[own])]] = -1
    order = np.argsort(turn[group], kind="stable")
    size = np.bincount(group)
    whole = np.cumsum(size[group[order][np.r_[True, np.diff(group[order]) != 0]]])
    kept = max(int(np.searchsorted(whole, most, side="right")), 1)
    return np.sort(rows[order[: whole[kept - 1]]])


def scale_of(development: Development) -> str:
    """`linear`, `log` or `classes`: a key of `LOSSES`."""
    return "classes" if development.task == "classification" else development.scale


def row_losses(development: Development, rows: IntArray, value: FloatArray, proba: FloatArray) -> FloatArray:
    """Loss of each row: absolute error (decades on a log scale), or Brier score; see `LOSSES`."""
    y = development.y[rows]
    if development.task == "classification":
        return np.asarray(((proba - np.eye(proba.shape[1])[y.astype(np.int64)]) ** 2).sum(axis=1))
    return np.abs(in_scale(development, value) - in_scale(development, y))


def result_losses(development: Development, rows: IntArray, result: FitResult) -> FloatArray:
    """Loss of each row of a finished fit."""
    return row_losses(development, rows, result.value, result.proba)


def dummy_losses(development: Development, bench: Bench) -> FloatArray:
    """Loss of each test row for the answer that knows no input: the median, or the shares of the classes."""
    y = development.y[bench.train]
    if development.task == "classification":
        shares = np.bincount(y.astype(np.int64), minlength=len(development.classes)) / len(y)
        return row_losses(development, bench.test, np.zeros(0), np.tile(shares, (len(bench.test), 1)))
    return row_losses(development, bench.test, np.full(len(bench.test), np.median(y)), np.zeros((0, 0)))


def in_scale(development: Development, value: FloatArray) -> FloatArray:
    """Values as they are compared: their logarithms to base ten on a log scale."""
    return np.log10(np.maximum(value, 1e-300)) if development.scale == "log" else value
