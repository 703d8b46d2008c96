"""An append-only log of JSON lines: one writer, synced per event, chained hashes, a torn last line cut and said."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from matloop.core.errors import RunError
from matloop.core.files import said, write_bytes
from matloop.core.locks import locked

logger = logging.getLogger(__name__)
START = "0" * 16


def _digest(before: str, body: str) -> str:
    return hashlib.sha256((before + body).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Repaired:
    """What a repair did: `kept` events, `damaged_line` (1-based; 0 where nothing was wrong), and where the lines from
    there on were set aside."""

    kept: int
    damaged_line: int = 0
    aside: Path | None = None


class Journal:
    """Events in the order they happened; each carries `time` (UTC, ISO) and `chain`, the hash of it and all before it.

    Parameters
    ----------
    path : file of JSON lines; made with its first event.
    advice : what to do about a log that was edited, for the message.
    """

    def __init__(self, path: Path, *, advice: str = "Restore it from a copy, or start a new run.") -> None:
        self.path = path
        self.advice = advice

    def append(self, event: Mapping[str, Any]) -> None:
        """Add one event and sync it to disk.

        Raises
        ------
        RunError : disk full or folder not writable (nothing of the event is left in the log), or the log was changed by
            somebody else's hand.
        """
        self.decide(lambda known: event)

    def decide(self, event: Callable[[list[dict[str, Any]]], Mapping[str, Any] | None]) -> dict[str, Any] | None:
        """Add the event that follows from all before it (None: none); nobody else writes in between.

        Returns the event as it stands in the log. An error of `event` goes through and leaves the log as it was.

        Raises
        ------
        RunError : as `append`.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._locked() as stream:
                known, end, whole = self._mended(stream)
                following = event(known)
                if following is None:
                    return None
                chain = known[-1]["chain"] if known else START
                body = json.dumps(
                    {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), **following}, allow_nan=False
                )
                done = {**json.loads(body), "chain": _digest(chain, body)}
                _write_whole(stream, end, (b"" if whole else b"\n") + json.dumps(done).encode() + b"\n")
                return done
        except OSError as error:
            raise RunError(said(self.path, error)) from error

    def events(self) -> list[dict[str, Any]]:
        """All whole events, oldest first; an unfinished last line is left out.

        Raises
        ------
        RunError : a line is damaged or was edited; the message names it.
        """
        if not self.path.exists():
            return []
        return [event for event, _ in self._read(self.path.read_bytes())]

    def repair(self) -> Repaired:
        """Keep everything up to the first line that was edited; the lines from there on go into a file beside the log.

        Raises
        ------
        RunError : disk full or folder not writable; the log is then as it was.
        """
        try:
            with self._locked() as stream:
                stream.seek(0)
                content = stream.read()
                kept, end = 0, 0
                try:
                    for _, stop in self._read(content):
                        kept, end = kept + 1, stop
                except RunError:
                    aside = self._aside()
                    write_bytes(aside, content[end:])
                    stream.truncate(end)
                    os.fsync(stream.fileno())
                    return Repaired(kept, kept + 1, aside)
                return Repaired(kept)
        except OSError as error:
            raise RunError(said(self.path, error)) from error

    def _aside(self) -> Path:
        taken = {entry.name for entry in self.path.parent.iterdir()}
        names = (f"{self.path.stem}-set-aside-{number}{self.path.suffix}" for number in range(1, len(taken) + 2))
        return self.path.with_name(next(name for name in names if name not in taken))

    def __len__(self) -> int:
        return len(self.events())

    @contextmanager
    def _locked(self) -> Iterator[BinaryIO]:
        busy = f"{self.path}: another process has been writing for half a minute. Wait for it, or stop it."
        with self.path.open("a+b", buffering=0) as stream, locked(stream, patience=30.0, busy=busy):
            yield stream

    def _mended(self, stream: BinaryIO) -> tuple[list[dict[str, Any]], int, bool]:
        """All events, where they end, and whether the last line is closed; a torn last line is cut."""
        stream.seek(0)
        content = stream.read()
        events, end = [], 0
        for event, stop in self._read(content):
            events.append(event)
            end = stop
        if end < len(content):
            logger.warning("%s: a torn last line of %d bytes was cut off", self.path, len(content) - end)
            stream.truncate(end)
        return events, end, content[:end].endswith(b"\n") or not end

    def _read(self, content: bytes) -> Iterator[tuple[dict[str, Any], int]]:
        """Each whole event and where its line ends. A line that was cut short by a crash has no end and cannot be read;
        what can be read but does not fit its hash was edited, wherever it stands."""
        chain, end = START, 0
        lines = content.split(b"\n")
        for number, line in enumerate(lines, start=1):
            if number == len(lines) and not line:
                return
            event, readable = _event(line, chain)
            if event is None:
                if not readable and (number >= len(lines) - 1 or not any(lines[number:])):
                    return
                raise RunError(f"{self.path}, line {number}: the log is damaged or was edited. {self.advice}")
            chain = event["chain"]
            end += len(line) + (number < len(lines))
            yield event, end


def _event(line: bytes, before: str) -> tuple[dict[str, Any] | None, bool]:
    """The event of a line, None where its hash is wrong; and whether the line can be read at all."""
    try:
        event = json.loads(line)
    except ValueError:
        return None, False
    if not isinstance(event, dict):
        return None, True
    chain = event.get("chain")
    body, _, tail = line.rpartition(b', "chain": ')
    if tail == f'"{chain}"}}'.encode() and chain == _digest(before, body.decode() + "}"):
        return event, True  # as it was written; else it may have been laid out anew, which changes nothing
    body_again = json.dumps({name: value for name, value in event.items() if name != "chain"})
    return (event if chain == _digest(before, body_again) else None), True


def _write_whole(stream: BinaryIO, end: int, line: bytes) -> None:
    """All of the line or nothing of it."""
    try:
        left = memoryview(line)
        while left:
            left = left[stream.write(left) :]
        os.fsync(stream.fileno())
    except OSError:
        stream.truncate(end)
        raise
