"""Array types, and checks of arrays that come from a file somebody else may have written."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from matloop.core.errors import BundleError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
TextArray = NDArray[np.str_]
Arrays = dict[str, NDArray]
"""What a fitted thing is on disk: names to plain arrays of numbers, truth values or fixed-width text; never objects."""


def frozen(array: NDArray) -> NDArray:
    """The same array, read-only."""
    array.flags.writeable = False
    return array


def nested(prefix: str, arrays: Mapping[str, NDArray]) -> Arrays:
    """`arrays` with every name put under `prefix/`."""
    return {f"{prefix}/{name}": array for name, array in arrays.items()}


def under(prefix: str, arrays: Mapping[str, NDArray]) -> Arrays:
    """The arrays below `prefix/`, with the prefix removed; the inverse of `nested`."""
    head = prefix + "/"
    return {name[len(head) :]: array for name, array in arrays.items() if name.startswith(head)}


def taken(arrays: Mapping[str, NDArray], name: str, *, kind: str = "f", ndim: int = 1, finite: bool = True) -> NDArray:
    """The array `name`, checked: there, of a dtype in `kind` (numpy kind codes), of `ndim` dimensions, finite.

    Raises
    ------
    BundleError : it is missing or not so; the message names the array and what was found.
    """
    if name not in arrays:
        raise BundleError(f"array {name!r} is missing. The bundle is damaged or incomplete: make it again.")
    array = arrays[name]
    if array.dtype.kind not in kind:
        raise BundleError(f"array {name!r} holds {array.dtype}, expected kind {kind!r}. The bundle is not trusted.")
    if array.ndim != ndim:
        raise BundleError(f"array {name!r} has {array.ndim} dimensions, expected {ndim}. The bundle is not trusted.")
    if finite and array.dtype.kind == "f" and not np.isfinite(array).all():
        raise BundleError(f"array {name!r} holds values that are not finite. The bundle is not trusted.")
    return array


def within(arrays: Mapping[str, NDArray], name: str, low: int, high: int, *, ndim: int = 1) -> NDArray:
    """The integer array `name`, with every entry in [low, high); BundleError otherwise."""
    array = taken(arrays, name, kind="iu", ndim=ndim)
    if array.size and (int(array.min()) < low or int(array.max()) >= high):
        raise BundleError(
            f"array {name!r} holds indices from {array.min()} to {array.max()}, allowed are {low} to {high - 1}. "
            "The bundle is not trusted."
        )
    return array


def text(arrays: Mapping[str, NDArray], name: str) -> str:
    """The 0-dimensional text array `name` as a string."""
    return str(taken(arrays, name, kind="U", ndim=0))


def number(arrays: Mapping[str, NDArray], name: str) -> float:
    """The 0-dimensional number array `name` as a float (also from an integer or truth value)."""
    return float(taken(arrays, name, kind="fiub", ndim=0))
