"""A large file that is fetched in parts: what came before a connection broke is kept, and only the rest is asked for.

The rest is asked for with `Range` and `If-Range` (RFC 9110, doi:10.17487/RFC9110), so that a server whose file changed
meanwhile sends the whole new one. Whether all is right is told by the hash of the finished file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matloop.core.errors import RunError
from matloop.core.files import said, write_text
from matloop.data.harvest.responses import FetchError, body_of, too_large

if TYPE_CHECKING:
    import httpx

_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_SURE = 60.0
"""Seconds between the last change of a file and the answer, from which on the time of the change names one version."""


class Part:
    """A file of which some may have come already.

    Parameters
    ----------
    path : where it is put together; a note beside it says which version of which address it belongs to. url : asked
        for, without secrets. most : bytes at most.
    """

    def __init__(self, path: Path, url: str, most: int) -> None:
        self.path, self.url, self.most = path, url, most
        self.note = path.with_name(f"{path.name}.json")

    @property
    def size(self) -> int:
        """Bytes that came."""
        return self.path.stat().st_size if self.path.is_file() else 0

    def drop(self) -> None:
        """Forget what came."""
        for path in (self.note, self.path):
            path.unlink(missing_ok=True)

    def kept(self) -> bool:
        """Whether what came can be gone on with; what cannot is removed."""
        if not self.size or not self._told().get("version"):
            self.drop()
        return self.size > 0

    def headers(self) -> dict[str, str]:
        """What to ask with: for the rest where some came, and never packed, as a part of a packed file is none.

        The last byte is asked for again where all came: a server has no answer to "nothing more"."""
        told, plain = self._told(), {"Accept-Encoding": "identity"}
        size = min(self.size, told.get("length", self.size + 1) - 1)
        if size <= 0 or not told.get("version"):
            return plain
        with self.path.open("r+b") as stream:
            stream.truncate(size)
        return {**plain, "Range": f"bytes={size}-", "If-Range": told["version"]}

    async def take(self, answer: httpx.Response, called: str) -> bytes:
        """Write what an open answer brings, behind what is there or instead of it; nothing is given back.

        Raises
        ------
        FetchError : it is longer than is read, breaks off, or is another part than the one asked for.
        RunError : the disk is full, or the folder cannot be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if answer.status_code == 206:
                self._fits(answer, called)
            else:
                await self._anew(answer, called)
            length = self._told().get("length")
            if answer.headers.get("content-encoding", "identity").lower() == "identity":
                await self._appended(answer, called)
        except OSError as error:
            raise RunError(said(self.path, error)) from error
        if length is not None and self.size != length:
            raise FetchError(f"{called}: {self.size:,} of {length:,} bytes came.", kind="connection")
        return b""

    def _fits(self, answer: httpx.Response, called: str) -> None:
        """Refuse a part that does not go on where ours ends, or belongs to another version."""
        told, found = self._told(), _RANGE.fullmatch(answer.headers.get("content-range", "").strip())
        tag = answer.headers.get("etag", "")
        other = tag and told.get("version", "").startswith('"') and tag != told["version"]
        length = int(found[3]) if found and found[3] != "*" else None
        if found is None or int(found[1]) != self.size or other or (length or told.get("length")) != told.get("length"):
            self.drop()
            raise FetchError(
                f"{called}: the server sent another part than the rest of the file; it is fetched from the start.",
                kind="damaged",
            )

    async def _anew(self, answer: httpx.Response, called: str) -> None:
        """Begin with a whole answer: empty first, so that a kill never leaves old bytes with a new note."""
        self.path.write_bytes(b"")
        packed = answer.headers.get("content-encoding", "identity").lower() != "identity"
        length = answer.headers.get("content-length", "")
        if length.isdigit() and int(length) > self.most:
            raise too_large(called, self.most, int(length))
        told = {
            "url": self.url,
            "version": "" if packed else version_of(answer.headers),
            "length": int(length) if length.isdigit() and not packed else None,
        }
        write_text(self.note, json.dumps({key: value for key, value in told.items() if value is not None}))
        if packed:  # although it was asked not to be
            self.path.write_bytes(await body_of(answer, self.most, called))

    async def _appended(self, answer: httpx.Response, called: str) -> None:
        with self.path.open("ab") as stream:
            async for piece in answer.aiter_raw():  # pieces of a fixed length would lose the last one of a break
                if stream.tell() + len(piece) > self.most:
                    raise too_large(called, self.most)
                stream.write(piece)

    def _told(self) -> dict[str, Any]:
        """The note, empty where it is of another address or damaged."""
        try:
            told = json.loads(self.note.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        length = told.get("length", 0) if isinstance(told, dict) else None
        fits = isinstance(length, int) and told.get("url") == self.url and isinstance(told.get("version"), str)
        return told if fits else {}


def version_of(headers: Mapping[str, str]) -> str:
    """What names one version of a file byte for byte: a strong ETag, or a time of change that is long past; else "".

    Examples
    --------
    >>> version_of({"etag": '"abc"'}), version_of({"etag": 'W/"abc"'})
    ('"abc"', '')
    """
    tag, changed, now = (headers.get(name, "").strip() for name in ("etag", "last-modified", "date"))
    if tag.startswith('"'):
        return tag
    try:
        old = (parsedate_to_datetime(now) - parsedate_to_datetime(changed)).total_seconds() >= _SURE
    except (TypeError, ValueError):
        return ""
    return changed if old and not tag else ""
