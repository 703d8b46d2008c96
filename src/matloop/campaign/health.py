"""Whether a campaign is on a good way: what is wrong, how that is known, and what to do."""

from __future__ import annotations

from dataclasses import dataclass

from matloop.campaign.question import Question
from matloop.campaign.state import State


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked. `wrong` where something should be done; `said` has the numbers, `do` the advice."""

    check: str
    wrong: bool
    said: str
    do: str = ""

    def lines(self) -> list[str]:
        """For the screen."""
        mark = "!" if self.wrong else "ok"
        return [f"  {mark} {self.check}: {self.said}", *([f"      {self.do}"] if self.wrong and self.do else [])]


def checked(state: State, question: Question) -> tuple[Finding, ...]:
    """All checks that have enough to go by."""
    return ()
