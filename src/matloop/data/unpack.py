"""What is packed, unpacked within bounds: a small file that would fill the memory is refused on the way."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, cast

from matloop.core.errors import DataError

GZIP = b"\x1f\x8b"
MOST_UNPACKED = 64 * 1024**3
"""Bytes that one packed file may hold."""
HARMLESS = 128 * 1024**2
"""Bytes that may come out of any file, however small it is."""
MOST_TIMES = 200
"""Times the length of the packed bytes, beyond `HARMLESS`; tables and structures shrink 3 to 30 times."""


class BombError(DataError):
    """A packed file that holds far more than its length lets expect."""


class Bounded(io.RawIOBase):
    """Bytes out of a gzip stream, as long as they are not far more than what went in."""

    def __init__(self, raw: BinaryIO, called: str) -> None:
        self._raw, self._called, self._given = raw, called, 0
        self._inner = gzip.GzipFile(fileobj=raw)

    def readable(self) -> bool:
        return True

    def readinto(self, into: memoryview) -> int:  # type: ignore[override]
        part = self._inner.read(len(into))
        self._given += len(part)
        refuse_bomb(self._given, self._raw.tell(), self._called)
        into[: len(part)] = part
        return len(part)


def refuse_bomb(given: int, taken: int, called: str) -> None:
    """Refuse where far more bytes came out than went in.

    Raises
    ------
    BombError : more than `HARMLESS` bytes and more than `MOST_TIMES` as many as were packed, or above `MOST_UNPACKED`.
    """
    if given > HARMLESS and given > MOST_TIMES * max(taken, 1):
        raise BombError(
            f"{called}: {taken:,} packed bytes unpack to more than {given:,} ({given // max(taken, 1):,} times as "
            f"many; up to {MOST_TIMES} times are read): this looks like a decompression bomb. Unpack it yourself if "
            "you trust it."
        )
    if given > MOST_UNPACKED:
        raise BombError(f"{called}: unpacks to more than {MOST_UNPACKED >> 30} GiB. Part it.")


@contextmanager
def unpacked(raw: BinaryIO, called: str) -> Iterator[IO[bytes]]:
    """The content of an open file, unpacked within bounds if it is gzip."""
    packed = raw.read(2) == GZIP
    raw.seek(0)
    if not packed:
        yield raw
        return
    with io.BufferedReader(cast(io.RawIOBase, Bounded(raw, called)), 1 << 20) as content:
        yield content


def gunzipped(content: bytes, called: str, most: int) -> bytes:
    """What a gzip file holds, at most `most` bytes.

    Raises
    ------
    BombError : it is a decompression bomb, or longer. OSError, EOFError, zlib.error : it is damaged.
    """
    pieces, length = [], 0
    with unpacked(io.BytesIO(content), called) as stream:
        while piece := stream.read(1 << 20):
            length += len(piece)
            if length > most:
                raise BombError(f"{called}: unpacks to more than {most >> 30} GiB. Part it, or keep fewer columns.")
            pieces.append(piece)
    return b"".join(pieces)


def checked_zip(file: IO[bytes] | Path, called: str, most_entries: int) -> zipfile.ZipFile:
    """An opened zip file (also a workbook) whose entries together are no bomb; nothing is unpacked here.

    Raises
    ------
    DataError : damaged, too many entries. BombError : what the entries say that they hold is far more than the file.
    """
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise DataError(f"{called}: the zip file is damaged ({error}). Copy or download it again.") from error
    entries = archive.infolist()
    if len(entries) > most_entries:
        raise DataError(f"{called}: holds {len(entries):,} entries; up to {most_entries:,} are read. Part it.")
    length = file.stat().st_size if isinstance(file, Path) else _length(file)
    refuse_bomb(sum(one.file_size for one in entries), length, called)
    return archive


def _length(file: IO[bytes]) -> int:
    at = file.tell()
    end = file.seek(0, io.SEEK_END)
    file.seek(at)
    return end
