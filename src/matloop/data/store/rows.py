"""Records as rows of the tables: checked, hashed by content, composition named, structure packed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matloop.core.errors import DataError, all_faults
from matloop.core.jsonable import to_jsonable
from matloop.data.store.chemistry import Named, named_records
from matloop.data.store.interchange import pack_structure
from matloop.data.store.values import LONGEST_KEY, Origin, Property, Record

_ENCODE = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode
_EXACT = 2**53
MOST_PROPERTIES = 30_000
PropertyRow = tuple[str, float | None, str | None, float | None, str | None]
"""kind, number, text, error, conditions: columns of the table of properties."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A record that is ready to be stored.

    content : 16 bytes, equal for records that differ in nothing but where and when they were retrieved.
    structure : hash and bytes of it, or None. metadata : JSON text, or None. properties : rows, one per property.
    """

    record: Record
    content: bytes
    names: Named
    structure: tuple[str, bytes] | None
    metadata: str | None
    properties: list[PropertyRow]


def prepared(records: Sequence[Record]) -> tuple[list[Prepared], dict[str, str]]:
    """Rows of a batch of records, and {key: why its formula cannot be read}.

    Raises
    ------
    DataError : a key is missing or too long, a text cannot be stored, metadata are no JSON; up to ten are named.
    """
    faults = [fault for record in records if (fault := _fault(record))]
    if faults:
        raise DataError(all_faults("these records cannot be stored:", faults))
    names, reasons = named_records([one.formula for one in records], [one.structure for one in records])
    found = [_prepared(record, name) for record, name in zip(records, names, strict=True)]
    return found, {records[row].key: why for row, why in reasons.items()}


def content_of(record: Record) -> bytes:
    """The hash that tells whether a record has changed."""
    return prepared([record])[0][0].content


def _fault(record: Record) -> str:
    key = record.key
    if type(key) is not str or not key.strip() or len(key) > LONGEST_KEY:
        return f"key {str(key)[:60]!r}: a text of 1 to {LONGEST_KEY} characters is needed"
    if type(record.formula) is not str:
        return f"{key!r}: the formula is {type(record.formula).__name__}, not a text"
    if len(record.properties) > MOST_PROPERTIES:
        return f"{key!r}: {len(record.properties):,} properties; {MOST_PROPERTIES:,} are the most"
    texts = [key, record.formula, record.origin.id, record.origin.place]
    for one in record.properties:
        if type(one.name) is not str or not one.name.strip():
            return f"{key!r}: a property has no name"
        if not (type(one.unit) is type(one.method) is str):
            return f"{key!r}: unit and method of {one.name!r} must be texts"
        texts += (one.name, one.unit, one.method)
        if type(one.value) is str:
            texts.append(one.value)
    try:
        together = "".join(texts)
    except TypeError:
        together = "\0"
    if "\0" not in together and together.isascii():
        return ""
    return next((f"{key!r}: {why}" for text in texts if (why := unstorable(text))), "")


def unstorable(text: str) -> str:
    """Why a database cannot hold a text, "" where it can."""
    if type(text) is not str:
        return f"{text!r} is {type(text).__name__}, not a text"
    if "\0" in text:
        return f"{text[:60]!r} holds a null character, which databases cannot store"
    if not text.isascii() and any("\ud800" <= sign <= "\udfff" for sign in text):
        return f"{text[:60]!r} holds half a pair of code units, which is no character"
    return ""


def _prepared(record: Record, names: Named) -> Prepared:
    structure = None
    if record.structure is not None:
        packed = pack_structure(record.structure)
        structure = (hashlib.blake2b(packed, digest_size=16).hexdigest(), packed)
    metadata = _json(record.metadata, record.key, "metadata") if record.metadata else None
    rows = [_property_row(one, record.key) for one in record.properties]
    said = [
        [one.name, one.unit, one.method, *row, one.origin and _lasting(one.origin)]
        for one, row in zip(record.properties, rows, strict=True)
    ]
    text = _ENCODE([record.key, record.formula, structure and structure[0], metadata, _lasting(record.origin), said])
    return Prepared(record, _hash(text, record), names, structure, metadata, rows)


def _lasting(origin: Origin) -> tuple[Any, ...]:
    """What of an origin does not change when the same thing is fetched again."""
    return (origin.provider, origin.id, origin.licence, origin.citation, origin.doi, origin.note, origin.shareable)


def _hash(text: str, record: Record) -> bytes:
    try:
        content = text.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{record.key!r}: metadata or conditions hold {text[error.start]!r}, no character.") from error
    return hashlib.blake2b(content, digest_size=16).digest()


def _property_row(one: Property, key: str) -> PropertyRow:
    value, kind = one.value, type(one.value)
    conditions = _json(one.conditions, key, f"conditions of {one.name!r}") if one.conditions else None
    if kind is float:
        return ("f", value, None, one.error, conditions)  # type: ignore[return-value]
    if value is None:
        return ("n", None, None, one.error, conditions)
    if kind is bool:
        return ("b", float(value), None, one.error, conditions)  # type: ignore[arg-type]
    if isinstance(value, int):
        whole = None if abs(value) <= _EXACT else str(value)
        return ("i", _as_float(value, key, one.name), whole, one.error, conditions)
    if isinstance(value, str):
        return ("t", None, value, one.error, conditions)
    return ("j", None, json.dumps(value), one.error, conditions)


def _as_float(value: int, key: str, name: str) -> float:
    try:
        return float(value)
    except OverflowError as error:
        raise DataError(f"{key!r}: {name} is a whole number of {len(str(value))} digits; write it as text.") from error


def _json(value: Any, key: str, what: str) -> str:
    try:
        return _ENCODE(to_jsonable(value))
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{key!r}: {what} cannot be stored ({error}). Use texts, numbers, lists and objects."
        ) from error


def value_of(kind: str, number: float | None, text: str | None) -> Any:
    """The value of a stored property; the inverse of what the rows hold.

    Raises
    ------
    DataError : the row is damaged.
    """
    if kind == "f":
        return number
    if kind == "n":
        return None
    if kind == "t":
        return text
    if kind == "b":
        return bool(number)
    try:
        if kind == "i":
            return int(text) if text is not None else int(number)  # type: ignore[arg-type]
        return _tuples(json.loads(text or ""))
    except (ValueError, TypeError) as error:
        raise DataError(f"a stored value is damaged ({error}). Restore the store from a copy.") from error


def _tuples(value: Any) -> Any:
    return tuple(_tuples(part) for part in value) if isinstance(value, list) else value
