"""Tests by permutation: what remains of a difference between levels when the levels are dealt out anew.

Their false-alarm rate is exact wherever levels could have been dealt out so: Phipson & Smyth, Stat. Appl. Genet. Mol.
Biol. 9 (2010) 39, doi:10.2202/1544-6115.1585 (why the observed one is counted too).
"""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray, IntArray

DRAWS = 999


def between(values: FloatArray, codes: IntArray, n_levels: int) -> float:
    """Sum of squares between levels. values : shape (n,) or (n, k), summed over columns."""
    counts = np.maximum(np.bincount(codes, minlength=n_levels), 1)
    if values.ndim == 1:
        return float((np.bincount(codes, weights=values, minlength=n_levels) ** 2 / counts).sum())
    sums = np.zeros((n_levels, values.shape[1]))
    np.add.at(sums, codes, values)
    return float((sums**2 / counts[:, None]).sum())


def level_test(
    values: FloatArray, codes: IntArray, n_levels: int, *, within: IntArray | None = None, seed: int = 0,
    draws: int = DRAWS,
) -> float:  # fmt: skip
    """P-value of "levels do not matter": labels are dealt out anew, inside each set of equal `within` where given.

    Parameters
    ----------
    values : shape (n,) or (n, k), centred (within sets where they are given). codes : shape (n,), 0 to n_levels - 1.
    """
    rng = np.random.default_rng(seed)
    found = between(values, codes, n_levels)
    order = None if within is None else np.argsort(within, kind="stable")
    reached = 1
    for _ in range(draws):
        if order is None or within is None:
            drawn = rng.permutation(codes)
        else:
            shuffled = np.lexsort((rng.random(len(codes)), within))
            drawn = np.empty_like(codes)
            drawn[order] = codes[shuffled]
        reached += between(values, drawn, n_levels) >= found * (1.0 - 1e-12)
    return reached / (draws + 1)


def slope_test(values: FloatArray, x: FloatArray, *, seed: int = 0, draws: int = DRAWS) -> float:
    """P-value of "no trend with x"; both shape (n,), centred."""
    rng = np.random.default_rng(seed)
    found = abs(float(values @ x))
    drawn = np.array([abs(float(values @ rng.permutation(x))) for _ in range(draws)])
    return float(1 + (drawn >= found * (1.0 - 1e-12)).sum()) / (draws + 1)


def adjusted_share(values: FloatArray, codes: IntArray, n_levels: int) -> float:
    """Share of the variance that levels explain, corrected for their number (omega squared), 0 to 1.

    values : shape (n,) or (n, k). Hays (1963); NaN with no degree of freedom left.
    """
    centred = values - values.mean(axis=0)
    total, n = float((centred**2).sum()), len(values)
    if total <= 0 or n <= n_levels:
        return float("nan")
    inside = between(centred, codes, n_levels)
    noise = (total - inside) / (n - n_levels)
    return float(np.clip((inside - (n_levels - 1) * noise) / (total + noise), 0.0, 1.0))


def holm(p_values: list[float]) -> list[float]:
    """P-values corrected for their number. Holm, Scand. J. Stat. 6 (1979) 65; NaN stays and does not count."""
    p = np.asarray(p_values, dtype=float)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    corrected = np.full(len(p), np.nan)
    reached = 0.0
    for rank, at in enumerate(order.tolist()):
        reached = max(reached, min(1.0, float(p[at]) * (len(order) - rank)))
        corrected[at] = reached
    return corrected.tolist()
