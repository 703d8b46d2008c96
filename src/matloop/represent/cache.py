"""Features that were worked out before, on disk by the content of each row: a second run costs next to nothing.

A shelf holds the rows of one featurizer (its class, options, code and libraries) in segments: files that are written
whole or not at all, named by their hash, never changed. So two writers do not disturb each other, a killed one leaves
nothing half done, and a damaged file is noticed, removed and made again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.core.errors import RunError
from matloop.core.files import sha256, write_bytes, write_text
from matloop.core.places import cache_folder
from matloop.represent.batches import KEY_BYTES
from matloop.represent.work import Ticket

logger = logging.getLogger(__name__)
LIMIT_GB = 4.0
"""Beyond, what was not used for longest is removed; `MATLOOP_CACHE_GB` sets another limit."""
LEAST_SECONDS = 2e-4
"""A featurizer that takes less per row is not kept: hashing, writing and finding a row would cost as much."""
FORMAT = 1
_LIBRARIES = (
    *("numpy", "scipy", "rdkit", "matscipy", "ase", "pymatgen", "moyopy", "spglib", "dscribe", "scikit-learn"),
    *("matloop", "networkx"),
)
_ENDING = ".rows"


@dataclass(frozen=True, slots=True)
class Found:
    """What a shelf knew of some rows: which (n,), their features (n, width; NaN elsewhere), reasons by row."""

    known: BoolArray
    X: FloatArray
    reasons: dict[int, str]


@dataclass(frozen=True, slots=True)
class ShelfCard:
    """One featurizer in the cache."""

    featurizer: str
    rows: int
    megabytes: float


class Cache:
    """A folder of shelves.

    Parameters
    ----------
    folder : `cache_folder()` by default. limit_gb : size that `tidy` cuts it down to. least_seconds : per row; a
        featurizer that is faster is not kept.
    """

    def __init__(
        self, folder: Path | None = None, *, limit_gb: float | None = None, least_seconds: float = LEAST_SECONDS
    ) -> None:
        self.folder = (folder or cache_folder()) / f"features-{FORMAT}"
        self.limit_gb = float(os.environ.get("MATLOOP_CACHE_GB", LIMIT_GB)) if limit_gb is None else limit_gb
        self.least_seconds = least_seconds

    def shelf(self, ticket: Ticket, width: int) -> Shelf:
        """The shelf of a featurizer with that many columns."""
        told = json.dumps([ticket.as_json(), width, _files(ticket), code_version(), _module_hash(ticket)])
        place = self.folder / hashlib.sha256(told.encode()).hexdigest()[:32]
        return Shelf(place, _title(ticket), width)

    def cards(self) -> tuple[ShelfCard, ...]:
        """What is in it, by featurizer."""
        found: dict[str, tuple[int, float]] = {}
        for path, size, _ in self._segments():
            title = _text(path.parent / "about.txt") or "?"
            rows, megabytes = found.get(title, (0, 0.0))
            found[title] = rows + _n_rows(path), megabytes + size / 1e6
        return tuple(ShelfCard(title, *found[title]) for title in sorted(found))

    def clear(self) -> int:
        """Remove everything; the number of files removed."""
        return sum(_removed(path) for path, _, _ in self._segments())

    def tidy(self) -> None:
        """Remove what was not used for longest until the limit is kept."""
        segments = self._segments()
        total, limit = sum(size for _, size, _ in segments), self.limit_gb * 1e9
        if total <= limit:
            return
        for path, size, _ in sorted(segments, key=lambda segment: segment[2]):
            if total <= 0.9 * limit:
                return
            total -= size * _removed(path)

    def _segments(self) -> list[tuple[Path, int, float]]:
        """Path, bytes and time of last use of every segment."""
        found = []
        for path in self.folder.glob(f"*/*{_ENDING}"):
            with contextlib.suppress(FileNotFoundError):  # another process removed it meanwhile
                state = path.stat()
                found.append((path, state.st_size, state.st_mtime))
        return found


class Shelf:
    """Rows of one featurizer. Segments that other processes add are seen when the shelf is opened anew."""

    def __init__(self, folder: Path, title: str, width: int) -> None:
        self.folder, self.title, self.width = folder, title, width
        self._segments = [segment for segment in map(_opened, sorted(folder.glob(f"*{_ENDING}"))) if segment]
        self._segments = [segment for segment in self._segments if segment.width == width]
        keys = [segment.keys for segment in self._segments]
        flat = np.concatenate(keys) if keys else np.empty(0, dtype=f"S{KEY_BYTES}")
        counts = [len(segment) for segment in keys]
        order = np.argsort(flat, kind="stable")
        self._keys = flat[order]
        self._segment = np.repeat(np.arange(len(keys), dtype=np.int32), counts)[order]
        self._row = np.concatenate([np.arange(n, dtype=np.int32) for n in counts] or [np.empty(0, np.int32)])[order]
        self._checked: dict[int, bool] = {}

    @property
    def empty(self) -> bool:
        """Whether nothing was kept when it was opened."""
        return not len(self._keys)

    def find(self, keys: Sequence[bytes]) -> Found:
        """What is known of rows with these keys."""
        found = Found(np.zeros(len(keys), dtype=bool), np.full((len(keys), self.width), np.nan), {})
        if self.empty or not len(keys):
            return found
        wanted = _as_keys(keys)
        at = np.minimum(np.searchsorted(self._keys, wanted), len(self._keys) - 1)
        hits = np.flatnonzero(self._keys[at] == wanted)
        for number in np.unique(self._segment[at[hits]]).tolist():
            rows = hits[self._segment[at[hits]] == number]
            self._take(number, rows, self._row[at[rows]], found)
        return found

    def _take(self, number: int, rows: IntArray, places: IntArray, found: Found) -> None:
        segment = self._segments[number]
        content = segment.content() if self._checked.get(number, True) else None
        self._checked[number] = content is not None
        if content is None:
            return
        X, reasons = content
        found.known[rows] = True
        found.X[rows] = X[places]
        if reasons:
            found.reasons.update({
                row: reasons[place] for row, place in zip(rows.tolist(), places.tolist(), strict=True)
                if place in reasons
            })  # fmt: skip

    def keep(self, keys: Sequence[bytes], X: FloatArray, reasons: dict[int, str]) -> None:
        """Add rows; reasons by their place in `keys`.

        Raises
        ------
        RunError : the folder cannot be written, or the disk is full.
        """
        head, body = _as_keys(keys).tobytes(), np.ascontiguousarray(X, dtype="<f8").tobytes()
        told = json.dumps({str(row): why for row, why in reasons.items()}, ensure_ascii=False).encode()
        digest = hashlib.sha256(body + told).hexdigest()
        about = {"format": FORMAT, "rows": len(keys), "width": self.width, "told": len(told), "body": digest,
                 "keys": hashlib.sha256(head).hexdigest()}  # fmt: skip
        name = hashlib.sha256(head + digest.encode()).hexdigest()[:32]
        if not (self.folder / "about.txt").exists():
            write_text(self.folder / "about.txt", self.title)
        write_bytes(self.folder / f"{name}{_ENDING}", json.dumps(about).encode() + b"\n" + head + body + told)


@dataclass(frozen=True, slots=True)
class _Segment:
    """A file of a shelf: one line of JSON, the keys, the features, the reasons as JSON."""

    path: Path
    width: int
    keys: np.ndarray
    start: int
    told: int
    body: str

    def content(self) -> tuple[FloatArray, dict[int, str]] | None:
        """Features and reasons, or None for a file that is gone or damaged (it is removed)."""
        try:
            with self.path.open("rb") as stream:
                stream.seek(self.start)
                content = stream.read()
        except OSError:
            return None
        if hashlib.sha256(content).hexdigest() != self.body:
            logger.warning("%s is damaged; its rows are worked out again", self.path)
            _removed(self.path)
            return None
        edge = len(content) - self.told
        X = np.frombuffer(content[:edge], dtype="<f8").reshape(-1, self.width)
        with contextlib.suppress(OSError):  # a folder that is only readable serves all the same
            os.utime(self.path)
        return X, {int(row): str(why) for row, why in json.loads(content[edge:]).items()}


def _opened(path: Path) -> _Segment | None:
    """A segment by its head; None for a file that is gone or damaged (it is removed)."""
    try:
        with path.open("rb") as stream:
            about = json.loads(stream.readline(10_000))
            rows, width, told = (int(about[name]) for name in ("rows", "width", "told"))
            whole = stream.tell() + rows * (KEY_BYTES + 8 * width) + told
            if about["format"] != FORMAT or min(rows, width, told) < 0 or path.stat().st_size != whole:
                raise ValueError("its size is not what its head says")
            head = stream.read(rows * KEY_BYTES)
            if hashlib.sha256(head).hexdigest() != about["keys"]:
                raise ValueError("its keys are not what its head says")
            return _Segment(
                path, width, np.frombuffer(head, dtype=f"S{KEY_BYTES}"), stream.tell(), told, str(about["body"])
            )
    except OSError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        logger.warning("%s is damaged (%s); its rows are worked out again", path, error)
        _removed(path)
        return None


def _as_keys(keys: Sequence[bytes]) -> np.ndarray:
    return np.frombuffer(b"".join(keys), dtype=f"S{KEY_BYTES}")


def _removed(path: Path) -> bool:
    try:
        path.unlink()
    except OSError:
        return False  # gone already, or open in a process on a system that then refuses
    return True


def _n_rows(path: Path) -> int:
    segment = _opened(path)
    return len(segment.keys) if segment else 0


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def _title(ticket: Ticket) -> str:
    options = ", ".join(f"{name}={value!r}"[:60] for name, value in ticket.options)
    return f"{ticket.place.rpartition(':')[2]}({options})"


def _files(ticket: Ticket) -> list[str]:
    """Hashes of the files that options name."""
    found = []
    for _, value in ticket.options:
        if isinstance(value, str) and 0 < len(value) < 1000 and "\0" not in value and Path(value).is_file():
            found.append(sha256(Path(value)))
    return found


@lru_cache(maxsize=1)
def code_version() -> str:
    """A hash of the code, tables and libraries that features depend on: another release never takes this one's."""
    digest = hashlib.sha256()
    root = Path(__file__).parents[1]
    for room in ("core", "matter", "represent"):
        for path in sorted((root / room).rglob("*")):
            if path.suffix in (".py", ".csv", ".json") and path.is_file():
                digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    for name in _LIBRARIES:
        try:
            digest.update(f"{name} {version(name)}".encode())
        except PackageNotFoundError:
            digest.update(f"{name} -".encode())
    return digest.hexdigest()[:32]


def _module_hash(ticket: Ticket) -> str:
    """A hash of the file of a featurizer that comes from elsewhere."""
    module = sys.modules.get(ticket.place.partition(":")[0])
    path = getattr(module, "__file__", None)
    return sha256(Path(path)) if path and Path(path).is_file() else ""


def kept(shelf: Shelf, keys: Sequence[bytes], X: FloatArray, reasons: dict[int, str]) -> bool:
    """Keep rows if that is possible; False, with a warning, where the folder cannot be written."""
    try:
        shelf.keep(keys, X, reasons)
    except RunError as error:
        logger.warning("features are not kept for a second run: %s", error)
        return False
    return True
