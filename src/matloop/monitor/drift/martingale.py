"""A bet against "nothing changes" that may be looked at after every row, for ever.

If rows come in random order, the rank of each row among the reference and all rows before it is uniform, and ranks are
independent of each other: nothing is estimated, and a finite reference is no source of false alarms. Whoever bets
against uniform ranks starts with 1 and rarely becomes rich: the chance of ever holding 1 / alpha is at most alpha
(Ville's inequality), however often one looks. A sum of fair bets is fair, so bets on many things need no correction
beyond being shared out.

References
----------
Vovk, Gammerman & Shafer, Algorithmic Learning in a Random World (2nd ed., 2022), ch. 8. doi:10.1007/978-3-031-06649-8
Vovk et al., Retrain or not retrain: conformal test martingales for change-point detection, PMLR 152 (2021) 191.
    doi:10.48550/arXiv.2102.10439
Ramdas, Gruenwald, Vovk & Shafer, Stat. Sci. 38 (2023) 576. doi:10.1214/23-STS894
"""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray

BLOCK = 1024
SHIFTS = (-1.6, -0.8, -0.3, 0.3, 0.8, 1.6)
"""Bets that values moved by so many standard deviations (of normal scores)."""
SCALES = (0.5, 2.0)
"""Bets that values are spread less, or more."""
TAIL, IN_TAIL = 0.02, 0.15
"""Bets that so large a share of rows is among the smallest, or largest, 2 %."""
N_BETS = 1 + len(SHIFTS) + len(SCALES) + 2
PATIENCE = 10.0


def ranks(past: FloatArray, new: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Where each new value lies among `past` and the new values before it, in (0, 1); ties are broken at random.

    past : shape (n,). new : shape (m,), in the order of time. Independent and uniform if all values are exchangeable.
    """
    found = np.empty(len(new))
    pool, chance = np.sort(past), rng.random(len(new))
    for start in range(0, len(new), BLOCK):
        block = new[start : start + BLOCK]
        before = np.tri(len(block), k=-1, dtype=bool)
        less = np.searchsorted(pool, block, "left") + ((block[None, :] < block[:, None]) & before).sum(axis=1)
        upto = np.searchsorted(pool, block, "right") + ((block[None, :] <= block[:, None]) & before).sum(axis=1)
        total = len(pool) + np.arange(len(block)) + 1.0
        found[start : start + BLOCK] = (less + chance[start : start + BLOCK] * (upto - less + 1.0)) / total
        pool = np.sort(np.concatenate([pool, block]), kind="stable")
    return np.clip(found, 1e-12, 1.0 - 1e-12)


def payoffs(u: FloatArray) -> FloatArray:
    """What each bet pays for ranks u, shape (*u.shape, N_BETS); each has mean 1 if u is uniform."""
    from scipy.special import ndtri

    z = ndtri(u)
    paid = [np.ones_like(z)]
    paid += [np.exp(d * z - 0.5 * d * d) for d in SHIFTS]
    paid += [np.exp(0.5 * z * z * (1.0 - 1.0 / (s * s))) / s for s in SCALES]
    paid += [1.0 - IN_TAIL + IN_TAIL * (side < TAIL) / TAIL for side in (u, 1.0 - u)]
    return np.stack(paid, axis=-1)


def wealth(u: FloatArray) -> FloatArray:
    """Natural logarithm of what a bettor on each stream holds after each row, shape (n, n_streams), from 0 on.

    u : shape (n, n_streams), ranks. Everything is on "nothing changes" and the other bets in equal parts; before row t,
    one part in t + 10 of every bet is shared out again, so that a change is noticed whenever it comes and waiting costs
    little.
    """
    held, total = np.full((u.shape[1], N_BETS), 1.0 / N_BETS), np.zeros(u.shape[1])
    found = np.empty(u.shape)
    for start in range(0, len(u), BLOCK):
        for t, factors in enumerate(payoffs(u[start : start + BLOCK]), start):
            jump = 1.0 / (t + PATIENCE)
            held = ((1.0 - jump) * held + jump / N_BETS) * factors
            grown = held.sum(axis=1)
            total = total + np.log(grown)
            held /= grown[:, None]
            found[t] = total
    return found
