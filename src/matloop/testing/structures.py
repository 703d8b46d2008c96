"""Structures that a featurizer of structures is tried on, and the same ones written in other ways."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.matter.structures import Structures, from_arrays, joined

_Sites = Sequence[Sequence[float]]
_FCC: _Sites = [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
_PEROVSKITE: _Sites = [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
_MODES = [[0.02, -0.01, 0.03], [-0.03, 0.02, 0.01], [0.01, 0.03, -0.02], [0.0, -0.02, 0.01], [0.02, 0.0, -0.03]]
# a rotation about no axis of the crystals, and a shift by no fraction of a cell
_TURN = np.array([[0.36, 0.48, -0.8], [-0.8, 0.6, 0.0], [0.48, 0.64, 0.6]])
_SHIFT = np.array([0.1234, -0.3217, 1.2718])


def sample_structures() -> Structures:
    """Simple crystals, a slab, a molecule, an alloy with shared sites, odd cells: 15 rows, the same in every call.

    Examples
    --------
    >>> sample_structures().names.tolist()[:3]
    ['rock salt', 'CsCl', 'diamond']
    """
    halite = [*_FCC, *([x + 0.5, y, z] for x, y, z in _FCC)]
    crystals = [
        _one("rock salt", _cubic(5.64), halite, [11] * 4 + [17] * 4),
        _one("CsCl", _cubic(4.12), [[0, 0, 0], [0.5, 0.5, 0.5]], [55, 17]),
        _one("diamond", 1.785 * (1 - np.eye(3)), [[0, 0, 0], [0.25, 0.25, 0.25]], [6, 6]),
        _one("wurtzite", _hexagonal(3.25, 5.2), _wurtzite(0.382), [30, 30, 8, 8]),
        _one("perovskite", _cubic(3.905), _PEROVSKITE, [38, 22, 8, 8, 8]),
        _one("perovskite, distorted", _TILTED, np.array(_PEROVSKITE) + _MODES, [56, 22, 8, 8, 8]),
        _one("hcp", _hexagonal(3.21, 5.21), [[1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75]], [12, 12]),
        _one("one atom", 1.43 * (1 - 2 * np.eye(3)), [[0, 0, 0]], [26]),
        _one("slab", np.diag([2.88, 2.88, 20.0]), [[0, 0, 0.4], [0.5, 0.5, 0.5], [0, 0, 0.6]], [47] * 3, "110"),
        _one("molecule", np.eye(3), [[0, 0, 0], [0.757, 0.586, 0], [-0.757, 0.586, 0]], [8, 1, 1], "000"),
        _one("superheavy", _cubic(6.0), [[0, 0, 0], [0.5, 0.5, 0.5]], [118, 2]),
        _one("needle", np.diag([2.6, 2.7, 41.0]), [[0, 0, 0], [0.5, 0.5, 0.05]], [13, 8]),
        _one("1 A cell", _cubic(1.0131), [[0, 0, 0]], [1]),
    ]
    return joined([*crystals, _vacancy(halite), _alloy()])


def unreadable_structures() -> Structures:
    """Rows that no featurizer describes: without sites, with a cell without volume, with a coordinate that is none."""
    flat = np.array([[3.0, 0, 0], [0, 3.0, 0], [3.0, 3.0, 0]])
    return joined([
        _one("empty", np.zeros((3, 3)), [], []),
        _one("flat", flat, [[0, 0, 0]], [26]),
        _one("nowhere", _cubic(3.0), [[0, 0, 0], [np.nan, 0, 0]], [26, 26]),
    ])  # fmt: skip


def _cubic(a: float) -> FloatArray:
    return a * np.eye(3)


def _hexagonal(a: float, c: float) -> FloatArray:
    return np.array([[a, 0, 0], [-a / 2, a * 0.75**0.5, 0], [0, 0, c]])


_TILTED = np.array([[3.9, 0.1, 0], [-0.2, 4.0, 0.15], [0.1, 0.05, 4.2]])


def _wurtzite(u: float) -> _Sites:
    a, b = [1 / 3, 2 / 3], [2 / 3, 1 / 3]
    return [[*a, 0.0], [*b, 0.5], [*a, u], [*b, 0.5 + u]]


def _one(
    name: str, lattice: FloatArray, places: _Sites | FloatArray, numbers: Sequence[int], repeats: str = "111"
) -> Structures:
    periodic = np.array([[letter == "1" for letter in repeats]])
    site = np.asarray(places, dtype=float).reshape(-1, 3)
    return from_arrays(lattice[None], [site], [np.array(numbers, np.int64)], periodic=periodic, names=[name])


def _vacancy(halite: _Sites) -> Structures:
    whole = repeated(_one("vacancy", _cubic(4.21), halite, [12] * 4 + [8] * 4), (2, 1, 1))
    return from_arrays(whole.lattices, [whole.coordinates[1:]], [whole.numbers[1:]], names=["vacancy"])


def _alloy() -> Structures:
    """Two sites, one shared by iron and chromium, one four fifths full of aluminium."""
    whole = _one("alloy", _cubic(2.9), [[0, 0, 0], [0.5, 0.5, 0.5]], [26, 13])
    return replace(
        whole,
        species_offsets=np.array([0, 2, 3]),
        numbers=np.array([26, 24, 13]),
        occupancies=np.array([0.7, 0.3, 0.8]),
        oxidation=np.full(3, np.nan),
    )


def rotated(structures: Structures) -> Structures:
    """Every lattice turned by one rotation."""
    return replace(structures, lattices=structures.lattices @ _TURN.T)


def translated(structures: Structures) -> Structures:
    """Every site moved by one vector of lattice coordinates; some leave the cell by that."""
    return replace(structures, coordinates=structures.coordinates + _SHIFT)


def permuted(structures: Structures) -> Structures:
    """The sites of every row in another order."""
    drawn = np.random.default_rng(5).permutation(len(structures.coordinates))
    order = np.lexsort((drawn, structures.rows))
    return with_sites(structures, order, structures.coordinates[order])


def other_cell(structures: Structures) -> Structures:
    """Every crystal by other vectors of the same lattice; only vectors that repeat are added to each other."""
    change = np.broadcast_to(np.eye(3), structures.lattices.shape).copy()
    x, y, z = structures.periodic.T
    change[:, 0, 1], change[:, 0, 2], change[:, 1, 2] = x & y, -1.0 * (x & z), y & z
    inverse = np.round(np.linalg.inv(change))
    coordinates = np.einsum("si,sij->sj", structures.coordinates, inverse[structures.rows])
    return replace(structures, lattices=change @ structures.lattices, coordinates=coordinates)


def repeated(structures: Structures, times: tuple[int, int, int]) -> Structures:
    """Supercells: every cell so many times along its vectors that repeat."""
    lattices = structures.lattices * np.where(structures.periodic, times, 1)[:, :, None]
    sites, places = [], []
    for row in range(len(structures)):
        n = np.where(structures.periodic[row], times, 1)
        cells = np.stack(np.meshgrid(*map(np.arange, n), indexing="ij"), axis=-1).reshape(-1, 3)
        site = np.arange(structures.offsets[row], structures.offsets[row + 1])
        sites.append(np.repeat(site, len(cells)))
        places.append((structures.coordinates[site][:, None] + cells).reshape(-1, 3) / n)
    return with_sites(replace(structures, lattices=lattices), np.concatenate(sites), np.concatenate(places))


def with_sites(structures: Structures, sites: IntArray, coordinates: FloatArray) -> Structures:
    """The same rows with other sites: those numbered `sites`, sorted by row, at `coordinates`."""
    counts = np.diff(structures.species_offsets)[sites]
    species_offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    first = structures.species_offsets[:-1][sites] - species_offsets[:-1]
    species = np.repeat(first, counts) + np.arange(species_offsets[-1])
    sizes = np.bincount(structures.rows[sites], minlength=len(structures))
    return replace(
        structures,
        offsets=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        coordinates=coordinates,
        species_offsets=species_offsets,
        numbers=structures.numbers[species],
        occupancies=structures.occupancies[species],
        oxidation=structures.oxidation[species],
        site_values={name: values[sites] for name, values in structures.site_values.items()},
    )


INVARIANCES: dict[str, Callable[[Structures], Structures]] = {
    "rotation": rotated,
    "translation": translated,
    "permutation": permuted,
    "cell": other_cell,
    "supercell": lambda structures: repeated(structures, (2, 1, 2)),
}
"""The same matter written in another way, by the names that featurizers list in `invariances`."""
