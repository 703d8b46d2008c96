"""The bonds of sites with weights, by several notions of who is a neighbour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.core.errors import ConfigError
from matloop.matter.neighbours import Vicinity
from matloop.matter.structures import Structures
from matloop.represent.structural.environments import segment_sums
from matloop.represent.structural.smooth_cutoff import COSINE
from matloop.represent.structural.voronoi import tessellate

NEIGHBOURS = ("solid_angle", "area", "cutoff", "fade")


@dataclass(frozen=True, slots=True)
class Bonds:
    """The bonds of all sites, each listed from both ends.

    offsets : shape (n_sites + 1,); site s has bonds offsets[s]:offsets[s+1]. neighbours : shape (n_bonds,), the other
    site. vectors : shape (n_bonds, 3), Angstrom. distances : shape (n_bonds,), Angstrom. weights : shape (n_bonds,);
    those of a site sum to one. refused : {row: why it has no bonds, or one of its sites none}.
    """

    offsets: IntArray
    neighbours: IntArray
    vectors: FloatArray
    distances: FloatArray
    weights: FloatArray
    refused: dict[int, str]

    @property
    def sites(self) -> IntArray:
        """The site of each bond, shape (n_bonds,)."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    def mean(self, values: FloatArray) -> FloatArray:
        """Weighted mean over the bonds of each site: values of shape (..., n_bonds) to (..., n_sites); NaN without."""
        means = segment_sums(values * self.weights, self.offsets)
        means[..., np.diff(self.offsets) == 0] = np.nan
        return means


def bonds(structures: Structures, near: Vicinity, neighbours: str, cutoff: float, *, tolerance: float = 0.0) -> Bonds:
    """Who is bonded to whom.

    Parameters
    ----------
    neighbours : "solid_angle" or "area": all that share a face of their Voronoi cells, weighted by its solid angle or
        area, so that a face that shrinks fades out; "cutoff": all within `cutoff`, alike; "fade": these, with weights
        (cos(pi r / cutoff) + 1) / 2. cutoff : Angstrom, only for the last two. tolerance : faces with at most this
        share of the weight of the largest of their cell are left out, as by pymatgen's `tol`.

    Raises
    ------
    ConfigError : `neighbours` is none of these.
    """
    if neighbours not in NEIGHBOURS:
        raise ConfigError(f"neighbours={neighbours!r} is not known. Take one of: {', '.join(NEIGHBOURS)}.")
    if neighbours in ("cutoff", "fade"):
        listed = near.within(cutoff)
        weights = np.ones(len(listed.first)) if neighbours == "cutoff" else COSINE.value(listed.distances, cutoff)
        found = (listed.offsets, listed.second, listed.vectors, listed.distances)
        refused, why = dict(listed.refused), f"a site has no neighbour within {cutoff:g} A. Take a larger cutoff"
    else:
        faces = tessellate(structures, near)
        weights = faces.solid_angles if neighbours == "solid_angle" else faces.areas
        keep = _large(weights, faces.offsets, tolerance)
        offsets = np.concatenate([[0], np.cumsum(keep)])[faces.offsets]
        found, weights = (offsets, faces.neighbours[keep], faces.vectors[keep], faces.distances[keep]), weights[keep]
        refused, why = dict(faces.refused), "a site has no face of a Voronoi cell"
    counts = np.diff(found[0])
    alone = np.unique(structures.rows[counts == 0]).tolist()
    totals = np.repeat(segment_sums(weights, found[0]), counts)
    return Bonds(*found, weights / totals, dict.fromkeys(alone, why) | refused)


def _large(weights: FloatArray, offsets: IntArray, tolerance: float) -> BoolArray:
    """Whether each weight is above the share `tolerance` of the largest of its site."""
    filled = np.flatnonzero(np.diff(offsets))
    largest = np.zeros(len(offsets) - 1)
    if len(filled):
        largest[filled] = np.maximum.reduceat(weights, offsets[:-1][filled])
    large: BoolArray = weights > tolerance * np.repeat(largest, np.diff(offsets))
    return large
