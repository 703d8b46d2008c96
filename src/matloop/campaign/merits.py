"""How well a way to choose experiments did over many seeds: curves, factors over chance, intervals, paired tests.

Everything is counted in experiments. Arrays of seeds have shape (n_seeds, n_experiments); more is always better.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.core.errors import DataError
from matloop.evaluate.multiple import adjusted
from matloop.metrics.estimate import Estimate

RESAMPLES = 2000
EXACT_UP_TO = 12
"""Seeds up to which all signs are tried in a paired test; beyond, 20,000 are drawn."""
DRAWN = 20_000


def best_so_far(worth: FloatArray) -> FloatArray:
    """The best worth among the experiments made until each; experiments without one (NaN, -inf) do not count."""
    return np.asarray(np.maximum.accumulate(np.where(np.isnan(worth), -np.inf, worth), axis=1))


def top_designs(worth: FloatArray, share: float = 0.05) -> BoolArray:
    """The best `share` of the designs, at least one; all that are as good as the last of them are among them.

    worth : shape (n_designs,); -inf is never among the best.
    """
    n_top = max(round(share * len(worth)), 1)
    limit = np.sort(worth)[::-1][n_top - 1]
    return np.asarray((worth >= limit) & np.isfinite(worth))


def found_share(rows: IntArray, is_top: BoolArray) -> FloatArray:
    """Share of the top designs that were tried until each experiment; shape (n_seeds, n).

    rows : shape (n_seeds, n), which design was tried; -1 where none was (the domain was used up). A design that is
    tried again counts once.
    """
    shares = np.zeros(rows.shape)
    for seed, tried in enumerate(rows):
        first = np.zeros(len(tried), dtype=bool)
        first[np.unique(tried, return_index=True)[1]] = True
        shares[seed] = np.cumsum(first & (tried >= 0) & is_top[tried])
    return shares / max(int(is_top.sum()), 1)


def experiments_to(curves: FloatArray, level: float) -> FloatArray:
    """After how many experiments each seed's curve reached `level`; infinite where it never did. Shape (n_seeds,)."""
    reached = curves >= level - 1e-12
    return np.where(reached.any(axis=1), reached.argmax(axis=1) + 1.0, np.inf)


def chance_needs(n_designs: int, n_top: int, share: float) -> Estimate:
    """How many experiments random choice needs to find a `share` of the top designs: median and the middle 95 %.

    Drawing without putting back: P(at most i draws) = P(at least k of the top among i), hypergeometric.
    """
    from scipy.stats import hypergeom

    k = max(int(np.ceil(share * n_top - 1e-9)), 1)
    draws = np.arange(1, n_designs + 1)
    done = hypergeom.sf(k - 1, n_designs, n_top, draws)
    middle, low, high = (float(draws[min(int(np.searchsorted(done, q)), n_designs - 1)]) for q in (0.5, 0.025, 0.975))
    return Estimate(middle, low, high)


def enhancement(shares: FloatArray, n_designs: int, *, seed: int = 0) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Enhancement factor after each experiment: share of the top found over the share that chance finds, i / n.

    Returns mean over the seeds and its 95 % interval (bootstrap over seeds), each shape (n,).

    References
    ----------
    Liang et al., npj Comput. Mater. 7 (2021) 188. doi:10.1038/s41524-021-00656-9
    """
    chance = np.minimum(np.arange(1, shares.shape[1] + 1) / n_designs, 1.0)
    return curve_interval(shares / chance, seed=seed)


def acceleration(shares: FloatArray, level: float, n_designs: int, *, seed: int = 0) -> Estimate:
    """Acceleration factor: experiments that chance needs on average to find a share `level` of the top (`level` times
    the number of designs), over those that were needed (median of the seeds, with its bootstrap interval).

    Zero stands for seeds that never got there.

    References
    ----------
    Liang et al., npj Comput. Mater. 7 (2021) 188. doi:10.1038/s41524-021-00656-9
    """
    return median_interval(level * n_designs / experiments_to(shares, level), seed=seed)


def curve_interval(curves: FloatArray, *, seed: int = 0) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean over the seeds and its 95 % interval (percentile bootstrap over seeds), each shape (n,)."""
    mean = curves.mean(axis=0)
    if len(curves) < 2:
        return mean, np.full_like(mean, np.nan), np.full_like(mean, np.nan)
    weights = np.random.default_rng(seed).multinomial(len(curves), np.full(len(curves), 1 / len(curves)), RESAMPLES)
    resampled = weights @ curves / len(curves)
    low, high = np.quantile(resampled, [0.025, 0.975], axis=0)
    return mean, low, high


def mean_interval(values: FloatArray, *, seed: int = 0) -> Estimate:
    """Mean over the seeds with its 95 % interval (percentile bootstrap); values shape (n_seeds,)."""
    mean, low, high = curve_interval(np.asarray(values, float)[:, None], seed=seed)
    return Estimate(float(mean[0]), float(low[0]), float(high[0]))


def median_interval(values: FloatArray, *, seed: int = 0) -> Estimate:
    """Median over the seeds with its 95 % interval (percentile bootstrap); infinite values are kept as such."""
    values = np.sort(np.asarray(values, dtype=float))
    n = len(values)
    if n < 2:
        return Estimate(float(values[0]), float("nan"), float("nan"))
    drawn = np.sort(np.random.default_rng(seed).integers(n, size=(RESAMPLES, n)), axis=1)
    middles = np.sort(_middle(values, drawn[:, (n - 1) // 2], drawn[:, n // 2]))
    low, high = middles[int(0.025 * RESAMPLES)], middles[int(0.975 * RESAMPLES) - 1]
    return Estimate(float(_middle(values, np.array([(n - 1) // 2]), np.array([n // 2]))[0]), float(low), float(high))


def _middle(values: FloatArray, below: IntArray, above: IntArray) -> FloatArray:
    """Mean of two of the sorted values; infinite where one of them is."""
    return np.asarray(0.5 * values[below] + 0.5 * values[above])


@dataclass(frozen=True, slots=True)
class Comparison:
    """One strategy beside another, seed by seed.

    difference : mean of (name - against). wins : share of the seeds in which `name` is better, ties as half.
    p_value : paired permutation test; p_holm : corrected for all comparisons made together.
    """

    name: str
    against: str
    difference: Estimate
    wins: float
    p_value: float
    p_holm: float


def paired_p(differences: FloatArray, *, seed: int = 0) -> float:
    """Two-sided p-value of a mean difference of zero, by turning the signs of the pairs (exact up to 12 pairs).

    References
    ----------
    Fisher, The Design of Experiments (1935), section 21.
    """
    d = np.asarray(differences, dtype=float)
    if not len(d) or not np.isfinite(d).all():
        return float("nan")
    if len(d) <= EXACT_UP_TO:
        signs = np.array(list(itertools.product((1.0, -1.0), repeat=len(d))))
        return float((np.abs(signs @ d) >= abs(d.sum()) - 1e-12 * np.abs(d).sum()).mean())
    signs = np.random.default_rng(seed).choice([1.0, -1.0], size=(DRAWN, len(d)))
    beyond = int((np.abs(signs @ d) >= abs(d.sum()) - 1e-12 * np.abs(d).sum()).sum())
    return (beyond + 1) / (DRAWN + 1)


def compare(scores: Mapping[str, FloatArray], against: str, *, seed: int = 0) -> tuple[Comparison, ...]:
    """Each of `scores` beside `against`, paired by seed, with p-values corrected by Holm.

    Parameters
    ----------
    scores : {name: shape (n_seeds,)}, the same seeds in the same order; more is better.

    Raises
    ------
    DataError : `against` is not among them, or they are not equally many.
    """
    if against not in scores:
        raise DataError(f"there are no scores of {against!r}. There are: {', '.join(scores)}.")
    if len({len(one) for one in scores.values()}) > 1:
        raise DataError("scores are compared seed by seed: all must have the same seeds.")
    others = [name for name in scores if name != against]
    differences = [np.asarray(scores[name], float) - np.asarray(scores[against], float) for name in others]
    p_values = [paired_p(d, seed=seed) for d in differences]
    holm = adjusted(p_values)
    return tuple(
        Comparison(name, against, mean_interval(d, seed=seed), float(((d > 0) + 0.5 * (d == 0)).mean()), p, float(q))
        for name, d, p, q in zip(others, differences, p_values, holm, strict=True)
    )


def mean_ranks(scores: Mapping[str, FloatArray]) -> dict[str, float]:
    """Mean over the seeds of the rank of each (1 is the best; ties share theirs)."""
    from scipy.stats import rankdata

    ranks = rankdata(-np.array([np.asarray(one, float) for one in scores.values()]), axis=0)
    return {name: float(rank.mean()) for name, rank in zip(scores, ranks, strict=True)}
