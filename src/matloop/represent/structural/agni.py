"""AGNI fingerprints of sites: Gaussian sums over neighbours at several widths, also along directions."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.errors import ConfigError
from matloop.represent.structural.derivatives import SmoothSiteFeaturizer
from matloop.represent.structural.environments import Channels, Environments, by_property
from matloop.represent.structural.smooth_cutoff import COSINE
from matloop.represent.structural.symmetry_functions import positive
from matloop.represent.structural.symmetry_terms import Bell, g2, g2_slopes

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

    def _bell(self, eta: float) -> Bell:
        return Bell(eta**-2, 0.0, self.cutoff, COSINE)

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
        parts = [g2(around, tuple((eta**-2, 0.0) for eta in self._widths), self.cutoff, COSINE)[:, 0]]
        for axis in self.directions:
            towards = -around.directions[AXES.index(axis)]
            terms = [self._bell(eta).value(around.distances) * towards for eta in self._widths]
            parts.append(around.summed(np.stack(terms)))
        return np.concatenate(parts)

    def pair_slopes(self, around: Environments) -> FloatArray:
        parts = [g2_slopes(around, tuple((eta**-2, 0.0) for eta in self._widths), self.cutoff, COSINE)[:, 0]]
        for axis in self.directions:
            along = around.directions[AXES.index(axis)]
            turned = (np.eye(3)[AXES.index(axis)][:, None] - along * around.directions) / around.distances
            for eta in self._widths:
                value, slope = self._bell(eta).value(around.distances), self._bell(eta).slope(around.distances)
                parts.append(-(slope * along * around.directions + value * turned)[None])
        return np.concatenate(parts)

    def citations(self) -> tuple[str, ...]:
        return (
            "Botu & Ramprasad 2015, doi:10.1002/qua.24836",
            "Botu et al. 2017, doi:10.1021/acs.jpcc.6b10908",
        )
