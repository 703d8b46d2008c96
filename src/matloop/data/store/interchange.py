"""Records as JSON and back, and structures as bytes: nothing is lost, nothing is run when it is read."""

from __future__ import annotations

import json
import math
import struct
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import FloatArray
from matloop.core.errors import DataError
from matloop.core.jsonable import to_jsonable
from matloop.data.store.values import Origin, Property, Record
from matloop.matter.structures import Structures

LARGEST = 256 * 2**20
"""Bytes of one structure when unpacked."""
_FIELDS = {
    "lattices": "<f8", "periodic": "|b1", "coordinates": "<f8", "species_offsets": "<i8", "numbers": "<i8",
    "occupancies": "<f8", "oxidation": "<f8", "charges": "<f8",
}  # fmt: skip
_SHAPES = {"lattices": (1, 3, 3), "periodic": (1, 3), "charges": (1,)}


# ---- structures ----


def pack_structure(structure: Structures) -> bytes:
    """The bytes of one structure, equal for equal ones: a header that says names and shapes, then plain arrays.

    Raises
    ------
    DataError : not exactly one row, or a value of sites or of the row is no number.
    """
    if len(structure) != 1 or structure.offsets[-1] == 0:
        raise DataError(
            f"a record holds one structure, with sites; found {len(structure)} rows and {len(structure.coordinates)} "
            "sites. Use structures.take([row])."
        )
    arrays = {name: np.asarray(getattr(structure, name)) for name in _FIELDS}
    arrays |= {f"site/{name}": values for name, values in sorted(structure.site_values.items())}
    arrays |= {f"row/{name}": values for name, values in sorted(structure.row_values.items())}
    header, body = [], []
    for name, values in arrays.items():
        kind = _FIELDS.get(name, "<f8")
        if values.dtype.kind not in "fbiu":
            raise DataError(f"structure: {name} holds {values.dtype}, not numbers; put text into the metadata.")
        header.append([name, list(values.shape)])
        body.append(np.ascontiguousarray(values, dtype=kind).tobytes())
    head = json.dumps([str(structure.names[0]), header], separators=(",", ":")).encode()
    return struct.pack("<I", len(head)) + head + b"".join(body)


def unpack_structure(content: bytes) -> Structures:
    """The structure that `pack_structure` wrote.

    Raises
    ------
    DataError : the bytes are damaged.
    """
    try:
        (length,) = struct.unpack_from("<I", content)
        name, header = json.loads(content[4 : 4 + length])
        arrays, at = {}, 4 + length
        for field, shape in header:
            kind = np.dtype(_FIELDS.get(field, "<f8"))
            count = math.prod(shape)
            arrays[field] = np.frombuffer(content, kind, count, at).reshape(shape)
            at += count * kind.itemsize
        return _structure(str(name), arrays)
    except (struct.error, ValueError, KeyError, TypeError, IndexError) as error:
        raise DataError(f"a stored structure is damaged ({error}). Restore the store from a copy.") from error


def _structure(name: str, arrays: Mapping[str, NDArray]) -> Structures:
    n = len(arrays["coordinates"])
    offsets, n_species = arrays["species_offsets"], len(arrays["numbers"])
    shapes = {**_SHAPES, "coordinates": (n, 3), "species_offsets": (n + 1,)}
    shapes |= dict.fromkeys(("numbers", "occupancies", "oxidation"), (n_species,))
    wrong = [field for field, shape in shapes.items() if arrays[field].shape != shape]
    if wrong or offsets[0] != 0 or offsets[-1] != n_species or (np.diff(offsets) < 0).any():
        raise ValueError(f"shapes of {', '.join(wrong) or 'species'} do not fit")
    if n_species and not 1 <= arrays["numbers"].min() <= arrays["numbers"].max() <= 118:
        raise ValueError("an atomic number is not in 1..118")
    more: dict[str, dict[str, FloatArray]] = {"site": {}, "row": {}}
    for field, values in arrays.items():
        kind, _, called = field.partition("/")
        if called:
            if len(values) != (n if kind == "site" else 1):
                raise ValueError(f"{field} has {len(values)} entries")
            more[kind][called] = values.astype(np.float64)
    kept = {field: arrays[field].astype(np.dtype(kind).newbyteorder("=")) for field, kind in _FIELDS.items()}
    return Structures(
        offsets=np.array([0, n], dtype=np.int64), names=np.array([name], dtype=np.str_),
        site_values=more["site"], row_values=more["row"], **kept,
    )  # fmt: skip


def compressed(content: bytes) -> bytes:
    return zlib.compress(content, 1)


def expanded(content: bytes) -> bytes:
    """What `compressed` made smaller, up to `LARGEST` bytes.

    Raises
    ------
    DataError : damaged, or larger.
    """
    reader = zlib.decompressobj()
    try:
        found = reader.decompress(content, LARGEST)
    except zlib.error as error:
        raise DataError(f"a stored structure is damaged ({error}). Restore the store from a copy.") from error
    if reader.unconsumed_tail or not reader.eof:
        raise DataError(f"a stored structure is damaged, or larger than {LARGEST >> 20} MiB. It is not trusted.")
    return found


# ---- records ----


def record_to_json(record: Record) -> dict[str, Any]:
    """A record as what `json.dumps` takes; empty fields are left out. Numbers come back to the last digit."""
    found: dict[str, Any] = {"key": record.key}
    if record.formula:
        found["formula"] = record.formula
    if record.structure is not None:
        found["structure"] = structure_to_json(record.structure)
    if record.properties:
        found["properties"] = [_property_to_json(one) for one in record.properties]
    origin = origin_to_json(record.origin)
    if origin:
        found["origin"] = origin
    if record.metadata:
        found["metadata"] = to_jsonable(record.metadata)
    return found


def record_from_json(data: Any) -> Record:
    """The record of `record_to_json`, also one that a person or another program wrote.

    Raises
    ------
    DataError : a field is unknown, missing or of the wrong kind; the message names it.
    """
    known = ("key", "formula", "structure", "properties", "origin", "metadata")
    _check(data, known, "a record")
    key = data.get("key")
    if not isinstance(key, str) or not key:
        raise DataError('a record needs a "key": a text that is unique in its dataset.')
    where = f"record {key[:80]!r}"
    properties = data.get("properties", [])
    if not isinstance(properties, list | tuple):
        raise DataError(
            f'{where}: "properties" must be a list of objects such as {{"name": "band_gap", "value": 1.1}}.'
        )
    if not isinstance(data.get("formula", ""), str) or not isinstance(data.get("metadata", {}), Mapping):
        raise DataError(f'{where}: "formula" must be a text and "metadata" an object.')
    structure = data.get("structure")
    return Record(
        key=key,
        formula=data.get("formula", ""),
        structure=None if structure is None else structure_from_json(structure),
        properties=tuple(_property_from_json(one, where) for one in properties),
        origin=origin_from_json(data.get("origin", {}), where),
        metadata=dict(data.get("metadata", {})),
    )


def origin_to_json(origin: Origin) -> dict[str, Any]:
    """Fields that say something."""
    found = {name: value for name in Origin.__slots__ if (value := getattr(origin, name)) != ""}
    if origin.shareable:
        del found["shareable"]
    return found


def origin_from_json(data: Any, where: str) -> Origin:
    """The inverse of `origin_to_json`.

    Raises
    ------
    DataError : a field is unknown or no text.
    """
    _check(data, Origin.__slots__, f"{where}: an origin")
    for name, value in data.items():
        if not isinstance(value, bool if name == "shareable" else str):
            raise DataError(f"{where}: {name} of the origin is {str(value)[:60]!r}; a text is needed.")
    return Origin(**data)


def structure_to_json(structure: Structures) -> dict[str, Any]:
    """A structure of one row by its arrays."""
    found: dict[str, Any] = {name: to_jsonable(getattr(structure, name)) for name in _FIELDS}
    found["name"] = str(structure.names[0])
    for name in ("site_values", "row_values"):
        if getattr(structure, name):
            found[name] = {key: to_jsonable(values) for key, values in sorted(getattr(structure, name).items())}
    return found


def structure_from_json(data: Any) -> Structures:
    """The inverse of `structure_to_json`.

    Raises
    ------
    DataError : a field is missing or has the wrong shape.
    """
    _check(data, (*_FIELDS, "name", "site_values", "row_values"), "a structure")
    try:
        arrays = {name: _array(data[name], kind) for name, kind in _FIELDS.items()}
        arrays["coordinates"] = arrays["coordinates"].reshape(-1, 3)
        for kind in ("site", "row"):
            values = data.get(f"{kind}_values", {})
            arrays |= {f"{kind}/{name}": _array(entry, "<f8") for name, entry in values.items()}
        return _structure(str(data.get("name", "")), arrays)
    except (KeyError, ValueError, TypeError, AttributeError, IndexError) as error:
        raise DataError(f"a structure cannot be read ({type(error).__name__}: {error}).") from error


def _array(data: Any, kind: str) -> NDArray:
    array = np.array(data, dtype=object)
    if kind == "<f8":
        array = np.where(array == None, math.nan, array)  # noqa: E711
    return np.asarray(array, dtype=np.dtype(kind))


def _property_to_json(one: Property) -> dict[str, Any]:
    found: dict[str, Any] = {"name": one.name, "value": value_to_json(one.value)}
    if one.unit:
        found["unit"] = one.unit
    if one.error is not None:
        found["error"] = one.error
    if one.method:
        found["method"] = one.method
    if one.conditions:
        found["conditions"] = to_jsonable(one.conditions)
    if one.origin is not None:
        found["origin"] = origin_to_json(one.origin)
    return found


def _property_from_json(data: Any, where: str) -> Property:
    _check(data, Property.__slots__, f"{where}: a property")
    name = data.get("name")
    if not isinstance(name, str) or not name:
        raise DataError(f'{where}: a property needs a "name".')
    if "value" not in data:
        raise DataError(f'{where}: property "{name}" has no "value" (null where there is none).')
    error = data.get("error")
    if error is not None and (isinstance(error, bool) or not isinstance(error, int | float)):
        raise DataError(f'{where}: the error of "{name}" is {str(error)[:60]!r}; a number is needed.')
    texts = {field: data.get(field, "") for field in ("unit", "method")}
    if not all(isinstance(text, str) for text in texts.values()) or not isinstance(data.get("conditions", {}), Mapping):
        raise DataError(f'{where}: unit and method of "{name}" must be texts, its conditions an object.')
    return Property(
        name=name, value=value_from_json(data["value"]), error=None if error is None else float(error),
        conditions=dict(data.get("conditions", {})), **texts,
        origin=None if data.get("origin") is None else origin_from_json(data["origin"], where),
    )  # fmt: skip


_INFINITE = {"inf": math.inf, "-inf": -math.inf}


def value_to_json(value: Any) -> Any:
    """A value of a property as JSON, which has no infinity: "inf" stands for it, in an array {"number": "inf"}; the
    text "inf" is {"text": "inf"}."""
    if isinstance(value, str) and value in _INFINITE:
        return {"text": value}
    return [_in_array(part) for part in value] if isinstance(value, tuple) else to_jsonable(value)


def _in_array(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_in_array(part) for part in value]
    return {"number": to_jsonable(value)} if isinstance(value, float) and math.isinf(value) else to_jsonable(value)


def value_from_json(value: Any) -> Any:
    """The inverse of `value_to_json`."""
    return _INFINITE.get(value, value) if isinstance(value, str) else _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping) and len(value) == 1:
        ((kind, text),) = value.items()
        return _INFINITE.get(text, value) if kind == "number" else text if kind == "text" else value
    return tuple(_plain(part) for part in value) if isinstance(value, list) else value


def _check(data: Any, known: tuple[str, ...], what: str) -> None:
    if not isinstance(data, Mapping):
        raise DataError(f"{what} must be an object with {', '.join(known)}; found {str(data)[:60]!r}.")
    unknown = [str(name) for name in data if name not in known]
    if unknown:
        raise DataError(f"{what} has unknown fields: {', '.join(unknown[:10])}. Known: {', '.join(known)}.")
