"""What a campaign found, round by round, and whether its model could be believed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matloop.campaign.campaign import Campaign
from matloop.campaign.learned import best_rows, meets, paid
from matloop.campaign.question import Question
from matloop.campaign.standing import Standing
from matloop.campaign.state import Result, State, Suggestion
from matloop.core.arrays import BoolArray, FloatArray
from matloop.metrics.estimate import Estimate
from matloop.metrics.intervals import wilson

PROMISED = 0.9
"""Share of the results that the intervals of suggestions should hold."""
LEAST = 8
"""Predictions from which on a model is judged."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What was foreseen of one target beside what came: each shape (n,), in the order of telling.

    naive : the median of what was known before the round. held : share of the results within their 90 % intervals, with
    its 95 % interval (Wilson). error, naive_error : mean absolute errors. bias : mean of foreseen minus measured.
    answer : "yes", "no" or "unknown": can the model be believed. sentence : why.
    """

    target: str
    unit: str
    names: tuple[str, ...]
    foreseen: FloatArray
    low: FloatArray
    high: FloatArray
    measured: FloatArray
    naive: FloatArray
    held: Estimate
    error: float
    naive_error: float
    bias: float
    answer: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Round:
    """One batch. best, so_far : names of the best result of the round and until its end, empty where none meets the
    goals. how : what the strategy said it did."""

    number: int
    asked: int
    told: int
    failed: int
    best: str
    so_far: str
    cost: float
    how: str


@dataclass(frozen=True, slots=True)
class Story:
    """A campaign until now.

    results : those that count, in the order of telling; cost : of each, NaN where not known. good : which meet all
    goals with an end. best : places of the best ones (the front where several goals have no end). top : places of those
    that meet the goals, best first.
    """

    question: Question
    state: State
    standing: Standing
    results: tuple[Result, ...]
    cost: FloatArray
    good: BoolArray
    best: tuple[int, ...]
    top: tuple[int, ...]
    rounds: tuple[Round, ...]
    forecasts: tuple[Forecast, ...]
    waiting: tuple[Suggestion, ...]
    folder: str


def story(campaign: Campaign, *, health: bool = True) -> Story:
    """What happened, from the log; `health` also fits a model for the health checks."""
    state, question = campaign.state, campaign.question
    results = tuple(state.results.values())
    points, _ = question.points([one.point for one in results])
    cost = np.asarray(paid(results, question, points), dtype=np.float64) if results else np.zeros(0)
    good = np.asarray(meets(results, question), dtype=bool)
    return Story(
        question, state, campaign.status(health=health), results, cost, good, tuple(best_rows(results, question)),
        _top(question, results, good), _rounds(state, question, results, cost),
        _forecasts(state, question, results), state.pending,
        str(campaign.folder),
    )  # fmt: skip


def _rounds(state: State, question: Question, results: Sequence[Result], cost: FloatArray) -> tuple[Round, ...]:
    found = []
    for number in range(1, state.rounds + 1):
        asked = [one for one in state.suggestions.values() if one.round == number]
        places = [k for k, one in enumerate(results) if one.round == number and not one.earlier]
        mine = [results[k] for k in places]
        until = [one for one in results if one.earlier or one.round <= number]
        best, so_far = best_rows(mine, question), best_rows(until, question)
        found.append(
            Round(
                number, len(asked), len(mine), sum(one.failed for one in mine), mine[best[0]].name if best else "",
                until[so_far[0]].name if so_far else "", float(np.nansum(cost[places])), state.hows.get(number, ""),
            )
        )  # fmt: skip
    return tuple(found)


def _top(question: Question, results: Sequence[Result], good: BoolArray) -> tuple[int, ...]:
    """Those that meet the goals, best first where one goal has no end; the front where several have none."""
    wanted = [goal for goal in question.goals if goal.is_open]
    if len(wanted) != 1:
        return tuple(best_rows(results, question))
    rows = [int(row) for row in np.flatnonzero(good)]
    return tuple(sorted(rows, key=lambda row: -wanted[0].sign * results[row].values[wanted[0].target]))


def _forecasts(state: State, question: Question, results: Sequence[Result]) -> tuple[Forecast, ...]:
    found = (_forecast(target.name, target.unit, state, results) for target in question.problem.targets)
    return tuple(one for one in found if one is not None)


def _forecast(target: str, unit: str, state: State, results: Sequence[Result]) -> Forecast | None:
    """Foreseen and measured side by side; None where nothing was foreseen, or nothing of it was measured."""
    names, rows, naive = [], [], []
    for one in results:
        suggestion = state.suggestions.get(one.suggestion)
        foreseen = suggestion.foreseen.get(target) if suggestion else None
        if target not in one.values or foreseen is None or not all(map(math.isfinite, foreseen)):
            continue
        if not one.of_own_experiment:
            continue
        known = (r for r in results if target in r.values and not r.fidelity)
        before = [r.values[target] for r in known if r.earlier or r.round < one.round]
        names.append(one.name)
        rows.append((*foreseen, one.values[target]))
        naive.append(float(np.median(before)) if before else math.nan)
    if not rows:
        return None
    value, low, high, measured = np.array(rows).T
    guess = np.array(naive)
    error = float(np.abs(value - measured).mean())
    naive_error = float(np.nanmean(np.abs(guess - measured))) if np.isfinite(guess).any() else math.nan
    share = float(((low <= measured) & (measured <= high)).mean())
    held = Estimate(share, *wilson(share, len(measured)))
    answer, sentence = _believed(target, len(measured), held, error, naive_error)
    return Forecast(
        target, unit, tuple(names), value, low, high, measured, guess, held, error, naive_error,
        float((value - measured).mean()), answer, sentence,
    )  # fmt: skip


def _believed(target: str, n: int, held: Estimate, error: float, naive: float) -> tuple[str, str]:
    said = f"{round(held.value * n)} of {n} results of {target} fell into their 90 % intervals"
    if n < LEAST:
        return "unknown", f"{said}; with fewer than {LEAST} the model cannot be judged"
    times = error / naive if naive > 0 else math.inf
    off = f"predictions were off by {times:.0%} of what guessing the median of the known results is off by"
    if held.high < PROMISED:
        return "no", f"only {said}, which should hold nine of ten: it is too sure of itself"
    if times >= 1.0:
        return "no", f"{off}: it predicts no better than a guess"
    return "yes", f"{said}, and {off}"


def first_best(told: Story) -> Result | None:
    """The best result of the first round, or of what was known before where there was any."""
    earlier = [one for one in told.results if one.earlier]
    start = earlier or [one for one in told.results if one.round <= 1]
    rows = best_rows(start, told.question)
    return start[rows[0]] if rows else None
