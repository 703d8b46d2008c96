"""Kernels of encoded points: one length per thing that can be varied, categories equal or different, sums and products.

The kernel of two points of tasks t and u is

    constant [t = u] + trend x.x' [t = u] + sum over terms: amplitude B[t, u] product over its parts of shape(r)

where r^2 of a part sums, over its columns, squared differences (categories: 1 if different) over squared lengths.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Literal

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.design.contract import Axes

Shape = Literal["matern52", "matern32", "rbf", "exponential"]


@dataclass(frozen=True, slots=True)
class Part:
    """Columns whose common distance is bent by one shape. length_of : shape (n_columns,), which of the part's lengths
    belongs to a column. variables : shape (n_lengths,), the variable each length belongs to."""

    columns: IntArray
    length_of: IntArray
    variables: IntArray
    shape: Shape = "matern52"


@dataclass(frozen=True, slots=True)
class Form:
    """What a kernel is made of, without its numbers. terms : positions of the parts each term multiplies.
    categorical : shape (width,). constant : variance of the mean of each task. trend : whether there is a linear trend.
    """

    parts: tuple[Part, ...]
    terms: tuple[tuple[int, ...], ...]
    categorical: BoolArray
    constant: float = 0.25
    trend: bool = False

    @property
    def n_lengths(self) -> int:
        return sum(len(part.variables) for part in self.parts)

    def split(self, lengths: FloatArray) -> list[FloatArray]:
        """The lengths of each part."""
        ends = np.cumsum([len(part.variables) for part in self.parts])
        return np.split(lengths, ends[:-1])


def part_of(axes: Axes, variables: IntArray, shape: Shape = "matern52") -> Part:
    """All columns of these variables under one shape, with a length for each variable."""
    columns = np.flatnonzero(np.isin(axes.variable, variables))
    return Part(columns, np.searchsorted(variables, axes.variable[columns]), variables, shape)


@dataclass(frozen=True, slots=True)
class Kernel:
    """A form with its numbers. amplitudes : shape (n_terms,), variances. lengths : shape (n_lengths,). trend :
    variance. tasks : shape (n_terms, n_tasks, n_tasks), how the tasks go together in each term."""

    form: Form
    amplitudes: FloatArray
    lengths: FloatArray
    trend: float
    tasks: FloatArray

    def __call__(self, A: FloatArray, B: FloatArray, task_a: IntArray, task_b: IntArray) -> FloatArray:
        """Shape (n_a, n_b)."""
        shapes = [
            bent(part.shape, squares(self.form, part, lengths, A, B))
            for part, lengths in zip(self.form.parts, self.form.split(self.lengths), strict=True)
        ]
        K = np.zeros((len(A), len(B)))
        for term, amplitude, tasks in zip(self.form.terms, self.amplitudes, self.tasks, strict=True):
            product = reduce(np.multiply, (shapes[p] for p in term))
            K += product * (amplitude * among(tasks, task_a, task_b))
        base = self.form.constant + (self.trend * gram(self.form, A, B) if self.form.trend else 0.0)
        return K + base * among(np.eye(len(self.tasks[0])), task_a, task_b)

    def diagonal(self, A: FloatArray, task: IntArray) -> FloatArray:
        """Of the kernel matrix of A with itself, shape (n_a,)."""
        own = np.einsum("q,qt->t", self.amplitudes, np.diagonal(self.tasks, axis1=1, axis2=2))[task]
        if self.form.trend:
            centred = A[:, ~self.form.categorical] - 0.5
            own = own + self.trend * np.einsum("nd,nd->n", centred, centred)
        return np.asarray(own + self.form.constant)


def among(tasks: FloatArray, a: IntArray, b: IntArray) -> FloatArray | float:
    """Entries of a matrix over tasks for pairs of rows; a number where there is one task."""
    return float(tasks[0, 0]) if tasks.shape == (1, 1) else tasks[np.ix_(a, b)]


def squares(form: Form, part: Part, lengths: FloatArray, A: FloatArray, B: FloatArray) -> FloatArray:
    """Squared scaled distances, shape (n_a, n_b)."""
    scale = lengths[part.length_of]
    words = form.categorical[part.columns]
    numbers = part.columns[~words]
    a, b = ((rows[:, numbers] - 0.5) / scale[~words] for rows in (A, B))
    total = a @ (-2.0 * b.T)
    total += np.einsum("nd,nd->n", a, a)[:, None]
    total += np.einsum("nd,nd->n", b, b)
    np.maximum(total, 0.0, out=total)
    for column, length in zip(part.columns[words], scale[words], strict=True):
        total += (A[:, column, None] != B[None, :, column]) * length**-2
    return total


def gram(form: Form, A: FloatArray, B: FloatArray) -> FloatArray:
    """Inner products of the numbers around the middle of their ranges."""
    numbers = ~form.categorical
    return np.asarray((A[:, numbers] - 0.5) @ (B[:, numbers] - 0.5).T)


def bent(shape: Shape, squared: FloatArray) -> FloatArray:
    """The shape at squared scaled distances."""
    if shape == "rbf":
        return np.exp(-0.5 * squared)
    if shape == "exponential":
        return np.exp(-squared)
    r = np.sqrt((3.0 if shape == "matern32" else 5.0) * squared)
    if shape == "matern32":
        return (1.0 + r) * np.exp(-r)
    bend = r * (1.0 / 3.0)
    bend += 1.0
    bend *= r
    bend += 1.0
    # in place: most of the time of a prediction passes here
    r = np.negative(r, out=r)
    bend *= np.exp(r, out=r)
    return bend


def bent_and_slope(shape: Shape, squared: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The shape, and its derivative by the squared distance."""
    if shape in ("rbf", "exponential"):
        value = bent(shape, squared)
        return value, (-0.5 if shape == "rbf" else -1.0) * value
    r = np.sqrt((3.0 if shape == "matern32" else 5.0) * squared)
    fall = np.exp(-r)
    if shape == "matern32":
        return (1.0 + r) * fall, -1.5 * fall
    return (1.0 + r + r * r / 3.0) * fall, (-5.0 / 6.0) * (1.0 + r) * fall
