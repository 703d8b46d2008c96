"""A person with a spreadsheet: what to make goes out, what came of it is read when the file is saved."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from matloop.campaign.oracles.contract import Outcome, Setting
from matloop.campaign.oracles.files import outcomes_of, read_frame
from matloop.core.errors import ConfigError, DataError, RunError
from matloop.core.files import said
from matloop.deploy.predict import write_frame

if TYPE_CHECKING:
    import pandas as pd

SETTLED = 3.0
"""Seconds after which a file that cannot be read is no longer taken for half saved."""


@dataclass(frozen=True, slots=True)
class PersonOracle:
    """The sheet has a row per experiment: id, settings, then empty cells for targets and errors, failed, cost, note.

    Rows that are filled in are told at once, the others wait; a cell with text where a number belongs is said with
    its row and column. When all rows of a sheet are told it is put aside (`next-1.xlsx`) and a new one is written.

    Waiting ends when nothing was filled in for the seconds of the setting; the next call goes on.
    """

    path: Path
    setting: Setting
    every: float = 1.0
    settled: float = SETTLED
    sleep: Callable[[float], None] = field(default=time.sleep)

    def measure(self, candidates: pd.DataFrame, *, seed: int) -> Iterator[Outcome]:
        """See `Oracle`."""
        del seed
        waiting = {str(row): row for row in candidates.index}
        until = time.monotonic() + self.setting.seconds
        first = True
        while waiting:
            found = [(name, one) for name, one in self._filled() if name in waiting]
            for name, outcome in found:
                yield replace(outcome, row=waiting.pop(name))
            if found:
                until = time.monotonic() + self.setting.seconds
            if first and waiting:
                self._offer(candidates.loc[list(waiting.values())])
            first = False
            if not waiting or time.monotonic() >= until:
                return
            self.sleep(self.every)

    def _filled(self) -> list[tuple[str, Outcome]]:
        """What is filled in; a file that is being saved just now counts as empty."""
        if not self.path.exists():
            return []
        try:
            return outcomes_of(self.path, self.setting)
        except DataError:
            if time.time() - self.path.stat().st_mtime >= self.settled:
                raise
        except OSError as error:
            raise RunError(said(self.path, error)) from error
        return []

    def _offer(self, candidates: pd.DataFrame) -> None:
        """A sheet with all that waits; what is there already is kept under another name, unless it offers the same."""
        if self.path.exists():
            offered = {str(name).removesuffix(".0") for name in read_frame(self.path)["id"]}
            if {str(row) for row in candidates.index} <= offered:
                return
            number = 1
            while (aside := self.path.with_name(f"{self.path.stem}-{number}{self.path.suffix}")).exists():
                number += 1
            os.replace(self.path, aside)
        write_frame(self.path, sheet_of(candidates, self.setting))


def sheet_of(candidates: pd.DataFrame, setting: Setting) -> pd.DataFrame:
    """The empty sheet."""
    sheet = candidates.copy()
    sheet.insert(0, "id", [str(row) for row in candidates.index])
    for target, unit in setting.targets.items():
        sheet[f"{target} [{unit}]" if unit else target] = ""
        sheet[f"{target} error"] = ""
    for name in ("failed", "cost", "note"):
        sheet[name] = ""
    return sheet.reset_index(drop=True)


def make(text: str, setting: Setting) -> PersonOracle:
    """ "person:FILE.xlsx" (or .csv); "person" alone is `next.xlsx` in the folder of the campaign."""
    path = Path(text) if text else setting.home / "next.xlsx"
    if path.suffix.lower() not in (".xlsx", ".csv"):
        raise ConfigError(f"{path.name}: a person fills in .xlsx or .csv.")
    return PersonOracle(path, setting)
