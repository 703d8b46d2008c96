"""The Voronoi cell of each site in numbers: edges of its faces, volume, areas, distances."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.matter.neighbours import Vicinity
from matloop.matter.structures import Structures
from matloop.represent.structural.featurizer import SiteFeaturizer
from matloop.represent.structural.pooling import STATISTICS
from matloop.represent.structural.voronoi import tessellate

EDGES = tuple(range(3, 11))
"""Faces with more edges are left out, as in matminer."""
_OVER_FACES = {"mean": "mean", "std_dev": "std", "minimum": "minimum", "maximum": "maximum"}


class VoronoiFeaturizer(SiteFeaturizer):
    """Voronoi fingerprint of each site, pooled to the structure.

    Columns of a site (30): "Voro_index_3" to "_10", the faces with so many edges; "Symmetry_index_3" to "_10", their
    shares; volume (cubic Angstrom) and area (square Angstrom) of the cell; mean, standard deviation, minimum and
    maximum over the faces of the volumes of the pyramids to them, of their areas, and of the distances to the
    neighbours (Angstrom). Equal to matminer's `VoronoiFingerprint` but where rounding decides there: splinters of faces
    and edges where several cells meet by symmetry (see `voronoi.SMALL_FACE`), and cells that reach farther than
    matminer looks (6.5 A).
    """

    needs_order = False
    needs_cell = True

    def site_columns(self) -> tuple[str, ...]:
        over = [f"Voro_{what}_{name}" for what in ("vol", "area", "dist") for name in _OVER_FACES]
        indices = [f"{kind}_index_{k}" for kind in ("Voro", "Symmetry") for k in EDGES]
        return (*indices, "Voro_vol_sum", "Voro_area_sum", *over)

    def site_units(self) -> dict[str, str]:
        dimensions = {"vol": "angstrom^3", "area": "angstrom^2", "dist": "angstrom"}
        over = {f"Voro_{what}_{name}": unit for what, unit in dimensions.items() for name in _OVER_FACES}
        return {"Voro_vol_sum": "angstrom^3", "Voro_area_sum": "angstrom^2", **over}

    def describe_sites(self, structures: Structures, near: Vicinity) -> tuple[FloatArray, dict[int, str]]:
        faces = tessellate(structures, near)
        kept = np.flatnonzero(faces.n_edges <= EDGES[-1])
        n = len(structures.coordinates)
        site, edges = faces.sites[kept], faces.n_edges[kept]
        counts = np.bincount(site * len(EDGES) + edges - EDGES[0], minlength=n * len(EDGES)).reshape(n, -1)
        values = np.stack([faces.face_volumes[kept], faces.areas[kept], faces.distances[kept]], axis=1)
        fine = ~np.isnan(faces.volumes)
        found = np.full((n, len(self.site_columns())), np.nan)
        found[fine, :8] = counts[fine]
        found[fine, 8:16] = counts[fine] / counts[fine].sum(axis=1, keepdims=True)
        found[fine, 16:] = _over_faces(values, np.bincount(site, minlength=n)[fine])
        return found, faces.refused

    def citations(self) -> tuple[str, ...]:
        return (
            "Peng et al. 2011, doi:10.1103/PhysRevLett.106.135503",
            "Wang & Jain 2019, doi:10.1038/s41467-019-13511-9",
        )


def _over_faces(values: FloatArray, counts: IntArray) -> FloatArray:
    """Sums of volume and area, then the statistics of each of the three values; shape (n_sites, 14)."""
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    if len(counts) == 0:
        return np.empty((0, 14))
    sums = np.add.reduceat(values[:, :2], offsets[:-1], axis=0)
    over = np.stack([STATISTICS[name](values, offsets) for name in _OVER_FACES.values()], axis=2)
    return np.concatenate([sums, over.reshape(len(counts), -1)], axis=1)
