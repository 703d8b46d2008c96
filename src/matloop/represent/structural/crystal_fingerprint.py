"""The CrystalNN fingerprint: how likely each coordination number is, and how regular the neighbours then are."""

from __future__ import annotations

from typing import Literal

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.errors import ConfigError
from matloop.matter.neighbours import Vicinity
from matloop.matter.structures import Structures
from matloop.represent.structural.crystal_nn import Coordination, crystal_coordination, number_table
from matloop.represent.structural.featurizer import SiteFeaturizer
from matloop.represent.structural.motifs import MOTIFS
from matloop.represent.structural.order_parameters import order_parameters
from matloop.represent.structural.voronoi import Faces, tessellate

MOST = 24


class CrystalNNFeaturizer(SiteFeaturizer):
    """CrystalNN fingerprint of each site, pooled to the structure.

    Columns of a site: "wt CN_1" to "wt CN_24", how likely each coordination number is, and with `preset="ops"` behind
    "wt CN_k" the order parameters of k neighbours ("tetrahedral CN_4", 0 to 1) times that weight; 61 together. Equal to
    matminer's `CrystalNNFingerprint` but for order parameters that depend on the order of neighbours there
    ("body-centered cubic CN_8", see `order_parameters`) and sites whose Voronoi cell reaches farther than matminer
    looks (7 A).

    Parameters
    ----------
    preset : "ops", or "cn" for the coordination numbers alone.
    distance_cutoffs : Angstrom beyond the sum of the radii; from the first on a neighbour weighs less, beyond the
        second nothing. () for no such limit.
    x_diff_weight : how much a difference in electronegativity adds to the weight of a neighbour. With 0 and
        `distance_cutoffs=()` the fingerprint is purely geometric, as it is used to compare structure types.
    porous : whether weights are taken per area of the face, for open and layered structures.
    """

    needs_order = True
    needs_cell = True

    def __init__(
        self,
        preset: Literal["ops", "cn"] = "ops",
        distance_cutoffs: tuple[float, ...] = (0.5, 1.0),
        x_diff_weight: float = 3.0,
        porous: bool = True,
        statistics: tuple[str, ...] = ("mean", "std", "minimum", "maximum"),
    ) -> None:
        super().__init__(statistics)
        self.preset = preset
        self.distance_cutoffs = distance_cutoffs
        self.x_diff_weight = x_diff_weight
        self.porous = porous

    def site_columns(self) -> tuple[str, ...]:
        if self.preset not in ("ops", "cn"):
            raise ConfigError(f"preset is 'ops' or 'cn', found {self.preset!r}.")
        motifs = MOTIFS if self.preset == "ops" else {}
        return tuple(
            f"{name} CN_{k}"
            for k in range(1, MOST + 1)
            for name in ("wt", *(motif.name for motif in motifs.get(k, ())))
        )

    def describe_sites(self, structures: Structures, near: Vicinity) -> tuple[FloatArray, dict[int, str]]:
        faces = tessellate(structures, near)
        coordination = crystal_coordination(
            structures, faces, distance_cutoffs=self.distance_cutoffs, x_diff_weight=self.x_diff_weight,
            porous=self.porous,
        )  # fmt: skip
        names = self.site_columns()
        found = np.zeros((len(structures.coordinates), len(names)))
        found[:, [names.index(f"wt CN_{k}") for k in range(1, MOST + 1)]] = number_table(coordination, MOST)
        if self.preset == "ops":
            _add_order(found, names, coordination, faces)
        found[np.isnan(faces.volumes)] = np.nan
        return found, faces.refused

    def citations(self) -> tuple[str, ...]:
        return (
            "Zimmermann & Jain 2020, doi:10.1039/C9RA07755C",
            "Pan et al. 2021, doi:10.1021/acs.inorgchem.0c02996",
            "O'Keeffe 1979, doi:10.1107/S0567739479001765",
        )


def _add_order(found: FloatArray, names: tuple[str, ...], coordination: Coordination, faces: Faces) -> None:
    """Fill in the order parameters of every likely coordination number, times its weight."""
    for k, motifs in MOTIFS.items():
        levels = np.flatnonzero((coordination.numbers == k) & (coordination.weights > 0))
        sites = coordination.sites[levels]
        bonds = coordination.offsets[sites][:, None] + np.arange(k)
        vectors = faces.vectors[coordination.faces[bonds]]
        values = order_parameters(vectors, motifs, coordination.strengths[bonds])
        columns = [names.index(f"{motif.name} CN_{k}") for motif in motifs]
        found[sites[:, None], columns] = values * coordination.weights[levels][:, None]
