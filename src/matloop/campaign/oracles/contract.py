"""What an oracle is asked and what it answers: each experiment by itself, told as soon as it is there."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from matloop.core import units
from matloop.core.errors import ConfigError, DataError
from matloop.problem.fault import did_you_mean

if TYPE_CHECKING:
    import pandas as pd

Fault = Literal["", "experiment", "oracle"]


@dataclass(frozen=True, slots=True)
class Setting:
    """What is to be measured, where, and how long it may take.

    Attributes
    ----------
    targets : {name: unit}; an empty unit means none, or any.
    home : the folder of the campaign, where files for robots and persons wait.
    seconds : that one experiment may take, and that files are waited for in one call. tries : how often an oracle is
        asked again where it broke down (not where the experiment failed). pause : seconds before the second try; twice
        as many before each further one.
    cost : of one experiment where the oracle does not say; NaN is what the campaign foresees.
    """

    targets: Mapping[str, str]
    home: Path = Path()
    seconds: float = 3600.0
    tries: int = 3
    pause: float = 1.0
    cost: float = math.nan

    def __post_init__(self) -> None:
        if not self.targets:
            raise ConfigError("an oracle measures at least one target; none is given.")
        if not (self.seconds > 0 and self.pause >= 0 and self.tries >= 1 and not self.cost < 0):
            raise ConfigError(
                f"seconds {self.seconds:g}, tries {self.tries}, pause {self.pause:g} and cost {self.cost:g}: time and "
                "tries must be above zero, pauses and costs not below it."
            )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one experiment.

    Attributes
    ----------
    row : label of the candidate in the table that was given.
    values : {target: value}, in the units of the setting; targets without a value were not measured.
    errors : {target: one standard deviation}, where known. cost : what it took, NaN where it is not
    said. seconds : how long it took.
    failure : why there is no value; empty where there is one. fault : whose: of the "experiment" (this candidate cannot
        be made or measured, from which something can be learnt) or of the "oracle" (it broke down, nothing is known).
    settings : {parameter: value} that were really used, where they differ from those asked for.
    note : anything a reader should know.
    """

    row: Any
    values: Mapping[str, float] = field(default_factory=dict)
    errors: Mapping[str, float] = field(default_factory=dict)
    cost: float = math.nan
    seconds: float = 0.0
    failure: str = ""
    fault: Fault = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""


class Oracle(Protocol):
    """Something that measures; frozen."""

    def measure(self, candidates: pd.DataFrame, *, seed: int) -> Iterator[Outcome]:
        """Outcomes one by one, each as soon as it is there, in any order, at most one per row.

        candidates : a column per parameter, a row per experiment; the index says which is which. A row that is not
        answered is still under way: the next call with the same row takes up its result. The same candidates and seed
        give the same values where the oracle has chance of its own.
        """


Make = Callable[[str, Setting], Oracle]
"""What the registry holds: from the text after the colon of "table:data.csv" to an oracle."""


def failed(row: Any, why: str, *, seconds: float = 0.0, cost: float = math.nan, fault: Fault = "experiment") -> Outcome:
    """An outcome without a value."""
    return Outcome(row, cost=cost, seconds=seconds, failure=why, fault=fault)


def answer(row: Any, said: object, setting: Setting, *, seconds: float = 0.0, who: str = "the oracle") -> Outcome:
    """What a function, a program or a robot answered, checked.

    Parameters
    ----------
    said : a number, where there is one target; else {target: number}, or {"values": {target: number}} with, if wanted,
        "errors", "units" ({target: unit}), "cost", "settings", "note"; {"failed": "why"} where the experiment failed.

    Raises
    ------
    DataError : it is none of these, or a value is no finite number; the message says what was found.
    """
    if isinstance(said, bool) or said is None:
        raise DataError(f"{who} answered {said!r}; expected a number or {{target: number}}.")
    if not isinstance(said, Mapping):
        if len(setting.targets) != 1:
            raise DataError(f"{who} answered one number for {len(setting.targets)} targets; answer {{target: number}}.")
        said = {next(iter(setting.targets)): said}
    if said.get("failed"):
        return failed(row, str(said["failed"])[:500], seconds=seconds, cost=_cost(said, setting, who))
    values, errors = _values(said, setting, who), _errors(said, setting, who)
    return Outcome(
        row, values, errors, _cost(said, setting, who), seconds, settings=_mapping(said, "settings", who),
        note=str(said.get("note", ""))[:500],
    )  # fmt: skip


_WORDS = ("values", "errors", "units", "cost", "settings", "note", "failed", "id")


def _values(said: Mapping[str, Any], setting: Setting, who: str) -> dict[str, float]:
    given = _mapping(said, "values", who) or {name: one for name, one in said.items() if name not in _WORDS}
    if unknown := [name for name in given if name not in setting.targets]:
        hint = did_you_mean(unknown[0], list(setting.targets))
        raise DataError(f"{who} answered {unknown[0]!r}, which is no target. {hint}")
    values = {name: _number(one, name, who) for name, one in given.items() if one is not None}
    if not values:
        raise DataError(f"{who} answered no value; expected {', '.join(setting.targets)}, or 'failed' with the reason.")
    told = _mapping(said, "units", who)
    return {name: _converted(value, told.get(name), setting.targets[name], name, who) for name, value in values.items()}


def _errors(said: Mapping[str, Any], setting: Setting, who: str) -> dict[str, float]:
    told, errors = _mapping(said, "units", who), {}
    for name, one in _mapping(said, "errors", who).items():
        if name not in setting.targets:
            raise DataError(f"{who} answered an error of {name!r}, which is no target.")
        if one is None:
            continue
        value = _number(one, f"error of {name}", who)
        zero = _converted(0.0, told.get(name), setting.targets[name], name, who)
        value = _converted(value, told.get(name), setting.targets[name], name, who) - zero
        if value < 0:
            raise DataError(f"{who}: the error of {name} is {value:g}; a standard deviation is not below zero.")
        errors[name] = value
    return errors


def _mapping(said: Mapping[str, Any], name: str, who: str) -> dict[str, Any]:
    found = said.get(name) or {}
    if not isinstance(found, Mapping):
        raise DataError(f"{who}: {name!r} is {type(found).__name__}; expected an object of names.")
    return {str(key): one for key, one in found.items()}


def _cost(said: Mapping[str, Any], setting: Setting, who: str) -> float:
    value = said.get("cost")
    if value is None:
        return setting.cost
    cost = _number(value, "cost", who)
    if cost < 0:
        raise DataError(f"{who}: the cost is {cost:g}; it is not below zero.")
    return cost


def _number(found: object, name: str, who: str) -> float:
    try:
        value = float("nan") if isinstance(found, bool) else float(found)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise DataError(f"{who}: {name} is {str(found)[:80]!r}; expected a number.") from error
    if not math.isfinite(value):
        raise DataError(f"{who}: {name} is {str(found)[:80]}; expected a finite number.")
    return value


def _converted(value: float, told: str | None, wanted: str, name: str, who: str) -> float:
    if not told or not wanted or told == wanted:
        return value
    if not units.compatible(told, wanted):
        raise DataError(f"{who}: {name} is in {told}, the problem asks for {wanted}, which is another quantity.")
    return float(units.convert(_array(value), told, wanted)[0])


def _array(value: float) -> Any:
    import numpy as np

    return np.array([value])


def as_record(candidates: pd.DataFrame, place: int) -> dict[str, Any]:
    """One candidate as plain values, without parameters that do not exist."""
    row = candidates.iloc[place]
    return {str(name): _plain(one) for name, one in row.items() if not _missing(one)}


def _plain(value: Any) -> Any:
    plain = value.item() if hasattr(value, "item") else value
    return int(plain) if isinstance(plain, float) and plain.is_integer() and abs(plain) < 1e15 else plain


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value)) or str(value) in ("<NA>", "nan", "NaT")
