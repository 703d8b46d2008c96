"""Answers of servers: read within bounds, kept by content with a journal, and found again without a network."""

from __future__ import annotations

import gzip
import hashlib
import json
import logging
import os
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matloop.core.errors import DataError, RunError
from matloop.core.files import said, write_bytes
from matloop.core.locks import locked
from matloop.data.unpack import gunzipped

if TYPE_CHECKING:
    import httpx

logger = logging.getLogger(__name__)
JOURNAL = "responses.jsonl"
MOST_KEPT = 2 * 1024**3
"""Bytes of a kept answer: a folder may come from a stranger."""
HEADERS = ("content-type", "date", "etag", "last-modified", "link", "x-api-version")
"""Of an answer, what is written down."""


class FetchError(DataError):
    """An answer that did not come, or not whole.

    kind : "connection", "timeout", "status", "size", "damaged", "redirect", "missing" (nothing kept, offline).
    status : of HTTP, 0 where there was no answer. wait : seconds that the server asks to wait.
    """

    def __init__(self, message: str, *, kind: str, status: int = 0, wait: float | None = None) -> None:
        super().__init__(message)
        self.kind, self.status, self.wait = kind, status, wait


@dataclass(frozen=True, slots=True)
class Response:
    """One whole answer. url : without secrets, as asked. final : where redirects led. body : unpacked bytes.

    retrieved : ISO time in UTC when it came from the server. sha256 : of `body`. kept : whether it was read from disk.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    sha256: str
    retrieved: str
    final: str = ""
    kept: bool = False

    def json(self) -> Any:
        """The body as JSON.

        Raises
        ------
        FetchError : it is none; kind "damaged".
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            start = self.body[:40].decode("utf-8", "replace")
            raise FetchError(
                f"{self.url}: the answer is no JSON ({error}); it begins with {start!r}", kind="damaged"
            ) from error


class Unpacker:
    """Bytes of an answer as they come, unpacked, up to a limit; truncated packing is noticed.

    Parameters
    ----------
    encoding : of the header Content-Encoding. most : bytes of the unpacked answer. called : address for messages.
    """

    def __init__(self, encoding: str, most: int, called: str) -> None:
        names = [part.strip().lower() for part in encoding.split(",") if part.strip()]
        self._names = [name for name in names if name != "identity"]
        if self._names not in ([], ["gzip"], ["x-gzip"], ["deflate"]):
            raise FetchError(f"{called}: is packed as {encoding!r}, which was not asked for.", kind="damaged")
        self._inner = zlib.decompressobj(47) if self._names else None
        self._raw_deflate = self._names == ["deflate"]
        self._most, self._called = most, called
        self._pieces: list[bytes] = []
        self.length = 0

    def feed(self, piece: bytes) -> None:
        """Take the next piece.

        Raises
        ------
        FetchError : the limit is passed, or the packing is damaged.
        """
        if self._inner is None:
            return self._keep(piece)
        try:
            while piece:
                self._keep(self._unpacked(piece))
                piece = self._inner.unconsumed_tail
                if self._inner.eof:
                    return None
        except zlib.error as error:
            raise FetchError(f"{self._called}: the packed answer is damaged ({error}).", kind="damaged") from error
        return None

    def _unpacked(self, piece: bytes) -> bytes:
        assert self._inner is not None
        try:
            return self._inner.decompress(piece, 1 << 20)
        except zlib.error:
            if not self._raw_deflate or self.length:
                raise
            self._raw_deflate = False
            self._inner = zlib.decompressobj(-15)
            return self._inner.decompress(piece, 1 << 20)

    def _keep(self, piece: bytes) -> None:
        self.length += len(piece)
        if self.length > self._most:
            raise too_large(self._called, self._most)
        self._pieces.append(piece)

    def whole(self) -> bytes:
        """All of it.

        Raises
        ------
        FetchError : the packing ends in the middle.
        """
        if self._inner is not None and not self._inner.eof:
            raise FetchError(f"{self._called}: the packed answer ends in the middle.", kind="damaged")
        return b"".join(self._pieces)


def too_large(called: str, most: int, length: int | None = None) -> FetchError:
    """That an answer is longer than is read."""
    found = f"{length / 1e6:,.0f} MB" if length else "more"
    return FetchError(
        f"{called}: the answer is larger than {most / 1e6:,.0f} MB ({found}). Ask for fewer records at a time, or "
        "raise the limit (--max-mb).",
        kind="size",
    )


async def body_of(answer: httpx.Response, most: int, called: str) -> bytes:
    """The unpacked bytes of an open answer, at most `most`.

    Raises
    ------
    FetchError : longer, or damaged packing.
    """
    length = answer.headers.get("content-length", "")
    if length.isdigit() and int(length) > most:
        raise too_large(called, most, int(length))
    unpacker = Unpacker(answer.headers.get("content-encoding", ""), most, called)
    async for piece in answer.aiter_raw(1 << 16):
        unpacker.feed(piece)
    return unpacker.whole()


# ---- kept ----


class Kept:
    """Answers in a folder: `raw/ab/abcd....gz` by the hash of what they hold, and a journal that says what is what.

    Parameters
    ----------
    folder : made with the first answer.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.journal = folder / JOURNAL
        self._known: dict[str, dict[str, Any]] | None = None

    def find(self, url: str) -> Response | None:
        """The newest answer that is kept of an address (without secrets), None where there is none.

        Raises
        ------
        DataError : it is in the journal, and its file is missing or damaged.
        """
        entry = self._entries().get(url)
        if entry is None:
            return None
        return Response(
            url, entry["status"], entry["headers"], self.body(entry["sha256"]), entry["sha256"], entry["time"],
            entry.get("final", url), kept=True,
        )  # fmt: skip

    def body(self, digest: str) -> bytes:
        """What is kept under a hash.

        Raises
        ------
        DataError : it is not there, or not what it was.
        """
        path = self._path(digest)
        try:
            content = gunzipped(path.read_bytes(), str(path), MOST_KEPT)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(
                f"{path}: the kept answer cannot be read ({error}). Harvest again with --refresh."
            ) from error
        if hashlib.sha256(content).hexdigest() != digest:
            raise DataError(f"{path}: the kept answer was changed. Restore it, or harvest again with --refresh.")
        return content

    def holds(self, digest: str) -> bool:
        """Whether something is kept under a hash (its content is checked when it is read)."""
        return self._path(digest).is_file()

    def keep(self, response: Response) -> None:
        """Write an answer down, first the content and then the line of the journal: a kill leaves either or both.

        Raises
        ------
        RunError : the disk is full, or the folder cannot be written.
        """
        path = self._path(response.sha256)
        if not path.exists():
            write_bytes(path, gzip.compress(response.body, 6, mtime=0))
        entry = {
            "url": response.url, "time": response.retrieved, "status": response.status,
            "headers": dict(response.headers), "sha256": response.sha256, "size": len(response.body),
        }  # fmt: skip
        if response.final and response.final != response.url:
            entry["final"] = response.final
        append_line(self.journal, entry)
        if self._known is not None:
            self._known[response.url] = entry

    def _path(self, digest: str) -> Path:
        return self.folder / "raw" / digest[:2] / f"{digest}.gz"

    def _entries(self) -> dict[str, dict[str, Any]]:
        if self._known is None:
            self._known = {entry["url"]: entry for entry in read_lines(self.journal) if "sha256" in entry}
        return self._known


def append_line(path: Path, entry: Mapping[str, Any]) -> None:
    """Add a JSON line to a file and sync it; a torn line of an earlier kill is closed first, so that no other is lost.

    Raises
    ------
    RunError : the disk is full, or the folder cannot be written.
    """
    line = json.dumps(entry, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as stream, locked(stream, patience=30.0, busy=f"{path}: another process holds it."):
            end = stream.seek(0, os.SEEK_END)
            if end:
                stream.seek(end - 1)
                line = line if stream.read(1) == b"\n" else b"\n" + line
            stream.write(line)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise RunError(said(path, error)) from error


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The whole JSON lines of a file; torn ones are left out, which is said."""
    if not path.exists():
        return
    torn = 0
    with path.open("rb") as stream:
        for line in stream:
            try:
                entry = json.loads(line)
            except ValueError:
                torn += bool(line.strip())
                continue
            if isinstance(entry, dict):
                yield entry
    if torn:
        logger.info("%s: %d torn lines were left out", path, torn)
