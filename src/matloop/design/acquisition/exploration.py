"""Learning everywhere, whatever the goals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.design.acquisition.aims import floored, spread_of
from matloop.design.acquisition.crossing import crossing
from matloop.design.acquisition.likeness import distances, products
from matloop.design.contract import About, Acquisition, Belief
from matloop.design.surrogates.registry import make_surrogate


@dataclass(frozen=True, slots=True)
class MaximumVariance:
    """log of the standard deviation, summed over the goals' targets: where least is known.

    In batches, with believing, this is the greedy choice of the largest determinant of the covariance (entropy) of the
    values. MacKay, Neural Comput. 4 (1992) 590, doi:10.1162/neco.1992.4.4.590.
    """

    def worth(self, beliefs: Sequence[Belief], X: FloatArray, about: About) -> FloatArray:
        total = np.zeros(len(X))
        for k in _targets(about):
            total = total + np.log(floored(beliefs[k].predict(X)[1], spread_of(about.values[k])))
        return total


@dataclass(frozen=True, slots=True)
class Committee:
    """log of the standard deviation of what several surrogates expect: where they disagree.

    The members are those beliefs that were learnt from the same values; where there is one only, `surrogates` are
    learnt from what is known and join it. Seung, Opper, Sompolinsky, COLT (1992) 287, doi:10.1145/130385.130417.
    """

    surrogates: tuple[str, ...] = ("forest",)
    members: tuple[tuple[Belief, ...], ...] | None = field(default=None, repr=False)

    def prepare(self, beliefs: Sequence[Belief], X: FloatArray, about: About) -> Committee:
        """With the members of each target; `X` is not needed."""
        return Committee(self.surrogates, tuple(self._members(beliefs, k, about) for k in _targets(about)))

    def _members(self, beliefs: Sequence[Belief], target: int, about: About) -> tuple[Belief, ...]:
        row = about.values[target]
        same = [b for b, other in zip(beliefs, about.values, strict=True) if np.array_equal(other, row, equal_nan=True)]
        rows = np.isfinite(row)
        if len(same) > 1 or about.axes is None or rows.sum() < 2:
            return tuple(same)
        learnt = [
            make_surrogate(name, about.axes).fit(about.known[rows], row[rows], seed=about.seed)
            for name in self.surrogates
        ]
        return (*same, *learnt)

    def worth(self, beliefs: Sequence[Belief], X: FloatArray, about: About) -> FloatArray:
        if self.members is None:
            return self.prepare(beliefs, X, about).worth(beliefs, X, about)
        total = np.zeros(len(X))
        for k, members in zip(_targets(about), self.members, strict=True):
            found = [member.predict(X) for member in members]
            spread = found[0][1] if len(found) == 1 else np.std([mean for mean, _ in found], axis=0)
            total = total + np.log(floored(spread, spread_of(about.values[k])))
        return total


@dataclass(frozen=True, slots=True)
class VarianceReduction:
    """log of how much a measurement, noise included, lowers the mean variance at `size` places that stand for the
    domain, in parts of the spread of the known values: the error expected of the model afterwards.

    Cohn, Ghahramani, Jordan, J. Artif. Intell. Res. 4 (1996) 129, doi:10.1613/jair.295; integrated mean square error:
    Sacks, Welch, Mitchell, Wynn, Stat. Sci. 4 (1989) 409, doi:10.1214/ss/1177012413.
    """

    size: int = 100
    places: FloatArray | None = field(default=None, repr=False)
    scout: ClassVar[Acquisition] = MaximumVariance()

    def prepare(self, beliefs: Sequence[Belief], X: FloatArray, about: About) -> VarianceReduction:
        """With the places that stand for the domain, of candidates `X`."""
        rows = np.random.default_rng(about.seed).permutation(len(X))[: self.size]
        return VarianceReduction(self.size, X[rows])

    def worth(self, beliefs: Sequence[Belief], X: FloatArray, about: About) -> FloatArray:
        if self.places is None:
            return self.prepare(beliefs, X, about).worth(beliefs, X, about)
        total = np.zeros(len(X))
        for k in _targets(about) if len(self.places) else ():
            spread = spread_of(about.values[k])
            between = crossing(beliefs[k], self.places, X)
            whole = floored(np.sqrt(between.variance + beliefs[k].noise ** 2), spread) ** 2
            total = total + (between.covariance**2).mean(axis=0) / whole / spread**2
        return np.log(np.maximum(total, 1e-300))


@dataclass(frozen=True, slots=True)
class DOptimal:
    """log of the factor by which an experiment raises the determinant of the information of a quadratic model with all
    interactions (categories: their effects, and how they change those of the numbers). It needs no values.

    `ridge` : variance of a measurement in parts of that of an effect, so that it can be reckoned before there are
    enough experiments. Greedy, as of DuMouchel & Jones, Technometrics 36 (1994) 37, doi:10.1080/00401706.1994.10485399.
    """

    ridge: float = 1e-2

    def worth(self, beliefs: Sequence[Belief], X: FloatArray, about: About) -> FloatArray:
        known = np.unique(np.vstack([about.known, about.pending]), axis=0)
        own = (1.0 + products(about.axes, X)) ** 2
        if not len(known):
            return np.log(np.log1p(own / self.ridge))
        K = (1.0 + products(about.axes, known, known)) ** 2
        counts = _counts(known, np.vstack([about.known, about.pending]))
        K[np.diag_indices_from(K)] += self.ridge / counts
        across = (1.0 + products(about.axes, known, X)) ** 2
        from scipy.linalg import cholesky, solve_triangular

        half = solve_triangular(cholesky(K, lower=True), across, lower=True)
        left = np.maximum(own - (half**2).sum(axis=0), 1e-12)
        return np.asarray(np.log(np.log1p(left / self.ridge)))


@dataclass(frozen=True, slots=True)
class Diversity:
    """log of the distance to the nearest known or pending experiment: a maximin design, whatever the values. 1 is the
    distance of opposite corners. Johnson, Moore, Ylvisaker, J. Stat. Plan. Inference 26 (1990) 131,
    doi:10.1016/0378-3758(90)90122-B.
    """

    def worth(self, beliefs: Sequence[Belief], X: FloatArray, about: About) -> FloatArray:
        known = np.vstack([about.known, about.pending])
        if not len(known):
            return np.zeros(len(X))
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(distances(about.axes, X, known).min(axis=1)))


def _targets(about: About) -> list[int]:
    """The beliefs that the aims are about, each once."""
    return list(dict.fromkeys(aim.belief for aim in about.aims))


def _counts(places: FloatArray, rows: FloatArray) -> FloatArray:
    """How often each of the sorted, different places was measured."""
    return np.unique(rows, axis=0, return_counts=True)[1].astype(np.float64)
