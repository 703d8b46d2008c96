"""Where a campaign stands, in words and numbers."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matloop.campaign.ask import settings_in_words
from matloop.campaign.health import Finding, checked
from matloop.campaign.learned import best_rows
from matloop.campaign.question import Question
from matloop.campaign.state import Result, State, Suggestion
from matloop.campaign.stopping import Verdict, before_asking, said_of_goals, spent
from matloop.core.jsonable import to_jsonable
from matloop.core.threads import one_thread
from matloop.report.words import counted

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a campaign stands.

    made, cost : experiments of this campaign, and what they and their stand-ins cost. stand_ins : {fidelity: how many}
    of these. best : the best results. rules : what the stopping
    rules say now that need no suggestion. stopped : why the last `ask` gave nothing, empty where it gave something.
    findings : of the health checks.
    """

    name: str
    folder: str
    goals: str
    made: int
    cost: float
    earlier: int
    failed: int
    withdrawn: int
    flagged: int
    rounds: int
    events: int
    pending: tuple[Suggestion, ...] = ()
    partial: tuple[str, ...] = ()
    best: tuple[Result, ...] = ()
    rules: tuple[Verdict, ...] = ()
    stopped: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    stand_ins: Mapping[str, int] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """For the screen."""
        found = [f"{self.name}: {self.goals}", f"  {self._counts()}"]
        found += [
            f"  best: {result.name}: {_values(result)} at {settings_in_words(result.point)}{_doubted(result)}"
            for result in self.best[:_SHOWN]
        ]
        if len(self.best) > _SHOWN:
            found.append(f"  and {len(self.best) - _SHOWN} more that are as good")
        if not self.best:
            found.append("  best: none yet that meets the goals")
        if self.pending:
            names = ", ".join(s.id for s in self.pending[:12]) + (" ..." if len(self.pending) > 12 else "")
            found.append(f"  waiting for results of {len(self.pending)}: {names}")
        if self.partial:
            found.append(f"  with some targets only: {', '.join(self.partial[:12])}")
        found += [f"  {verdict.said}" for verdict in self.rules]
        found += [f"  stopped: {why}" for why in self.stopped]
        return [*found, *(line for finding in self.findings for line in finding.lines())]

    def as_json(self) -> Any:
        """For programs."""
        return to_jsonable(self)

    def _counts(self) -> str:
        made = f"{counted(self.made, 'experiment')}{''.join(f', {n} by {name}' for name, n in self.stand_ins.items())}"
        parts = [f"{made} in {counted(self.rounds, 'round')}, cost {self.cost:.6g}"]
        for count, word in (
            (self.failed, "failed"),
            (self.earlier, "known before"),
            (self.withdrawn, "withdrawn"),
            (self.flagged, "flagged"),
        ):
            parts += [f"{count} {word}"] if count else []
        return ", ".join(parts)

    def _repr_html_(self) -> str:
        return "<pre>" + html.escape("\n".join(self.lines())) + "</pre>"


def _doubted(result: Result) -> str:
    return f" ({'; '.join(result.flags)}: correct or withdraw it if that is wrong)" if result.flags else ""


def _values(result: Result) -> str:
    return ", ".join(f"{name} {value:.6g}" for name, value in result.values.items())


@one_thread()
def standing(state: State, question: Question, folder: Path, *, health: bool) -> Standing:
    """Where the campaign stands; `health` also fits a model to see whether it is on a good way."""
    results = tuple(state.results.values())
    made, cost = spent(state, question)
    last = state.stops[-1] if state.stops else None
    targets = {target.name for target in question.problem.targets}
    return Standing(
        state.name, str(folder), said_of_goals(question), made, cost, len(results) - len(state.own),
        sum(result.failed for result in results), len(state.withdrawn), sum(bool(r.flags) for r in results),
        state.rounds, state.events, state.pending,
        tuple(r.name for r in results if r.values and targets - r.values.keys()),
        tuple(results[row] for row in best_rows(results, question)), before_asking(state, question),
        last.why if last is not None and last.round == state.rounds else (),
        checked(state, question) if health else (),
        {one.name: sum(r.fidelity == one.name for r in state.own) for one in question.problem.fidelities[1:]},
    )  # fmt: skip
