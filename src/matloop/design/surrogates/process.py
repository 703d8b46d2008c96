"""A Gaussian process that has seen data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import takewhile

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import DataError
from matloop.design.contract import Axes
from matloop.design.surrogates.draws import draw_joint, root
from matloop.design.surrogates.evidence import Numbers
from matloop.design.surrogates.kernel import squares
from matloop.design.surrogates.measured import Measured, Scale, check_points

_ENTRIES = 4_000_000
"""of a kernel matrix that is held at once"""
LEAST = 1e-8
"""variance, in parts of that of the values, below which a measurement is never trusted to repeat"""


@dataclass(frozen=True, slots=True)
class Process:
    """Exact posterior for rows and numbers that are known.

    group : shape (n_measured,), which row a measurement was merged into. factor : lower Cholesky factor of the kernel
    matrix with noise, in Fortran order. alpha : its inverse times the standardised values. value : negative logarithm
    of the posterior of the numbers (smaller: the rows speak more for them). label : how the words
    begin. told : other words.
    """

    axes: Axes
    numbers: Numbers
    rows: Measured
    group: IntArray
    scale: Scale
    factor: FloatArray
    alpha: FloatArray
    value: float = 0.0
    label: str = "Gaussian process"
    told: str = ""

    @property
    def noise(self) -> float:
        """Standard deviation of a repeated measurement of task 0: learnt noise and the mean known error."""
        own = self.rows.task == 0
        known = float(self.rows.known[own].mean()) if own.any() else 0.0
        return float(self.scale.scale[0] * np.sqrt(self.numbers.noise[0] + known))

    @property
    def words(self) -> str:
        if self.told:
            return self.told
        told = f"{self.label}, {len(self.group)} measurements"
        if len(self.rows) < len(self.group):
            told += f" of {len(self.rows)} different experiments"
        shares = relevance_of(self)
        ranked = sorted(shares, key=lambda name: -shares[name])
        if len(ranked) > 1:
            told += f"; {ranked[0]} matters most"
            told += f", then {ranked[1]}" if shares[ranked[1]] > 0.25 * shares[ranked[0]] else ""
        return told

    def predict(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation without the noise of a measurement, each shape (n,)."""
        X = check_points(self.axes, X)
        mean, variance = np.empty(len(X)), np.empty(len(X))
        step = max(1, _ENTRIES // len(self.rows))
        for start in range(0, len(X), step):
            block = slice(start, start + step)
            task = np.zeros(len(X[block]), np.int64)
            mean[block], half = self.half(X[block], task)
            own = self.numbers.kernel.diagonal(X[block], task)
            variance[block] = own - np.einsum("an,an->n", half, half)
        return self._in_units(mean), self.scale.scale[0] * np.sqrt(np.maximum(variance, 0.0))

    def joint(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean, shape (n,), and covariance, shape (n, n)."""
        X = check_points(self.axes, X)
        task = np.zeros(len(X), np.int64)
        mean, half = self.half(X, task)
        covariance = self.numbers.kernel(X, X, task, task) - half.T @ half
        covariance = 0.5 * (covariance + covariance.T)
        diagonal = np.diag_indices_from(covariance)
        # as `predict` says it, to the last digits
        own = self.numbers.kernel.diagonal(X, task) - np.einsum("an,an->n", half, half)
        covariance[diagonal] = np.maximum(own, 0.0)
        return self._in_units(mean), self.scale.scale[0] ** 2 * covariance

    def draw(self, X: FloatArray, n: int, seed: int) -> FloatArray:
        """Joint samples, shape (n, len(X))."""
        return draw_joint(self.joint, X, n, seed)

    def believing(self, X: FloatArray, y: FloatArray) -> Process:
        """As if these had been measured too, with the noise of a usual measurement; numbers and scale stay."""
        X, y = check_points(self.axes, X), np.asarray(y, np.float64)
        if y.shape != (len(X),) or not np.isfinite(y).all():
            raise DataError(f"{len(X)} believed points need as many finite values; found shape {y.shape}.")
        if not len(X):
            return self
        n, one = len(X), np.ones(len(X))
        known = np.full(n, self.rows.known[self.rows.task == 0].mean())
        z = (y - self.scale.shift[0]) / self.scale.scale[0]
        new = Measured(X, z, np.zeros(n, np.int64), known, one, np.zeros(n), one)
        group = np.concatenate([self.group, len(self.rows) + np.arange(n)])
        return replace(extended(self, new), group=group)

    def half(self, X: FloatArray, task: IntArray) -> tuple[FloatArray, FloatArray]:
        """Standardised mean, and the factor's inverse times the covariances with the rows, shape (n_rows, n)."""
        from scipy.linalg import solve_triangular

        K = self.numbers.kernel(X, self.rows.X, task, self.rows.task)
        mean = K @ self.alpha
        half = solve_triangular(self.factor, K.T, lower=True, check_finite=False, overwrite_b=True)
        return mean, half

    def _in_units(self, z: FloatArray) -> FloatArray:
        return np.asarray(self.scale.shift[0] + self.scale.scale[0] * z)


def measured_variance(numbers: Numbers, rows: Measured) -> FloatArray:
    """Of the mean of each row's replicates, standardised."""
    return np.maximum((numbers.noise[rows.task] + rows.known) / (rows.weight * rows.count), LEAST)


def conditioned(
    axes: Axes, numbers: Numbers, rows: Measured, group: IntArray, scale: Scale, *, value: float = 0.0, label: str = ""
) -> Process:
    """The exact posterior."""
    K = numbers.kernel(rows.X, rows.X, rows.task, rows.task)
    K[np.diag_indices_from(K)] += measured_variance(numbers, rows)
    factor = np.asfortranarray(root(K))
    return Process(axes, numbers, rows, group, scale, factor, solved(factor, rows.y), value, label)


def extended(process: Process, new: Measured) -> Process:
    """The posterior with more rows: the factor grows by as many, which costs their number times the square of the old.

    Rasmussen & Williams (2006), appendix A.3.
    """
    from scipy.linalg import solve_triangular

    old, numbers = process.rows, process.numbers
    across = numbers.kernel(old.X, new.X, old.task, new.task)
    inner = numbers.kernel(new.X, new.X, new.task, new.task)
    inner[np.diag_indices_from(inner)] += measured_variance(numbers, new)
    half = solve_triangular(process.factor, across, lower=True, check_finite=False)
    n, m = len(old), len(new)
    factor = np.zeros((n + m, n + m), order="F")
    factor[:n, :n], factor[n:, :n] = process.factor, half.T
    factor[n:, n:] = root(inner - half.T @ half)
    rows = joined(old, new)
    return replace(process, rows=rows, factor=factor, alpha=solved(factor, rows.y))


def joined(first: Measured, second: Measured) -> Measured:
    parts = [
        np.concatenate([getattr(first, name), getattr(second, name)])
        for name in ("X", "y", "task", "known", "count", "within", "weight")
    ]
    return Measured(*parts)


def solved(factor: FloatArray, y: FloatArray) -> FloatArray:
    from scipy.linalg import cho_solve

    return np.asarray(cho_solve((factor, True), y, check_finite=False))


def loo_of(process: Process) -> tuple[FloatArray, FloatArray]:
    """`insight.loo` of one process. Rasmussen & Williams (2006), equations 5.10 to 5.12."""
    from scipy.linalg.lapack import dpotri

    rows = process.rows
    inverse, _ = dpotri(process.factor, lower=1)
    precision = np.diag(inverse)
    mean = rows.y - process.alpha / precision
    merged = measured_variance(process.numbers, rows)
    variance = 1.0 / precision + merged * (rows.count - 1.0)
    shift, scale = process.scale.shift[rows.task], process.scale.scale[rows.task]
    return (shift + scale * mean)[process.group], (scale * np.sqrt(variance))[process.group]


def relevance_of(process: Process) -> dict[str, float]:
    """`insight.relevance` of one process."""
    kernel, rows = process.numbers.kernel, process.rows
    found: dict[int, float] = {}
    some = np.linspace(0, len(rows) - 1, min(len(rows), 300)).astype(np.int64)
    for part, lengths in zip(kernel.form.parts, kernel.form.split(kernel.lengths), strict=True):
        for v, variable in enumerate(part.variables):
            columns = part.length_of == v
            alone = replace(part, columns=part.columns[columns], length_of=np.zeros(int(columns.sum()), np.int64))
            far = float(squares(kernel.form, alone, lengths[v : v + 1], rows.X[some], rows.X[some]).mean())
            found[int(variable)] = max(found.get(int(variable), 0.0), np.sqrt(far))
    total = sum(found.values()) or 1.0
    return {variable_name(process.axes, v): share / total for v, share in sorted(found.items())}


def variable_name(axes: Axes, variable: int) -> str:
    """The name of its column, or what the names of its columns begin with."""
    names = [axes.names[c] for c in np.flatnonzero(axes.variable == variable)]
    same = [letters[0] for letters in takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False))]
    return "".join(same).rstrip(" :_=.[(/|-") or names[0]
