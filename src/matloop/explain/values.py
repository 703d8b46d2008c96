"""What matters to a model, as frozen values that go to explanation.json as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from matloop.core.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class Check:
    """One test that an explanation had to stand, and what came of it in words with numbers."""

    name: str
    passed: bool
    words: str


def failed(checks: Sequence[Check]) -> tuple[Check, ...]:
    """The checks that were not passed: with one of them an explanation is marked "do not read"."""
    return tuple(check for check in checks if not check.passed)


@dataclass(frozen=True, slots=True)
class Importance:
    """Rise of the error when a group of correlated feature columns is shuffled together, on out-of-fold rows.

    `low`, `high`: spread over folds and repeats. `members` are the columns of the group, the most telling one first.
    """

    name: str
    members: tuple[str, ...]
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Dependence:
    """Mean prediction as one feature takes each value of a grid (others as they are), and the share of rows there."""

    feature: str
    grid: FloatArray
    mean: FloatArray
    low: FloatArray
    high: FloatArray
    density: FloatArray
    levels: tuple[str, ...] = ()
    output: str = ""
    """what is averaged where it is not the value: `"probability of 'metal'"`"""


@dataclass(frozen=True, slots=True)
class DropColumn:
    """Rise of the error when the model is fitted again without a group of columns.

    low, high : 95 % interval of the mean over folds (corrected for shared training rows).
    permutation : rise of the error when the group is shuffled in the fitted model, NaN where unknown.
    """

    name: str
    members: tuple[str, ...]
    value: float
    low: float
    high: float
    permutation: float = float("nan")


@dataclass(frozen=True, slots=True)
class Contributions:
    """SHAP values of groups of columns on rows that the models did not see; base and contributions sum to a prediction.

    method : `"tree"`, `"linear"`, `"network"` (exact), `"sampled"`; joined by " + " for an ensemble.
    output : what is explained where it is not the value: `"log-odds of 'metal'"`, `"log10 of the value"`.
    names : groups, the largest mean first. size, low, high : shape (n_groups,), mean |contribution| over rows, and the
        least and most over models. above_noise : shape (n_groups,), 1 where it is larger than any of a model of
        shuffled labels, 0 where not, NaN where that was not looked at.
    values, levels : shape (n_rows, n_shown), contributions of the leading groups to single rows, and the value of each
        group's first column there. base, prediction : shape (n_rows,).
    gap : largest |base + contributions - prediction|, as a share of the spread of the predictions.
    """

    method: str
    output: str
    names: tuple[str, ...]
    size: FloatArray
    low: FloatArray
    high: FloatArray
    above_noise: FloatArray
    values: FloatArray
    levels: FloatArray
    base: FloatArray
    prediction: FloatArray
    gap: float
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """One group's share in one prediction: its leading column, that column's value in words, and the contribution."""

    name: str
    level: str
    value: float


@dataclass(frozen=True, slots=True)
class Why:
    """Why one row got its prediction: base + parts + rest = prediction, in what `Contributions.output` says.

    measured, predicted : target unit or class index.
    """

    id: str
    shown: str
    measured: float
    predicted: float
    base: float
    prediction: float
    parts: tuple[Part, ...]
    rest: float


@dataclass(frozen=True, slots=True)
class Effect:
    """Accumulated local effect of one feature, with single rows' curves.

    grid : shape (n_grid,). mean, low, high : shape (n_grid,), effect in output units, zero on average over the rows:
    mean, least and most over models. curves : shape (n_rows, n_grid), centred individual curves (ICE).
    density : shape (n_grid,), share of the rows near each grid value. strength : standard deviation over the rows.
    levels : words of a category (then mean and curves are centred dependence, not accumulated).
    alike : how many other columns say much the same; the model divides the effect among them.
    """

    feature: str
    grid: FloatArray
    mean: FloatArray
    low: FloatArray
    high: FloatArray
    curves: FloatArray
    density: FloatArray
    strength: float
    levels: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    alike: int = 0


@dataclass(frozen=True, slots=True)
class Interaction:
    """How much two features do together beyond what each does alone.

    strength, low, high : standard deviation of the joint part, output units; least and most over models.
    h : Friedman's H, the joint part as a share of what both do (0 to 1).
    grid_a, grid_b, surface : second-order accumulated local effect, shape (n_a, n_b); empty where it was not asked for.
    """

    a: str
    b: str
    strength: float
    low: float
    high: float
    h: float
    grid_a: FloatArray = field(default_factory=lambda: np.zeros(0))
    grid_b: FloatArray = field(default_factory=lambda: np.zeros(0))
    surface: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))


@dataclass(frozen=True, slots=True)
class Term:
    """One term of a model that can be read.

    size : how far it moves the output, standard deviation over the rows (output units; a tree: share of its error that
    it removes). coefficient : change of the output per unit of the column, NaN where the term is no straight line.
    folds : share of the folds in which it was chosen.
    """

    name: str
    size: float
    coefficient: float = float("nan")
    folds: float = float("nan")


@dataclass(frozen=True, slots=True)
class GlassBox:
    """A model that can be read, fitted beside the chosen one on the same folds.

    loss, model_loss : mean over folds of the loss of the metric (lower is better).
    price, low, high : mean difference of the losses, box minus model, with its 95 % interval over paired folds.
    intercept, terms, rules : what there is to read, from a fit on all rows.
    """

    kind: str
    loss: float
    model_loss: float
    price: float
    low: float
    high: float
    terms: tuple[Term, ...] = ()
    rules: tuple[str, ...] = ()
    intercept: float = float("nan")
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True, slots=True)
class Surrogate:
    """A model that can be read, fitted to the predictions of the chosen one.

    fidelity, low, high : R2 to the chosen model's predictions on rows not used, mean and extremes over parts.
    """

    kind: str
    fidelity: float
    low: float
    high: float
    terms: tuple[Term, ...] = ()
    rules: tuple[str, ...] = ()
    intercept: float = float("nan")
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True, slots=True)
class ExplainStudy:
    """Explanations beyond permutation importance and partial dependence, each with its checks.

    output : what effects and surrogates are in where it is not the value.
    importance_checks : of the permutation importances in the `Explanation` beside.
    """

    target: str
    metric: str
    output: str = ""
    importance_checks: tuple[Check, ...] = ()
    drops: tuple[DropColumn, ...] = ()
    drop_checks: tuple[Check, ...] = ()
    contributions: Contributions | None = None
    reasons: tuple[Why, ...] = ()
    effects: tuple[Effect, ...] = ()
    interactions: tuple[Interaction, ...] = ()
    interaction_checks: tuple[Check, ...] = ()
    glass_boxes: tuple[GlassBox, ...] = ()
    surrogates: tuple[Surrogate, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the model of one target leans on."""

    target: str
    metric: str
    importances: tuple[Importance, ...]
    dependences: tuple[Dependence, ...]
    notes: tuple[str, ...] = ()
