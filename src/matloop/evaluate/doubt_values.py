"""What is known about a model's doubt beside other ways to doubt the same predictions."""

from __future__ import annotations

from dataclasses import dataclass

from matloop.core.arrays import FloatArray
from matloop.evaluate.values import Reliability
from matloop.metrics.estimate import Estimate
from matloop.metrics.intervals import CoveragePart
from matloop.metrics.uncertainty import ConfidenceCurve, ErrorBins

OWN = "own"
"""Name of the model's own doubt among the ways."""


@dataclass(frozen=True, slots=True)
class DoubtScore:
    """How good one way to doubt is on one set of rows; `score`, `crps`, `mean_width` and `sharpness` in target unit.

    beyond : how much higher its interval score is than that of the model's own doubt, as a share of that (paired, 95 %
        interval by group); NaN for the own one. levels : promised and found coverage of normal intervals.
    """

    name: str
    label: str
    coverage: float
    mean_width: float
    score: float
    beyond: Estimate
    crps: float
    nll: float
    ence: float
    miscalibration: float
    sharpness: float
    dispersion: float
    rank_correlation: float
    widest_ratio: float
    ause: float
    levels: Reliability


@dataclass(frozen=True, slots=True)
class DoubtPart:
    """All ways to doubt the same rows; the model's own first, the others by interval score.

    best : name of the one with the lowest interval score. within_noise : whether the own one is not told apart from it.
    bins, confidence : of the own doubt. thirds : its coverage by width.
    """

    name: str
    n_rows: int
    methods: tuple[DoubtScore, ...]
    best: str
    within_noise: bool
    thirds: tuple[CoveragePart, ...]
    bins: ErrorBins
    confidence: ConfidenceCurve


@dataclass(frozen=True, slots=True)
class ClassScore:
    """How good one way to calibrate probabilities is; all but `accuracy` are better when lower."""

    name: str
    label: str
    log_loss: float
    brier: float
    ece: float
    beyond: Estimate


@dataclass(frozen=True, slots=True)
class SetScore:
    """Prediction sets by one method.

    by_class : shape (n_classes,), coverage of each class. single : share of rows with one class in their set. sizes :
    shape (n_classes + 1,), share of rows with a set of 0, 1, 2, ... classes.
    """

    name: str
    label: str
    coverage: float
    by_class: FloatArray
    mean_size: float
    single: float
    sizes: FloatArray


@dataclass(frozen=True, slots=True)
class ClassPart:
    """Probabilities and prediction sets on one set of rows; the model's own probabilities first."""

    name: str
    n_rows: int
    methods: tuple[ClassScore, ...]
    best: str
    within_noise: bool
    reliability: tuple[Reliability, ...]
    sets: tuple[SetScore, ...]
    confidence: ConfidenceCurve


@dataclass(frozen=True, slots=True)
class DoubtStudy:
    """The doubt of one target's model beside its alternatives; `parts` for numbers, `classes` for classes."""

    level: float
    unit: str
    class_names: tuple[str, ...]
    parts: tuple[DoubtPart, ...]
    classes: tuple[ClassPart, ...]
    notes: tuple[str, ...] = ()
