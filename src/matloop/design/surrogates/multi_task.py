"""Old campaigns and other laboratories help the present one, as far as they agree with it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import ConfigError
from matloop.design.contract import Axes, Belief
from matloop.design.surrogates.average import Average, told_so
from matloop.design.surrogates.coupling import Similar
from matloop.design.surrogates.evidence import Evidence, usual_prior
from matloop.design.surrogates.gp import SHAPES, GaussianProcess, usual_form
from matloop.design.surrogates.insight import loo
from matloop.design.surrogates.kernel import Shape
from matloop.design.surrogates.learn import learnt, usual_members
from matloop.design.surrogates.measured import Scale, check_rows, merged, scaled, spread_of
from matloop.design.surrogates.process import Process

_ENOUGH = 5
"""own rows by which other tasks can be judged, and a task can be scaled by itself"""


@dataclass(frozen=True, slots=True)
class MultiTask:
    """Settings.

    coupling : prior of how the tasks go together, for any number of them. campaigns : what task 1, 2, ... are called
    in the words. shape : as for the Gaussian process. The belief is of task 0.
    """

    axes: Axes
    loading: float
    doubt: float
    own: float
    called: str
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
        """With other tasks where they foresee the campaign's own rows better than these foresee each other (by the
        density of each left out); without them otherwise."""
        X, y, errors, tasks = check_rows(self.axes, X, y, noise, task)
        if (tasks == 0).all():
            return GaussianProcess(self.axes, self.shape).fit(X, y, seed=seed, noise=noise)
        together = self._together(X, y, errors, tasks, seed)
        return unless_misled(together, self.axes, self.shape, X, y, errors, tasks, self.called, seed)

    def _together(self, X: FloatArray, y: FloatArray, errors: FloatArray, task: IntArray, seed: int) -> Belief:
        present, tasks = np.unique(task, return_inverse=True)
        n_tasks = len(present)
        scale = scale_of_tasks(y, tasks)
        z = scaled(y, tasks, scale)
        rows, group = merged(X, z, errors / scale.scale[tasks], np.asarray(tasks, np.int64))
        form = replace(usual_form(self.axes, self.shape, "joint", trend=False), constant=1.0)
        coupling = Similar(n_tasks, self.loading, self.doubt, self.own)
        prior = usual_prior(form, coupling, n_tasks, errors_known=bool((errors > 0).all()))
        evidence = Evidence(form, coupling, rows, prior, n_tasks)
        label = f"Gaussian process ({SHAPES[self.shape]}) of {n_tasks} tasks"
        members = usual_members(len(rows))
        belief = learnt(self.axes, evidence, group, scale, label=label, starts=1, members=members, seed=seed)
        shares = ", ".join(f"{one:.2f}" for one in likeness(belief)[1:])
        return told_so(
            belief, f"{belief.words}; {self.called} go with it by {shares} (1: the same, 0: nothing in common)"
        )


def unless_misled(
    together: Belief, axes: Axes, shape: Shape, X: FloatArray, y: FloatArray, errors: FloatArray, tasks: IntArray,
    called: str, seed: int,
) -> Belief:  # fmt: skip
    """`together`, unless the rows of task 0 foresee each other better without the others, which are `called` so; with
    fewer than five own rows nobody can tell."""
    own = np.flatnonzero(tasks == 0)
    if len(own) < _ENOUGH:
        return together
    noise = errors[own] if (errors[own] > 0).any() else None
    single = GaussianProcess(axes, shape).fit(X[own], y[own], seed=seed, noise=noise)
    with_them = _density(y[own], *(each[own] for each in loo(together)))
    if with_them >= _density(y[own], *loo(single)):
        return together
    return told_so(
        single, f"{single.words}; {called} are left out: the own rows foresee each other better without them"
    )


def scale_of_tasks(y: FloatArray, task: IntArray) -> Scale:
    """Mean and deviation of each task; a task with few rows takes the deviation within all tasks."""
    n_tasks = int(task.max()) + 1
    shift = np.array([y[task == t].mean() for t in range(n_tasks)])
    pooled = spread_of(y - shift[task])
    many = [int((task == t).sum()) >= _ENOUGH for t in range(n_tasks)]
    return Scale(shift, np.array([spread_of(y[task == t]) if many[t] else pooled for t in range(n_tasks)]))


def likeness(belief: Belief) -> FloatArray:
    """Correlation of each task with the campaign itself, over all places, shape (n_tasks,).

    Raises
    ------
    ConfigError : the belief is no Gaussian process.
    """
    if isinstance(belief, Average):
        return np.asarray(belief.weights @ np.array([likeness(member) for member in belief.members]))
    if not isinstance(belief, Process):
        raise ConfigError(f"{belief.words!r} is no Gaussian process: it has no tasks.")
    kernel = belief.numbers.kernel
    B = np.einsum("q,qtu->tu", kernel.amplitudes, kernel.tasks)
    return np.asarray(B[0] / np.sqrt(B[0, 0] * np.diag(B)))


def _density(y: FloatArray, mean: FloatArray, std: FloatArray) -> float:
    return float(np.mean(-0.5 * ((y - mean) / std) ** 2 - np.log(std)))


def make(axes: Axes, *, shape: Shape = "matern52") -> MultiTask:
    """Tasks 1, 2, ... are old campaigns: like the present one as far as the rows say.

    Raises
    ------
    ConfigError : no such shape.
    """
    return MultiTask(axes, 0.8, 0.5, -1.6, "older campaigns", _known(shape))


def make_laboratories(axes: Axes, *, shape: Shape = "matern52") -> MultiTask:
    """Tasks 1, 2, ... are other laboratories: the same experiment with an offset (batch effect), a noise, and a small
    deviation of their own.

    Raises
    ------
    ConfigError : no such shape.
    """
    return MultiTask(axes, 1.0, 0.1, -4.0, "other laboratories", _known(shape))


def _known(shape: Shape) -> Shape:
    if shape not in SHAPES:
        raise ConfigError(f"shape = {shape!r} is none of {', '.join(SHAPES)}.")
    return shape
