"""Mixtures drawn at random: which components are present, and amounts that are uniform among all that sum to one.

Where `step` is given every allowed mixture is as probable as any other (counted, never listed). Else each number of
components that may be present is as probable as any other where that number is limited, or where components have a
least amount; each choice of components of one number is as probable as any other; amounts are uniform on the part of
the simplex that the bounds leave.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.design.space.layout import Blend

SLACK = 1e-9
"""Sums of amounts that are this near to one are one."""
_LISTED = 20_000  # choices of components that are listed; more are drawn and checked
_TRIES = 100  # rounds of drawing choices
_ROUNDS = 24  # of drawing anew what broke an upper bound, before the walk
_SWEEPS = 30  # of the walk per component


def draw_mixtures(blend: Blend, n: int, rng: np.random.Generator) -> FloatArray:
    """`n` mixtures, shape (n, k); bounds and numbers of components hold, sums are one."""
    if blend.step > 0:
        return draw_stepped(blend, n, rng)
    return draw_amounts(blend, draw_present(blend, n, rng), rng)


def holds(blend: Blend, amounts: FloatArray) -> BoolArray:
    """Which rows of amounts are mixtures of this kind."""
    there = amounts > SLACK
    count = there.sum(axis=1)
    good = np.abs(amounts.sum(axis=1) - 1.0) <= 1e-6
    good &= (count >= blend.at_least) & (count <= blend.at_most)
    low = np.where(there, blend.floor, blend.low)
    good &= ((amounts >= low - SLACK) & (amounts <= blend.high + SLACK)).all(axis=1)
    if blend.step > 0:
        good &= (np.abs(amounts / blend.step - np.rint(amounts / blend.step)) <= 1e-6).all(axis=1)
    return good


# ---- which components ----


def draw_present(blend: Blend, n: int, rng: np.random.Generator) -> BoolArray:
    """Components of `n` mixtures, shape (n, k): a number of them, then a choice of that many that can sum to one."""
    sizes = _sizes(blend)
    size = rng.choice(np.array(sizes), n)
    found = np.zeros((n, len(blend.low)), dtype=bool)
    for one in sizes:
        rows = np.flatnonzero(size == one)
        found[rows] = _choices(blend, one, len(rows), rng)
    return found


def _sizes(blend: Blend) -> list[int]:
    """How many components may be present; only the most where fewer are a limit of more (no least amounts)."""
    possible = [size for size in range(blend.at_least, blend.at_most + 1) if _possible(*_key(blend), size)]
    free = not blend.least.any() and blend.at_most == len(blend.low)
    return possible[-1:] if free else possible


def _choices(blend: Blend, size: int, n: int, rng: np.random.Generator) -> BoolArray:
    """Choices of `size` components that can sum to one, each as probable; where these are rare among many, those that
    were found stand in for the rest."""
    if _few(blend.forced, size):
        every = _fitting_choices(*_key(blend), size)
        return every[rng.integers(0, len(every), n)]
    found, have = np.zeros((n, len(blend.low)), dtype=bool), 0
    for _ in range(_TRIES):
        new = _candidates(blend.forced, size, max(2 * (n - have), 256), rng)
        new = new[_fitting(blend.floor, blend.high, new)][: n - have]
        found[have : have + len(new)] = new
        have += len(new)
        if have == n:
            return found
    known = np.concatenate([found[:have], _surest(blend.floor, blend.high, blend.forced, size)])
    found[have:] = known[rng.integers(0, len(known), n - have)]
    return found


def _few(forced: BoolArray, size: int) -> bool:
    always = int(forced.sum())
    return math.comb(len(forced) - always, size - always) <= _LISTED


def _surest(floor: FloatArray, high: FloatArray, forced: BoolArray, size: int) -> BoolArray:
    """Of the choices with the highest upper and those with the lowest lower bounds, what can sum to one; up to two."""
    found = np.zeros((2, len(high)), dtype=bool)
    for row, worth in enumerate((-high, floor)):
        found[row, np.argsort(worth - 4.0 * forced, kind="stable")[:size]] = True
    return found[_fitting(floor, high, found)]


@lru_cache(maxsize=512)
def _possible(floor: tuple[float, ...], high: tuple[float, ...], forced: tuple[bool, ...], size: int) -> bool:
    """Whether some choice of that many components can sum to one."""
    if size < sum(forced) or size > len(forced):
        return False
    if _few(np.array(forced), size):
        return len(_fitting_choices(floor, high, forced, size)) > 0
    least, most, always = np.array(floor), np.array(high), np.array(forced)
    probe = _candidates(always, size, 4096, np.random.default_rng(size))
    return bool(len(_surest(least, most, always, size)) or _fitting(least, most, probe).any())


def _candidates(forced: BoolArray, size: int, n: int, rng: np.random.Generator) -> BoolArray:
    order = rng.random((n, len(forced))) - 2.0 * forced
    rank = order.argsort(axis=1).argsort(axis=1)
    chosen: BoolArray = rank < size
    return chosen


def _fitting(floor: FloatArray, high: FloatArray, present: BoolArray) -> BoolArray:
    """Choices of components whose bounds can sum to one."""
    fit: BoolArray = (present @ floor <= 1 + SLACK) & (present @ high >= 1 - SLACK)
    return fit


def _key(blend: Blend) -> tuple[tuple[float, ...], tuple[float, ...], tuple[bool, ...]]:
    return tuple(blend.floor.tolist()), tuple(blend.high.tolist()), tuple(blend.forced.tolist())


@lru_cache(maxsize=64)
def _fitting_choices(
    floor: tuple[float, ...], high: tuple[float, ...], forced: tuple[bool, ...], size: int
) -> BoolArray:
    """All choices of `size` components that hold the forced ones and can sum to one."""
    always = [i for i, must in enumerate(forced) if must]
    free = [i for i, must in enumerate(forced) if not must]
    picks = list(combinations(free, size - len(always)))
    found = np.zeros((len(picks), len(forced)), dtype=bool)
    found[:, always] = True
    for row, pick in enumerate(picks):
        found[row, list(pick)] = True
    return found[_fitting(np.array(floor), np.array(high), found)]


# ---- amounts of any size ----


def draw_amounts(blend: Blend, present: BoolArray, rng: np.random.Generator) -> FloatArray:
    """Amounts of the present components, uniform where their bounds and the sum of one leave room; shape (n, k).

    A Dirichlet draw above the lower bounds (or below the upper ones, whichever simplex is smaller) is kept where it
    respects the other bounds; rows where that stays rare are walked by transfers between pairs of components.
    """
    low, high = np.where(present, blend.floor, 0.0), np.where(present, blend.high, 0.0)
    x = _middle(low, high)
    above, below = np.maximum(1.0 - low.sum(axis=1), 0.0), np.maximum(high.sum(axis=1) - 1.0, 0.0)
    turned = below < above
    size = np.where(turned, below, above)
    left = np.flatnonzero(size > 0)
    for _ in range(_ROUNDS):
        if not len(left):
            break
        share = rng.standard_exponential((len(left), present.shape[1])) * present[left]
        share *= (size[left] / share.sum(axis=1))[:, None]
        new = np.where(turned[left, None], high[left] - share, low[left] + share)
        good = ((new <= high[left]) & (new >= low[left])).all(axis=1)
        x[left[good]] = new[good]
        left = left[~good]
    if len(left):
        x[left] = _walked(x[left], low[left], high[left], present[left], rng)
    return x


def _middle(low: FloatArray, high: FloatArray) -> FloatArray:
    room = (high - low).sum(axis=1)
    share = np.divide(1.0 - low.sum(axis=1), room, out=np.zeros(len(low)), where=room > 0)
    return low + np.clip(share, 0.0, 1.0)[:, None] * (high - low)


def _walked(
    x: FloatArray, low: FloatArray, high: FloatArray, present: BoolArray, rng: np.random.Generator
) -> FloatArray:
    """Gibbs steps: two components share what they have, uniformly among the ways that their bounds allow."""
    rows = np.arange(len(x))
    for _ in range(_SWEEPS * int(present.sum(axis=1).max())):
        order = (rng.random(present.shape) + 2.0 * ~present).argpartition(1, axis=1)
        a, b = order[:, 0], order[:, 1]
        both = present[rows, a] & present[rows, b]
        a, b, at = a[both], b[both], rows[both]
        total = x[at, a] + x[at, b]
        least = np.maximum(low[at, a], total - high[at, b])
        most = np.minimum(high[at, a], total - low[at, b])
        new = least + rng.random(len(at)) * np.maximum(most - least, 0.0)
        x[at, a], x[at, b] = new, total - new
    return x


# ---- amounts in steps ----


@dataclass(frozen=True, slots=True)
class Counts:
    """How many stepped mixtures there are.

    ways : shape (k + 1, at_most + 1, n_steps + 1): of the first i components, j of them present, with s steps in all.
    low, high : steps of a component that is present, shape (k,).
    """

    ways: FloatArray
    low: IntArray
    high: IntArray
    total: FloatArray
    """by the number of components present, shape (at_most + 1,)"""


def count_stepped(blend: Blend) -> Counts:
    """Counted component by component."""
    return _counted(
        tuple(np.ceil(blend.floor / blend.step - 1e-6).astype(int).tolist()),
        tuple(np.floor(blend.high / blend.step + 1e-6).astype(int).tolist()),
        tuple(blend.forced.tolist()),
        blend.at_least,
        blend.at_most,
        round(1.0 / blend.step),
    )


@lru_cache(maxsize=32)
def _counted(
    low: tuple[int, ...], high: tuple[int, ...], forced: tuple[bool, ...], at_least: int, at_most: int, steps: int
) -> Counts:
    k = len(low)
    ways = np.zeros((k + 1, at_most + 1, steps + 1))
    ways[0, 0, 0] = 1.0
    for i in range(k):
        if not forced[i]:
            ways[i + 1] = ways[i]
        if high[i] >= low[i]:
            below = np.concatenate([np.zeros((at_most + 1, 1)), np.cumsum(ways[i], axis=1)], axis=1)
            s = np.arange(steps + 1)
            upper, lower = np.clip(s - low[i] + 1, 0, steps + 1), np.clip(s - high[i], 0, steps + 1)
            ways[i + 1, 1:] += (below[:, upper] - below[:, lower])[:-1]
    total = ways[k, :, steps].copy()
    total[:at_least] = 0.0
    return Counts(ways, np.array(low), np.array(high), total)


def draw_stepped(blend: Blend, n: int, rng: np.random.Generator) -> FloatArray:
    """`n` mixtures in steps, each allowed one as probable as any other: the last component first, each amount as often
    as the others can be completed to one."""
    counts = count_stepped(blend)
    k, steps = len(blend.low), counts.ways.shape[2] - 1
    present = rng.choice(len(counts.total), n, p=counts.total / counts.total.sum())
    left = np.full(n, steps)
    amounts = np.zeros((n, k))
    for i in range(k - 1, -1, -1):
        taken = _taken(counts, i, present, left, bool(blend.forced[i]), rng)
        amounts[:, i] = taken
        present, left = present - (taken > 0), left - taken
    return np.asarray(np.round(amounts * blend.step, 12))


def _taken(
    counts: Counts, i: int, present: IntArray, left: IntArray, forced: bool, rng: np.random.Generator
) -> IntArray:
    """Steps of component `i`, where `present` and `left` are what it and those before it still have to make up."""
    before, u = counts.ways[i], rng.random(len(left))
    taken = np.zeros(len(left), dtype=np.int64)
    for j in np.unique(present).tolist():
        rows = np.flatnonzero(present == j)
        absent = np.zeros(len(rows)) if forced else before[j, left[rows]]
        if j == 0:
            continue
        below = np.concatenate([[0.0], np.cumsum(before[j - 1])])
        upper = np.clip(left[rows] - counts.low[i] + 1, 0, len(below) - 1)
        lower = np.clip(left[rows] - counts.high[i], 0, len(below) - 1)
        there = below[upper] - below[np.minimum(lower, upper)]
        point = u[rows] * (absent + there) - absent
        rest = np.searchsorted(below, below[np.minimum(lower, upper)] + point, side="right") - 1
        rest = np.clip(rest, np.minimum(lower, upper), np.maximum(upper - 1, lower))
        taken[rows] = np.where(point >= 0, left[rows] - rest, 0)
    return taken
