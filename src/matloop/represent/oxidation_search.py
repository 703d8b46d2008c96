"""Which oxidation states the atoms of a formula most likely have: the most frequent ones that balance, found exactly.

The question is that of pymatgen's `oxi_state_guesses`: each atom has one of the states that the ICSD knows of its
element, charges add up to that of the formula, and the sum over atoms of how often the state occurs is the largest.
pymatgen tries every combination, which takes minutes for some formulas; here the best sum is built element by element
(dynamic programming over the charge so far), which is exact and polynomial. Between equally frequent choices, where
pymatgen takes what comes first in the order of writing, the smaller sum of squared charges decides. Multiples of a
formula are reduced first, so that they are alike. The most frequent states need not be the most chemical ones: with
many atoms to choose for, La7Sr3Mn10O30 gets some Mn2+ and Mn7+ beside Mn3+ and Mn4+, here as there.

Above MOST_CHARGE, and for fractions that mean no whole number of atoms, the limit of a large cell is taken: shares of
atoms instead of whole atoms, the same maximum as a linear programme (one constraint, so a sorted list solves it).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray, frozen
from matloop.core.elements import MAX_Z, oxidation_occurrence, oxidation_states
from matloop.matter.compositions import whole_amounts

MOST_CHARGE = 1000
"""Charge between all atoms lowest and all highest up to which whole atoms are tried; some hundred atoms."""
LAST_BLOCKS = 16
"""Blocks of rows whose states are kept: four featurizers ask for the same ones (1 MB each)."""
TABLE_AT_ONCE = 2_000_000  # numbers per working table
_NONE = -(2**60)  # a charge that cannot be reached; two of them do not overflow
_SCALE = 10**6  # sites in the ICSD count before squared charges (at most 100 per atom)


@dataclass(frozen=True, slots=True)
class Assumed:
    """Oxidation states of rows with k elements; S is the largest number of states of an element.

    states : shape (m, k, S), int; meaningless where the share is 0
    share : shape (m, k, S), atoms of the element in that state per atom of the formula
    balanced : shape (m,), whether any choice has the charge of the formula; else all atoms have state 0
    exact : shape (m,), False where the limit of a large cell was taken
    """

    states: IntArray
    share: FloatArray
    balanced: BoolArray
    exact: BoolArray


@cache
def state_table() -> IntArray:
    """States of each element, ascending, the last one repeated: shape (119, S + 1); the last column is 0.

    Those of the ICSD, where it has none the common ones: pymatgen's rule. `state_counts` says how many there are.
    """
    listed = _listed()
    widest = max(map(len, listed))
    table = np.zeros((MAX_Z + 1, widest + 1), dtype=np.int64)
    for z, states in enumerate(listed):
        table[z, : len(states)] = states
        table[z, len(states) : widest] = states[-1] if states else 0
    return frozen(table)


@cache
def _listed() -> tuple[tuple[int, ...], ...]:
    pairs = zip(oxidation_states("icsd"), oxidation_states("common"), strict=True)
    return tuple(icsd or common for icsd, common in pairs)


@cache
def _extremes() -> tuple[IntArray, IntArray, BoolArray]:
    """Lowest and highest state, and whether there is any, by atomic number."""
    table, known = state_table(), np.array([bool(states) for states in _listed()])
    return frozen(table[:, 0].copy()), frozen(table[:, -2].copy()), frozen(known)


def _weight(z: int, state: int) -> int:
    return oxidation_occurrence().get((z, state), 0) * _SCALE - state * state


def assume_states(elements: IntArray, amounts: FloatArray, charges: FloatArray) -> Assumed:
    """The most likely states of each row; what was found last is kept for the next featurizer that asks.

    Parameters
    ----------
    elements : shape (m, k), atomic numbers
    amounts : shape (m, k), atoms per formula as written
    charges : shape (m,), e per formula as written
    """
    numbers = elements.astype(np.int64, copy=False).tobytes()
    return _assumed(elements.shape, numbers, amounts.tobytes(), charges.astype(np.float64, copy=False).tobytes())


@lru_cache(maxsize=LAST_BLOCKS)
def _assumed(shape: tuple[int, int], of_elements: bytes, of_amounts: bytes, of_charges: bytes) -> Assumed:
    elements = np.frombuffer(of_elements, dtype=np.int64).reshape(shape)
    amounts = np.frombuffer(of_amounts, dtype=np.float64).reshape(shape)
    charges = np.frombuffer(of_charges, dtype=np.float64)
    m, k = elements.shape
    table = state_table()
    total = amounts[:, 0].copy()
    for j in range(1, k):
        total += amounts[:, j]
    fractions = amounts / total[:, None]
    share = np.zeros((m, k, table.shape[1]))
    share[:, :, -1] = fractions  # state 0 until something balances
    whole, target, counted = _whole(amounts, charges)
    lowest, highest, known = _extremes()
    low, high = (lowest[elements] * whole).sum(axis=1), (highest[elements] * whole).sum(axis=1)
    open_rows = known[elements].all(axis=1) & ((k > 1) | (charges != 0))
    exact = counted & (high - low <= MOST_CHARGE)
    balanced = open_rows & exact & (low <= target) & (target <= high)
    for rows in _alike(np.flatnonzero(balanced), target - low, k):
        found, reached = _best(elements[rows], whole[rows], (target - low)[rows])
        balanced[rows] = reached
        atoms = whole[rows].sum(axis=1)[:, None, None]
        share[rows[reached]] = found[reached] / atoms[reached]
    large = np.flatnonzero(open_rows & ~exact)
    if len(large):
        found_share, reached = _large_cell(elements[large], fractions[large], charges[large] / total[large])
        balanced[large] = reached
        share[large[reached]] = found_share[reached]
    states = table[elements]
    return Assumed(frozen(states), frozen(share), frozen(balanced), frozen(exact | ~open_rows))


def _whole(amounts: FloatArray, charges: FloatArray) -> tuple[IntArray, IntArray, BoolArray]:
    """Whole atoms of the smallest formula (m, k), its charge (m,), and whether both are whole numbers.

    Charged formulas written in whole numbers stay as written.
    """
    whole = np.minimum(np.rint(amounts), 1e12).astype(np.int64)
    fractional = (np.abs(amounts - whole) > 1e-9 * amounts).any(axis=1)
    if fractional.any():
        others = amounts[fractional]
        offsets = np.arange(len(others) + 1) * amounts.shape[1]
        whole[fractional] = whole_amounts(offsets, others.ravel()).reshape(others.shape)
    neutral = ~fractional & (charges == 0)
    whole[neutral] //= np.gcd.reduce(whole[neutral], axis=1)[:, None]
    multiple = whole[:, 0] / amounts[:, 0]
    target = np.rint(charges * multiple)
    counted = (np.abs(charges * multiple - target) < 1e-6) & (whole > 0).all(axis=1) & (whole < 2**40).all(axis=1)
    return whole, np.clip(target, -(2**40), 2**40).astype(np.int64), counted


def _alike(rows: IntArray, widths: IntArray, k: int) -> Iterator[IntArray]:
    """The rows in groups of tables of similar width, each of bounded size."""
    classes = np.ceil(np.log2(widths[rows] + 1.0)).astype(np.int64)
    for one in np.unique(classes).tolist():
        members = rows[classes == one]
        size = max(TABLE_AT_ONCE // (2**one * (k + 1)), 1)
        for start in range(0, len(members), size):
            yield members[start : start + size]


def _best(elements: IntArray, whole: IntArray, climb: IntArray) -> tuple[IntArray, BoolArray]:
    """Atoms per state (m, k, S), and whether the charge can be had.

    `climb` (m,) is how far the charge lies above that of all atoms in their lowest state.
    """
    m, k = elements.shape
    width = int(climb.max()) + 1
    scores, atoms, place = _of_elements(elements, whole, width)
    best = np.full((k + 1, m, width), _NONE, dtype=np.int64)
    best[0, :, 0] = 0
    for j in range(k):
        gains = scores[place[:, j]]
        for d in range(_reach(gains)):
            np.maximum(best[j + 1, :, d:], best[j, :, : width - d] + gains[:, d, None], out=best[j + 1, :, d:])
    row = np.arange(m)
    reached: BoolArray = best[k, row, climb] > _NONE // 2
    chosen = np.zeros((m, k), dtype=np.int64)
    left = climb.copy()
    for j in reversed(range(k)):
        gains = scores[place[:, j]]
        ways = np.arange(_reach(gains))[None, :]
        before = left[:, None] - ways
        values = np.where(before >= 0, best[j][row[:, None], np.maximum(before, 0)] + gains[:, : ways.size], 2 * _NONE)
        chosen[:, j] = values.argmax(axis=1)
        left -= chosen[:, j]
    return atoms[place, chosen], reached


def _reach(gains: IntArray) -> int:
    """One more than the farthest climb that any row can have."""
    return int(np.flatnonzero((gains > _NONE // 2).any(axis=0))[-1]) + 1


def _of_elements(elements: IntArray, whole: IntArray, width: int) -> tuple[IntArray, IntArray, IntArray]:
    """Of each distinct (element, atoms): scores (u, width), atoms per state (u, width, S); the place of each entry."""
    keys = whole * 128 + elements
    distinct, place = np.unique(keys, return_inverse=True)
    scores = np.full((len(distinct), width), _NONE, dtype=np.int64)
    atoms = np.zeros((len(distinct), width, state_table().shape[1]), dtype=np.int64)
    for u, key in enumerate(distinct.tolist()):
        score, counts = _sums(key % 128, key // 128)
        end = min(width, len(score))
        scores[u, :end] = score[:end]
        atoms[u, :end, : counts.shape[1]] = counts[:end]
    return scores, atoms, place.reshape(elements.shape)


@lru_cache(maxsize=4096)
def _sums(z: int, n: int) -> tuple[IntArray, IntArray]:
    """The best score and the atoms per state for each charge that n atoms can have above the lowest."""
    states = _listed()[z]
    length = states[-1] - states[0] + 1
    if n == 1:
        score = np.full(length, _NONE, dtype=np.int64)
        counts = np.zeros((length, len(states)), dtype=np.int16)
        for i, state in enumerate(states):
            score[state - states[0]] = _weight(z, state)
            counts[state - states[0], i] = 1
        return frozen(score), frozen(counts)
    (a, of_a), (b, of_b) = _sums(z, n // 2), _sums(z, n - n // 2)
    score = np.full(len(a) + len(b) - 1, _NONE, dtype=np.int64)
    counts = np.zeros((len(score), len(states)), dtype=np.int16)
    for d in np.flatnonzero(a > _NONE // 2).tolist():
        part = slice(d, d + len(b))
        tried = a[d] + b
        better = tried > score[part]
        score[part][better] = tried[better]
        counts[part][better] = (of_a[d] + of_b)[better]
    return frozen(score), frozen(counts)


@cache
def _hulls() -> tuple[FloatArray, FloatArray, IntArray]:
    """Upper hull of score over state: length and slope of its edges (119, E), descending; its corners (119, E + 1).

    Corners are places in the list of states; edges that are not there have length 0.
    """
    corners = [_hull(z, states) for z, states in enumerate(_listed())]
    most = max(len(c) for c in corners) - 1
    lengths, slopes = np.zeros((MAX_Z + 1, most)), np.full((MAX_Z + 1, most), -np.inf)
    places = np.zeros((MAX_Z + 1, most + 1), dtype=np.int64)
    for z, hull in enumerate(corners):
        for e, (i, j) in enumerate(pairwise(hull)):
            a, b = _listed()[z][i], _listed()[z][j]
            lengths[z, e], slopes[z, e] = b - a, (_weight(z, b) - _weight(z, a)) / (b - a)
        places[z, : len(hull)] = hull
        places[z, len(hull) :] = hull[-1] if hull else 0
    return frozen(lengths), frozen(slopes), frozen(places)


def _hull(z: int, states: tuple[int, ...]) -> list[int]:
    hull: list[int] = []
    for i, state in enumerate(states):
        while len(hull) > 1:
            (a, b) = (states[hull[-2]], states[hull[-1]])
            if (_weight(z, b) - _weight(z, a)) * (state - b) > (_weight(z, state) - _weight(z, b)) * (b - a):
                break
            hull.pop()
        hull.append(i)
    return hull


def _large_cell(elements: IntArray, fractions: FloatArray, charge: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Share of atoms per state (m, k, S), and whether the charge per atom can be had, in the limit of a large cell."""
    m, k = elements.shape
    lengths, slopes, corners = _hulls()
    lowest, _, _ = _extremes()
    climbs = (lengths[elements] * fractions[:, :, None]).reshape(m, -1)
    order = np.argsort(-slopes[elements].reshape(m, -1), axis=1, kind="stable")
    sorted_climbs = np.take_along_axis(climbs, order, axis=1)
    climb = charge - (lowest[elements] * fractions).sum(axis=1)
    before = np.cumsum(sorted_climbs, axis=1) - sorted_climbs
    slack = 1e-9
    reached: BoolArray = (climb >= -slack) & (climb <= climbs.sum(axis=1) + slack)
    with np.errstate(divide="ignore", invalid="ignore"):
        taken = np.clip((climb[:, None] - before) / sorted_climbs, 0.0, 1.0)
    taken = np.where(sorted_climbs > 0, taken, 0.0)
    taken = np.where(taken < slack, 0.0, np.where(taken > 1 - slack, 1.0, taken))
    parts = np.zeros_like(taken)
    np.put_along_axis(parts, order, taken, axis=1)
    parts = parts.reshape(m, k, -1)
    ends = np.concatenate([np.ones((m, k, 1)), parts, np.zeros((m, k, 1))], axis=2)
    at_corner = (ends[:, :, :-1] - ends[:, :, 1:]) * fractions[:, :, None]
    share = np.zeros((m, k, state_table().shape[1]))
    rows, places = np.arange(m)[:, None], corners[elements]
    for e in range(corners.shape[1]):
        share[rows, np.arange(k), places[:, :, e]] += at_corner[:, :, e]
    return share, reached
