"""Everything that a report shows, as one frozen value; the run folder holds it, so a page can be made again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from matloop.core.arrays import BoolArray, FloatArray
from matloop.data.dataset import Provenance, Removal, Repair
from matloop.evaluate.values import Evaluation
from matloop.explain.values import Explanation
from matloop.problem.question import Problem
from matloop.profile.five_values import Finding
from matloop.report.studies import Studies
from matloop.train.values import Candidate, LossCurve, Recipe


@dataclass(frozen=True, slots=True)
class CleaningSummary:
    """What cleaning did. `removed` and `repaired` are the first hundred; the files beside hold every one."""

    n_source_rows: int
    n_rows: int
    n_removed: int
    n_repaired: int
    n_merged: int
    removed_by_reason: Mapping[str, int]
    repaired_by_reason: Mapping[str, int]
    removed: tuple[Removal, ...]
    repaired: tuple[Repair, ...]
    notes: tuple[str, ...]
    n_flagged: int = 0


@dataclass(frozen=True, slots=True)
class SplitSummary:
    """Who may see which row. `x`, `y`: the two principal axes of the features, per row, as `in_vault`."""

    n_development: int
    n_vault: int
    n_groups: int
    group: str
    how: str
    x: FloatArray
    y: FloatArray
    in_vault: BoolArray
    explained: tuple[float, float]


@dataclass(frozen=True, slots=True)
class TargetRecord:
    """Training, evidence and explanation for one target."""

    name: str
    recipe: Recipe
    candidates: tuple[Candidate, ...]
    evaluation: Evaluation
    explanation: Explanation
    loss_curves: tuple[LossCurve, ...] = ()
    notes: tuple[str, ...] = ()
    search_metric: str = ""
    """what the candidates' fold scores are; empty: the metric of the evaluation"""
    studies: Studies = field(default_factory=Studies)


@dataclass(frozen=True, slots=True)
class ProfileSection:
    """One of the five Vs of the table."""

    name: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class ProfileSummary:
    """What the profile of the table says, with labels of development rows only.

    hidden : what correlations hide, in sentences. page : the whole profile, beside the report. left_out : why there is
    none, else empty.
    """

    sections: tuple[ProfileSection, ...] = ()
    labels_shown: int = 0
    hidden: tuple[str, ...] = ()
    page: str = ""
    left_out: str = ""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One finished run."""

    run_id: str
    folder: str
    problem: Problem
    provenance: Provenance
    cleaning: CleaningSummary
    split: SplitSummary
    features: Mapping[str, int]
    """columns made by each featurizer, `"formula:magpie": 132`"""
    targets: tuple[TargetRecord, ...]
    versions: Mapping[str, str]
    timing: Mapping[str, float]
    """seconds of each step, and `total`"""
    citations: tuple[str, ...]
    reproduce: tuple[str, ...]
    """commands that give this result again"""
    notes: tuple[str, ...] = ()
    profile: ProfileSummary | None = None
    """None in a run of a release before it"""
