"""An append-only log of JSON lines: one writer, synced per event, chained hashes, a torn last line cut and said."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from matloop.core.errors import RunError
from matloop.core.files import said
from matloop.core.locks import locked

logger = logging.getLogger(__name__)
START = "0" * 16


def _digest(before: str, body: str) -> str:
    return hashlib.sha256((before + body).encode()).hexdigest()[:16]


class Journal:
    """Events in the order they happened; each carries `time` (UTC, ISO) and `chain`, the hash of it and all before it.

    Parameters
    ----------
    path : file of JSON lines; made with its first event.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, event: Mapping[str, Any]) -> None:
        """Add one event and sync it to disk.

        Raises
        ------
        RunError : disk full or folder not writable, or the log was changed by somebody else's hand.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._locked() as stream:
                chain = self._mended(stream)
                body = json.dumps(
                    {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), **event}, allow_nan=False
                )
                line = json.dumps({**json.loads(body), "chain": _digest(chain, body)})
                stream.seek(0, os.SEEK_END)
                stream.write(line.encode() + b"\n")
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise RunError(said(self.path, error)) from error

    def events(self) -> list[dict[str, Any]]:
        """All whole events, oldest first; an unfinished last line is left out.

        Raises
        ------
        RunError : a line before the last is damaged or was edited; the message names it.
        """
        if not self.path.exists():
            return []
        return [event for event, _ in self._read(self.path.read_bytes())]

    def __len__(self) -> int:
        return len(self.events())

    @contextmanager
    def _locked(self) -> Iterator[Any]:
        busy = f"{self.path}: another process has been writing for half a minute. Wait for it, or stop it."
        with self.path.open("a+b") as stream, locked(stream, patience=30.0, busy=busy):
            yield stream

    def _mended(self, stream: Any) -> str:
        stream.seek(0)
        content = stream.read()
        chain, end = START, 0
        for event, stop in self._read(content):
            chain, end = event["chain"], stop
        if end < len(content):
            logger.warning("%s: a torn last line of %d bytes was cut off", self.path, len(content) - end)
            stream.truncate(end)
        return chain

    def _read(self, content: bytes) -> Iterator[tuple[dict[str, Any], int]]:
        chain, end = START, 0
        lines = content.split(b"\n")
        for number, line in enumerate(lines[:-1], start=1):
            try:
                event = json.loads(line)
                body = json.dumps({name: value for name, value in event.items() if name != "chain"})
                whole = event["chain"] == _digest(chain, body)
            except (ValueError, KeyError, TypeError):
                whole = False
            if not whole:
                if number == len(lines) - 1 or not any(lines[number:]):
                    return
                raise RunError(
                    f"{self.path}, line {number}: the log is damaged or was edited. "
                    "Restore it from a copy, or start a new run."
                )
            chain = event["chain"]
            end += len(line) + 1
            yield event, end
