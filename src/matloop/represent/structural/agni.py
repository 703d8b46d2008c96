"""AGNI fingerprints of sites: Gaussian sums over neighbours at several widths, also along directions."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.errors import ConfigError
from matloop.represent.structural.derivatives import SmoothSiteFeaturizer
from matloop.represent.structural.environments import Channels, Environments, by_property
from matloop.represent.structural.smooth_cutoff import COSINE
from matloop.represent.structural.symmetry_functions import positive
from matloop.represent.structural.symmetry_terms import Bell

AXES = ("x", "y", "z")


class AgniFeaturizer(SmoothSiteFeaturizer):
    """Sum over neighbours of exp(-(r / eta)^2) (cos(pi r / cutoff) + 1) / 2, of each site, pooled to the structure.

    Columns "AGNI eta=8.00e-01" and so on, as in matminer's AGNIFingerprints. With `directions` each neighbour also
    counts with the component of its unit vector (from the neighbour to the site, as there): columns "AGNI dir=x
    eta=..." for a force along x, which turn with the structure.

    Parameters
    ----------
    cutoff : Angstrom. etas : Angstrom, widths; by default 8 from 0.8 to 16, evenly on a logarithmic scale. directions :
        of "x", "y", "z".
    """

    def __init__(
        self,
        cutoff: float = 8.0,
        etas: tuple[float, ...] = (),
        directions: tuple[str, ...] = (),
        statistics: tuple[str, ...] = ("mean", "std", "minimum", "maximum"),
    ) -> None:
        super().__init__(statistics)
        self.cutoff = cutoff
        self.etas = etas
        self.directions = directions

    @property
    def _widths(self) -> list[float]:
        return [positive("eta", eta) for eta in self.etas] or np.logspace(np.log10(0.8), np.log10(16), 8).tolist()

    @property
    def _bells(self) -> list[Bell]:
        return [Bell(eta**-2, 0.0) for eta in self._widths]

    def channels(self) -> Channels:
        positive("cutoff", self.cutoff)
        if set(self.directions) - set(AXES):
            raise ConfigError(f"directions={self.directions!r}: take some of {', '.join(AXES)}.")
        return by_property(("uniform",))

    def site_columns(self) -> tuple[str, ...]:
        self.channels()
        along = [f"AGNI dir={axis} eta={eta:.2e}" for axis in self.directions for eta in self._widths]
        return (*(f"AGNI eta={eta:.2e}" for eta in self._widths), *along)

    def site_sums(self, around: Environments) -> FloatArray:
        self.channels()
        faded = COSINE.value(around.distances, self.cutoff)
        terms = around.weights * np.stack([bell.value(around.distances, faded) for bell in self._bells])
        towards = [-around.directions[AXES.index(axis)] for axis in self.directions]
        return np.concatenate([around.summed(terms), *(around.summed(terms * along) for along in towards)])

    def pair_slopes(self, around: Environments) -> FloatArray:
        r, directions = around.distances, around.directions
        faded, fading = COSINE.value(r, self.cutoff), COSINE.slope(r, self.cutoff)
        values = around.weights * np.stack([bell.value(r, faded) for bell in self._bells])
        slopes = around.weights * np.stack([bell.slope(r, faded, fading) for bell in self._bells])
        parts = [slopes[:, None] * directions]
        for axis in self.directions:
            along = directions[AXES.index(axis)]
            turned = (np.eye(3)[AXES.index(axis)][:, None] - along * directions) / r
            parts.append(-(slopes[:, None] * along * directions + values[:, None] * turned))
        return np.concatenate(parts)

    def citations(self) -> tuple[str, ...]:
        return (
            "Botu & Ramprasad 2015, doi:10.1002/qua.24836",
            "Botu et al. 2017, doi:10.1021/acs.jpcc.6b10908",
        )
