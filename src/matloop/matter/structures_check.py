"""What is suspicious about structures that were read: overlapping atoms, cells without volume, absurd densities."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.core.elements import ATOMIC_MASS, SYMBOLS, table
from matloop.matter.formats.coincident import coincident
from matloop.matter.neighbours import CLOSEST, neighbours
from matloop.matter.structures import Structures

OVERLAP = 0.5
"""Angstrom: two atoms are never so close (the shortest bond, H-H, is 0.74)."""
OVERLAP_SHARE = 0.3
"""Part of the sum of covalent radii below which two atoms overlap."""
DENSEST, THINNEST = 30.0, 0.02
"""g/cm3: osmium has 22.6; frameworks and aerogels have 0.1 and more."""
_GRAMS = 1.66053906660  # g/cm3 per u/A3, CODATA 2018


def faults(structures: Structures) -> dict[int, list[str]]:
    """{row: what is suspicious}: the structures stay as they are; atoms far outside the cell are fine.

    Looked for: cells without volume along the vectors that repeat; two atoms closer than `OVERLAP` or `OVERLAP_SHARE`
    of the sum of their covalent radii, images included (alternative sites, with occupancies that sum to at most one,
    may overlap); densities of structures that repeat in all directions outside `THINNEST` to `DENSEST`.

    Raises
    ------
    MissingExtra : matscipy is not installed.
    """
    found: dict[int, list[str]] = {}
    flat = _flat(structures)
    for row in np.flatnonzero(flat).tolist():
        found.setdefault(row, []).append(
            "the cell has no volume: its lattice vectors lie in one plane; correct the lattice"
        )
    for row, text in _overlaps(structures, flat).items():
        found.setdefault(row, []).append(text)
    density = densities(structures)
    for row in np.flatnonzero(~flat & ((density > DENSEST) | (density < THINNEST))).tolist():
        why = "are lengths in Angstrom?" if density[row] > DENSEST else "is it a molecule in a box?"
        found.setdefault(row, []).append(f"the density is {density[row]:.3g} g/cm3, which no solid has: {why}")
    return dict(sorted(found.items()))


def densities(structures: Structures) -> FloatArray:
    """Mass densities, shape (n_rows,), g/cm3; NaN where not all directions repeat."""
    rows = structures.rows[structures.site_of_species]
    mass = np.bincount(
        rows, weights=structures.occupancies * ATOMIC_MASS[structures.numbers], minlength=len(structures)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(mass / structures.volumes * _GRAMS)


def _flat(structures: Structures) -> BoolArray:
    volumes = np.abs(np.linalg.det(structures.lattices))
    lengths = np.linalg.norm(structures.lattices, axis=2).prod(axis=1)
    flat: BoolArray = structures.periodic.any(axis=1) & ~(volumes > 1e-6 * lengths)
    return flat & (structures.sizes > 0)


def _overlaps(structures: Structures, flat: BoolArray) -> dict[int, str]:
    """{row: the closest pair that overlaps, and how many do}."""
    radii = table("magpie").filled().column("CovalentRadius") / 100.0
    size = radii[structures.site_numbers] if len(structures.numbers) else np.empty(0)
    near = neighbours(structures, max(OVERLAP, 2.0 * OVERLAP_SHARE * float(size.max(initial=0.0))))
    first, second, apart = near.first, near.second, near.distances
    once = (first < second) | ((first == second) & (_ahead(near.images)))
    same = [_same_places(structures, row) for row in np.flatnonzero(~flat & (structures.sizes > 1)).tolist()]
    pairs = np.concatenate([np.empty((0, 2), np.int64), *same])
    first, second = np.concatenate([first[once], pairs[:, 0]]), np.concatenate([second[once], pairs[:, 1]])
    apart = np.concatenate([apart[once], np.zeros(len(pairs))])
    filled = np.bincount(
        structures.site_of_species, weights=structures.occupancies, minlength=len(structures.coordinates)
    )
    close = (apart < OVERLAP) | (apart < OVERLAP_SHARE * (size[first] + size[second]))
    close &= ~((filled[first] + filled[second] < 1.0 + 1e-3) & (first != second))
    first, second, apart = first[close], second[close], apart[close]
    return _told(structures, first, second, apart)


def _told(structures: Structures, first: IntArray, second: IntArray, apart: FloatArray) -> dict[int, str]:
    found = {}
    rows = structures.rows[first]
    for row in np.unique(rows).tolist():
        pairs = np.flatnonzero(rows == row)
        best = int(pairs[apart[pairs].argmin()])
        start = structures.offsets[row]
        names = [f"{SYMBOLS[structures.site_numbers[s]]} (site {s - start + 1})" for s in (first[best], second[best])]
        more = f", and {len(pairs) - 1} more pairs" if len(pairs) > 1 else ""
        found[row] = f"atoms overlap: {names[0]} and {names[1]} are {apart[best]:.2f} Angstrom apart{more}"
    return found


def _ahead(images: IntArray) -> BoolArray:
    """One of each two opposite images."""
    signs = np.sign(images) @ np.array([9, 3, 1])
    return np.asarray(signs > 0)


def _same_places(structures: Structures, row: int) -> IntArray:
    part = slice(structures.offsets[row], structures.offsets[row + 1])
    pairs = coincident(
        structures.coordinates[part], structures.lattices[row], structures.periodic[row], 1.01 * CLOSEST
    )  # fmt: skip
    return pairs + structures.offsets[row]
