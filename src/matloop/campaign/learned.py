"""Results as a strategy sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from matloop.campaign.question import Question, usable
from matloop.campaign.state import Result, State
from matloop.core.arrays import BoolArray, FloatArray
from matloop.design.contract import History, Points
from matloop.design.strategy.learn import at_target


def history_of(state: State, question: Question) -> tuple[History, tuple[Result, ...]]:
    """The history in the order of telling, and the results that are its rows; results whose settings a model cannot see
    (a word that is not in the space, a row that is in no table) are left out."""
    results = tuple(state.results.values())
    points, _ = question.points([result.point for result in results])
    seen = usable(question.domain, points)
    results = tuple(result for result, use in zip(results, seen, strict=True) if use)
    pending, _ = question.points([suggestion.point for suggestion in state.pending])
    level = question.problem.level
    history = History(
        points.take(seen),
        {target.name: _values(results, target.name) for target in question.problem.targets},
        np.array([result.failed for result in results], dtype=bool),
        {target.name: _errors(results, target.name, target.noise) for target in question.problem.targets},
        paid(results, question, points.take(seen)),
        np.array([result.round for result in results], dtype=np.int64),
        np.array([result.place for result in results], dtype=np.str_),
        pending,
        np.array([level(result.fidelity) for result in results], dtype=np.int64),
        np.array([level(suggestion.fidelity) for suggestion in state.pending], dtype=np.int64),
    )
    return history, results


def experiments_only(history: History) -> History:
    """Without what stand-ins said, for strategies that know of experiments alone."""
    at = at_target(history)
    if at.all() and not history.pending_level.any():
        return history
    return replace(
        history,
        points=history.points.take(at),
        values={name: values[at] for name, values in history.values.items()},
        errors={name: errors[at] for name, errors in history.errors.items()},
        failed=history.failed[at],
        cost=history.cost[at],
        round=history.round[at],
        place=history.place[at],
        level=history.level[at],
    )


def paid(results: Sequence[Result], question: Question, points: Points) -> FloatArray:
    """What the experiments cost: as told, else as foreseen; shape (n,), NaN where neither is known."""
    told = np.array([result.cost for result in results], dtype=np.float64)
    levels = np.array([question.problem.level(result.fidelity) for result in results], dtype=np.int64)
    return np.where(np.isnan(told), question.costs(points, levels), told) if len(results) else told


def _values(results: Sequence[Result], target: str) -> FloatArray:
    return np.array([result.values.get(target, np.nan) for result in results], dtype=np.float64)


def _errors(results: Sequence[Result], target: str, noise: float) -> FloatArray:
    errors = [result.errors.get(target, noise or np.nan) if target in result.values else np.nan for result in results]
    return np.array(errors, dtype=np.float64)


def meets(results: Sequence[Result], question: Question) -> BoolArray:
    """Which results meet all goals with an end, shape (n,); one whose target was not measured does not, nor does what a
    stand-in said."""
    good = np.array([not result.failed and not result.fidelity for result in results], dtype=bool)
    for goal in question.goals:
        values = _values(results, goal.target)
        good &= np.isfinite(values) if goal.is_open else (values >= goal.low) & (values <= goal.high)
    return good


def best_rows(results: Sequence[Result], question: Question) -> list[int]:
    """The best results, of the own place where it has any: those that no other beats in every open goal, best of the
    first goal first; without an open goal all that meet the goals. Nothing where none meets them."""
    own = np.array([not result.place for result in results], dtype=bool)
    good = meets(results, question)
    good &= own if (good & own).any() else True
    rows = np.flatnonzero(good)
    wanted = [goal for goal in question.goals if goal.is_open]
    if not wanted or not len(rows):
        return [int(row) for row in rows]
    worth = np.array([goal.sign * _values(results, goal.target)[rows] for goal in wanted])
    better = worth[:, None, :] - worth[:, :, None]
    beaten = ((better >= 0).all(axis=0) & (better > 0).any(axis=0)).any(axis=1)
    front = np.flatnonzero(~beaten)
    ordered = front[np.argsort(-worth[0, front], kind="stable")]
    return [int(rows[k]) for k in (ordered[:1] if len(wanted) == 1 else ordered)]
