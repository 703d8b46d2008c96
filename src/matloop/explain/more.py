"""Explanations beyond importance and dependence, each checked: what is unstable or survives shuffling is marked."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.explain.bench import Bench, Seat, set_up, shuffled_seats, step
from matloop.explain.checks import destroyed, stable
from matloop.explain.more_drops import drops_of
from matloop.explain.more_effects import effects_of, interactions_of
from matloop.explain.more_models import boxes_of, surrogates_of
from matloop.explain.more_shap import contributions_of
from matloop.explain.permutation import rises
from matloop.explain.values import Check, ExplainStudy, Explanation
from matloop.train.recipe_model import RecipeModel
from matloop.train.subject import Subject

_STANDARD_S = 30.0
"""Seconds that a study of depth "standard" takes at most, beside the fit to shuffled labels."""
_PERMUTED_ROWS = (500, 250, 120, 60)


def explain_more(
    subject: Subject,
    fold_models: Sequence[tuple[RecipeModel, IntArray]],
    existing: Explanation | None,
    *,
    deadline: float = math.inf,
) -> ExplainStudy:
    """SHAP values, effects, interactions, glass boxes, surrogates and drop-column importance of one target's model.

    Parameters
    ----------
    fold_models : fitted recipes with the development rows that each did not see (`fold_models` of `evaluate.gather`).
    existing : the explanation beside; its groups and their order are used. None: groups are found anew.
    deadline : `time.monotonic()` value; what it does not allow is left out and named in the notes.

    Returns
    -------
    ExplainStudy. Depth "quick" does nothing; "standard" SHAP values, effects and a surrogate tree, checked against one
    small fit to shuffled labels; "thorough" everything, with a fit to shuffled labels per fold model.
    """
    metric = (existing.metric if existing else "") or subject.development.metric or subject.trained.metric
    empty = ExplainStudy(subject.target.name, metric)
    if subject.depth == "quick":
        return replace(empty, notes=('at depth "quick" importances are not checked against shuffled labels',))
    if time.monotonic() >= deadline:
        return replace(empty, notes=("the time ran out before anything more was explained",))
    bench = set_up(subject, fold_models, existing, metric, deadline)
    if bench is None:
        return replace(empty, notes=("no fold model, or no feature that varies: there is nothing more to explain",))
    return _study(bench, empty)


def _study(bench: Bench, study: ExplainStudy) -> ExplainStudy:
    """The parts in the order of their worth, under one deadline."""
    pace, notes = bench.pace, list[str]()
    until = pace.deadline if math.isinf(pace.deadline) else time.monotonic() + 0.3 * pace.left()
    bench = replace(bench, shuffled=shuffled_seats(bench, deadline=until))
    if not bench.shuffled:
        notes.append("no model of shuffled labels was fitted in time: explanations are not checked against one")
    if not bench.thorough:
        pace.deadline = min(pace.deadline, time.monotonic() + _STANDARD_S)
    study = replace(study, output=bench.output, importance_checks=_importance_checks(bench))
    if _time(bench, "SHAP values", notes):
        made, reasons = contributions_of(bench, notes)
        study = replace(study, contributions=made, reasons=reasons)
    if _time(bench, "effects", notes):
        study = replace(study, effects=effects_of(bench, notes))
    if _time(bench, "surrogates", notes):
        study = replace(study, surrogates=surrogates_of(bench, notes))
    if bench.thorough and _time(bench, "interactions", notes):
        pairs, checks = interactions_of(bench, notes)
        study = replace(study, interactions=pairs, interaction_checks=checks)
    if bench.thorough and _time(bench, "glass boxes", notes):
        study = replace(study, glass_boxes=boxes_of(bench, notes))
    if bench.thorough and _time(bench, "drop-column importance", notes):
        drops, checks = drops_of(bench, notes)
        study = replace(study, drops=drops, drop_checks=checks)
    return replace(study, notes=tuple(notes))


def _time(bench: Bench, what: str, notes: list[str]) -> bool:
    if bench.pace.left() > 0:
        return True
    notes.append(f"left out: {what}, the time ran out")
    return False


def _importance_checks(bench: Bench) -> tuple[Check, ...]:
    """What the permutation importances beside must stand."""
    true, noise = _permuted(bench, bench.seats), _permuted(bench, bench.shuffled)
    checks = [bench.skill]
    if len(true) > 1:
        checks.append(stable(true, seed=bench.subject.seed))
    if len(true) and len(noise):
        checks.append(destroyed(true, noise, seed=bench.subject.seed))
    return tuple(checks)


def _permuted(bench: Bench, seats: Sequence[Seat]) -> FloatArray:
    """Importance of each leading group by each model, shape (n_models, n_groups); models out of time are missing."""
    cost = 2 * len(bench.groups) * (len(bench.seats) + len(bench.shuffled))
    n = step(_PERMUTED_ROWS, bench.pace.rows(0.4) / cost)
    if not seats or not n:
        return np.zeros((0, len(bench.groups)))
    parts = [seat.sample(n) for seat in seats]
    found = rises(parts, bench.groups, bench.judge, bench.pace, repeats=2, seed=bench.subject.seed + 5)
    each: FloatArray = found.mean(axis=2).T
    return each[np.isfinite(each).all(axis=1)]
