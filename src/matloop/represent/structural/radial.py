"""Radial distribution functions as histograms: of all atoms, and of pairs of classes of elements."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.elements import Z_OF, table
from matloop.core.errors import ConfigError
from matloop.matter.neighbours import Vicinity
from matloop.matter.structures import Structures
from matloop.represent.structural.element_classes import labels, pairs, shares, strangers
from matloop.represent.structural.featurizer import StructureFeaturizer
from matloop.represent.structural.separations import EDGE, Separations, separations

MOST_BINS = 10_000


def n_bins(cutoff: float, bin_size: float) -> int:
    """How many bins reach from zero to `cutoff`.

    Raises
    ------
    ConfigError : a length is not positive and finite, or there would be more than MOST_BINS.
    """
    if not (0 < bin_size <= cutoff < math.inf):
        raise ConfigError(f"cutoff = {cutoff}, bin_size = {bin_size}: 0 < bin_size <= cutoff (Angstrom) was expected.")
    n = math.ceil(round(cutoff / bin_size, 6))
    if n > MOST_BINS:
        raise ConfigError(f"bin_size = {bin_size} makes {n:,} bins up to {cutoff} A; up to {MOST_BINS:,} are possible.")
    return n


def bins_of(distances: FloatArray, bin_size: float, n: int) -> IntArray:
    """The bin of each distance; the last one holds its upper end."""
    return np.minimum(((distances + EDGE) / bin_size).astype(np.int64), n - 1)


def shell_volumes(bin_size: float, n: int) -> FloatArray:
    """Volumes of the shells, shape (n,), cubic Angstrom."""
    return 4.0 / 3.0 * math.pi * bin_size**3 * np.diff(np.arange(n + 1.0) ** 3)


class RdfFeaturizer(StructureFeaturizer):
    """Radial distribution function: density of atoms at a distance from an atom, over their mean density.

    Columns "rdf [0.00000 - 0.10000]A" and so on, dimensionless; towards one at large distances. A shared or partly
    vacant site counts by its occupancy. matminer's `RadialDistributionFunction` leaves the sum over the sites as
    it is, so that a supercell has larger values there; divide them by the number of sites to get these.

    A histogram: an atom that crosses an edge of a bin or the cutoff changes two values by a jump. `grdf` does not. A
    distance on an edge (to 1e-8 Angstrom) counts in the upper bin; in matminer rounding decides.

    Parameters
    ----------
    cutoff : Angstrom; matminer's default is 20, which costs eight times as much.
    bin_size : Angstrom, width of a bin.
    """

    needs_order = False
    needs_cell = True

    def __init__(self, cutoff: float = 10.0, bin_size: float = 0.1) -> None:
        self.cutoff = cutoff
        self.bin_size = bin_size

    def columns(self) -> tuple[str, ...]:
        n = n_bins(self.cutoff, self.bin_size)
        ends = [*(self.bin_size * k for k in range(n)), self.cutoff]
        return tuple(f"rdf [{low:.5f} - {high:.5f}]A" for low, high in pairwise(ends))

    def describe(self, structures: Structures, near: Vicinity) -> tuple[FloatArray, dict[int, str]]:
        n = n_bins(self.cutoff, self.bin_size)
        found = separations(structures, near, self.cutoff)
        place = found.rows * n + bins_of(found.distances, self.bin_size, n)
        full, atoms = occupied(structures)
        weights = 2.0 * full[found.first] * full[found.second]
        counts = np.bincount(place, weights=weights, minlength=len(structures) * n).reshape(-1, n)
        density = atoms / structures.volumes
        features = counts / shell_volumes(self.bin_size, n) / (atoms * density)[:, None]
        return without(features, found), dict(found.refused)

    def citations(self) -> tuple[str, ...]:
        return ("M. P. Allen, D. J. Tildesley, Computer simulation of liquids, Oxford University Press (1987)",)


class PartialRdfFeaturizer(StructureFeaturizer):
    """Partial radial distribution functions: atoms of one class around an atom of another, per volume of the shell.

    Columns "metal-nonmetal PRDF r=2.00-2.50" and so on, atoms per cubic Angstrom: for each pair of classes the atoms of
    the second around an atom of the first (the mean over these), zero where a class is absent. A shared site counts
    by the occupancies of its species. With `elements` the pairs and values are those of matminer's
    `PartialRadialDistributionFunction` fitted to these elements, the less electronegative one of a pair first;
    rows with others are then refused.

    A histogram, as `rdf`: values jump where an atom crosses an edge.

    Parameters
    ----------
    cutoff : Angstrom. bin_size : Angstrom.
    elements : symbols; by default the three classes metal, metalloid (B, Si, Ge, As, Sb, Te) and nonmetal, whose six
        pairs every composition has.
    """

    needs_order = False

    def __init__(self, cutoff: float = 10.0, bin_size: float = 0.5, elements: tuple[str, ...] = ()) -> None:
        self.cutoff = cutoff
        self.bin_size = bin_size
        self.elements = elements

    def columns(self) -> tuple[str, ...]:
        names, _ = self._labels()
        bins = [(self.bin_size * k, self.bin_size * (k + 1)) for k in range(n_bins(self.cutoff, self.bin_size))]
        listed, _ = pairs(len(names))
        return tuple(f"{names[a]}-{names[b]} PRDF r={low:.2f}-{high:.2f}" for a, b in listed for low, high in bins)

    def describe(self, structures: Structures, near: Vicinity) -> tuple[FloatArray, dict[int, str]]:
        n = n_bins(self.cutoff, self.bin_size)
        names, class_of = self._labels()
        listed, pair_of = pairs(len(names))
        found = separations(structures, near, self.cutoff)
        share = shares(structures, class_of, len(names))
        start = (found.rows * len(listed) * n) + bins_of(found.distances, self.bin_size, n)
        counts = np.zeros(len(structures) * len(listed) * n)
        for a in range(len(names)):
            for b in range(len(names)):
                weight = share[found.first, a] * share[found.second, b]
                some = np.flatnonzero(weight)
                # a pair of one class is seen from both ends; of two, from the first one's
                counts += np.bincount(
                    start[some] + pair_of[a, b] * n, weights=weight[some] * (1 + (a == b)), minlength=len(counts)
                )
        atoms = np.stack([np.bincount(structures.rows, weights=one, minlength=len(structures)) for one in share.T], 1)
        centres = atoms[:, [a for a, _ in listed]]
        shells = shell_volumes(self.bin_size, n)
        features = counts.reshape(-1, len(listed), n) / shells / np.where(centres > 0, centres, 1.0)[:, :, None]
        return without(features.reshape(len(structures), -1), found), dict(found.refused)

    def refusals(self, structures: Structures) -> dict[int, str]:
        return {**strangers(structures, self._labels()[1]), **super().refusals(structures)}

    def _labels(self) -> tuple[tuple[str, ...], IntArray]:
        x = np.nan_to_num(table("periodic").column("X"), nan=np.inf)
        known = [symbol for symbol in self.elements if symbol in Z_OF]
        by_x = sorted(known, key=lambda symbol: (x[Z_OF[symbol]], symbol))
        return labels(tuple(by_x) if len(known) == len(self.elements) else self.elements, kinds=True)

    def units(self) -> dict[str, str]:
        return dict.fromkeys(self.columns(), "1/angstrom^3")

    def citations(self) -> tuple[str, ...]:
        return (
            "K. T. Schuett et al., How to represent crystal structures for machine learning: towards fast prediction "
            "of electronic properties, Phys. Rev. B 89 (2014) 205118, doi:10.1103/PhysRevB.89.205118",
        )


def occupied(structures: Structures) -> tuple[FloatArray, FloatArray]:
    """How full each site is, shape (n_sites,), and the atoms of each row, shape (n_rows,)."""
    sites = structures.site_of_species
    full = np.bincount(sites, weights=structures.occupancies, minlength=len(structures.coordinates)).astype(float)
    return full, np.bincount(structures.rows, weights=full, minlength=len(structures)).astype(float)


def without(features: FloatArray, found: Separations) -> FloatArray:
    """`features` with NaN in the rows that have no pairs for a reason."""
    features[list(found.refused)] = np.nan
    return features
