"""The efficiently packed clusters nearest to a composition, without listing all clusters.

A cluster is a centre and 3 to 24 neighbours, n of each element; it is efficient where the mean radius of the neighbours
fits the centre. In the space of compositions the efficient clusters with one kind of centre and one size lie in a slab
across the radii, so the distance of the slab bounds theirs from below. A first look at the whole numbers around the
composition in the nearest slabs gives an upper bound of the fifth distance; then all slabs within that bound are
searched as far as it reaches. All rows at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from matloop.core.arrays import FloatArray, IntArray, frozen
from matloop.represent.pooling import total as _sum

SMALLEST, LARGEST = 3, 24
NEIGHBOURS = 5
# radius of the centre over that of its neighbours at which 3, 4, ... 24 of them pack best
IDEAL = np.array([
    0.154701, 0.224745, 0.361654, 0.414214, 0.518145, 0.616517, 0.709914, 0.798907, 0.884003, 0.902113, 0.976006,
    1.04733, 1.11632, 1.18318, 1.2481, 1.31123, 1.37271, 1.43267, 1.49119, 1.5484, 1.60436, 1.65915,
])  # fmt: skip
FIRST_SLABS, FIRST_STEPS = 8, 6
REACHES = (2, 4, 6, 8, 12, 16)
"""Squares of the steps from the nearest whole numbers that are tried together; farther, all shells are."""
AT_ONCE = 500_000  # shells tried together, 4 MB a number


@dataclass(frozen=True, slots=True)
class _System:
    """radii, fractions : shape (m, k). plane : what is missing to one, for each element, shape (m,)."""

    radii: FloatArray
    fractions: FloatArray
    plane: FloatArray
    threshold: float


@dataclass(frozen=True, slots=True)
class _Slabs:
    """Pairs of row and slab, each an array (t,): row, element of the centre, number of neighbours."""

    rows: IntArray
    centres: IntArray
    sizes: IntArray

    def take(self, places: IntArray) -> _Slabs:
        return _Slabs(self.rows[places], self.centres[places], self.sizes[places])


def best_sizes(ratio: FloatArray) -> tuple[IntArray, FloatArray]:
    """Number of neighbours that packs best at these ratios of radii, and its misfit (0 ideal, negative too dense)."""
    misfit = 1.0 - IDEAL / ratio[..., None]
    best = np.argmin(np.abs(misfit), axis=-1)
    return best + SMALLEST, np.take_along_axis(misfit, best[..., None], -1)[..., 0]


def nearest_clusters(radii: FloatArray, fractions: FloatArray, threshold: float) -> FloatArray:
    """Distances to the five nearest efficient clusters, ascending; infinite where there are fewer.

    Parameters
    ----------
    radii, fractions : shape (m, k); fractions of a row sum to at most one
    threshold : largest misfit of an efficient cluster

    Returns
    -------
    shape (m, 5), distances of atomic fractions of these k elements
    """
    k = radii.shape[1]
    system = _System(radii, fractions, (1.0 - _sum(fractions)) / k, threshold)
    bounds, centres, sizes = _bounds(system)
    rows, at = np.nonzero(np.isfinite(bounds[:, :FIRST_SLABS]))
    first = _Slabs(rows, centres[rows, at], sizes[rows, at])
    known = np.full((len(radii), NEIGHBOURS), np.inf)
    _try_steps(system, first, FIRST_STEPS, known)
    most = known[:, -1] * (1.0 + 1e-9) + 1e-15  # a little more: the fifth shall be found again
    rows, at = np.nonzero(bounds < most[:, None])
    found = np.full((len(radii), NEIGHBOURS), np.inf)
    _search(system, _Slabs(rows, centres[rows, at], sizes[rows, at]), most[rows], found)
    return np.sqrt(found)


def _bounds(system: _System) -> tuple[FloatArray, IntArray, IntArray]:
    """Square of the least distance to each slab, ascending, infinite for sizes that do not occur; centre and size."""
    radii, m, k = system.radii, len(system.radii), system.radii.shape[1]
    ratio = radii.max(axis=1) / radii.min(axis=1)
    least, most = best_sizes(1.0 / ratio)[0], best_sizes(ratio)[0]
    sizes = np.arange(SMALLEST, LARGEST + 1)
    mean = radii[:, :, None] / IDEAL  # of the neighbours, ideally: (m, k, sizes)
    middle = (sizes * mean + radii[:, :, None]) / (sizes + 1.0)
    width = system.threshold * mean * sizes / (sizes + 1.0)
    here = _sum(radii * (system.fractions + system.plane[:, None]))
    slope = np.sqrt(_sum((radii - (_sum(radii) / k)[:, None]) ** 2))[:, None, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        away = np.maximum(np.abs(here[:, None, None] - middle) - width, 0.0) / slope
    # a little less: rounding must not close a slab; without any spread of radii nothing is known
    squares = np.where(slope > 0, away**2 * (1.0 - 1e-9) + (k * system.plane**2)[:, None, None], 0.0)
    occurs = (sizes >= least[:, None]) & (sizes <= most[:, None])
    squares = np.where(occurs[:, None, :], squares, np.inf).reshape(m, -1)
    order = np.argsort(squares, axis=1, kind="stable")
    return np.take_along_axis(squares, order, 1), order // len(sizes), order % len(sizes) + SMALLEST


def _search(system: _System, slabs: _Slabs, most: FloatArray, found: FloatArray) -> None:
    """All clusters of the slabs whose squared distance is below `most` (t,), into the nearest of their rows."""
    k = system.radii.shape[1]
    _, rest = _whole(system, slabs)
    with np.errstate(invalid="ignore"):
        left = np.sqrt(np.maximum(most - k * system.plane[slabs.rows] ** 2, 0.0)) * (slabs.sizes + 1.0)
    steps = (left + rest) ** 2 * (1.0 + 1e-9)
    reach = np.searchsorted(REACHES, steps)
    for one, square in enumerate(REACHES):
        _try_steps(system, slabs.take(np.flatnonzero(reach == one)), square, found)
    far = np.flatnonzero(reach == len(REACHES))
    for size in np.unique(slabs.sizes[far]).tolist():
        shells = _shells(k, size)
        for part in _parts(far[slabs.sizes[far] == size], shells.shape[1]):
            _try(system, slabs.take(part), np.zeros((len(part), k)), shells, found)


def _try_steps(system: _System, slabs: _Slabs, square: int, found: FloatArray) -> None:
    """Try the whole numbers within steps of this square around the composition."""
    steps = _steps(system.radii.shape[1], square)
    for part in _parts(np.arange(len(slabs.rows)), steps.shape[1]):
        some = slabs.take(part)
        _try(system, some, _whole(system, some)[0], steps, found)


def _parts(places: IntArray, shells: int) -> Iterator[IntArray]:
    chunk = max(AT_ONCE // shells, 1)
    for start in range(0, len(places), chunk):
        yield places[start : start + chunk]


def _whole(system: _System, slabs: _Slabs) -> tuple[FloatArray, FloatArray]:
    """The shell (t, k) nearest to the composition, not always of positive numbers; its distance in atoms (t,)."""
    t, k = len(slabs.rows), system.radii.shape[1]
    target = (slabs.sizes + 1.0)[:, None] * (system.fractions + system.plane[:, None])[slabs.rows]
    target[np.arange(t), slabs.centres] -= 1.0
    whole = np.rint(target)
    over = np.rint(_sum(whole) - slabs.sizes)[:, None]
    rank = np.argsort(np.argsort(target - whole, axis=1, kind="stable"), axis=1, kind="stable")
    whole = whole - (rank < over) + (rank >= k + over)
    return whole, np.sqrt(_sum((target - whole) ** 2))


def _try(system: _System, slabs: _Slabs, base: FloatArray, steps: FloatArray, found: FloatArray) -> None:
    """Try the shells base (t, k) + steps (k, n), and put efficient ones among the nearest of their rows."""
    radii, k = system.radii[slabs.rows], system.radii.shape[1]
    ideal = IDEAL[slabs.sizes - SMALLEST] / slabs.sizes / radii[np.arange(len(base)), slabs.centres]
    misfit = np.zeros((len(base), steps.shape[1]))
    for j in range(k):
        misfit += (radii[:, j] * ideal)[:, None] * steps[j]
    misfit += (_sum(radii * base) * ideal - 1.0)[:, None]
    slab, shell = np.nonzero(np.abs(misfit) < system.threshold)
    atoms = base[slab].T + steps[:, shell]
    kept = np.flatnonzero((atoms >= 0.0).all(axis=0))
    slab, atoms = slab[kept], atoms[:, kept]
    atoms[slabs.centres[slab], np.arange(len(slab))] += 1.0
    rows = slabs.rows[slab]
    share = atoms / (slabs.sizes[slab] + 1.0)
    squares = np.zeros(len(slab))
    for j in range(k):
        squares += (share[j] - system.fractions[rows, j]) ** 2
    _keep(rows, squares, found)


def _keep(rows: IntArray, squares: FloatArray, found: FloatArray) -> None:
    """Merge squared distances of rows (any order, any number) with the nearest that are known."""
    near = squares < found[rows, -1]
    rows, squares = rows[near], squares[near]
    if not len(rows):
        return
    order = np.lexsort((squares, rows))
    rows, squares = rows[order], squares[order]
    first = np.flatnonzero(np.concatenate([[True], rows[1:] != rows[:-1]]))
    place = np.arange(len(rows)) - np.repeat(first, np.diff(np.append(first, len(rows))))
    best = place < NEIGHBOURS
    met = rows[first]
    more = np.full((len(met), NEIGHBOURS), np.inf)
    more[np.searchsorted(met, rows[best]), place[best]] = squares[best]
    found[met] = np.sort(np.hstack([found[met], more]), axis=1)[:, :NEIGHBOURS]


def _grid(types: int, size: int) -> IntArray:
    """All ways to write `size` as a sum of so many whole numbers from 0 on, (types, n)."""
    grid = np.zeros((1, 0), dtype=np.int64)
    for _ in range(types - 1):
        left = size - grid.sum(axis=1)
        more = np.repeat(grid, left + 1, axis=0)
        starts = np.repeat(np.cumsum(left + 1) - (left + 1), left + 1)
        grid = np.column_stack([more, np.arange(len(more)) - starts])
    return np.column_stack([grid, size - grid.sum(axis=1)]).T


@cache
def _shells(types: int, size: int) -> FloatArray:
    """All shells of so many atoms of so many elements, (types, n)."""
    return frozen(np.ascontiguousarray(_grid(types, size).astype(np.float64)))


@cache
def _steps(types: int, square: int) -> FloatArray:
    """All exchanges of atoms, whole numbers of sum 0, with a sum of squares up to `square`: (types, n)."""
    grid = np.zeros((1, 0), dtype=np.int64)
    most = int(np.sqrt(square))
    for _ in range(types - 1):
        steps = np.arange(-most, most + 1)
        grid = np.column_stack([np.repeat(grid, len(steps), axis=0), np.tile(steps, len(grid))])
        grid = grid[(grid**2).sum(axis=1) <= square]
    grid = np.column_stack([grid, -grid.sum(axis=1)])
    grid = grid[(grid**2).sum(axis=1) <= square]
    return frozen(np.ascontiguousarray(grid.T.astype(np.float64)))
