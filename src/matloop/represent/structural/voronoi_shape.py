"""What Voronoi cells say of a whole crystal: how unlike its environments are, how ordered its elements, how packed."""

from __future__ import annotations

import math

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import ConfigError
from matloop.matter.neighbours import Vicinity
from matloop.matter.structures import Structures
from matloop.represent.structural.featurizer import StructureFeaturizer
from matloop.represent.structural.pooling import STATISTICS
from matloop.represent.structural.voronoi import Faces, tessellate

WARD_2017 = (
    "L. Ward et al., Including crystal structure attributes in machine learning models of formation energies via "
    "Voronoi tessellations, Phys. Rev. B 96 (2017) 024104, doi:10.1103/PhysRevB.96.024104"
)
VARIATION = ("minimum", "maximum", "range", "mean", "avg_dev")
SHELLS = (1, 2, 3)


class HeterogeneityFeaturizer(StructureFeaturizer):
    """How much bond lengths and cell sizes vary within a crystal, by its Voronoi cells; nothing has a length scale.

    Columns and values as matminer's `StructuralHeterogeneity`: the mean bond length of a site is that to all sites
    whose cells touch its own, weighted by the area of the faces; its variation is the mean absolute deviation so
    weighted, over the mean. What sits on a site does not matter.

    For about one crystal in a hundred matminer differs, by up to 0.02: it takes all cells from one tessellation of a
    cluster (pymatgen's `get_all_voronoi_polyhedra`), and the cells of sites at its border come out too large, so that
    together they exceed the unit cell. Here they fill it.

    Continuous in the positions: the weight of a neighbour goes to zero as its face does.
    """

    needs_order = False
    needs_cell = True

    def columns(self) -> tuple[str, ...]:
        return (
            "mean absolute deviation in relative bond length",
            "max relative bond length",
            "min relative bond length",
            *(f"{name} neighbor distance variation" for name in VARIATION),
            "mean absolute deviation in relative cell size",
        )

    def describe(self, structures: Structures, near: Vicinity) -> tuple[FloatArray, dict[int, str]]:
        faces = tessellate(structures, near)
        sites, areas = faces.sites, faces.areas
        n_sites, offsets = len(structures.coordinates), structures.offsets
        with np.errstate(invalid="ignore"):  # sites of refused rows have no faces: NaN
            whole = np.bincount(sites, weights=areas, minlength=n_sites)
            length = np.bincount(sites, weights=areas * faces.distances, minlength=n_sites) / whole
            off = np.bincount(sites, weights=areas * np.abs(faces.distances - length[sites]), minlength=n_sites) / whole
        variation = (off / length)[:, None]
        size = faces.volumes[:, None]
        relative = (length / np.repeat(STATISTICS["mean"](length[:, None], offsets)[:, 0], structures.sizes))[:, None]
        parts = [STATISTICS[name](relative, offsets) for name in ("avg_dev", "maximum", "minimum")]
        parts += [STATISTICS[name](variation, offsets) for name in VARIATION]
        parts += [STATISTICS["avg_dev"](size, offsets) / STATISTICS["mean"](size, offsets)]
        return np.concatenate(parts, axis=1), dict(faces.refused)

    def citations(self) -> tuple[str, ...]:
        return (WARD_2017,)


class PackingEfficiencyFeaturizer(StructureFeaturizer):
    """Largest share of space that spheres fill, one per site, each as large as its Voronoi cell allows.

    Column "max packing efficiency" as matminer's `MaximumPackingEfficiency`. Continuous in the positions.
    """

    needs_order = False
    needs_cell = True

    def columns(self) -> tuple[str, ...]:
        return ("max packing efficiency",)

    def describe(self, structures: Structures, near: Vicinity) -> tuple[FloatArray, dict[int, str]]:
        faces = tessellate(structures, near)
        # faces of a site are sorted: the first is the nearest
        some = np.diff(faces.offsets) > 0
        radii = np.full(len(structures.coordinates), np.nan)
        radii[some] = faces.face_distances[faces.offsets[:-1][some]]
        spheres = 4.0 / 3.0 * math.pi * np.bincount(structures.rows, weights=radii**3, minlength=len(structures))
        return (spheres / structures.volumes)[:, None], dict(faces.refused)

    def citations(self) -> tuple[str, ...]:
        return (WARD_2017,)


class ChemicalOrderingFeaturizer(StructureFeaturizer):
    """How far the elements around a site are from a random mixture: Warren-Cowley parameters by Voronoi cells.

    Columns "mean ordering parameter shell 1" and so on, as matminer's `ChemicalOrdering`: the mean over sites and
    elements t of |1 - w_t / x_t|, where x_t is the atomic fraction and w_t the share of t in the n-th shell. A shell
    is reached by n steps through faces that never come back to a site; a path weighs the product of its faces' areas,
    each over the largest of the site left. Zero for an element and for a random alloy (sites shared alike). A shared
    site counts by its occupancies. (matminer differs where it does in `HeterogeneityFeaturizer`; made of pymatgen's
    cells site by site its values are these.)

    Continuous in the positions but where another face becomes the largest of a site, and there the ratio is the same.

    Parameters
    ----------
    shells : among 1, 2, 3.
    """

    needs_order = False
    needs_cell = True

    def __init__(self, shells: tuple[int, ...] = SHELLS) -> None:
        self.shells = shells

    def columns(self) -> tuple[str, ...]:
        if not self.shells or not set(self.shells) <= set(SHELLS) or len(set(self.shells)) < len(self.shells):
            raise ConfigError(f"shells = {self.shells}: some of 1, 2 and 3 were expected, each once.")
        return tuple(f"mean ordering parameter shell {n}" for n in self.shells)

    def describe(self, structures: Structures, near: Vicinity) -> tuple[FloatArray, dict[int, str]]:
        faces = tessellate(structures, near)
        kinds = _kinds(structures)
        totals = np.stack([np.bincount(structures.rows, weights=one, minlength=len(structures)) for one in kinds])
        fractions = totals / np.maximum(totals.sum(axis=0), 1e-300)
        present = totals > 0
        around = _shells(faces, kinds, max(self.shells))
        features = np.empty((len(structures), len(self.shells)))
        x = np.where(present, fractions, 1.0)[:, structures.rows]
        for k, shell in enumerate(self.shells):
            weights = around[shell - 1]
            with np.errstate(invalid="ignore"):
                order = np.abs(1.0 - weights / _added(weights) / x)
            order[~present[:, structures.rows]] = 0.0
            total = np.bincount(structures.rows, weights=_added(order), minlength=len(structures))
            features[:, k] = total / structures.sizes / present.sum(axis=0)
        features[present.sum(axis=0) == 1] = 0.0
        features[list(faces.refused)] = np.nan
        return features, dict(faces.refused)

    def citations(self) -> tuple[str, ...]:
        return (
            WARD_2017,
            "J. M. Cowley, An approximate theory of order in alloys, Phys. Rev. 77 (1950) 669, "
            "doi:10.1103/PhysRev.77.669",
        )


def _kinds(structures: Structures) -> FloatArray:
    """How much of each site each element of its row has, shape (most elements of a row, n_sites)."""
    rows = structures.rows[structures.site_of_species]
    keys, of_species = np.unique(rows * 128 + structures.numbers, return_inverse=True)
    starts = np.searchsorted(keys // 128, np.arange(len(structures)))
    place = (np.arange(len(keys)) - starts[keys // 128])[of_species]
    n_sites = len(structures.coordinates)
    most = int(place.max(initial=0)) + 1
    where = place * n_sites + structures.site_of_species
    return (
        np.bincount(where, weights=structures.occupancies, minlength=most * n_sites)
        .reshape(most, n_sites)
        .astype(float)
    )


def _added(values: FloatArray) -> FloatArray:
    """Sum over the first axis, entry by entry: rows with fewer elements have the same bits in every batch."""
    total = values[0].copy()
    for one in values[1:]:
        total += one
    return total


def _shells(faces: Faces, kinds: FloatArray, deepest: int) -> list[FloatArray]:
    """Weights of the elements in the shells of each site, each of the shape of `kinds`."""
    first, second = faces.sites, faces.neighbours
    n_sites = kinds.shape[1]

    def summed(of_faces: FloatArray) -> FloatArray:
        return np.bincount(first, weights=of_faces, minlength=n_sites).astype(float)

    largest = np.zeros(n_sites)
    some = np.diff(faces.offsets) > 0
    largest[some] = np.maximum.reduceat(faces.areas, faces.offsets[:-1][some]) if some.any() else 0.0
    out = faces.areas / largest[first]
    back = faces.areas / largest[second]  # the same face, left from the other side
    one = np.stack([summed(out * kind[second]) for kind in kinds])
    shells = [one]
    if deepest > 1:
        # the second step may go anywhere but back
        beyond = [one[k][second] - back * kind[first] for k, kind in enumerate(kinds)]
        shells.append(np.stack([summed(out * there) for there in beyond]))
    if deepest > 2:
        # of a face j -> k: all that can follow, but back to j; of two steps: not back to i, and not i -> j -> k -> i
        following = np.stack([summed(out * there) for there in beyond])
        triangles = _triangles(faces, out)
        parts = [
            summed(out * (following[k][second] - back * (one[k][first] - out * kind[second]))) - triangles * kind
            for k, kind in enumerate(kinds)
        ]
        shells.append(np.stack(parts))
    return shells


def _triangles(faces: Faces, out: FloatArray) -> FloatArray:
    """Weight of all paths of three steps that end where they began, shape (n_sites,)."""
    first, second = faces.sites, faces.neighbours
    counts = np.diff(faces.offsets)[second]
    step = np.repeat(np.arange(len(first)), counts)
    then = np.repeat(faces.offsets[second] - (np.cumsum(counts) - counts), counts) + np.arange(int(counts.sum()))
    span = int(np.abs(faces.images).max(initial=0)) * 2 + 1
    width, middle = 2 * span + 1, span

    def key(end: IntArray, start: IntArray, images: IntArray) -> IntArray:
        found = start * len(faces.volumes) + end
        for axis in range(3):
            found = found * width + images[:, axis] + middle
        return found

    known = key(second, first, faces.images)
    order = np.argsort(known)
    # what leads back: from where the second step ends to where the first began, by the opposite of both images
    asked = key(first[step], second[then], -(faces.images[step] + faces.images[then]))
    place = np.minimum(np.searchsorted(known, asked, sorter=order), max(len(known) - 1, 0))
    hit = np.flatnonzero(known[order[place]] == asked) if len(known) else np.empty(0, np.int64)
    closing = order[place[hit]]
    weights = out[step[hit]] * out[then[hit]] * out[closing]
    return np.bincount(first[step[hit]], weights=weights, minlength=len(faces.volumes)).astype(float)
