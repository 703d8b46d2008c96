"""Pairs of neighbours of a site as flat arrays, in parts of bounded size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from matloop.core.arrays import FloatArray, IntArray
from matloop.matter.neighbours import Neighbours
from matloop.represent.structural.environments import Environments

TRIPLETS_AT_ONCE = 32_768
"""Triplets worked out together: their arrays stay in the processor's cache."""
MOST_TRIPLETS = 100_000_000
"""Triplets of one row: about five seconds. A row with more is refused with its count."""


@dataclass(frozen=True, slots=True)
class Triplets:
    """Neighbours j of some sites, and with each the later neighbours k of the same site that are near enough to j.

    begin, end : the neighbours j, in their order in the environments. starts : shape (end - begin + 1,), the triplets
    of neighbour j are starts[j - begin]:starts[j - begin + 1]. first, second : shape (n_triplets,), j and k.
    between : shape (n_triplets,), distance from j to k, Angstrom.
    """

    begin: int
    end: int
    starts: IntArray
    first: IntArray
    second: IntArray
    between: FloatArray

    def matrix(self, values: FloatArray, n_pairs: int) -> Any:
        """Values of the triplets as a sparse matrix of shape (end - begin, n_pairs)."""
        return csr_array((values, self.second, self.starts), shape=(self.end - self.begin, n_pairs))


def triplet_counts(near: Neighbours, offsets: IntArray) -> IntArray:
    """Pairs of neighbours around all sites of each row, shape (n_rows,)."""
    neighbours = np.diff(near.offsets)
    before = np.concatenate([[0], np.cumsum(neighbours * (neighbours - 1) // 2)])
    counts: IntArray = np.diff(before[offsets])
    return counts


def too_many(near: Neighbours, offsets: IntArray) -> dict[int, str]:
    """{row: how many triplets it has}, for rows with more than MOST_TRIPLETS."""
    counts = triplet_counts(near, offsets)
    return {
        row: f"{counts[row]:,} pairs of neighbours within {near.cutoff:g} A; up to {MOST_TRIPLETS:,} are worked out. "
        "Take a smaller cutoff or a smaller cell"
        for row in np.flatnonzero(counts > MOST_TRIPLETS).tolist()
    }


def triplets(around: Environments, cutoff: float) -> Iterator[Triplets]:
    """All pairs of neighbours of a site that are nearer than `cutoff` to each other, each pair once.

    They come in parts of about TRIPLETS_AT_ONCE, cut between neighbours j.
    """
    n_pairs = len(around.distances)
    partners = np.repeat(around.offsets[1:], np.diff(around.offsets)) - np.arange(n_pairs) - 1
    before = np.concatenate([[0], np.cumsum(partners)])
    begin = 0
    while begin < n_pairs:
        end = int(np.searchsorted(before, before[begin] + TRIPLETS_AT_ONCE, side="right")) - 1
        end = min(max(end, begin + 1), n_pairs)
        yield _near_each_other(around, begin, end, partners[begin:end], cutoff)
        begin = end


def _near_each_other(around: Environments, begin: int, end: int, partners: IntArray, cutoff: float) -> Triplets:
    local = np.repeat(np.arange(end - begin), partners)
    starts = np.concatenate([[0], np.cumsum(partners)])
    second = np.arange(len(local)) - (starts[:-1] - np.arange(begin + 1, end + 1))[local]
    squared = np.zeros(len(local))
    for axis in around.vectors:
        step = axis[second]
        step -= axis[begin:end][local]
        step *= step
        squared += step
    keep = np.flatnonzero(squared < cutoff * cutoff)
    local = local[keep]
    starts = np.searchsorted(local, np.arange(end - begin + 1))
    return Triplets(begin, end, starts, local + begin, second[keep], np.sqrt(squared[keep]))
