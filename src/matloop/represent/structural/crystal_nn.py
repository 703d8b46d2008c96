"""Which Voronoi neighbours are bonded, and how likely each coordination number is: CrystalNN for whole batches."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache

import numpy as np

from matloop.core.arrays import FloatArray, IntArray, frozen
from matloop.core.elements import ionic_radii, table
from matloop.matter.structures import Structures
from matloop.represent.structural.voronoi import Faces

MAX_X_DIFFERENCE = 3.3  # Pauling: F to Fr, as in pymatgen
_STEPS = 1000  # weights are told apart to three decimals, as there


@dataclass(frozen=True, slots=True)
class Coordination:
    """Coordination numbers that each site may have, with their weights; those of a site sum to at most 1.

    faces : shape (n_bonds,), faces that may be bonds, by site and falling weight.
    strengths : shape (n_bonds,), the weights of these faces, 0 to 1, to six decimals.
    offsets : shape (n_sites + 1,); site s has faces[offsets[s]:offsets[s+1]].
    sites, numbers, weights : shape (n_levels,); site sites[i] has coordination number numbers[i] with weights[i], and
        then its neighbours are its first numbers[i] faces.
    """

    faces: IntArray
    strengths: FloatArray
    offsets: IntArray
    sites: IntArray
    numbers: IntArray
    weights: FloatArray

    def __post_init__(self) -> None:
        for field in fields(self):
            frozen(getattr(self, field.name))

    def likeliest(self) -> IntArray:
        """The coordination number of each site with the largest weight, shape (n_sites,); 0 if none weighs more."""
        n = len(self.offsets) - 1
        rest = 1.0 - np.bincount(self.sites, weights=self.weights, minlength=n)
        sites = np.concatenate([self.sites, np.arange(n)])
        numbers = np.concatenate([self.numbers, np.zeros(n, np.int64)])
        weights = np.concatenate([self.weights, rest])
        # of equal weights the smaller number that is not 0, as pymatgen's order of insertion has it
        order = np.lexsort((numbers, numbers == 0, -np.round(weights, 12), sites))
        likeliest: IntArray = numbers[order][np.searchsorted(sites[order], np.arange(n))]
        return likeliest

    def expected(self) -> FloatArray:
        """The mean coordination number of each site, shape (n_sites,)."""
        numbers = self.weights * self.numbers
        return np.bincount(self.sites, weights=numbers, minlength=len(self.offsets) - 1).astype(float)

    def bonds(self) -> IntArray:
        """The faces that are bonds, by the likeliest coordination number of each site."""
        rank = np.arange(len(self.faces)) - np.repeat(self.offsets[:-1], np.diff(self.offsets))
        return self.faces[rank < np.repeat(self.likeliest(), np.diff(self.offsets))]


def crystal_coordination(
    structures: Structures,
    faces: Faces,
    *,
    distance_cutoffs: tuple[float, ...] = (0.5, 1.0),
    x_diff_weight: float = 3.0,
    porous: bool = True,
) -> Coordination:
    """Weigh the Voronoi neighbours of each site, and from that its coordination numbers.

    The weight of a neighbour is the solid angle of its face, relative to the largest; then the share of a quarter of
    the unit circle between two distinct weights is the weight of the coordination number that counts the neighbours
    down to the larger one. As pymatgen's `CrystalNN` has it, without its choice `cation_anion`.

    Parameters
    ----------
    structures : ordered. faces : their Voronoi faces.
    distance_cutoffs : Angstrom beyond the sum of the radii; from the first on a neighbour weighs less, beyond the
        second nothing. () for no such limit. Radii are those of the ions where both sites have an oxidation state,
        else covalent.
    x_diff_weight : how much a difference in electronegativity adds to the weight of a neighbour.
    porous : whether weights are taken per area of the face, for open and layered structures.

    References
    ----------
    Pan et al., Inorg. Chem. 60 (2021) 1590. doi:10.1021/acs.inorgchem.0c02996; Zimmermann & Jain, RSC Adv. 10 (2020)
    6063. doi:10.1039/C9RA07755C
    """
    site, other = faces.sites, faces.neighbours
    weights = faces.solid_angles / _largest(faces.solid_angles, faces.offsets)
    if porous:
        weights = weights * faces.solid_angles / faces.areas
    if x_diff_weight > 0:
        x = table("periodic").column("X")[structures.site_numbers]
        difference = np.abs(x[site] - x[other])
        known = np.isfinite(difference)
        weights = weights * (1 + x_diff_weight * np.sqrt(np.where(known, difference, 0.0) / MAX_X_DIFFERENCE))
    weights = weights / _largest(weights, faces.offsets)
    if distance_cutoffs:
        low, high = distance_cutoffs
        beyond = (faces.distances - _diameters(structures, site, other) - low) / (high - low)
        weights = weights * (np.cos(np.clip(beyond, 0.0, 1.0) * np.pi) + 1) * 0.5
    return _levels(weights, faces)


def _largest(values: FloatArray, offsets: IntArray) -> FloatArray:
    """The largest value of each site, for each of its faces."""
    counts = np.diff(offsets)
    some = counts > 0
    most: FloatArray = np.maximum.reduceat(values, offsets[:-1][some]) if some.any() else np.empty(0)
    return np.repeat(most, counts[some])


def _diameters(structures: Structures, site: IntArray, other: IntArray) -> FloatArray:
    """The sum of the radii of two sites: of ions if both have one, else covalent."""
    ions = _ion_radii(structures)
    covalent = table("covalent").column("covalent_radius")[structures.site_numbers]
    both = (ions[site] > 0) & (ions[other] > 0)
    return np.where(both, ions[site] + ions[other], covalent[site] + covalent[other])


def _ion_radii(structures: Structures) -> FloatArray:
    """Radius of the ion on each site of ordered structures, as pymatgen finds it: 0 where none is known.

    A state between two listed ones has a radius between theirs, one without neighbours the average of the element.
    """
    states = structures.oxidation[structures.species_offsets[:-1]]
    numbers = structures.site_numbers
    asked, place = np.unique(np.stack([numbers, np.nan_to_num(states, nan=np.inf)]), axis=1, return_inverse=True)
    radii = [_ion_radius(int(z), state) if np.isfinite(state) else 0.0 for z, state in asked.T.tolist()]
    return np.array(radii, dtype=float)[place.reshape(-1)]


@cache
def _ion_radius(z: int, state: float) -> float:
    if state == 0:
        return float(table("covalent").column("covalent_radius")[z])
    low, high = ionic_radii().get((z, int(np.floor(state)))), ionic_radii().get((z, int(np.ceil(state))))
    if low is not None and high is not None:
        return low + (high - low) * (state - np.floor(state))
    mean = table("periodic").column("average_cationic_radius" if state > 0 else "average_anionic_radius")[z]
    return float(np.nan_to_num(mean))


def _levels(strengths: FloatArray, faces: Faces) -> Coordination:
    """Coordination numbers from the weights of faces."""
    # equal weights differ by rounding, so that what lies on a border goes up
    weights = np.floor(strengths * _STEPS + 0.5 + 1e-7).astype(np.int64)
    strengths, site = np.round(strengths, 6), faces.sites
    order = np.lexsort((-strengths, -weights, site))
    order = order[weights[order] > 0]
    site, weight = site[order], weights[order]
    n = len(faces.offsets) - 1
    offsets = np.concatenate([[0], np.cumsum(np.bincount(site, minlength=n))]).astype(np.int64)
    ends = np.ones(len(order), dtype=bool)
    ends[:-1] = (np.diff(site) != 0) | (np.diff(weight) != 0)
    last = np.flatnonzero(ends)
    following = np.zeros(len(last), np.int64)
    same = np.diff(site[last]) == 0
    following[:-1][same] = weight[last[1:]][same]
    share = _quarter_circle(weight[last] / _STEPS) - _quarter_circle(following / _STEPS)
    return Coordination(order, strengths[order], offsets, site[last], last + 1 - offsets[site[last]], share)


def _quarter_circle(x: FloatArray) -> FloatArray:
    """Share of the quarter of the unit circle that lies below x."""
    return (x * np.sqrt(1 - x * x) + np.arcsin(x)) * 2 / np.pi


def number_table(coordination: Coordination, most: int) -> FloatArray:
    """Weights of the coordination numbers 1 to `most` of each site, shape (n_sites, most)."""
    found = np.zeros((len(coordination.offsets) - 1, most))
    kept = coordination.numbers <= most
    found[coordination.sites[kept], coordination.numbers[kept] - 1] = coordination.weights[kept]
    return found
