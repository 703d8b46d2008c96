"""Results against what is known: new, a replicate, a completion, known already, or a contradiction."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from matloop.campaign.question import Question
from matloop.campaign.results import Read, Row
from matloop.campaign.state import Result, State, Suggestion
from matloop.core.errors import DataError, all_faults
from matloop.core.jsonable import to_jsonable
from matloop.problem.fault import did_you_mean, quoted

MOVED = "made with other settings than suggested"
_NO_PLACES = "a campaign with [fidelities] takes results of the own place only; leave the place out."
_SAME = 1e-9
"""Relative difference below which two numbers are the same: spreadsheets keep 15 digits."""
_ROUNDED = 1e-6
"""The same for settings, which people round when they copy them."""


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a table of results.

    new, completed, corrected : names of the results. known : rows that had been told before. open : rows without a
    result yet. notes : what to look at, in words.
    """

    new: tuple[str, ...] = ()
    completed: tuple[str, ...] = ()
    corrected: tuple[str, ...] = ()
    failed: int = 0
    known: int = 0
    open: int = 0
    notes: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """For the screen."""
        parts = [
            f"{count} {word}"
            for count, word in (
                (len(self.new), "new"), (self.failed, "of them failed"), (len(self.completed), "completed"),
                (len(self.corrected), "corrected"), (self.known, "known before"), (self.open, "without a result yet"),
            )
            if count
        ]  # fmt: skip
        return [f"results: {', '.join(parts) or 'none'}", *(f"  note: {note}" for note in self.notes)]

    def as_json(self) -> Any:
        """For programs."""
        return to_jsonable(self)


@dataclass(slots=True)
class _Sorted:
    """Rows of one table on their way into an event."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    completed: list[dict[str, Any]] = field(default_factory=list)
    corrected: list[dict[str, Any]] = field(default_factory=list)
    known: int = 0
    notes: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Manner:
    """How results are told: who tells, whether differing values of a known id correct it, whether rows without an id
    that were told before are new measurements, from which place they are where the table does not say."""

    who: str = ""
    correct: bool = False
    again: bool = False
    place: str = ""
    why: str = ""
    earlier: bool = False


def told_event(read: Read, state: State, question: Question, manner: Manner) -> tuple[dict[str, Any] | None, Told]:
    """The event that records a table of results, None where it holds nothing new.

    Raises
    ------
    DataError : an id is not known, or its result was told before and differs; nothing is recorded then.
    """
    seen = _Seen(state, question)
    found = _Sorted()
    told_before = read.sha256 in state.files and not manner.again
    for row in read.rows:
        if (row.place or manner.place) and question.problem.fidelities:
            found.faults.append(f"{row.where}: {_NO_PLACES}")
        elif row.id:
            _with_id(row, seen, found, manner)
        elif told_before:
            found.known += 1
        else:
            _without_id(row, seen, found, manner)
    if found.faults:
        count = "1 row" if len(found.faults) == 1 else f"{len(found.faults)} rows"
        raise DataError(all_faults(f"{read.source}: {count} cannot be taken; nothing was recorded:", found.faults))
    for row in read.rows if len(found.rows) + len(found.completed) + len(found.corrected) else ():
        found.notes += [f"{flag}, kept and flagged: {row.where}" for flag in row.flags]
    told = Told(
        tuple(row["result"] for row in found.rows), tuple(row["result"] for row in found.completed),
        tuple(row["result"] for row in found.corrected), sum(row.get("failed", False) for row in found.rows),
        found.known, read.open, (*read.notes, *_gathered(found.notes)),
    )  # fmt: skip
    if not (found.rows or found.completed or found.corrected):
        return None, told
    event = {
        "event": "told", "source": read.source, "sha256": read.sha256, "who": manner.who, "why": manner.why,
        "rows": found.rows, "completed": found.completed, "corrected": found.corrected,
    }  # fmt: skip
    return ({**event, "earlier": True} if manner.earlier else event), told


class _Seen:
    """What the rows of a table are compared with; grows with the rows."""

    def __init__(self, state: State, question: Question) -> None:
        self.state, self.question = state, question
        self.number = state.told
        self.results = dict(state.results)
        self.answered = {result.suggestion: result.id for result in state.results.values() if result.suggestion}
        self.fresh: dict[str, str] = {}
        suggestions = list(state.suggestions.values())
        points, _ = question.points([s.point for s in suggestions])
        keys = question.domain.keys(points) if suggestions else ()
        self.key_of = {s.id: str(key) for s, key in zip(suggestions, keys, strict=True)}
        self.waiting: dict[tuple[str, str], list[str]] = {}
        for s in state.pending:
            self.waiting.setdefault((self.key_of[s.id], s.fidelity), []).append(s.id)
        known = [result.point for result in state.results.values()]
        self.measured: dict[tuple[str, str], str] = {}
        if known:
            for result, key in zip(
                state.results.values(), question.domain.keys(question.points(known)[0]), strict=True
            ):
                self.measured.setdefault((str(key), result.fidelity), result.name)

    def next_id(self) -> str:
        self.number += 1
        return f"r{self.number}"

    def close(self, suggestion: str) -> None:
        """Nobody waits for it any more."""
        for ids in self.waiting.values():
            if suggestion in ids:
                ids.remove(suggestion)


def _with_id(row: Row, seen: _Seen, found: _Sorted, manner: Manner) -> None:
    state = seen.state
    if row.id in seen.fresh:
        found.faults.append(
            f"{row.where}: the id {quoted(row.id)} stands in {seen.fresh[row.id]} already. Each id has one result: "
            "leave the id of a replicate empty, and give its settings."
        )
        return
    seen.fresh[row.id] = row.where
    if row.id in state.withdrawn:
        found.faults.append(f"{row.where}: the result {quoted(row.id)} was withdrawn. Tell it anew without an id.")
    elif row.id in state.results or row.id in seen.answered:
        old = state.results[seen.answered.get(row.id, row.id)]
        if _fits(row, old.fidelity, seen, found):
            _known(row, old, seen, found, manner)
    elif row.id in state.suggestions:
        if _fits(row, state.suggestions[row.id].fidelity, seen, found):
            _answer(row, state.suggestions[row.id], seen, found, manner)
    else:
        ids = [s.id for s in state.pending] or list(state.suggestions)
        hint = did_you_mean(row.id, ids, otherwise="Asked for were") or "Nothing was asked for yet."
        found.faults.append(f"{row.where}: there is no suggestion {quoted(row.id)}. {hint} Or leave the id empty.")


def _fits(row: Row, fidelity: str, seen: _Seen, found: _Sorted) -> bool:
    """Whether a row is of the fidelity that its id was asked for; told as a fault where it is not."""
    if row.fidelity is None or row.fidelity == fidelity:
        return True
    first = seen.question.problem.fidelities[0].name
    asked, told = fidelity or first, row.fidelity or first
    found.faults.append(
        f"{row.where}: {quoted(row.id)} was asked for by {asked}, and the row says {told}. "
        "Correct the fidelity; or leave the id empty and give the settings."
    )
    return False


def _answer(row: Row, suggestion: Suggestion, seen: _Seen, found: _Sorted, manner: Manner) -> None:
    point, flags = suggestion.point, list(row.flags)
    if row.point is not None and moved(row.point, suggestion.point):
        point = row.point
        flags.append(MOVED)
        found.notes.append(f"{MOVED}: {suggestion.id}")
        _outside(row, flags, found)
    if suggestion.withdrawn:
        flags.append("told after its suggestion was withdrawn")
    row = replace(row, fidelity=suggestion.fidelity)
    entry = _entry(row, seen, manner, point, flags)
    found.rows.append({**entry, "suggestion": suggestion.id, "round": suggestion.round})
    seen.close(suggestion.id)
    _measured(seen, row, suggestion.id)


def _without_id(row: Row, seen: _Seen, found: _Sorted, manner: Manner) -> None:
    if row.point is None:
        found.faults.append(f"{row.where}: it has neither an id nor settings. Say which experiment it is.")
        return
    flags = list(row.flags)
    _outside(row, flags, found)
    place = row.place or manner.place
    kind = (row.key, row.fidelity or "")
    waiting = seen.waiting.get(kind, []) if not place and not manner.earlier else []
    if waiting:
        suggestion = seen.state.suggestions[waiting.pop(0)]
        entry = _entry(row, seen, manner, suggestion.point, flags)
        found.rows.append({**entry, "suggestion": suggestion.id, "round": suggestion.round})
        found.notes.append(f"told without an id, and taken by its settings for: {suggestion.id}")
    else:
        if row.key and kind in seen.measured and not row.outside:
            flags.append(f"replicate of {seen.measured[kind]}")
            found.notes.append(f"measured again, kept as a replicate: {seen.measured[kind]}")
        found.rows.append({**_entry(row, seen, manner, row.point, flags), "round": seen.state.rounds})
    _measured(seen, row, found.rows[-1]["result"])


def _measured(seen: _Seen, row: Row, name: str) -> None:
    if row.key:
        seen.measured.setdefault((row.key, row.fidelity or ""), name)


def _known(row: Row, old: Result, seen: _Seen, found: _Sorted, manner: Manner) -> None:
    """A result whose id was told before: the same again, further targets of it, a correction, or refused."""
    differing = [name for name in row.values if name in old.values and not _same(row.values[name], old.values[name])]
    resettled = row.point is not None and moved(row.point, old.point)
    changed = differing or resettled or (row.failed and bool(old.values)) or (old.failed and bool(row.values))
    fresh = [name for name in row.values if name not in old.values]
    point = row.point if resettled and row.point is not None else {}
    entry = _entry(row, seen, manner, point, list(row.flags), number=old.id)
    if changed and manner.correct:
        found.corrected.append({**entry, "replaces": True})
    elif changed:
        was = ", ".join(f"{name} {old.values[name]:g} instead of {row.values[name]:g}" for name in differing)
        was = was or ("other settings" if resettled else "a failure" if old.failed else "a value, not a failure")
        found.faults.append(
            f"{row.where}: {quoted(row.id)} was told before, with {was}. Is it a correction? Then add --correct. A "
            "second measurement? Then leave its id empty and give its settings."
        )
    elif fresh:
        found.completed.append(entry)
    else:
        found.known += 1


def _entry(
    row: Row, seen: _Seen, manner: Manner, point: Mapping[str, Any], flags: Sequence[str], number: str = ""
) -> dict[str, Any]:
    full: dict[str, Any] = {
        "result": number or seen.next_id(), "point": dict(point), "values": dict(row.values),
        "errors": dict(row.errors), "failed": row.failed, "cost": None if math.isnan(row.cost) else row.cost,
        "place": row.place or manner.place, "who": row.who, "flags": list(flags), "note": "" if row.failed else row.why,
        "why": row.why if row.failed else "", "fidelity": row.fidelity or "",
    }  # fmt: skip
    return {key: value for key, value in full.items() if value or key in ("result", "point", "values")}


def _outside(row: Row, flags: list[str], found: _Sorted) -> None:
    if row.outside:
        flags.append(f"outside the space: {row.outside}")
        found.notes.append(f"outside the space, kept: {row.where}: {row.outside}")


def _same(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=_SAME, abs_tol=1e-300)


def moved(made: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    """Whether settings differ by more than rounding."""
    if made.keys() != asked.keys():
        return True
    return any(not _alike(made[name], asked[name]) for name in made)


def _alike(a: Any, b: Any) -> bool:
    if isinstance(a, int | float) and isinstance(b, int | float):
        return bool(np.isclose(a, b, rtol=_ROUNDED, atol=1e-12))
    return bool(a == b)


def _gathered(notes: Iterable[str]) -> tuple[str, ...]:
    """Notes that begin alike become one: "measured again, kept as a replicate: c1-1, c1-2"."""
    groups: dict[str, list[str]] = {}
    for note in notes:
        head, _, tail = note.partition(": ")
        groups.setdefault(head, []).append(tail)
    return tuple(f"{head}: {', '.join(tails[:6])}{_more(len(tails) - 6)}" for head, tails in groups.items())


def _more(count: int) -> str:
    return f" and {count} more" if count > 0 else ""
