"""Orbital-field matrix: which valence subshells stand next to which, weighted by the faces of Voronoi cells."""

from __future__ import annotations

from functools import cache

import numpy as np

from matloop.core.arrays import FloatArray, frozen
from matloop.core.elements import MAX_Z, SYMBOLS, configurations
from matloop.matter.neighbours import Vicinity
from matloop.matter.structures import Structures
from matloop.represent.structural.featurizer import SiteFeaturizer
from matloop.represent.structural.voronoi import tessellate

BOHR = 0.529177210903  # Angstrom, CODATA 2018
_PLACES = {"s": 0, "p": 2, "d": 8, "f": 18}
SUBSHELLS = tuple(
    f"{letter}{n}" for letter, most in zip("spdf", (2, 6, 10, 14), strict=True) for n in range(1, most + 1)
)
"""What an atom is described by: s1, s2, p1 ... f14, the subshell and how many electrons are in it."""
NOBLE = (2, 10, 18, 36, 54, 86, 118)
_PERIODS = tuple(f"period {n}" for n in range(1, 8))


@cache
def valence_vectors() -> FloatArray:
    """Occupied valence subshells of the elements, shape (119, 39): 32 of SUBSHELLS, then 7 for the period; 0 or 1.

    Valence are the subshells of the highest principal number n, with d and f of n - 1 and f of n - 2. NaN where no
    electron configuration is known.
    """
    found = np.zeros((MAX_Z + 1, 39))
    for z, shells in enumerate(configurations()):
        outermost = max((n for n, _, _ in shells), default=0)
        for n, letter, electrons in shells:
            if outermost - n <= {"s": 0, "p": 0, "d": 1, "f": 2}[letter]:
                found[z, _PLACES[letter] + electrons - 1] = 1.0
        found[z, 32 + int(np.searchsorted(NOBLE, z))] = 1.0
        if not shells:
            found[z] = np.nan
    return np.asarray(frozen(found))


class OrbitalFieldFeaturizer(SiteFeaturizer):
    """Orbital-field matrix: pairs of valence subshells of a site and of its Voronoi neighbours.

    Entry (a, b) of a site sums, over the neighbours that have subshell a where the site has b, the solid angle of the
    face between them (of the largest face of the site) divided by their distance in Bohr. As matminer's
    `OrbitalFieldMatrix` but for three things: with pymatgen from 2024 on the outermost shell is no longer the last of
    its list, so that matminer takes inner shells of transition metals for valence (here iron is s2 d6 as in the paper);
    its Angstrom is the X-ray unit "Angstrom star", 1.5e-5 longer; and it cuts distances to the nearest image in a cell
    repeated three times.

    Parameters
    ----------
    statistics : over the sites. period : whether the period of the element is described too (39 x 39 instead of
        32 x 32), which tells Na from K.
    """

    needs_cell = True

    def __init__(self, statistics: tuple[str, ...] = ("mean",), period: bool = False) -> None:
        super().__init__(statistics)
        self.period = period

    def site_columns(self) -> tuple[str, ...]:
        names = (*SUBSHELLS, *_PERIODS) if self.period else SUBSHELLS
        return tuple(f"OFM {around} - {centre}" for around in names for centre in names)

    def site_units(self) -> dict[str, str]:
        return dict.fromkeys(self.site_columns(), "1/bohr")

    def refusals(self, structures: Structures) -> dict[int, str]:
        found = super().refusals(structures)
        unknown = np.isnan(valence_vectors()[structures.numbers, 0])
        rows = structures.rows[structures.site_of_species]
        for row in np.unique(rows[unknown]).tolist():
            strange = np.unique(structures.numbers[(rows == row) & unknown]).tolist()
            named = ", ".join(SYMBOLS[z] for z in strange)
            found.setdefault(row, f"the electron configuration of {named} is not known")
        return found

    def describe_sites(self, structures: Structures, near: Vicinity) -> tuple[FloatArray, dict[int, str]]:
        faces = tessellate(structures, near)
        n_sites = len(structures.coordinates)
        vectors = valence_vectors()[structures.site_numbers, : 39 if self.period else 32]
        centres = faces.sites
        largest = np.zeros(n_sites)
        np.maximum.at(largest, centres, faces.solid_angles)
        weights = faces.solid_angles / largest[centres] / (faces.distances / BOHR)
        around = np.zeros((n_sites, vectors.shape[1]))
        for subshell in range(vectors.shape[1]):
            has = vectors[faces.neighbours, subshell] > 0
            around[:, subshell] = np.bincount(centres[has], weights=weights[has], minlength=n_sites)
        found = (around[:, :, None] * vectors[:, None, :]).reshape(n_sites, -1)
        found[np.isin(structures.rows, list(faces.refused))] = np.nan
        return found, dict(faces.refused)

    def citations(self) -> tuple[str, ...]:
        return (
            "T. Lam Pham, H. Kino, K. Terakura, T. Miyake, K. Tsuda, I. Takigawa, H. Chi Dam, Machine learning reveals "
            "orbital interaction in materials, Sci. Technol. Adv. Mater. 18 (2017) 756, "
            "doi:10.1080/14686996.2017.1378060",
        )
