"""How densely the atoms of a glass can pack: clusters of hard spheres that fit the composition."""

from __future__ import annotations

from functools import cache, lru_cache

import numpy as np

from matloop.core.arrays import FloatArray, IntArray, frozen
from matloop.core.elements import filled_table
from matloop.core.errors import ConfigError
from matloop.represent import pooling
from matloop.represent.featurizer import CompositionFeaturizer

# radius of the centre over that of its neighbours at which 3, 4, ... 24 of them pack best
IDEAL = np.array([
    0.154701, 0.224745, 0.361654, 0.414214, 0.518145, 0.616517, 0.709914, 0.798907, 0.884003, 0.902113, 0.976006,
    1.04733, 1.11632, 1.18318, 1.2481, 1.31123, 1.37271, 1.43267, 1.49119, 1.5484, 1.60436, 1.65915,
])  # fmt: skip
SMALLEST, LARGEST = 3, 24
MOST_TYPES = 6
LAWS_2015 = (
    "K. J. Laws, D. B. Miracle, M. Ferry, A predictive structural model for bulk metallic glasses, Nat. Commun. 6 "
    "(2015) 8123, doi:10.1038/ncomms9123"
)


class PackingFeaturizer(CompositionFeaturizer):
    """Efficient packing of clusters: matminer's `AtomicPackingEfficiency`.

    Mean of how far each atom is from an ideally packed cluster when its neighbours are as the alloy on average, and of
    its magnitude; then mean distance (of atomic fractions) to the nearest, the nearest 3 and 5 efficient clusters of
    these elements, 1 for each that there is not. All clusters of 3 to 24 neighbours are tried.

    Parameters
    ----------
    threshold : up to which misfit a cluster is efficient
    types : of how many elements clusters are made, 1 to 6: the most frequent ones, of equally frequent ones those of
        lower atomic number. A row takes 0.1 ms with 3 elements, 5 ms with 5 and some 40 ms with 6 or more.
    """

    def __init__(self, threshold: float = 0.01, types: int = MOST_TYPES) -> None:
        self.threshold = threshold
        self.types = types

    def columns(self) -> tuple[str, ...]:
        if not 1 <= self.types <= MOST_TYPES or not 0 < self.threshold < 1:
            raise ConfigError(f"types = {self.types}, threshold = {self.threshold}: 1 to 6, and above 0 below 1.")
        distances = tuple(f"dist from {k} clusters |APE| < {self.threshold:.3f}" for k in (1, 3, 5))
        return ("mean simul. packing efficiency", "mean abs simul. packing efficiency", *distances)

    def describe(self, elements: IntArray, amounts: FloatArray) -> FloatArray:
        share = pooling.fractions(amounts)
        radii = filled_table("magpie").column("MiracleRadius")[elements]
        efficiency = _efficiency(radii / pooling.total(share * radii)[:, None])
        means = [pooling.total(share * efficiency), pooling.total(share * np.abs(efficiency))]
        return np.column_stack([*means, self._distances(elements, radii, share)])

    def citations(self) -> tuple[str, ...]:
        return (LAWS_2015,)

    def _distances(self, elements: IntArray, radii: FloatArray, share: FloatArray) -> FloatArray:
        """Mean distance to the nearest 1, 3 and 5 clusters, shape (m, 3); rows of the same elements together."""
        kept = np.sort(np.argsort(-share, axis=1, kind="stable")[:, : self.types], axis=1)
        systems, which = np.unique(np.take_along_axis(elements, kept, 1), axis=0, return_inverse=True)
        order = np.argsort(which.ravel(), kind="stable")
        bounds = np.searchsorted(which.ravel()[order], np.arange(len(systems) + 1))
        fractions = np.take_along_axis(share, kept, 1)
        others = pooling.total(share * share) - pooling.total(fractions * fractions)
        found = np.empty((len(share), 3))
        for s in range(len(systems)):
            rows = order[bounds[s] : bounds[s + 1]]
            clusters = _efficient(np.take_along_axis(radii[rows[:1]], kept[rows[:1]], 1)[0], self.threshold)
            for row in rows.tolist():
                found[row] = _nearest(clusters, fractions[row], max(others[row], 0.0))
        return found


def _efficiency(ratio: FloatArray) -> FloatArray:
    """Packing of the best number of neighbours by the ratio of radii: 0 is ideal, negative too dense; any shape."""
    misfit = 1.0 - IDEAL / ratio[..., None]
    best = np.argmin(np.abs(misfit), axis=-1)
    found: FloatArray = np.take_along_axis(misfit, best[..., None], -1)[..., 0]
    return found


@cache
def _shells(types: int) -> tuple[FloatArray, IntArray]:
    """All shells of 3 to 24 atoms of so many elements: counts (n, types), sizes (n,), small ones first."""
    grid = np.zeros((1, 0), dtype=np.int64)
    for _ in range(types):
        left = LARGEST - grid.sum(axis=1)
        more = np.repeat(grid, left + 1, axis=0)
        starts = np.repeat(np.cumsum(left + 1) - (left + 1), left + 1)
        grid = np.column_stack([more, np.arange(len(more)) - starts])
    sizes = grid.sum(axis=1)
    order = np.argsort(sizes, kind="stable")
    order = order[sizes[order] >= SMALLEST]
    return frozen(np.ascontiguousarray(grid[order].T.astype(np.float64))), frozen(sizes[order])


def _efficient(radii: FloatArray, threshold: float) -> FloatArray:
    """Compositions of the efficient clusters of elements with these radii, (types, n)."""
    return _of_radii(tuple(radii.tolist()), threshold)


@lru_cache(maxsize=64)
def _of_radii(radii: tuple[float, ...], threshold: float) -> FloatArray:
    counts, sizes = _shells(len(radii))
    ratio = max(radii) / min(radii)
    smallest, largest = (int(np.argmin(np.abs(1.0 - IDEAL / r))) + SMALLEST for r in (1.0 / ratio, ratio))
    first, last = np.searchsorted(sizes, [smallest, largest + 1])
    counts, sizes = counts[:, first:last], sizes[first:last]
    weighted = counts[0] * radii[0]
    for j in range(1, len(radii)):
        weighted += counts[j] * radii[j]
    mean = weighted * (IDEAL[sizes - SMALLEST] / sizes)
    parts = []
    for centre, radius in enumerate(radii):
        hits = np.flatnonzero(np.abs(1.0 - mean / radius) < threshold)
        atoms = counts[:, hits]
        atoms[centre] += 1.0
        parts.append(atoms / (sizes[hits] + 1.0))
    return frozen(np.hstack(parts))


def _nearest(clusters: FloatArray, fractions: FloatArray, others: float) -> list[float]:
    """Mean distance to the nearest 1, 3 and 5; `others` is the square of what lies in elements without clusters."""
    squares = np.full(clusters.shape[1], others)
    for j in range(len(fractions)):
        squares += (clusters[j] - fractions[j]) ** 2
    near = np.partition(squares, 4)[:5] if len(squares) > 5 else squares
    near = np.concatenate([np.sqrt(np.sort(near)), np.ones(5)])[:5]
    return [float(near[0]), float((near[0] + near[1] + near[2]) / 3.0), float(near.mean())]
