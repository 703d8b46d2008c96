"""What is known of a front: which experiments are on it and how surely, and what one objective costs another."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray
from matloop.core.errors import ConfigError, DataError
from matloop.design.contract import Aim, Domain, History, Points
from matloop.design.goals import Goal
from matloop.design.objectives.aims import rank_correlation
from matloop.design.objectives.fronts import is_front
from matloop.design.objectives.hypervolume import hypervolume, reference_point
from matloop.design.optimisers.told import turned
from matloop.design.strategy.learn import Learned, Learner, learn, teaches

DRAWS = 200
_ALIKE = 0.98
_LEAST = 5


@dataclass(frozen=True, slots=True)
class Trade:
    """What one objective costs another along the front.

    gained, paid : targets. step : of the gained one, in its unit, a tenth of the front's range. cost, low, high : of
    the paid one for that step, in its unit, middle and 90 % interval over what the front may be; NaN where there is no
    conflict. conflict : share of draws in which there is one. words : all this in a sentence.
    """

    gained: str
    paid: str
    step: float
    cost: float
    low: float
    high: float
    conflict: float
    words: str


@dataclass(frozen=True, slots=True)
class FrontStudy:
    """What is known of a front; rows are those of the history, then those of the suggested points.

    on_front : shape (n,), by the measured values. chance : shape (n,), of being on the front of all these, given noise
    and what the models make of it. reference, volume : of the measured front, goals turned so that more is better; NaN
    where nothing is complete. trades : per pair of open goals. alike : in words, objectives that say the same or the
    opposite.
    """

    on_front: BoolArray
    chance: FloatArray
    reference: FloatArray
    volume: float
    trades: tuple[Trade, ...]
    alike: tuple[str, ...]

    @property
    def words(self) -> tuple[str, ...]:
        sure = int((self.chance >= 0.9).sum())
        maybe = int(((self.chance > 0.1) & (self.chance < 0.9)).sum())
        first = (
            f"{int(self.on_front.sum())} experiments are on the front as measured. Without noise, as far as the models "
            f"tell, {sure} are surely on it and {maybe} may be."
        )
        return (first, *(trade.words for trade in self.trades), *self.alike)


def study_front(
    domain: Domain,
    history: History,
    goals: Sequence[Goal],
    *,
    suggested: Points | None = None,
    surrogate: str = "auto",
    seed: int = 0,
) -> FrontStudy:
    """The front of what is known (and suggested), with doubt.

    Goals with an end are conditions: what misses them is on no front.

    Raises
    ------
    ConfigError : fewer than two open goals. DataError : too little is known to learn from.
    """
    named = [goal for goal in goals if goal.is_open]
    if len(named) < 2:
        raise ConfigError(
            "a front needs at least two goals to maximise or minimise. Add one, or look at the best value."
        )
    if why := teaches(history, goals):
        raise DataError(f"no front yet: {why}. Tell more results.")
    values, missed = turned(history, goals)
    met: BoolArray = np.asarray(np.isfinite(missed).all(axis=1) & (missed <= 0).all(axis=1), np.bool_)
    measured = is_front(values, met)
    learned = learn(domain, history, goals, Learner(surrogate), seed=seed)
    draws, good = _draws(domain, history, learned, suggested, seed)
    chance = np.mean([is_front(*each) for each in zip(draws, good, strict=True)], axis=0)
    complete = values[met & np.isfinite(values).all(axis=1)]
    reference = reference_point(complete) if len(complete) else np.full(len(named), np.nan)
    known = len(history)
    more = 0 if suggested is None else len(suggested)
    return FrontStudy(
        np.append(measured, np.zeros(more, bool)),
        np.asarray(chance),
        reference,
        hypervolume(complete, reference) if len(complete) else float("nan"),
        trade_offs(draws[:, :known], good[:, :known], named),
        said_alike(values, named),
    )


def _draws(
    domain: Domain, history: History, learned: Learned, suggested: Points | None, seed: int
) -> tuple[FloatArray, BoolArray]:
    """Values of the open goals in what may be true, more is better, shape (DRAWS, n, m), in users' units; whether the
    goals with an end are met, shape (DRAWS, n). Failed experiments are NaN."""
    points = history.points
    if suggested is not None and len(suggested):
        points = Points(np.vstack([points.values, suggested.values]))
    X = domain.encode(points)
    alike, back = np.unique(np.round(X, 12), axis=0, return_inverse=True)
    drawn = [b.draw(alike, DRAWS, seed + k)[:, back.reshape(-1)] for k, b in enumerate(learned.beliefs)]
    fails = np.append(np.asarray(history.failed, bool), np.zeros(len(points) - len(history), bool))
    good = np.broadcast_to(~fails, (DRAWS, len(points))).copy()
    best = []
    for aim in learned.about.aims:
        value = drawn[aim.belief]
        if aim.is_open:
            best.append(np.where(fails, np.nan, _user(learned, aim, value)))
        else:
            good &= (value >= aim.low) & (value <= aim.high)
    return np.stack(best, axis=2), good


def _user(learned: Learned, aim: Aim, value: FloatArray) -> FloatArray:
    mapped = learned.maps[aim.belief]
    return mapped.sign * mapped.back(value.reshape(-1)).reshape(value.shape)


def trade_offs(draws: FloatArray, good: BoolArray, goals: Sequence[Goal]) -> tuple[Trade, ...]:
    """What each objective costs each other one, along the front of the two alone.

    Parameters
    ----------
    draws : shape (n_draws, n, m), more is better, in users' units. good : shape (n_draws, n), which count. goals :
        open.
    """
    return tuple(_trade(draws, good, goals, a, b) for a, b in itertools.combinations(range(len(goals)), 2))


def _trade(draws: FloatArray, good: BoolArray, goals: Sequence[Goal], a: int, b: int) -> Trade:
    slopes, spans = [], []
    for values, met in zip(draws[:, :, [a, b]], good, strict=True):
        front = values[is_front(values, met)]
        if len(front) > 1 and np.ptp(front[:, 0]) > 0:
            slopes.append(-float(np.polyfit(front[:, 0], front[:, 1], 1)[0]))
            spans.append(float(np.ptp(front[:, 0])))
    conflict = len(slopes) / len(draws)
    gained, paid = goals[a], goals[b]
    empty = Trade(gained.target, paid.target, 0.0, np.nan, np.nan, np.nan, conflict, "")
    if conflict < 0.5:
        words = (
            f"{gained.target} and {paid.target} do not stand against each other in what is known: the experiment that "
            f"is best in one is best in the other ({100 * (1 - conflict):.0f} % of what may be true)."
        )
        return replace(empty, words=words)
    step = _round_step(float(np.median(spans)) / 10)
    low, cost, high = (float(value) * step for value in np.quantile(slopes, [0.05, 0.5, 0.95]))
    way = {1.0: "more", -1.0: "less"}
    words = (
        f"{step:g}{_unit(gained)} {way[gained.sign]} {gained.target} costs {cost:.3g}{_unit(paid)} "
        f"{'of' if paid.sign > 0 else 'more'} {paid.target} (90 %: {low:.3g} to {high:.3g})."
    )
    return Trade(gained.target, paid.target, step, cost, low, high, conflict, words)


def _round_step(size: float) -> float:
    """1, 2 or 5 times a power of ten, at or below `size`."""
    power = 10.0 ** np.floor(np.log10(max(size, 1e-300)))
    return float(max((f for f in (1.0, 2.0, 5.0) if f * power <= size * (1 + 1e-9)), default=1.0) * power)


def _unit(goal: Goal) -> str:
    return f" {goal.unit}" if goal.unit else ""


def said_alike(values: FloatArray, goals: Sequence[Goal]) -> tuple[str, ...]:
    """In words, which objectives order what is known alike, or just the other way round.

    values : shape (n, m), more is better.
    """
    said = []
    for a, b in itertools.combinations(range(values.shape[1]), 2):
        both = int(np.isfinite(values[:, [a, b]]).all(axis=1).sum())
        r = rank_correlation(values[:, a], values[:, b])
        one, other = goals[a].target, goals[b].target
        if both >= _LEAST and r > _ALIKE:
            said.append(
                f"{one} and {other} order what is known alike (rank correlation {r:.3f} of {both}): one goal would do, "
                "and the front is little more than its best."
            )
        elif both >= _LEAST and r < -_ALIKE:
            said.append(
                f"Every gain in {one} is a loss in {other} (rank correlation {r:.3f} of {both}): nearly all "
                "experiments are on the front. Say what you prefer, or set a limit for one of them."
            )
    return tuple(said)
