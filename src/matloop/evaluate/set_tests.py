"""Does a set of rows differ from all others: many sets at once, by permuting whole groups of rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.evaluate.multiple import step_down

MOST, FEWEST = 4999, 499
"""Permutations: 4,999 where that is cheap, fewer on many rows."""
WORK = 1.5e10
"""Multiplications that all permutations may cost together; a few seconds."""
CHUNK = 4_000_000
PRIOR = 10.0
"""Rows' worth of the overall variance that each set's own variance is drawn to: small sets do not look certain."""


@dataclass(frozen=True, slots=True)
class SetTests:
    """Each quantity on each set against all other rows; all arrays (n_quantities, n_sets).

    statistic : difference of the means over its standard error. p : by permutation, each by itself.
    p_adjusted : for all quantities and sets together, family-wise (step-down max-T).
    """

    statistic: FloatArray
    p: FloatArray
    p_adjusted: FloatArray
    n_permutations: int


def compare_sets(values: FloatArray, member: BoolArray, groups: NDArray, seed: int) -> SetTests:
    """Compare the mean of each quantity inside each set with that outside.

    The null is that whole groups could change places. The difference is divided by its own standard error before
    permuting, so that a set of greater spread but equal mean is not called (Chung & Romano 2013).

    Parameters
    ----------
    values : shape (n_rows, n_quantities), finite. member : shape (n_rows, n_sets), no set empty or everything.
    groups : shape (n_rows,); rows of a group stay together. Groups change places with those of like size.

    References
    ----------
    Chung & Romano, Ann. Stat. 41 (2013) 484. doi:10.1214/13-AOS1090
    """
    n, q = values.shape
    m = member.shape[1]
    spread = values.std(axis=0)
    standard = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    terms = np.concatenate([standard, standard**2], axis=1).astype(np.float32)
    sets = np.ascontiguousarray(member.T, dtype=np.float32)
    n_permutations = int(np.clip(WORK / (4.0 * n * m * q), FEWEST, MOST))
    found = _statistics(sets, terms[:, None, :])[0]
    drawn = np.empty((n_permutations, q, m), dtype=np.float32)
    done = 0
    for index in _permutations(groups, n_permutations, max(1, CHUNK // (2 * n * q)), seed):
        drawn[done : done + len(index)] = _statistics(sets, terms[index.T])
        done += len(index)
    far, reach = np.abs(found), np.abs(drawn)
    p = (1.0 + (reach >= far).sum(axis=0)) / (1.0 + n_permutations)
    together = step_down(far.ravel(), reach.reshape(n_permutations, -1)).reshape(q, m)
    return SetTests(found.astype(np.float64), p, together, n_permutations)


def _statistics(sets: NDArray[np.float32], terms: NDArray[np.float32]) -> NDArray[np.float32]:
    """Moderated Welch statistics, shape (n_draws, n_quantities, n_sets); `terms` is (n_rows, n_draws, 2 q)."""
    n, draws, width = terms.shape
    total = terms.sum(axis=0, dtype=np.float64)[None]
    inside = (sets @ terms.reshape(n, -1)).reshape(len(sets), draws, width).astype(np.float64)
    size = sets.sum(axis=1, dtype=np.float64)[:, None, None]
    q = width // 2
    mean_in, var_in = _moments(inside, size, q)
    mean_out, var_out = _moments(total - inside, n - size, q)
    error = np.sqrt(var_in / size + var_out / (n - size))
    return np.moveaxis((mean_in - mean_out) / error, 0, 2).astype(np.float32)


def _moments(sums: FloatArray, size: FloatArray, q: int) -> tuple[FloatArray, FloatArray]:
    mean = sums[..., :q] / size
    variance = np.maximum(sums[..., q:] / size - mean**2, 0.0)
    return mean, (size * variance + PRIOR) / (size + PRIOR)  # the overall variance is one


def _permutations(groups: NDArray, n_permutations: int, chunk: int, seed: int) -> Iterator[IntArray]:
    """Rows whose values each row gets, (up to chunk, n_rows) at a time.

    A group gets the values of another of about its size (of 1, 2, 3-4, 5-8, ... rows), in turn from the first row on.
    """
    _, group = np.unique(groups, return_inverse=True)
    group = group.reshape(-1)
    size = np.bincount(group)
    order = np.argsort(group, kind="stable")
    start = np.cumsum(size) - size
    turn = np.empty(len(group), dtype=np.int64)
    turn[order] = np.arange(len(group)) - start[group[order]]
    like = np.ceil(np.log2(size)).astype(np.int64)
    classes = [np.flatnonzero(like == one) for one in np.unique(like)]
    rng = np.random.default_rng(seed)
    for first in range(0, n_permutations, chunk):
        index = np.empty((min(chunk, n_permutations - first), len(group)), dtype=np.int64)
        for row in index:
            donor = np.arange(len(size))
            for one in classes:
                donor[one] = rng.permutation(one)
            given = donor[group]
            row[:] = order[start[given] + turn % size[given]]
        yield index
