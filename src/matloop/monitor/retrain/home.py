"""The folder of a retraining: its log, the versions of the data, who may work in it, and which model is in use.

HOME/  retrain.toml  problem.toml  log.jsonl  champion.json  champion -> the bundle in use
       data/0002-<hash>.csv     versions of the data, never changed
       rounds/1/                new labels, rows later in time, rows set aside, comparison, the page "what changed"
       seen/<bundle>.json       what each champion learnt from: groups and inputs
"""

from __future__ import annotations

import errno
import getpass
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from matloop.core.errors import BundleError, ConfigError, MatloopError, RunError
from matloop.core.files import said, write_text
from matloop.core.journal import Journal
from matloop.core.jsonable import dumps
from matloop.core.locks import locked
from matloop.deploy.bundle import Bundle, identity, load_bundle
from matloop.monitor.retrain.plan import Plan, parse_plan
from matloop.monitor.retrain.state import Champion, Kept, State, replayed
from matloop.monitor.retrain.tables import Texts, keep, kept
from matloop.pipeline.folder import slug
from matloop.problem.question import Problem
from matloop.problem.toml import faulty, parse_problem

LOG, PLAN, PROBLEM, POINTER, LINK = "log.jsonl", "retrain.toml", "problem.toml", "champion.json", "champion"


@dataclass(frozen=True, slots=True)
class Home:
    """Where a retraining lives."""

    path: Path

    @property
    def log(self) -> Journal:
        """The events."""
        return Journal(self.path / LOG, advice="Restore it from a copy, or begin another home: matloop retrain new")

    def found(self) -> Home:
        """The same, which is there.

        Raises
        ------
        ConfigError : there is no retraining.
        """
        if not (self.path / LOG).is_file():
            hint = "Begin one with: matloop retrain new PROBLEM --champion BUNDLE --labels TABLE -o HOME"
            raise ConfigError(f"{self.path}: this is no folder of a retraining. {hint}")
        return self

    def state(self) -> State:
        """Everything known, from the log.

        Raises
        ------
        RunError : the log is damaged or was edited.
        """
        try:
            return replayed(self.log.events())
        except (KeyError, TypeError) as error:
            raise RunError(f"{self.path / LOG}: an event lacks {error}. Restore the log from a copy.") from error

    def plan(self) -> Plan:
        """The plan as the file says now: rules may be changed by hand, and each round records those it went by.

        Raises
        ------
        ConfigError : it has faults.
        """
        path = self.path / PLAN
        try:
            return parse_plan(path.read_text("utf-8"), PLAN)
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read ({error.strerror}). Restore it from a copy.") from error

    def problem(self, state: State) -> Problem:
        """The question, as it was when the retraining began."""
        reading = parse_problem(state.created["problem"], f"{self.path / LOG}, the problem")
        if reading.faults or reading.problem is None:
            raise ConfigError(faulty(reading.file, reading.sentences()))
        return reading.problem

    def runs(self, plan: Plan) -> Path:
        """The folder of runs, whose vault is shared."""
        return Path(os.path.normpath(self.path / plan.runs))

    def vaults(self, plan: Plan, problem: Problem) -> Path:
        """The folder of the vaults of this problem."""
        return self.runs(plan) / slug(problem.name) / "vault"

    def round(self, number: int) -> Path:
        """The folder of one round."""
        return self.path / "rounds" / str(number)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the home for this process.

        Raises
        ------
        RunError : another process is retraining here, or the folder cannot be written.
        """
        busy = f"{self.path}: another process is retraining here. Wait for it, or stop it; what it finished is kept."
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with (self.path / ".lock").open("a+b") as stream, locked(stream, patience=0.5, busy=busy):
                yield
        except OSError as error:
            place = Path(error.filename or self.path)
            if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
                advice = "Run it as the user that the folder belongs to, or make the folder writable."
                raise RunError(f"{place}: cannot be written ({error.strerror}). {advice}") from error
            raise RunError(said(place, error)) from error

    def keep(self, folder: Path, stem: str, table: Texts) -> Kept:
        """Write a table that never changes."""
        name, digest = keep(folder, stem, table)
        return Kept((folder / name).relative_to(self.path).as_posix(), digest, len(table))

    def table(self, one: Kept) -> Texts:
        """A table of the home, checked by its hash."""
        return kept(self.path / one.file, one.sha256)

    def bundle(self, folder: str, expected: str) -> Bundle:
        """A bundle that the log knows, checked against what the log says of it.

        Raises
        ------
        BundleError : it is gone, damaged, or another one than it was.
        """
        place = Path(os.path.normpath(self.path / folder))
        try:
            loaded = load_bundle(place)
        except MatloopError as error:
            raise BundleError(f"{error} Nothing is compared with it or promoted. {_RESTORE}") from error
        if identity(place) != expected:
            raise BundleError(f"{place}: the bundle is {identity(place)}, the log says {expected}: it was changed or "
                              f"replaced. Nothing is compared with it or promoted. {_RESTORE}")  # fmt: skip
        return loaded

    def point(self, champion: Champion) -> None:
        """Say which model is in use: champion.json, and a link that services may be given.

        Raises
        ------
        RunError : the folder cannot be written.
        """
        write_text(self.path / POINTER, dumps(champion) + "\n")
        target, link = os.path.normpath(self.path / champion.bundle), self.path / LINK
        fresh = self.path / f".{LINK}-{os.getpid()}"
        try:
            if link.is_symlink() or not link.exists():
                fresh.unlink(missing_ok=True)
                fresh.symlink_to(os.path.relpath(target, self.path), target_is_directory=True)
                os.replace(fresh, link)
        except OSError as error:
            if os.name == "posix":  # elsewhere links may be forbidden; the file says the same
                raise RunError(said(link, error)) from error

    def pointed(self) -> str:
        """The identity of the model that champion.json names; empty where it cannot be read."""
        try:
            return str(json.loads((self.path / POINTER).read_text("utf-8")).get("identity", ""))
        except (OSError, ValueError, AttributeError):
            return ""


def user() -> str:
    """Who is logged in."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


_RESTORE = "Restore it from a copy, or go back to the champion before: matloop retrain rollback HOME --why ..."
