"""Many variables that act in small groups: a sum of processes, each of the variables that go together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import ConfigError
from matloop.design.contract import Axes
from matloop.design.surrogates.average import Average, average
from matloop.design.surrogates.coupling import Alone
from matloop.design.surrogates.evidence import Evidence, chosen_rows, likely, usual_prior
from matloop.design.surrogates.gp import SHAPES
from matloop.design.surrogates.kernel import Form, Shape, part_of
from matloop.design.surrogates.learn import usual_members
from matloop.design.surrogates.measured import Measured, check_rows, merged, standardised
from matloop.design.surrogates.process import Process, conditioned, variable_name

Groups = tuple[tuple[int, ...], ...]
_MOST = 120
"""rows that choose groups and kernels: each variable has a matrix of its own"""
_TRIED, _LARGEST, _ROUNDS = 8, 4, 6
"""pairs of groups that are tried per round; variables in a group; unions (a third of them
above 25 variables)"""
_GAIN = 1.0
"""logarithm of evidence that a union must bring"""


@dataclass(frozen=True, slots=True)
class Additive:
    """Settings: none but the shape of the kernel.

    Starts with every variable by itself, and joins the two groups whose union raises the evidence most, until none
    does (Duvenaud et al. 2011, doi:10.48550/arXiv.1112.4394; groups from data as in Gardner et al. 2017, AISTATS,
    but greedy). Pairs are tried in the order of what their variables do alone.
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
    ) -> Process | Average:
        """Learn from the rows of task 0; those of other tasks are left out."""
        X, y, errors, tasks = check_rows(self.axes, X, y, noise, task)
        own = tasks == 0
        X, y, errors, tasks = X[own], y[own], errors[own], tasks[own]
        z, scale = standardised(y, tasks)
        rows, group = merged(X, z, errors / scale.scale[0], tasks)
        some = rows.take(chosen_rows(rows, seed, _MOST))
        known = bool((errors > 0).all())
        groups, logs = self._groups(some, known)
        evidence = self._evidence(groups, rows, known)
        numbers = evidence.numbers(logs)
        words = self._words(groups, logs, len(y))
        members = usual_members(len(rows))
        if members < 2:
            return replace(conditioned(self.axes, numbers, rows, group, scale), told=words)
        drawn = likely(replace(evidence, rows=some), logs, members, seed)
        each = [conditioned(self.axes, evidence.numbers(one), rows, group, scale) for one in drawn]
        return average(each, words)

    def _evidence(self, groups: Groups, rows: Measured, known: bool) -> Evidence:
        parts = tuple(part_of(self.axes, np.array(group), self.shape) for group in groups)
        form = Form(parts, tuple((q,) for q in range(len(parts))), self.axes.categorical)
        alone = Alone(len(parts))
        return Evidence(form, alone, rows, usual_prior(form, alone, 1, errors_known=known), 1)

    def _groups(self, rows: Measured, known: bool) -> tuple[Groups, FloatArray]:
        """Groups of variables, and the logarithms of the numbers of the best kernel of them."""
        groups: Groups = tuple((int(v),) for v in np.unique(self.axes.variable))
        evidence = self._evidence(groups, rows, known)
        logs, value = evidence.best([evidence.prior.mean], steps=40)
        for _ in range(_ROUNDS if len(groups) <= 25 else _ROUNDS // 3):
            tried = []
            for pair in pairs(groups, logs):
                union = joined(groups, pair)
                glimpse = self._evidence(union, rows, known).best([carried(groups, pair, logs)], steps=4)
                tried.append((glimpse[1], pair))
            if not tried:
                break
            pair = min(tried)[1]
            union = joined(groups, pair)
            found, best = self._evidence(union, rows, known).best([carried(groups, pair, logs)], steps=25)
            if best > value - _GAIN:
                break
            groups, logs, value = union, found, best
        return groups, logs

    def _words(self, groups: Groups, logs: FloatArray, n: int) -> str:
        order = np.argsort(-logs[: len(groups)], kind="stable")
        told = [" with ".join(variable_name(self.axes, v) for v in groups[g]) for g in order[:4]]
        more = "" if len(groups) <= 4 else f" and {len(groups) - 4} more"
        return f"sum of Gaussian processes, {n} measurements; effects of {', '.join(told)}{more}, the largest first"


def pairs(groups: Groups, logs: FloatArray) -> list[tuple[int, int]]:
    """Pairs of groups that are small enough together, those that do most first."""
    order = np.argsort(-logs[: len(groups)], kind="stable")
    both = sorted(combinations(range(len(order)), 2), key=sum)
    found = [(int(order[a]), int(order[b])) for a, b in both]
    return [pair for pair in found if len(groups[pair[0]]) + len(groups[pair[1]]) <= _LARGEST][:_TRIED]


def joined(groups: Groups, pair: tuple[int, int]) -> Groups:
    """The groups with these two as one, the last."""
    rest = tuple(group for g, group in enumerate(groups) if g not in pair)
    return (*rest, tuple(sorted((*groups[pair[0]], *groups[pair[1]]))))


def carried(groups: Groups, pair: tuple[int, int], logs: FloatArray) -> FloatArray:
    """Logarithms for the groups after joining: the amplitudes of the two add up, lengths stay with their variables."""
    n = len(groups)
    rest = [g for g in range(n) if g not in pair]
    amplitudes = [*(logs[g] for g in rest), np.logaddexp(logs[pair[0]], logs[pair[1]])]
    at = np.cumsum([n, *(len(group) for group in groups)])
    of = {variable: logs[at[g] + k] for g, group in enumerate(groups) for k, variable in enumerate(group)}
    lengths = [of[variable] for group in joined(groups, pair) for variable in group]
    return np.array([*amplitudes, *lengths, *logs[at[-1] :]])


def make(axes: Axes, *, shape: Shape = "matern52") -> Additive:
    """`Additive` with a checked setting.

    Raises
    ------
    ConfigError : no such shape.
    """
    if shape not in SHAPES:
        raise ConfigError(f"additive: shape = {shape!r} is none of {', '.join(SHAPES)}.")
    return Additive(axes, shape)
