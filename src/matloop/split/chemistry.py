"""What rows hold chemically: their elements and chemical systems, and where elements stand in the table."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from matloop.core.arrays import BoolArray, TextArray
from matloop.core.elements import MAX_Z, SYMBOLS, Z_OF
from matloop.core.errors import DataError
from matloop.matter.compositions import Compositions, as_compositions, from_amounts

NOBLE = (0, 2, 10, 18, 36, 54, 86, 118)
"""Atomic numbers of the noble gases: where periods end."""


def read_chemistry(source: Any, n: int | None = None) -> Compositions:
    """Compositions from what a caller has.

    Parameters
    ----------
    source : formulas (list, array, Series, one-column frame), `Compositions`, pymatgen objects, a frame with one
        column per element symbol, or an array of atomic fractions (n, 118) by atomic number.
    n : rows there must be.

    Raises
    ------
    DataError : rows cannot be read, or their number is another; each with what to do.
    """
    found = _read(source)
    if n is not None and len(found) != n:
        raise DataError(
            f"there are {len(found)} compositions for {n} rows; one per row of X is needed. "
            "Inside a grid search X is only some of the rows: let X itself hold the formulas there."
        )
    empty = np.flatnonzero(np.diff(found.offsets) == 0)
    if len(empty):
        raise DataError(f"row {int(empty[0])} (and {len(empty) - 1} more) has no composition. Drop such rows first.")
    return found


def _read(source: Any) -> Compositions:
    columns = [str(name).removeprefix("fraction ") for name in getattr(source, "columns", ())]
    if len(columns) > 1 and all(name in Z_OF for name in columns):
        return _amounts(source.to_numpy(dtype=float), columns)
    if isinstance(source, np.ndarray) and source.ndim == 2 and source.dtype.kind in "fiu":
        if source.shape[1] != MAX_Z:
            raise DataError(
                f"an array of {source.shape[1]} columns is no table of atomic fractions ({MAX_Z} columns, H to Og). "
                "Give compositions=formulas."
            )
        return _amounts(source, SYMBOLS[1:])
    if len(columns) > 1:
        raise DataError(f"which of {len(columns)} columns holds the formulas? Give compositions=frame['formula'].")
    return as_compositions(source)


def _amounts(matrix: Any, symbols: Sequence[str]) -> Compositions:
    found, reasons = from_amounts(np.asarray(matrix, dtype=float), symbols, "formula")
    for row, why in reasons.items():
        raise DataError(f"row {row} of the element fractions: {why} ({len(reasons)} such rows). Correct or drop them.")
    return found


def elements_present(compositions: Compositions) -> BoolArray:
    """Which elements each row holds, shape (n, 119), by atomic number; column 0 is empty."""
    present = np.zeros((len(compositions), MAX_Z + 1), dtype=bool)
    present[compositions.rows, compositions.elements] = True
    return present


def chemical_systems(compositions: Compositions) -> TextArray:
    """The set of elements of each row as a name, symbols in alphabetical order; shape (n,).

    Examples
    --------
    >>> chemical_systems(as_compositions(["Fe2O3", "FeO", "NaCl"])).tolist()
    ['Fe-O', 'Fe-O', 'Cl-Na']
    """
    entries, bounds = compositions.elements.tolist(), compositions.offsets.tolist()
    known: dict[tuple[int, ...], str] = {}
    found = []
    for a, b in pairwise(bounds):
        key = tuple(entries[a:b])
        if key not in known:
            known[key] = "-".join(sorted(SYMBOLS[z] for z in key))
        found.append(known[key])
    return np.array(found, dtype=np.str_)


def period_of(z: int) -> int:
    """The period of the table, 1 to 7."""
    return int(np.searchsorted(NOBLE, z))


def group_of(z: int) -> str:
    """The group of the table, "1" to "18"; La to Lu are "lanthanides", Ac to Lr "actinides".

    Examples
    --------
    >>> [group_of(Z_OF[symbol]) for symbol in ("H", "O", "Fe", "Ce", "Hf", "He")]
    ['1', '16', '8', 'lanthanides', '4', '18']
    """
    period = period_of(z)
    place, length = z - NOBLE[period - 1], NOBLE[period] - NOBLE[period - 1]
    if place <= 2 and z != 2:
        return str(place)
    if length == 32 and place <= 17:
        return "lanthanides" if period == 6 else "actinides"
    return str(18 - (length - place))
