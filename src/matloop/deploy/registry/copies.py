"""Checked copies of registered bundles in a folder: whole, or not there; a damaged one is put right."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from matloop.core.errors import BundleError, RunError
from matloop.core.files import said
from matloop.data.store.connect import Database
from matloop.deploy.bundle import identity, read_manifest, verify
from matloop.deploy.registry import chunks
from matloop.deploy.registry.chunks import Kept
from matloop.deploy.registry.contract import Version

_IDENTITY = re.compile(r"[0-9a-f]{16}")
_FILE = re.compile(r"[A-Za-z0-9_-]{1,80}\.[a-z]{2,5}")


def copied(database: Database, version: Version, files: Callable[[], Sequence[Kept]], cache: Path) -> Path:
    """The folder below `cache` with a bundle; a copy that is there and whole needs no database.

    Raises
    ------
    BundleError : what is stored was damaged or changed. RunError : the disk is full, or the database cannot be reached.
    """
    if not _IDENTITY.fullmatch(version.bundle):  # it becomes the name of a folder
        raise BundleError(f"{database.place}: {version.bundle[:40]!r} identifies no bundle. The store was changed.")
    folder = cache / version.bundle
    if whole(folder, version.bundle):
        return folder
    temporary = None
    try:
        cache.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=cache, prefix=f".{version.bundle}."))
        fresh = temporary / "bundle"
        fresh.mkdir()
        _filled(database, version, files(), fresh)
        if folder.exists() and not whole(folder, version.bundle):
            folder.rename(temporary / "damaged")
        if not folder.exists():
            fresh.rename(folder)
    except OSError as error:
        if not whole(folder, version.bundle):  # else another process has put it there meanwhile
            raise RunError(said(folder, error)) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
    return folder


def whole(folder: Path, bundle: str) -> bool:
    """Whether a folder holds that bundle, byte by byte."""
    try:
        if identity(folder) != bundle:
            return False
        for name, entry in read_manifest(folder).files.items():
            verify(folder, name, entry)
    except (BundleError, OSError):
        return False
    return True


def _filled(database: Database, version: Version, files: Sequence[Kept], folder: Path) -> None:
    for file in files:
        if not _FILE.fullmatch(file.name):
            raise BundleError(
                f"{database.place}: {version.spelled} has a file {file.name[:80]!r}, which no bundle has. The store "
                "was changed; nothing was written."
            )
        chunks.fetched(database, file, folder / file.name)
    if not whole(folder, version.bundle):
        raise BundleError(
            f"{database.place}: what is stored of {version.spelled} is not the bundle {version.bundle}. It is damaged "
            "or was changed: restore the store from a copy, or add the run again to a new store."
        )
