"""What training hands on: candidates, the recipe that was chosen, and the final model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from matloop.core.arrays import FloatArray, IntArray
from matloop.doubt.prediction import OutOfFold
from matloop.models.family import FitTask, Spec
from matloop.problem.question import Loss, Never
from matloop.represent.table import FeatureTable

Status = Literal["ranked", "pruned", "failed", "out of time", "too slow", "skipped"]


@dataclass(frozen=True, slots=True)
class Development:
    """The rows that may be learnt from, for one target; sealed rows are not in here.

    y : shape (n,), target unit or class index; only labelled rows. errors: one standard deviation or NaN.
    weights : relative row weights (given ones times inverse square of errors), mean one.
    groups : shape (n,), group index; fold : shape (n,), the fold of each row (grouped, stratified).
    unlabelled : rows without a label (sealed rows are never among them), or None.
    positive : index of the class that counts as positive in a two-class task.
    """

    table: FeatureTable
    y: FloatArray
    errors: FloatArray
    weights: FloatArray
    groups: IntArray
    fold: IntArray
    task: FitTask
    classes: tuple[str, ...] = ()
    unit: str = ""
    scale: Literal["linear", "log"] = "linear"
    bounds: tuple[float, float] | None = None
    loss: Loss = "auto"
    metric: str = ""
    unlabelled: FeatureTable | None = None
    positive: int = 1
    never: Never | None = None

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is made, as plain data: one or several specs with weights that sum to one (an ensemble).

    `threshold` is the probability of class index 1 from which a two-class problem says class 1 (0.5 unless chosen
    inside folds);
    `pseudo_labels` is True where rows without a label are used by self-training.
    """

    members: tuple[Spec, ...]
    weights: tuple[float, ...] = (1.0,)
    threshold: float = 0.5
    pseudo_labels: bool = False

    @property
    def label(self) -> str:
        if len(self.members) == 1:
            return self.members[0].label
        inside = " + ".join(f"{w:.2f} {m.family}" for w, m in zip(self.weights, self.members, strict=True))
        return f"ensemble({inside})"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One row of candidates.jsonl, in the order tried.

    fold_scores : the search metric on each fold (lower is better: errors, or one minus a score), NaN where not run.
    p_value : corrected paired test (Nadeau & Bengio 2003) against the best candidate; 1 for the best itself.
    """

    number: int
    recipe: Recipe
    status: Status
    reason: str = ""
    fold_scores: tuple[float, ...] = ()
    score: float = float("nan")
    seconds: float = 0.0
    predict_ms: float = float("nan")
    p_value: float = float("nan")
    rank: int = 0


@dataclass(frozen=True, slots=True)
class LossCurve:
    """Loss per epoch of a network or per round of a boosting, for training and validation rows."""

    label: str
    train: tuple[float, ...]
    validation: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Trained:
    """The outcome of the search for one target, before doubt is fitted."""

    recipe: Recipe
    candidates: tuple[Candidate, ...]
    out_of_fold: OutOfFold
    metric: str
    loss_curves: tuple[LossCurve, ...] = ()
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
