"""Inputs that only multiply the target: found in the logarithms, where they are straight lines that cross nothing.

References
----------
Udrescu & Tegmark, Sci. Adv. 6 (2020) eaay2631 (separability in AI Feynman). doi:10.1126/sciadv.aay2631
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from matloop.core.arrays import FloatArray

POWERS = (6, -6, 12, -12, 3, -3, 18, -18)
LEAST_ROWS = 60
_SURE = 0.25
_ODD = 3.5
"""A curvature or an interaction with more standard deviations than this is believed."""


def separable(X: FloatArray, y: FloatArray, places: Sequence[int]) -> dict[int, int]:
    """Inputs (of `places`) that multiply the rest, with their powers in sixths.

    A quadratic in the logarithms is fitted to log|y|, rows weighted by y^2; an input is taken where its slope is near a
    simple power and neither its curvature nor a product with another input stands out.
    """
    kept = [p for p in places if X[:, p].min() > 0]
    size = np.abs(y)
    rows = size > 0.05 * np.quantile(size, 0.9)
    n, k = int(rows.sum()), len(kept)
    if k < 2 or n < max(LEAST_ROWS, 3 * (1 + k + k * (k + 1) // 2)):
        return {}
    L = np.log(X[np.ix_(rows, kept)])
    L = (L - L.mean(axis=0)) / np.maximum(L.std(axis=0), 1e-12)
    scale = np.log(X[np.ix_(rows, kept)]).std(axis=0)
    pairs = [(i, j) for i in range(k) for j in range(i, k)]
    design = np.column_stack([np.ones(n), L, *(L[:, i] * L[:, j] - float(i == j) for i, j in pairs)])
    root = np.minimum(size[rows], np.quantile(size[rows], 0.9))
    value, error = _fitted(design * root[:, None], np.log(size[rows]) * root)
    found = {}
    for i in range(k):
        slope, doubt = value[1 + i] / scale[i], error[1 + i] / scale[i]
        crossed = [1 + k + at for at, pair in enumerate(pairs) if i in pair]
        if any(abs(value[c]) > _ODD * error[c] for c in crossed):
            continue
        near = min(POWERS, key=lambda p: abs(slope - p / 6))
        if doubt < _SURE and abs(slope - near / 6) < max(3 * doubt, 0.05):
            found[kept[i]] = near
    return found


def _fitted(A: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Coefficients and their robust standard errors."""
    Q, R = np.linalg.qr(A)
    if np.abs(np.diag(R)).min() < 1e-10 * np.abs(np.diag(R)).max():
        return np.zeros(A.shape[1]), np.full(A.shape[1], np.inf)
    value = np.linalg.solve(R, Q.T @ b)
    left = b - A @ value
    inner = np.linalg.solve(R, Q.T * left)
    return value, np.sqrt((inner**2).sum(axis=1) * len(b) / max(len(b) - A.shape[1], 1))
