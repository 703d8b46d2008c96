"""Deeper looks at one model, side by side; each is None where depth or time did not allow it."""

from __future__ import annotations

from dataclasses import dataclass

from matloop.evaluate.bias_values import BiasStudy
from matloop.evaluate.domain_study import DomainStudy
from matloop.evaluate.doubt_study import DoubtStudy
from matloop.evaluate.learning import LearningStudy
from matloop.evaluate.selection_study import SelectionStudy
from matloop.evaluate.split_study import SplitStudy
from matloop.evaluate.stability import StabilityStudy
from matloop.explain.chemistry_values import ChemistryStudy
from matloop.explain.laws.values import LawStudy
from matloop.explain.values import ExplainStudy
from matloop.profile.study import MapStudy


@dataclass(frozen=True, slots=True)
class Studies:
    """What is known about one model beyond its scores; made from development rows alone.

    left_out : studies that are missing, each with the reason.
    """

    doubt: DoubtStudy | None = None
    domain: DomainStudy | None = None
    bias: BiasStudy | None = None
    learning: LearningStudy | None = None
    map: MapStudy | None = None
    explained: ExplainStudy | None = None
    splits: SplitStudy | None = None
    stability: StabilityStudy | None = None
    laws: LawStudy | None = None
    chemistry: ChemistryStudy | None = None
    selection: SelectionStudy | None = None
    left_out: tuple[str, ...] = ()
