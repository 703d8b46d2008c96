"""What a simulation shows, in numbers with intervals and in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from matloop.campaign import merits
from matloop.campaign.known import TOP
from matloop.campaign.merits import Comparison
from matloop.campaign.replays import CHANCE, Replays
from matloop.core.jsonable import to_jsonable
from matloop.metrics.estimate import Estimate
from matloop.report.words import percent

BUDGETS = (20, 50, 100, 200, 500)
LEVELS = (0.8, 0.5, 0.25, 0.1)
"""Shares of the best designs, of which the largest that is reached is told."""
ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Merit:
    """One strategy in numbers; estimates are means over the seeds with 95 % intervals, by number of experiments.

    shares : of the best 5 % found. best, regret : in the unit of the goal. enhancement : over the share that chance
    finds. needs : median number of experiments to the level of the findings (infinite: not within the run).
    acceleration : what chance needs over that. score : mean share of the best found over the run, what is compared.
    rank : mean over the seeds, 1 is best. versus_chance, versus_best : None for itself. seconds : median time of one
    `suggest`.
    """

    name: str
    shares: Mapping[int, Estimate]
    best: Mapping[int, Estimate]
    regret: Mapping[int, Estimate]
    enhancement: Mapping[int, Estimate]
    needs: Estimate
    acceleration: Estimate
    score: Estimate
    rank: float
    versus_chance: Comparison | None
    versus_best: Comparison | None
    seconds: float
    how: str


@dataclass(frozen=True, slots=True)
class Findings:
    """What a simulation shows.

    sentence : the answer. further : what else to know before acting on it. level : share of the best that the sentence
    speaks of; chance : experiments that random choice needs for it. pays : whether a strategy was better than chance
    for sure. leader : that of the highest mean score.
    """

    sentence: str
    further: tuple[str, ...]
    pays: bool
    leader: str
    level: float
    chance: Estimate
    budgets: tuple[int, ...]
    merits: tuple[Merit, ...]


def findings(sim: Replays) -> Findings:
    """The numbers of a simulation and what follows from them."""
    budgets = tuple(sorted({b for b in BUDGETS if b < sim.n} | {sim.n}))
    shares = {name: sim.shares(name) for name in sim.strategies}
    scores = {name: one.mean(axis=1) for name, one in shares.items()}
    leader = max(scores, key=lambda name: (float(scores[name].mean()), name != CHANCE))
    versus_chance = {one.name: one for one in merits.compare(scores, CHANCE)}
    versus_best = {one.name: one for one in merits.compare(scores, leader)}
    level = _level(shares[leader])
    n_top = int(sim.known.is_top.sum())
    ranks = merits.mean_ranks(scores)
    found = tuple(
        _merit(sim, name, shares[name], budgets, level, ranks[name], versus_chance.get(name), versus_best.get(name))
        for name in sorted(sim.strategies, key=lambda name: -float(scores[name].mean()))
    )
    chance = merits.chance_needs(len(sim.known), n_top, level)
    pays = leader != CHANCE and _better(versus_chance[leader])
    sentence = _sentence(sim, found, leader, level, chance, pays)
    return Findings(sentence, _further(sim, found, leader, pays), pays, leader, level, chance, budgets, found)


def _level(shares: np.ndarray) -> float:
    """The largest of `LEVELS` that at least half of the seeds reach."""
    reached = [level for level in LEVELS if np.isfinite(np.median(merits.experiments_to(shares, level)))]
    return reached[0] if reached else LEVELS[-1]


def _merit(
    sim: Replays, name: str, shares: np.ndarray, budgets: tuple[int, ...], level: float, rank: float,
    versus_chance: Comparison | None, versus_best: Comparison | None,
) -> Merit:  # fmt: skip
    sign = sim.known.open_goal.sign if sim.known.open_goal else 1.0
    enhanced = merits.enhancement(shares, len(sim.known))
    return Merit(
        name,
        _at(shares, budgets),
        _at(sign * sim.best(name), budgets),
        _at(sim.regret(name), budgets),
        {b: Estimate(*(float(part[b - 1]) for part in enhanced)) for b in budgets},
        merits.median_interval(merits.experiments_to(shares, level)),
        merits.acceleration(shares, level, len(sim.known)),
        merits.mean_interval(shares.mean(axis=1)),
        rank,
        versus_chance,
        versus_best,
        float(np.median([s for run in sim.runs[name] for s in run.seconds] or [0.0])),
        sim.runs[name][0].how,
    )


def _at(curves: np.ndarray, budgets: tuple[int, ...]) -> dict[int, Estimate]:
    mean, low, high = merits.curve_interval(curves)
    return {b: Estimate(float(mean[b - 1]), float(low[b - 1]), float(high[b - 1])) for b in budgets}


def _better(one: Comparison) -> bool:
    return one.p_holm < ALPHA and one.difference.value > 0


def _sentence(sim: Replays, found: tuple[Merit, ...], leader: str, level: float, chance: Estimate, pays: bool) -> str:
    best = next(one for one in found if one.name == leader)
    n_top = int(sim.known.is_top.sum())
    what = f"{percent(level, 0)} of the best {n_top:,} of {len(sim.known):,} designs"
    if not pays:
        rivals = [one for one in found if one.versus_chance is not None]
        if not rivals:
            return f"Only random choice was replayed; for {what} it needs {_experiments(chance)}."
        top = rivals[0].versus_chance
        assert top is not None
        if len(sim.seeds) < least_seeds(len(rivals)):
            share, random = rivals[0].shares[sim.n], next(one for one in found if one.name == CHANCE).shares[sim.n]
            return (
                f"Too few seeds to tell: after {sim.n} experiments {top.name} found {percent(share.value, 0)} of the "
                f"best {n_top} of {len(sim.known):,} designs, random choice {percent(random.value, 0)}."
            )
        return (
            f"Nothing was shown to pay here: after {sim.n} experiments no strategy found more of the best designs than "
            f"random choice for sure ({top.name}: {_points(top.difference)}, p = {_p(top.p_holm)})."
        )
    if not math.isfinite(best.needs.value):
        share, random = best.shares[sim.n], next(one for one in found if one.name == CHANCE).shares[sim.n]
        return (
            f"Within {sim.n} experiments {leader} found {share.value * n_top:.0f} of the best {n_top:,} of "
            f"{len(sim.known):,} designs, random choice {random.value * n_top:.0f}. It pays."
        )
    times = chance.value / best.needs.value
    return (
        f"{leader} found {what} after {_experiments(best.needs)}; random choice needs {_experiments(chance)}, "
        f"{times:.2g} times as many. It pays."
    )


def least_seeds(n_compared: int) -> int:
    """Seeds from which on a paired test of this many strategies against chance can reach p < 0.05 at all: all signs
    equal has p = 2 / 2^n, times the number of comparisons."""
    return math.ceil(math.log2(2 * max(n_compared, 1) / ALPHA))


def _further(sim: Replays, found: tuple[Merit, ...], leader: str, pays: bool) -> tuple[str, ...]:
    said = []
    alike = [
        one.name
        for one in found
        if one.versus_best is not None and one.versus_best.p_holm >= ALPHA and one.name != CHANCE
    ]
    if pays and alike:
        said.append(f"{' and '.join(alike)} cannot be told apart from {leader} with {len(sim.seeds)} seeds.")
    worse = [
        one.name
        for one in found
        if one.versus_chance and one.versus_chance.p_holm < ALPHA and not _better(one.versus_chance)
    ]
    if worse:
        said.append(
            f"{' and '.join(worse)} found less than random choice for sure: do not use it for this kind of problem."
        )
    if not pays and least_seeds(len(found) - 1) <= len(sim.seeds) < 20 and len(found) > 1:
        said.append(f"{len(sim.seeds)} seeds show large differences only; run more seeds before giving up.")
    least = least_seeds(len(found) - 1)
    if len(sim.seeds) < least:
        said.append(
            f"With {len(sim.seeds)} seeds and {len(found)} strategies a paired test cannot reach p < 0.05, whatever "
            f"the difference: take {least} or more."
        )
    if not pays and 0.5 * len(sim.known) < sim.n:
        said.append(f"{sim.n} of {len(sim.known)} designs were tried: in so small a table there is little to save.")
    said += [f"{name} was left out: {why}" for name, why in sim.left_out.items()]
    said += sim.notes
    return tuple(said)


def _experiments(one: Estimate) -> str:
    return f"{one.value:.0f} experiments{_between(one)}"


def _between(one: Estimate) -> str:
    if not math.isfinite(one.low):
        return ""
    return f" ({one.low:.0f} to {one.high:.0f})" if math.isfinite(one.high) else f" ({one.low:.0f} or more)"


def _points(one: Estimate) -> str:
    value = f"{100 * one.value:+.1f} points of the best {percent(TOP, 0)}"
    return f"{value}, {100 * one.low:+.1f} to {100 * one.high:+.1f}" if math.isfinite(one.low) else value


def _p(value: float) -> str:
    return f"{value:.2g}"


def as_json(sim: Replays, found: Findings) -> Any:
    """Everything that the page tells, for programs."""
    return {
        "source": sim.source, "goals": [goal.text for goal in sim.known.goals], "unit": sim.unit,
        "n_designs": len(sim.known), "n_top": int(sim.known.is_top.sum()), "n": sim.n, "batch": sim.batch,
        "seeds": list(sim.seeds), "strategies": list(sim.strategies), "left_out": dict(sim.left_out),
        "findings": to_jsonable(found),
        "curves": {
            name: {
                "share": np.round(sim.shares(name).mean(axis=0), 6).tolist(),
                "regret": np.round(sim.regret(name).mean(axis=0), 9).tolist(),
            }
            for name in sim.strategies
        },
    }  # fmt: skip


def lines(sim: Replays, found: Findings) -> list[str]:
    """For the screen."""
    said = [found.sentence, *found.further, ""]
    head = f"{'strategy':14s}" + "".join(f"{f'after {b}':>12s}" for b in found.budgets)
    said.append(f"{head}{'regret':>12s}{'times chance':>14s}{'rank':>6s}{'s per batch':>13s}")
    for one in found.merits:
        shares = "".join(f"{one.shares[b].value:12.1%}" for b in found.budgets)
        last = found.budgets[-1]
        said.append(
            f"{one.name:14s}{shares}{one.regret[last].value:12.3g}{one.enhancement[last].value:14.2f}{one.rank:6.2f}"
            f"{one.seconds:13.2g}"
        )
    said.append(f"(share of the best {TOP:.0%} found; means over {len(sim.seeds)} seeds)")
    return said
