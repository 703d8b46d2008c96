"""What a candidate should be, as a sentence: "maximise PF_n", "S_n <= -150 uV/K", "gap in 1.2..1.6 eV"."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from matloop.core import units
from matloop.core.errors import ConfigError
from matloop.problem.fault import did_you_mean

Sense = Literal["maximise", "minimise", "within", "class"]
FORMS = '"maximise T", "minimise T", "T <= 5 eV", "T >= 5 eV", "T in 1.2..1.6 eV", "T = 1.4 +- 0.1 eV", "T = a class"'
_BEST = re.compile(r"(maximi[sz]e|minimi[sz]e|max|min)\s+(.+)", re.I)
_BOUND = re.compile(r"(.+?)\s*(<=|>=|≤|≥|<|>)\s*(.+)")
_RANGE = re.compile(r"(.+?)\s+in\s+(\S+?)\s*\.\.\s*(\S+)(?:\s+(.+))?")
_ABOUT = re.compile(r"(.+?)\s*=\s*(\S+)\s*(?:\+-|±|\+/-)\s*(\S+)(?:\s+(.+))?")
_EQUAL = re.compile(r"(.+?)\s*=\s*(.+)")
_QUANTITY = re.compile(r"([+\-−]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*)")


@dataclass(frozen=True, slots=True)
class Goal:
    """One wish about one target.

    sense : "maximise" and "minimise" have no end; "within" is fulfilled from `low` to `high` (either may be infinite);
        "class" is fulfilled by the class `word`. unit : of `low` and `high`; empty means that of the target.
    """

    target: str
    sense: Sense
    low: float = -math.inf
    high: float = math.inf
    unit: str = ""
    word: str = ""
    text: str = ""

    @property
    def is_open(self) -> bool:
        """Whether more is always better, so that there is no point at which it is fulfilled."""
        return self.sense in ("maximise", "minimise")

    @property
    def sign(self) -> float:
        """1 where large values are wanted, -1 where small ones are."""
        return -1.0 if self.sense == "minimise" else 1.0


def read_goal(text: str) -> Goal:
    """The goal that a sentence states.

    Raises
    ------
    ConfigError : it has none of the known forms, or a number in it is none.

    Examples
    --------
    >>> read_goal("S_n <= -150 uV/K").high
    -150.0
    >>> read_goal("gap = 1.4 +- 0.1 eV").low
    1.2999999999999998
    """
    said = " ".join(text.split())
    if match := _BEST.fullmatch(said):
        sense: Sense = "maximise" if match[1].lower().startswith("max") else "minimise"
        return Goal(match[2], sense, text=said)
    if match := _RANGE.fullmatch(said):
        low, high = _number(match[2], said), _number(match[3], said)
        return _window(Goal(match[1], "within", low, high, match[4] or "", text=said))
    if match := _ABOUT.fullmatch(said):
        middle, half = _number(match[2], said), _number(match[3], said)
        return _window(Goal(match[1], "within", middle - half, middle + half, match[4] or "", text=said))
    if match := _BOUND.fullmatch(said):
        value, unit = _quantity(match[3], said)
        low, high = (-math.inf, value) if match[2] in ("<", "<=", "≤") else (value, math.inf)
        return Goal(match[1], "within", low, high, unit, text=said)
    if match := _EQUAL.fullmatch(said):
        return Goal(match[1], "class", word=match[2].strip("\"'"), text=said)
    raise ConfigError(f"the goal {text!r} cannot be read. Write {FORMS}.")


def settled(goals: Sequence[Goal], targets: Mapping[str, tuple[str, tuple[str, ...]]]) -> tuple[Goal, ...]:
    """The goals in the units of a model.

    Parameters
    ----------
    targets : {name: (unit, classes)}; classes are empty for numbers.

    Raises
    ------
    ConfigError : no such target or class, a unit of another kind, or a goal that does not fit the kind of target.
    """
    return tuple(_settled(goal, targets) for goal in goals)


def _settled(goal: Goal, targets: Mapping[str, tuple[str, tuple[str, ...]]]) -> Goal:
    if goal.target not in targets:
        raise ConfigError(
            f"goal {goal.text!r}: the model has no target {goal.target!r}. {did_you_mean(goal.target, list(targets))}"
        )
    unit, classes = targets[goal.target]
    if classes:
        if goal.sense != "class":
            raise ConfigError(f'goal {goal.text!r}: {goal.target} is a class. Write "{goal.target} = {classes[0]}".')
        if goal.word not in classes:
            raise ConfigError(f"goal {goal.text!r}: no class {goal.word!r}. {did_you_mean(goal.word, classes)}")
        return goal
    if goal.sense == "class":
        raise ConfigError(
            f"goal {goal.text!r}: {goal.target} is a number, which is never exactly anything. "
            f'Write "{goal.target} = 1.4 +- 0.1" or "{goal.target} in 1.3..1.5".'
        )
    if goal.is_open or not goal.unit:
        return replace(goal, unit=unit)
    if not units.compatible(goal.unit, unit):
        raise ConfigError(f"goal {goal.text!r}: {goal.target} is in {unit or 'no unit'}, not in {goal.unit}.")
    low, high = units.convert(np.array([goal.low, goal.high]), goal.unit, unit).tolist()
    return replace(goal, low=low, high=high, unit=unit)


def in_words(goal: Goal) -> str:
    """A goal in the unit of the model: "<= -150 uV/K"."""
    if goal.sense == "class":
        return f"= {goal.word}"
    unit = f" {goal.unit}" if goal.unit else ""
    if goal.is_open:
        return "as high as can be" if goal.sense == "maximise" else "as low as can be"
    if math.isinf(goal.low):
        return f"<= {goal.high:.6g}{unit}"
    if math.isinf(goal.high):
        return f">= {goal.low:.6g}{unit}"
    return f"in {goal.low:.6g}..{goal.high:.6g}{unit}"


def _window(goal: Goal) -> Goal:
    if not goal.low < goal.high:
        raise ConfigError(f"goal {goal.text!r}: from {goal.low:g} to {goal.high:g} there is nothing. Swap the ends.")
    return goal


def _quantity(text: str, said: str) -> tuple[float, str]:
    match = _QUANTITY.fullmatch(text.strip())
    if match is None:
        raise ConfigError(f"goal {said!r}: {text!r} does not begin with a number. Write {FORMS}.")
    return _number(match[1], said), match[2].strip()


def _number(text: str, said: str) -> float:
    try:
        value = float(text.replace("−", "-"))
    except ValueError as error:
        raise ConfigError(f"goal {said!r}: {text!r} is no number. Write {FORMS}.") from error
    if not math.isfinite(value):
        raise ConfigError(f"goal {said!r}: {text!r} is no finite number.")
    return value
