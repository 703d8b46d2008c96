"""A shared folder back into records: every file is checked against the manifest before a line of it is read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from matloop.core.errors import DataError, all_faults
from matloop.core.files import sha256
from matloop.data.share.crate import METADATA, columns_of, facts_of
from matloop.data.share.export import MANIFEST
from matloop.data.share.flat import ColumnOf
from matloop.data.share.forms import Form, checked_form, read_form
from matloop.data.store.values import Record

_LINE = re.compile(r"^([0-9a-f]{64})  (.+)$")
_LARGEST = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Received:
    """A checked folder. facts : what it says of itself (dataset, title, about, licence, citation, version)."""

    folder: Path
    form: Form
    columns: tuple[ColumnOf, ...]
    facts: Mapping[str, str]
    n_files: int

    def records(self) -> Iterator[Record]:
        """The records, read as they are needed."""
        return read_form(self.folder, self.form, self.columns)


def is_crate(path: Path) -> bool:
    """Whether a path is a folder with an RO-Crate in it."""
    return path.is_dir() and (path / METADATA).is_file()


def receive(folder: Path) -> Received:
    """Check a folder that `export_dataset` wrote.

    Raises
    ------
    DataError : it is another program's crate, or files are missing, changed, not listed, or outside of the folder.
    """
    facts = facts_of(_json(folder / METADATA))
    if not facts.get("form") or not (folder / MANIFEST).is_file():
        raise DataError(
            f"{folder}: this RO-Crate was not written by matloop, so its tables have to be named: matloop data add "
            f"{folder}/TABLE.csv --store ..."
        )
    n_files = _checked(folder)
    form = checked_form(facts["form"])
    columns: tuple[ColumnOf, ...] = ()
    if form in ("csv", "parquet", "xlsx"):
        path = folder / f"records.{form}-metadata.json"
        try:
            columns = columns_of(_json(path))
        except DataError as error:
            raise DataError(f"{path}: does not say what the columns are. {error}") from error
    return Received(folder, form, columns, facts, n_files)


def _checked(folder: Path) -> int:
    listed = _listed(folder)
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() or path.is_symlink()}
    faults = [f"{name}: is missing" for name in sorted(set(listed) - there)]
    faults += [f"{name}: is not in the manifest" for name in sorted(there - set(listed) - {MANIFEST})]
    for name in sorted(set(listed) & there):
        path = folder / name
        if path.is_symlink() or not path.resolve().is_relative_to(folder.resolve()):
            faults.append(f"{name}: leads out of the folder")
        elif sha256(path) != listed[name]:
            faults.append(f"{name}: was changed since it was written")
    if faults:
        raise DataError(all_faults(f"{folder}: is not what was shared. Get it again:", faults))
    return len(listed)


def _listed(folder: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, line in enumerate((folder / MANIFEST).read_text(encoding="utf-8").splitlines(), start=1):
        entry = _LINE.match(line)
        if entry is None:
            raise DataError(f"{folder / MANIFEST}, line {number}: a checksum and a path were expected.")
        name = PurePosixPath(entry[2])
        if name.is_absolute() or ".." in name.parts or "\\" in entry[2] or ":" in entry[2]:
            raise DataError(f"{folder / MANIFEST}, line {number}: {entry[2]!r} leads out of the folder.")
        found[entry[2]] = entry[1]
    if METADATA not in found:
        raise DataError(f"{folder / MANIFEST}: does not list {METADATA}.")
    return found


def _json(path: Path) -> Any:
    try:
        if path.stat().st_size > _LARGEST:
            raise DataError(f"{path}: is larger than {_LARGEST >> 20} MiB, and no description is that long.")
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: cannot be read as JSON ({error}).") from error
