"""Many variables that act through few combinations: a linear map to few dimensions, learnt, then a process there."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import ConfigError
from matloop.design.contract import Axes, Belief
from matloop.design.surrogates.average import told_so
from matloop.design.surrogates.directions import directions
from matloop.design.surrogates.gp import GaussianProcess
from matloop.design.surrogates.measured import check_own, check_points, standardised

_TRIED = (1, 2, 3)
_FOLDS = 3
_CLEARLY = 0.1
"""logarithm of density per row"""


@dataclass(frozen=True, slots=True)
class LinearMap:
    """Encoded points times directions. codes : for each categorical column its known codes; a new one is none of them.
    directions : shape (n_expanded, n_kept), of numbers and indicators of codes. middle, reach : of mapped rows."""

    axes: Axes
    codes: tuple[FloatArray, ...]
    directions: FloatArray
    middle: FloatArray
    reach: FloatArray

    def __call__(self, X: FloatArray) -> FloatArray:
        """Shape (n, n_kept), about 0 to 1 for rows like the known ones."""
        return (expanded(self.axes, self.codes, X) @ self.directions - self.middle) / self.reach + 0.5


@dataclass(frozen=True, slots=True)
class Mapped:
    """A belief about mapped points."""

    map: LinearMap
    belief: Belief
    words: str

    @property
    def noise(self) -> float:
        """Standard deviation of a repeated measurement."""
        return self.belief.noise

    def predict(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation without the noise of a measurement, each shape (n,)."""
        return self.belief.predict(self._at(X))

    def joint(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean, shape (n,), and covariance, shape (n, n)."""
        return self.belief.joint(self._at(X))

    def draw(self, X: FloatArray, n: int, seed: int) -> FloatArray:
        """Joint samples, shape (n, len(X))."""
        return self.belief.draw(self._at(X), n, seed)

    def believing(self, X: FloatArray, y: FloatArray) -> Mapped:
        """As if these had been measured too; the map stays."""
        return replace(self, belief=self.belief.believing(self._at(X), y))

    def _at(self, X: FloatArray) -> FloatArray:
        return self.map(check_points(self.map.axes, X))


@dataclass(frozen=True, slots=True)
class LearntMap:
    """Settings.

    dimensions : of the map; None: 1, 2 or 3, whichever foresees left-out rows best, the map learnt without them. Each
    is tried with directions of partial least squares (Bouhlel et al. 2016, doi:10.1007/s00158-015-1395-9) and with
    those of the largest evidence (Garnett et al. 2014, doi:10.48550/arXiv.1310.6740); where none foresees better than
    the usual process, that is taken. Random directions (REMBO, Wang et al. 2016, doi:10.1613/jair.4806) know nothing of
    the values.
    """

    axes: Axes
    dimensions: int | None = None

    def fit(
        self,
        X: FloatArray,
        y: FloatArray,
        *,
        seed: int,
        noise: FloatArray | None = None,
        task: IntArray | None = None,
    ) -> Belief:
        """Learn from the rows of task 0; those of other tasks are left out."""
        X, y, errors, _ = check_own(self.axes, X, y, noise, task)
        errors = np.where(errors > 0, errors, np.nan)
        most = len(expanded(self.axes, codes_of(self.axes, X), X[:1])[0])
        sizes = _TRIED if self.dimensions is None else (self.dimensions,)
        tried = [(k, refined) for k in sizes if k <= min(most, max(1, len(y) // 4)) for refined in (False, True)]
        usual = [(0, False)] if self.dimensions is None else []
        k, refined = self._best(X, y, errors, usual + (tried or [(1, False)]), seed)
        return self._learnt(X, y, errors, k, refined, seed)

    def _learnt(self, X: FloatArray, y: FloatArray, errors: FloatArray, k: int, refined: bool, seed: int) -> Belief:
        if not k:
            usual = GaussianProcess(self.axes).fit(X, y, seed=seed, noise=errors)
            return told_so(usual, f"{usual.words}; no map to fewer dimensions foresees better")
        z = standardised(y, np.zeros(len(y), np.int64))[0]
        found = learn_map(self.axes, X, z, k, refined=refined)
        k = found.directions.shape[1]
        axes = Axes(tuple(f"direction {j + 1}" for j in range(k)), np.zeros(k, bool), np.arange(k))
        belief = GaussianProcess(axes).fit(found(X), y, seed=seed, noise=errors)
        names = ", ".join(name for name, _ in leading(found))
        told = f"{belief.words}; mapped to {k} of {len(self.axes.names)} dimensions, the first mostly of {names}"
        return Mapped(found, belief, told)

    def _best(
        self, X: FloatArray, y: FloatArray, errors: FloatArray, tried: list[tuple[int, bool]], seed: int
    ) -> tuple[int, bool]:
        """Dimensions and directions with the best density of left-out rows; the first, if none is clearly better."""
        if len(tried) == 1 or len(y) < 2 * _FOLDS:
            return tried[0]
        fold = np.random.default_rng([seed, 17]).permutation(len(y)) % _FOLDS
        density = np.zeros(len(tried))
        for f in range(_FOLDS):
            kept, out = fold != f, fold == f
            for place, (k, refined) in enumerate(tried):
                belief = self._learnt(X[kept], y[kept], errors[kept], k, refined, seed)
                mean, std = belief.predict(X[out])
                wide = np.hypot(std, belief.noise)
                density[place] += float((-0.5 * ((y[out] - mean) / wide) ** 2 - np.log(wide)).sum())
        best = int(density.argmax())
        return tried[best] if density[best] > density[0] + _CLEARLY * len(y) else tried[0]


def codes_of(axes: Axes, X: FloatArray) -> tuple[FloatArray, ...]:
    """The codes of each categorical column."""
    return tuple(np.unique(X[:, column]) for column in np.flatnonzero(axes.categorical))


def expanded(axes: Axes, codes: tuple[FloatArray, ...], X: FloatArray) -> FloatArray:
    """Numbers around the middle of their range, and an indicator for each known code."""
    words = [X[:, c, None] == known for c, known in zip(np.flatnonzero(axes.categorical), codes, strict=True)]
    return np.hstack([X[:, ~axes.categorical] - 0.5, *(np.sqrt(0.5) * each for each in words)])


def learn_map(axes: Axes, X: FloatArray, y: FloatArray, k: int, *, refined: bool) -> LinearMap:
    """The map to `k` dimensions, or to fewer where the values do not need as many."""
    codes = codes_of(axes, X)
    Z = expanded(axes, codes, X)
    found = directions(Z, y, k, refined=refined)
    mapped = Z @ found
    low, high = mapped.min(axis=0), mapped.max(axis=0)
    reach = np.where(high - low > 1e-9, high - low, 1.0)
    return LinearMap(axes, codes, found, 0.5 * (low + high), reach)


def leading(found: LinearMap, n: int = 3) -> list[tuple[str, float]]:
    """Names of what makes up most of the first direction, with their shares."""
    axes = found.axes
    names = [axes.names[c] for c in np.flatnonzero(~axes.categorical)]
    for column, codes in zip(np.flatnonzero(axes.categorical), found.codes, strict=True):
        names += [axes.names[column]] * len(codes)
    order = np.argsort(-np.abs(found.directions[:, 0]), kind="stable")[:n]
    return [(names[j], float(found.directions[j, 0])) for j in order]


def make(axes: Axes, *, dimensions: int | None = None) -> LearntMap:
    """`LearntMap` with a checked setting.

    Raises
    ------
    ConfigError : fewer than one dimension.
    """
    if dimensions is not None and dimensions < 1:
        raise ConfigError(f"learnt map: dimensions = {dimensions}, must be at least 1.")
    return LearntMap(axes, dimensions)
