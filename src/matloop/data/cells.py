"""Cells of a column as an array of the kind that they all have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def typed(cells: Sequence[Any]) -> NDArray:
    """Floats (None is NaN), whole numbers and truth values as such, everything else as objects; shape (n,)."""
    kinds = {type(cell) for cell in cells}
    if kinds == {float} or kinds == {float, type(None)}:
        return np.array([np.nan if cell is None else cell for cell in cells], dtype=np.float64)
    if kinds == {bool}:
        return np.array(cells, dtype=bool)
    if kinds == {int} and all(-(2**63) <= cell < 2**63 for cell in cells):
        return np.array(cells, dtype=np.int64)
    found = np.empty(len(cells), dtype=object)
    found[:] = cells
    return found


def joined(parts: Sequence[NDArray]) -> NDArray:
    """The parts of a column; where they are of several kinds, as objects (NaN is None again). Read-only."""
    if not parts:
        return np.empty(0, dtype=object)
    if len({part.dtype.kind for part in parts}) > 1:
        parts = [typed_objects([None if cell != cell else cell for cell in part.tolist()]) for part in parts]
    column = np.concatenate(parts)
    column.flags.writeable = False
    return column


def typed_objects(cells: Sequence[Any]) -> NDArray:
    """Cells as objects, whatever they are; shape (n,)."""
    found = np.empty(len(cells), dtype=object)
    found[:] = cells
    return found
