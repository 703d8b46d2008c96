"""Everything that is wrong with a campaign file, found before anything begins."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from matloop.campaign.earlier import earlier_reads
from matloop.campaign.question import Question, goals_of, ready, strategy_of
from matloop.campaign.stopping import said_of_goals
from matloop.core.errors import ConfigError, MatloopError
from matloop.design.space.domain import open_domain
from matloop.pipeline.check import Checked
from matloop.problem.campaign import CampaignProblem
from matloop.problem.campaign_toml import read_campaign
from matloop.problem.fault import Fault, said
from matloop.report.words import counted


def check_campaign(path: Path | str) -> Checked:
    """Look at a campaign file, its space, its methods and the tables it names, without beginning anything.

    Raises
    ------
    ConfigError : the file does not exist or is not TOML; all other faults are in what is returned.
    """
    path = Path(path)
    reading = read_campaign(path)
    if reading.problem is None:
        return Checked(reading.file, None, reading.sentences(), (), (), ())
    base = path.absolute().parent
    try:
        question = ready(reading.problem, base)
    except ConfigError as error:
        faults = _faults(reading.problem, base) or [Fault((), str(error))]
        return Checked(reading.file, None, said(faults, reading.file, reading.places), (), (), ())
    except MatloopError as error:
        return Checked(reading.file, None, (), (f"{reading.file}: {error}",), (), ())
    try:
        reads = earlier_reads(question, base)
    except MatloopError as error:
        return Checked(reading.file, None, (), (str(error),), (), _summary(question))
    known = tuple(f"{read.source}: {counted(len(read.rows), 'result')}" for read, _ in reads)
    notes = tuple(f"{read.source}: {note}" for read, _ in reads for note in read.notes)
    return Checked(reading.file, None, (), (), (*notes, *_advice(question)), (*_summary(question), *known))


def _faults(problem: CampaignProblem, base: Path) -> list[Fault]:
    """What is wrong with goals, methods and space, each at its place."""
    parts: tuple[tuple[tuple[str, ...], Callable[[], object]], ...] = (
        (("goals",), lambda: goals_of(problem)),
        (("campaign", "strategy"), lambda: strategy_of(problem, base)),
        (("space",), lambda: open_domain(problem.space, base=base)),
    )
    found = []
    for path, part in parts:
        try:
            part()
        except MatloopError as error:
            found.append(Fault(path, str(error)))
    return found


def _summary(question: Question) -> tuple[str, ...]:
    size, plan = question.domain.log10_size, question.problem.plan
    shown = "endlessly many" if math.isinf(size) else f"{10**size:,.0f}" if size < 9 else f"about 10^{size:.1f}"
    return (
        f"goals: {said_of_goals(question)}",
        f"space: {counted(len(question.names), 'column')}, {shown} different experiments",
        f"strategy: {plan.strategy.name}, {counted(plan.batch, 'experiment')} at a time",
    )


def _advice(question: Question) -> tuple[str, ...]:
    plan, stop = question.problem.plan, question.problem.stop
    rules = (stop.gain, stop.worth, stop.regret, stop.found)
    if plan.budget.experiments or plan.budget.cost or any(rule is not None for rule in rules):
        return ()
    return ("nothing ends this campaign: give a budget ([campaign] budget), or a rule ([stop]).",)
