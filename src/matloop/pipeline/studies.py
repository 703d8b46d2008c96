"""The deeper looks at a model, in the order of their worth, under one clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import MatloopError
from matloop.data.dataset import Dataset
from matloop.evaluate.bias import study_bias
from matloop.evaluate.bias_values import BiasStudy
from matloop.evaluate.domain_study import DomainStudy, study_domain
from matloop.evaluate.doubt_study import DoubtStudy, study_doubt
from matloop.evaluate.gathered import Gathered
from matloop.evaluate.learning import LearningStudy, study_learning
from matloop.evaluate.selection_study import SelectionStudy, study_selection
from matloop.evaluate.split_study import SplitStudy, study_splits
from matloop.evaluate.stability import StabilityStudy, study_stability
from matloop.explain.chemistry_study import study_chemistry
from matloop.explain.chemistry_values import ChemistryStudy
from matloop.explain.laws.study import study_laws
from matloop.explain.laws.values import LawStudy
from matloop.explain.more import explain_more
from matloop.explain.values import ExplainStudy, Explanation
from matloop.pipeline.clock import Clock
from matloop.pipeline.folder import RunFolder, slug
from matloop.problem.question import Depth
from matloop.profile.study import MapStudy, study_map
from matloop.report.studies import Studies
from matloop.represent.representation import Representation
from matloop.train.model import Model
from matloop.train.recipe_model import RecipeModel
from matloop.train.subject import Subject

RESERVED: dict[Depth, float] = {"quick": 0.05, "standard": 0.05, "thorough": 0.4}
"""Share of the minutes that is kept from the search for explanation and studies."""


@dataclass(frozen=True, slots=True)
class Material:
    """What studies are made from."""

    subject: Subject
    gathered: Gathered
    explanation: Explanation
    fold_models: Sequence[tuple[RecipeModel, IntArray]]
    dataset: Dataset
    representation: Representation
    model: Model


@dataclass(frozen=True, slots=True)
class _Study:
    """One study: what it is called in a sentence, its value, how to make it, its share of the time left."""

    title: str
    kind: type
    make: Callable[[Material, float], Any]
    share: float


_STUDIES: dict[str, _Study] = {
    "doubt": _Study("ways to state doubt", DoubtStudy, lambda m, end: study_doubt(
        m.subject, m.gathered, deadline=end, loco_spread=None if m.gathered.loco is None else m.gathered.loco.spread,
    ), 0.15),
    "domain": _Study("the domain", DomainStudy, lambda m, end: study_domain(
        m.subject, m.gathered, deadline=end,
    ), 0.15),
    "bias": _Study("bias", BiasStudy, lambda m, end: study_bias(m.subject, m.gathered, deadline=end), 0.2),
    "learning": _Study("what more data would bring", LearningStudy, lambda m, end: study_learning(
        m.subject, m.gathered, deadline=end,
    ), 0.15),
    "laws": _Study("laws", LawStudy, lambda m, end: study_laws(m.subject, deadline=end), 0.3),
    "chemistry": _Study("the chemistry of the model", ChemistryStudy, lambda m, end: study_chemistry(
        m.subject, m.fold_models, m.explanation, dataset=m.dataset, representation=m.representation, model=m.model,
        deadline=end,
    ), 0.3),
    "map": _Study("a map of the rows", MapStudy, lambda m, end: study_map(
        m.subject, in_domain=m.gathered.cv.prediction.in_domain, deadline=end,
    ), 0.25),
    "selection": _Study("the choice of columns", SelectionStudy, lambda m, end: study_selection(
        m.subject, deadline=end,
    ), 0.1),
    "explained": _Study("what the model leans on", ExplainStudy, lambda m, end: explain_more(
        m.subject, m.fold_models, m.explanation, deadline=end,
    ), 0.35),
    "splits": _Study("kinds of novelty", SplitStudy, lambda m, end: study_splits(
        m.subject, m.gathered, deadline=end, times=_times(m),
    ), 0.35),
    "stability": _Study("how firm the model is", StabilityStudy, lambda m, end: study_stability(
        m.subject, m.gathered, deadline=end,
    ), 1.0),
}  # fmt: skip


def _times(material: Material) -> FloatArray | None:
    times = material.dataset.times
    return times if np.isfinite(times).any() else None


def make_studies(material: Material, where: RunFolder, clock: Clock, *, deadline: float) -> Studies:
    """Every study that the deadline allows, each kept in a file of its own so that a stopped run does none twice.

    A study that cannot be made (too few rows of a class, a singular matrix) is left out with its reason: the model and
    its evidence stand without it.
    """
    name, found, left_out = material.subject.target.name, dict[str, Any](), list[str]()
    for number, (key, study) in enumerate(_STUDIES.items()):
        clock.progress.tell(f"studying {study.title}", number / len(_STUDIES))
        now = time.monotonic()
        until = now + study.share * max(deadline - now, 0.0)
        begun = time.monotonic()
        try:
            made: Any = study.kind | None  # None is an answer as well
            found[key] = where.kept(f"study-{key}-{slug(name)}.json", made, partial(study.make, material, until))
        except (MatloopError, ArithmeticError, ValueError, np.linalg.LinAlgError) as error:
            left_out.append(f"{study.title}: {' '.join(str(error).split())[:300]}")
        took = round(time.monotonic() - begun, 3)
        where.log.append({"event": "study", "study": key, "target": name, "seconds": took})
    return Studies(**found, left_out=tuple(left_out))
