"""What comes in: bodies of bounded size, JSON without tricks, records with every fault of theirs named."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from matloop.core.errors import DataError
from matloop.data.store.interchange import record_from_json
from matloop.data.store.rows import prepared
from matloop.data.store.values import Record
from matloop.service.rest.faults import BadBody, Fault

PATIENCE = 120.0
"""Seconds that a body may take to arrive."""
_FIELDS = ("formula", "structure", "properties", "origin", "metadata")
LINES = ("application/x-ndjson", "application/jsonl", "application/x-jsonlines")


async def received(request: Any, megabytes: float) -> bytes:
    """The body of a request.

    Raises
    ------
    BadBody : it is too large (413), or does not arrive (408).
    """
    most = int(megabytes * 1e6)
    said = f"the body is larger than {megabytes:g} MB. Send fewer records at once."
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > most:
        raise BadBody(said, 413)
    parts, size = [], 0
    try:
        async with asyncio.timeout(PATIENCE):
            async for chunk in request.stream():
                size += len(chunk)
                if size > most:
                    raise BadBody(said, 413)
                parts.append(chunk)
    except TimeoutError as error:
        raise BadBody(f"the body did not arrive within {PATIENCE:g} s.", 408) from error
    return b"".join(parts)


def content(body: bytes, media: str) -> dict[str, Any]:
    """The object of a JSON body; of JSON lines, an object with "records".

    Raises
    ------
    BadBody : another media type (415), or no JSON (400).
    """
    kind = media.partition(";")[0].strip().lower()
    if kind in LINES:
        lines = [line for line in body.split(b"\n") if line.strip()]
        return {"records": [_parsed(line, f"line {number}: ") for number, line in enumerate(lines, 1)]}
    if kind != "application/json":
        raise BadBody(f"send application/json or {LINES[0]}, not {kind or 'a body without a type'}.", 415)
    found = _parsed(body, "")
    if not isinstance(found, dict):
        raise BadBody('the body must be an object, such as {"records": [...], "message": "..."}.')
    return found


def _parsed(text: bytes, where: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        said = "too many brackets inside each other" if isinstance(error, RecursionError) else str(error)
        raise BadBody(f"{where}this is no JSON: {said}.") from error


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON; write null, or a text")


def only_known(given: Mapping[str, Any], known: Sequence[str]) -> None:
    """Refuse fields that would be overlooked.

    Raises
    ------
    BadBody : there is one.
    """
    unknown = [name for name in given if name not in known]
    if unknown:
        raise BadBody(f'the body has an unknown field "{unknown[0][:60]}"; there are {", ".join(known)}.')


def field(given: Mapping[str, Any], name: str, kind: type, default: Any) -> Any:
    """A field of the body.

    Raises
    ------
    BadBody : it is of another kind.
    """
    value = given.get(name, default)
    if value is default:
        return default
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        words = {int: "a whole number", str: "a text", list: "a list"}
        raise BadBody(f'"{name}" is {str(value)[:60]!r}; {words[kind]} is needed.')
    return value


def records(given: Sequence[Any]) -> list[Record]:
    """Records out of JSON, all of them checked.

    Raises
    ------
    BadBody : with the record and the field of each fault (422).
    """
    found, faults = [], []
    for place, one in enumerate(given):
        try:
            record = record_from_json(one)
            prepared([record])
            found.append(record)
        except DataError as error:
            faults.append(Fault(str(error), place, _key(one), _field(one)))
        except (TypeError, ValueError, OverflowError, RecursionError, AttributeError) as error:
            faults.append(Fault(f"cannot be read ({error}).", place, _key(one), _field(one)))
    if faults:
        raise BadBody("records are wrong", 422, faults)
    if not found:
        raise BadBody('there are no records. Send {"records": [{"key": "...", ...}]}.', 422)
    return found


def _key(one: Any) -> str:
    key = one.get("key") if isinstance(one, Mapping) else None
    return key[:200] if isinstance(key, str) else ""


def _field(one: Any) -> str:
    """The field that is at fault: each is tried alone."""
    if not isinstance(one, Mapping):
        return ""
    unknown = [str(name) for name in one if name not in ("key", *_FIELDS)]
    if unknown:
        return unknown[0][:80]
    if _fails({"key": one.get("key")}):
        return "key"
    wrong = next((name for name in _FIELDS if name in one and _fails({"key": "k", name: one[name]})), "")
    if wrong == "properties" and isinstance(one["properties"], list):
        for place, each in enumerate(one["properties"]):
            if _fails({"key": "k", "properties": [each]}):
                return f"properties.{place}"
    return wrong


def _fails(one: Mapping[str, Any]) -> bool:
    try:
        prepared([record_from_json(one)])
    except (DataError, TypeError, ValueError, OverflowError, RecursionError, AttributeError):
        return True
    return False
