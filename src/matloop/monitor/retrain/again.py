"""Every decision of a retraining made again from what its home kept: tables, bundles, vault."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from matloop.core.errors import MatloopError
from matloop.core.jsonable import from_jsonable
from matloop.monitor.retrain import flow
from matloop.monitor.retrain.flow import Desk
from matloop.monitor.retrain.home import Home
from matloop.monitor.retrain.outcome import Replayed
from matloop.monitor.retrain.plan import Plan
from matloop.monitor.retrain.state import Kept, Round, State, replayed
from matloop.monitor.retrain.tables import encoded
from matloop.monitor.retrain.triggers import called, facts_from
from matloop.pipeline.run import run
from matloop.problem.question import Source

CLOSE = 1e-9


def replay(home: Path | str, *, train: bool = False) -> Replayed:
    """Decide everything again and compare with the log: why each round began, how labels joined, what the comparison
    said, who was promoted.

    Parameters
    ----------
    train : train every challenger again as well, exactly as far as it came (takes as long as it took).

    Raises
    ------
    ConfigError : there is no retraining. RunError : the log was edited.
    """
    place = Home(Path(home)).found()
    events = place.log.events()
    problem = place.problem(replayed(events))
    checked: list[str] = []
    differences: list[str] = []
    for at, event in enumerate(events):
        if event["event"] not in ("triggered", "joined", "trained", "compared", "promoted", "kept"):
            continue
        before = replayed(events[:at])
        desk = Desk(place, _plan_of(events, event["round"]), problem)
        try:
            found = list(_again(desk, before, event, train))
        except MatloopError as error:
            found = [str(error)]
        head = f"round {event['round']}, {event['event']}"
        differences += [f"{head}: {one}" for one in found]
        checked.append(f"{head}: {'came out otherwise' if found else 'the same'}")
    return Replayed(place.path, len(replayed(events).rounds), tuple(checked), tuple(differences))


def _plan_of(events: list[dict[str, Any]], number: int) -> Plan:
    """The plan that a round went by: the file may have been changed since."""
    begun = next(one for one in events if one["event"] == "triggered" and one["round"] == number)
    return from_jsonable(Plan, begun["plan"])


def _again(desk: Desk, before: State, event: Mapping[str, Any], train: bool) -> Iterator[str]:
    kind = event["event"]
    if kind == "triggered":
        found = [one.kind for one in called(desk.plan, facts_from(event["facts"]))]
        if found != (told := [one["kind"] for one in event["reasons"]]):
            yield f"reasons are {found}, the log has {told}"
    elif kind == "joined":
        joined = flow.joined(desk, before, desk.home.table(before.rounds[-1].new), event["vaults"])
        if encoded(joined.table) != encoded(desk.home.table(_kept(event["table"]))):
            yield "the next version of the data is another one"
        if encoded(joined.later) != encoded(desk.home.table(_kept(event["later"]))):
            yield "other rows are later in time"
    elif kind == "trained":
        yield from _trained(desk, before.rounds[-1], event, train)
    elif kind == "compared":
        yield from _compared(desk, before, event)
    elif (event["event"] == "promoted") and before.rounds[-1].answer != "better":
        yield "a challenger was promoted that had not won"


def _trained(desk: Desk, now: Round, event: Mapping[str, Any], train: bool) -> Iterator[str]:
    desk.home.bundle(event["bundle"], event["identity"])
    if train and now.table is not None:
        asked = replace(desk.problem, data=Source(now.table.file, missing=desk.problem.data.missing))
        again = run(asked, folder=desk.home.runs(desk.plan), base=desk.home.path, replay=True)
        yield from (f"trained again: {one}" for one in again.differences or ())


def _compared(desk: Desk, before: State, event: Mapping[str, Any]) -> Iterator[str]:
    found = flow.weighed(desk, before, before.rounds[-1], before.champion)
    if found.answer != event["answer"]:
        yield f"the answer is {found.answer!r}, the log has {event['answer']!r}"
    for one in found.contests:
        for part in one.sets:
            told = event["gains"].get(one.target, {}).get(part.where, [math.nan, math.nan])
            gain = part.metric.gain.value
            if told[0] is not None and not math.isclose(gain, told[0], rel_tol=CLOSE, abs_tol=CLOSE):
                yield f"{one.target}: the gain on the {part.where} rows is {gain:.6g}, the log has {told[0]:.6g}"


def _kept(table: Mapping[str, Any]) -> Kept:
    return Kept(**table)
