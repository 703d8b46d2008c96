"""Trust regions: a model that is only believed near the best experiment, in a box that grows and shrinks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.core.errors import DataError
from matloop.design.contract import Belief, Domain, History, Points, Suggestions
from matloop.design.goals import Goal
from matloop.design.optimisers.told import first_design, fitness, generator, rounds_of, suggestions
from matloop.design.strategy.learn import Learned, Learner, learn, teaches

_FIRST, _SHORTEST, _LONGEST = 0.8, 0.5**7, 1.6  # Eriksson et al. 2019, appendix
_SUCCESSES = 3
_GAIN = 1e-3
_SUM = 0.05


@dataclass(frozen=True, slots=True)
class Region:
    """length : of its sides, in parts of the range. centre : row of the best experiment since `start`, the row with
    which this region began (it begins anew when it has become too small). restarts : so often."""

    length: float
    centre: int
    start: int
    restarts: int


@dataclass(frozen=True, slots=True)
class Turbo:
    """TuRBO: Thompson sampling with a Gaussian process inside one trust region around the best experiment. The region
    doubles after three batches in a row that were better, halves after as many as needed to have tried the dimensions
    that were not, and begins anew elsewhere when it is under 1 % of the range. For more than about 20 dimensions.

    Goals with an end: draws that meet them come first (SCBO). Several open goals: each draw has its own Chebyshev
    weights. `surrogate` and its options: of the model inside.

    Eriksson et al., NeurIPS 32 (2019), doi:10.48550/arXiv.1910.01739; Eriksson & Poloczek, AISTATS 130 (2021) 730.
    """

    surrogate: str = "gp"
    surrogate_options: Mapping[str, Any] = field(default_factory=dict)
    candidates: int = 1_000

    def suggest(self, domain: Domain, history: History, goals: Sequence[Goal], n: int, *, seed: int) -> Suggestions:
        score = fitness(history, goals)
        first = max(2 * n, min(domain.axes.width, 20) + 1)
        if (np.isfinite(score).sum() < first) or (why := teaches(history, goals)):
            why = f"fewer than {first} results are known" if np.isfinite(score).sum() < first else why
            return first_design(domain, history, goals, n, seed, why=why)
        rng = generator(history, seed)
        region = replayed(score, rounds_of(history), len(np.unique(domain.axes.variable)), n, first)
        inside = np.arange(len(history)) >= region.start
        if np.isfinite(score[inside]).sum() < first:
            why = f"trust region no. {region.restarts + 1} begins where nothing is known"
            return first_design(domain, history, goals, n, seed, why=why)
        learned = learn(domain, history, goals, Learner(self.surrogate, self.surrogate_options), seed=seed)
        here = history.points.take([region.centre])
        if domain.why_not(here)[0] != "":
            return first_design(domain, history, goals, n, seed, why="the best experiment is outside the domain")
        pool, X = self._pool(domain, here, region, learned, rng)
        order = _drawn(learned, X, 2 * n, rng)
        reason = (
            f"best of a draw within {100 * region.length / 2:.2g} % of the range around experiment no. "
            f"{region.centre + 1}, the best of this trust region"
        )
        how = (
            f"Trust region no. {region.restarts + 1}, sides {region.length:.3g} of the range, around experiment no. "
            f"{region.centre + 1}; Thompson sampling with {learned.beliefs[0].words}."
        )
        return suggestions(domain, history, pool.take(order), [reason] * len(order), n, seed, how=how)

    def _pool(
        self, domain: Domain, here: Points, region: Region, learned: Learned, rng: np.random.Generator
    ) -> tuple[Points, FloatArray]:
        """Candidates in the box, and their encoding; wider in directions that matter less."""
        reach = region.length / 4
        moved = [
            domain.near(here, self.candidates, int(rng.integers(2**31)), reach=reach * factor) for factor in (1.0, 0.3)
        ]
        pool = Points(np.vstack([each.values for each in moved]))
        X, centre = np.nan_to_num(domain.encode(pool)), np.nan_to_num(domain.encode(here))[0]
        sides = region.length * _stretch(learned.beliefs[0], domain)
        numbers = ~np.asarray(domain.axes.categorical, bool)
        within = (np.abs(X - centre) <= sides / 2 + 1e-9)[:, numbers].all(axis=1)
        if within.sum() < 20:
            within = np.ones(len(X), bool)
        rows = np.flatnonzero(within)[: self.candidates]
        return pool.take(rows), X[rows]


def replayed(score: FloatArray, rounds: IntArray, dimension: int, n: int, first: int) -> Region:
    """The region after all batches in the order in which they were told; `first` results make a start."""
    patience = max(math.ceil(max(4.0, dimension) / n), 2)
    length, best, centre, start, restarts = _FIRST, -np.inf, 0, 0, 0
    won = lost = 0
    for number in range(int(rounds.max(initial=-1)) + 1):
        batch = np.flatnonzero(rounds == number)
        rows = batch[np.isfinite(score[batch]) & (batch >= start)]
        top = float(score[rows].max()) if len(rows) else -np.inf
        fresh = np.isfinite(score[start : int(batch[0])]).sum() < first
        if top > best + _GAIN * abs(best) or not np.isfinite(best):
            won, lost = won + (not fresh), 0
        else:
            won, lost = 0, lost + (not fresh)
        if top > best:
            best, centre = top, int(rows[score[rows].argmax()])
        if won >= _SUCCESSES:
            length, won = min(2 * length, _LONGEST), 0
        elif lost >= patience:
            length, lost = length / 2, 0
        if length < _SHORTEST:
            length, best, won, lost, restarts = _FIRST, -np.inf, 0, 0, restarts + 1
            start = int(batch.max()) + 1
            centre = min(start, len(score) - 1)
    return Region(length, centre, start, restarts)


def _stretch(belief: Belief, domain: Domain) -> FloatArray:
    """Side of the box per column, with a product of one: longer where the value changes slowly."""
    from matloop.design.surrogates.insight import relevance

    width = domain.axes.width
    try:
        shares = relevance(belief)
    except DataError:  # no Gaussian process: nothing is known of lengths
        return np.ones(width)
    found = np.array([shares.get(name, np.nan) for name in domain.axes.names])
    if not np.isfinite(found).all():
        return np.ones(width)
    lengths = 1 / np.sqrt(np.maximum(found, 0.01 / width))
    return np.clip(lengths / np.exp(np.log(lengths).mean()), 0.25, 4.0)


def _drawn(learned: Learned, X: FloatArray, n: int, rng: np.random.Generator) -> IntArray:
    """The best row of each of `n` joint draws, without repeats, in their order."""
    draws = [belief.draw(X, n, int(rng.integers(2**31))) for belief in learned.beliefs]
    works = learned.about.works(X) if learned.about.works is not None else np.ones(len(X))
    order: list[int] = []
    for k in range(n):
        values, missed = _as_goals(learned, [draw[k] for draw in draws], rng)
        fails: BoolArray = rng.random(len(X)) > works
        worth = np.where(missed > 0, -missed - 1e6, values) - 1e12 * fails
        worth[order] = -np.inf
        order.append(int(worth.argmax()))
        if len(order) == len(X):
            break
    return np.array(order, np.int64)


def _as_goals(learned: Learned, draws: Sequence[FloatArray], rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """One value to raise, and how far aims with an end are missed; each shape (n,)."""
    about = learned.about
    aims = [aim for aim in about.aims if aim.is_open]
    missed = np.zeros(len(draws[0]))
    for aim in about.aims:
        if not aim.is_open:
            value = draws[aim.belief]
            missed += np.maximum(np.maximum(aim.low - value, value - aim.high), 0.0)
    if not aims:
        return np.zeros(len(missed)), missed
    weights = rng.dirichlet(np.ones(len(aims))) if len(aims) > 1 else np.ones(1)
    parts = []
    for aim, weight in zip(aims, weights, strict=True):
        known = about.values[aim.belief]
        low, span = np.nanmin(known), np.ptp(known[np.isfinite(known)]) or 1.0
        parts.append(weight * (draws[aim.belief] - low) / span)
    stacked = np.stack(parts)
    return stacked.min(axis=0) + _SUM * stacked.sum(axis=0), missed
