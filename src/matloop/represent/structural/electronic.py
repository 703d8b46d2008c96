"""Radial distribution of charges."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.matter.neighbours import Vicinity
from matloop.matter.structures import Structures
from matloop.represent.structural.charges import STATES_CITED, site_charges
from matloop.represent.structural.featurizer import StructureFeaturizer
from matloop.represent.structural.radial import bins_of, n_bins
from matloop.represent.structural.separations import separations


class ElectronicRdfFeaturizer(StructureFeaturizer):
    """Electronic radial distribution function: which charges stand how far from each other.

    Columns "ReDF [2.00000 - 2.10000]A" and so on: per site the sum of q_i q_j / r over pairs at this distance,
    e^2/Angstrom; negative where unlike charges face each other. Charges are formal (`site_charges`): the given
    oxidation states, else the most frequent ones that balance; pure elements have zeros.

    Equal to matminer's `ElectronicRadialDistributionFunction` of a primitive cell with these charges. It throws given
    states away and takes those of pymatgen's bond-valence analysis, and idealises the cell to the symmetry that spglib
    finds, which moves atoms by up to 0.01 Angstrom into other bins; its last column, for atoms exactly at the cutoff,
    is left out. A histogram: values jump where an atom crosses an edge.

    Parameters
    ----------
    cutoff : Angstrom; matminer's default is 20. bin_size : Angstrom; matminer's default is 0.05.
    """

    needs_order = False

    def __init__(self, cutoff: float = 10.0, bin_size: float = 0.1) -> None:
        self.cutoff = cutoff
        self.bin_size = bin_size

    def columns(self) -> tuple[str, ...]:
        n = n_bins(self.cutoff, self.bin_size)
        ends = [*(self.bin_size * k for k in range(n)), self.cutoff]
        return tuple(f"ReDF [{low:.5f} - {high:.5f}]A" for low, high in pairwise(ends))

    def describe(self, structures: Structures, near: Vicinity) -> tuple[FloatArray, dict[int, str]]:
        n = n_bins(self.cutoff, self.bin_size)
        charges, refused = site_charges(structures)
        found = separations(structures, near, self.cutoff)
        refused = {**found.refused, **refused}
        place = found.rows * n + bins_of(found.distances, self.bin_size, n)
        weights = 2.0 * np.nan_to_num(charges[found.first] * charges[found.second]) / found.distances
        sums = np.bincount(place, weights=weights, minlength=len(structures) * n).reshape(-1, n)
        features: FloatArray = sums / structures.sizes[:, None]
        features[list(refused)] = np.nan
        return features, refused

    def units(self) -> dict[str, str]:
        return dict.fromkeys(self.columns(), "e^2/angstrom")

    def citations(self) -> tuple[str, ...]:
        return (
            "E. L. Willighagen, R. Wehrens, P. Verwer, R. de Gelder, L. M. C. Buydens, Method for the computational "
            "comparison of crystal structures, Acta Cryst. B 61 (2005) 29, doi:10.1107/S0108768104028344",
            STATES_CITED,
        )
