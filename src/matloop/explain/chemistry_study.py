"""The chemistry of a trained recipe: effects of elements, exchanges, prototypes, and rows under the lens; checked."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from matloop.core.arrays import IntArray
from matloop.data.dataset import Dataset
from matloop.explain.bench import Bench, set_up, shuffled_seats
from matloop.explain.chemistry_cases import Lens, cases_of, places_of, prototypes_of, usual_distance
from matloop.explain.chemistry_effects import effects_of_elements, effects_of_exchanges
from matloop.explain.chemistry_values import ChemistryStudy
from matloop.explain.edits import Matter, matter_of
from matloop.explain.values import Explanation
from matloop.represent.representation import Representation
from matloop.train.model import Model
from matloop.train.recipe_model import RecipeModel
from matloop.train.subject import Subject

_STANDARD_S = 15.0
"""Seconds that a study of depth "standard" takes at most, beside the fit to shuffled labels."""
_TRIED = {"standard": 600, "thorough": 2000}
"""Changes of one row that are predicted."""


def study_chemistry(
    subject: Subject,
    fold_models: Sequence[tuple[RecipeModel, IntArray]],
    existing: Explanation | None,
    *,
    dataset: Dataset,
    representation: Representation,
    model: Model,
    deadline: float = math.inf,
) -> ChemistryStudy | None:
    """What a model says about chemistry, in a chemist's terms, and whether that may be read.

    Parameters
    ----------
    fold_models : fitted recipes with the development rows that each did not see.
    existing : permutation importances of the same models; None: found anew.
    dataset : the development rows, in the order of `subject.development`; only their inputs are used.
    representation : that made the features. model : the final one; its domain and its doubt are used.
    deadline : `time.monotonic()` value; what it does not allow is left out and named in the notes.

    Returns
    -------
    None where no input is a composition. Depth "quick" does nothing; "standard" a few thousand altered rows and one
    small fit to shuffled labels (the one of `explain_more`, found in the pool); "thorough" five times as many.
    """
    matter = matter_of(dataset, representation)
    if matter is None:
        return None
    study = ChemistryStudy(subject.target.name, matter.name)
    if subject.depth == "quick":
        return replace(study, notes=('at depth "quick" the chemistry of the model is not looked at',))
    if time.monotonic() >= deadline:
        return replace(study, notes=("the time ran out before the chemistry of the model was looked at",))
    metric = (existing.metric if existing else "") or subject.development.metric or subject.trained.metric
    bench = set_up(subject, fold_models, existing, metric, deadline)
    if bench is None:
        return replace(study, notes=("no fold model, or no feature that varies: there is no chemistry to tell",))
    return _study(replace(study, output=bench.output), bench, matter, model, fold_models)


def _study(
    study: ChemistryStudy,
    bench: Bench,
    matter: Matter,
    model: Model,
    fold_models: Sequence[tuple[RecipeModel, IntArray]],
) -> ChemistryStudy:
    pace, notes = bench.pace, list[str]()
    until = pace.deadline if math.isinf(pace.deadline) else time.monotonic() + 0.3 * pace.left()
    bench = replace(bench, shuffled=shuffled_seats(bench, deadline=until))
    if not bench.shuffled:
        notes.append("no model of shuffled labels was fitted in time: effects are not checked against one")
    if not bench.thorough:
        pace.deadline = min(pace.deadline, time.monotonic() + _STANDARD_S)
    with pace.part_of_the_time(0.35):
        effects, effect_checks = effects_of_elements(bench, matter, model.domain, notes)
    with pace.part_of_the_time(0.4):
        exchanges, exchange_checks = effects_of_exchanges(bench, matter, model.domain, notes)
    study = replace(
        study, effects=effects, effect_checks=effect_checks, exchanges=exchanges, exchange_checks=exchange_checks
    )
    if pace.left() > 0:
        owner = _owner(fold_models, len(bench.subject.development))
        places = places_of(bench)
        found, first = prototypes_of(bench, places, np.flatnonzero(owner >= 0))
        lens = Lens(bench, matter, model, fold_models, owner, places, usual_distance(bench, places), first)
        cases = cases_of(lens, notes, most=_TRIED[bench.subject.depth])
        study = replace(study, prototypes=found, cases=cases)
    else:
        notes.append("left out: prototypes and rows under the lens, the time ran out")
    return replace(study, notes=tuple(notes))


def _owner(fold_models: Sequence[tuple[RecipeModel, IntArray]], n: int) -> IntArray:
    owner = np.full(n, -1, dtype=np.int64)
    for k, (_, rows) in enumerate(fold_models):
        owner[rows] = k
    return owner
