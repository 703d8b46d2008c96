"""What acquisitions for several objectives see of what is known: values by belief, chances, units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import log_ndtr, ndtri

from matloop.core.arrays import FloatArray
from matloop.design.contract import About, Aim, Belief

_LEAST = 1e-9
SAME = 1 - 1e-6
"""Rank correlation from which on two objectives are one."""


@dataclass(frozen=True, slots=True)
class Known:
    """Known and pending experiments as the beliefs see them, in units of the spread of each.

    X : shape (n, width). mean, std : shape (n, m), of the open aims. scale : shape (m,), the unit of each. met : shape
    (n,), chance that the aims with an end are met.
    """

    X: FloatArray
    mean: FloatArray
    std: FloatArray
    scale: FloatArray
    met: FloatArray


def open_aims(about: About) -> tuple[Aim, ...]:
    """The aims of which more is always better; of those that order everything known alike, the first one only."""
    aims = [aim for aim in about.aims if aim.is_open]
    kept: list[Aim] = []
    for aim in aims:
        twin = [about.values[other.belief] for other in kept]
        if not any(_one(about.values[aim.belief], values) for values in twin):
            kept.append(aim)
    return tuple(kept)


def without_limits(about: About) -> tuple[dict[int, float], About]:
    """Lower limits of open aims, {belief: limit}, and everything without the aims that say no more than these."""
    opened = {aim.belief for aim in about.aims if aim.is_open}
    limits: dict[int, float] = {}
    kept: list[Aim] = []
    for aim in about.aims:
        if aim.is_open or aim.belief not in opened or np.isfinite(aim.high):
            kept.append(aim)
        else:
            limits[aim.belief] = max(aim.low, limits.get(aim.belief, -np.inf))
    return limits, replace(about, aims=tuple(kept))


def closed_aims(about: About) -> tuple[Aim, ...]:
    return tuple(aim for aim in about.aims if not aim.is_open)


def _one(a: FloatArray, b: FloatArray) -> bool:
    return rank_correlation(a, b) > SAME


def rank_correlation(a: FloatArray, b: FloatArray) -> float:
    """Spearman's, of rows where both are known; 0 where fewer than five differ."""
    from scipy.stats import rankdata

    both = np.isfinite(a) & np.isfinite(b)
    a, b = a[both], b[both]
    if min(len(np.unique(a)), len(np.unique(b))) < 5:
        return 0.0
    return float(np.corrcoef(rankdata(a), rankdata(b))[0, 1])


def known_of(beliefs: Sequence[Belief], about: About, aims: Sequence[Aim]) -> Known:
    """Known experiments with at least one value, then the pending ones."""
    worked = np.isfinite(about.values).any(axis=0) if about.values.size else np.zeros(len(about.known), bool)
    parts = [about.known[worked]]
    if len(about.pending):
        parts.append(about.pending)
    X = np.vstack(parts)
    scale = np.array([spread(about.values[aim.belief]) for aim in aims])
    if not len(X):
        return Known(X, np.zeros((0, len(aims))), np.zeros((0, len(aims))), scale, np.zeros(0))
    found = [beliefs[aim.belief].predict(X) for aim in aims]
    mean = np.column_stack([m for m, _ in found]) / scale
    std = np.column_stack([s for _, s in found]) / scale
    return Known(X, mean, std, scale, np.exp(log_met(beliefs, X, about)))


def spread(values: FloatArray) -> float:
    """Standard deviation of known values; 1 where they are equal, or fewer than two."""
    known = values[np.isfinite(values)]
    return float(known.std()) or 1.0 if len(known) > 1 else 1.0


def log_met(beliefs: Sequence[Belief], X: FloatArray, about: About) -> FloatArray:
    """log of the chance that all aims with an end are met, shape (n,); 0 where there is none."""
    total = np.zeros(len(X))
    for aim in closed_aims(about):
        mean, std = beliefs[aim.belief].predict(X)
        total = total + log_inside(mean, np.maximum(std, _LEAST * spread(about.values[aim.belief])), aim.low, aim.high)
    return total


def log_inside(mean: FloatArray, std: FloatArray, low: float, high: float) -> FloatArray:
    """log of the chance that a normal value is from `low` to `high`, also far outside; shape (n,)."""
    upper, lower = (high - mean) / std, (low - mean) / std
    swap = lower > 0  # the difference of two tails on the side where both are small
    upper, lower = np.where(swap, -lower, upper), np.where(swap, -upper, lower)
    a, b = log_ndtr(upper), log_ndtr(lower)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.isneginf(b), a, a + np.log1p(-np.exp(np.minimum(b - a, -1e-300))))


def normals(n: int, width: int, seed: int) -> FloatArray:
    """Standard normal numbers that fill space evenly (scrambled Sobol), shape (n, width)."""
    from scipy.stats import qmc

    power = int(np.ceil(np.log2(max(n, 2))))
    even = qmc.Sobol(width, seed=np.random.default_rng(seed)).random_base2(power)[:n]
    return np.asarray(ndtri(np.clip(even, 1e-9, 1 - 1e-9)), np.float64)
