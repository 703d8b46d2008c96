"""Evidence that needs fits and no sealed labels, as one frozen value that a run can go on from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from matloop.core.arrays import FloatArray, IntArray
from matloop.doubt.prediction import Prediction
from matloop.evaluate.baselines import Guess
from matloop.evaluate.values import CurvePoint


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Every development row judged by a model, doubt and domain that did not see its part (fold or cluster).

    part : shape (n,), the part of each row.
    prediction : NaN where the part could not be predicted.
    constant : shape (n,), half-width of the constant intervals that the other parts' residuals give, target unit.
    """

    prediction: Prediction
    part: IntArray
    constant: FloatArray
    how: str
    spread: FloatArray | None = None
    """shape (n,), what the held-out models themselves say of their doubt, before calibration"""


@dataclass(frozen=True, slots=True)
class BaselineGuess:
    """One baseline on the rows of `cv` and `loco`; None where left out."""

    name: str
    how: str
    cv: Guess | None
    loco: Guess | None


@dataclass(frozen=True, slots=True)
class Kept:
    """Fold models that were kept for explanation: the parts `which` of `part` (n,), fitted with `seed`.

    `seed` is -1 where none was kept.
    """

    part: IntArray
    which: tuple[int, ...]
    seed: int


@dataclass(frozen=True, slots=True)
class Gathered:
    """All evidence on the development rows.

    metric : of `learning_curve` and `seed_scores` (as it is, not turned into a loss).
    seed_scores : of the whole cross-validation per seed, the first seed first.
    left_out : what the deadline did not allow, in words.
    seconds : time per piece.
    done : which fits were finished, as (piece, fit) in the fixed order of importance: what a replay repeats.
    """

    metric: str
    cv: HeldOut
    loco: HeldOut | None
    baselines: tuple[BaselineGuess, ...]
    learning_curve: tuple[CurvePoint, ...]
    seed_scores: tuple[float, ...]
    kept: Kept
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    done: tuple[tuple[int, int], ...] = ()
