"""A coordination number without a border: each neighbour counts by its distance over the sum of the radii."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.elements import filled_table
from matloop.matter.neighbours import Vicinity
from matloop.matter.structures import Structures
from matloop.represent.structural.environments import segment_sums
from matloop.represent.structural.featurizer import SiteFeaturizer
from matloop.represent.structural.smooth_cutoff import COSINE

STEEPNESS, SCALE = 16.0, 4.0 / 3.0  # k1 and k2 of DFT-D3
METAL = 0.9  # radii of metals are shortened by a tenth, as there
PICOMETRE = 0.01


class SmoothCoordinationFeaturizer(SiteFeaturizer):
    """Coordination number of each site, pooled: column "smooth coordination".

    A neighbour at distance r counts 1 / (1 + exp(-16 (4/3 (R_i + R_j) / r - 1))), the fractional coordination number of
    DFT-D3: near one in the first shell, half at 4/3 of the sum of the radii, then quickly nothing. R are Cordero's
    covalent radii (those of metals shortened by a tenth, as there), where D3 takes Pyykko's, so values differ a little.

    Parameters
    ----------
    cutoff : Angstrom; the count fades over the last tenth of it.
    """

    needs_order = True

    def __init__(
        self,
        cutoff: float = 8.0,
        statistics: tuple[str, ...] = ("mean", "std", "minimum", "maximum"),
    ) -> None:
        super().__init__(statistics)
        self.cutoff = cutoff

    def site_columns(self) -> tuple[str, ...]:
        return ("smooth coordination",)

    def describe_sites(self, structures: Structures, near: Vicinity) -> tuple[FloatArray, dict[int, str]]:
        listed, radii = near.within(self.cutoff), covalent_radii()[structures.site_numbers]
        reach = SCALE * (radii[listed.first] + radii[listed.second])
        exponent = np.minimum(STEEPNESS * (1.0 - reach / listed.distances), 700.0)
        counts = 1.0 / (1.0 + np.exp(exponent))
        border = 0.9 * self.cutoff
        last = listed.distances > border
        counts[last] *= COSINE.value(listed.distances[last] - border, self.cutoff - border)
        found = segment_sums(counts, listed.offsets)[:, None]
        found[np.isin(structures.rows, list(listed.refused))] = np.nan
        return found, listed.refused

    def citations(self) -> tuple[str, ...]:
        return ("Grimme et al. 2010, doi:10.1063/1.3382344", "Cordero et al. 2008, doi:10.1039/b801115j")


def covalent_radii() -> FloatArray:
    """Radii that the coordination number counts with, shape (119,), Angstrom."""
    table = filled_table("magpie", ("CovalentRadius", "IsMetal")).values
    radii: FloatArray = PICOMETRE * table[:, 0] * np.where(table[:, 1] > 0.5, METAL, 1.0)
    return radii
