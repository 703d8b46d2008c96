"""Many variables of which few matter: a prior that switches variables off until the rows speak for them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import ConfigError
from matloop.design.contract import Axes
from matloop.design.surrogates.average import Average, average
from matloop.design.surrogates.coupling import Alone
from matloop.design.surrogates.evidence import Evidence, chosen_rows, usual_prior
from matloop.design.surrogates.gp import SHAPES, usual_form
from matloop.design.surrogates.hamiltonian import sample
from matloop.design.surrogates.insight import relevance
from matloop.design.surrogates.kernel import Shape
from matloop.design.surrogates.measured import check_own, merged, standardised
from matloop.design.surrogates.process import conditioned

_SCALE = 0.1
"""of the half-Cauchy prior of the global scale, as in the paper"""
_MOST = 150
"""rows that choose the kernels: a fit looks at them about a thousand times"""


def usual_draws(n_rows: int) -> int:
    """Kernels that are averaged: fewer where each costs more and the rows leave less open."""
    return 12 if n_rows <= 120 else 6 if n_rows <= 300 else 2


@dataclass(frozen=True, slots=True)
class SparseAxes:
    """Settings: none but the shape of the kernel.

    The prior of SAASBO: squared inverse lengths are half-Cauchy around a scale that is half-Cauchy itself (Eriksson &
    Jankowiak 2021, doi:10.48550/arXiv.2103.00349), sampled by Hamiltonian Monte Carlo; draws are averaged.
    """

    axes: Axes
    shape: Shape = "matern52"

    def fit(
        self,
        X: FloatArray,
        y: FloatArray,
        *,
        seed: int,
        noise: FloatArray | None = None,
        task: IntArray | None = None,
    ) -> Average:
        """Learn from the rows of task 0; those of other tasks are left out."""
        X, y, errors, tasks = check_own(self.axes, X, y, noise, task)
        z, scale = standardised(y, tasks)
        rows, group = merged(X, z, errors / scale.scale[0], tasks)
        form, alone = usual_form(self.axes, self.shape, "joint", trend=False), Alone(1)
        prior = usual_prior(form, alone, 1, errors_known=bool((errors > 0).all()))
        sparse = Sparse(Evidence(form, alone, rows.take(chosen_rows(rows, seed, _MOST)), prior, 1))
        drawn = sample(sparse, settled(sparse), warm=100, kept=usual_draws(len(rows)), apart=6, seed=seed)
        kernels = [sparse.evidence.numbers(sparse.logs(at)) for at in drawn]
        found = average([conditioned(self.axes, each, rows, group, scale) for each in kernels], "")
        shares = relevance(found)
        used = [name for name in sorted(shares, key=lambda name: -shares[name]) if shares[name] > 1.0 / len(shares)]
        few = ", ".join(used[:5]) + (" ..." if len(used) > 5 else "")
        told = f"Gaussian process with sparse lengths, {len(y)} measurements; of {len(shares)} variables {len(used)}"
        return replace(found, words=f"{told} matter more than usual: {few}")


@dataclass(frozen=True, slots=True)
class Sparse:
    """Energy of (logarithm of amplitude, of squared inverse lengths over the scale, of noise, of the scale over its own
    scale): where nothing is known, each is of width about one."""

    evidence: Evidence

    @property
    def start(self) -> FloatArray:
        n_lengths = self.evidence.form.n_lengths
        return np.concatenate([[0.0], np.zeros(n_lengths), [-3.0], [0.0]])

    @property
    def bounds(self) -> list[tuple[float, float]]:
        a, b = self.evidence.bounds[0], self.evidence.bounds[-1]
        return [a, *[(-12.0, 12.0)] * self.evidence.form.n_lengths, b, (-8.0, 8.0)]

    def logs(self, at: FloatArray) -> FloatArray:
        """As the evidence wants them."""
        lengths = -0.5 * (at[1:-2] + at[-1] + np.log(_SCALE))
        low, high = np.array(self.evidence.bounds).T
        return np.clip(np.concatenate([at[:1], lengths, at[-2:-1]]), low, high)

    def __call__(self, at: FloatArray) -> tuple[float, FloatArray]:
        value, slope = self.evidence.likelihood(self.logs(at))
        amplitude, noise = slope[0], slope[-1]
        mean, width = self.evidence.prior.mean[[0, -1]], self.evidence.prior.deviation[[0, -1]]
        away = (at[[0, -2]] - mean) / width
        # a half-Cauchy number's logarithm has the density 1 / (pi cosh)
        cauchy = at[np.r_[1 : len(at) - 2, len(at) - 1]]
        value += 0.5 * float(away @ away) + float(np.logaddexp(cauchy, -cauchy).sum())
        lengths = -0.5 * slope[1:-1]
        tilt = np.concatenate([[amplitude], lengths, [noise], [lengths.sum()]])
        tilt[[0, -2]] += away / width
        tilt[1:-2] += np.tanh(cauchy[:-1])
        tilt[-1] += np.tanh(cauchy[-1])
        return value, tilt


def settled(sparse: Sparse) -> FloatArray:
    """Numbers near the largest posterior: from afar the first moves of a chain are thrown away."""
    from scipy.optimize import minimize

    found = minimize(sparse, sparse.start, jac=True, method="L-BFGS-B", bounds=sparse.bounds, options={"maxiter": 30})
    return np.asarray(found.x)


def make(axes: Axes, *, shape: Shape = "matern52") -> SparseAxes:
    """`SparseAxes` with a checked setting.

    Raises
    ------
    ConfigError : no such shape.
    """
    if shape not in SHAPES:
        raise ConfigError(f"sparse axes: shape = {shape!r} is none of {', '.join(SHAPES)}.")
    return SparseAxes(axes, shape)
