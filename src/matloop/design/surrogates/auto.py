"""Which surrogate, by what the rows are like; with the reason."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.design.contract import Axes, Belief
from matloop.design.surrogates.additive import Additive
from matloop.design.surrogates.average import told_so
from matloop.design.surrogates.evidence import MOST
from matloop.design.surrogates.forest import make as make_forest
from matloop.design.surrogates.gp import GaussianProcess
from matloop.design.surrogates.heteroscedastic import Heteroscedastic
from matloop.design.surrogates.insight import loo
from matloop.design.surrogates.measured import check_rows
from matloop.design.surrogates.multi_task import make as make_multi_task
from matloop.design.surrogates.multi_task import make_laboratories
from matloop.design.surrogates.saas import SparseAxes
from matloop.design.surrogates.student_t import StudentT

MANY_ROWS = 4000
"""above these a Cholesky factor takes many seconds and hundreds of megabytes"""
MANY_VARIABLES, FEW_ROWS = 15, 300
"""with more rows than that the usual process sees by itself which variables matter, and is quicker"""
_FAR, _ENOUGH = 0.05, 15
"""weight of a value about ten deviations off: of 58 samples of fifteen measured tables one has such a value; rows below
which nobody can say"""
_GROUPS, _UNEVEN = 8, 1e-3
"""sets of replicates that can show uneven noise, and the chance of being wrong"""


@dataclass(frozen=True, slots=True)
class Auto:
    """The usual Gaussian process, unless the rows ask for another; `words` say which and why."""

    axes: Axes

    def fit(
        self,
        X: FloatArray,
        y: FloatArray,
        *,
        seed: int,
        noise: FloatArray | None = None,
        task: IntArray | None = None,
    ) -> Belief:
        """Other tasks: laboratories or multi_task. More than 4,000 rows: forest. More than 15 variables, at most 300
        rows: the better of saas and additive by left-out density. Replicates that scatter unlike each other:
        heteroscedastic. Values ten deviations from what the others say: student_t. Else gp."""
        X, y, _, tasks = check_rows(self.axes, X, y, noise, task)
        if (tasks > 0).any():
            return self._elsewhere(X, y, noise, tasks, seed)
        if len(y) > MANY_ROWS:
            forest = make_forest(self.axes).fit(X, y, seed=seed, noise=noise)
            return _because(forest, f"because {len(y):,} rows are too many for a Gaussian process")
        n_variables = len(np.unique(self.axes.variable))
        if n_variables > MANY_VARIABLES and len(y) <= FEW_ROWS:
            return self._wide(X, y, noise, n_variables, seed)
        chance = unevenness(X, y)
        if chance < _UNEVEN:
            uneven = Heteroscedastic(self.axes).fit(X, y, seed=seed, noise=noise)
            return _because(uneven, "because some replicates scatter much more than others")
        if _ENOUGH <= len(y) <= MOST:
            steady = StudentT(self.axes).fit(X, y, seed=seed, noise=noise)
            odd = int((steady.rows.weight < _FAR).sum())
            if 0 < odd <= len(y) // 5:
                lie = "values lie" if odd > 1 else "value lies"
                return _because(steady, f"because {odd} {lie} far from what the others say")
        return GaussianProcess(self.axes).fit(X, y, seed=seed, noise=noise)

    def _elsewhere(self, X: FloatArray, y: FloatArray, noise: FloatArray | None, task: IntArray, seed: int) -> Belief:
        own, n = task == 0, len(np.unique(task)) - 1
        why = f"because there are rows of {n} other place{'s' * (n > 1)} or campaign{'s' * (n > 1)}"
        same, like = (
            maker(self.axes).fit(X, y, seed=seed, noise=noise, task=task)
            for maker in (make_laboratories, make_multi_task)
        )
        if len(loo(same)[0]) != len(y) or len(loo(like)[0]) != len(y):
            # left out: the own rows alone foresee better
            return _because(same if len(loo(same)[0]) == len(y) else like, why)
        better = _density(like, y, own) > _density(same, y, own)
        told = "that are like it" if better else "that differ from it by an offset"
        return _because(like if better else same, f"{why} {told}")

    def _wide(self, X: FloatArray, y: FloatArray, noise: FloatArray | None, n_variables: int, seed: int) -> Belief:
        why = f"because there are {n_variables} variables"
        sparse = SparseAxes(self.axes).fit(X, y, seed=seed, noise=noise)
        if len(y) < 2 * n_variables:
            return _because(sparse, f"{why} and only {len(y)} rows: few of them can be seen to matter")
        additive = Additive(self.axes).fit(X, y, seed=seed, noise=noise)
        if _density(additive, y) > _density(sparse, y):
            return _because(additive, f"{why}, and a sum of effects foresees left-out rows better than few do")
        return _because(sparse, f"{why}, and few of them foresee left-out rows better than a sum of effects does")


def unevenness(X: FloatArray, y: FloatArray) -> float:
    """Chance that replicates of one noise scatter as differently as these (Bartlett's test); 1 where too few."""
    from scipy.stats import bartlett

    _, group = np.unique(X, axis=0, return_inverse=True)
    sets = [y[group.reshape(-1) == g] for g in range(int(group.max()) + 1)]
    sets = [each for each in sets if len(each) > 1 and each.std() > 0]
    return float(bartlett(*sets).pvalue) if len(sets) >= _GROUPS else 1.0


def _density(belief: Belief, y: FloatArray, rows: BoolArray | None = None) -> float:
    mean, std = loo(belief)
    density = -0.5 * ((y - mean) / std) ** 2 - np.log(std)
    return float(np.mean(density if rows is None else density[rows]))


def _because(belief: Belief, why: str) -> Belief:
    return told_so(belief, f"{belief.words}; chosen {why}")


def make(axes: Axes) -> Auto:
    """`Auto`."""
    return Auto(axes)
