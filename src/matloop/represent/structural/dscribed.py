"""Descriptors that DScribe computes, behind the contract of our featurizers: bulk conversion, bounds, reasons."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.optional import require
from matloop.matter.neighbours import Vicinity
from matloop.matter.structures import Structures
from matloop.represent.structural.featurizer import SiteFeaturizer
from matloop.represent.structural.lattice_points import reduced
from matloop.represent.structural.species import BySpecies, kinds_of, strangers

EXTRA = "descriptors"
SKEWED = 2.0
"""A cell is replaced by the reduced one where that is so much thicker."""
MOST_SECONDS = 60.0
"""Of one row, as estimated from its density."""
DSCRIBE = (
    "L. Himanen et al., DScribe: library of descriptors for machine learning in materials science, Comput. Phys. "
    "Commun. 247 (2020) 106949, doi:10.1016/j.cpc.2019.106949"
)
DSCRIBE_2 = (
    "J. Laakso et al., Updates to the DScribe library: new descriptors and derivatives, J. Chem. Phys. 158 (2023) "
    "234802, doi:10.1063/5.0151031"
)


class DscribedFeaturizer(BySpecies, SiteFeaturizer):
    """Features of sites from DScribe; a plug-in fills in `made`, `seconds`, `width`, `site_columns`, `citations`.

    Where no species are kept apart, DScribe is told that all atoms are hydrogen.
    """

    species: tuple[str, ...]

    @abstractmethod
    def made(self, species: list[int], *, periodic: bool) -> Any:
        """DScribe's descriptor of the sites for these atomic numbers."""

    @abstractmethod
    def seconds(self, structures: Structures) -> FloatArray:
        """About how long each row takes, shape (n_rows,)."""

    def refusals(self, structures: Structures) -> dict[int, str]:
        found = super().refusals(structures) | strangers(structures, self.species)
        seconds = np.where(structures.sizes > 0, self.seconds(structures), 0.0)
        for row in np.flatnonzero(~(seconds <= MOST_SECONDS)).tolist():
            found.setdefault(
                row,
                f"{structures.sizes[row]:,} sites would take about {seconds[row]:,.0f} s; up to {MOST_SECONDS:g} s are "
                "worked out. Take a smaller cutoff or a smaller cell",
            )
        return found

    @property
    def alike(self) -> bool:
        """Whether atoms of all elements count alike."""
        return not self.species

    def describe_sites(self, structures: Structures, near: Vicinity) -> tuple[FloatArray, dict[int, str]]:
        return np.concatenate(self.created(structures)), {}

    def created(self, structures: Structures, **options: Any) -> list[FloatArray]:
        """What DScribe makes of each row. options : further ones of `made`."""
        numbers = np.ones_like(structures.numbers) if self.alike else structures.site_numbers
        known = np.flatnonzero(kinds_of(self.species) >= 0).tolist() if self.species else np.unique(numbers).tolist()
        repeats: list[bool] = np.atleast_1d(structures.periodic.any(axis=1)).tolist()
        atoms = list(to_atoms(structures, numbers))
        found: dict[int, FloatArray] = {}
        for periodic in sorted(set(repeats)):
            rows = [row for row, repeat in enumerate(repeats) if repeat == periodic]
            values = self.made(known, periodic=periodic, **options).create([atoms[row] for row in rows])
            found |= dict(zip(rows, values if len(rows) > 1 else [values], strict=True))
        return [found[row] for row in range(len(structures))]


def to_atoms(structures: Structures, numbers: IntArray) -> Iterator[Any]:
    """ASE's `Atoms` of each row, without labels and site values.

    Sites are put into the cell: DScribe repeats it just far enough for sites inside, and misses neighbours of others.
    Where a cell is skewed by much, shorter vectors of the same lattice are taken, so that fewer copies are needed.
    """
    atoms = require("ase", extra=EXTRA).Atoms
    lattices, coordinates = compact(structures)
    positions = np.einsum("si,sij->sj", coordinates, lattices[structures.rows])
    offsets = structures.offsets.tolist()
    for row in range(len(structures)):
        part = slice(offsets[row], offsets[row + 1])
        yield atoms(numbers=numbers[part], positions=positions[part], cell=lattices[row], pbc=structures.periodic[row])


def compact(structures: Structures) -> tuple[FloatArray, FloatArray]:
    """Lattices, the skewed ones reduced, and lattice coordinates of the sites inside the cells."""
    lattices, coordinates = structures.lattices.copy(), structures.coordinates.copy()
    found, change = reduced(lattices)
    skewed = structures.periodic.all(axis=1) & (_heights(found) > SKEWED * _heights(lattices))
    lattices[skewed] = found[skewed]
    inverse = np.round(np.linalg.inv(change.astype(float)))
    sites = skewed[structures.rows]
    coordinates[sites] = np.einsum("si,sij->sj", coordinates[sites], inverse[structures.rows[sites]])
    return lattices, np.where(structures.periodic[structures.rows], coordinates % 1.0, coordinates)


def _heights(lattices: FloatArray) -> FloatArray:
    """Product of the distances between opposite faces, shape (n,)."""
    found: FloatArray = 1.0 / np.linalg.norm(np.linalg.inv(lattices), axis=1).prod(axis=1)
    return found
