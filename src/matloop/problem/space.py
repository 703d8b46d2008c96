"""What may be varied in an experiment, and within what limits, as frozen values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Matter = Literal["composition", "structure", "molecule"]
Bound = Literal["<=", ">=", "="]


@dataclass(frozen=True, slots=True)
class When:
    """A parameter exists only where `parameter` (categorical, ordinal, or integer) has one of these values."""

    parameter: str
    values: tuple[str | float, ...]


@dataclass(frozen=True, slots=True)
class Continuous:
    """A number from `low` to `high`; `scale = "log"` means that factors count; `step` is the finest setting (0: any).

    `low`, `high` and `step` are in `unit`.
    """

    name: str
    low: float
    high: float
    unit: str = ""
    scale: Literal["linear", "log"] = "linear"
    step: float = 0.0
    when: When | None = None


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number from `low` to `high`, both possible."""

    name: str
    low: int
    high: int
    unit: str = ""
    when: When | None = None


@dataclass(frozen=True, slots=True)
class Ordinal:
    """One of some numbers, given from low to high."""

    name: str
    values: tuple[float, ...]
    unit: str = ""
    when: When | None = None


@dataclass(frozen=True, slots=True)
class Categorical:
    """One of some words.

    `kind` says that the words are matter (formulas, SMILES), which `features` names of `represent` describe (empty: the
    default of the kind). `descriptors` gives numbers for each word instead: {word: numbers}, all equally many. Without
    either, words are equal or different and nothing else.
    """

    name: str
    values: tuple[str, ...]
    kind: Matter | Literal[""] = ""
    features: tuple[str, ...] = ()
    descriptors: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    when: When | None = None


@dataclass(frozen=True, slots=True)
class Component:
    """One part of a mixture: absent, or a fraction from max(`low`, `least`) to `high`.

    `low` > 0 means that it is always there; `least` is the smallest amount that makes sense where it is there at all.
    """

    name: str
    low: float = 0.0
    high: float = 1.0
    least: float = 0.0


@dataclass(frozen=True, slots=True)
class Mixture:
    """Fractions that sum to one; at most `at_most` and at least `at_least` components are present.

    `step` is the finest amount (0: any). With `as_composition` the components are elements or formulas, and the
    mixture is seen by the model as the composition that results, described by `features` (empty: the fractions
    themselves).
    """

    name: str
    components: tuple[Component, ...]
    at_most: int | None = None
    at_least: int = 1
    step: float = 0.0
    as_composition: bool = False
    features: tuple[str, ...] = ()


Parameter = Continuous | Integer | Ordinal | Categorical | Mixture


@dataclass(frozen=True, slots=True)
class Linear:
    """sum of coefficient * value, bounded: over numbers and components of mixtures, in the units of the parameters."""

    coefficients: Mapping[str, float]
    bound: Bound
    limit: float


@dataclass(frozen=True, slots=True)
class Expression:
    """A condition in words of arithmetic: 'temperature * time <= 1200', 'solvent != "DMF" or temperature < 150'.

    It is parsed, never evaluated as Python.
    """

    text: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition by a function of the caller: a table with a column per parameter -> True where it is allowed.

    Only in Python; a file cannot name code.
    """

    allows: Callable[[Any], Any]
    name: str = "rule"


@dataclass(frozen=True, slots=True)
class Elements:
    """What the compositions of a space may be made of; in a file `elements = { without = ["Tc", "actinides"] }`.

    without, only : elements and series of elements. max_price : USD/kg of the elements in it. max_hhi : the largest
    concentration of production among them (0 to 10,000; above 2,500 an element is in few hands).
    """

    without: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    max_price: float | None = None
    max_hhi: float | None = None


Constraint = Linear | Expression | Rule | Elements


@dataclass(frozen=True, slots=True)
class Space:
    """All experiments that could be made.

    Either `parameters` with `constraints`, or `candidates`: a table whose rows are all there is. The parameters are
    then the columns that describe a row (none given: found by looking at the columns, but for those of `without`, which
    are results or names), as their ranges are in the table.
    """

    parameters: tuple[Parameter, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    candidates: str = ""
    without: tuple[str, ...] = ()
