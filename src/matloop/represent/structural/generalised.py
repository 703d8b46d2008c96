"""Sums of smooth functions of distance over the neighbours of a site: generalised RDF and angular Fourier series."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import erf

from matloop.core.arrays import FloatArray, frozen
from matloop.core.errors import ConfigError
from matloop.matter.neighbours import Vicinity
from matloop.matter.structures import Structures
from matloop.represent.structural.featurizer import SiteFeaturizer
from matloop.represent.structural.radial import MOST_BINS
from matloop.represent.structural.separations import EDGE, Separations, separations

SEKO_2017 = (
    "A. Seko et al., Representation of compounds for machine-learning prediction of physical properties, Phys. Rev. B "
    "95 (2017) 144110, doi:10.1103/PhysRevB.95.144110"
)
FUNCTIONS = ("gaussian", "histogram", "cosine")


class _Radial:
    """Functions of distance g_1, g_2, ... up to a cutoff.

    function : "gaussian", exp(-((r - c) / width)^2) with centres c = 0, spacing, 2 spacing, ... below the cutoff;
        "histogram", one from c to c + width and zero elsewhere; "cosine", cos(pi k r / cutoff) with k = 1, 2, ... as
        many as there would be centres.
    """

    def __init__(self, function: str, cutoff: float, width: float, spacing: float, taper: bool) -> None:
        lengths = (cutoff, width, spacing)
        if function not in FUNCTIONS:
            raise ConfigError(f"function = {function!r}: known are {', '.join(FUNCTIONS)}.")
        if not all(0 < length < math.inf for length in lengths) or cutoff / spacing > MOST_BINS:
            raise ConfigError(f"cutoff, width, spacing = {lengths}: positive lengths in Angstrom were expected.")
        self.function, self.cutoff, self.width, self.taper = function, cutoff, width, taper
        self.centres = frozen(spacing * np.arange(math.ceil(round(cutoff / spacing, 6))))
        self.waves = frozen(math.pi * np.arange(1.0, len(self.centres) + 1) / cutoff)

    def names(self) -> tuple[str, ...]:
        """As matminer names its functions."""
        if self.function == "gaussian":
            return tuple(f"Gaussian center={c} width={self.width}" for c in self.centres.tolist())
        if self.function == "histogram":
            return tuple(f"Histogram start={c} width={self.width}" for c in self.centres.tolist())
        return tuple(f"Cosine a={a:.6g}" for a in self.waves.tolist())

    def values(self, distances: FloatArray) -> FloatArray:
        """Shape (n_functions, n_distances)."""
        if self.function == "gaussian":
            found = np.subtract.outer(self.centres / self.width, distances / self.width)
            np.multiply(found, found, out=found)
            np.exp(np.negative(found, out=found), out=found)
        elif self.function == "histogram":
            from_start = np.subtract.outer(-self.centres, -distances) + EDGE
            found = ((from_start >= 0) & (from_start < self.width)).astype(float)
        else:
            found = np.cos(np.multiply.outer(self.waves, distances))
        if self.taper:
            found *= 0.5 * (np.cos(np.minimum(distances / self.cutoff, 1.0) * math.pi) + 1.0)
        return found

    def volumes(self) -> FloatArray:
        """Integrals of each function over the sphere of the cutoff, without taper, shape (n_functions,)."""
        c, w, rc = self.centres, self.width, self.cutoff
        if self.function == "histogram":
            return 4.0 / 3.0 * math.pi * (np.minimum(c + w, rc) ** 3 - c**3)
        if self.function == "cosine":
            x = self.waves * rc
            return 4.0 * math.pi * ((x * x - 2.0) * np.sin(x) + 2.0 * x * np.cos(x)) / self.waves**3
        at_zero, at_end = np.exp(-((c / w) ** 2)), np.exp(-(((rc - c) / w) ** 2))
        whole = math.sqrt(math.pi) * (2.0 * c * c + w * w) * (erf((rc - c) / w) + erf(c / w))
        return math.pi * w * (whole + 2.0 * w * (c * at_zero - (c + rc) * at_end))


class GrdfFeaturizer(SiteFeaturizer):
    """Generalised radial distribution function of each site, pooled over the sites.

    Of each function g the sum over neighbours divided by the integral of g over the sphere: atoms per cubic Angstrom.
    With `taper` off equal to matminer's `GeneralizedRadialDistributionFunction` (its presets "gaussian" and
    "histogram"; statistics as its `SiteStatsFingerprint`).

    With `taper` every term goes smoothly to zero at the cutoff (cosine function of Behler 2011), and "gaussian" and
    "cosine" are continuous in the positions. Without it a neighbour that crosses the cutoff makes a jump, which
    for Gaussians is small but in the last columns.

    Parameters
    ----------
    cutoff : Angstrom.
    function : "gaussian", "histogram" or "cosine".
    width : Angstrom, of a Gaussian (exp(-1) at this distance from its centre) or of a bin.
    spacing : Angstrom, between centres; of cosines cutoff / spacing are taken.
    taper : whether terms go smoothly to zero at the cutoff.
    statistics : over the sites, see `SiteFeaturizer`.
    """

    def __init__(
        self,
        cutoff: float = 10.0,
        function: str = "gaussian",
        width: float = 1.0,
        spacing: float = 1.0,
        taper: bool = False,
        statistics: tuple[str, ...] = ("mean", "std", "minimum", "maximum"),
    ) -> None:
        super().__init__(statistics)
        self.cutoff = cutoff
        self.function = function
        self.width = width
        self.spacing = spacing
        self.taper = taper

    def site_columns(self) -> tuple[str, ...]:
        return tuple(f"GRDF {name}" for name in self._radial().names())

    def site_units(self) -> dict[str, str]:
        return dict.fromkeys(self.site_columns(), "1/angstrom^3")

    def describe_sites(self, structures: Structures, near: Vicinity) -> tuple[FloatArray, dict[int, str]]:
        radial = self._radial()
        found = separations(structures, near, self.cutoff)
        sums = _to_both_ends(radial.values(found.distances), found, len(structures.coordinates))
        return _without(sums.T / radial.volumes(), structures, found), dict(found.refused)

    def _radial(self) -> _Radial:
        return _Radial(self.function, self.cutoff, self.width, self.spacing, self.taper)

    def citations(self) -> tuple[str, ...]:
        return (SEKO_2017,)


class AngularFourierFeaturizer(SiteFeaturizer):
    """Angular Fourier series of each site, pooled over the sites: how neighbours at two distances stand to each other.

    For functions g_m, g_n of distance the sum over ordered pairs of different neighbours j, k of
    g_m(r_ij) g_n(r_ik) cos(angle jik). Equal to matminer's `AngularFourierSeries` (presets "gaussian" and "histogram"),
    of whose columns (m, n) and (n, m), which are the same, one is kept. Worked out as the product of two vector sums,
    less the terms j = k: linear in the number of neighbours, not quadratic.

    Parameters
    ----------
    as of `GrdfFeaturizer`. matminer's presets have width and spacing 0.5: 210 columns per statistic.
    """

    def __init__(
        self,
        cutoff: float = 10.0,
        function: str = "gaussian",
        width: float = 1.0,
        spacing: float = 1.0,
        taper: bool = False,
        statistics: tuple[str, ...] = ("mean", "std"),
    ) -> None:
        super().__init__(statistics)
        self.cutoff = cutoff
        self.function = function
        self.width = width
        self.spacing = spacing
        self.taper = taper

    def site_columns(self) -> tuple[str, ...]:
        names = self._radial().names()
        m, n = np.triu_indices(len(names))
        return tuple(f"AFS ({names[a]}, {names[b]})" for a, b in zip(m.tolist(), n.tolist(), strict=True))

    def describe_sites(self, structures: Structures, near: Vicinity) -> tuple[FloatArray, dict[int, str]]:
        found = separations(structures, near, self.cutoff, vectors=True)
        values = self._radial().values(found.distances)
        n_sites = len(structures.coordinates)
        directions = found.vectors.T / found.distances
        # from the other end the direction is the opposite one; two opposite images of the site itself cancel out
        sums = [
            _sum(values * way, found.first, n_sites) - _sum(values * way, found.second, n_sites) for way in directions
        ]
        m, n = np.triu_indices(len(values))
        features = np.empty((len(m), n_sites))
        for k, (a, b) in enumerate(zip(m.tolist(), n.tolist(), strict=True)):
            features[k] = sum(one[a] * one[b] for one in sums)
            features[k] -= _to_both_ends((values[a] * values[b])[None], found, n_sites)[0]
        return _without(features.T, structures, found), dict(found.refused)

    def _radial(self) -> _Radial:
        return _Radial(self.function, self.cutoff, self.width, self.spacing, self.taper)

    def citations(self) -> tuple[str, ...]:
        return (SEKO_2017,)


def _sum(values: FloatArray, sites: np.ndarray, n_sites: int) -> FloatArray:
    """Sums by site in the order of pairs, shape (n_functions, n_sites)."""
    return np.stack([np.bincount(sites, weights=one, minlength=n_sites) for one in values])


def _to_both_ends(values: FloatArray, found: Separations, n_sites: int) -> FloatArray:
    return _sum(values, found.first, n_sites) + _sum(values, found.second, n_sites)


def _without(sites: FloatArray, structures: Structures, found: Separations) -> FloatArray:
    sites[np.isin(structures.rows, list(found.refused))] = np.nan
    return sites
