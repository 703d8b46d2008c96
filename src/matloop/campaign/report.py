"""The report of a campaign: a page that tells its story, and its numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matloop.campaign.campaign import Campaign
from matloop.campaign.pages.story import StoryView, story_view, write_page
from matloop.campaign.story import Story, story
from matloop.core.files import write_text
from matloop.core.jsonable import to_jsonable
from matloop.core.threads import one_thread

REPORT = "report.html"


@dataclass(frozen=True, slots=True)
class Report:
    """Where the page is, and what it says first."""

    path: Path
    story: Story
    view: StoryView

    def lines(self) -> list[str]:
        """For the screen."""
        return [self.view.sentence, *self.view.reasons, f"written to {self.path}"]

    def as_json(self) -> Any:
        """For programs."""
        told = self.story
        return {
            "path": str(self.path), "sentence": self.view.sentence, "reasons": list(self.view.reasons),
            "best": [to_jsonable(told.results[row]) for row in told.best], "rounds": to_jsonable(told.rounds),
            "forecasts": to_jsonable(told.forecasts), "standing": told.standing.as_json(),
        }  # fmt: skip


@one_thread()
def report(campaign: Campaign | Path | str, out: Path | None = None) -> Report:
    """Write the story of a campaign as one self-contained HTML page.

    Parameters
    ----------
    campaign : it, or its folder. out : the page; `report.html` in the folder by default.

    Raises
    ------
    ConfigError : there is no campaign. RunError : disk full or folder not writable.
    """
    opened = campaign if isinstance(campaign, Campaign) else Campaign.open(campaign)
    told = story(opened)
    path = out or opened.folder / REPORT
    view = story_view(told)
    write_text(path, write_page(view))
    return Report(path, told, view)
