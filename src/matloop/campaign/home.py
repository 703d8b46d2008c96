"""The folder of a campaign: its log, the tables it rests on, and who may write when."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from matloop.campaign.state import FORMAT
from matloop.core.errors import ConfigError, DataError, RunError
from matloop.core.files import said, sha256, write_atomic, write_text
from matloop.core.journal import Journal
from matloop.core.locks import locked
from matloop.problem.campaign import CampaignProblem
from matloop.problem.campaign_toml import parse_campaign, settled

LOG, FILE, TABLES, BUNDLE = "log.jsonl", "campaign.toml", "tables", "bundle"
PATIENCE = 900.0
"""Seconds to wait for another `ask`, which may have thousands of rows to learn from."""


@dataclass(frozen=True, slots=True)
class Home:
    """Where a campaign lives."""

    path: Path

    @property
    def log(self) -> Journal:
        """The events."""
        return Journal(self.path / LOG, advice=f"Keep what stands before it with: matloop campaign repair {self.path}")

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Only one `ask` at a time; results may be told meanwhile."""
        busy = f"{self.path}: somebody else has been asking for {PATIENCE / 60:.0f} minutes. Wait, or end that process."
        try:
            with (self.path / ".asking").open("a+b") as stream, locked(stream, patience=PATIENCE, busy=busy):
                yield
        except OSError as error:
            raise RunError(said(self.path, error)) from error

    def found(self) -> Home:
        """The same, which is there.

        Raises
        ------
        ConfigError : there is no campaign.
        """
        if not (self.path / LOG).is_file():
            hint = "Begin one with: matloop campaign new PROBLEM -o DIR"
            raise ConfigError(f"{self.path}: this is no folder of a campaign. {hint}")
        return self

    def create(self, problem: CampaignProblem, text: str, base: Path, head: Mapping[str, Any]) -> CampaignProblem:
        """Begin the log; the table of candidates, and a bundle, are copied into the folder, so that they cannot change.

        Raises
        ------
        ConfigError : there is a campaign already. RunError : the folder cannot be written.
        """
        if (self.path / LOG).exists():
            raise ConfigError(f"{self.path}: there is a campaign already. Choose another folder with -o.")
        tables: dict[str, dict[str, str]] = {}
        source = base / problem.space.candidates
        if problem.space.candidates and source.is_file():
            copy = self.path / TABLES / source.name
            write_atomic(copy, lambda stream: _copied(source, stream))
            tables["candidates"] = {"path": f"{TABLES}/{source.name}", "sha256": sha256(copy)}
        if trained := problem.plan.surrogate.options.get("bundle"):
            try:
                shutil.copytree(base / str(trained), self.path / BUNDLE, dirs_exist_ok=True)
            except (OSError, shutil.Error) as error:
                raise RunError(f"{self.path / BUNDLE}: the bundle cannot be copied: {error}") from error
        created = {
            "event": "created",
            "format": FORMAT,
            "name": problem.name,
            **head,
            "tables": tables,
            "problem": text,
        }
        if self.log.decide(_only_first(created)) is None:
            raise ConfigError(f"{self.path}: there is a campaign already. Choose another folder with -o.")
        write_text(self.path / FILE, "# a copy for reading; what counts is in log.jsonl\n" + text)
        return self.placed(problem, tables)

    def problem(self, created: Mapping[str, Any]) -> CampaignProblem:
        """The problem as it was when the campaign began.

        Raises
        ------
        DataError : the table of candidates is missing, or was changed.
        """
        problem = settled(parse_campaign(created["problem"], f"{self.path / LOG}, the problem"))
        tables = created.get("tables", {})
        for table in tables.values():
            copy = self.path / table["path"]
            if not copy.is_file() or sha256(copy) != table["sha256"]:
                raise DataError(
                    f"{copy}: the table of candidates is missing or was changed since the campaign began. Put the "
                    "original there again, or begin a new campaign with the new table and the old one in [data] places."
                )
        return self.placed(problem, tables)

    def placed(self, problem: CampaignProblem, tables: Mapping[str, Mapping[str, str]]) -> CampaignProblem:
        """The problem with its candidates and its bundle where they lie in the folder."""
        surrogate = problem.plan.surrogate
        if "bundle" in surrogate.options:  # it checks itself when it is loaded
            kept = replace(surrogate, options={**surrogate.options, "bundle": BUNDLE})
            problem = replace(problem, plan=replace(problem.plan, surrogate=kept))
        if "candidates" not in tables:
            return problem
        return replace(problem, space=replace(problem.space, candidates=tables["candidates"]["path"]))


def _copied(source: Path, stream: BinaryIO) -> None:
    with source.open("rb") as content:
        shutil.copyfileobj(content, stream)


def _only_first(created: Mapping[str, Any]) -> Callable[[list[dict[str, Any]]], Mapping[str, Any] | None]:
    return lambda known: None if known else created
