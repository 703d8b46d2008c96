"""What is known about a model, as frozen values that go to evaluation.json as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from matloop.core.arrays import BoolArray, FloatArray, TextArray
from matloop.metrics.estimate import Estimate


@dataclass(frozen=True, slots=True)
class Intervals:
    """How good the 90 % intervals are on one set of rows.

    `thirds` is the coverage in the narrowest, middle and widest third; `constant_score` the mean interval score of
    constant-width intervals (from the same out-of-fold residuals) around the same predictions; `gain` is
    1 - score / constant_score.
    """

    level: float
    coverage: Estimate
    thirds: tuple[float, float, float]
    mean_width: float
    score: float
    constant_score: float
    gain: float


@dataclass(frozen=True, slots=True)
class Points:
    """The rows behind a set of scores, for plots; labels of sealed rows appear here only after the look."""

    ids: TextArray
    y: FloatArray
    value: FloatArray
    low: FloatArray
    high: FloatArray
    in_domain: BoolArray
    proba: FloatArray


@dataclass(frozen=True, slots=True)
class Evidence:
    """One way of asking how wrong the model is: `vault`, `cv` (random, grouped), `loco` (leave one cluster out)."""

    name: str
    n_rows: int
    scores: Mapping[str, Estimate]
    intervals: Intervals | None
    points: Points
    confusion: tuple[tuple[int, ...], ...] = ()
    in_domain_share: float = float("nan")
    how: str = ""


@dataclass(frozen=True, slots=True)
class Baseline:
    """A dumb method on the same rows: `dummy`, `nearest neighbour`, `rule of mixtures`."""

    name: str
    how: str
    vault: Mapping[str, Estimate]
    cv: Mapping[str, Estimate]
    loco: Mapping[str, Estimate]


@dataclass(frozen=True, slots=True)
class SliceError:
    """Error on the rows with something in common (an element, a group, a class)."""

    kind: str
    name: str
    n_rows: int
    error: Estimate


@dataclass(frozen=True, slots=True)
class Failure:
    """One of the worst predictions, with the nearest training rows."""

    id: str
    shown: str
    y: float
    value: float
    low: float
    high: float
    error: float
    in_domain: bool
    nearest: tuple[tuple[str, str, float, float], ...]
    """id, what it is, its value, distance (standardised features)"""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Score on held-out rows after training on `n_rows`; several of one size give the spread."""

    n_rows: int
    score: float
    train_score: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to the question, reason first.

    `answer` is "met" only if the 95 % interval of the metric lies wholly on the good side, "not met" if wholly on the
    bad side, else "cannot be judged"; "no goal" where none was set. `warnings` come before it on the page.
    """

    answer: Literal["met", "not met", "cannot be judged", "no goal"]
    sentence: str
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    optimistic: bool
    looks: int


@dataclass(frozen=True, slots=True)
class Reliability:
    """Predicted against found frequency of a class (classification), or of interval levels (regression)."""

    predicted: FloatArray
    found: FloatArray
    n_rows: FloatArray


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All evidence about the model of one target."""

    target: str
    task: str
    unit: str
    classes: tuple[str, ...]
    metric: str
    vault: Evidence
    cv: Evidence
    loco: Evidence
    baselines: tuple[Baseline, ...]
    slices: tuple[SliceError, ...]
    failures: tuple[Failure, ...]
    learning_curve: tuple[CurvePoint, ...]
    seed_scores: tuple[float, ...]
    verdict: Verdict
    notes: tuple[str, ...] = ()
    reliability: tuple[Reliability, ...] = ()
    """on the sealed rows: one per class, or one for the levels of intervals"""
