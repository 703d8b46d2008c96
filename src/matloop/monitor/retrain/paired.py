"""Two models on the same rows: how much better the second is, with a paired interval and a test, groups kept whole."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import FloatArray, IntArray
from matloop.evaluate.resample import group_weights
from matloop.metrics.estimate import Estimate
from matloop.metrics.metric import Metric, Scored

DRAWS = 2000
"""Swaps for the test."""
ORDERED_DRAWS = 400
"""Swaps and resamples for a metric of the order of rows, which costs a sort per draw."""
CHUNK = 2_000_000
MIN_GROUPS = 5
"""With fewer independent groups there is neither interval nor test."""

Score = Callable[[FloatArray, FloatArray], FloatArray]
"""From how often each group counts with the predictions of the first and of the second model, both (B, n_groups), to
the score (B,)."""


@dataclass(frozen=True, slots=True)
class Paired:
    """One score of champion and challenger on the same rows.

    gain : how much better the challenger is (> 0), in the unit of the score, with the 95 % interval of paired resamples
    of whole groups. p_better, p_worse : one-sided, of the hypothesis that both are alike (predictions of whole groups
    swapped between the models); 1 where there is no test.
    """

    score: str
    champion: Estimate
    challenger: Estimate
    gain: Estimate
    p_better: float
    p_worse: float
    n_rows: int
    n_groups: int

    @property
    def known(self) -> bool:
        """Whether there is a gain at all."""
        return math.isfinite(self.gain.value)


def paired_metric(metric: Metric, champion: Scored, challenger: Scored, groups: NDArray, *, seed: int) -> Paired:
    """A metric of the library.

    Parameters
    ----------
    champion, challenger : the same n rows in the same order. groups : shape (n,), rows that belong together.
    """
    group = _index(groups)
    n_groups = int(group.max(initial=-1)) + 1
    if not n_groups:
        return _nothing(metric.name)
    if metric.sums is not None and metric.of_sums is not None:
        of, sums = metric.of_sums, metric.sums
        first, second = (_summed(sums(one), group, n_groups) for one in (champion, challenger))
        score: Score = lambda a, b: of(a @ first + b @ second, champion)  # noqa: E731
        draws = DRAWS
    else:
        score, draws = _ordered(metric, champion, challenger, group), ORDERED_DRAWS
    return _paired(metric.name, score, len(champion), n_groups, greater=metric.greater_is_better, seed=seed,
                   draws=draws)  # fmt: skip


def paired_mean(
    name: str, champion: FloatArray, challenger: FloatArray, groups: NDArray, *, greater: bool = False, seed: int
) -> Paired:
    """The mean of a number per row, such as an absolute error; `greater` where more is better."""
    group = _index(groups)
    n_groups = int(group.max(initial=-1)) + 1
    if not n_groups:
        return _nothing(name)
    count = np.bincount(group, minlength=n_groups).astype(np.float64)
    first, second = (np.bincount(group, weights=one, minlength=n_groups) for one in (champion, challenger))

    def score(a: FloatArray, b: FloatArray) -> FloatArray:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray((a @ first + b @ second) / ((a + b) @ count))

    return _paired(name, score, len(champion), n_groups, greater=greater, seed=seed, draws=DRAWS)


def _paired(name: str, score: Score, n: int, n_groups: int, *, greater: bool, seed: int, draws: int) -> Paired:
    """Interval by resampling groups, test by swapping the models' predictions of whole groups.

    References
    ----------
    Field & Welsh, J. R. Stat. Soc. B 69 (2007) 369 (resampling of whole groups). doi:10.1111/j.1467-9868.2007.00593.x
    Fisher, The Design of Experiments (1935), section 21 (the test).
    """
    sign = 1.0 if greater else -1.0
    one, none = np.ones((1, n_groups)), np.zeros((1, n_groups))
    first, second = float(score(one, none)[0]), float(score(none, one)[0])
    gain = sign * (second - first)
    if n_groups < MIN_GROUPS or not math.isfinite(gain):
        a, b, c = (Estimate(value, math.nan, math.nan) for value in (first, second, gain))
        return Paired(name, a, b, c, 1.0, 1.0, n, n_groups)
    picks, turns = _draws(n_groups, seed, draws)
    drawn, swapped = [], []
    size = max(1, CHUNK // n_groups)
    for start in range(0, len(turns), size):
        turned = turns[start : start + size].astype(np.float64)
        swapped.append(sign * (score(turned, 1.0 - turned) - score(1.0 - turned, turned)))
    for start in range(0, len(picks), size):
        picked = picks[start : start + size].astype(np.float64)
        drawn.append(np.stack([score(picked, np.zeros_like(picked)), score(np.zeros_like(picked), picked)]))
    both, null = np.concatenate(drawn, axis=1), np.concatenate(swapped)
    slack = 1e-12 * max(abs(first), abs(second), abs(gain))
    p_better = (1.0 + float((null >= gain - slack).sum())) / (len(null) + 1.0)
    p_worse = (1.0 + float((null <= gain + slack).sum())) / (len(null) + 1.0)
    before, after = Estimate(first, *_ends(both[0])), Estimate(second, *_ends(both[1]))
    step = Estimate(gain, *_ends(sign * (both[1] - both[0])))
    return Paired(name, before, after, step, p_better, p_worse, n, n_groups)


def _ordered(metric: Metric, champion: Scored, challenger: Scored, group: IntArray) -> Score:
    """For a metric that depends on the order of rows: both models' rows one below the other, weighted."""
    assert metric.of_weights is not None
    of, n = metric.of_weights, len(champion)
    stacked = Scored(
        np.concatenate([champion.y, challenger.y]), np.concatenate([champion.value, challenger.value]),
        np.concatenate([champion.proba, challenger.proba]), champion.n_classes, champion.positive, champion.top_k,
    )  # fmt: skip

    def score(a: FloatArray, b: FloatArray) -> FloatArray:
        step = max(1, CHUNK // max(n, 1))
        parts = [
            of(stacked, np.concatenate([a[i : i + step][:, group], b[i : i + step][:, group]], axis=1))
            for i in range(0, len(a), step)
        ]
        return np.concatenate(parts)

    return score


@lru_cache(maxsize=2)
def _draws(n_groups: int, seed: int, draws: int) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """How often each group is drawn in each resample (fewer resamples of many groups), and which groups are swapped;
    kept, as all scores on the same rows share them."""
    picks = group_weights(n_groups, seed, draws if draws == ORDERED_DRAWS else None)
    turns = np.random.default_rng(seed).integers(0, 2, (draws, n_groups), dtype=np.int8)
    return picks, turns


def _index(groups: NDArray) -> IntArray:
    return np.unique(np.asarray(groups), return_inverse=True)[1].astype(np.int64).reshape(-1)


def _summed(terms: FloatArray, group: IntArray, n_groups: int) -> FloatArray:
    return np.stack([np.bincount(group, weights=column, minlength=n_groups) for column in terms.T], axis=1)


def _ends(values: FloatArray) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if len(known) < len(values) // 2:
        return math.nan, math.nan
    low, high = np.quantile(known, [0.025, 0.975])
    return float(low), float(high)


def _nothing(name: str) -> Paired:
    unknown = Estimate(math.nan, math.nan, math.nan)
    return Paired(name, unknown, unknown, unknown, 1.0, 1.0, 0, 0)
