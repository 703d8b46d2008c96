"""What matters to a model, as frozen values that go to explanation.json as they are."""

from __future__ import annotations

from dataclasses import dataclass

from matloop.core.arrays import FloatArray


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
class Explanation:
    """What the model of one target leans on."""

    target: str
    metric: str
    importances: tuple[Importance, ...]
    dependences: tuple[Dependence, ...]
    notes: tuple[str, ...] = ()
