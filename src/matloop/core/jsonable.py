"""Frozen values to JSON and back: dataclasses, tuples, mappings, arrays, enums; NaN becomes null, infinity text."""

from __future__ import annotations

import dataclasses
import enum
import json
import math
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from matloop.core.errors import DataError

T = TypeVar("T")


def to_jsonable(value: Any) -> Any:
    """`value` as what `json.dumps(allow_nan=False)` accepts; dataclasses become objects with their fields' names."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_jsonable(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, np.ndarray | np.generic):
        return to_jsonable(value.tolist())
    if isinstance(value, Mapping):
        return {str(name): to_jsonable(item) for name, item in value.items()}
    if isinstance(value, str | bool | int) or value is None:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None if math.isnan(value) else ("inf" if value > 0 else "-inf")
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Sequence | set | frozenset):
        return [to_jsonable(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no JSON form")


def dumps(value: Any, indent: int | None = 2) -> str:
    """JSON text of `value`, strict (no NaN tokens)."""
    return json.dumps(to_jsonable(value), indent=indent, allow_nan=False, ensure_ascii=False)


def from_jsonable(kind: type[T], data: Any) -> T:
    """Rebuild a value of type `kind` from what `to_jsonable` gave.

    Raises
    ------
    DataError : the data do not have the fields of `kind`.
    """
    try:
        return typing.cast(T, _built(kind, data))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"not a {getattr(kind, '__name__', kind)}: {error}. The file is damaged or of another version."
        ) from error


def _built(kind: Any, data: Any) -> Any:
    origin = typing.get_origin(kind)
    arguments = typing.get_args(kind)
    if kind is Any:
        return data
    if origin in (typing.Union, types.UnionType):
        if data is None and type(None) in arguments:
            return None
        return _built(next(a for a in arguments if a is not type(None)), data)
    if origin is typing.Literal:
        if data not in arguments:
            raise ValueError(f"{data!r} is none of {arguments}")
        return data
    if origin in (tuple, Sequence) and arguments:
        if origin is tuple and len(arguments) > 1 and arguments[1] is not Ellipsis:
            return tuple(_built(a, item) for a, item in zip(arguments, data, strict=True))
        return tuple(_built(arguments[0], item) for item in data)
    if origin is list:
        return [_built(arguments[0], item) for item in data]
    if origin in (dict, Mapping):
        return {_built(arguments[0], name): _built(arguments[1], item) for name, item in data.items()}
    if origin is np.ndarray:
        scalar = typing.get_args(arguments[1])[0]
        items = [_number(item) for item in data] if np.issubdtype(scalar, np.floating) else data
        return np.array(items, dtype=scalar)
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        fields = {f.name for f in dataclasses.fields(kind)}
        unknown = set(data) - fields
        if unknown:
            raise ValueError(f"unknown fields {sorted(unknown)}")
        return kind(**{name: _built(hints[name], item) for name, item in data.items()})  # type: ignore[operator]
    if kind is float:
        return _number(data)
    if isinstance(kind, type) and issubclass(kind, enum.Enum | Path):
        return kind(data)
    return data


def _number(data: Any) -> Any:
    if isinstance(data, list):
        return [_number(item) for item in data]
    return math.nan if data is None else float(data)
