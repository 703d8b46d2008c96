"""Whether charges can balance, and how ionic the bonds are."""

from __future__ import annotations

from functools import cache, lru_cache

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray, frozen
from matloop.core.elements import MAX_Z, filled_table, oxidation_states
from matloop.matter.compositions import Compositions, whole_amounts
from matloop.represent import pooling
from matloop.represent.featurizer import CompositionFeaturizer, batches
from matloop.represent.magpie import WARD_2016

MOST_CHARGE = 2000
"""Sum over atoms of the largest oxidation state up to which the search is exact; beyond, a large cell is assumed."""


class IonicFeaturizer(CompositionFeaturizer):
    """Can oxidation states add up to zero, and the largest and mean ionic character of pairs of elements.

    Columns as matminer's `IonProperty`: "compound possible" (0 or 1; each atom may have its own common oxidation state,
    as in Fe3O4), "max ionic char", "avg ionic char": 1 - exp(-(difference of Pauling electronegativity)^2 / 4), Pauling
    1960, where an unknown electronegativity is the mean over the known ones. Fractional formulas are multiplied up to
    whole numbers.

    The search is exact by sets of reachable charges and cannot explode. Above MOST_CHARGE (some hundred atoms) each
    element may take any mean state between its extremes, which is the limit of a large cell; `limits` names these rows.
    """

    def columns(self) -> tuple[str, ...]:
        return ("compound possible", "max ionic char", "avg ionic char")

    def describe(self, elements: IntArray, amounts: FloatArray) -> FloatArray:
        if elements.shape[1] == 1:
            return np.tile([1.0, 0.0, 0.0], (len(elements), 1))
        strongest, average = _ionic_character(elements, amounts)
        return np.column_stack([_possible(elements, _whole(amounts)), strongest, average])

    def limits(self, compositions: Compositions) -> dict[int, str]:
        cut: dict[int, str] = {}
        written = compositions.amounts
        atoms = np.bincount(compositions.rows, written)
        if atoms.max(initial=0.0) * _largest_state() <= MOST_CHARGE and (written == np.rint(written)).all():
            return cut  # few atoms, taken as written: no row comes near
        for rows, elements, amounts in batches(compositions):
            far = _span(elements, _whole(amounts)) if elements.shape[1] > 1 else np.zeros(len(rows))
            for row in rows[far > MOST_CHARGE].tolist():
                cut[row] = "ionic: too many atoms to try all oxidation states; charge balance judged for a large cell"
        return cut

    def citations(self) -> tuple[str, ...]:
        return (WARD_2016,)


def _ionic_character(elements: IntArray, amounts: FloatArray) -> tuple[FloatArray, FloatArray]:
    electronegativity = filled_table("periodic").column("X")[elements]
    share = pooling.fractions(amounts)
    strongest, average = np.zeros(len(elements)), np.zeros(len(elements))
    for i in range(elements.shape[1]):
        for j in range(i + 1, elements.shape[1]):
            character = 1.0 - np.exp(-0.25 * (electronegativity[:, i] - electronegativity[:, j]) ** 2)
            np.maximum(strongest, character, out=strongest)
            average += share[:, i] * share[:, j] * character
    return strongest, average


def _whole(amounts: FloatArray) -> IntArray:
    """Whole numbers of atoms: as written where they are whole, else of the reduced formula; shape (m, k)."""
    written = (amounts == np.rint(amounts)).all(axis=1)
    whole = np.zeros(amounts.shape, dtype=np.int64)
    whole[written] = amounts[written].astype(np.int64)
    others = amounts[~written]
    offsets = np.arange(len(others) + 1) * amounts.shape[1]
    whole[~written] = whole_amounts(offsets, others.ravel()).reshape(others.shape)
    return whole


@cache
def _states() -> tuple[tuple[int, ...], ...]:
    """Common oxidation states by atomic number; those seen in the ICSD where none is common (pymatgen's rule)."""
    pairs = zip(oxidation_states("common"), oxidation_states("icsd"), strict=True)
    return tuple(common or icsd for common, icsd in pairs)


@cache
def _extremes() -> FloatArray:
    """Lowest, highest and largest absolute state, shape (3, 119); NaN where there is none."""
    extremes = np.full((3, MAX_Z + 1), np.nan)
    for z, states in enumerate(_states()):
        if states:
            extremes[:, z] = states[0], states[-1], max(map(abs, states))
    return frozen(extremes)


@cache
def _largest_state() -> float:
    """The largest absolute state of any element."""
    return float(np.nanmax(_extremes()[2]))


def _span(elements: IntArray, whole: IntArray) -> FloatArray:
    return pooling.total(np.nan_to_num(_extremes()[2])[elements] * whole)


def _possible(elements: IntArray, whole: IntArray) -> BoolArray:
    """Whether the charges of each row can add up to zero, shape (m,)."""
    lowest, highest, _ = _extremes()
    low, high = pooling.total(lowest[elements] * whole), pooling.total(highest[elements] * whole)
    possible: BoolArray = (low <= 0) & (high >= 0)  # NaN, an element without states, gives False
    search = possible & (low < 0) & (high > 0) & (_span(elements, whole) <= MOST_CHARGE)
    for row in np.flatnonzero(search).tolist():
        possible[row] = _balanced(elements[row].tolist(), whole[row].tolist())
    return possible


@lru_cache(maxsize=65536)
def _sums(z: int, atoms: int) -> int:
    """The sums of oxidation states that `atoms` atoms can have, as bits counted from the lowest."""
    if atoms == 0:
        return 1
    lowest, *others = _states()[z]
    half = _sums(z, atoms // 2)
    reached = _sumset(half, half)
    if atoms % 2:
        reached |= _or_shifted(reached, [state - lowest for state in others])
    return reached


def _or_shifted(bits: int, shifts: list[int]) -> int:
    result = 0
    for shift in shifts:
        result |= bits << shift
    return result


def _sumset(a: int, b: int) -> int:
    """Bits i + j for all bits i of `a` and j of `b`."""
    if a.bit_count() > b.bit_count():
        a, b = b, a
    result = 0
    while a:
        last = a & -a
        result |= b << (last.bit_length() - 1)
        a ^= last
    return result


def _balanced(elements: list[int], atoms: list[int]) -> bool:
    """Whether one oxidation state per atom can be chosen such that they add up to zero."""
    lowest, reached = 0, 1
    for z, n in zip(elements, atoms, strict=True):
        lowest += _states()[z][0] * n
        reached = _sumset(_sums(z, n), reached)
    return lowest <= 0 and bool(reached >> -lowest & 1)
