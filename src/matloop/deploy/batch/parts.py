"""The parts of a batch on disk: a Parquet file per chunk, and beside each a marker that says it is whole.

A part without its marker does not count. What the batch is made of stands in `plan.json`; a call that would do
something else is told so instead of mixing two.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb
import pandas as pd

from matloop.core.errors import ConfigError, DataError, RunError
from matloop.core.files import said, sha256, write_text
from matloop.core.jsonable import dumps, from_jsonable
from matloop.core.locks import locked
from matloop.deploy.batch.account import Account, summed
from matloop.deploy.batch.join import join, written
from matloop.deploy.batch.table import Chunk, FilePrint, Table, quoted, told
from matloop.deploy.predict import FORMATS, ending_of

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a batch is made of; another plan is another batch.

    bundle : its identity. release : of matloop. table : prints of its files. carried : columns that go over. size :
    rows of a chunk.
    """

    bundle: str
    release: str
    table: tuple[FilePrint, ...]
    carried: tuple[str, ...]
    size: int


@dataclass(frozen=True, slots=True)
class Part:
    """A finished part: its rows (from `start`, 0-based), file, bytes, SHA-256, and what was counted."""

    number: int
    start: int
    file: str
    bytes: int
    sha256: str
    account: Account


@dataclass(frozen=True, slots=True)
class Manifest:
    """What stands beside a finished batch. parts : of a folder. bytes, sha256 : of the one file, where it is one."""

    plan: Plan
    columns: tuple[str, ...]
    account: Account
    n_parts: int
    parts: tuple[Part, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    bytes: int = 0
    sha256: str = ""


class Parts:
    """The parts of one batch.

    Parameters
    ----------
    out : the file to write, or a folder that keeps the parts as they are. anew : throw away what another plan has left.

    Raises
    ------
    ConfigError : the name of `out` says no known format, or it is a folder of something else. RunError : another
        process writes the same batch; what is there was made by another plan (the message says what changed).
    """

    def __init__(self, out: Path, plan: Plan, *, anew: bool = False) -> None:
        self.out, self.plan, self._anew = out, plan, anew
        self.in_folder = is_folder(out)
        if not self.in_folder and ending_of(out) == ".xlsx":
            raise ConfigError(f"{out.name}: a batch is written as {', '.join(FORMATS[:-1])}, or into a folder.")
        self._work = out / ".batch" if self.in_folder else out.absolute().with_name(f".{out.name}.batch")
        self.folder = out if self.in_folder else self._work
        self.manifest = out / MANIFEST if self.in_folder else out.with_name(f"{out.name}.{MANIFEST}")
        self.done: dict[int, Part] = {}
        self._held = ExitStack()
        self._over = False

    def __enter__(self) -> Self:
        try:
            self._refuse_strangers()
            self._work.mkdir(parents=True, exist_ok=True)
            lock = self._held.enter_context((self._work / "lock").open("ab"))
            busy = f"{self.out} is being written by another process. Wait for it, or choose another place with -o."
            self._held.enter_context(locked(lock, patience=0.0, busy=busy))
            self._begin()
        except OSError as error:
            self._held.close()
            raise RunError(said(self._work, error)) from error
        except BaseException:
            self._held.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._over:
            shutil.rmtree(self._work, ignore_errors=True)
        self._held.close()

    def finished(self) -> Manifest | None:
        """The manifest, if this very batch was finished before and nothing of it was changed."""
        if not self.manifest.is_file():
            return None
        try:
            found = from_jsonable(Manifest, json.loads(self.manifest.read_text("utf-8")))
        except (ValueError, DataError, OSError):
            return None
        if found.plan != self.plan:
            return None
        whole = [(self.out, found.bytes, found.sha256)] if not self.in_folder else [
            (self.folder / part.file, part.bytes, part.sha256) for part in found.parts]  # fmt: skip
        if not all(_is_whole(*entry) for entry in whole):
            return None
        self._over = True
        return found

    def add(self, chunk: Chunk, table: Table, predicted: pd.DataFrame, account: Account) -> None:
        """Write the part of a chunk: what is carried over and what was predicted, side by side.

        Raises
        ------
        RunError : the disk is full, or the folder cannot be written. DataError : the table cannot be read again.
        """
        name = f"part-{chunk.number:06d}.parquet"
        unfinished = self._work / f"unfinished-{chunk.number}"
        carried = self.plan.carried
        with duckdb.connect(config={"threads": 1, "autoinstall_known_extensions": "false"}) as connection:
            connection.register("predicted", predicted.set_axis([f"p{k}" for k in range(predicted.shape[1])], axis=1))
            chosen = ", ".join([f"c.c{k} AS {quoted(name)}" for k, name in enumerate(carried)] +
                               [f"p.p{k} AS {quoted(name)}" for k, name in enumerate(predicted.columns)])  # fmt: skip
            beside = f"({table.carry(connection, chunk, carried)}) c POSITIONAL JOIN " if carried else ""
            what = f"SELECT {chosen} FROM {beside}predicted p"
            written(
                unfinished, lambda: connection.execute(f"COPY ({what}) TO {told(str(unfinished))} (FORMAT parquet)")
            )
        try:
            with unfinished.open("rb+") as content:
                digest = hashlib.file_digest(content, "sha256").hexdigest()
                os.fsync(content.fileno())
            size = unfinished.stat().st_size
            os.replace(unfinished, self.folder / name)
        except OSError as error:
            raise RunError(said(self.folder, error)) from error
        if not self.done:
            write_text(self._work / "names.json", json.dumps([*carried, *predicted.columns]))
        part = Part(chunk.number, chunk.start, name, size, digest, account)
        write_text(self._marker(chunk.number), dumps(part, indent=None))
        self.done[chunk.number] = part

    def finish(self, *, versions: Mapping[str, str]) -> Manifest:
        """Put the parts together (or leave them, in a folder) and write the manifest; then the markers go.

        Raises
        ------
        RunError : the disk is full, or a place cannot be written; all parts are kept.
        """
        parts = tuple(self.done[number] for number in sorted(self.done))
        files = [self.folder / part.file for part in parts]
        columns = tuple(_columns_of(files[0]))
        size, digest = 0, ""
        if not self.in_folder:
            columns = join(files, json.loads((self._work / "names.json").read_text("utf-8")), self.out, self._work)
            size, digest = self.out.stat().st_size, sha256(self.out)
        account, kept = summed(part.account for part in parts), parts if self.in_folder else ()
        whole = Manifest(self.plan, columns, account, len(parts), kept, versions, size, digest)
        write_text(self.manifest, dumps(whole) + "\n")
        self._over = True
        return whole

    def _begin(self) -> None:
        plan = self._work / "plan.json"
        if self._anew:
            self._clear()
        if plan.is_file():
            before = _plan_of(plan)
            if before != self.plan:
                raise RunError(self._other(before))
        elif self.in_folder and self.manifest.is_file() and not self.finished():
            raise RunError(f"{self.out} holds a finished batch of something else, or one that was changed. Choose "
                           "another folder with -o, or do it again from the beginning with --anew.")  # fmt: skip
        write_text(plan, dumps(self.plan))
        for marker in sorted(self._work.glob("done-*.json")):
            part = _part_of(marker)
            if part is not None and _is_whole(self.folder / part.file, part.bytes, part.sha256):
                self.done[part.number] = part
            else:
                marker.unlink()
        for left in self._work.glob("unfinished-*"):
            left.unlink()

    def _clear(self) -> None:
        for path in [*self._work.glob("*.json"), *self.folder.glob("part-*.parquet"), self.manifest]:
            path.unlink(missing_ok=True)

    def _other(self, before: Plan | None) -> str:
        changed = ["its plan cannot be read"] if before is None else list(differences(before, self.plan))
        return (
            f"{self.out}: a batch was begun here that is not this one: {'; '.join(changed)}. To go on with it, give "
            "back what was changed; to begin anew and throw its parts away, add --anew; or choose another place with "
            "-o."
        )

    def _refuse_strangers(self) -> None:
        if not self.in_folder or not self.out.is_dir():
            return
        known = (MANIFEST, ".batch")
        strange = [p.name for p in self.out.iterdir() if p.name not in known and not p.match("part-*.parquet")]
        if strange:
            raise ConfigError(f"{self.out}: the folder holds other things ({', '.join(sorted(strange)[:3])}). Choose "
                              "an empty folder, or one that does not exist yet.")  # fmt: skip

    def _marker(self, number: int) -> Path:
        return self._work / f"done-{number:06d}.json"


def is_folder(out: Path) -> bool:
    """Whether a place to write to is a folder of parts: it is one, or its name has no ending."""
    return out.is_dir() or not out.suffix


def differences(before: Plan, now: Plan) -> Iterator[str]:
    """What differs between two plans, in words."""
    if before.bundle != now.bundle:
        yield f"the bundle was {before.bundle} and is {now.bundle}"
    if before.release != now.release:
        yield f"matloop was {before.release} and is {now.release}"
    if before.carried != now.carried:
        yield f"columns carried over were {_shown(before.carried)} and are {_shown(now.carried)}"
    if before.size != now.size:
        yield f"chunks had {before.size:,} rows and have {now.size:,}"
    yield from table_differences(before.table, now.table)


def table_differences(before: Sequence[FilePrint], now: Sequence[FilePrint]) -> Iterator[str]:
    """What differs between the files of two tables, in words."""
    old, new = {one.name: one for one in before}, {one.name: one for one in now}
    lost, more = sorted(set(old) - set(new)), sorted(set(new) - set(old))
    changed = sorted(name for name in set(old) & set(new) if old[name] != new[name])
    for what, names in (
        ("is no longer part of the table", lost),
        ("is new in the table", more),
        ("was changed", changed),
    ):
        if names:
            yield f"{', '.join(names[:3])}{f' and {len(names) - 3} more files' if len(names) > 3 else ''} {what}"


def _shown(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"


def _is_whole(path: Path, size: int, digest: str) -> bool:
    return path.is_file() and path.stat().st_size == size and sha256(path) == digest


def _plan_of(path: Path) -> Plan | None:
    try:
        return from_jsonable(Plan, json.loads(path.read_text("utf-8")))
    except (ValueError, DataError):
        return None


def _part_of(path: Path) -> Part | None:
    try:
        return from_jsonable(Part, json.loads(path.read_text("utf-8")))
    except (ValueError, DataError):
        return None


def _columns_of(path: Path) -> list[str]:
    with duckdb.connect() as connection:
        return [
            row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM read_parquet({told(str(path))})").fetchall()
        ]
