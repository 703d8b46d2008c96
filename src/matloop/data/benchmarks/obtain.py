"""The file of a published data set: from a mirror, from the cache, or fetched; its hash is right before it is read."""

from __future__ import annotations

import importlib
import logging
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from matloop.core.errors import DataError, RunError
from matloop.core.files import said, sha256, write_text
from matloop.core.locks import locked
from matloop.core.places import cache_folder
from matloop.core.progress import SILENT, Progress
from matloop.data.benchmarks.cards import Benchmark

if TYPE_CHECKING:
    from matloop.data.benchmarks.download import Downloaded
    from matloop.data.harvest.fetch import Policy

logger = logging.getLogger(__name__)
SUMS = "SHA256SUMS"
"""The list of hashes that the owner of a mirror may put beside the files, as `sha256sum` writes it."""
MIRROR = "MATLOOP_MIRROR"
PARTS = "parts"
"""The folder of the cache that holds files of which some came."""
_TABLES = (".csv", ".csv.gz", ".parquet", ".jsonl.gz", ".jsonl")


@dataclass(frozen=True, slots=True)
class Obtained:
    """A file whose hash was compared. by : who states that hash. converted : it is a table that the owner of a mirror
    made of the data, and not the published file."""

    path: Path
    sha256: str
    by: str
    converted: bool = False
    licence: str = ""


def obtain(
    card: Benchmark, *, mirror: str | Path = "", folder: Path | None = None, policy: Policy | None = None,
    progress: Progress = SILENT,
) -> Obtained:  # fmt: skip
    """The file of a data set.

    Parameters
    ----------
    mirror : a folder that holds the files under the same names, or in folders called like the data sets; nothing is
        fetched then. `MATLOOP_MIRROR` in the environment does the same. folder : the cache.

    Raises
    ------
    DataError : it is not in the mirror, or not the published one. RunError : it cannot be fetched or kept.
    """
    cache = (folder or cache_folder()) / "benchmarks"
    mirror = str(mirror) or os.environ.get(MIRROR, "")
    if mirror:
        return _mirrored(card, Path(mirror).expanduser(), cache)
    return _cached(card, cache) or _fetched(card, cache, policy, progress)


def is_cached(card: Benchmark, folder: Path | None = None) -> bool:
    """Whether the file is in the cache (its hash is compared when it is read)."""
    return ((folder or cache_folder()) / "benchmarks" / card.file).is_file()


# ---- mirror ----


def _mirrored(card: Benchmark, mirror: Path, cache: Path) -> Obtained:
    if not mirror.is_dir():
        raise DataError(f"{mirror}: there is no such folder of data sets (--mirror, or {MIRROR}).")
    for path in (mirror / card.file, mirror / card.name / card.file):
        if path.is_file():
            return _compared(card, path, _vouched(path))
    for path in (place / f"{card.name}{end}" for place in (mirror, mirror / card.name) for end in _TABLES):
        if path.is_file() and (listed := _vouched(path)):
            return _vouched_for(path, listed)
    if (kept := _cached(card, cache)) is not None:
        return kept
    other = sorted(
        path.name for path in (*mirror.glob(f"{card.name}*"), *mirror.glob(f"{card.name}/*")) if path.is_file()
    )
    beside = (
        f" There is {', '.join(other[:4])}: a table made of it is taken where {SUMS} beside it states its hash."
        if other
        else ""
    )
    raise DataError(
        f"{card.source}: {card.file} is not in {mirror}.{beside} Get it from {card.url} and put it there, or leave the "
        "mirror out to have it fetched."
    )


def _vouched(path: Path) -> str:
    """The hash that the list of hashes beside a file states; "" where there is none."""
    sums = path.parent / SUMS
    if not sums.is_file():
        return ""
    for line in sums.read_text("utf-8", errors="replace").splitlines():
        digest, _, name = line.strip().partition(" ")
        if name.strip().lstrip("*").removeprefix("./") == path.name and re.fullmatch(r"[0-9a-fA-F]{64}", digest):
            return digest.lower()
    return ""


def _vouched_for(path: Path, listed: str) -> Obtained:
    digest = sha256(path)
    if digest != listed:
        raise DataError(f"{path}: has sha256 {digest[:16]}..., {SUMS} beside it says {listed[:16]}.... Copy it again.")
    return Obtained(path, digest, f"{SUMS} of the mirror", converted=True)


def _compared(card: Benchmark, path: Path, vouched: str = "") -> Obtained:
    """A file with the published hash, or that of a mirror's list where none is published."""
    digest, stated = sha256(path), card.sha256 or vouched
    if stated and digest != stated:
        raise DataError(
            f"{path}: is not the published file of {card.source}: its sha256 is {digest[:16]}..., it should be "
            f"{stated[:16]}.... It is damaged, half copied or another one: get it again from {card.url}"
        )
    by = "its publisher" if card.sha256 else f"{SUMS} of the mirror" if vouched else ""
    return Obtained(path, digest, by)


# ---- cache ----


def _cached(card: Benchmark, cache: Path) -> Obtained | None:
    path, note = cache / card.file, cache / f"{card.file}.sha256"
    if not path.is_file():
        return None
    digest = sha256(path)
    first, by, licence = ([*note.read_text("utf-8").splitlines(), "", "", ""] if note.is_file() else ["", "", ""])[:3]
    if digest != (card.sha256 or first):
        logger.warning("%s in the cache is damaged; it is fetched again", path)
        return None
    return Obtained(path, digest, "its publisher" if card.sha256 else by, licence=licence)


def _fetched(card: Benchmark, cache: Path, policy: Policy | None, progress: Progress) -> Obtained:
    progress.tell(f"fetching {card.file} from {card.url}")
    download = importlib.import_module("matloop.data.benchmarks.download")  # needs an extra; a mirror does not
    path = cache / card.file
    with _part(cache, card.file) as part:
        got: Downloaded = download.download(card, part, policy)
        write_text(cache / f"{card.file}.sha256", f"{got.sha256}\n{got.by}\n{got.licence}\n")
        _moved(part, path)
    return Obtained(path, got.sha256, got.by, licence=got.licence)


@contextmanager
def _part(cache: Path, name: str) -> Iterator[Path]:
    """Where a file is put together: what came of it lies there; a folder of our own where somebody else is at it."""
    parts = cache.parent / PARTS
    try:
        parts.mkdir(parents=True, exist_ok=True)
        lock = (parts / f"{name}.lock").open("a+b")
    except OSError as error:
        raise RunError(said(parts, error)) from error
    with ExitStack() as held:
        held.enter_context(lock)
        try:
            held.enter_context(locked(lock, patience=0.0, busy=name))
        except RunError:
            yield Path(held.enter_context(tempfile.TemporaryDirectory(dir=parts))) / name
            return
        yield parts / name
        (parts / f"{name}.json").unlink(missing_ok=True)


def _moved(part: Path, path: Path) -> None:
    """Put a finished file in its place, whole also after a power cut."""
    try:
        with part.open("rb+") as stream:
            os.fsync(stream.fileno())
        os.replace(part, path)
    except OSError as error:
        raise RunError(said(path, error)) from error
