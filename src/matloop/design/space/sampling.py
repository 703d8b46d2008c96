"""Allowed points drawn at random, or spread evenly.

Points are drawn parameter by parameter and kept where the constraints allow them, which is uniform and independent.
Where that keeps too few, the rest are ends of random walks (`walk`) that began at kept points, or at points that a
mixed-integer programme found.
"""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.design.contract import How
from matloop.design.space.draws import design_width, designed, drawn
from matloop.design.space.layout import Layout
from matloop.design.space.region import Region

_BLOCK = 50_000
_PATIENCE = 20  # draws per point that is wanted, before the walk takes over
_HOPELESS = 20_000  # draws, after which it is seen whether they will do
_FEW = 5
_CHAINS = 1000  # walks side by side
_ENOUGH = 50  # kept draws that walks may begin from and be in the right distribution already


def sampled(region: Region, n: int, seed: int, how: How = "uniform") -> FloatArray:
    """`n` allowed points, shape (n, width)."""
    rng = np.random.default_rng(seed)
    if how != "uniform":
        even = _spread(region, n, rng, how)
        return even if len(even) == n else np.concatenate([even, _drawn(region, n - len(even), rng)])
    return _drawn(region, n, rng)


def _drawn(region: Region, n: int, rng: np.random.Generator) -> FloatArray:
    found: list[FloatArray] = []
    have, tried, most = 0, 0, _PATIENCE * n + 20_000
    while have < n and tried < most:
        if tried >= _HOPELESS and (have < _FEW or (have >= _ENOUGH and have * most < n * tried)):
            break  # what can be hoped for is too little
        wanted = 1.2 * (n - have) * max(tried, 1) / max(have, 1) if tried else n - have
        size = int(np.clip(wanted, min(n - have + 16, _BLOCK), _BLOCK))
        new = drawn(region.layout, size, rng)
        new = new[region.conditions.allowed(new)] if region.conditions else new
        found.append(new[: n - have])
        have, tried = have + len(found[-1]), tried + size
    if have < n:
        kept = np.concatenate(found)
        found.append(_walked(region, kept, n - have, rng))
        return np.concatenate(found)[rng.permutation(n)]
    return np.concatenate(found) if found else np.zeros((0, region.layout.width))


def _walked(region: Region, kept: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
    """Points that some walks pass, each walk looked at now and then."""
    settled = len(kept) >= _ENOUGH
    begin = kept if settled else np.concatenate([kept, region.anchors])
    free, chains = region.walk.n_moving, min(n, _CHAINS)
    values = begin[rng.integers(0, len(begin), chains)]
    values = region.walk.walked(values, 10 if settled else min(40 + 4 * free, 300), rng)
    found = [values]
    while len(found) * chains < n:
        values = region.walk.walked(values, 10 + free // 3, rng)
        found.append(values)
    return np.concatenate(found)[rng.permutation(len(found) * chains)[:n]]


def _spread(region: Region, n: int, rng: np.random.Generator, how: How) -> FloatArray:
    """Of even designs in the unit cube what the constraints allow; up to eight times as many points are tried."""
    from scipy.stats import qmc

    layout: Layout = region.layout
    width = design_width(layout)
    engine = qmc.Sobol(width, seed=rng) if how == "sobol" else qmc.LatinHypercube(width, seed=rng)
    size = 2 ** int(np.ceil(np.log2(max(n, 2)))) if how == "sobol" else n
    found = np.zeros((0, layout.width))
    for _ in range(8 if region.conditions else 1):
        new = designed(layout, engine.random(size), rng)
        new = new[region.conditions.allowed(new)] if region.conditions else new
        found = np.concatenate([found, new])[:n]
        if len(found) == n:
            break
    return found
