"""Measurements as a Gaussian process wants them: checked, standardised, replicates merged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import DataError, all_faults
from matloop.design.contract import Axes


@dataclass(frozen=True, slots=True)
class Measured:
    """Different experiments and the mean of their replicates, standardised.

    X : shape (n, width). y : shape (n,), means. task : shape (n,). known : shape (n,), known variance of one
    measurement, 0 where unknown. count : shape (n,), replicates. within : shape (n,), sum of squares around the mean.
    weight : shape (n,), the variance of noise is divided by it.
    """

    X: FloatArray
    y: FloatArray
    task: IntArray
    known: FloatArray
    count: FloatArray
    within: FloatArray
    weight: FloatArray

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: IntArray) -> Measured:
        return Measured(
            self.X[rows], self.y[rows], self.task[rows], self.known[rows], self.count[rows], self.within[rows],
            self.weight[rows],
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scale:
    """Values of a task t are shift[t] + scale[t] * standardised; each shape (n_tasks,)."""

    shift: FloatArray
    scale: FloatArray


def check_points(axes: Axes, X: FloatArray) -> FloatArray:
    """`X` as numbers, of the right width and finite.

    Raises
    ------
    DataError : it is not; the message names up to ten rows and columns.
    """
    X = np.asarray(X, np.float64)
    if X.ndim != 2 or X.shape[1] != axes.width:
        raise DataError(
            f"points have the shape {X.shape}, expected (n, {axes.width}): encode them with the same space."
        )
    if not np.isfinite(X).all():
        bad = np.argwhere(~np.isfinite(X))
        raise DataError(all_faults(
            "Surrogates need numbers; fill or leave out:",
            [f"row {row}, column {axes.names[column]!r}: {X[row, column]}" for row, column in bad],
        ))  # fmt: skip
    return X


def check_rows(
    axes: Axes, X: FloatArray, y: FloatArray, noise: FloatArray | None, task: IntArray | None
) -> tuple[FloatArray, FloatArray, FloatArray, IntArray]:
    """(X, y, known standard deviation of each value or 0, task).

    Raises
    ------
    DataError : no rows, other lengths, values that are not finite, errors below zero, tasks below zero, or no row of
        task 0.
    """
    X, y = check_points(axes, X), np.asarray(y, np.float64)
    if not len(X):
        raise DataError("a surrogate cannot learn from no rows: measure something first (random, or Sobol points).")
    if y.shape != (len(X),):
        raise DataError(f"{len(X)} points have values of shape {y.shape}: give one value per point.")
    faults = [f"row {row}: value {y[row]}" for row in np.flatnonzero(~np.isfinite(y))]
    errors = np.zeros(len(y)) if noise is None else np.asarray(noise, np.float64)
    tasks = np.zeros(len(y), np.int64) if task is None else np.asarray(task, np.int64)
    if errors.shape != y.shape or tasks.shape != y.shape:
        raise DataError(f"{len(y)} values have errors of shape {errors.shape} and tasks of shape {tasks.shape}.")
    faults += [f"row {row}: error {errors[row]}" for row in np.flatnonzero((errors < 0) | np.isinf(errors))]
    faults += [f"row {row}: task {tasks[row]}" for row in np.flatnonzero(tasks < 0)]
    if faults:
        raise DataError(
            all_faults("Values must be finite, errors and tasks not negative; correct or leave out:", faults)
        )
    if not (tasks == 0).any():
        raise DataError("no row is of task 0, the campaign itself: nothing says how the other tasks relate to it.")
    return X, y, np.nan_to_num(errors), tasks


def check_own(
    axes: Axes, X: FloatArray, y: FloatArray, noise: FloatArray | None, task: IntArray | None
) -> tuple[FloatArray, FloatArray, FloatArray, IntArray]:
    """As `check_rows`, of the rows of task 0 alone."""
    X, y, errors, tasks = check_rows(axes, X, y, noise, task)
    own = tasks == 0
    return X[own], y[own], errors[own], tasks[own]


def spread_of(y: FloatArray) -> float:
    """Standard deviation; where all are equal, their size, and 1 where they are zero."""
    spread, size = float(y.std()), float(np.abs(y).max())
    return spread if spread > 1e-13 * size else (size or 1.0)


def standardised(y: FloatArray, task: IntArray, *, pooled: bool = False) -> tuple[FloatArray, Scale]:
    """Values of mean 0 and deviation 1 within each task (`pooled`: the deviation within the tasks is shared)."""
    n_tasks = int(task.max()) + 1
    shift, scale = np.zeros(n_tasks), np.ones(n_tasks)
    for t in np.unique(task):
        shift[t], scale[t] = y[task == t].mean(), spread_of(y[task == t])
    if pooled:
        scale[:] = spread_of(y - shift[task])
    return scaled(y, task, Scale(shift, scale)), Scale(shift, scale)


def scaled(y: FloatArray, task: IntArray, scale: Scale) -> FloatArray:
    """Standardised values, to ten digits: the same in every unit, so that no search takes another way."""
    return np.round((y - scale.shift[task]) / scale.scale[task], 10)


def merged(X: FloatArray, z: FloatArray, known: FloatArray, task: IntArray) -> tuple[Measured, IntArray]:
    """Replicates (equal points, task and known error) as one row each, in order of their first appearance; and the row
    of each measurement.

    known : standard deviation of each standardised value. Nothing is lost: mean, count and sum of squares are
    sufficient for noise of one variance.
    """
    keys = np.column_stack([X, task, known])
    _, first, group, count = np.unique(keys, axis=0, return_index=True, return_inverse=True, return_counts=True)
    group, n = group.reshape(-1), len(first)
    mean = np.bincount(group, z, n) / count
    within = np.asarray(np.bincount(group, (z - mean[group]) ** 2, n), np.float64)
    order = np.argsort(first, kind="stable")
    kept, counts = first[order], np.asarray(count[order], np.float64)
    place = np.empty(n, np.int64)
    place[order] = np.arange(n)
    rows = Measured(X[kept], mean[order], task[kept], known[kept] ** 2, counts, within[order], np.ones(n))
    return rows, np.asarray(place[group], np.int64)


def single(X: FloatArray, z: FloatArray, known: FloatArray, task: IntArray, weight: FloatArray) -> Measured:
    """Every measurement a row of its own."""
    return Measured(X, z, task, known**2, np.ones(len(z)), np.zeros(len(z)), weight)
