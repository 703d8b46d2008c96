"""What the commands of a retraining give back: frozen, in words, as JSON, in a notebook."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from matloop.core.jsonable import to_jsonable
from matloop.monitor.retrain.contest import Contest
from matloop.monitor.retrain.sources import SetAside
from matloop.monitor.retrain.state import Champion, Reason, Round, State

SHOWN_ASIDE = 10


@dataclass(frozen=True, slots=True)
class Checked:
    """Whether anything calls for training, and what stands against it. `due` is true where a round would begin now.
    alpha : the chance that such a round promotes a challenger that is no better."""

    home: Path
    reasons: tuple[Reason, ...]
    obstacle: str
    n_new: int
    fresh: int
    aside: tuple[SetAside, ...]
    notes: tuple[str, ...]
    alpha: float = 0.05

    @property
    def due(self) -> bool:
        """Whether a round would begin now."""
        return bool(self.reasons) and not self.obstacle

    def lines(self) -> Iterable[str]:
        """The same for a person."""
        if self.due:
            yield f"Training anew is due: {self.reasons[0].said}."
        elif self.reasons:
            yield f"Not yet: {self.obstacle}."
        elif not self.n_new:
            yield "There are no new labels, and nothing calls for training."
        else:
            yield f"Nothing calls for training: {self.n_new:,} new labelled rows are waiting."
        yield from (f"  called for by {one.kind}: {one.said}" for one in self.reasons)
        if self.due:
            yield f"  a challenger that is no better would be promoted with a chance of {self.alpha:.3g} at most"
        yield from aside_lines(self.aside)
        yield from (f"  note: {one}" for one in self.notes)

    def as_json(self) -> Any:
        """The same for a program."""
        return {"due": self.due, **to_jsonable(self)}

    def _repr_html_(self) -> str:
        return paragraphs(self.lines())


@dataclass(frozen=True, slots=True)
class Done:
    """A round that went through. `promoted` : the challenger is in use; `waits` : it has won and a person decides."""

    home: Path
    round: Round
    champion: Champion
    contests: tuple[Contest, ...]
    page: Path
    sentence: str
    notes: tuple[str, ...] = ()

    @property
    def promoted(self) -> bool:
        """Whether the challenger is in use now."""
        return self.round.outcome == "promoted"

    @property
    def waits(self) -> bool:
        """Whether a person has to decide."""
        return self.round.waits

    def lines(self) -> Iterable[str]:
        """The same for a person, the verdict first."""
        yield self.sentence
        for one in self.contests:
            head = f"{one.target}: " if len(self.contests) > 1 else ""
            yield from (f"  {head}{why}" for why in one.why if not self.sentence.endswith(f": {why}."))
        yield from (f"  note: {one}" for one in self.notes)
        if self.round.stored:
            yield f"Stored as {self.round.stored}"
        yield f"What changed: {self.page}"
        if self.waits:
            yield f"Put it into use: matloop retrain promote {self.home} --why ...   (or: decline)"
        elif self.promoted:
            yield f"Go back: matloop retrain rollback {self.home} --why ..."

    def as_json(self) -> Any:
        """The same for a program."""
        return {"promoted": self.promoted, "waits": self.waits, **to_jsonable(self)}

    def _repr_html_(self) -> str:
        return paragraphs(self.lines())


@dataclass(frozen=True, slots=True)
class Decided:
    """Which model is in use after somebody decided."""

    home: Path
    said: str
    champion: Champion

    def lines(self) -> Iterable[str]:
        """The same for a person."""
        yield self.said
        yield f"In use: {self.champion.bundle} ({self.champion.identity})"

    def as_json(self) -> Any:
        """The same for a program."""
        return to_jsonable(self)

    def _repr_html_(self) -> str:
        return paragraphs(self.lines())


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a retraining stands: the model in use, the rounds, what is wrong."""

    home: Path
    state: State
    faults: tuple[str, ...]

    def lines(self) -> Iterable[str]:
        """The same for a person."""
        now = self.state.champion
        made = f"made by round {now.round}" if now.round else "the first one"
        yield f"In use: {now.bundle} ({now.identity}), {made}, since {now.since[:16].replace('T', ' ')}"
        yield f"Data: version {self.state.data_version}, {self.state.table.n_rows:,} rows"
        for one in self.state.rounds:
            what = one.outcome or ("waits for you" if one.waits else "not finished: run again to go on")
            said = one.said or "no comparison yet"
            yield f"  round {one.number}, {one.begun[:10]}, {what}: {one.reasons[0].said}; {said}"
        yield from (f"  WRONG: {fault}" for fault in self.faults)

    def as_json(self) -> Any:
        """The same for a program."""
        return {
            "home": str(self.home), "champion": to_jsonable(self.state.champion), "past": to_jsonable(self.state.past),
            "data": {"version": self.state.data_version, **to_jsonable(self.state.table)},
            "rounds": to_jsonable(self.state.rounds), "faults": list(self.faults),
        }  # fmt: skip

    def _repr_html_(self) -> str:
        return paragraphs(self.lines())


@dataclass(frozen=True, slots=True)
class Replayed:
    """Every decision made again from what the home kept. `differences` : where it came out otherwise; none if all is
    well."""

    home: Path
    rounds: int
    checked: tuple[str, ...]
    differences: tuple[str, ...]

    def lines(self) -> Iterable[str]:
        """The same for a person."""
        yield from (f"  {one}" for one in self.checked)
        if self.differences:
            yield f"{len(self.differences)} decisions came out otherwise:"
            yield from (f"  {one}" for one in self.differences)
        else:
            yield f"{self.rounds} rounds replayed: every decision came out the same."

    def as_json(self) -> Any:
        """The same for a program."""
        return to_jsonable(self)

    def _repr_html_(self) -> str:
        return paragraphs(self.lines())


def aside_lines(aside: tuple[SetAside, ...]) -> Iterable[str]:
    """The first rows that are not used, and a count."""
    yield from (f"  set aside: {one.origin} ({one.shown}): {one.reason}" for one in aside[:SHOWN_ASIDE])
    if len(aside) > SHOWN_ASIDE:
        yield f"  ... and {len(aside) - SHOWN_ASIDE:,} more rows set aside"


def paragraphs(lines: Iterable[str]) -> str:
    """Lines for a notebook, the first one bold."""
    first, *rest = list(lines) or [""]
    items = "".join(f"<li>{escape(line.strip())}</li>" for line in rest)
    return f"<p><b>{escape(first)}</b></p><ul>{items}</ul>"
