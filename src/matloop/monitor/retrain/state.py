"""What a retraining home knows: the events of its log, replayed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from matloop.core.errors import RunError

FORMAT = 1
"""Rises when an older release could not go on with what a newer one wrote."""


@dataclass(frozen=True, slots=True)
class Champion:
    """The model in use. bundle : its folder, from the home. identity : of the bundle. version : its number in the
    registry, 0 without one. since : when it came into use (ISO). round : that made it, 0 for the first."""

    bundle: str
    identity: str
    version: int = 0
    since: str = ""
    round: int = 0


@dataclass(frozen=True, slots=True)
class Kept:
    """A table of the home that never changes: file, hash, rows."""

    file: str
    sha256: str
    n_rows: int


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a round began. kind : labels, schedule, drift, decay, or asked (by a person)."""

    kind: str
    said: str
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Round:
    """One retraining, as far as it came; what is empty has not happened yet.

    new : the labels that arrived. table : the version of the data that it made. later : rows held out. stored : the
    version of a dataset in a store that the rows became ("lab.db#hardness@4"). run, bundle, identity : of challenger.
    against : identity of the champion it was compared with. answer, said : of that. outcome : "promoted", "kept" (the
    champion), or empty while it is open or waits for a person.
    """

    number: int
    begun: str
    reasons: tuple[Reason, ...]
    new: Kept
    joined: Mapping[str, Any] | None = None
    table: Kept | None = None
    later: Kept | None = None
    run: str = ""
    bundle: str = ""
    identity: str = ""
    against: str = ""
    answer: str = ""
    said: str = ""
    outcome: str = ""
    decided: str = ""
    who: str = ""
    why: str = ""
    version: int = 0
    stored: str = ""

    @property
    def waits(self) -> bool:
        """Whether the challenger has won and a person has not decided yet."""
        return self.answer == "better" and not self.outcome


@dataclass(frozen=True, slots=True)
class State:
    """Everything known. past : champions, the first one first, the one in use last. rounds : the last one may be open.
    table, later : the data of the latest version, and the rows that wait to join it."""

    created: Mapping[str, Any]
    past: tuple[Champion, ...]
    table: Kept
    later: Kept | None = None
    rounds: tuple[Round, ...] = ()

    @property
    def champion(self) -> Champion:
        """The model in use."""
        return self.past[-1]

    @property
    def last(self) -> Round | None:
        """The latest round, None before the first."""
        return self.rounds[-1] if self.rounds else None

    def opponent(self, of: Round) -> Champion:
        """The champion that a challenger was, or is to be, compared with."""
        known = [one for one in self.past if one.identity == of.against]
        return known[-1] if known else self.champion

    @property
    def compared(self) -> int:
        """Comparisons so far: how often the vault was asked."""
        return sum(bool(one.answer) for one in self.rounds)

    @property
    def data_version(self) -> int:
        """Number of the latest version of the data, from 1."""
        return 1 + sum(one.table is not None for one in self.rounds)


def replayed(events: Sequence[Mapping[str, Any]]) -> State:
    """The state after all events.

    Raises
    ------
    RunError : the log is empty, of a later release, or its events do not follow from each other.
    """
    if not events or events[0].get("event") != "created":
        raise RunError("the log does not begin with its creation: it was damaged. Restore it from a copy.")
    head = events[0]
    if head["format"] > FORMAT:
        raise RunError(
            f"the log is of format {head['format']}, this release reads up to {FORMAT}. Install a later one."
        )
    state = State(head, (Champion(**head["champion"]),), Kept(**head["table"]))
    for event in events[1:]:
        state = _after(state, event)
    return state


def _after(state: State, event: Mapping[str, Any]) -> State:
    kind = event["event"]
    if kind == "triggered":
        reasons = tuple(Reason(**one) for one in event["reasons"])
        begun = Round(event["round"], event["time"], reasons, Kept(**event["new"]))
        return replace(state, rounds=(*state.rounds, begun))
    if kind == "rolled back":
        back = Champion(**{**event["champion"], "since": event["time"]})
        return replace(state, past=(*state.past, back))
    if not state.rounds or state.rounds[-1].number != event.get("round"):
        raise RunError(f"the log tells of {kind!r} in round {event.get('round')}, which was not begun. Restore it.")
    now = state.rounds[-1]
    if kind == "joined":
        table, later = Kept(**event["table"]), Kept(**event["later"])
        now = replace(now, joined=event, table=table, later=later)
        state = replace(state, table=table, later=later)
    elif kind == "stored":
        now = replace(now, stored=event["dataset"])
    elif kind == "trained":
        now = replace(now, run=event["run"], bundle=event["bundle"], identity=event["identity"])
    elif kind == "compared":
        now = replace(now, against=event["champion"], answer=event["answer"], said=event["said"])
    elif kind in ("promoted", "kept"):
        now = replace(now, outcome=kind, decided=event["time"], who=event["who"], why=event["why"],
                      version=event.get("version", 0))  # fmt: skip
        if kind == "promoted":
            champion = Champion(now.bundle, now.identity, now.version, event["time"], now.number)
            state = replace(state, past=(*state.past, champion))
    else:
        raise RunError(f"the log holds an event {kind!r} that this release does not know. Install a later one.")
    return replace(state, rounds=(*state.rounds[:-1], now))
