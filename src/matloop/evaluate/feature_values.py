"""What a comparison of representations says, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass

from matloop.core.arrays import FloatArray
from matloop.metrics.estimate import Estimate

ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class ModelScore:
    """One representation with one model.

    losses : shape (n_scores,), the loss on each held-out fold, in the order of repeats and folds; lower is better.
    mean : their mean, with an interval that allows for training rows that folds share.
    p_value : of being as good as the best representation with this model, corrected for all pairs (Holm); 1 for it.
    fit_seconds : one fit.
    """

    model: str
    losses: FloatArray
    mean: Estimate
    p_value: float
    fit_seconds: float


@dataclass(frozen=True, slots=True)
class ArmScore:
    """One representation: columns, cost and scores with each model.

    name : as it was asked for. cutoff : the length scale, where this is one of a curve (`family` is then what the curve
    is called). seconds_per_row : to describe one row, measured. n_unread : rows with a missing value.
    """

    name: str
    n_columns: int
    seconds_per_row: float
    n_unread: int
    scores: tuple[ModelScore, ...]
    family: str = ""
    cutoff: float | None = None

    def with_model(self, model: str) -> ModelScore:
        """The score with one of the models."""
        return next(score for score in self.scores if score.model == model)


@dataclass(frozen=True, slots=True)
class CutoffCurve:
    """The loss of one representation against its length scale.

    p_values : shape (n_cutoffs,), of being as good as the best cutoff, corrected (Holm); 1 for the best.
    seconds_per_row : shape (n_cutoffs,), to describe one row, measured.
    reach : the smallest cutoff that cannot be told from the best one. told : whether any cutoff can be told from it.
    """

    family: str
    model: str
    cutoffs: FloatArray
    means: tuple[Estimate, ...]
    p_values: FloatArray
    seconds_per_row: FloatArray
    best: float
    reach: float
    told: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class FeatureComparison:
    """Representations beside each other with the same models on the same folds of development rows.

    metric : what losses are; unit : of the target. constant : the loss of an answer that knows no input.
    arms : representations that were asked for and finished, the best first (by its best model). left_out : name and
    reason of others.
    best_model : the model with the lowest loss. level : what cannot be told from the best with it, cheapest first.
    """

    target: str
    metric: str
    unit: str
    models: tuple[str, ...]
    n_rows: int
    n_folds: int
    n_repeats: int
    constant: float
    arms: tuple[ArmScore, ...]
    curves: tuple[CutoffCurve, ...]
    best_model: str
    level: tuple[str, ...]
    sentence: str
    notes: tuple[str, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
