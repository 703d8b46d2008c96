"""Cheap simulations help dear experiments: fidelities as tasks, from the dear task 0 to cheaper ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import ConfigError, DataError
from matloop.design.contract import Axes, Belief
from matloop.design.surrogates.average import Average, told_so
from matloop.design.surrogates.coupling import Coupling, Ladder, Truncated
from matloop.design.surrogates.evidence import Evidence, usual_prior
from matloop.design.surrogates.gp import SHAPES, GaussianProcess
from matloop.design.surrogates.kernel import Form, Shape, part_of
from matloop.design.surrogates.learn import learnt, usual_members
from matloop.design.surrogates.measured import check_points, check_rows, merged, scaled
from matloop.design.surrogates.multi_task import likeness, scale_of_tasks, unless_misled
from matloop.design.surrogates.process import Process

Link = Literal["ladder", "separate"]
_ERROR = -2.0
"""logarithm of the variance that an error between fidelities is expected to have, in parts of that of the values"""


@dataclass(frozen=True, slots=True)
class MultiFidelity:
    """Settings.

    link : "ladder": each fidelity is a factor times the next cheaper one plus a smooth error (Kennedy & O'Hagan 2000,
    doi:10.1093/biomet/87.1.1); "separate": each cheap one is the dear one plus an error of its own, in no order.
    """

    axes: Axes
    link: Link = "ladder"
    shape: Shape = "matern52"

    def fit(
        self,
        X: FloatArray,
        y: FloatArray,
        *,
        seed: int,
        noise: FloatArray | None = None,
        task: IntArray | None = None,
    ) -> Belief:
        """task : 0 is the experiment, higher numbers are cheaper. Without cheap rows it is the usual process, also
        where the rows of the experiment foresee each other better without them (by the density of each left out)."""
        X, y, errors, tasks = check_rows(self.axes, X, y, noise, task)
        n_tasks = int(tasks.max()) + 1
        if n_tasks == 1:
            return GaussianProcess(self.axes, self.shape).fit(X, y, seed=seed, noise=noise)
        together = self._together(X, y, errors, tasks, n_tasks, seed)
        return unless_misled(together, self.axes, self.shape, X, y, errors, tasks, "cheaper ones", seed)

    def _together(
        self, X: FloatArray, y: FloatArray, errors: FloatArray, tasks: IntArray, n_tasks: int, seed: int
    ) -> Belief:
        absent = np.setdiff1d(np.arange(n_tasks), tasks)
        if len(absent):
            raise DataError(f"no row is of fidelity {absent[0]}, but of a cheaper one: number them 0, 1, 2, ...")
        scale = scale_of_tasks(y, tasks)
        z = scaled(y, tasks, scale)
        rows, group = merged(X, z, errors / scale.scale[tasks], tasks)
        whole = part_of(self.axes, np.unique(self.axes.variable), self.shape)
        terms = tuple((q,) for q in range(n_tasks))
        form = Form((whole,) * n_tasks, terms, self.axes.categorical, constant=1.0)
        coupling: Coupling = Ladder(n_tasks) if self.link == "ladder" else Truncated(n_tasks)
        prior = usual_prior(form, coupling, n_tasks, errors_known=bool((errors > 0).all()))
        mean = prior.mean.copy()
        mean[:n_tasks] = _ERROR
        mean[n_tasks - 1 if self.link == "ladder" else 0] = 0.0
        evidence = Evidence(form, coupling, rows, replace(prior, mean=mean), n_tasks)
        label = f"Gaussian process ({SHAPES[self.shape]}) of {n_tasks} fidelities"
        members = usual_members(len(rows))
        belief = learnt(self.axes, evidence, group, scale, label=label, starts=1, members=members, seed=seed)
        shares = ", ".join(f"{one:.2f}" for one in likeness(belief)[1:])
        words = f"{belief.words}; the cheaper ones go with the dear one by {shares} (1: the same, 0: nothing in common)"
        return told_so(belief, words)


def has_tasks(belief: Belief) -> bool:
    """Whether a belief of "multi_fidelity" knows of cheaper values; not where there were none, or they mislead."""
    one = belief.members[0] if isinstance(belief, Average) else belief
    return isinstance(one, Process) and len(one.scale.scale) > 1


def knowledge_per_cost(belief: Belief, X: FloatArray, costs: Sequence[float]) -> FloatArray:
    """What one measurement at each fidelity would tell of the dear value at the same point, over its cost: the mutual
    information, nats per unit of cost, shape (n, n_tasks).

    Takeno et al. (2020), doi:10.48550/arXiv.1901.08275, use it for the best value in place of the value at a point.

    Parameters
    ----------
    belief : of "multi_fidelity" or "multi_task". costs : of a measurement at each fidelity, the dear one first, > 0.

    Raises
    ------
    ConfigError : the belief has no tasks, or another number of them; a cost is not above zero.
    """
    if isinstance(belief, Average):
        each = np.array([knowledge_per_cost(member, X, costs) for member in belief.members])
        return np.asarray(np.einsum("m,mnt->nt", belief.weights, each))
    if not isinstance(belief, Process):
        raise ConfigError(f"{belief.words!r} is no Gaussian process: it has no fidelities.")
    n_tasks = len(belief.scale.scale)
    if len(costs) != n_tasks or min(costs) <= 0:
        raise ConfigError(f"{n_tasks} fidelities need as many costs above zero; found {list(costs)}.")
    X = check_points(belief.axes, X)
    found = np.empty((len(X), n_tasks))
    for t in range(n_tasks):
        dear, cheap, both = _pair(belief, X, t)
        noise = belief.numbers.noise[t] + belief.rows.known[belief.rows.task == t].mean()
        shared = np.clip(both**2 / np.maximum(dear * (cheap + noise), 1e-300), 0.0, 1.0 - 1e-12)
        found[:, t] = -0.5 * np.log1p(-shared) / costs[t]
    return found


def next_fidelity(belief: Belief, X: FloatArray, costs: Sequence[float]) -> IntArray:
    """For each point the fidelity at which a measurement teaches most of the dear value for its cost, shape (n,).

    Raises
    ------
    ConfigError : as `knowledge_per_cost`.
    """
    return np.asarray(knowledge_per_cost(belief, X, costs).argmax(axis=1), np.int64)


def _pair(process: Process, X: FloatArray, task: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Standardised variances of the dear value and of that at `task`, and their covariance, each shape (n,)."""
    kernel = process.numbers.kernel
    zero, other = np.zeros(len(X), np.int64), np.full(len(X), task)
    _, half = process.half(X, zero)
    _, half_other = process.half(X, other)
    # all points are at distance zero from themselves
    one = kernel.amplitudes @ kernel.tasks[:, 0, task] + (kernel.form.constant if task == 0 else 0.0)
    dear = kernel.diagonal(X, zero) - (half**2).sum(axis=0)
    cheap = kernel.diagonal(X, other) - (half_other**2).sum(axis=0)
    return np.maximum(dear, 0.0), np.maximum(cheap, 0.0), one - (half * half_other).sum(axis=0)


def make(axes: Axes, *, link: Link = "ladder", shape: Shape = "matern52") -> MultiFidelity:
    """`MultiFidelity` with checked settings.

    Raises
    ------
    ConfigError : no such link or shape.
    """
    if link not in ("ladder", "separate"):
        raise ConfigError(f"multi-fidelity: link = {link!r} is none of ladder, separate.")
    if shape not in SHAPES:
        raise ConfigError(f"multi-fidelity: shape = {shape!r} is none of {', '.join(SHAPES)}.")
    return MultiFidelity(axes, link, shape)
