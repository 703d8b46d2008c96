"""Anything that holds structures as a batch: pymatgen and ASE objects, file texts, OPTIMADE records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import DataError
from matloop.matter.structures import Structures, from_arrays, joined

_NOTHING = from_arrays(np.zeros((1, 3, 3)), [np.empty((0, 3))], [np.empty(0, np.int64)])


def read_structures(X: Any) -> tuple[Structures, dict[int, str]]:
    """Anything that holds structures as a batch, and {row: reason} for rows that cannot be read.

    Parameters
    ----------
    X : Structures (rows without sites stay so, without a reason), or a sequence (list, array, Series, one-column frame)
        of pymatgen Structure objects.

    Raises
    ------
    DataError : `X` is no sequence.
    """
    if isinstance(X, Structures):
        return X, {}
    reasons: dict[int, str] = {}
    parts = []
    for row, one in enumerate(_as_list(X)):
        found = _one(one)
        if isinstance(found, str):
            reasons[row] = found
            found = _NOTHING
        parts.append(found)
    return joined(parts), reasons


def _as_list(X: Any) -> list[Any]:
    values = X.to_numpy(dtype=object) if hasattr(X, "to_numpy") else X
    if isinstance(values, str | Mapping) or not isinstance(values, Iterable) or hasattr(values, "lattice"):
        raise DataError(f"a sequence of structures is needed, found {type(X).__name__}: write [structure].")
    return list(values)


def _one(one: Any) -> Structures | str:
    if not hasattr(one, "lattice"):
        return f"{type(one).__name__} is no structure"
    coordinates: FloatArray = np.asarray(one.frac_coords, dtype=float)
    numbers: IntArray = np.array([site.specie.Z for site in one], dtype=np.int64)
    return from_arrays(np.asarray(one.lattice.matrix, dtype=float)[None], [coordinates], [numbers])
