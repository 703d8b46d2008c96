"""What a leak check says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["clean", "leak", "suspect", "not checked"]


@dataclass(frozen=True, slots=True)
class LeakCheck:
    """One check: what was done, what came out, and what to do about it.

    state : "leak" is certain (a row saw what it must not see), "suspect" is a pattern that a leak leaves behind,
        "not checked" says in `said` what is missing for the check.
    rows, columns : which ones, the first of them.
    """

    name: str
    state: State
    said: str
    rows: tuple[int, ...] = ()
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LeakReport:
    """All checks of one subject, in the order done."""

    subject: str
    checks: tuple[LeakCheck, ...]

    @property
    def leaks(self) -> tuple[LeakCheck, ...]:
        """Checks that found a leak for certain."""
        return tuple(check for check in self.checks if check.state == "leak")

    @property
    def clean(self) -> bool:
        """Whether no check found a leak or the trace of one."""
        return all(check.state in ("clean", "not checked") for check in self.checks)

    def check(self, name: str) -> LeakCheck:
        """The check called `name` (KeyError if it was not among them)."""
        for check in self.checks:
            if check.name == name:
                return check
        raise KeyError(name)

    def lines(self) -> tuple[str, ...]:
        """The same for a person."""
        marks = {"clean": "ok", "leak": "LEAK", "suspect": "look", "not checked": "-"}
        rows = [f"{marks[one.state]:>5}  {one.name}: {one.said}" for one in self.checks]
        found = [check.name for check in self.checks if check.state == "leak"]
        looked = [check.name for check in self.checks if check.state == "suspect"]
        if found:
            last = f"{self.subject}: leaks ({', '.join(found)}). Scores measured this way are too good."
        elif looked:
            last = f"{self.subject}: no certain leak, but look at: {', '.join(looked)}."
        else:
            last = f"{self.subject}: no leak found by {sum(one.state == 'clean' for one in self.checks)} checks."
        return (*rows, last)
