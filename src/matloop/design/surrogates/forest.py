"""Extremely randomised trees on bootstraps: quick, at home with words, steps and plateaus, and never far off the values
it has seen.

Geurts, Ernst & Wehenkel, Mach. Learn. 63 (2006) 3. doi:10.1007/s10994-006-6226-1; as surrogate: Hutter, Hoos &
Leyton-Brown, LION 5 (2011) 507. doi:10.1007/978-3-642-25566-3_40
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import ConfigError
from matloop.design.contract import Axes
from matloop.design.surrogates.likeness import onehot, words_in
from matloop.design.surrogates.measured import check_points, spread_of
from matloop.design.surrogates.members import Calibration, Ensemble, calibrated, ensemble
from matloop.design.surrogates.rows import own_rows
from matloop.models.forests import from_forest
from matloop.models.trees import Trees

_FEW = 4
"""rows with which nothing can be held out"""


def make(
    axes: Axes, *, trees: int = 100, leaf: int = 1, rising: tuple[str, ...] = (), falling: tuple[str, ...] = ()
) -> Forest:
    """A forest surrogate.

    Parameters
    ----------
    trees : how many. leaf : fewest rows in a leaf.
    rising, falling : columns of numbers with which the value can only go up, or down; every tree keeps to it.

    Raises
    ------
    ConfigError : a number is too small, or a column does not exist or is a word.
    """
    if trees < 10 or leaf < 1:
        raise ConfigError(f"a forest of {trees} trees with {leaf} rows in a leaf; needs 10 or more, and 1 or more.")
    return Forest(axes, trees, leaf, directions(axes, rising, falling))


def directions(axes: Axes, rising: tuple[str, ...], falling: tuple[str, ...]) -> tuple[int, ...]:
    """+1, -1 or 0 for each column."""
    found = dict.fromkeys(axes.names, 0)
    for sign, names in ((1, rising), (-1, falling)):
        for name in names:
            if name not in found or bool(axes.categorical[axes.names.index(name)]):
                numbers = [n for n, word in zip(axes.names, axes.categorical, strict=True) if not word]
                raise ConfigError(
                    f"{name!r} cannot rise or fall: it is no column of numbers. Known: {', '.join(numbers)}."
                )
            if found[name]:
                raise ConfigError(f"{name!r} is said to rise and to fall. Give it once.")
            found[name] = sign
    return tuple(found[name] for name in axes.names)


@dataclass(frozen=True, slots=True)
class Forest:
    """See `make`; direction : per column, +1 or -1 where the value only rises or falls along it."""

    axes: Axes
    trees: int = 100
    leaf: int = 1
    direction: tuple[int, ...] = ()

    def turned(self, sign: float) -> Forest:
        """For values that are `sign` times the user's: what rises then falls."""
        return replace(self, direction=tuple(int(sign) * d for d in self.direction))

    def fit(
        self, X: FloatArray, y: FloatArray, *, seed: int, noise: FloatArray | None = None, task: IntArray | None = None
    ) -> Ensemble:
        """Learn; the spread of trees is stretched, and noise told apart, by rows out of each tree's bag."""
        rows = own_rows(self.axes, X, y, noise, task)
        words = words_in(rows.X, self.axes)
        Z = onehot(rows.X, self.axes, words)
        centre, scale = float(rows.y.mean()), spread_of(rows.y)
        monotone = np.zeros(Z.shape[1], np.int64)
        numbers = np.array(self.direction or (0,) * self.axes.width)[~self.axes.categorical]
        monotone[: len(numbers)] = numbers
        grown, drawn = _grow(Z, (rows.y - centre) / scale, self, monotone, seed)
        flat = from_forest([tree.tree_ for tree in grown], Z.shape[1], 0)
        leaves, means = flat.leaf_of(Z), centre + scale * flat.value[:, 0].astype(np.float64)
        known = float(np.sqrt(np.nanmean(rows.noises))) if np.isfinite(rows.noises).any() else 0.0
        calibration = Calibration(1.0, max(known, 0.1 * scale))
        if len(rows.y) >= _FEW:
            calibration = _out_of_bag(means[leaves + flat.leaves[:-1]], rows.y, drawn, max(known, 1e-3 * scale))
        counts = _leaf_counts(flat, leaves, drawn)
        members = GrownTrees(self.axes, words, flat, counts, means)
        label = f"{self.trees} trees on {len(rows.y)} rows{rows.told}"
        return ensemble(members, calibration, rows.X, rows.y, label)


@dataclass(frozen=True, slots=True)
class GrownTrees:
    """Trees with the mean of each leaf and the number of draws that made it; a new row moves the leaves it falls in."""

    axes: Axes
    words: tuple[int, ...]
    trees: Trees
    counts: FloatArray
    means: FloatArray

    def each(self, X: FloatArray) -> FloatArray:
        return self.means[self._places(X)]

    def own(self, X: FloatArray) -> FloatArray:
        return np.zeros(len(X))

    def seeing(self, X: FloatArray, y: FloatArray) -> GrownTrees:
        places = self._places(X)
        counts, sums = self.counts.copy(), self.means * self.counts
        np.add.at(counts, places, 1.0)
        np.add.at(sums, places, np.broadcast_to(y[:, None], places.shape))
        return replace(self, counts=counts, means=sums / counts)

    def _places(self, X: FloatArray) -> IntArray:
        Z = onehot(check_points(self.axes, X), self.axes, self.words)
        return self.trees.leaf_of(Z) + self.trees.leaves[:-1]


def _grow(Z: Any, y: FloatArray, how: Forest, monotone: IntArray, seed: int) -> tuple[list[Any], list[IntArray]]:
    from sklearn.ensemble import ExtraTreesRegressor

    forest = ExtraTreesRegressor(
        n_estimators=how.trees, min_samples_leaf=how.leaf, bootstrap=True, n_jobs=1, random_state=seed % 2**32,
        monotonic_cst=monotone if monotone.any() else None,
    )  # fmt: skip
    forest.fit(Z.astype(np.float32), y)
    return list(forest.estimators_), list(forest.estimators_samples_)


def _out_of_bag(said: FloatArray, y: FloatArray, drawn: list[IntArray], floor: float) -> Calibration:
    unseen = np.ones(said.shape, bool)
    for tree, rows in enumerate(drawn):
        unseen[rows, tree] = False
    many = unseen.sum(axis=1)
    good = many > 2
    if not good.any():
        return Calibration(1.0, floor)
    said, unseen, many = said[good], unseen[good], many[good]
    mean = (said * unseen).sum(axis=1) / many
    variance = (((said - mean[:, None]) ** 2) * unseen).sum(axis=1) / (many - 1)
    return calibrated(y[good] - mean, variance, floor)


def _leaf_counts(trees: Trees, leaves: IntArray, drawn: list[IntArray]) -> FloatArray:
    """Draws in each leaf; at least one, also where rounding of thresholds moved a row."""
    counts = np.zeros(len(trees.value))
    for tree, rows in enumerate(drawn):
        np.add.at(counts, leaves[rows, tree] + trees.leaves[tree], 1.0)
    return np.maximum(counts, 1.0)
