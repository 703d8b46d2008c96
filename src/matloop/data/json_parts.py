"""The entries of a JSON list one after another, so that a file of any length never stands in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import IO, Any

from matloop.core.errors import DataError

LONGEST_ENTRY = 64_000_000
"""Characters of one entry."""
_PIECE = 1 << 18
_BLANK = " \t\r\n"


def listed(text: IO[str], called: str) -> Iterator[Any]:
    """The entries of a text that is one JSON list.

    Raises
    ------
    DataError : no list, cut off, damaged, or an entry that is too long; the message says which entry.
    """
    decoder = json.JSONDecoder()
    buffer, at, number = text.read(_PIECE).removeprefix("\ufeff").lstrip(_BLANK), 1, 0
    if not buffer.startswith("["):
        raise DataError(f"{called}: is no JSON list. Correct it, or save the table as CSV.")
    while True:
        buffer, at = _next(text, buffer, at, first=number == 0, called=called, number=number)
        if buffer[at] == "]":
            return
        number += 1
        while True:
            entry, end, why = _entry(decoder, buffer, at)
            if end < len(buffer):
                break
            size = max(len(buffer) - at, _PIECE)  # twice as much each time, so that long entries cost no square
            more = text.read(size)
            if why and (not more or len(buffer) - at > LONGEST_ENTRY):
                raise DataError(f"{called}, entry {number}: {why}. Correct or delete it, or part the file.")
            if not more:
                break
            buffer, at = buffer[at:] + more, 0
        if why:
            raise DataError(f"{called}, entry {number}: {why}. Correct or delete it.")
        yield entry
        at = end


def _entry(decoder: json.JSONDecoder, buffer: str, at: int) -> tuple[Any, int, str]:
    """An entry, where it ends, and why there is none (then it ends with the buffer: more may help)."""
    try:
        entry, end = decoder.raw_decode(buffer, at)
    except ValueError as error:
        return None, len(buffer), f"not valid JSON, or cut off ({error})"
    except RecursionError:
        return None, at, "lists or objects are nested too deeply"
    return entry, end, ""


def _next(text: IO[str], buffer: str, at: int, *, first: bool, called: str, number: int) -> tuple[str, int]:
    """The buffer and the place of the next entry, or of the closing bracket."""
    parted = first
    while True:
        while at < len(buffer) and buffer[at] in _BLANK:
            at += 1
        if at == len(buffer):
            buffer, at = text.read(_PIECE), 0
            if not buffer:
                raise DataError(f"{called}, after entry {number}: the list is cut off. Copy or download it again.")
        elif buffer[at] == "," and not parted:
            parted, at = True, at + 1
        elif parted and not first and buffer[at] == "]":
            raise DataError(f"{called}, after entry {number}: a comma and no entry behind it. Delete the comma.")
        elif parted or buffer[at] == "]":
            return buffer, at
        else:
            raise DataError(f'{called}, after entry {number}: "," or "]" is needed, found {buffer[at : at + 20]!r}.')
