"""Scores of an order: rank correlation, discounted gain of the short list, recall in the short list.

The best row is the one with the largest value. Equal values share their places: every number is its mean over all ways
of breaking the ties.
"""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.metrics.curves import tie_starts
from matloop.metrics.metric import Metric, Scored
from matloop.problem.question import Task

TASKS: frozenset[Task] = frozenset({"regression", "ranking"})
SHORT_LIST: frozenset[Task] = frozenset({"ranking"})


def _places(values: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """First and last place (0-based, half-open) of the run of equal values each row is in, best first; (B, n)."""
    order = np.argsort(-values, kind="stable")
    starts = tie_starts(values[order])
    block = np.empty(len(values), dtype=np.int64)
    block[order] = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(values))))
    sizes = np.add.reduceat(weights[:, order], starts, axis=1)
    ends = np.cumsum(sizes, axis=1)
    return (ends - sizes)[:, block], ends[:, block]


def _spearman(scored: Scored, weights: FloatArray) -> FloatArray:
    ranks = [sum(_places(values, weights)) / 2.0 for values in (scored.y, scored.value)]
    n = weights.sum(1, keepdims=True)
    a, b = (rank - n / 2.0 for rank in ranks)
    both, first, second = ((weights * p * q).sum(1) for p, q in ((a, b), (a, a), (b, b)))
    spread = np.sqrt(first * second)
    return np.divide(both, spread, out=np.full(len(weights), np.nan), where=spread > 0)


def _gain(values: FloatArray, gains: FloatArray, weights: FloatArray, k: int) -> FloatArray:
    """Discounted gain of the first k places, shape (B,); a run of equal values shares the mean of its discounts."""
    discounts = np.concatenate([[0.0], np.cumsum(1.0 / np.log2(np.arange(k) + 2.0))])
    first, last = _places(values, weights)
    earned = discounts[np.minimum(last, k).astype(np.int64)] - discounts[np.minimum(first, k).astype(np.int64)]
    size = last - first
    return (weights * gains * np.divide(earned, size, out=np.zeros_like(size), where=size > 0)).sum(1)


def _ndcg(scored: Scored, weights: FloatArray) -> FloatArray:
    """Jarvelin & Kekalainen 2002, doi:10.1145/582415.582418; the gain is the height above the smallest truth."""
    gains = scored.y - scored.y.min()
    best = _gain(scored.y, gains, weights, scored.top_k)
    found = _gain(scored.value, gains, weights, scored.top_k)
    return np.divide(found, best, out=np.full(len(weights), np.nan), where=best > 0)


def _chance(values: FloatArray, weights: FloatArray, k: int) -> FloatArray:
    """Chance of each row to be among the first k, shape (B, n)."""
    first, last = _places(values, weights)
    size = last - first
    return np.divide(np.clip(k - first, 0.0, size), size, out=np.zeros_like(size), where=size > 0)


def _recall(scored: Scored, weights: FloatArray) -> FloatArray:
    k = scored.top_k
    both = (weights * _chance(scored.y, weights, k) * _chance(scored.value, weights, k)).sum(1)
    return np.asarray(both / np.minimum(weights.sum(1), k))


SPEARMAN = Metric("spearman", "Rank correlation (Spearman)", TASKS, True, of_weights=_spearman)
NDCG = Metric("ndcg", "Discounted gain of the short list (NDCG)", SHORT_LIST, True, of_weights=_ndcg)
RECALL_AT_K = Metric("recall_at_k", "Share of the best found in the short list", SHORT_LIST, True, of_weights=_recall)
