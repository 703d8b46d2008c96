"""Tests that may be looked at after every observation: however often, and whenever, one looks, the false-alarm rate
holds.

A gambler bets that observations in [0, 1] are larger than a claimed mean m, at odds that are fair or worse if the
claim holds: the capital after t of them is the product of 1 + bet (x - m), and by Ville's inequality it ever exceeds
1/alpha with probability alpha at most. Bets are spread over a grid, and over the moments at which one starts to bet, so
that a change after a thousand good observations is found too; all are sums of products that share their logarithms.

References
----------
Waudby-Smith & Ramdas, J. R. Stat. Soc. B 86 (2024) 1. doi:10.1093/jrsssb/qkad009 (capital, confidence sequences).
Shin, Ramdas & Rinaldo, New Engl. J. Stat. Data Sci. 2 (2024) 229. doi:10.51387/23-NEJSDS51 (bets started at any time).
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv, stdtrit

from matloop.core.arrays import FloatArray, IntArray, frozen

BETS = np.geomspace(0.05, 0.9, 8)
"""Shares of the capital that are at risk: bet = share / m."""
POWERS = (0.5, 0.6, 0.7, 0.8, 0.9)
"""Bets on ranks: a (1 - u)^(a - 1), for errors that grew in proportion."""
LOOKS = 200
"""Moments for which a confidence sequence is worked out; between them it stands as it was."""
GRID = 200
"""Means that are tried for a confidence bound."""
_FLAT = 1e-6


@dataclass(frozen=True, slots=True)
class Test:
    """What came of betting that the mean is above `null`.

    n : observations. at : after how many the capital first exceeded 1/alpha; None while it has not. log_capital : (n,)
    natural logarithm of the capital after each. null, alpha : the claim, and how often a true one is given up.
    """

    null: float
    alpha: float
    log_capital: FloatArray
    at: int | None

    @property
    def n(self) -> int:
        return len(self.log_capital)

    @property
    def p(self) -> float:
        """A p value that holds at any time: the inverse of the largest capital so far."""
        return float(min(1.0, math.exp(-float(self.log_capital.max(initial=0.0)))))


def above(x: FloatArray, null: float, alpha: float = 0.05) -> Test:
    """Bet that observations have a larger mean than `null`, from the first on or from any later one on.

    Parameters
    ----------
    x : shape (n,), within [0, 1], in the order in which they came. null : claimed largest mean, within (0, 1).
    """
    null = min(max(null, _FLAT), 1.0 - _FLAT)
    return _capital(_linear(np.asarray(x, dtype=np.float64), null), null, alpha)


def ranked_above(u: FloatArray, alpha: float = 0.05) -> Test:
    """Bet that ranks (see `ranks`) are larger than those of observations that came from one distribution.

    Beside bets on their mean, which is then 1/2, stand powers: convex, so that their mean over the ranks that are
    possible is 1 at most. Vovk, Gammerman & Shafer (2022), chapter 8. doi:10.1007/978-3-031-06649-8
    """
    powers = [math.log(a) + (a - 1.0) * np.log1p(-np.asarray(u, dtype=np.float64)) for a in POWERS]
    return _capital([*_linear(u, 0.5), *powers], 0.5, alpha)


def _linear(x: FloatArray, null: float) -> list[FloatArray]:
    return [np.log1p(share / null * (x - null)) for share in BETS]


def _capital(bets: Sequence[FloatArray], null: float, alpha: float) -> Test:
    """One purse in equal parts on all bets, whose logarithms per observation are given."""
    capital = np.logaddexp.reduce([_started_any_time(np.cumsum(bet)) for bet in bets], axis=0) - math.log(len(bets))
    over = np.flatnonzero(capital >= math.log(1.0 / alpha))
    return Test(null, alpha, frozen(capital), int(over[0]) + 1 if len(over) else None)


def _started_any_time(walk: FloatArray) -> FloatArray:
    """Log of the capital when half of it is bet from the start, and the rest in shares that begin later: before
    observation j a share 1/log2(j + 1) - 1/log2(j + 2) of that half. The shares that have not begun are not lost."""
    if not len(walk):
        return walk
    before = np.concatenate([[0.0], walk[:-1]])
    j = np.arange(1, len(walk))
    later = 0.5 * (1.0 / np.log2(j + 1.0) - 1.0 / np.log2(j + 2.0))
    begun = np.logaddexp.accumulate(np.log(np.concatenate([[0.5], later])) - before)
    waiting = 0.5 / np.log2(np.arange(1, len(walk) + 1) + 1.0)
    return np.logaddexp(walk + begun, np.log(waiting))


@dataclass(frozen=True, slots=True)
class Band:
    """A confidence sequence: with probability 1 - alpha the mean is within all of it at once.

    n : (looks,) observations seen. mean, low, high : (looks,) running mean and bounds.
    """

    n: IntArray
    mean: FloatArray
    low: FloatArray
    high: FloatArray


def band(x: FloatArray, alpha: float = 0.05, *, looks: int = LOOKS) -> Band:
    """Confidence sequence of the mean of observations in [0, 1], by betting against every mean of a grid, up and down.

    Parameters
    ----------
    x : shape (n,) within [0, 1], in the order in which they came; n >= 1.
    """
    x = np.asarray(x, dtype=np.float64)
    n = np.unique(np.geomspace(1, len(x), looks).astype(np.int64))
    means = (np.arange(GRID) + 0.5) / GRID
    limit = math.log(2.0 / alpha)
    up = np.stack([_log_capital(x, m, n) for m in means])  # says that the mean is above m
    down = np.stack([_log_capital(1.0 - x, 1.0 - m, n) for m in means])
    refuted_low = np.logical_or.accumulate(up >= limit, axis=1)
    refuted_high = np.logical_or.accumulate(down >= limit, axis=1)
    # capital against m falls as m rises: all below the largest refuted mean are refuted too
    low = np.where(refuted_low, means[:, None], 0.0).max(axis=0)
    high = np.where(refuted_high, means[:, None], 1.0).min(axis=0)
    running = np.cumsum(x)[n - 1] / n
    return Band(frozen(n), frozen(running), frozen(low), frozen(high))


def _log_capital(x: FloatArray, null: float, at: IntArray) -> FloatArray:
    """Log of the capital of bets from the start, after `at` observations."""
    capital = np.full(len(at), -math.inf)
    for share in BETS:
        capital = np.logaddexp(capital, np.cumsum(np.log1p(share / null * (x - null)))[at - 1])
    return capital - math.log(len(BETS))


def upper(x: FloatArray, alpha: float) -> float:
    """Upper confidence bound of the mean of a fixed sample of independent observations in [0, 1]; 1 for none.

    Shares (all 0 or 1) by Clopper and Pearson, Biometrika 26 (1934) 404, doi:10.1093/biomet/26.4.404; others by
    Student's t with Johnson's term for skewness, J. Am. Stat. Assoc. 73 (1978) 536. doi:10.1080/01621459.1978.10480051
    """
    x = np.asarray(x, dtype=np.float64)
    n = len(x)
    if n < 3:
        return 1.0
    if not np.isin(x, (0.0, 1.0)).all():
        spread, t = float(x.std(ddof=1)), float(stdtrit(n - 1, 1.0 - alpha))
        third = float(((x - x.mean()) ** 3).mean())
        skewed = third / (6.0 * spread**2 * n) * (1.0 + 2.0 * t * t) if spread > 0.0 else 0.0
        return min(1.0, float(x.mean()) + max(skewed, 0.0) + t * spread / math.sqrt(n))
    found = float(x.sum())
    return 1.0 if found == n else float(betaincinv(found + 1.0, n - found, 1.0 - alpha))


def ranks(x: FloatArray, reference: FloatArray) -> FloatArray:
    """Where each observation stands among the reference and all before it, within (0, 1); the mean is 1/2 as long as
    they all come from one distribution, whatever it is, so that nothing about the reference needs to be estimated.

    Vovk, Gammerman & Shafer, Algorithmic Learning in a Random World, 2nd ed. (2022), chapter 8.
    doi:10.1007/978-3-031-06649-8
    """
    pool = np.sort(reference).tolist()
    found = np.empty(len(x))
    for at, value in enumerate(np.asarray(x, dtype=np.float64).tolist()):
        low, high = bisect.bisect_left(pool, value), bisect.bisect_right(pool, value)
        found[at] = (low + 0.5 * (high - low + 1)) / (len(pool) + 1)
        pool.insert(high, value)
    return found


def missed_again(missed: FloatArray, reference: FloatArray, share: float, seed: int = 0) -> FloatArray:
    """Misses (0 or 1) as marks that are 1 with probability `share` as long as one misses as often as in the reference,
    and independent: a mark is 1 where the rank of the miss, ties broken by chance, is among the highest `share`.

    Parameters
    ----------
    seed : of the ties; the same for every look, so that marks stay as they are when more come.
    """
    n = len(reference) + np.arange(1, len(missed) + 1)
    misses = reference.sum() + np.cumsum(missed)
    p = misses / n
    chance = np.random.default_rng(seed).random(len(missed))
    u = np.where(np.asarray(missed) > 0.0, 1.0 - p + chance * p, chance * (1.0 - p))
    return (u > 1.0 - share).astype(np.float64)


def either(first: Test, second: Test, alpha: float) -> Test:
    """Two tests at parts of `alpha` that add up to it: found when either is; the capital is that of the one that is
    nearer to its limit, in units of `alpha`."""
    scaled = [test.log_capital + math.log(test.alpha / alpha) for test in (first, second)]
    at = [test.at for test in (first, second) if test.at is not None]
    return Test(first.null, alpha, frozen(np.maximum(*scaled)), min(at) if at else None)


def began(x: FloatArray, null: float, at: int) -> int:
    """After how many observations a change that was found after `at` of them has most likely begun: from there on the
    sum of what exceeds the middle between the claimed and the later mean is largest (Page 1954,
    doi:10.1093/biomet/41.1-2.100)."""
    seen = np.asarray(x, dtype=np.float64)[:at]
    start = _rise(seen - null)
    return _rise(seen - max(null, (null + float(seen[start:].mean())) / 2.0))


def _rise(over: FloatArray) -> int:
    return int(np.concatenate([[0.0], np.cumsum(over)])[:-1].argmin())
