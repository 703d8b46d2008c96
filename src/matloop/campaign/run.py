"""Round and round by itself: ask, measure, tell, until a rule says that it is enough."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matloop.campaign.campaign import Campaign
from matloop.campaign.oracles.contract import Oracle, Outcome, Setting
from matloop.campaign.oracles.patience import Patient
from matloop.campaign.oracles.registry import open_oracle
from matloop.campaign.question import framed
from matloop.campaign.report import REPORT, report
from matloop.campaign.standing import Standing
from matloop.campaign.state import Suggestion
from matloop.core.errors import ConfigError, RunError
from matloop.core.jsonable import to_jsonable
from matloop.core.progress import SILENT, Progress
from matloop.report.words import counted

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Rounds:
    """What a run did.

    told, failed : experiments of this run. stopped : why it is enough; empty where it is not. waiting : names of
    experiments whose results are not there yet. report : the page with the story.
    """

    told: int
    failed: int
    rounds: int
    stopped: tuple[str, ...]
    waiting: tuple[str, ...]
    report: Path
    standing: Standing

    def lines(self) -> list[str]:
        """For the screen."""
        said = f"{counted(self.told, 'result')} in {counted(self.rounds, 'round')}"
        found = [f"{said}{f', {self.failed} of them failed' if self.failed else ''}", *self.standing.lines()]
        if self.waiting and not self.stopped:
            found.append(f"waiting for {', '.join(self.waiting[:12])}; the same command goes on from here")
        return [*found, f"report: {self.report}"]

    def as_json(self) -> Any:
        """For programs."""
        return to_jsonable(self)


def run(
    folder: Path | str,
    oracle: str | Callable[[Mapping[str, Any]], object] | Oracle | None = None,
    *,
    n: int | None = None,
    rounds: int | None = None,
    seconds: float = 3600.0,
    tries: int = 3,
    pause: float = 1.0,
    cost: float = math.nan,
    progress: Progress = SILENT,
) -> Rounds:
    """Let a campaign go round until it stops: learn, ask, measure, record, learn anew.

    Each result is told at once. Whatever ends the run (also `kill -9`), the same call goes on: what was asked for and
    not told is measured first.

    Parameters
    ----------
    folder : of the campaign. oracle : see `open_oracle`; of fidelities with an oracle of their own that one counts, and
    where all have one this may be None.
    n : experiments of a round; the batch of the problem by default. rounds : at most so many now.
    seconds, tries, pause, cost : see `Setting`.

    Raises
    ------
    ConfigError : nothing would ever end it; no such oracle, or none is said. RunError : the oracle broke down for a
    whole round (what was asked for stays so), or the log cannot be written.
    """
    campaign = Campaign.open(folder)
    if rounds is None and not _ends(campaign):
        raise ConfigError(
            "nothing ends this campaign. Write a budget ([campaign.budget] experiments = 100) or a rule ([stop]) into "
            "its file, or say how many rounds to make (--rounds)."
        )
    setting = Setting(
        {target.name: target.unit for target in campaign.problem.targets}, campaign.folder, seconds, tries, pause, cost
    )
    measure = _oracles(campaign, oracle, setting)
    who = oracle.partition(":")[0] if isinstance(oracle, str) else "oracle"
    told = failed = made = 0
    stopped: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    try:
        while rounds is None or made < rounds:
            pending = campaign.state.pending
            if not pending:
                asked = campaign.ask(n, who=who)
                pending, stopped = asked.suggestions, asked.stopped
            if not pending:
                break
            made += 1
            progress.step(f"round {pending[-1].round}")
            done = _round(campaign, measure, pending, who, progress)
            told, failed, waiting = told + done.told, failed + done.failed, done.waiting
            if waiting:
                break
    finally:
        report(campaign)
    return Rounds(told, failed, made, stopped, waiting, campaign.folder / REPORT, campaign.status())


def _oracles(
    campaign: Campaign, oracle: str | Callable[[Mapping[str, Any]], object] | Oracle | None, setting: Setting
) -> dict[str, Patient]:
    """{fidelity as results name it: what measures it}; where there are no fidelities, of the experiment alone."""
    problem = campaign.problem
    said = {problem.fidelity(level): one.oracle for level, one in enumerate(problem.fidelities)} or {"": ""}
    found = {}
    for name, own in said.items():
        if not own and oracle is None:
            of = f" by {name or problem.fidelities[0].name}" if problem.fidelities else ""
            raise ConfigError(f"what measures{of} is not said: --oracle 'table:FILE', 'command:PROGRAM', ...")
        mine = replace(setting, cost=math.nan) if name else setting  # a cost on the command line is of the experiment
        found[name] = Patient(open_oracle(own or oracle or "", mine), mine)
    return found


def _ends(campaign: Campaign) -> bool:
    plan, stop = campaign.problem.plan, campaign.problem.stop
    rules = (stop.gain, stop.worth, stop.regret, stop.found)
    return bool(plan.budget.experiments or plan.budget.cost or campaign.problem.space.candidates) or any(
        one is not None for one in rules
    )


@dataclass(frozen=True, slots=True)
class _Done:
    told: int
    failed: int
    waiting: tuple[str, ...]


def _answers(campaign: Campaign, oracles: Mapping[str, Patient], pending: Sequence[Suggestion]) -> Iterator[Outcome]:
    """Outcomes as they come, the cheapest fidelity first."""
    import pandas as pd

    for name in reversed(list(oracles)):
        mine = [one for one in pending if one.fidelity == name]
        if mine:
            candidates = framed([one.point for one in mine], campaign.question.names)
            candidates.index = pd.Index([one.id for one in mine])
            yield from oracles[name].measure(candidates, seed=campaign.state.seed)


def _round(
    campaign: Campaign, oracles: Mapping[str, Patient], pending: Sequence[Suggestion], who: str, progress: Progress
) -> _Done:
    """Measure what was asked for; what broke down counts as failed where something else of the round was answered."""
    open_ones = {one.id: one for one in pending}
    broken: list[Outcome] = []
    told = failed = 0
    for outcome in _answers(campaign, oracles, pending):
        suggestion = open_ones.pop(outcome.row)
        if outcome.fault == "oracle":
            broken.append(outcome)
            continue
        campaign.tell(row_of(outcome, suggestion, campaign), who=who)
        told, failed = told + 1, failed + bool(outcome.failure)
        progress.tell(_said(outcome), 1 - len(open_ones) / len(pending))
    if broken and not told:
        names_said = ", ".join(str(one.row) for one in broken[:6])
        raise RunError(
            f"the oracle broke down for {counted(len(broken), 'experiment')} ({names_said}) and answered none: "
            f"{broken[0].failure}. They stay asked for: mend the oracle and run the same command, or take them back: "
            f"matloop campaign withdraw {campaign.folder} {broken[0].row}"
        )
    for outcome in broken:
        campaign.tell(row_of(outcome, _by_id(pending, outcome.row), campaign), who=who)
        progress.tell(_said(outcome))
    return _Done(told + len(broken), failed + len(broken), tuple(open_ones))


def _by_id(pending: Sequence[Suggestion], name: str) -> Suggestion:
    return next(one for one in pending if one.id == name)


def row_of(outcome: Outcome, suggestion: Suggestion, campaign: Campaign) -> pd.DataFrame:
    """An outcome as a row of results, as a person would write it."""
    import pandas as pd

    row: dict[str, Any] = {"id": suggestion.id}
    for target in campaign.problem.targets:
        if target.name in outcome.values:
            row[target.column or target.name] = outcome.values[target.name]
        if target.name in outcome.errors:
            row[target.error_column or f"{target.column or target.name} error"] = outcome.errors[target.name]
    if outcome.failure:
        row["failed"] = "yes"
    if not math.isnan(outcome.cost):
        row["cost"] = outcome.cost
    row["note"] = outcome.failure or outcome.note
    if outcome.settings:
        row |= {name: outcome.settings.get(name, suggestion.point.get(name)) for name in campaign.question.names}
    return pd.DataFrame({name: pd.Series([cell], dtype=object) for name, cell in row.items()})


def _said(outcome: Outcome) -> str:
    if outcome.failure:
        return f"{outcome.row} failed: {outcome.failure}"
    return f"{outcome.row}: " + ", ".join(f"{name} {value:.5g}" for name, value in outcome.values.items())
