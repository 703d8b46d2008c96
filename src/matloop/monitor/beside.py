"""What was parsed of segments, kept beside them: a later look reads only what was written since.

A file of the folder `index` belongs to the segment of its name. It is used where the segment has still the size and the
time of change that it had, else where the part that was read still has its hash; then what follows is read on. Anything
else (damaged, of another release, of other content) is read anew. Nothing is lost with it: the segments hold all.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from matloop.core.arrayfile import read_arrays, write_arrays
from matloop.core.arrays import Arrays
from matloop.core.errors import BundleError, RunError
from matloop.core.release import release
from matloop.monitor.parsed import TYPES, Builder, Kind, Parsed, Words
from matloop.monitor.reading import TORN, Segment, as_timed, whole_lines, why_odd

logger = logging.getLogger(__name__)
FORMAT = 1
FOLDER = "index"
SMALL = 256 * 2**10
"""Bytes; shorter segments are read as fast as a file beside them."""
GROWN = 1000
"""New lines from which on a file is written again."""
SETTLED_S = 2.0
"""A segment that was changed more recently may be changed again within one tick of the file system's clock."""
LEFT_S = 3600.0
_LONG = "longer than a line may be"
_said_of: set[str] = set()


@dataclass(frozen=True, slots=True)
class Kept:
    """What a file beside a segment says. hash : SHA-256 of the part that was read. stamp : size and time of change (ns)
    of the segment when all of it had been read, zeros where it may have been changed since."""

    parsed: Parsed
    hash: bytes
    stamp: tuple[int, int]


def parsed_of(segment: Segment, damage: Callable[[str, int], None], *, trust: bool = True) -> Parsed:
    """A segment as columns; what was not kept yet is read, and kept.

    Parameters
    ----------
    damage : is told what could not be used, and how often. trust : False reads all of it, whatever is kept.

    Raises
    ------
    OSError : the segment cannot be read.
    """
    torn: list[str] = []
    with segment.path.open("rb", buffering=2**20) as file:
        stat = os.fstat(file.fileno())
        kept = _loaded(beside(segment.path)) if trust and stat.st_size >= SMALL else None
        if kept is not None and kept.stamp == (stat.st_size, stat.st_mtime_ns):
            found = kept.parsed
        else:
            read, before = _Read(), None
            if kept is not None:
                if read.same(file, kept):
                    before = kept.parsed
                else:
                    file.seek(0)
                    read = _Read()
            found = _read_on(file, read, before, torn)
            if stat.st_size >= SMALL and _LONG not in found.damaged:
                _keep(segment.path, kept if before is not None else None, read, found, stat)
    for why, n in found.damaged.items():
        damage(why, n)
    for why in torn:
        damage(why, 1)
    return found


def _read_on(file: BinaryIO, read: _Read, before: Parsed | None, torn: list[str]) -> Parsed:
    builder = Builder(before)

    def spoilt(why: str) -> None:
        torn.append(why) if why == TORN else builder.damage(why)

    for offset, line in whole_lines(file, spoilt, at=read.size, seen=read):
        try:
            builder.add(offset, *as_timed(line))
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            builder.damage(why_odd(error))
    return builder.parsed(read.size)


class _Read:
    """Counts and hashes the bytes that were read."""

    def __init__(self) -> None:
        self.size, self.hash = 0, hashlib.sha256()

    def __call__(self, part: bytes) -> None:
        self.size += len(part)
        self.hash.update(part)

    def same(self, file: BinaryIO, kept: Kept) -> bool:
        """Go through what was read before: whether it is still the same."""
        while self.size < kept.parsed.covered and (part := file.read(min(2**20, kept.parsed.covered - self.size))):
            self(part)
        return self.size == kept.parsed.covered and self.hash.digest() == kept.hash


def beside(segment: Path) -> Path:
    """The file that belongs to a segment."""
    return segment.parent / FOLDER / f"{segment.name}.npz"


def forget(folder: Path) -> None:
    """Remove files whose segments are gone, and what was left by a writer that was stopped."""
    now = time.time()
    with contextlib.suppress(OSError):
        for path in (folder / FOLDER).iterdir():
            left = path.name.startswith(".") and now - path.stat().st_mtime > LEFT_S
            if left or (path.suffix == ".npz" and path.name[0] != "." and not (folder / path.stem).exists()):
                path.unlink()


def _keep(segment: Path, kept: Kept | None, read: _Read, found: Parsed, stat: os.stat_result) -> None:
    settled = read.size == stat.st_size and time.time() - stat.st_mtime > SETTLED_S
    stamp = (stat.st_size, stat.st_mtime_ns) if settled else (0, 0)
    grown = len(found) - (len(kept.parsed) if kept else 0)
    if kept is not None and grown < GROWN and not (settled and grown == 0 and stamp != kept.stamp):
        return
    words = {
        "matloop": release(), "kinds": found.words.kinds, "who": found.words.who, "said": found.words.said,
        "damaged": dict(found.damaged),
    }  # fmt: skip
    arrays = {name: getattr(found, name) for name in TYPES} | {
        "head": np.array([FORMAT, found.covered, *stamp], dtype=np.int64),
        "hash": np.frombuffer(read.hash.digest(), dtype=np.uint8),
        "words": np.frombuffer(json.dumps(words).encode(), dtype=np.uint8),
    }
    try:
        write_arrays(beside(segment), arrays)
    except RunError as error:
        if str(segment.parent) not in _said_of:
            _said_of.add(str(segment.parent))
            logger.warning("what was read of the log is not kept, each look reads it anew: %s", error)


def _loaded(path: Path) -> Kept | None:
    """What is kept; None where there is nothing, or nothing that can be used."""
    if not path.is_file():
        return None
    try:
        arrays = read_arrays(path)
        words = json.loads(arrays["words"].tobytes())
        form, covered, size, changed = arrays["head"].tolist()
        if form != FORMAT or words["matloop"] != release() or any(not _of_type(arrays, name) for name in TYPES):
            return None
        found = Parsed(covered, _counts(words["damaged"]), _words(words), **{name: arrays[name] for name in TYPES})
        return Kept(found, arrays["hash"].tobytes(), (size, changed)) if found.whole() else None
    except (BundleError, ValueError, KeyError, TypeError, IndexError, RecursionError):
        return None


def _of_type(arrays: Arrays, name: str) -> bool:
    return arrays[name].ndim == 1 and arrays[name].dtype == np.dtype(TYPES[name])


def _words(found: Any) -> Words:
    kinds = [
        Kind(str(model), int(version), str(bundle), tuple(map(str, inputs)), tuple(map(str, targets)))
        for model, version, bundle, inputs, targets in found["kinds"]
    ]
    return Words(
        tuple(kinds), tuple(map(str, found["who"])), tuple((str(kind), str(why)) for kind, why in found["said"])
    )


def _counts(found: Any) -> dict[str, int]:
    return {str(why): int(n) for why, n in found.items()}
