"""How far a harvest of one database is: a journal of its pages, read again after a kill."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from matloop.core.errors import DataError, RunError
from matloop.core.files import said
from matloop.core.jsonable import from_jsonable
from matloop.core.locks import locked
from matloop.data.harvest.providers import Provider
from matloop.data.harvest.responses import append_line, read_lines

State = Literal["complete", "partial", "refused"]
FOLDER = "chains"


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked of one database. limit : records at most, 0 for all. fields : further ones."""

    provider: Provider
    filter: str
    limit: int = 0
    fields: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Short, and different for different orders."""
        asked = json.dumps([self.provider.name, self.provider.url, self.filter, self.limit, self.fields])
        return f"{self.provider.name}-{hashlib.sha256(asked.encode()).hexdigest()[:12]}"


@dataclass(frozen=True, slots=True)
class Step:
    """One page that came: its place in the chain, and the kept answer. again : ids in it that earlier pages had."""

    number: int
    url: str
    sha256: str
    retrieved: str
    entries: int
    again: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gap:
    """One page that did not come, and why."""

    number: int
    url: str
    why: str


@dataclass(slots=True)
class Chain:
    """The pages of one order so far.

    steps, gaps : by their place. here : address of the next page, None at the end. info : {"info": sha256 of that
    answer, "structures": ...}. returned : entries that were announced. notes : what is to be said. state : how the
    last call ended, "" while none has.
    """

    order: Order
    steps: dict[int, Step] = field(default_factory=dict)
    gaps: dict[int, Gap] = field(default_factory=dict)
    here: str | None = None
    begun: bool = False
    info: dict[str, str] = field(default_factory=dict)
    returned: int | None = None
    notes: list[str] = field(default_factory=list)
    state: str = ""
    why: str = ""
    ended: str = ""

    @property
    def number(self) -> int:
        """Of the next page."""
        return max([*self.steps, *self.gaps], default=-1) + 1

    @property
    def entries(self) -> int:
        """Different entries that came."""
        return sum(step.entries - len(step.again) for step in self.steps.values())

    def visited(self) -> set[str]:
        """Addresses that were asked for."""
        return {step.url for step in self.steps.values()} | {gap.url for gap in self.gaps.values()}


class Journal:
    """The file that holds a chain: a line for each thing that happened, synced before the next is asked for."""

    def __init__(self, folder: Path, order: Order) -> None:
        self.order = order
        self.path = folder / FOLDER / f"{order.name}.jsonl"

    def read(self) -> Chain:
        """The chain as it is written.

        Raises
        ------
        DataError : somebody else has written into the file.
        """
        chain = Chain(self.order)
        for line in read_lines(self.path):
            try:
                _apply(chain, line)
            except (KeyError, TypeError, ValueError, DataError) as error:
                raise DataError(
                    f"{self.path}: is damaged ({error}). Remove it; the pages are asked for again."
                ) from error
        return chain

    def note(self, chain: Chain, what: str, **facts: Any) -> None:
        """Write down what happened, and change the chain by it.

        Raises
        ------
        RunError : the disk is full; the chain is as it was.
        """
        line = {"what": what, **facts}
        append_line(self.path, line)
        _apply(chain, line)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else harvests the same meanwhile.

        Raises
        ------
        RunError : somebody does.
        """
        place = self.path.with_suffix(".lock")
        busy = f"{self.order.provider.name}: the same harvest is running already (it holds {place}). Wait for its end."
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            stream = place.open("a+b")
        except OSError as error:
            raise RunError(said(place, error)) from error
        with stream, locked(stream, patience=0.5, busy=busy):
            yield


def _apply(chain: Chain, line: Mapping[str, Any]) -> None:
    what = line.get("what")
    if what == "begin":
        chain.steps, chain.gaps, chain.info, chain.notes = {}, {}, {}, []
        chain.here, chain.begun, chain.returned = line["url"], True, None
        chain.state = chain.why = chain.ended = ""
        chain.info = dict(line.get("info", {}))
    elif what == "page":
        step = from_jsonable(Step, line["step"])
        chain.here = line["next"] if step.number >= chain.number - (step.number in chain.gaps) else chain.here
        chain.steps[step.number] = step
        chain.gaps.pop(step.number, None)
        chain.returned = line["returned"] if line.get("returned") is not None else chain.returned
    elif what == "gap":
        gap = from_jsonable(Gap, line["gap"])
        chain.gaps[gap.number] = gap
        chain.here = line["next"]
    elif what == "said":
        chain.notes.append(line["text"])
    elif what == "end":
        chain.state, chain.why, chain.ended = line["state"], line["why"], line["time"]


def to_json(chain: Chain) -> dict[str, Any]:
    """What is needed to read the records of a chain again from the kept answers."""
    return {
        "order": asdict(chain.order),
        "info": chain.info,
        "returned": chain.returned,
        "state": chain.state,
        "why": chain.why,
        "steps": [asdict(chain.steps[number]) for number in sorted(chain.steps)],
        "gaps": [asdict(chain.gaps[number]) for number in sorted(chain.gaps)],
    }


def from_json(data: Mapping[str, Any]) -> Chain:
    """The inverse of `to_json`."""
    chain = Chain(from_jsonable(Order, data["order"]), begun=True, info=dict(data["info"]))
    chain.steps = {one["number"]: from_jsonable(Step, one) for one in data["steps"]}
    chain.gaps = {one["number"]: from_jsonable(Gap, one) for one in data["gaps"]}
    chain.returned, chain.state, chain.why = data["returned"], data["state"], data["why"]
    return chain
