"""Points around others: moves of one parameter or several, of amounts between components, always allowed ones."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.design.space.conditions import Conditions
from matloop.design.space.draws import completed, redrawn
from matloop.design.space.layout import Layout, Single
from matloop.design.space.limits import allowed
from matloop.design.space.sampling import sampled

_ROUNDS = 12


def around(layout: Layout, conditions: Conditions, points: FloatArray, n: int, seed: int, reach: float) -> FloatArray:
    """`n` allowed points around each of the points, in their order; shape (len(points) * n, width)."""
    rng = np.random.default_rng(seed)
    start = np.repeat(points, n, axis=0)
    found, left = start.copy(), np.arange(len(start))
    for turn in range(_ROUNDS):
        if not len(left):
            break
        new = _moved(layout, start[left], reach * 0.75**turn, rng)
        good = allowed(layout, conditions, new)
        found[left[good]] = new[good]
        left = left[~good]
    if len(left):
        found[left] = sampled(layout, conditions, len(left), seed)
    return found


def _moved(layout: Layout, start: FloatArray, reach: float, rng: np.random.Generator) -> FloatArray:
    values = start.copy()
    parts = [*layout.singles, *layout.blends]
    which = rng.integers(0, len(parts), len(values))
    several = rng.random((len(values), len(parts))) < 1.5 / len(parts)
    chosen = np.where((rng.random(len(values)) < 0.5)[:, None], np.eye(len(parts), dtype=bool)[which], several)
    for k, part in enumerate(parts):
        rows: IntArray = np.flatnonzero(chosen[:, k])
        if isinstance(part, Single):
            rows = rows[~np.isnan(values[rows, part.column])]
            values[rows, part.column] = part.scale.moved(
                values[rows, part.column], reach * rng.standard_normal(len(rows))
            )
        else:
            redrawn(layout, values, part, rows, rng)
    return completed(layout, values, rng)
