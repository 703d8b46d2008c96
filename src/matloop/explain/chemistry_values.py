"""Explanations in a chemist's terms, as frozen values that go to a file as they are."""

from __future__ import annotations

from dataclasses import dataclass

from matloop.explain.values import Check


@dataclass(frozen=True, slots=True)
class ElementEffect:
    """How the prediction moves when the fraction of an element rises and all others give way in proportion; or, where
    such rows would leave the domain, when it takes the place of an alike element (`exchanged`).

    value, low, high : mean change of the output per percent of the atoms (1 at%), with its 95 % interval over rows and
        models; of the model, not of nature.
    row_low, row_high : 10 and 90 % quantile over single rows: far apart where it depends on the partners.
    n_rows : rows that hold the element and stay inside the domain when it is altered; `inside` their share.
    sure : whether the interval leaves out zero, all models agree on the sign, and models of shuffled labels do not
        reach half of it.
    """

    symbol: str
    value: float
    low: float
    high: float
    row_low: float
    row_high: float
    n_rows: int
    inside: float
    sure: bool
    exchanged: bool = False


@dataclass(frozen=True, slots=True)
class Exchange:
    """How the prediction changes when all atoms of one element are replaced by an alike one; as in `ElementEffect`.

    n_pairs, measured : pairs of rows in the data that differ in nothing else, and the mean difference of their measured
        values (output units); 0 and NaN where there are none.
    """

    old: str
    new: str
    value: float
    low: float
    high: float
    row_low: float
    row_high: float
    n_rows: int
    inside: float
    sure: bool
    n_pairs: int = 0
    measured: float = float("nan")


@dataclass(frozen=True, slots=True)
class Prototype:
    """A row that stands for others, or (`band` is "odd") one that no prototype stands for.

    band : which rows it stands for: "low", "middle" and "high" third of the values, or a class. share : share of the
    rows of its band that are nearer to it than to the other prototypes of the band; NaN for an odd one.
    measured : target unit, or class index.
    """

    id: str
    shown: str
    band: str
    measured: float
    share: float


@dataclass(frozen=True, slots=True)
class Leaned:
    """A training row near a prediction: its weight in it as the model sees them (0 to 1), and its distance in
    standardised features (root mean square, standard deviations)."""

    id: str
    shown: str
    measured: float
    weight: float
    distance: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """The training rows that one prediction leans on.

    method : how the weights were found, in words. rows : number of rows that it effectively leans on, 1 / sum(w^2).
    leaned : the heaviest first. near : the nearest in features first. said : whether they agree and how far they are.
    """

    method: str
    rows: float
    leaned: tuple[Leaned, ...]
    near: tuple[Leaned, ...]
    said: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Altered:
    """A feasible change of one row and what the model says of the result.

    moves : in words, "Co → Ni (half)", "temperature 900 → 1100 K". shown : what it becomes. cost : share of the atoms
    exchanged, plus numbers in units of their trained range, plus 0.5 per category.
    value, low, high : prediction with its interval (NaN for classes). chance : probability of the class that is wanted.
    change, change_low, change_high : difference to the row as it was; its interval takes both errors as independent.
    supported : whether the doubt allows it to be told; else it is within the doubt.
    """

    moves: tuple[str, ...]
    shown: str
    cost: float
    value: float
    low: float
    high: float
    chance: float
    change: float
    change_low: float
    change_high: float
    supported: bool


@dataclass(frozen=True, slots=True)
class Found:
    """Up to five unlike changes that reach a wish, supported ones first, then the smallest.

    tried : changes that were predicted; charged, outside : left out because their charges cannot balance, because they
    are outside the domain. complete : whether no single change and no pair was left untried, or enough were found.
    """

    wish: str
    altered: tuple[Altered, ...]
    tried: int
    charged: int
    outside: int
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Case:
    """One row under the lens: why it was chosen, what its prediction leans on, and what would change it.

    measured, predicted, low, high : target unit or class index; by a model that did not see the row.
    """

    id: str
    shown: str
    why: str
    measured: float
    predicted: float
    low: float
    high: float
    evidence: Evidence | None
    found: Found | None


@dataclass(frozen=True, slots=True)
class ChemistryStudy:
    """The chemistry of a model: effects of elements, of exchanging them, prototypes, and rows under the lens.

    input : the composition that is altered. output : what effects are in where it is not the value ("log10 of the
    value", "probability of 'metal'").
    """

    target: str
    input: str
    output: str = ""
    effects: tuple[ElementEffect, ...] = ()
    effect_checks: tuple[Check, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    exchange_checks: tuple[Check, ...] = ()
    prototypes: tuple[Prototype, ...] = ()
    cases: tuple[Case, ...] = ()
    notes: tuple[str, ...] = ()
