"""Allowed points drawn at random, or spread evenly: by drawing and keeping what the constraints allow."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.design.contract import How
from matloop.design.space.conditions import Conditions
from matloop.design.space.draws import design_width, designed, drawn
from matloop.design.space.layout import Layout

_MOST_DRAWS = 2_000_000
_BLOCK = 20_000


def sampled(layout: Layout, conditions: Conditions, n: int, seed: int, how: How = "uniform") -> FloatArray:
    """`n` allowed points, shape (n, width)."""
    rng = np.random.default_rng(seed)
    found = [_spread(layout, conditions, n, rng, how)] if how != "uniform" else []
    have, tried = sum(map(len, found)), 0
    while have < n and tried < _MOST_DRAWS:
        size = int(np.clip(1.3 * (n - have) * max(tried, 1) / max(have, 1), n - have + 8, _BLOCK))
        new = drawn(layout, size, rng)
        new = new[conditions.allowed(new)] if conditions else new
        found.append(new[: n - have])
        have, tried = have + len(found[-1]), tried + size
    return np.concatenate(found) if found else np.zeros((0, layout.width))


def _spread(layout: Layout, conditions: Conditions, n: int, rng: np.random.Generator, how: How) -> FloatArray:
    from scipy.stats import qmc

    width = design_width(layout)
    if how == "latin":
        u = qmc.LatinHypercube(width, rng=rng).random(n)
    else:
        u = qmc.Sobol(width, rng=rng).random(2 ** int(np.ceil(np.log2(max(n, 2)))))
    new = designed(layout, u, rng)
    return new[conditions.allowed(new)][:n] if conditions else new[:n]
