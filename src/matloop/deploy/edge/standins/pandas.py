"""The four functions of pandas by which columns are read, for arrays of objects."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

_NUMBER = re.compile(r"[ \t]*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[ \t]*", re.ASCII)
_WORDS = frozenset({"inf", "+inf", "-inf", "infinity", "+infinity", "-infinity"})


class _Missing:
    def __repr__(self) -> str:
        return "<NA>"


NA, NaT = _Missing(), _Missing()


def Series(values: Iterable[Any], dtype: object = object) -> NDArray[Any]:  # noqa: N802 - the name of what it stands for
    """The values as an array of objects."""
    del dtype
    found = list(values)
    column = np.empty(len(found), dtype=object)
    column[:] = found
    return column


def to_numeric(values: NDArray[Any], errors: Literal["coerce"] = "coerce") -> NDArray[np.float64]:
    """Numbers, and texts that are plain numbers; NaN for everything else."""
    del errors
    return np.array([_number(value) for value in values], dtype=np.float64)


def _number(value: object) -> float:
    if isinstance(value, bool | int | float | np.number | np.bool_):
        return float(value)
    if isinstance(value, str) and (_NUMBER.fullmatch(value) or value.strip().lower() in _WORDS):
        return float(value)
    return math.nan


def isna(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Where there is no value."""
    if values.dtype.kind in "mM":
        return np.isnat(values)
    return np.array([value is None or value is NA or value is NaT or value != value for value in values], dtype=bool)


def factorize(values: Sequence[Any] | NDArray[Any], use_na_sentinel: bool = True) -> tuple[NDArray[np.int64], Any]:
    """Codes by first appearance, and the distinct values in that order."""
    del use_na_sentinel
    seen: dict[Any, int] = {}
    items = values.tolist() if isinstance(values, np.ndarray) else list(values)
    codes = np.array([seen.setdefault(value, len(seen)) for value in items], dtype=np.int64)
    distinct = np.empty(len(seen), dtype=object)
    distinct[:] = list(seen)
    return codes, distinct
