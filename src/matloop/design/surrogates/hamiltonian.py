"""Draws from a density with a gradient, by Hamiltonian Monte Carlo."""

from __future__ import annotations

from collections.abc import Callable
from math import exp

import numpy as np

from matloop.core.arrays import FloatArray

Energy = Callable[[FloatArray], tuple[float, FloatArray]]
"""Negative logarithm of a density, and its gradient"""
_ACCEPTED = 0.75


def sample(energy: Energy, start: FloatArray, *, warm: int, kept: int, apart: int, seed: int) -> list[FloatArray]:
    """`kept` draws, `apart` moves from each other, after `warm` moves that find the size of steps.

    Neal (2011), doi:10.48550/arXiv.1206.1901; steps by dual averaging, Hoffman & Gelman (2014), algorithm 5,
    doi:10.48550/arXiv.1111.4246. Directions should be of like width.
    """
    rng = np.random.default_rng(seed)
    at, (value, slope) = start, energy(start)
    step, mean_log, off, drawn = 0.1, 0.0, 0.0, []
    for move in range(1, warm + kept * apart + 1):
        pushed = rng.standard_normal(len(at))
        length = step * rng.uniform(0.7, 1.3)
        place, height, tilt, push = at, value, slope, pushed
        push = push - 0.5 * length * tilt
        steps = int(rng.integers(5, 12))
        for k in range(steps):
            place = place + length * push
            height, tilt = energy(place)
            push = push - (length if k < steps - 1 else 0.5 * length) * tilt
        gained = value + 0.5 * pushed @ pushed - height - 0.5 * push @ push
        chance = exp(min(0.0, float(gained))) if np.isfinite(gained) else 0.0
        if rng.random() < chance:
            at, value, slope = place, height, tilt
        if move <= warm:
            # Hoffman & Gelman: gamma = 0.05, t0 = 10, kappa = 0.75, mu = log(10 times the first step)
            off += (_ACCEPTED - chance - off) / (move + 10)
            log_step = -(move**0.5) / 0.05 * off
            share = move**-0.75
            mean_log = share * log_step + (1.0 - share) * mean_log
            step = exp(min(max(log_step if move < warm else mean_log, -7.0), 0.0))
        elif (move - warm) % apart == 0:
            drawn.append(at)
    return drawn
