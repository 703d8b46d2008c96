"""What `matloop.run` gives back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from matloop.deploy.bundle import Bundle, load_bundle
from matloop.report.notebook import html_card
from matloop.report.record import RunRecord


@dataclass(frozen=True, slots=True)
class RunResult:
    """A finished run: the record of everything on the page, and where its files are.

    went_on : an unfinished run was found and gone on with; finished_before : there was nothing left to do.
    differences : after a replay, what differs from the first result (nothing, if all is well); None without a replay.
    """

    folder: Path
    record: RunRecord
    went_on: bool = False
    finished_before: bool = False
    differences: tuple[str, ...] | None = None

    @property
    def report(self) -> Path:
        """The page."""
        return self.folder / "report.html"

    @property
    def bundle_folder(self) -> Path:
        """The folder that `matloop predict` takes."""
        return self.folder / "bundle"

    def bundle(self) -> Bundle:
        """The models, loaded as another process would."""
        return load_bundle(self.bundle_folder)

    def _repr_html_(self) -> str:
        return html_card(self.record)
