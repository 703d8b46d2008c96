"""Which numbers of a kernel the rows speak for: marginal likelihood with priors, its gradient, and its maximum.

Rasmussen & Williams, Gaussian Processes for Machine Learning (2006), equations 5.8 and 5.9; lengths have the prior of
Hvarfner et al. (2024), doi:10.48550/arXiv.2402.02229, which expects longer ones in more dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.design.surrogates.coupling import Coupling
from matloop.design.surrogates.kernel import Form, Kernel, among, bent_and_slope, gram, squares
from matloop.design.surrogates.measured import Measured

FAILED = 1e10
_LENGTHS, _AMPLITUDES, _NOISE, _TREND = (-5.0, 6.0), (-7.0, 4.0), (-12.0, 2.0), (-9.0, 6.0)
"""bounds of logarithms: of lengths in parts of a range, and of variances in parts of that of the values"""
MOST = 400
"""rows that choose the numbers of a kernel: each look costs the cube of them"""


@dataclass(frozen=True, slots=True)
class Prior:
    """Normal, for the logarithms in the order amplitudes, lengths, noise of each task, trend, then the coupling."""

    mean: FloatArray
    deviation: FloatArray


@dataclass(frozen=True, slots=True)
class Numbers:
    """A kernel and the variance of the noise of a measurement in each task, shape (n_tasks,), standardised."""

    kernel: Kernel
    noise: FloatArray


@dataclass(frozen=True, slots=True)
class Evidence:
    """The negative logarithm of the posterior of a kernel's numbers (up to that of the prior's norm)."""

    form: Form
    coupling: Coupling
    rows: Measured
    prior: Prior
    n_tasks: int

    @property
    def ends(self) -> FloatArray:
        """Where amplitudes, lengths, noise and trend end."""
        sizes = [len(self.form.terms), self.form.n_lengths, self.n_tasks, int(self.form.trend)]
        return np.cumsum(sizes)

    def numbers(self, logs: FloatArray) -> Numbers:
        a, b, c, d = self.ends
        trend = float(np.exp(logs[c])) if self.form.trend else 0.0
        tasks = self.coupling.matrices(logs[d:])
        kernel = Kernel(self.form, np.exp(logs[:a]), np.exp(logs[a:b]), trend, tasks)
        return Numbers(kernel, np.exp(logs[b:c]))

    @property
    def bounds(self) -> list[tuple[float, float]]:
        terms, lengths = len(self.form.terms), self.form.n_lengths
        own = [_AMPLITUDES] * terms + [_LENGTHS] * lengths + [_NOISE] * self.n_tasks + [_TREND] * int(self.form.trend)
        return own + self.coupling.bounds

    def __call__(self, logs: FloatArray) -> tuple[float, FloatArray]:
        value, slope = self.likelihood(logs)
        if value >= FAILED:
            return value, slope
        more, tilt = self.penalty(logs)
        return value + more, slope + tilt

    def penalty(self, logs: FloatArray) -> tuple[float, FloatArray]:
        """Negative logarithm of the prior and its gradient."""
        away = (logs - self.prior.mean) / self.prior.deviation
        value, slope = 0.5 * away**2, away / self.prior.deviation
        return float(value.sum()), slope

    def likelihood(self, logs: FloatArray) -> tuple[float, FloatArray]:
        """Negative logarithm of the marginal likelihood of all measurements, replicates too, and its gradient."""
        from scipy.linalg.lapack import dpotrf, dpotri

        found, rows, form = self.numbers(logs), self.rows, self.form
        kernel = found.kernel
        measured = (found.noise[rows.task] + rows.known) / rows.weight
        pieces = self._pieces(kernel)
        K = pieces.total
        K[np.diag_indices_from(K)] += measured / rows.count
        factor, failed = dpotrf(K, lower=1)
        if failed:
            return FAILED, np.zeros_like(logs)
        inverse, _ = dpotri(factor, lower=1)
        inverse = np.tril(inverse) + np.tril(inverse, -1).T
        alpha = inverse @ rows.y
        value = 0.5 * float(rows.y @ alpha) + float(np.log(np.diag(factor)).sum())
        more = (rows.count - 1.0) * np.log(measured) + rows.within / measured
        value += 0.5 * float(more.sum() + np.log(rows.count).sum() + rows.count.sum() * np.log(2.0 * np.pi))
        pull = 0.5 * (inverse - np.outer(alpha, alpha))
        parts = [self._amplitude_slopes(kernel, pieces, pull), self._length_slopes(kernel, pieces, pull)]
        own = np.diag(pull) / rows.count + 0.5 * ((rows.count - 1.0) / measured - rows.within / measured**2)
        parts.append(np.bincount(rows.task, own / rows.weight, self.n_tasks) * found.noise)
        if form.trend:
            parts.append(np.array([kernel.trend * float((pull * pieces.trend).sum())]))
        parts.append(self.coupling.pulled(logs[self.ends[3] :], self._task_pull(kernel, pieces, pull)))
        return value, np.concatenate(parts)

    def _pieces(self, kernel: Kernel) -> _Pieces:
        rows, form = self.rows, self.form
        split = form.split(kernel.lengths)
        squared = [squares(form, p, lengths, rows.X, rows.X) for p, lengths in zip(form.parts, split, strict=True)]
        both = [bent_and_slope(part.shape, square) for part, square in zip(form.parts, squared, strict=True)]
        shapes, slopes = [s for s, _ in both], [s for _, s in both]
        products = [reduce(np.multiply, [shapes[p] for p in term]) for term in form.terms]
        tied = [among(tasks, rows.task, rows.task) for tasks in kernel.tasks]
        same = among(np.eye(self.n_tasks), rows.task, rows.task)
        trend = gram(form, rows.X, rows.X) * same if form.trend else np.zeros((0, 0))
        total = np.full((len(rows), len(rows)), form.constant) * same
        for amplitude, product, tie in zip(kernel.amplitudes, products, tied, strict=True):
            total += product * (amplitude * tie)
        if form.trend:
            total += kernel.trend * trend
        return _Pieces(shapes, slopes, products, tied, trend, total)

    def _amplitude_slopes(self, kernel: Kernel, pieces: _Pieces, pull: FloatArray) -> FloatArray:
        terms = zip(kernel.amplitudes, pieces.products, pieces.tied, strict=True)
        return np.array([amplitude * float((pull * product * tie).sum()) for amplitude, product, tie in terms])

    def _length_slopes(self, kernel: Kernel, pieces: _Pieces, pull: FloatArray) -> FloatArray:
        form, slopes = self.form, []
        for p, (part, lengths) in enumerate(zip(form.parts, form.split(kernel.lengths), strict=True)):
            outer: FloatArray = np.zeros((1, 1))
            for amplitude, tie, term in zip(kernel.amplitudes, pieces.tied, form.terms, strict=True):
                if p in term:
                    others = [pieces.shapes[q] for q in term if q != p]
                    outer = outer + amplitude * reduce(np.multiply, others, np.ones((1, 1))) * tie
            weights = pull * outer * pieces.slopes[p]
            own = column_sums(weights, self.rows.X[:, part.columns], form.categorical[part.columns])
            # the squared distance falls as -2 times its share with the logarithm of a length
            slopes.append(-2.0 * np.bincount(part.length_of, own, len(lengths)) / lengths**2)
        return np.concatenate(slopes)

    def _task_pull(self, kernel: Kernel, pieces: _Pieces, pull: FloatArray) -> FloatArray:
        if self.n_tasks == 1:
            return np.zeros((len(kernel.amplitudes), 1, 1))
        member = np.eye(self.n_tasks)[self.rows.task]
        terms = zip(kernel.amplitudes, pieces.products, strict=True)
        return np.stack([amplitude * (member.T @ (pull * product) @ member) for amplitude, product in terms])

    def best(self, starts: Sequence[FloatArray], steps: int = 80) -> tuple[FloatArray, float]:
        """The largest posterior found from these starts, and its negative logarithm."""
        from scipy.optimize import minimize

        low, high = np.array(self.bounds).T
        found = [
            minimize(
                self, np.clip(start, low, high), jac=True, method="L-BFGS-B", bounds=self.bounds,
                options={"maxiter": steps},
            )
            for start in starts
        ]  # fmt: skip
        best = min(found, key=lambda result: float(result.fun))
        return np.asarray(best.x), float(best.fun)


@dataclass(frozen=True, slots=True)
class _Pieces:
    """What the kernel matrix of the rows is made of."""

    shapes: list[FloatArray]
    slopes: list[FloatArray]
    products: list[FloatArray]
    tied: list[FloatArray | float]
    trend: FloatArray
    total: FloatArray


def column_sums(weights: FloatArray, X: FloatArray, categorical: BoolArray) -> FloatArray:
    """For each column the sum over pairs of rows of weight times squared difference (1 for different categories),
    without a matrix for each number."""
    own = np.empty(X.shape[1])
    numbers = np.flatnonzero(~categorical)
    Z = X[:, numbers] - 0.5
    own[numbers] = 2.0 * (weights.sum(axis=1) @ Z**2 - np.einsum("nd,nd->d", Z, weights @ Z))
    for column in np.flatnonzero(categorical):
        own[column] = float(weights[X[:, column, None] != X[None, :, column]].sum())
    return own


def usual_prior(form: Form, coupling: Coupling, n_tasks: int, *, errors_known: bool = False) -> Prior:
    """Amplitudes around 1 (shared by the terms), noise around 13 % of the spread (0.1 % beside known errors), lengths
    around exp(sqrt 2 - 1) sqrt(d / 2.7) of a range with a wide prior."""
    terms = len(form.terms)
    # a variable of many columns (descriptors) has distances that grow as the root of their number
    lengths = [
        np.sqrt(2.0) - 1.0 + 0.5 * np.log(len(part.variables) * np.bincount(part.length_of)) for part in form.parts
    ]
    trend = int(form.trend)
    mean = [np.full(terms, -np.log(terms)), *lengths, np.full(n_tasks, -8.0 if errors_known else -4.0)]
    mean += [np.zeros(trend), coupling.start]
    deviation = [np.ones(terms), np.full(form.n_lengths, np.sqrt(3.0)), np.full(n_tasks, 1.5)]
    deviation += [np.full(trend, 1.5), coupling.deviation]
    return Prior(np.concatenate(mean), np.concatenate(deviation))


def usual_starts(evidence: Evidence, n: int, seed: int) -> list[FloatArray]:
    """Short lengths first, then the middle of the prior, then draws around it."""
    rng = np.random.default_rng([seed, 7])
    a, b, c, _ = evidence.ends
    middle = evidence.prior.mean.copy()
    first = middle.copy()
    first[a:b] -= 1.5
    first[b:c] = np.maximum(first[b:c], -3.0) if (middle[b:c] > -5.0).all() else first[b:c]
    starts = [first, middle]
    for _ in range(n - 2):
        other = middle.copy()
        other[a:b] += rng.normal(-0.75, 1.0, b - a)
        other[b:c] += rng.normal(0.0, 1.0, c - b)
        starts.append(other)
    return starts[:n]


def choose(
    evidence: Evidence, *, starts: int, seed: int, first: FloatArray | None = None, most: int = MOST
) -> tuple[Numbers, FloatArray, float]:
    """Numbers of the largest posterior, their logarithms, and its negative logarithm; on `most` rows where there are
    more. first : where to begin instead of the usual starts."""
    some = chosen_rows(evidence.rows, seed, most)
    if len(some) < len(evidence.rows):
        evidence = replace(evidence, rows=evidence.rows.take(some))
    logs, value = evidence.best(usual_starts(evidence, starts, seed) if first is None else [first])
    return evidence.numbers(logs), logs, value


def chosen_rows(rows: Measured, seed: int, most: int = MOST) -> IntArray:
    """All, or `most` of them by chance: of the campaign's own at least half as many, where there are."""
    if len(rows) <= most:
        return np.arange(len(rows))
    mixed = np.random.default_rng([seed, 11]).permutation(len(rows))
    own = mixed[rows.task[mixed] == 0][: most // 2]
    others = mixed[~np.isin(mixed, own)][: most - len(own)]
    return np.sort(np.concatenate([own, others]))


def likely(evidence: Evidence, best: FloatArray, n: int, seed: int) -> list[FloatArray]:
    """`n` draws of the numbers' logarithms from their posterior, as the normal distribution that fits it at `best`
    (Laplace's approximation; the curvature by differences of the gradient)."""
    rng, step = np.random.default_rng([seed, 13]), 1e-3
    some = chosen_rows(evidence.rows, seed)
    evidence = replace(evidence, rows=evidence.rows.take(some))
    shifts = step * np.eye(len(best))
    bend = np.array([(evidence(best + shift)[1] - evidence(best - shift)[1]) / (2.0 * step) for shift in shifts])
    values, vectors = np.linalg.eigh(0.5 * (bend + bend.T))
    # no direction is wider than the prior
    widths = 1.0 / np.sqrt(np.maximum(values, evidence.prior.deviation.max() ** -2))
    low, high = np.array(evidence.bounds).T
    drawn = rng.standard_normal((n, len(best))) * widths
    return list(np.clip(best + drawn @ vectors.T, low, high))
