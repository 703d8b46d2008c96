"""Which structures are nearly the same: small distance of their fingerprints, whatever cell, order, or volume."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.matter.neighbours import Neighbours, neighbours
from matloop.matter.structures import Structures, to_compositions

NEARLY = 0.003
"""Cosine distance of fingerprints below which two structures of one composition count as nearly the same.

Of 5,700 pairs of carbon structures pymatgen's StructureMatcher calls all those the same that are closer than 0.0001,
two in three between 0.001 and 0.003, one in five between 0.003 and 0.01, hardly any beyond.
"""
REACH = 2.6
"""How far a fingerprint sees, in units of the cube root of the volume per atom: about 74 neighbours per atom."""
_WIDTH, _STEP = 0.06, 0.03
"""Width of the Gaussians and step of the grid, in the same units."""
_BLOCK = 256
"""Rows whose fingerprints are made at once."""


def nearly_identical(structures: Structures, *, within: float = NEARLY) -> IntArray:
    """Groups of nearly identical structures, shape (n_rows,): a number per group, in the order of first appearance.

    Rows of one reduced composition whose fingerprints (`pair_fingerprints`) lie closer than `within` are linked, and
    linked rows are a group, also over several steps: what a split must not tear apart. Structures are brought to the
    same volume per atom first, so that relaxations by different methods are one. Rows without a lattice that repeats in
    all directions, unreadable ones and those that are refused by the neighbour list are groups of their own.

    Raises
    ------
    MissingExtra : matscipy is not installed.
    """
    i, j = near_pairs(structures, within=within)
    n = len(structures)
    label = connected_components(coo_array((np.ones(len(i)), (i, j)), shape=(n, n)), directed=False)[1]
    return np.asarray(_by_appearance(label), dtype=np.int64)


def near_pairs(structures: Structures, *, within: float = NEARLY) -> tuple[IntArray, IntArray]:
    """Pairs of rows (first < second) of one composition whose fingerprints are closer than `within`."""
    scaled = _per_atom(structures)
    first, second = [], []
    for rows in _with_company(_same_composition(structures)):
        close = pair_distances(scaled.take(rows), within)
        first.append(rows[close[0]])
        second.append(rows[close[1]])
    i, j = (np.concatenate([np.empty(0, np.int64), *side]) for side in (first, second))
    return i, j


def pair_distances(scaled: Structures, within: float) -> tuple[IntArray, IntArray]:
    """Pairs of rows (first < second) whose fingerprints are closer than `within`; all rows hold the same elements."""
    parts = [pair_fingerprints(scaled.take(rows)) for rows in _blocks(len(scaled))]
    prints, fine = np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
    lengths = np.linalg.norm(prints, axis=1)
    prints /= np.where(lengths > 0, lengths, 1.0)[:, None]
    first, second = [], []
    for start in range(0, len(prints), 512):
        apart = 0.5 * (1.0 - prints[start : start + 512] @ prints.T)
        i, j = np.nonzero(apart < within)
        keep = (i + start < j) & fine[i + start] & fine[j]
        first.append(i[keep] + start)
        second.append(j[keep])
    return np.concatenate(first), np.concatenate(second)


def _blocks(n: int) -> list[IntArray]:
    """Rows in blocks, so that the memory of neighbour lists does not grow with their number."""
    return np.split(np.arange(n), np.arange(_BLOCK, n, _BLOCK))


def pair_fingerprints(scaled: Structures) -> tuple[FloatArray, BoolArray]:
    """Smoothed pair distributions less one, per pair of elements, weighted by their shares: shape (n_rows, n_columns).

    Parameters
    ----------
    scaled : structures of the same elements, lengths in units of the cube root of the volume per atom.

    Returns
    -------
    fingerprints, and which rows have one.

    References
    ----------
    Oganov & Valle, J. Chem. Phys. 130 (2009) 104504. doi:10.1063/1.3079326
    """
    near = neighbours(scaled, REACH)
    fine = scaled.periodic.all(axis=1) & (scaled.sizes > 0)
    fine[list(near.refused)] = False
    species = scaled.site_of_species
    elements, code = np.unique(scaled.numbers, return_inverse=True)
    k = len(elements)
    shares = np.zeros((len(scaled.coordinates), k))
    shares[species, code] = scaled.occupancies
    totals = np.zeros((len(scaled), k))
    np.add.at(totals, scaled.rows, shares)
    totals /= np.maximum(totals.sum(axis=1, keepdims=True), 1e-12)
    grid = np.arange(_STEP, REACH, _STEP)
    counted = _counted(scaled, near, shares, grid)
    pairs = np.arange(k)[:, None] <= np.arange(k)[None, :]
    weights = totals[:, :, None] * totals[:, None, :]
    sizes = np.maximum(scaled.sizes, 1)[:, None, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        found = counted / (4.0 * np.pi * grid**2 * (weights * sizes)[..., None])
    found = np.where(weights[..., None] > 0, found - 1.0, 0.0) * np.sqrt(weights)[..., None]
    return found[:, pairs].reshape(len(scaled), -1), fine


def _counted(scaled: Structures, near: Neighbours, shares: FloatArray, grid: FloatArray) -> FloatArray:
    """Density of pairs on the grid, by row and pair of elements: shape (n_rows, k, k, n_grid)."""
    n, k, m = len(scaled), shares.shape[1], len(grid)
    found = np.zeros((n * k * k, m))
    rows = scaled.rows[near.first]
    around = int(4 * _WIDTH / _STEP)
    place = np.rint(near.distances / _STEP).astype(np.int64) - 1
    for a in range(k):
        for b in range(k):
            weight = shares[near.first, a] * shares[near.second, b]
            used = np.flatnonzero(weight > 0)
            for shift in range(-around, around + 1):
                at = place[used] + shift
                inside = (at >= 0) & (at < m)
                pick, at = used[inside], at[inside]
                bell = np.exp(-0.5 * ((grid[at] - near.distances[pick]) / _WIDTH) ** 2) / (_WIDTH * np.sqrt(2 * np.pi))
                key = ((rows[pick] * k + a) * k + b) * m + at
                found += np.bincount(key, weights=weight[pick] * bell, minlength=found.size).reshape(found.shape)
    return found.reshape(n, k, k, m)


def _per_atom(structures: Structures) -> Structures:
    """The same structures with one cubic unit of volume per atom."""
    volume = np.abs(np.linalg.det(structures.lattices)) / np.maximum(structures.sizes, 1)
    scale = np.where(volume > 1e-9, volume, 1.0) ** (-1.0 / 3.0)
    return Structures(
        structures.offsets, structures.lattices * scale[:, None, None], structures.periodic, structures.coordinates,
        structures.species_offsets, structures.numbers, structures.occupancies, structures.oxidation,
        structures.charges, structures.names,
    )  # fmt: skip


def _same_composition(structures: Structures) -> IntArray:
    """A number per row, equal for equal atomic fractions (to 1e-5)."""
    atoms = to_compositions(structures)
    entries = (atoms.elements << 32) + np.rint(atoms.fractions * 1e5).astype(np.int64)
    known: dict[bytes, int] = {}
    return np.array(
        [known.setdefault(entries[a:b].tobytes(), len(known)) for a, b in pairwise(atoms.offsets.tolist())],
        dtype=np.int64,
    )


def _with_company(kinds: IntArray) -> list[IntArray]:
    order = np.argsort(kinds, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(kinds[order])) + 1) if len(kinds) else []
    return [part for part in parts if len(part) > 1]


def _by_appearance(label: IntArray) -> IntArray:
    _, first, place = np.unique(label, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[place]
