"""Joint samples of a belief: exact for some thousand points, by anchors for more."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from matloop.core.arrays import FloatArray, IntArray

Joint = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
EXACT = 1500
"""points whose covariance is factorised at once"""


def root(covariance: FloatArray) -> FloatArray:
    """A lower triangular L with L L^T = covariance, which may have lost rank."""
    from scipy.linalg.lapack import dpotrf

    size = float(np.diag(covariance).max(initial=0.0))
    if size <= 0.0:
        return np.zeros_like(covariance)
    for jitter in (0.0, 1e-12, 1e-10, 1e-8, 1e-6, 1e-4):
        factor, failed = dpotrf(covariance + jitter * size * np.eye(len(covariance)), lower=1, clean=1)
        if not failed:
            return np.asarray(factor)
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def draw_joint(joint: Joint, X: FloatArray, n: int, seed: int) -> FloatArray:
    """Samples of the normal distribution `joint(X)`, shape (n, len(X)).

    Above `EXACT` points, some of them, spread evenly over the list, are drawn exactly, and the rest in blocks given
    these: blocks are independent of each other but for what the data and the anchors tie together.
    """
    rng = np.random.default_rng(seed)
    if len(X) <= EXACT:
        mean, covariance = joint(X)
        return np.asarray(mean + rng.standard_normal((n, len(X))) @ root(covariance).T)
    drawn = np.empty((n, len(X)))
    anchors = np.unique(np.linspace(0, len(X) - 1, EXACT // 3).astype(np.int64))
    mean, covariance = joint(X[anchors])
    factor = root(covariance)
    noise = rng.standard_normal((n, len(anchors)))
    drawn[:, anchors] = mean + noise @ factor.T
    rest = np.setdiff1d(np.arange(len(X)), anchors)
    for block in np.array_split(rest, -(-len(rest) // (EXACT - len(anchors)))):
        drawn[:, block] = _given(joint, X, anchors, block, drawn[:, anchors], rng)
    return drawn


def _given(
    joint: Joint, X: FloatArray, anchors: IntArray, block: IntArray, known: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """Samples at `block`, each given its own values at the anchors."""
    from scipy.linalg import cho_solve

    k = len(anchors)
    mean, covariance = joint(X[np.concatenate([anchors, block])])
    own = covariance[:k, :k] + 1e-8 * float(np.diag(covariance).max()) * np.eye(k)
    gain = cho_solve((np.linalg.cholesky(own), True), covariance[:k, k:])
    left = covariance[k:, k:] - covariance[k:, :k] @ gain
    centre = mean[k:] + (known - mean[:k]) @ gain
    return np.asarray(centre + rng.standard_normal((len(known), len(block))) @ root(0.5 * (left + left.T)).T)
