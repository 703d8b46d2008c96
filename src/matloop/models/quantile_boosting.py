"""Quantile boosting: one boosting per quantile of the target; where the outer ones are far apart a value is noisy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import Arrays, FloatArray, nested, number, taken, under
from matloop.core.errors import BundleError
from matloop.models.family import FitTask, Uncertainty
from matloop.models.jackknife import drawn_counts
from matloop.models.lightgbm import LightGBMLearner, boost, from_boosters
from matloop.models.prepare import Preparation
from matloop.models.table_family import REGRESSION, Settings, TableFamily, log_uniform, one_of
from matloop.models.trees import Trees
from matloop.represent.table import Columns

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
_FEW = 10
_STRETCH = (0.3, 3.0)
"""what the width of the quantiles may be multiplied by: few rows out of the bag tell it"""


@dataclass(frozen=True, slots=True)
class QuantileTrees:
    """Boosted trees of several quantiles.

    levels : shape (n_levels,), ascending, inside (0, 1), one of them 0.5.
    trees : one output per level, and further ones: the median learnt from bootstraps of the rows.
    stretch : what the distance of the outer quantiles from the median is multiplied by.
    """

    kind: ClassVar[str] = "quantiles"
    levels: FloatArray
    trees: Trees
    stretch: float = 1.0

    @property
    def n_in(self) -> int:
        return self.trees.n_in

    @property
    def n_values(self) -> int:
        return 1

    def quantiles(self, Z: FloatArray) -> FloatArray:
        """The quantiles of each row, shape (n_rows, n_levels), never crossing."""
        return self._told(Z)[0]

    def values(self, Z: FloatArray) -> FloatArray:
        """The median, shape (n_rows, 1)."""
        return self.quantiles(Z)[:, [self._middle]]

    def values_and_uncertainty(self, Z: FloatArray) -> tuple[FloatArray, Uncertainty]:
        """The median; its standard deviation over the bootstraps; the standard deviation of the normal distribution
        that is nearest to the quantiles (least squares)."""
        from scipy.special import ndtri

        found, medians = self._told(Z)
        value, scores = found[:, [self._middle]], ndtri(self.levels)
        noise = ((found - value) @ scores) / (scores @ scores)
        epistemic = medians.std(axis=1) if medians.shape[1] else np.zeros(len(Z))
        return value, Uncertainty(epistemic, noise)

    @property
    def _middle(self) -> int:
        return int(np.abs(self.levels - 0.5).argmin())

    def _told(self, Z: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Quantiles, put in order (Chernozhukov, Fernandez-Val & Galichon 2010, doi:10.3982/ECTA7880), and medians of
        the bootstraps."""
        sums = self.trees.sums(Z)[:, 0]
        found = np.sort(sums[:, : len(self.levels)], axis=1)
        middle = found[:, [self._middle]]
        return middle + self.stretch * (found - middle), sums[:, len(self.levels) :]

    def to_arrays(self) -> Arrays:
        return {"levels": self.levels, "stretch": np.array(self.stretch), **nested("trees", self.trees.to_arrays())}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> QuantileTrees:
        levels, trees = taken(arrays, "levels").astype(np.float64), Trees.from_arrays(under("trees", arrays))
        ordered = len(levels) > 1 and bool((np.diff(levels) > 0).all()) and levels[0] > 0.0 and levels[-1] < 1.0
        one = trees.link == "identity" and trees.n_members == 1 and trees.n_raw >= len(levels)
        stretch = number(arrays, "stretch")
        if not ordered or not one or 0.5 not in levels or not 0.0 < stretch < np.inf:
            raise BundleError("the levels of quantile trees do not fit their outputs. The bundle is not trusted.")
        return cls(levels, trees, stretch)


@dataclass(frozen=True, slots=True)
class QuantileBoostingLearner:
    """Settings.

    rate : learning rate. leaves, leaf : largest number of leaves of a tree, smallest number of rows in a leaf; 0
    chooses by the number of rows. features, rows : share of columns (0 chooses) and of rows that a tree sees.
    l2 : penalty on leaf values. rounds : number of rounds; 0 chooses by learning rate.
    bags : bootstraps of the rows from which the median is learnt again; how far these differ is the epistemic part,
    which is zero without them.
    """

    rate: float = 0.0
    leaves: int = 0
    leaf: int = 0
    features: float = 0.0
    rows: float = 0.8
    l2: float = 1.0
    rounds: int = 0
    bags: int = 6
    loss: str = "auto"

    def learn(self, Z: FloatArray, y: FloatArray, weights: FloatArray, *, classes: int, seed: int) -> QuantileTrees:
        """Row weights count in every gradient."""
        data, bags = Z.astype(np.float32), drawn_counts(len(Z), self.bags, seed)
        texts = [self._boosted(data, y, weights, level, seed) for level in LEVELS]
        again = [self._boosted(data[n > 0], y[n > 0], (weights * n)[n > 0], 0.5, seed) for n in bags]
        found = _quantiles([*texts, *again], Z.shape[1])
        if not len(bags):
            return found
        # boosted quantiles of the rows that were learnt lie too near to them: rows out of the first bag tell how much
        drawn = bags[0]
        data, inside, counts = data[drawn > 0], y[drawn > 0], (weights * drawn)[drawn > 0]
        outer = [self._boosted(data, inside, counts, level, seed) if level != 0.5 else again[0] for level in LEVELS]
        out = (drawn == 0) & (weights > 0)
        return replace(found, stretch=_stretch(_quantiles(outer, Z.shape[1]), Z[out], y[out], weights[out]))

    def _boosted(self, data: NDArray[np.float32], y: FloatArray, weights: FloatArray, level: float, seed: int) -> str:
        """A boosting of one quantile, as LightGBM's text."""
        plain = self._plain()
        settings = plain.settings(len(data), data.shape[1], 0, seed % 2**31) | {"objective": "quantile", "alpha": level}
        if len(data) < _FEW:  # a share of one row is none
            settings |= {"bagging_fraction": 1.0, "bagging_freq": 0}
        # an outer quantile of fewer rows would be the largest of them
        smallest = min(int(np.ceil(0.5 / min(level, 1.0 - level))), len(data) // 4)
        settings["min_data_in_leaf"] = max(settings["min_data_in_leaf"], smallest)
        text: str = boost(data, y, weights, settings, plain.usual_rounds(settings["learning_rate"])).model_to_string()
        return text

    def _plain(self) -> LightGBMLearner:
        return LightGBMLearner(
            rounds=self.rounds, rate=self.rate, leaves=self.leaves, leaf=self.leaf, features=self.features,
            rows=self.rows, l2=self.l2,
        )  # fmt: skip


def _quantiles(texts: list[str], n_columns: int) -> QuantileTrees:
    none, places = (np.zeros(0), np.zeros(0)), [(0, column) for column in range(len(texts))]
    return QuantileTrees(np.array(LEVELS), from_boosters(texts, n_columns, 0, none, places))


def _stretch(found: QuantileTrees, Z: FloatArray, y: FloatArray, weights: FloatArray) -> float:
    """Root of squared errors over squared widths of rows that were not learnt."""
    if not len(Z):
        return 1.0
    value, unsure = found.values_and_uncertainty(Z)
    errors, widths = (float(weights @ one) for one in ((y - value[:, 0]) ** 2, unsure.aleatoric**2))
    return float(np.clip(np.sqrt(errors / widths), *_STRETCH)) if widths > 0 else 1.0


def _space(columns: Columns, task: FitTask, rng: np.random.Generator, number: int) -> Settings:
    if number == 0:
        return {}
    return {
        "rate": log_uniform(rng, 0.02, 0.1),
        "leaves": one_of(rng, 0, 7, 15, 31),
        "leaf": one_of(rng, 0, 0, 5, 20),
        "features": one_of(rng, 0.2, 0.35, 0.5, 0.8),
        "l2": log_uniform(rng, 0.01, 30.0),
    }


FAMILY = TableFamily(
    name="quantile_boosting",
    label="Quantile boosting",
    tasks=REGRESSION,
    citation="Koenker & Bassett, Econometrica 46 (1978) 33. doi:10.2307/1913643; Ke et al. (2017).",
    max_rows=200_000,
    learner=QuantileBoostingLearner,
    space=_space,
    losses=frozenset({"mae"}),
    preparation=Preparation(scaling="none", keep_missing=True, indicator_share=2.0),
    own_spread=True,
    by_name=True,
    cheap={"rounds": 40, "bags": 2},
)
