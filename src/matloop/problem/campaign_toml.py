"""The file of a campaign: TOML to `CampaignProblem`. Every fault is collected and told at once."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from matloop.core.errors import ConfigError
from matloop.problem.campaign import Budget, CampaignProblem, Chosen, Earlier, Fidelity, Measured, Plan, Stop, located
from matloop.problem.fault import Fault, Places, places, said
from matloop.problem.question import Source
from matloop.problem.space_toml import read_space, write_space
from matloop.problem.toml import (
    _built,
    _document,
    _key,
    _named,
    _opened,
    _pairs,
    _scalar,
    _shown,
    _table,
    _unknown_keys,
    _value,
    faulty,
)

TABLES = (
    "name", "question", "goals", "targets", "space", "constraints", "candidates", "fidelities", "data", "campaign",
    "stop",
)  # fmt: skip
_METHODS = ("strategy", "surrogate", "acquisition")


@dataclass(frozen=True, slots=True)
class Reading:
    """A campaign file: the problem (None where anything is wrong with it), all faults, and the lines of its keys."""

    file: str
    text: str
    problem: CampaignProblem | None
    faults: tuple[Fault, ...]
    places: Places

    def sentences(self) -> tuple[str, ...]:
        """The faults, each with file, line, table and key."""
        return said(self.faults, self.file, self.places)


def load_campaign(path: Path | str) -> CampaignProblem:
    """The campaign that a TOML file describes.

    Parameters
    ----------
    path : the file; its tables and keys are listed in `docs/reference/campaign.md`.

    Raises
    ------
    ConfigError : the file is missing or not TOML, or the question is unclear; the message lists every fault with its
        line, what was found and what to do.
    """
    return settled(read_campaign(Path(path)))


def settled(reading: Reading) -> CampaignProblem:
    """The problem of a reading without faults.

    Raises
    ------
    ConfigError : it has faults; all are told.
    """
    if reading.faults or reading.problem is None:
        raise ConfigError(faulty(reading.file, reading.sentences()))
    return reading.problem


def read_campaign(path: Path) -> Reading:
    """The file with all its faults; ConfigError only where it cannot be opened or is not TOML at all."""
    return parse_campaign(_opened(path), path.name)


def is_campaign(path: Path) -> bool:
    """Whether a TOML file asks for a campaign and not for a model; False where that cannot be seen."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return False
    return any(key in document for key in ("space", "candidates", "campaign", "goals"))


def parse_campaign(text: str, file: str = "campaign.toml") -> Reading:
    """The campaign in a TOML text, with all its faults.

    Raises
    ------
    ConfigError : the text is not TOML; the message has the line and a hint.
    """
    document = _document(text, file)
    faults: list[Fault] = []
    problem = _problem(document, faults)
    broken = {fault.path[:2] for fault in faults} | {fault.path[:1] for fault in faults if len(fault.path) == 1}
    broken |= {("space",)} if any(fault.path[:1] == ("space",) for fault in faults) else set()
    faults += [f for f in located(problem) if f.path[:1] not in broken and f.path[:2] not in broken]
    return Reading(file, text, None if faults else problem, tuple(faults), places(text))


def _problem(document: Mapping[str, Any], faults: list[Fault]) -> CampaignProblem:
    _unknown_keys(document, TABLES, (), faults)
    return CampaignProblem(
        name=_value(str, document.get("name", ""), ("name",), faults) or "",
        question=_value(str, document.get("question", ""), ("question",), faults) or "",
        goals=_goals(document, faults),
        targets=tuple(_target(name, table, faults) for name, table in _named(document, "targets", faults)),
        space=read_space(document, faults),
        earlier=_earlier(_table(document, "data", faults), faults),
        plan=_plan(_table(document, "campaign", faults), faults),
        stop=_built(Stop, _table(document, "stop", faults), ("stop",), faults) or Stop(),
        fidelities=_fidelities(document, faults),
    )


def _goals(document: Mapping[str, Any], faults: list[Fault]) -> tuple[str, ...]:
    found = document.get("goals", [])
    if isinstance(found, str):
        return (found,)
    return _value(tuple[str, ...], found, ("goals",), faults) or ()


@dataclass(frozen=True, slots=True)
class _TargetKeys:
    column: str = ""
    unit: str = ""
    bounds: tuple[float, float] | None = None
    error_column: str = ""
    noise: float = 0.0


def _target(name: str, table: Mapping[str, Any], faults: list[Fault]) -> Measured:
    keys = _built(_TargetKeys, table, ("targets", name), faults) or _TargetKeys()
    return Measured(name, keys.column or name, keys.unit, keys.bounds, keys.error_column, keys.noise)


@dataclass(frozen=True, slots=True)
class _FidelityKeys:
    cost: float
    oracle: str = ""


def _fidelities(document: Mapping[str, Any], faults: list[Fault]) -> tuple[Fidelity, ...]:
    """The dearest first."""
    found = []
    for name, table in _named(document, "fidelities", faults):
        if keys := _built(_FidelityKeys, table, ("fidelities", name), faults):
            found.append(Fidelity(name, keys.cost, keys.oracle))
    return tuple(sorted(found, key=lambda one: -one.cost))


def _earlier(table: Mapping[str, Any], faults: list[Fault]) -> Earlier:
    own = [f.name for f in fields(Source)]
    _unknown_keys(table, [*own, "places"], ("data",), faults)
    source = {key: found for key, found in table.items() if key in own}
    others = table.get("places", {})
    if not isinstance(others, Mapping) or not all(isinstance(path, str) and path for path in others.values()):
        said_of = f'found {_shown(others)}; a table was expected, such as {{ "lab B" = "lab_b.csv" }}.'
        faults.append(Fault(("data", "places"), said_of))
        others = {}
    return Earlier(_built(Source, source, ("data",), faults) if source else None, dict(others))


def _plan(table: Mapping[str, Any], faults: list[Fault]) -> Plan:
    names = [f.name for f in fields(Plan)]
    _unknown_keys(table, names, ("campaign",), faults)
    methods = {key: _chosen(key, table[key], faults) for key in _METHODS if key in table}
    simple = {key: found for key, found in table.items() if key in ("batch", "replicates", "seed", "budget")}
    plain = _built(_PlanKeys, simple, ("campaign",), faults) or _PlanKeys()
    budget = plain.budget or Budget()
    cost = _cost(table.get("cost", 1.0), faults)
    return Plan(plain.batch, budget=budget, cost=cost, replicates=plain.replicates, seed=plain.seed, **methods)


@dataclass(frozen=True, slots=True)
class _PlanKeys:
    batch: int = 5
    budget: Budget | None = None
    replicates: int = 1
    seed: int = 0


def _cost(found: Any, faults: list[Fault]) -> float | str:
    if isinstance(found, int | float) and not isinstance(found, bool):
        return float(found)
    if isinstance(found, str) and found.strip():
        return found.strip()
    said_of = f'found {_shown(found)}; a number, a column or a formula was expected, such as 12.5 or "2 + 0.1 * time".'
    faults.append(Fault(("campaign", "cost"), said_of))
    return 1.0


def _chosen(key: str, found: Any, faults: list[Fault]) -> Chosen:
    """`"auto"`, or `{ name = "...", ... }` with the options of the method."""
    if isinstance(found, str) and found:
        return Chosen(found)
    if isinstance(found, Mapping) and isinstance(found.get("name"), str):
        return Chosen(found["name"], {name: value for name, value in found.items() if name != "name"})
    advice = f'write {key} = "auto", or {key} = {{ name = "...", ... }} with its options.'
    faults.append(Fault(("campaign", key), f"found {_shown(found)}; {advice}"))
    return Chosen()


# --- from values to tables -------------------------------------------------------------------------------------------


def dump_campaign(problem: CampaignProblem) -> str:
    """The campaign as TOML that `load_campaign` reads back to an equal value.

    Raises
    ------
    ConfigError : a constraint is a function, which no file can hold.
    """
    lines = [f"name = {_scalar(problem.name)}"]
    lines += [f"question = {_scalar(problem.question)}"] if problem.question else []
    lines.append(f"goals = {_scalar(list(problem.goals))}")
    for target in problem.targets:
        pairs = _pairs(target, leave=("name", "column") if target.column == target.name else ("name",))
        lines += ["", f"[targets.{_key(target.name)}]", *_lined(pairs)]
    lines += ["", write_space(problem.space).strip()]
    for one in problem.fidelities:
        lines += ["", f"[fidelities.{_key(one.name)}]", *_lined(_pairs(one, leave=("name",)))]
    data = {} if problem.earlier.source is None else _pairs(problem.earlier.source, always=("source",))
    data |= {"places": dict(problem.earlier.places)} if problem.earlier.places else {}
    lines += ["", "[data]", *_lined(data)] if data else []
    plan = _pairs(problem.plan, always=("batch", "seed"))
    for key in _METHODS:
        if key in plan:
            chosen = plan[key]
            plan[key] = {"name": chosen.name, **chosen.options} if chosen.options else chosen.name
    lines += ["", "[campaign]", *_lined(plan)]
    stop = _pairs(problem.stop)
    lines += ["", "[stop]", *_lined(stop)] if stop else []
    return "\n".join(lines) + "\n"


def _lined(pairs: Mapping[str, Any]) -> list[str]:
    return [f"{_key(key)} = {_scalar(value)}" for key, value in pairs.items()]
