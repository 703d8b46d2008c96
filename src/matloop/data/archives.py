"""Archives (.zip, .tar, .tar.gz, .tgz) of structure files: read entry by entry, never extracted to disk."""

from __future__ import annotations

import contextlib
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import IO, Any

from matloop.core.errors import DataError
from matloop.data.folders import LARGEST_FILE, TextOf, cells_of, header_of, joined, rows_without, said
from matloop.data.layout import ENDINGS, NAMES, PROPERTIES, Layout, Properties, is_file_name, layout, properties_of
from matloop.data.opened import UNREADABLE, Opened
from matloop.data.table import named
from matloop.data.unpack import BombError, checked_zip, unpacked
from matloop.problem.question import Source

MOST_ENTRIES = 2_000_000
"""Entries of an archive."""
MOST_TIMES_FILE = 1000
"""Times that one entry may be longer than its packed bytes; a structure file of equal lines comes near 300."""
_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, OSError, NotImplementedError, RuntimeError)


@dataclass(slots=True)
class _Contents:
    """What an archive holds: structure files, its `id_prop.csv`, and what is refused, with the reason."""

    paths: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    properties: tuple[str, str] | None = None
    names: set[str] = field(default_factory=set)

    def twin(self, name: str) -> str:
        """Why an entry of a name that was there is refused."""
        if name in self.names:
            return "its name stands there twice; one of them is read"
        self.names.add(name)
        return ""


def open_zip(path: Path, source: Source) -> Opened:
    """A zip file of structure files as a table, with the columns of a folder.

    Entries that climb out of the archive, are absolute, links, devices, encrypted or too long are left out, with the
    reason; the archive as a whole is refused where it holds too much for its length.

    Raises
    ------
    DataError : damaged, no structure file, a bomb, or `id_prop.csv` cannot be read.
    """
    with checked_zip(path, source.source, MOST_ENTRIES) as archive:
        found = _zip_contents(archive, source)
    rows, properties = _rows(found, source)

    opened = joined(rows, properties, source, lambda: _zip_reader(path))
    return replace(opened, lost=found.refused)


@contextlib.contextmanager
def _zip_reader(path: Path) -> Iterator[TextOf]:
    with zipfile.ZipFile(path) as archive:

        def text_of(name: str) -> str:
            try:
                with archive.open(name) as stream:
                    return _text(stream)
            except _DAMAGED as error:
                return f"{UNREADABLE}{str(error)[:200]}"

        yield text_of


def _zip_contents(archive: zipfile.ZipFile, source: Source) -> _Contents:
    found = _Contents()
    for one in archive.infolist():
        if one.is_dir():
            continue
        mode = one.external_attr >> 16
        why = unsafe(one.filename)
        if not why and mode & 0o170000 not in (0, 0o100000):
            why = "it is a link or a device, not a file"
        if not why and one.flag_bits & 1:
            why = "it is encrypted"
        why = why or found.twin(one.filename) or _too_long(one.file_size, one.compress_size)
        if why:
            found.refused[_shown(one.filename)] = why
        elif PurePosixPath(one.filename).name == PROPERTIES:
            with _faults(source), archive.open(one) as stream:
                _take_properties(found, one.filename, stream.read(LARGEST_FILE + 1))
        elif is_file_name(one.filename):
            found.paths.append(one.filename)
    return found


def open_tar(path: Path, source: Source) -> Opened:
    """A tar file, plain or gzip, of structure files as a table; as `open_zip`, with rows in the order of the archive.

    The archive is gone through twice: for the names and `id_prop.csv`, and for the rows.

    Raises
    ------
    DataError : as `open_zip`.
    """
    found = _Contents()
    with _faults(source):
        for one, stream in _members(path, source):
            _tar_entry(found, one, stream)
    rows, properties = _rows(found, source)
    try:
        values, lacking = properties.of(rows)
    except DataError as error:
        raise DataError(f"{source.source}/{error}") from error
    names, notes = named(header_of(rows, properties), source.source)

    def read() -> Iterator[list[Any]]:
        place = {name: k for k, name in enumerate(rows.paths)}
        with _faults(source):
            for one, stream in _members(path, source):
                k = place.pop(one.name, None) if one.isreg() else None
                if k is not None and stream is not None:
                    yield cells_of(rows, properties, values, k, _text(stream))
        yield from rows_without(rows, lacking)

    told = (*properties.notes, *said(rows, len(lacking)), *notes)
    return Opened(names, len(rows.paths) + len(lacking), read, found.refused, told)


def _members(path: Path, source: Source) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    """The entries in their order, each with its content, of which nothing is kept."""
    with (
        path.open("rb") as raw,
        unpacked(raw, source.source) as content,
        tarfile.open(fileobj=content, mode="r|", bufsize=1 << 18) as archive,
    ):
        for n, one in enumerate(archive, start=1):
            if n > MOST_ENTRIES:
                raise DataError(f"{source.source}: holds more than {MOST_ENTRIES:,} entries. Part it.")
            yield one, archive.extractfile(one) if one.isreg() else None
            archive.members = []  # type: ignore[attr-defined]  # else all headers stay in memory


def _tar_entry(found: _Contents, one: tarfile.TarInfo, stream: IO[bytes] | None) -> None:
    if one.isdir():
        return
    why = unsafe(one.name)
    if not why and (stream is None or one.issparse()):
        why = "it is a link or a device, not a file"
    why = why or found.twin(one.name) or _too_long(one.size, one.size)
    if why:
        found.refused[_shown(one.name)] = why
    elif stream is not None and PurePosixPath(one.name).name == PROPERTIES:
        _take_properties(found, one.name, stream.read(LARGEST_FILE + 1))
    elif is_file_name(one.name):
        found.paths.append(one.name)


def unsafe(name: str) -> str:
    """Why the name of an entry is refused: it would lie outside the archive; "" if it is fine."""
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\", "~")) or (len(name) > 1 and name[1] == ":" and name[0].isalpha()):
        return "its name is an absolute path"
    if ".." in parts:
        return "its name climbs out of the archive"
    if "\0" in name or any(ord(sign) < 32 for sign in name):
        return "its name holds control characters"
    return ""


def _too_long(size: int, packed: int) -> str:
    if size > LARGEST_FILE:
        return f"it is larger than {LARGEST_FILE >> 20} MiB"
    if size > 1_000_000 and size > MOST_TIMES_FILE * max(packed, 1):
        return f"it unpacks to {size // max(packed, 1):,} times its length"
    return ""


def _shown(name: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in name)[:120]


def _text(stream: IO[bytes]) -> str:
    content = stream.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        return f"{UNREADABLE}the file is larger than {LARGEST_FILE >> 20} MiB"
    return content.decode("utf-8", errors="replace") + "\n"


def _take_properties(found: _Contents, name: str, content: bytes) -> None:
    """The uppermost `id_prop.csv` counts."""
    if found.properties is None or name.count("/") < found.properties[0].count("/"):
        found.properties = (name, content.decode("utf-8-sig", errors="replace"))


def _rows(found: _Contents, source: Source) -> tuple[Layout, Properties]:
    rows = layout(found.paths)
    if not rows.paths:
        refused = "; ".join(f"{name}: {why}" for name, why in list(found.refused.items())[:5])
        raise DataError(
            f"{source.source}: the archive holds no structure file ({', '.join(ENDINGS)}, {', '.join(NAMES)})."
            + (f" Refused: {refused}." if refused else " Pack the files themselves, or name a table.")
        )
    if found.properties is None:
        return rows, Properties()
    return rows, properties_of(found.properties[1], f"{source.source}/{found.properties[0]}")


@contextlib.contextmanager
def _faults(source: Source) -> Iterator[None]:
    """Errors of the libraries as ours."""
    try:
        yield
    except BombError:
        raise
    except _DAMAGED as error:
        raise DataError(f"{source.source}: the archive is damaged ({error}). Copy or download it again.") from error
