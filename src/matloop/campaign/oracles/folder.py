"""A robot or an instrument that finds requests in a folder and drops results into another."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matloop.campaign.oracles.contract import Outcome, Setting, answer, as_record
from matloop.campaign.oracles.files import outcomes_of
from matloop.core.errors import ConfigError, DataError, RunError
from matloop.core.files import said, write_text
from matloop.core.jsonable import dumps

if TYPE_CHECKING:
    import pandas as pd

SETTLED = 3.0
"""Seconds that a file whose end does not show must stay unchanged before it is taken for finished."""
MOST_BYTES = 50_000_000
TABLES = (".csv", ".tsv", ".xlsx")
PARTS = (".part", ".partial", ".tmp", ".crdownload", "~")


@dataclass(frozen=True, slots=True)
class FolderOracle:
    """Requests go to `requests/ID.json`, each whole from the moment it is there; results are expected in `results/`.

    A result is `ID.json` with a number, or what `contract.answer` reads ("id" in it counts more than the name of the
    file); or a table (.csv, .tsv, .xlsx) with the columns id, the targets, and if wanted their errors, failed, cost,
    note. Files that are still being written wait: names that end in .part or .tmp, JSON that is not complete, tables
    that changed less than `settled` seconds ago. What cannot be read is moved to `unreadable/` with the reason beside
    it, and the experiment stays open; results that nobody waits for go to `unasked/`, those that were told to `done/`.
    Waiting ends when nothing new has come for the seconds of the setting; the next call goes on.
    """

    place: Path
    setting: Setting
    every: float = 0.5
    settled: float = SETTLED
    sleep: Callable[[float], None] = field(default=time.sleep)

    def measure(self, candidates: pd.DataFrame, *, seed: int) -> Iterator[Outcome]:
        """See `Oracle`."""
        del seed
        waiting = {str(row): row for row in candidates.index}
        self._request(candidates, waiting)
        seen: dict[Path, tuple[float, tuple[float, int]]] = {}
        until = time.monotonic() + self.setting.seconds
        while waiting:
            found = 0
            for path in self._arrived():
                outcomes = self._read(path, seen)
                if outcomes is None:
                    continue
                unasked = [name for name, _ in outcomes if name not in waiting]
                for name, outcome in outcomes:
                    if name in waiting:
                        yield replace(outcome, row=waiting.pop(name))
                        self._unrequest(name)
                        found += 1
                self._put(path, "unasked" if unasked else "done", _nobody(unasked))
            if found:
                until = time.monotonic() + self.setting.seconds
            if waiting and time.monotonic() >= until:
                return
            if waiting:
                self.sleep(self.every)

    def _request(self, candidates: pd.DataFrame, waiting: dict[str, Any]) -> None:
        """Write what is not requested yet, and take away requests of what nobody asks for any more."""
        try:
            for name in ("requests", "results"):
                (self.place / name).mkdir(parents=True, exist_ok=True)
            for path in (self.place / "requests").glob("*.json"):
                if path.stem not in waiting:
                    path.unlink(missing_ok=True)
        except OSError as error:
            raise RunError(said(self.place, error)) from error
        for place, row in enumerate(candidates.index):
            path = self.place / "requests" / f"{_file_name(str(row))}.json"
            if not path.exists():
                request = {
                    "id": str(row),
                    "settings": as_record(candidates, place),
                    "targets": dict(self.setting.targets),
                }
                write_text(path, dumps(request) + "\n")

    def _unrequest(self, name: str) -> None:
        (self.place / "requests" / f"{_file_name(name)}.json").unlink(missing_ok=True)

    def _arrived(self) -> list[Path]:
        """Files of results that are not marked as unfinished, the oldest first."""
        found = []
        for path in (self.place / "results").iterdir():
            named = not path.name.startswith((".", "~")) and not path.name.endswith(PARTS)
            if named and path.is_file() and not path.is_symlink():
                found.append((path.stat().st_mtime_ns, path.name, path))
        return [path for _, _, path in sorted(found)]

    def _read(self, path: Path, seen: dict[Path, tuple[float, tuple[float, int]]]) -> list[tuple[str, Outcome]] | None:
        """The outcomes in a file; None where it is not finished, or was set aside."""
        status = path.stat()
        state = (status.st_mtime, status.st_size)
        if path not in seen or seen[path][1] != state:
            seen[path] = (time.monotonic(), state)
        try:
            if status.st_size > MOST_BYTES:
                raise DataError(f"it holds {status.st_size:,} bytes; a result is far smaller")
            unsure = path.suffix.lower() in TABLES or not path.read_bytes().rstrip().endswith(b"}")
            if unsure and time.monotonic() - seen[path][0] < self.settled:
                return None  # half a table, and half a number, look like whole ones
            return self._outcomes(path)
        except (DataError, ValueError) as error:
            if time.monotonic() - seen[path][0] >= self.settled:
                self._put(path, "unreadable", str(error))
            return None

    def _outcomes(self, path: Path) -> list[tuple[str, Outcome]]:
        if path.suffix.lower() in TABLES:
            return outcomes_of(path, self.setting)
        if path.suffix.lower() != ".json":
            raise DataError(f"{path.name} is neither .json nor a table ({', '.join(TABLES)})")
        found = json.loads(path.read_text("utf-8"))
        name = str(found["id"]) if isinstance(found, dict) and found.get("id") is not None else path.stem
        return [(name, answer(name, found, self.setting, seconds=self._took(name, path), who=path.name))]

    def _took(self, name: str, path: Path) -> float:
        """Seconds between request and result, by the clock of the disk."""
        request = self.place / "requests" / f"{_file_name(name)}.json"
        return max(path.stat().st_mtime - request.stat().st_mtime, 0.0) if request.exists() else 0.0

    def _put(self, path: Path, folder: str, why: str = "") -> None:
        """Move a file; one of the same name that is there already is kept."""
        target = self.place / folder
        try:
            target.mkdir(exist_ok=True)
            free = target / path.name
            number = 1
            while free.exists():
                number += 1
                free = target / f"{path.stem}-{number}{path.suffix}"
            os.replace(path, free)
        except OSError as error:
            raise RunError(said(target, error)) from error
        if why:
            write_text(free.with_name(free.name + ".why.txt"), why + "\n")


def _nobody(unasked: list[str]) -> str:
    if not unasked:
        return ""
    return f"nobody waits for {', '.join(unasked[:10])}: told already, withdrawn, or never asked for"


def _file_name(name: str) -> str:
    """An id as a name of a file on every system."""
    return "".join(one if one.isalnum() or one in "-_." else "_" for one in name)


def make(text: str, setting: Setting) -> FolderOracle:
    """ "folder:DIR"; "folder" alone is `exchange` in the folder of the campaign."""
    place = Path(text) if text else setting.home / "exchange"
    if place.exists() and not place.is_dir():
        raise ConfigError(f"{place} is a file; 'folder:DIR' needs a folder.")
    if not math.isfinite(setting.seconds):
        raise ConfigError("a folder is waited for a finite time; give --seconds.")
    return FolderOracle(place, setting)
