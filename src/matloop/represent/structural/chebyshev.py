"""Chebyshev expansions of the radial and angular distribution around sites (Artrith, Urban & Ceder 2017)."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray, frozen
from matloop.core.elements import MAX_Z
from matloop.core.errors import ConfigError
from matloop.represent.structural.derivatives import SmoothSiteFeaturizer
from matloop.represent.structural.environments import Channels, Environments, atomic_numbers, by_property
from matloop.represent.structural.harmonics import chebyshev_by_legendre
from matloop.represent.structural.moments import angular_pulls, angular_slopes, angular_sums
from matloop.represent.structural.smooth_cutoff import fade
from matloop.represent.structural.symmetry_functions import positive

DEFAULT_WEIGHTS = ("uniform", "Row", "Column")
MOST_TERMS = 40


class ChebyshevFeaturizer(SmoothSiteFeaturizer):
    """Expansion coefficients of the radial and the angular distribution function around each site, pooled.

    radial n : sum over neighbours j of w_j T_n(2 r_ij / cutoff - 1) f(r_ij); angular n : sum over pairs of neighbours
    j, k of w_j w_k T_n(cos theta_jik) f(r_ij) f(r_ik), each pair once, with the Chebyshev polynomials T_n. As the
    program aenet has it: the angular expansion is in the cosine of the angle.

    By default any element can occur: the expansions are made with w = 1 and with w = row and column of the periodic
    table. With `species` they are made with w = 1 and, for two or more elements, with the numbers that aenet gives to
    them in their order (-1 and 1 for two, -1, 0, 1 for three, ...); a structure with another element is refused.

    Parameters
    ----------
    cutoff : Angstrom, of the radial part. radial, angular : highest order n, 0 to 40. angular_cutoff : Angstrom, at
        most the cutoff; the cutoff by default. weights : element properties of the Magpie table, or "uniform". species
        : symbols; then no `weights`. fade : "cosine" or "polynomial", what f is.
    """

    def __init__(
        self,
        cutoff: float = 6.0,
        radial: int = 10,
        angular: int = 6,
        angular_cutoff: float | None = None,
        weights: tuple[str, ...] = (),
        species: tuple[str, ...] = (),
        fade: str = "cosine",
        statistics: tuple[str, ...] = ("mean", "std", "minimum", "maximum"),
    ) -> None:
        super().__init__(statistics)
        self.cutoff = cutoff
        self.radial = radial
        self.angular = angular
        self.angular_cutoff = angular_cutoff
        self.weights = weights
        self.species = species
        self.fade = fade

    def channels(self) -> Channels:
        positive("cutoff", self.cutoff)
        if self.weights and self.species:
            raise ConfigError("Chebyshev expansions are weighted or by species: leave out weights or species.")
        if self.angular_cutoff is not None and not 0.0 < self.angular_cutoff <= self.cutoff:
            raise ConfigError(f"angular_cutoff={self.angular_cutoff!r} has to be positive and at most {self.cutoff:g}.")
        for name in ("radial", "angular"):
            if not 0 <= getattr(self, name) <= MOST_TERMS:
                raise ConfigError(f"{name}={getattr(self, name)!r} has to be an order from 0 to {MOST_TERMS}.")
        return by_order(self.species) if self.species else by_property(self.weights or DEFAULT_WEIGHTS)

    def site_columns(self) -> tuple[str, ...]:
        channels = self.channels()
        radial = [f"chebyshev radial {n} {name}" for n in range(self.radial + 1) for name in channels.names]
        angular = [f"chebyshev angular {n} {name}" for n in range(self.angular + 1) for name in channels.names]
        return (*radial, *angular)

    def site_sums(self, around: Environments) -> FloatArray:
        pairs, fading = self.channels().pairs, fade(self.fade)
        g = fading.value(around.distances, self.cutoff)
        terms = polynomials(2.0 * around.distances / self.cutoff - 1.0, self.radial)[0]
        radial = np.stack([around.summed(around.weights * (term * g)) for term in terms])
        inner = around.within(self._inner)
        h = fading.value(inner.distances, self._inner)
        angular = angular_sums(inner, h, pairs, chebyshev_by_legendre(self.angular))
        return np.concatenate([radial.reshape(-1, radial.shape[-1]), angular.reshape(-1, angular.shape[-1])])

    def pair_slopes(self, around: Environments) -> FloatArray:
        pairs, fading = self.channels().pairs, fade(self.fade)
        g, dg = fading.value(around.distances, self.cutoff), fading.slope(around.distances, self.cutoff)
        terms, slopes = polynomials(2.0 * around.distances / self.cutoff - 1.0, self.radial)
        moving = (terms * dg + slopes * (2.0 / self.cutoff) * g)[:, None, None] * around.weights[:, None]
        radial = moving * around.directions
        inner = around.within(self._inner)
        angular = np.zeros((self.angular + 1, len(pairs), 3, len(g)))
        h = fading.value(inner.distances, self._inner), fading.slope(inner.distances, self._inner)
        slopes_inside = angular_slopes(inner, h, pairs, chebyshev_by_legendre(self.angular))
        angular[..., around.distances < self._inner] = slopes_inside
        return np.concatenate([radial.reshape(-1, 3, len(g)), angular.reshape(-1, 3, len(g))])

    def pair_pulls(self, around: Environments, slopes: FloatArray) -> FloatArray:
        channels, fading, sites = self.channels(), fade(self.fade), around.sites
        given = slopes.reshape(-1, len(channels.names), slopes.shape[1])
        g, dg = fading.value(around.distances, self.cutoff), fading.slope(around.distances, self.cutoff)
        terms, term_slopes = polynomials(2.0 * around.distances / self.cutoff - 1.0, self.radial)
        along = np.zeros(len(g))
        for n in range(self.radial + 1):
            weight = (given[n][:, sites] * around.weights).sum(axis=0)
            along += weight * (terms[n] * dg + term_slopes[n] * (2.0 / self.cutoff) * g)
        pulls = along * around.directions
        inner = around.within(self._inner)
        h = fading.value(inner.distances, self._inner), fading.slope(inner.distances, self._inner)
        angular = chebyshev_by_legendre(self.angular)
        pulls[:, around.distances < self._inner] += angular_pulls(
            inner, h, channels.pairs, angular, given[self.radial + 1 :]
        )
        return pulls

    @property
    def _inner(self) -> float:
        return self.cutoff if self.angular_cutoff is None else self.angular_cutoff

    def citations(self) -> tuple[str, ...]:
        return ("Artrith, Urban & Ceder 2017, doi:10.1103/PhysRevB.96.014112",)


def by_order(species: tuple[str, ...]) -> Channels:
    """The channel "uniform" and, for several elements, "order": -n/2..n/2 (without 0 for even n) in their order."""
    numbers = atomic_numbers(species)
    half = len(numbers) // 2
    values = [value for value in range(-half, half + 1) if value or len(numbers) % 2]
    table = np.zeros((2, MAX_Z + 1))
    table[0, list(numbers)], table[1, list(numbers)] = 1.0, values
    count = 2 if len(numbers) > 1 else 1
    return Channels(("uniform", "order")[:count], frozen(table[:count]), ((0, 0), (1, 1))[:count], numbers)


def polynomials(x: FloatArray, order: int) -> tuple[FloatArray, FloatArray]:
    """Chebyshev polynomials T_0..T_order and their derivatives n U_(n-1), each of shape (order + 1, len(x))."""
    values, second = np.ones((order + 1, *x.shape)), np.ones((order + 1, *x.shape))
    if order:
        values[1], second[1] = x, 2.0 * x
    for n in range(2, order + 1):
        values[n] = 2.0 * x * values[n - 1] - values[n - 2]
        second[n] = 2.0 * x * second[n - 1] - second[n - 2]
    slopes = np.zeros_like(values)
    slopes[1:] = np.arange(1, order + 1)[:, None] * second[:-1]
    return values, slopes
