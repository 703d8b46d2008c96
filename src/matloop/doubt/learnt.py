"""Conformalised quantiles, and the intervals that matloop gives its own models, as methods for any model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import Arrays, FloatArray
from matloop.doubt.conformal import Doubt, doubt_of
from matloop.doubt.learn import TREE_ROWS, Seen, learn_intervals
from matloop.doubt.methods import Asked, IntervalMethod, Known
from matloop.doubt.prediction import OutOfFold
from matloop.split.folds import make_folds


@dataclass(frozen=True, slots=True)
class LearntIntervals:
    """A `Doubt` as a method."""

    doubt: Doubt

    def ends(self, asked: Asked) -> tuple[FloatArray, FloatArray]:
        """See `Doubt.apply`."""
        low, high, _, _ = self.doubt.apply(asked.value, asked.spread, np.empty((len(asked), 0)), asked.X)
        return low, high

    def to_arrays(self) -> Arrays:
        return self.doubt.to_arrays()


def _learn(known: Known, level: float, seed: int, only: str) -> LearntIntervals:
    n = len(known)
    oof = OutOfFold(known.value, known.spread, np.empty((n, 0)), known.fold)
    n_groups = len(np.unique(known.groups))
    part = np.zeros(n, dtype=np.int64)
    if n_groups > 1:
        part = make_folds(known.y, known.groups, n_folds=min(5, n_groups), seed=seed, task="regression")
    seen = Seen(oof, known.X, known.y, known.groups, part)
    learnt = learn_intervals(seen, level=level, seed=seed, cost="full", growth=known.growth, only=only)
    return LearntIntervals(doubt_of(learnt, level, known.X.shape[1]))


def _fit_quantile(known: Known, level: float, seed: int) -> LearntIntervals:
    return _learn(known, level, seed, "trees")


def _fit_chosen(known: Known, level: float, seed: int) -> LearntIntervals:
    return _learn(known, level, seed, "")


def _read(arrays: Arrays) -> LearntIntervals:
    return LearntIntervals(Doubt.from_arrays(arrays))


QUANTILE = IntervalMethod(
    "quantile",
    "conformalised quantiles of boosted trees",
    _fit_quantile,
    _read,
    f"about the level, in narrow and wide intervals alike; fewer than {TREE_ROWS} rows: one width or by the spread",
    "Romano, Patterson & Candes (2019). doi:10.48550/arXiv.1905.03222",
    needs="features",
)
CHOSEN = IntervalMethod(
    "chosen",
    "the best of one width, by the spread, and boosted trees; narrower for more rows, wider outside",
    _fit_chosen,
    _read,
    "about the level, in narrow and wide intervals alike",
    "Bostrom & Johansson (2020), PMLR 128, 114; Romano et al. (2019). doi:10.48550/arXiv.1905.03222",
    needs="features",
)
