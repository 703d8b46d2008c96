"""All features together: maximum mean discrepancy, and whether a classifier can tell now from then.

Both statistics are quadratic in the labels "then" and "now" once the rows are fixed, so one table of kernel values
serves all permutations: their p-values are exact, however the features hang together.
"""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.monitor.contract import Seen
from matloop.monitor.drift.units import Units
from matloop.monitor.drift.values import Whole

MOST = 500
"""Rows of each side, drawn at random."""
LEAST = 10
PERMUTATIONS = 400
FOLDS = 5
AXES = 30
RIDGE = 1.0
CLIP = 4.0
MOST_WORDS = 20


def compare_whole(reference: Seen, now: Seen, of_reference: Units, of_now: Units, *, seed: int) -> Whole | None:
    """Whether the features as a whole have changed, over distinct materials; None where there are too few rows.

    Notes
    -----
    Numbers are standardised on both sides together and clipped at four standard deviations, words get a column each;
    the axes that hold 95 % of the spread (at most 30) go into a Gaussian kernel whose width is the median distance. The
    classifier is kernel ridge regression on the labels, cross-validated in five folds.

    References
    ----------
    Gretton et al., J. Mach. Learn. Res. 13 (2012) 723. https://jmlr.org/papers/v13/gretton12a.html
    Lopez-Paz & Oquab, ICLR (2017). doi:10.48550/arXiv.1610.06545
    Kim, Ramdas, Singh & Wasserman, Ann. Stat. 49 (2021) 411. doi:10.1214/20-AOS1962
    Szekely & Rizzo, J. Stat. Plan. Inference 143 (2013) 1249. doi:10.1016/j.jspi.2013.03.018
    """
    rng = np.random.default_rng(seed)
    first, second = (_drawn(seen, kept, rng) for seen, kept in ((reference, of_reference), (now, of_now)))
    n, m = len(first), len(second)
    if min(n, m) < LEAST:
        return None
    Z = places(reference, first, now, second)
    if Z.shape[1] == 0:
        return None
    return compare_points(Z, n, rng)


def compare_points(Z: FloatArray, n: int, rng: np.random.Generator) -> Whole:
    """The tests for points Z (n + m, d), the first n of them the reference."""
    m = len(Z) - n
    squares = (Z**2).sum(axis=1)
    D = np.sqrt(np.maximum(squares[:, None] + squares - 2.0 * (Z @ Z.T), 0.0))
    width = float(np.median(D[np.triu_indices(len(Z), 1)])) or 1.0
    K = np.exp(-0.5 * (D / width) ** 2)
    H = _held_out(K, rng)
    is_now = np.zeros((len(Z), PERMUTATIONS + 1), dtype=bool)
    is_now[n:, 0] = True
    for column in range(1, PERMUTATIONS + 1):
        is_now[rng.permutation(len(Z))[:m], column] = True
    mean_difference = is_now / m - ~is_now / n
    centred = is_now - m / len(Z)
    mmd = (mean_difference * (K @ mean_difference)).sum(axis=0)
    energy = -(mean_difference * (D @ mean_difference)).sum(axis=0)
    scores = H @ centred
    told = (centred * scores).sum(axis=0)
    return Whole(
        n, m, Z.shape[1], unbiased(K, n), _p(mmd), auc(scores[:n, 0], scores[n:, 0]), _p(told), float(energy[0]),
        _p(energy),
    )  # fmt: skip


def auc(low: FloatArray, high: FloatArray) -> float:
    """Chance that a value of `high` is above one of `low`, ties half (area under the ROC curve)."""
    from scipy.stats import rankdata

    ranks = rankdata(np.concatenate([low, high]))
    n, m = len(low), len(high)
    return float((ranks[n:].sum() - m * (m + 1) / 2.0) / (n * m))


def places(reference: Seen, first: IntArray, now: Seen, second: IntArray) -> FloatArray:
    """Points of both sides on the axes that hold most of their spread, shape (n + m, axes); then before now."""
    words = [
        name for name in reference.inputs
        if name not in reference.matter and name in now.inputs and reference.inputs[name].dtype.kind == "U"
    ]  # fmt: skip
    plain = [k for k, name in enumerate(reference.names) if name not in words]
    X = np.vstack([reference.X[first][:, plain], now.X[second][:, plain]])
    blocks = [standardised(X)]
    for name in words:
        values = np.concatenate([reference.inputs[name][first], now.inputs[name][second]])
        found, counts = np.unique(values, return_counts=True)
        common = found[np.argsort(-counts, kind="stable")[:MOST_WORDS]]
        marks = (values[:, None] == common) / np.sqrt(2.0)
        blocks.append(marks - marks.mean(axis=0))
    return _axes(np.hstack(blocks))


def standardised(X: FloatArray) -> FloatArray:
    """Columns that vary, of mean 0 and variance 1, missing ones at their median, clipped."""
    known = np.isfinite(X).any(axis=0)
    X = X[:, known]
    holes = ~np.isfinite(X)
    if holes.any():
        X = np.where(holes, np.nanmedian(np.where(holes, np.nan, X), axis=0), X)
    mean, scale = X.mean(axis=0), X.std(axis=0)
    varies = scale > 1e-9 * np.maximum(np.abs(mean), 1e-30)
    return np.clip((X[:, varies] - mean[varies]) / scale[varies], -CLIP, CLIP)


def _axes(Z: FloatArray) -> FloatArray:
    if Z.shape[1] == 0:
        return Z
    centred = Z - Z.mean(axis=0)
    variances, axes = np.linalg.eigh(centred.T @ centred)
    variances, axes = np.maximum(variances[::-1], 0.0), axes[:, ::-1]
    held = np.cumsum(variances) / max(variances.sum(), 1e-300)
    return np.asarray(centred @ axes[:, : min(int(np.searchsorted(held, 0.95)) + 1, AXES)])


def _drawn(seen: Seen, kept: Units, rng: np.random.Generator) -> IntArray:
    """Rows of distinct materials, at most `MOST`."""
    return np.sort(kept.matter[rng.permutation(len(kept.matter))[:MOST]])


def _held_out(K: FloatArray, rng: np.random.Generator) -> FloatArray:
    """The linear map from labels to scores of kernel ridge regression that never saw the row's own fold."""
    n = len(K)
    fold = rng.permutation(n) % FOLDS
    H = np.zeros((n, n))
    for k in range(FOLDS):
        out, rest = np.flatnonzero(fold == k), np.flatnonzero(fold != k)
        inner = K[np.ix_(rest, rest)] + RIDGE * np.eye(len(rest))
        weights = np.linalg.solve(inner, K[np.ix_(rest, out)]).T
        H[np.ix_(out, rest)] = weights - weights.mean(axis=1, keepdims=True)
    return H


def unbiased(K: FloatArray, n: int) -> float:
    """Squared maximum mean discrepancy of kernel values, no row compared with itself; it may be below 0."""
    within = [(part.sum() - np.trace(part)) / (len(part) * (len(part) - 1)) for part in (K[:n, :n], K[n:, n:])]
    return float(sum(within) - 2.0 * K[:n, n:].mean())


def _p(statistics: FloatArray) -> float:
    """Share of permutations at least as extreme as the first entry, itself counted."""
    tolerance = 1e-12 * max(abs(float(statistics[0])), 1e-300)
    return float(np.count_nonzero(statistics >= statistics[0] - tolerance) / len(statistics))
