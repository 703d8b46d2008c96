"""How many points a space has, and all of them where they are few."""

from __future__ import annotations

import math

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.design.space.conditions import Conditions
from matloop.design.space.layout import Blend, Layout, Single
from matloop.design.space.mixtures import count_stepped
from matloop.design.space.scales import Range

_MOST_BUILT = 500_000  # points that are built before the constraints are asked


def log10_count(layout: Layout) -> float:
    """log10 of the number of points before constraints."""
    if any(isinstance(one.scale, Range) for one in layout.singles) or any(b.step == 0 for b in layout.blends):
        return math.inf
    total = sum(math.log10(max(count_stepped(blend).total.sum(), 1e-300)) for blend in layout.blends)
    total += _singles(layout)
    return total


def _singles(layout: Layout) -> float:
    """log10 of the number of settings of the parameters of one column; a conditional one counts where it exists."""
    children: dict[int, list[Single]] = {}
    for one in layout.singles:
        if one.exists is not None:
            children.setdefault(one.exists.parent, []).append(one)

    def ways(one: Single) -> float:
        """log10 of the settings of a parameter and all that hang on it."""
        own = children.get(one.column, [])
        if not own:
            return math.log10(one.scale.count)
        groups: dict[tuple[bool, ...], int] = {}
        named = sorted({value for child in own if child.exists is not None for value in child.exists.values.tolist()})
        for value in named:
            active = tuple(bool(np.isin(value, child.exists.values)) for child in own if child.exists is not None)
            groups[active] = groups.get(active, 0) + 1
        if (others := one.scale.count - len(named)) > 0:
            groups[(False,) * len(own)] = int(others)
        logs = [
            math.log10(count) + sum(ways(child) for child, there in zip(own, active, strict=True) if there)
            for active, count in groups.items()
        ]
        top = max(logs)
        return top + math.log10(sum(10 ** (log - top) for log in logs))

    return sum(ways(one) for one in layout.singles if one.exists is None)


def every(layout: Layout, conditions: Conditions, limit: int) -> FloatArray | None:
    """All allowed points, shape (n, width), or None where they are more than `limit` (or too many to look through)."""
    most = max(limit, _MOST_BUILT) if conditions else limit
    values = np.full((1, layout.width), np.nan)
    for blend in layout.blends:
        if blend.step == 0 or len(values) * count_stepped(blend).total.sum() > most:
            return None
        own = all_mixtures(blend)
        values = np.repeat(values, len(own), axis=0)
        values[:, blend.columns] = np.tile(own, (len(values) // max(len(own), 1), 1))
    for one in layout.singles:
        if isinstance(one.scale, Range):
            return None
        there = np.ones(len(values), dtype=bool)
        if one.exists is not None:
            there = np.isin(values[:, one.exists.parent], one.exists.values)
        if len(values) + there.sum() * (one.scale.count - 1) > most:
            return None
        values = _crossed(values, one, there)
    if conditions:
        values = values[conditions.allowed(values)]
    return values if len(values) <= limit else None


def _crossed(values: FloatArray, one: Single, there: np.ndarray) -> FloatArray:
    levels = one.scale.all() if not isinstance(one.scale, Range) else np.zeros(0)
    times = np.where(there, len(levels), 1)
    wide = np.repeat(values, times, axis=0)
    place = np.arange(len(wide)) - np.repeat(np.cumsum(times) - times, times)
    wide[:, one.column] = np.where(np.repeat(there, times), levels[place], np.nan)
    return wide


def all_mixtures(blend: Blend) -> FloatArray:
    """All mixtures in steps, shape (n, k); built component by component, keeping what can be completed."""
    counts = count_stepped(blend)
    k, steps = len(blend.low), counts.ways.shape[2] - 1
    rows = [(j, steps) for j in range(len(counts.total)) if counts.total[j] > 0]
    present, left = np.array([j for j, _ in rows]), np.array([s for _, s in rows])
    amounts = np.zeros((len(rows), k))
    for i in range(k - 1, -1, -1):
        options = np.arange(int(counts.low[i]), int(counts.high[i]) + 1)
        options = options if blend.forced[i] else np.concatenate([[0], options])
        parent = np.repeat(np.arange(len(left)), len(options))
        taken = np.tile(options, len(left))
        p, s = present[parent] - (taken > 0), left[parent] - taken
        good = (p >= 0) & (s >= 0)
        good[good] = counts.ways[i, p[good], s[good]] > 0
        amounts = amounts[parent[good]]
        amounts[:, i] = taken[good]
        present, left = p[good], s[good]
    return np.asarray(np.round(amounts * blend.step, 12))
