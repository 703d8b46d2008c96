"""Whether the charges of a composition can balance: what a feasible change of a compound must keep."""

from __future__ import annotations

from functools import cache, lru_cache

import numpy as np

from matloop.core.arrays import BoolArray
from matloop.core.elements import oxidation_states
from matloop.matter.compositions import Compositions, whole_amounts

LARGEST_CELL = 500
"""Atoms up to which every way to deal out states is looked at; beyond, only the extremes count (a large cell)."""


@cache
def states() -> tuple[tuple[int, ...], ...]:
    """Oxidation states by atomic number, ascending: common ones, and those seen in the ICSD more than rarely (Ni3+)."""
    pairs = zip(oxidation_states("common"), oxidation_states("icsd"), strict=True)
    return tuple(tuple(sorted({*common, *icsd})) for common, icsd in pairs)


def neutral(compositions: Compositions) -> BoolArray:
    """Whether oxidation states can add up to zero, shape (n_rows,); each atom may have its own (Fe3O4).

    Fractional amounts are multiplied up to whole numbers. It is a necessary condition of a compound and no sufficient
    one; metals and their alloys are not neutral in this sense.

    Examples
    --------
    >>> from matloop.matter.compositions import as_compositions
    >>> neutral(as_compositions(["NaCl", "LiNiO2", "Fe3O4", "NaCl2", "FeNi"])).tolist()
    [True, True, True, False, False]
    """
    whole = whole_amounts(compositions.offsets, compositions.amounts)
    found = np.zeros(len(compositions), dtype=bool)
    for row in range(len(compositions)):
        entries = slice(compositions.offsets[row], compositions.offsets[row + 1])
        found[row] = _balanced(tuple(compositions.elements[entries].tolist()), tuple(whole[entries].tolist()))
    return found


@lru_cache(maxsize=65536)
def _balanced(elements: tuple[int, ...], atoms: tuple[int, ...]) -> bool:
    own = [states()[z] for z in elements]
    if not own or not all(own):
        return False
    low = sum(one[0] * n for one, n in zip(own, atoms, strict=True))
    high = sum(one[-1] * n for one, n in zip(own, atoms, strict=True))
    if low >= 0 or high <= 0:
        return low == 0 or high == 0
    if sum(atoms) > LARGEST_CELL:
        return True
    reached = 1  # bit i: the sum `low + i` can be reached
    for z, n in zip(elements, atoms, strict=True):
        reached = _added(reached, _sums(z, n))
    return bool(reached >> -low & 1)


@lru_cache(maxsize=65536)
def _sums(z: int, atoms: int) -> int:
    """The sums that so many atoms can have, as bits counted from the lowest."""
    if atoms == 0:
        return 1
    lowest, half = states()[z][0], _sums(z, atoms // 2)
    one = sum(1 << (state - lowest) for state in states()[z]) if atoms % 2 else 1
    return _added(_added(half, half), one)


def _added(a: int, b: int) -> int:
    """Bits i + j for all bits i of `a` and j of `b`."""
    if a.bit_count() > b.bit_count():
        a, b = b, a
    result = 0
    while a:
        last = a & -a
        result |= b << (last.bit_length() - 1)
        a ^= last
    return result
