"""When it is enough, and why: each rule says its numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from scipy.special import stdtrit

from matloop.campaign.learned import best_rows, history_of, meets, paid
from matloop.campaign.question import Question
from matloop.campaign.state import Result, State
from matloop.core.arrays import FloatArray
from matloop.design.contract import Belief, Points, Surrogate
from matloop.design.goals import Goal, in_words
from matloop.design.strategy.learn import at_target
from matloop.design.surrogates.registry import make_surrogate

_NORMAL = NormalDist()
N_REST = 4096
"""Experiments of the rest that a regret bound looks at, where the space holds more."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a stopping rule says: `stop`, and its numbers in words."""

    rule: str
    stop: bool
    said: str


def spent(state: State, question: Question) -> tuple[int, float]:
    """Experiments made, and what they and their stand-ins cost; results from before the campaign do not count."""
    own = state.own
    points, _ = question.points([result.point for result in own])
    costs = paid(own, question, points)
    return len(state.experiments), float(np.nansum(costs)) if len(own) else 0.0


def before_asking(state: State, question: Question) -> tuple[Verdict, ...]:
    """The rules that need no suggestion: budget, and goals that are met often enough."""
    found = []
    made, cost = spent(state, question)
    budget, waiting = question.problem.plan.budget, state.pending
    promised = float(np.nansum([s.cost for s in waiting])) if waiting else 0.0
    if budget.experiments:
        asked = sum(not one.fidelity for one in waiting)
        said = f"{made} of {budget.experiments} experiments are made" + (f", {asked} are asked for" if asked else "")
        found.append(Verdict("budget", made + asked >= budget.experiments, f"budget: {said}."))
    if budget.cost:
        said = f"{cost:.6g} of {budget.cost:.6g} are spent" + (f", {promised:.6g} are asked for" if promised else "")
        found.append(Verdict("budget", cost + promised >= budget.cost, f"budget: {said}."))
    if question.problem.stop.found is not None:
        n_good = int(meets(tuple(state.results.values()), question).sum()) if state.results else 0
        wanted = question.problem.stop.found
        found.append(
            Verdict("found", n_good >= wanted, f"goal: {n_good} experiments meet all goals, {wanted} are wanted.")
        )
    return tuple(found)


def affordable(state: State, question: Question, n: int) -> int:
    """How many of `n` experiments the budget still holds."""
    budget = question.problem.plan.budget
    if not budget.experiments:
        return n
    asked = sum(not one.fidelity for one in state.pending)
    return max(min(n, budget.experiments - len(state.experiments) - asked), 0)


def within_cost(entries: Sequence[Mapping[str, Any]], state: State, question: Question) -> list[Mapping[str, Any]]:
    """The first of the suggestions that the rest of the cost budget pays for."""
    budget = question.problem.plan.budget
    if not budget.cost:
        return list(entries)
    left = budget.cost - spent(state, question)[1] - float(np.nansum([s.cost for s in state.pending] or [0.0]))
    kept = []
    for entry in entries:
        left -= entry["cost"] or 0.0
        if left >= -1e-9 * budget.cost:
            kept.append(entry)
        else:
            break
    return kept


def after_asking(entries: Sequence[Mapping[str, Any]], state: State, question: Question) -> tuple[Verdict, ...]:
    """The rules about what is still to be gained."""
    stop, results = question.problem.stop, tuple(state.results.values())
    if not entries:
        return (Verdict("nothing left", True, "nothing is left: every allowed experiment is known or asked for."),)
    found = []
    gains = expected_gains(entries, results, question)
    if stop.gain is not None and gains is not None:
        best, unit = float(gains.max()), _unit(question)
        said = f"gain: the best suggestion promises {best:.3g}{unit} more, below the {stop.gain:.3g}{unit} that matter"
        otherwise = f"gain: the best suggestion promises {best:.3g}{unit} more; {stop.gain:.3g}{unit} matter"
        found.append(Verdict("gain", best < stop.gain, f"{said if best < stop.gain else otherwise}."))
    if stop.worth is not None and gains is not None:
        costs = np.array([math.nan if e["cost"] is None else e["cost"] for e in entries], dtype=np.float64)
        if question.problem.fidelities:  # what is promised is gained by the experiment, not by what stands in for it
            costs[:] = question.problem.fidelities[0].cost
        balance = np.nan_to_num(gains * stop.worth - costs, nan=np.inf)
        k = int(balance.argmax())
        said = (
            f"worth: the best suggestion costs {costs[k]:.4g} and promises what is worth {gains[k] * stop.worth:.3g}."
        )
        found.append(Verdict("worth", bool(balance[k] < 0), said))
    if stop.regret is not None and (bound := regret_bound(state, question)) is not None:
        unit = _unit(question)
        said = (
            f"regret: with {stop.confidence:.0%} confidence no other experiment is better than the best known one by "
            f"more than {bound:.3g}{unit}; up to {stop.regret:.3g}{unit} do not matter."
        )
        found.append(Verdict("regret", bound <= stop.regret, said))
    return tuple(found)


def _unit(question: Question) -> str:
    unit = next((goal.unit for goal in question.goals if goal.is_open), "")
    return f" {unit}" if unit else ""


def expected_gains(
    entries: Sequence[Mapping[str, Any]], results: Sequence[Result], question: Question
) -> FloatArray | None:
    """What each suggestion is expected to add to the best known value: E[max(value - best, 0)] of a normal
    distribution, times the chance that it works; the largest over the open goals. None where there is no such goal, no
    best result yet, or nothing foreseen.

    References
    ----------
    Mockus (1975); Jones, Schonlau, Welch, J. Global Optim. 13 (1998) 455. doi:10.1023/A:1008306431147
    """
    rows = best_rows(results, question)
    wanted = [goal for goal in question.goals if goal.is_open]
    if not rows or not wanted or not all(goal.target in entry["foreseen"] for goal in wanted for entry in entries):
        return None
    gains = np.zeros((len(wanted), len(entries)))
    for k, goal in enumerate(wanted):
        best = max(goal.sign * results[row].values[goal.target] for row in rows)
        for j, entry in enumerate(entries):
            freedom = entry.get("freedom", {}).get(goal.target, math.inf)
            gains[k, j] = improvement(entry["foreseen"][goal.target], goal.sign, best, freedom)
    chances = np.array([1.0 if entry["chance"] is None else entry["chance"] for entry in entries])
    return np.asarray(gains.max(axis=0) * chances)


def width(freedom: float = math.inf) -> float:
    """Standard deviations in a 90 % interval of Student's t with so many degrees of freedom, infinite: normal."""
    return 2.0 * float(stdtrit(freedom, 0.95)) if math.isfinite(freedom) else 2.0 * _NORMAL.inv_cdf(0.95)


def improvement(foreseen: Sequence[float | None], sign: float, best: float, freedom: float = math.inf) -> float:
    """E[max(sign * value - best, 0)] of a normal value with this mean and with the spread that the 90 % interval was
    made of (`freedom`, see `width`); infinite where not known."""
    if any(part is None for part in foreseen):
        return math.inf
    value, low, high = (float(part) for part in foreseen if part is not None)
    mean, spread = sign * value - best, (high - low) / width(freedom)
    if not spread > 0:
        return max(mean, 0.0)
    z = mean / spread
    return max(mean * _NORMAL.cdf(z) + spread * _NORMAL.pdf(z), 0.0)


def regret_bound(state: State, question: Question) -> float | None:
    """With the confidence of the problem, how much better than the best known experiment any other could be: largest
    upper limit of the rest minus largest lower limit of the known ones. None without an open goal (or with several), or
    with fewer than five values to learn from.

    Where the space is not small the rest is a sample, so the bound is of what was looked at.

    References
    ----------
    Makarova et al., AutoML Conf. (2022). doi:10.48550/arXiv.2104.08166
    """
    wanted = [goal for goal in question.goals if goal.is_open]
    if len(wanted) != 1:
        return None
    learnt = learn(state, question, wanted[0])
    if learnt is None:
        return None
    z = _NORMAL.inv_cdf(question.problem.stop.confidence)
    seen = learnt.belief.predict(learnt.X)
    rest = question.domain.everything(N_REST) or question.domain.sample(N_REST, state.seed, how="uniform")
    best = learnt.points.take([int(np.argmax(seen[0]))])
    around = Points(np.vstack([rest.values, question.domain.near(best, 256, state.seed).values]))
    mean, spread = learnt.belief.predict(question.domain.encode(around))
    return max(float((mean + z * spread).max() - (seen[0] - z * seen[1]).max()), 0.0)


@dataclass(frozen=True, slots=True)
class Learnt:
    """A surrogate fitted to the values of one goal, turned so that more is better; rows with a value only."""

    belief: Belief
    points: Points
    X: FloatArray
    y: FloatArray
    results: tuple[Result, ...]
    surrogate: Surrogate


def learn(state: State, question: Question, goal: Goal, least: int = 5) -> Learnt | None:
    """The campaign's surrogate on the results of the own place; None where there are fewer than `least`."""
    history, results = history_of(state, question)
    values = history.values[goal.target]
    own = at_target(history)
    use = np.isfinite(values) & own & (history.place == _home(history.place, np.where(own, values, np.nan)))
    if int(use.sum()) < least:
        return None
    X, y = question.domain.encode(history.points.take(use)), goal.sign * values[use]
    chosen = question.problem.plan.surrogate
    surrogate = make_surrogate(chosen.name, question.domain.axes, **chosen.options)
    belief = surrogate.fit(X, y, seed=state.seed, noise=history.errors[goal.target][use])
    kept = tuple(result for result, used in zip(results, use, strict=True) if used)
    return Learnt(belief, history.points.take(use), X, y, kept, surrogate)


def _home(places: Any, values: FloatArray) -> str:
    """The own place, or the one with most values where it has none."""
    known = places[np.isfinite(values)]
    if not len(known) or (known == "").any():
        return ""
    names, counts = np.unique(known, return_counts=True)
    return str(names[int(counts.argmax())])


def said_of_goals(question: Question) -> str:
    """The goals in words, one after the other."""
    return "; ".join(goal.text or f"{goal.target} {in_words(goal)}" for goal in question.goals)
