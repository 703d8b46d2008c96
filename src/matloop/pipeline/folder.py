"""The folder of one run: a file per value, so that every number on the page can be traced and a killed run goes on.

runs/<name>/vault/...                      sealed labels, shared by all runs on the same rows
runs/<name>/<id>/  run.json  problem.toml  data.parquet  provenance.json  removed.csv  repaired.csv  split.json
                   candidates-<target>.jsonl  fits/  bundle/  evaluation.json  explanation.json
                   record.json  report.html  report.json  log.jsonl
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from matloop.core.errors import DataError, RunError
from matloop.core.files import said, write_text
from matloop.core.journal import Journal
from matloop.core.jsonable import dumps, from_jsonable, to_jsonable
from matloop.core.locks import locked
from matloop.problem.question import Problem

T = TypeVar("T")
FORMAT = 1
"""Rises when the files of a run change their form."""


def run_id(problem: Problem, data_sha256: str) -> str:
    """What tells a run from others: same question and same data give the same id, so a killed run is found again."""
    asked = to_jsonable(problem)
    if not problem.training.estimators:
        del asked["training"]["estimators"]  # the id of a problem file does not change by what it cannot hold
    return hashlib.sha256((dumps(asked, indent=None) + data_sha256).encode()).hexdigest()[:12]


def slug(name: str) -> str:
    """`name` as a folder name."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-.")[:60] or "problem"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Paths and state of one run."""

    path: Path
    version: str

    @property
    def log(self) -> Journal:
        return Journal(self.path / "log.jsonl")

    @property
    def scratch(self) -> Path:
        """Finished fits by content; removed when the run is finished."""
        return self.path / "fits"

    def candidates(self, target: str) -> Path:
        """The journal of the candidates tried for one target."""
        return self.path / f"candidates-{slug(target)}.jsonl"

    def candidate_logs(self) -> list[Journal]:
        """The journals of all targets that the search has come to."""
        return [Journal(path) for path in sorted(self.path.glob("candidates-*.jsonl"))]

    def begin(self, **facts: str) -> bool:
        """Start or go on with the run; returns whether it had been finished before.

        Raises
        ------
        RunError : the folder was written by another version, or cannot be written.
        """
        state = self.state()
        if state is None:
            self.write("run.json", dumps({"format": FORMAT, "matloop": self.version, "finished": False, **facts}))
            return False
        found = (state.get("format"), state.get("matloop"))
        if found != (FORMAT, self.version):
            raise RunError(
                f"{self.path} was written by matloop {found[1]} (format {found[0]}); this is {self.version} (format "
                f"{FORMAT}). Results of two versions are not mixed: choose another folder with -o, or install "
                f"matloop {found[1]} to go on there."
            )
        return bool(state.get("finished"))

    def kept(self, name: str, kind: type[T], make: Callable[[], T]) -> T:
        """The value in file `name`, or what `make` gives, then kept there: how a stopped run does not do it twice."""
        if (self.path / name).exists():
            return self.recall(name, kind)
        value = make()
        self.write(name, dumps(value, indent=None))
        return value

    def recall(self, name: str, kind: type[T]) -> T:
        """The value that was kept in file `name`.

        Raises
        ------
        RunError : it is not there or damaged.
        """
        path = self.path / name
        try:
            return from_jsonable(kind, json.loads(path.read_text("utf-8")))
        except (OSError, ValueError, DataError) as error:
            raise RunError(f"{path} cannot be read ({error}). Move the run's folder away and run again.") from error

    def finish(self) -> None:
        """Mark the run as finished and drop its scratch."""
        state = {**(self.state() or {}), "finished": True}
        self.write("run.json", dumps(state))
        shutil.rmtree(self.scratch, ignore_errors=True)

    def state(self) -> dict[str, object] | None:
        """What run.json says, or None where there is none."""
        path = self.path / "run.json"
        if not path.exists():
            return None
        try:
            content = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise RunError(f"{path} is damaged ({error}). Move the folder away and run again.") from error
        if not isinstance(content, dict):
            raise RunError(f"{path} is not the state of a run. Move the folder away and run again.")
        return content

    def write(self, name: str, content: str) -> None:
        """Write one text file of the run atomically."""
        write_text(self.path / name, content + ("" if content.endswith("\n") else "\n"))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the run for this process."""
        busy = f"{self.path}: another process is working on this run. Wait for it, or stop it."
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with (self.path / ".lock").open("a+b") as stream, locked(stream, patience=0.5, busy=busy):
                yield
        except OSError as error:
            raise RunError(said(Path(error.filename or self.path), error)) from error


def find_run(path: Path) -> Path:
    """The run folder that `path` means: itself, the folder of its bundle or report, or the newest run below.

    Raises
    ------
    RunError : there is none.
    """
    for folder in (path, path.parent):
        if (folder / "run.json").is_file():
            return folder
    runs = [state.parent for state in path.glob("**/run.json") if (state.parent / "record.json").exists()]
    if not runs:
        raise RunError(f"{path} holds no finished run. Give the folder that `matloop run` printed.")
    return max(runs, key=lambda folder: os.path.getmtime(folder / "record.json"))
