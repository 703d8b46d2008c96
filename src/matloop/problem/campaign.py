"""The question of a campaign: what may be varied, what is wanted, what it may cost. Frozen values."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from matloop.core import units
from matloop.problem.fault import Fault, quoted
from matloop.problem.question import Source
from matloop.problem.space import Space

RESERVED = (
    "id", "name", "round", "result", "reason", "chance", "cost", "cost foreseen", "place", "failed", "note", "who",
    "nearest", "flags", "told at",
)  # fmt: skip
"""Columns of the tables that go out and come back, which no parameter and no target may be called by."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One property that an experiment gives.

    column : of the tables of results. unit : what results are converted to. bounds : what is physically possible; a
    result outside is kept and flagged. error_column : one standard deviation per row. noise : the standard deviation of
    a result that comes without one, 0 where it is not known.
    """

    name: str
    column: str = ""
    unit: str = ""
    bounds: tuple[float, float] | None = None
    error_column: str = ""
    noise: float = 0.0


@dataclass(frozen=True, slots=True)
class Chosen:
    """A method by its name and its options."""

    name: str = "auto"
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be spent: experiments (0: no limit), and cost in the user's unit of cost (0: no limit)."""

    experiments: int = 0
    cost: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How experiments are chosen.

    batch : how many at a time. strategy, surrogate, acquisition : methods; "auto" is the accepted choice for the space.
    cost : of one experiment: a number, a column of the table of candidates, or a formula over parameters ("2 + 0.1 *
    time"). replicates : how often each suggestion is to be made. seed : of everything that is drawn.
    """

    batch: int = 5
    strategy: Chosen = field(default_factory=Chosen)
    surrogate: Chosen = field(default_factory=Chosen)
    acquisition: Chosen = field(default_factory=Chosen)
    budget: Budget = field(default_factory=Budget)
    cost: float | str = 1.0
    replicates: int = 1
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Stop:
    """When it is enough; a rule that is None does not count.

    gain : the expected gain of the best suggestion is below this, in the unit of the target. worth : what one unit of
    the target is worth in the unit of cost; ends when the expected gain is worth less than the experiment costs.
    regret : with `confidence` no experiment that was not made can be better than the best known one by more than this.
    found : so many experiments meet all goals.
    """

    gain: float | None = None
    worth: float | None = None
    regret: float | None = None
    found: int | None = None
    confidence: float = 0.95


@dataclass(frozen=True, slots=True)
class Earlier:
    """Results from before. `source` are of the own laboratory; `places` are tables, or folders of campaigns, of others:
    {name of the place: path}. They help where they are alike; they are never taken for results of one's own."""

    source: Source | None = None
    places: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fidelity:
    """A way to get a value of the targets: the dearest is what the goals are about (the experiment), cheaper ones stand
    in for it (simulations). cost : of one measurement. oracle : what measures it in `matloop campaign run`; empty where
    that is said there."""

    name: str
    cost: float
    oracle: str = ""


@dataclass(frozen=True, slots=True)
class CampaignProblem:
    """Experiments in search of something.

    goals : sentences, such as "maximise yield" and "purity >= 0.95". targets : everything that is measured.
    fidelities : the experiment first, then ever cheaper stand-ins; empty where everything is an experiment.
    """

    name: str
    goals: tuple[str, ...]
    targets: tuple[Measured, ...]
    space: Space
    question: str = ""
    earlier: Earlier = field(default_factory=Earlier)
    plan: Plan = field(default_factory=Plan)
    stop: Stop = field(default_factory=Stop)
    fidelities: tuple[Fidelity, ...] = ()

    def target(self, name: str) -> Measured:
        """The target called `name`."""
        return next(target for target in self.targets if target.name == name)

    def fidelity(self, level: int) -> str:
        """What a fidelity is called in results: empty for the experiment itself (level 0)."""
        return self.fidelities[level].name if level else ""

    def level(self, fidelity: str) -> int:
        """The place of a fidelity as results name it among `fidelities`: 0 is the experiment."""
        names = [one.name for one in self.fidelities]
        return names.index(fidelity) if fidelity else 0


def located(problem: CampaignProblem) -> tuple[Fault, ...]:
    """Every contradiction of a campaign that can be told without data, with the table and key where it stands."""
    checks = (_whole, _targets, _plan, _stop, _fidelities)
    return tuple(fault for check in checks for fault in check(problem))


def _whole(problem: CampaignProblem) -> Iterable[Fault]:
    if not problem.name.strip():
        yield Fault(("name",), "a name is missing; pages and messages call the campaign by it.")
    if not problem.goals:
        yield Fault(("goals",), 'what is wanted is missing; write for example: goals = ["maximise yield"]')
    if not problem.targets:
        yield Fault(("targets",), "nothing is measured; write a line [targets.NAME] with the name of the property.")
    if not problem.space.parameters and not problem.space.candidates:
        yield Fault(("space",), "nothing can be varied; write for example: [space.temperature], low = 20, high = 80.")


def _targets(problem: CampaignProblem) -> Iterable[Fault]:
    parameters = {parameter.name for parameter in problem.space.parameters}
    for target in problem.targets:
        path = ("targets", target.name)
        if target.name in parameters:
            yield Fault(path, "a parameter has the same name; call one of them differently.")
        if target.column in RESERVED or target.name in RESERVED:
            yield Fault(path, f"{quoted(target.name)} is the name of a column with another meaning; call it otherwise.")
        if target.unit and not units.known(target.unit):
            yield Fault((*path, "unit"), f"the unit {quoted(target.unit)} is not known; write it like 'uV/K', 'eV'.")
        if target.bounds is not None and not target.bounds[0] < target.bounds[1]:
            low, high = target.bounds
            yield Fault((*path, "bounds"), f"from {low:g} to {high:g} there is nothing; swap the ends.")
        if not (target.noise >= 0 and math.isfinite(target.noise)):
            yield Fault((*path, "noise"), f"found {target.noise:g}; a standard deviation of 0 or more was expected.")
    for name in parameters & set(RESERVED):
        yield Fault(("space", name), "this is the name of a column with another meaning; call the parameter otherwise.")


def _plan(problem: CampaignProblem) -> Iterable[Fault]:
    plan = problem.plan
    for key, number, least in (("batch", plan.batch, 1), ("replicates", plan.replicates, 1), ("seed", plan.seed, 0)):
        if number < least:
            yield Fault(("campaign", key), f"found {number}; a whole number from {least} on was expected.")
    if plan.budget.experiments < 0 or not plan.budget.cost >= 0:
        yield Fault(("campaign", "budget"), "a budget is a number above 0; leave the key out where there is no limit.")
    if isinstance(plan.cost, float) and not (plan.cost > 0 and math.isfinite(plan.cost)):
        yield Fault(("campaign", "cost"), f"found {plan.cost:g}; what an experiment costs is a number above 0.")


def _stop(problem: CampaignProblem) -> Iterable[Fault]:
    stop = problem.stop
    for key, value in (("gain", stop.gain), ("worth", stop.worth), ("regret", stop.regret), ("found", stop.found)):
        if value is not None and not (value > 0 and math.isfinite(value)):
            yield Fault(("stop", key), f"found {value:g}; a number above 0 was expected.")
    if not 0.5 <= stop.confidence < 1:
        yield Fault(("stop", "confidence"), f"found {stop.confidence:g}; a share from 0.5 to below 1, such as 0.95.")


def _fidelities(problem: CampaignProblem) -> Iterable[Fault]:
    found = problem.fidelities
    if not found:
        return
    for one in found:
        if not (one.cost > 0 and math.isfinite(one.cost)):
            said = f"found {one.cost:g}; what a measurement costs is a number above 0."
            yield Fault(("fidelities", one.name, "cost"), said)
    if len(found) < 2:
        advice = f"{quoted(found[0].name)} is the only one; write a cheaper one beside it, or delete [fidelities]."
        yield Fault(("fidelities",), advice)
    for one, other in itertools.pairwise(found):
        if one.cost == other.cost:
            said = (
                f"costs as much as {quoted(one.name)}; the dearer one is what goals are about: their costs must differ."
            )
            yield Fault(("fidelities", other.name, "cost"), said)
    taken = [*(p.name for p in problem.space.parameters), *(t.name for t in problem.targets)]
    if "fidelity" in taken:
        yield Fault(("fidelities",), 'a parameter or target is called "fidelity", as a column of results; rename it.')
    if problem.plan.cost != 1.0:
        yield Fault(("campaign", "cost"), "each of [fidelities] has its own cost; delete this one.")
    if problem.earlier.places:
        advice = "results of other places and [fidelities] do not go together; leave one of them out."
        yield Fault(("data", "places"), advice)
    if problem.plan.surrogate.name not in ("auto", "multi_fidelity"):
        said = f'found {quoted(problem.plan.surrogate.name)}; with [fidelities] it is "multi_fidelity" (or "auto").'
        yield Fault(("campaign", "surrogate"), said)
