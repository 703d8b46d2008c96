"""Points around others: moves of one parameter or several, of amounts between components, always allowed ones."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.design.space.draws import completed
from matloop.design.space.layout import Blend, Layout, Single
from matloop.design.space.limits import allowed
from matloop.design.space.mixtures import SLACK, draw_mixtures, holds
from matloop.design.space.region import Region
from matloop.design.space.sampling import sampled
from matloop.design.space.scales import Range
from matloop.design.space.walk import tidied

_ROUNDS = 10
_WALKS = 12  # chords for rows whose moves were all refused
_ALONE = 0.5  # of the moves change a single parameter
_REDRAWN = 0.1  # of the moves of a category or a mixture draw it anew


def around(region: Region, points: FloatArray, n: int, seed: int, reach: float) -> FloatArray:
    """`n` allowed points around each of the points, in their order; shape (len(points) * n, width)."""
    rng = np.random.default_rng(seed)
    layout, start = region.layout, np.repeat(points, n, axis=0)
    found, left = start.copy(), np.arange(len(start))
    for turn in range(_ROUNDS):
        if not len(left):
            return found
        new = _moved(layout, start[left], reach * 0.7**turn, rng)
        good = allowed(layout, region.conditions, new) & _differ(new, start[left])
        found[left[good]] = new[good]
        left = left[~good]
    for turn in range(_WALKS):
        walked = left[allowed(layout, region.conditions, start[left])]
        if not len(walked):
            break
        new = region.walk.paired(start[walked], rng)
        if len(region.walk.free):
            new = region.walk.chord(start[walked], rng, sparse=turn % 2 == 0, reach=reach * 0.5**turn)
        new = tidied(layout, new)
        good = allowed(layout, region.conditions, new) & _differ(new, start[walked])
        found[walked[good]] = new[good]
        left = np.setdiff1d(left, walked[good])
    if len(left):
        found[left] = _nearest(region, start[left], seed)
    return found


def _differ(new: FloatArray, old: FloatArray) -> BoolArray:
    same: BoolArray = ((new == old) | (np.isnan(new) & np.isnan(old))).all(axis=1)
    return ~same


def _nearest(region: Region, start: FloatArray, seed: int) -> FloatArray:
    """For what no move leads away from: one of the nearest of some random points, in units of ranges."""
    pool = sampled(region, max(4 * min(len(start), 500), 200), seed)
    spread = np.maximum(np.nanstd(np.where(np.isnan(pool).all(axis=0), 0.0, pool), axis=0), 1e-12)
    rng = np.random.default_rng(seed + 1)
    found = np.empty_like(start)
    for row in range(len(start)):
        far = np.nan_to_num(np.abs(pool - start[row]) / spread, nan=1.0).sum(axis=1)
        far[~_differ(pool, np.broadcast_to(start[row], pool.shape))] = np.inf
        found[row] = pool[np.argsort(far, kind="stable")[rng.integers(0, min(5, len(pool)))]]
    return found


def _moved(layout: Layout, start: FloatArray, reach: float, rng: np.random.Generator) -> FloatArray:
    """One move of each row, allowed or not."""
    values = start.copy()
    parts: list[Single | Blend] = [*layout.singles, *layout.blends]
    chosen = _which(layout, start, parts, rng)
    for k, part in enumerate(parts):
        rows: IntArray = np.flatnonzero(chosen[:, k])
        if isinstance(part, Single):
            z = reach * rng.standard_normal(len(rows))
            values[rows, part.column] = _single(part, values[rows, part.column], z, rng)
        else:
            values[rows, part.columns] = mixed(part, values[rows, part.columns], reach, rng)
    return completed(layout, values, rng)


def _single(part: Single, x: FloatArray, z: FloatArray, rng: np.random.Generator) -> FloatArray:
    """A number moved by about `z` of its range, and now and then to an end; a word changed."""
    new = part.scale.moved(x, z)
    if isinstance(part.scale, Range):
        ends = rng.random(len(x)) < 0.05
        nearest = np.where(z < 0, part.scale.low, part.scale.high)
        new = np.where(ends, nearest, new)
    return new


def _which(layout: Layout, start: FloatArray, parts: list[Single | Blend], rng: np.random.Generator) -> BoolArray:
    """Parameters that move, shape (n, n_parts): one, or a few; a mixture counts as often as it has components."""
    weight = np.ones((len(start), len(parts)))
    for k, part in enumerate(parts):
        if isinstance(part, Single):
            weight[:, k] = ~np.isnan(start[:, part.column])
        else:
            weight[:, k] = max((len(part.low) - 1) ** 0.5, 1.0)
    weight /= weight.sum(axis=1, keepdims=True)
    one = (rng.random((len(start), 1)) > np.cumsum(weight, axis=1)).sum(axis=1).clip(0, len(parts) - 1)
    alone = rng.random(len(start)) < _ALONE
    few = rng.random(weight.shape) < np.minimum(1.0, 2.0 * weight)
    few &= ~alone[:, None] & (weight > 0)
    few[np.arange(len(start)), one] = True
    return few


# ---- mixtures ----


def mixed(blend: Blend, amounts: FloatArray, reach: float, rng: np.random.Generator) -> FloatArray:
    """A move of each mixture: amount handed from one component to another (to the last of it, now and then, or to one
    that was absent), two components swapped, all amounts shaken, or all drawn anew."""
    kind = rng.choice(5, len(amounts), p=[0.4, 0.2, 0.15, 0.25 - _REDRAWN / 2, _REDRAWN / 2])
    new = amounts.copy()
    for code, move in enumerate((_handed, _replaced, _swapped, _shaken)):
        rows = np.flatnonzero(kind == code)
        new[rows] = move(blend, amounts[rows], reach, rng)
    rows = np.flatnonzero(kind == 4)
    new[rows] = draw_mixtures(blend, len(rows), rng)
    good = holds(blend, new)
    lost = np.flatnonzero(~good)
    new[lost] = _handed(blend, amounts[lost], reach, rng)
    return new


def _pair(amounts: FloatArray, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    """A component that is present, and any other one."""
    n, k = amounts.shape
    a = (rng.random((n, k)) * (amounts > SLACK)).argmax(axis=1)
    b = (a + rng.integers(1, k, n)) % k
    return a, b


def _handed(blend: Blend, amounts: FloatArray, reach: float, rng: np.random.Generator) -> FloatArray:
    """Some of one component becomes another; amounts below the least are none, or the least."""
    rows = np.arange(len(amounts))
    a, b = _pair(amounts, rng)
    new = amounts.copy()
    has, gets = new[rows, a], new[rows, b]
    least_a, least_b = blend.floor[a], blend.floor[b]
    give = np.abs(rng.standard_normal(len(rows))) * reach
    if blend.step > 0:
        give = np.maximum(np.rint(give / blend.step), 1.0) * blend.step
    give = np.maximum(give, np.where(gets > SLACK, 0.0, least_b))
    room = np.maximum(blend.high[b] - gets, 0.0)
    give = np.minimum(give, np.minimum(room, has - np.where(blend.forced[a], least_a, 0.0)))
    rest = has - give
    short = (rest > SLACK) & (rest < least_a)  # too little to be there at all: give less, or everything
    all_of_it = short & ~blend.forced[a] & (has <= room)
    give = np.where(all_of_it, has, np.where(short, np.maximum(has - least_a, 0.0), give))
    new[rows, a], new[rows, b] = has - give, gets + give
    return _rounded(blend, new)


def _replaced(blend: Blend, amounts: FloatArray, reach: float, rng: np.random.Generator) -> FloatArray:
    """A component goes, and the others (or one that was absent) take its amount."""
    n, k = amounts.shape
    rows = np.arange(n)
    there = amounts > SLACK
    a = (rng.random((n, k)) * (there & ~blend.forced)).argmax(axis=1)
    absent = rng.random((n, k)) * ~there
    b = absent.argmax(axis=1)
    new = amounts.copy()
    amount = new[rows, a]
    to_new = (absent.max(axis=1) > 0) & (rng.random(n) < 0.6)
    new[rows, a] = 0.0
    new[rows[to_new], b[to_new]] = amount[to_new]
    others = np.where(to_new[:, None], 0.0, new)
    total = others.sum(axis=1)
    share = np.divide(others, total[:, None], out=np.zeros_like(others), where=total[:, None] > 0)
    new += share * np.where(to_new, 0.0, amount)[:, None]
    return _rounded(blend, new)


def _swapped(blend: Blend, amounts: FloatArray, reach: float, rng: np.random.Generator) -> FloatArray:
    """Two components change places."""
    rows = np.arange(len(amounts))
    a, b = _pair(amounts, rng)
    new = amounts.copy()
    new[rows, a], new[rows, b] = amounts[rows, b], amounts[rows, a]
    return new


def _shaken(blend: Blend, amounts: FloatArray, reach: float, rng: np.random.Generator) -> FloatArray:
    """All present components by about `reach`, the sum kept."""
    there = amounts > SLACK
    z = reach * rng.standard_normal(amounts.shape) * there
    z -= there * (z.sum(axis=1) / np.maximum(there.sum(axis=1), 1))[:, None]
    low, high = np.where(there, blend.floor, 0.0), np.where(there, blend.high, 0.0)
    new = np.clip(amounts + z, low, high)
    room = np.where((1.0 - new.sum(axis=1) > 0)[:, None], high - new, new - low)
    total = room.sum(axis=1)
    share = np.divide(room, total[:, None], out=np.zeros_like(room), where=total[:, None] > 0)
    return _rounded(blend, new + share * (1.0 - new.sum(axis=1))[:, None])


def _rounded(blend: Blend, amounts: FloatArray) -> FloatArray:
    """To whole steps that sum to one, the largest remainders rounded up."""
    if blend.step == 0:
        return amounts
    units = amounts / blend.step
    whole = np.floor(units + 1e-6)
    missing = np.rint(1.0 / blend.step) - whole.sum(axis=1)
    order = np.argsort(-(units - whole), axis=1, kind="stable")
    rank = np.argsort(order, axis=1, kind="stable")
    whole += rank < missing[:, None]
    return np.asarray(np.round(whole * blend.step, 12))
