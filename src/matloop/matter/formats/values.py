"""Named values beside the atoms (moments, forces, energies) as arrays of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from matloop.core.arrays import FloatArray

OURS = {
    "initial_magmoms": "magmom",
    "magmoms": "final_magmom",
    "initial_charges": "charge",
    "charges": "final_charge",
    "move_mask": "selective_dynamics",
}
"""What ASE (its arrays and extended XYZ) calls by another name than pymatgen; ours are those of pymatgen."""
THEIRS = {ours: theirs for theirs, ours in OURS.items()}
WHOLE = ("tags", "selective_dynamics", "spacegroup_kinds")
"""Values that are whole numbers or truth values, and are written as such."""


def numeric(values: Sequence[Any]) -> FloatArray | None:
    """One value per entry as an array, None and missing as NaN; None if they are no numbers of one shape."""
    plain = [getattr(value, "moment", value) for value in values]
    shape = next((np.shape(value) for value in plain if value is not None), None)
    if shape is None:
        return None
    try:
        array = np.array([np.full(shape, np.nan) if value is None else value for value in plain], dtype=float)
    except (TypeError, ValueError):
        return None
    return array if array.shape == (len(plain), *shape) and array.size else None


def number_or_numbers(value: Any) -> FloatArray | None:
    """A number or nested list of numbers as an array of any shape, None if it is none."""
    if value is None or isinstance(value, str | bytes | Mapping):
        return None
    try:
        array: FloatArray = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        return None
    return array if array.size else None


def left_out(names: Sequence[str], what: str) -> tuple[str, ...]:
    """What to say about values that are no numbers."""
    return (f"{what} {', '.join(map(repr, names[:5]))} left out: no numbers",) if names else ()
