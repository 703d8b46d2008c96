"""Descriptors that DScribe computes, behind the contract of our featurizers: bulk conversion, bounds, reasons."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
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
SKEWED = 3.0
"""Product of the lengths of the lattice vectors by the volume, from which on shorter vectors are looked for."""
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
        return np.concatenate(list(self.created(structures))), {}

    def created(self, structures: Structures, **options: Any) -> Sequence[FloatArray] | FloatArray:
        """What DScribe makes of each row. options : further ones of `made`."""
        numbers = np.ones_like(structures.numbers) if self.alike else structures.site_numbers
        known = np.flatnonzero(kinds_of(self.species) >= 0).tolist() if self.species else np.unique(numbers).tolist()
        repeats: list[bool] = np.atleast_1d(structures.periodic.any(axis=1)).tolist()
        atoms = list(to_atoms(structures, numbers))
        if len(atoms) > 1 and len(set(repeats)) == 1:
            found: Sequence[FloatArray] = self.made(known, periodic=repeats[0], **options).create(atoms)
            return found
        made = {periodic: self.made(known, periodic=periodic, **options) for periodic in set(repeats)}
        return [made[repeat].create(one) for repeat, one in zip(repeats, atoms, strict=True)]


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
    defects = np.linalg.norm(lattices, axis=2).prod(axis=1) / np.abs(np.linalg.det(lattices))
    rows = np.flatnonzero(structures.periodic.all(axis=1) & (defects > SKEWED))
    if len(rows):
        lattices[rows], change = reduced(lattices[rows])
        inverse = np.tile(np.eye(3), (len(lattices), 1, 1))
        inverse[rows] = np.round(np.linalg.inv(change.astype(float)))
        coordinates = np.einsum("si,sij->sj", coordinates, inverse[structures.rows])
    return lattices, np.where(structures.periodic[structures.rows], coordinates % 1.0, coordinates)
