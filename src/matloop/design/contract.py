"""What spaces, surrogates, acquisitions and strategies know of each other.

Numbers inside: a point is a row of values in the user's units; a surrogate sees encoded points (`Domain.encode`) and
values of which more is always better (the strategy turns signs, and straightens skewed values, before and after).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray, TextArray
from matloop.design.goals import Goal

if TYPE_CHECKING:
    import pandas as pd

How = Literal["uniform", "sobol", "latin"]


@dataclass(frozen=True, slots=True)
class Axes:
    """The columns of encoded points.

    names : shape (width,). categorical : shape (width,), True for codes 0, 1, ... that are equal or different and
    nothing else; other columns are numbers from 0 to 1. variable : shape (width,), which thing that can be varied a
    column belongs to, from 0 (several descriptors of one category, or all fractions of a mixture, share one).
    """

    names: tuple[str, ...]
    categorical: BoolArray
    variable: IntArray

    @property
    def width(self) -> int:
        return len(self.names)


@dataclass(frozen=True, slots=True)
class Points:
    """Experiments of one domain: shape (n, n_columns), one column per number, category (code) or component of a
    mixture, in the user's units; NaN where a parameter does not exist (conditional). For tables of candidates a single
    column holds the row."""

    values: FloatArray

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: IntArray | BoolArray | Sequence[int]) -> Points:
        kept = np.asarray(rows)
        return Points(self.values[kept if kept.dtype == np.bool_ else kept.astype(np.int64)])


class Domain(Protocol):
    """A space that can be sampled, searched and encoded. Nothing is enumerated unless it is small."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of `Points.values`; also the columns of the user's table, but for tables of candidates."""

    @property
    def axes(self) -> Axes: ...

    @property
    def log10_size(self) -> float:
        """log10 of the number of different points; infinite where anything is continuous."""

    def sample(self, n: int, seed: int, *, how: How = "uniform") -> Points:
        """`n` allowed points (fewer where there are not so many), each different where the domain is finite."""

    def near(self, points: Points, n: int, seed: int, *, reach: float = 0.1) -> Points:
        """`n` allowed points around each of the points, in their order: moves of single parameters and of several, of
        about `reach` times the range; shape (len(points) * n, n_columns)."""

    def encode(self, points: Points) -> FloatArray:
        """Shape (n, axes.width); see `Axes`."""

    def everything(self, limit: int = 100_000) -> Points | None:
        """All points, or None where they are more than `limit`."""

    def why_not(self, points: Points) -> TextArray:
        """Why a point is not allowed; empty where it is."""

    def frame(self, points: Points) -> pd.DataFrame:
        """The points as a user's table: words for codes, empty where a parameter does not exist."""

    def read(self, frame: pd.DataFrame) -> tuple[Points, TextArray]:
        """The points of a user's table, and why a row is outside the domain (it is kept); empty where it is inside.

        Raises DataError where a column is missing or a cell cannot be read, naming row, column and what was found.
        """

    def keys(self, points: Points) -> TextArray:
        """The same text for the same experiment."""


class Belief(Protocol):
    """A surrogate that has seen data."""

    @property
    def noise(self) -> float:
        """Standard deviation of a repeated measurement, in the unit of the values."""

    @property
    def words(self) -> str:
        """What it is and what it found, for the report: "Gaussian process, 12 rows; temperature matters most"."""

    def predict(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation of the value without the noise of a measurement; each shape (n,)."""

    def joint(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean, shape (n,), and covariance, shape (n, n)."""

    def draw(self, X: FloatArray, n: int, seed: int) -> FloatArray:
        """Joint samples, shape (n, len(X))."""

    def believing(self, X: FloatArray, y: FloatArray) -> Belief:
        """As if these had been measured too, without learning its settings anew."""


class Surrogate(Protocol):
    """A way to learn from few rows; frozen, so that one may be used for many targets."""

    def fit(
        self,
        X: FloatArray,
        y: FloatArray,
        *,
        seed: int,
        noise: FloatArray | None = None,
        task: IntArray | None = None,
    ) -> Belief:
        """Learn from encoded points and values.

        noise : shape (n,), known standard deviation of each value, NaN where unknown. task : shape (n,), 0 for the
        campaign itself and 1, 2, ... for other campaigns, laboratories or fidelities; predictions are of task 0.
        """


@dataclass(frozen=True, slots=True)
class History:
    """What has been asked and told so far, in the order in which it was told.

    Attributes
    ----------
    points : all measured or failed experiments; replicates are rows of their own.
    values : {target: shape (n,)}, NaN where not measured, or where the experiment failed.
    errors : {target: shape (n,)}, one standard deviation where it was told, else NaN.
    failed : shape (n,), experiments that gave no result (a failed synthesis teaches).
    cost : shape (n,). round : shape (n,), number of the batch. place : shape (n,), laboratory, empty for the own one.
    pending : experiments asked and not yet told.
    level : shape (n,), fidelity of each: 0 what the goals are about, 1, 2, ... ever cheaper stand-ins. pending_level :
    of those pending. Both empty where everything is of level 0.
    """

    points: Points
    values: Mapping[str, FloatArray]
    failed: BoolArray
    errors: Mapping[str, FloatArray] = field(default_factory=dict)
    cost: FloatArray = field(default_factory=lambda: np.zeros(0))
    round: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    place: TextArray = field(default_factory=lambda: np.zeros(0, np.str_))
    pending: Points = field(default_factory=lambda: Points(np.zeros((0, 0))))
    level: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    pending_level: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))

    def __len__(self) -> int:
        return len(self.points)


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What is expected of suggestions for one target, in the user's unit: each shape (n,); a 90 % interval.

    freedom : degrees of freedom of the Student's t that the interval is of; infinite for a normal one.
    """

    value: FloatArray
    low: FloatArray
    high: FloatArray
    freedom: float = np.inf


@dataclass(frozen=True, slots=True)
class Suggestions:
    """Experiments to make next, best first.

    points : shape (n, ...). reasons : shape (n,), in words. foreseen : {target: Foreseen}, empty where the strategy
    has no model. chance : shape (n,), that the experiment works and all goals with an end are met. how : what the
    strategy did, in a sentence or two, for the report. level : shape (n,), at which fidelity (`History.level`); None
    where all are of level 0.
    """

    points: Points
    reasons: tuple[str, ...]
    foreseen: Mapping[str, Foreseen] = field(default_factory=dict)
    chance: FloatArray | None = None
    how: str = ""
    level: IntArray | None = None


@dataclass(frozen=True, slots=True)
class Aim:
    """A goal in the units of a belief: more is better, or `low` to `high` is good (either may be infinite).

    belief : which of the beliefs. is_open : more is always better. best : what is to beat, for an open aim: the best
    value of a known experiment that meets all aims with an end; -inf where there is none. weight : its worth beside
    other open aims.
    """

    belief: int
    is_open: bool = True
    low: float = -np.inf
    high: float = np.inf
    best: float = -np.inf
    weight: float = 1.0


class Chance(Protocol):
    """How probable it is that an experiment works at all, or is allowed by what was learnt from failures."""

    def __call__(self, X: FloatArray) -> FloatArray: ...


class Price(Protocol):
    """What experiments are expected to cost, above zero."""

    def __call__(self, X: FloatArray) -> FloatArray: ...


@dataclass(frozen=True, slots=True)
class About:
    """What an acquisition knows beside the beliefs.

    aims : at least one. known : shape (n, width), encoded experiments with their `values`, shape (n_beliefs, n), in the
    units of the beliefs, NaN where not measured. pending : shape (m, width). works, costs : None where everything
    works, or costs the same. seed : of whatever is drawn. axes : of the columns; None where all are numbers.
    """

    aims: tuple[Aim, ...]
    known: FloatArray
    values: FloatArray
    pending: FloatArray
    works: Chance | None = None
    costs: Price | None = None
    seed: int = 0
    axes: Axes | None = None


class Acquisition(Protocol):
    """The worth of making one experiment next; frozen, with its settings as fields."""

    def worth(self, beliefs: Sequence[Belief], X: FloatArray, about: About) -> FloatArray:
        """Shape (n,): larger is better; logarithms where it is a positive quantity that may be tiny. -inf where an
        experiment is worth nothing; never NaN. Chances and costs are not in it: what builds a batch adds them."""


class Strategy(Protocol):
    """From everything known to the next experiments. It keeps nothing between calls: the same history and seed give the
    same suggestions, so that a campaign can be replayed from its log."""

    def suggest(self, domain: Domain, history: History, goals: Sequence[Goal], n: int, *, seed: int) -> Suggestions:
        """`n` experiments (fewer where the domain has no more), different from each other and from the pending ones."""
