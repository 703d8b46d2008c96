"""Bootstrap by group, many quantities at once: what slices, coverage and paired comparisons share."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import FloatArray, IntArray
from matloop.metrics.estimate import Estimate
from matloop.metrics.metric import Metric, Scored

N_BOOT = 1000
DRAWS = 4_000_000
"""Groups drawn in all resamples together, before their number is cut."""
MIN_GROUPS = 5
"""With fewer independent groups no interval is given."""


def group_weights(n_groups: int, seed: int, n_boot: int | None = None) -> NDArray[np.float32]:
    """How often each group is drawn in each resample, shape (n_boot, n_groups).

    Without `n_boot` there are 1,000 resamples for few groups and at least 250 for many, where they differ little.
    """
    n_boot = n_boot or int(np.clip(DRAWS // max(n_groups, 1), 250, N_BOOT))
    rng = np.random.default_rng(seed)
    weights = np.empty((n_boot, n_groups), dtype=np.float32)
    for row in weights:
        row[:] = np.bincount(rng.integers(0, n_groups, n_groups, dtype=np.int32), minlength=n_groups)
    return weights


def means(values: FloatArray, member: FloatArray, groups: NDArray, seed: int) -> list[Estimate]:
    """Mean of `values` (n_rows,) over each of several sets of rows, with 95 % intervals.

    Parameters
    ----------
    member : shape (n_rows, n_sets), 1 where the row belongs to the set.
    groups : shape (n_rows,), group index; rows of a group are drawn together.
    """
    _, group = np.unique(groups, return_inverse=True)
    n_groups = int(group.max()) + 1 if len(group) else 0
    if not n_groups or not member.shape[1]:
        return [Estimate(math.nan, math.nan, math.nan)] * member.shape[1]
    total = _summed(member * values[:, None], group, n_groups)
    count = _summed(member, group, n_groups)
    weights = group_weights(n_groups, seed)
    drawn, filled = weights @ total.astype(np.float32), weights @ count.astype(np.float32)
    with np.errstate(invalid="ignore", divide="ignore"):
        resampled = (drawn / filled).astype(np.float64)
        value = total.sum(axis=0) / count.sum(axis=0)
    independent = (count > 0).sum(axis=0)
    return [
        Estimate(float(value[i]), *_ends(resampled[:, i]))
        if independent[i] >= MIN_GROUPS
        else Estimate(float(value[i]), math.nan, math.nan)
        for i in range(member.shape[1])
    ]


def _summed(columns: FloatArray, group: IntArray, n_groups: int) -> FloatArray:
    return np.stack([np.bincount(group, weights=column, minlength=n_groups) for column in columns.T], axis=1)


def _ends(resampled: FloatArray) -> tuple[float, float]:
    known = resampled[np.isfinite(resampled)]
    if len(known) < len(resampled) // 2:
        return math.nan, math.nan
    low, high = np.quantile(known, [0.025, 0.975])
    return float(low), float(high)


def difference(metric: Metric, one: Scored, other: Scored, groups: NDArray, seed: int) -> Estimate:
    """How much worse `other` is than `one` on the same rows (> 0: `one` is better), with a paired 95 % interval.

    Both are scored on the same resamples of whole groups, so what is hard for both cancels.
    """
    _, group = np.unique(groups, return_inverse=True)
    sign = -1.0 if metric.greater_is_better else 1.0
    n_groups = int(group.max()) + 1
    value = sign * float(np.diff([_drawn(metric, s, group, np.ones((1, n_groups)))[0] for s in (one, other)])[0])
    if n_groups < MIN_GROUPS:
        return Estimate(value, math.nan, math.nan)
    # a metric of the order costs a sort per resample: 200 are enough for a yes or no
    weights = group_weights(n_groups, seed, None if metric.of_sums is not None else 200).astype(np.float64)
    worse = sign * (_drawn(metric, other, group, weights) - _drawn(metric, one, group, weights))
    return Estimate(value, *_ends(worse))


def _drawn(metric: Metric, scored: Scored, group: IntArray, weights: FloatArray) -> FloatArray:
    if metric.sums is not None and metric.of_sums is not None:
        return metric.of_sums(weights @ _summed(metric.sums(scored), group, weights.shape[1]), scored)
    assert metric.of_weights is not None
    step = max(1, 2_000_000 // max(len(scored), 1))
    parts = [metric.of_weights(scored, weights[i : i + step][:, group]) for i in range(0, len(weights), step)]
    return np.concatenate(parts)


def share(events: FloatArray, groups: NDArray) -> Estimate:
    """Share of rows where `events` is 1, with a 95 % Wilson interval at the effective number of independent rows.

    Rows of a group are alike, so the rows are discounted by the design effect, the variance of the share with groups
    kept whole over that without; with no event (or nothing else) every group counts as one row, the careful end.

    References
    ----------
    Wilson, J. Am. Stat. Assoc. 22 (1927) 209. doi:10.1080/01621459.1927.10502953
    """
    n = len(events)
    if not n:
        return Estimate(math.nan, math.nan, math.nan)
    p = float(events.mean())
    _, group = np.unique(groups, return_inverse=True)
    n_groups = int(group.max()) + 1
    effective = float(n_groups)
    if 0.0 < p < 1.0 and n_groups > 1:
        off = np.bincount(group, weights=events - p)
        clustered = float((off**2).sum()) * n_groups / (n_groups - 1) / n**2
        effective = n / max(clustered / (p * (1.0 - p) / n), 1.0)
    return Estimate(p, *wilson(p, effective))


def wilson(p: float, n: float, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's interval of a share `p` seen on `n` independent rows; 95 % by default."""
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)
