"""What a campaign knows: its log of events, folded into suggestions and results. The log is the only truth."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from matloop.core.errors import RunError

FORMAT = 1
Record = Mapping[str, Any]
"""A point as a row of the user's table, without cells that do not exist."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A known experiment near a suggestion; `distance` is the root mean square over the axes, each from 0 to 1."""

    name: str
    distance: float


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An experiment that was asked for.

    foreseen : {target: (value, low, high)}, a 90 % interval. chance : that it works and meets the goals with an end,
    NaN where nothing is known. repeats : the name of the experiment it repeats on purpose. withdrawn : why nobody will
    make it; empty where it stands. fidelity : what measures it; empty for the experiment itself. freedom : {target:
    degrees of freedom of the Student's t that its interval is of}; nothing of a normal one.
    """

    id: str
    round: int
    point: Record
    reason: str = ""
    foreseen: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    chance: float = math.nan
    cost: float = math.nan
    near: tuple[Neighbour, ...] = ()
    repeats: str = ""
    withdrawn: str = ""
    time: str = ""
    who: str = ""
    fidelity: str = ""
    freedom: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one experiment, as it stands now (corrections are in it).

    suggestion : its id, empty where nobody had asked for it. values, errors : of the targets that were measured. why :
    of a failure. place : laboratory, empty for the own one. earlier : known before the campaign began. flags : what a
    reader should know. corrected : how often. fidelity : what measured it; empty for the experiment itself.
    """

    id: str
    round: int
    point: Record
    suggestion: str = ""
    values: Mapping[str, float] = field(default_factory=dict)
    errors: Mapping[str, float] = field(default_factory=dict)
    failed: bool = False
    why: str = ""
    cost: float = math.nan
    place: str = ""
    who: str = ""
    note: str = ""
    source: str = ""
    earlier: bool = False
    flags: tuple[str, ...] = ()
    corrected: int = 0
    time: str = ""
    fidelity: str = ""

    @property
    def name(self) -> str:
        """What people call it: the id of its suggestion, else its own."""
        return self.suggestion or self.id

    @property
    def of_own_experiment(self) -> bool:
        """Whether it is an experiment of the own place: neither of another laboratory nor of a stand-in."""
        return not self.place and not self.fidelity


@dataclass(frozen=True, slots=True)
class Stopped:
    """A stopping rule that ended an `ask`, with its numbers in words."""

    why: tuple[str, ...]
    round: int
    time: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """Everything that follows from the log.

    suggestions, results : in the order of asking and telling; withdrawn results are in `withdrawn` with the reason.
    hows : {round: what the strategy said it did}. files : {hash of a results file: its name}.
    """

    name: str = ""
    seed: int = 0
    versions: Mapping[str, str] = field(default_factory=dict)
    suggestions: Mapping[str, Suggestion] = field(default_factory=dict)
    results: Mapping[str, Result] = field(default_factory=dict)
    withdrawn: Mapping[str, tuple[Result, str]] = field(default_factory=dict)
    hows: Mapping[int, str] = field(default_factory=dict)
    strategies: Mapping[int, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[tuple[str, str], ...] = ()
    stops: tuple[Stopped, ...] = ()
    rounds: int = 0
    told: int = 0
    events: int = 0

    @property
    def answered(self) -> Mapping[str, Result]:
        """{suggestion id: its result}."""
        return {result.suggestion: result for result in self.results.values() if result.suggestion}

    @property
    def pending(self) -> tuple[Suggestion, ...]:
        """Asked, not told, not withdrawn."""
        answered = self.answered
        return tuple(s for s in self.suggestions.values() if s.id not in answered and not s.withdrawn)

    @property
    def own(self) -> tuple[Result, ...]:
        """Results of this campaign: what counts against the budget."""
        return tuple(result for result in self.results.values() if not result.earlier)

    @property
    def experiments(self) -> tuple[Result, ...]:
        """Those of `own` that are no stand-ins."""
        return tuple(result for result in self.own if not result.fidelity)


def replay(events: Iterable[Mapping[str, Any]]) -> State:
    """The state that the events lead to.

    Raises
    ------
    RunError : the log is of a later release, or does not begin with a campaign.
    """
    fold = _Fold()
    for event in events:
        fold.add(event)
    return fold.state()


class _Fold:
    """Collects; mutable, so that replay takes time in proportion to the log."""

    def __init__(self) -> None:
        self.head: dict[str, Any] = {}
        self.suggestions: dict[str, Suggestion] = {}
        self.results: dict[str, Result] = {}
        self.withdrawn: dict[str, tuple[Result, str]] = {}
        self.hows: dict[int, str] = {}
        self.strategies: dict[int, str] = {}
        self.files: dict[str, str] = {}
        self.notes: list[tuple[str, str]] = []
        self.stops: list[Stopped] = []
        self.rounds = self.told = self.events = 0

    def add(self, event: Mapping[str, Any]) -> None:
        kind = event.get("event")
        if not self.events and kind != "created":
            raise RunError("the log does not begin with a campaign; it is no campaign's, or its beginning was cut off.")
        self.events += 1
        known = {
            "created": self._created, "asked": self._asked, "told": self._told, "withdrawn": self._withdrawn,
            "note": self._note, "stopped": self._stopped,
        }  # fmt: skip
        if kind not in known or event.get("format", FORMAT) > FORMAT:
            raise RunError(
                f"the log has an event {kind!r} that this release does not know. Use the release that wrote it."
            )
        known[kind](event)

    def state(self) -> State:
        return State(
            self.head.get("name", ""), self.head.get("seed", 0), self.head.get("versions", {}), self.suggestions,
            self.results, self.withdrawn, self.hows, self.strategies, self.files, tuple(self.notes), tuple(self.stops),
            self.rounds, self.told, self.events,
        )  # fmt: skip

    def _created(self, event: Mapping[str, Any]) -> None:
        self.head = dict(event)

    def _asked(self, event: Mapping[str, Any]) -> None:
        self.rounds = event["round"]
        self.hows[self.rounds] = event.get("how", "")
        self.strategies[self.rounds] = event.get("strategy", "")
        for entry in event["suggestions"]:
            self.suggestions[entry["id"]] = _suggestion(entry, event)

    def _told(self, event: Mapping[str, Any]) -> None:
        self.told += len(event["rows"])
        if event.get("sha256"):
            self.files[event["sha256"]] = event.get("source", "")
        for row in event["rows"]:
            self.results[row["result"]] = _result(row, event)
        for change in (*event.get("completed", ()), *event.get("corrected", ())):
            self._changed(change, event)

    def _changed(self, change: Mapping[str, Any], event: Mapping[str, Any]) -> None:
        old = self.results[change["result"]]
        fresh = _result({**change, "round": old.round}, event)
        kept = not change.get("replaces", False)
        self.results[old.id] = replace(
            old,
            point=fresh.point or old.point,
            values={**(old.values if kept else {}), **fresh.values},
            errors={**(old.errors if kept else {}), **fresh.errors},
            failed=fresh.failed,
            why=fresh.why,
            cost=old.cost if math.isnan(fresh.cost) else fresh.cost,
            note=fresh.note or old.note,
            flags=tuple(dict.fromkeys((*(old.flags if kept else ()), *fresh.flags))),
            corrected=old.corrected + (not kept),
        )

    def _withdrawn(self, event: Mapping[str, Any]) -> None:
        why = event.get("why", "") or "withdrawn"
        for name in event.get("results", ()):
            self.withdrawn[name] = (self.results.pop(name), why)
        for name in event.get("suggestions", ()):
            self.suggestions[name] = replace(self.suggestions[name], withdrawn=why)

    def _note(self, event: Mapping[str, Any]) -> None:
        self.notes.append((event["time"], event["text"]))

    def _stopped(self, event: Mapping[str, Any]) -> None:
        self.stops.append(Stopped(tuple(event["why"]), event.get("round", self.rounds), event["time"]))


def _suggestion(entry: Mapping[str, Any], event: Mapping[str, Any]) -> Suggestion:
    foreseen = {
        name: (_number(value), _number(low), _number(high))
        for name, (value, low, high) in entry.get("foreseen", {}).items()
    }
    return Suggestion(
        entry["id"], event["round"], entry["point"], entry.get("reason", ""), foreseen, _number(entry.get("chance")),
        _number(entry.get("cost")), tuple(Neighbour(name, distance) for name, distance in entry.get("near", ())),
        entry.get("repeats", ""), time=event["time"], who=event.get("who", ""), fidelity=entry.get("fidelity", ""),
        freedom=entry.get("freedom", {}),
    )  # fmt: skip


def _result(row: Mapping[str, Any], event: Mapping[str, Any]) -> Result:
    return Result(
        row["result"], row.get("round", 0), row.get("point", {}), row.get("suggestion", ""), row.get("values", {}),
        row.get("errors", {}), row.get("failed", False), row.get("why", ""), _number(row.get("cost")),
        row.get("place", ""), row.get("who", "") or event.get("who", ""), row.get("note", ""), event.get("source", ""),
        event.get("earlier", False), tuple(row.get("flags", ())), time=event["time"], fidelity=row.get("fidelity", ""),
    )  # fmt: skip


def _number(found: Any) -> float:
    return math.nan if found is None else float(found)
