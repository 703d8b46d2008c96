"""The best one, two or three of many terms: every pair and triple is tried, from one matrix of inner products.

References
----------
Ouyang et al., Phys. Rev. Mater. 2 (2018) 083802 (L0 by exhaustive search). doi:10.1103/PhysRevMaterials.2.083802
"""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray, IntArray

_DEGENERATE = 1e-5
"""Terms that are the same but for this share of their square are not put into one law."""


def standard(
    values: FloatArray, target: FloatArray, weights: FloatArray, *, centred: bool
) -> tuple[FloatArray, FloatArray]:
    """Inner products of the terms, each of length one, and with the target (length one), under the row weights."""
    root = np.sqrt(weights / weights.sum())
    V, t = values * root, target * root
    if centred:
        V = V - np.outer(V @ root, root)
        t = t - (t @ root) * root
    size = np.sqrt((V**2).sum(axis=1))
    V = V / np.where(size > 0, size, 1.0)[:, None]
    length = float(np.sqrt(t @ t))
    single = V.astype(np.float32)  # half the time; what is kept is fitted again in double precision
    return (single @ single.T).astype(np.float64), V @ t / (length or 1.0)


def best_pairs(gram: FloatArray, slope: FloatArray, most: int) -> tuple[IntArray, FloatArray]:
    """The pairs that explain most: shape (n, 2), and the share of the target's square that each explains.

    All n (n - 1) / 2 pairs are tried.
    """
    n = len(slope)
    found, score = np.zeros((0, 2), dtype=np.int64), np.zeros(0)
    step = max(1, 4_000_000 // max(n, 1))
    for start in range(0, n, step):
        rows = np.arange(start, min(start + step, n))
        r = gram[rows]
        b, d = slope[rows][:, None], slope[None, :]
        spare = 1.0 - r * r
        with np.errstate(divide="ignore", invalid="ignore"):
            share = (b * b + d * d - 2.0 * r * b * d) / spare
        share[(spare < _DEGENERATE) | (np.arange(n)[None, :] <= rows[:, None])] = -1.0
        flat = share.ravel()
        top = np.argpartition(-flat, min(most, len(flat) - 1))[:most]
        found = np.vstack([found, np.column_stack([rows[top // n], top % n])])
        score = np.concatenate([score, flat[top]])
    order = np.argsort(-score, kind="stable")[:most]
    order = order[score[order] >= 0]
    return found[order], score[order]


def best_triples(gram: FloatArray, slope: FloatArray, most: int) -> tuple[IntArray, FloatArray]:
    """As `best_pairs`, for all triples: with the first term taken out of all others, a triple is a pair."""
    n = len(slope)
    found, score = np.zeros((0, 3), dtype=np.int64), np.zeros(0)
    for first in range(n - 2):
        later = np.arange(first + 1, n)
        r = gram[first, later]
        spare = 1.0 - r * r
        fit = spare > _DEGENERATE
        later, r, spare = later[fit], r[fit], np.sqrt(spare[fit])
        if len(later) < 2:
            continue
        inner = (gram[np.ix_(later, later)] - np.outer(r, r)) / np.outer(spare, spare)
        rest = (slope[later] - r * slope[first]) / spare
        pairs, share = best_pairs(inner, rest, min(most, 20))
        found = np.vstack([found, np.column_stack([np.full(len(pairs), first), later[pairs]])])
        score = np.concatenate([score, share + slope[first] ** 2])
    order = np.argsort(-score, kind="stable")[:most]
    return found[order], score[order]


def extended(gram: FloatArray, slope: FloatArray, pairs: IntArray, most: int) -> tuple[IntArray, FloatArray]:
    """The best third term for each of the given pairs, out of all terms."""
    n = len(slope)
    found, score = [], []
    for i, j in pairs.tolist():
        r = gram[i, j]
        root = np.sqrt(max(1.0 - r * r, 1e-12))
        second = (gram[j] - r * gram[i]) / root
        spare = 1.0 - gram[i] ** 2 - second**2
        rest = slope - gram[i] * slope[i] - second * (slope[j] - r * slope[i]) / root
        gain = np.where(spare > _DEGENERATE, rest**2 / np.where(spare > 0, spare, 1.0), -1.0)
        base = slope[i] ** 2 + ((slope[j] - r * slope[i]) / root) ** 2
        for k in np.argsort(-gain, kind="stable")[: min(5, n)].tolist():
            found.append(sorted((i, j, k)))
            score.append(base + gain[k])
    if not found:
        return np.zeros((0, 3), dtype=np.int64), np.zeros(0)
    unique, first = np.unique(np.array(found), axis=0, return_index=True)
    shares = np.array(score)[first]
    order = np.argsort(-shares, kind="stable")[:most]
    return unique[order], shares[order]


def least_squares(values: FloatArray, target: FloatArray, weights: FloatArray, *, intercept: bool) -> FloatArray:
    """Coefficients of the rows of `values` (n_terms, n_rows), the intercept first where there is one."""
    root = np.sqrt(weights)
    design = (np.vstack([np.ones(values.shape[1]), values]) if intercept else values) * root
    size = np.sqrt((design**2).sum(axis=1))
    size[size == 0] = 1.0
    return np.asarray(np.linalg.lstsq((design / size[:, None]).T, target * root, rcond=None)[0] / size)
