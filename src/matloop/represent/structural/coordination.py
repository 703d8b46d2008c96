"""How many neighbours each site has, by several accepted ways of counting."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray
from matloop.matter.neighbours import Vicinity
from matloop.matter.structures import Structures
from matloop.represent.structural.crystal_nn import crystal_coordination
from matloop.represent.structural.featurizer import SiteFeaturizer
from matloop.represent.structural.op_site import CUTOFF, nearest
from matloop.represent.structural.voronoi import Faces, tessellate

COLUMNS = ("CN_CrystalNN", "CN_CrystalNN_weighted", "CN_VoronoiNN", "CN_VoronoiNN_effective", "CN_MinimumDistanceNN")
TIE = 1e-8


class CoordinationFeaturizer(SiteFeaturizer):
    """Coordination numbers of each site, pooled to the structure.

    Columns of a site: "CN_CrystalNN", the likeliest number by CrystalNN, and "_weighted", the mean over its weights;
    "CN_VoronoiNN", the faces of the Voronoi cell, and "_effective", (sum of w)^2 / sum of w^2 with the solid angles w;
    "CN_MinimumDistanceNN", the neighbours up to `tolerance` farther than the nearest. Equal to matminer's
    `CoordinationNumber` of these names (pymatgen), but for splinters of Voronoi faces, see `voronoi.SMALL_FACE`. A slab
    or molecule has the last column only.

    Parameters
    ----------
    face_tolerance : share of the largest solid angle of a site; smaller Voronoi faces are not counted.
    tolerance : share of the nearest distance.
    """

    needs_order = True
    needs_cell = False

    def __init__(
        self,
        face_tolerance: float = 0.0,
        tolerance: float = 0.1,
        statistics: tuple[str, ...] = ("mean", "std", "minimum", "maximum"),
    ) -> None:
        super().__init__(statistics)
        self.face_tolerance = face_tolerance
        self.tolerance = tolerance

    def site_columns(self) -> tuple[str, ...]:
        return COLUMNS

    def describe_sites(self, structures: Structures, near: Vicinity) -> tuple[FloatArray, dict[int, str]]:
        vectors, known, alone = nearest(structures, near)
        faces = tessellate(structures, near)
        likely = crystal_coordination(structures, faces)
        found = np.full((len(structures.coordinates), len(COLUMNS)), np.nan)
        found[:, 0], found[:, 1] = likely.likeliest(), likely.expected()
        found[:, 2:4] = _of_faces(faces, self.face_tolerance)
        found[np.isnan(faces.volumes), :4] = np.nan
        found[:, 4] = _as_near(vectors, known, near, 1 + self.tolerance)
        found[np.isin(structures.rows, list(alone)), 4] = np.nan
        return found, {**alone, **faces.refused}

    def citations(self) -> tuple[str, ...]:
        return (
            "Pan et al. 2021, doi:10.1021/acs.inorgchem.0c02996",
            "O'Keeffe 1979, doi:10.1107/S0567739479001765",
            "Ward et al. 2017, doi:10.1103/PhysRevB.96.024104",
        )


def _as_near(vectors: FloatArray, known: BoolArray, near: Vicinity, ratio: float) -> FloatArray:
    """Neighbours of each site up to `ratio` times as far as the nearest, shape (n_sites,)."""
    distances = np.where(known, np.sqrt((vectors * vectors).sum(axis=2)), np.inf)
    reach = distances[:, 0] * ratio - TIE
    listed = near.within(CUTOFF)
    counts = np.bincount(listed.first[listed.distances < reach[listed.first]], minlength=len(reach))
    # the nearest may be beyond that list; of so lonely sites the first 13 are known
    return np.where(reach < CUTOFF, counts, (distances < reach[:, None]).sum(axis=1))


def _of_faces(faces: Faces, tolerance: float) -> FloatArray:
    """Number of faces and effective number of each site, shape (n_sites, 2)."""
    n = len(faces.offsets) - 1
    site, angle = faces.sites, faces.solid_angles
    largest = np.zeros(n)
    np.maximum.at(largest, site, angle)
    kept = angle > tolerance * largest[site]
    count = np.bincount(site[kept], minlength=n)
    total = np.bincount(site[kept], weights=angle[kept], minlength=n)
    square = np.bincount(site[kept], weights=np.square(angle[kept]), minlength=n)
    return np.stack([count, total**2 / np.where(square > 0, square, 1.0)], axis=1)
