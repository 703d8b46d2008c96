"""Behler-Parrinello symmetry functions: by element, weighted by element properties, or of any atoms alike."""

from __future__ import annotations

import math
from abc import abstractmethod

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.errors import ConfigError
from matloop.represent.structural.derivatives import SmoothSiteFeaturizer
from matloop.represent.structural.environments import Channels, Environments, by_element, by_property
from matloop.represent.structural.harmonics import power_by_legendre
from matloop.represent.structural.moments import angular_pulls, angular_slopes, angular_sums
from matloop.represent.structural.smooth_cutoff import fade
from matloop.represent.structural.symmetry_terms import (
    Angular,
    Bell,
    Radial,
    g2,
    g2_pulls,
    g2_slopes,
    g4,
    g4_pulls,
    g4_slopes,
)

BEHLER_2011 = "Behler 2011, doi:10.1063/1.3553717"
GASTEGGER_2018 = "Gastegger et al. 2018, doi:10.1063/1.5019667"
MOST_ZETA = 24
"""Largest zeta of G5, which is expanded in Legendre polynomials up to that degree."""
DEFAULT_WEIGHTS = ("uniform", "Number")


class _SymmetryFunctions(SmoothSiteFeaturizer):
    """What the featurizers of this module share: sums and derivatives for given functions and channels."""

    fade: str

    @abstractmethod
    def functions(self) -> tuple[Radial, Angular, Angular]:
        """Parameters (eta, shift) of G2 and (eta, zeta, lambda, shift) of G4 and of G5; 1/A^2 and A."""

    def goes_through_triplets(self) -> bool:
        return bool(self.functions()[1])

    def site_sums(self, around: Environments) -> FloatArray:
        radial, angular, separable = self.functions()
        pairs, faded = self.channels().pairs, fade(self.fade)
        parts = [g2(around, radial, self.cutoff, faded), g4(around, angular, pairs, self.cutoff, faded)]
        for (eta, shift), polynomials in _separated(separable).items():
            parts.append(angular_sums(around, self._bell(around, eta, shift)[0], pairs, polynomials))
        return np.concatenate([part.reshape(-1, part.shape[-1]) for part in parts])

    def pair_slopes(self, around: Environments) -> FloatArray:
        radial, angular, separable = self.functions()
        pairs, faded = self.channels().pairs, fade(self.fade)
        parts = [g2_slopes(around, radial, self.cutoff, faded), g4_slopes(around, angular, pairs, self.cutoff, faded)]
        for (eta, shift), polynomials in _separated(separable).items():
            parts.append(angular_slopes(around, self._bell(around, eta, shift), pairs, polynomials))
        return np.concatenate([part.reshape(-1, 3, part.shape[-1]) for part in parts])

    def pair_pulls(self, around: Environments, slopes: FloatArray) -> FloatArray:
        radial, angular, separable = self.functions()
        channels, faded = self.channels(), fade(self.fade)
        pairs, n_sites = channels.pairs, slopes.shape[1]
        ends = np.cumsum([len(radial) * len(channels.names), len(angular) * len(pairs)])
        two, three, rest = (
            part.reshape(-1, size, n_sites)
            for part, size in zip(np.split(slopes, ends), (len(channels.names), len(pairs), len(pairs)), strict=True)
        )
        pulls = g2_pulls(around, radial, self.cutoff, faded, two)
        pulls += g4_pulls(around, angular, pairs, self.cutoff, faded, three)
        for (eta, shift), polynomials in _separated(separable).items():
            given, rest = rest[: len(polynomials)], rest[len(polynomials) :]
            pulls += angular_pulls(around, self._bell(around, eta, shift), pairs, polynomials, given)
        return pulls

    def _bell(self, around: Environments, eta: float, shift: float) -> tuple[FloatArray, FloatArray]:
        """The radial part of G5 and its slope."""
        r, faded, bell = around.distances, fade(self.fade), Bell(eta, shift)
        f = faded.value(r, self.cutoff)
        return bell.value(r, f), bell.slope(r, f, faded.slope(r, self.cutoff))


class SymmetryFunctionsFeaturizer(_SymmetryFunctions):
    """Radial (G2) and angular (G4, G5) symmetry functions of Behler around each site, pooled to the structure.

    G2 is the sum over neighbours j of w_j exp(-eta (r_ij - shift)^2) f(r_ij), in Angstrom; G4 the sum over pairs of
    neighbours j, k of w_j w_k 2^(1 - zeta) (1 + lambda cos theta_jik)^zeta exp(-eta (r_ij^2 + r_ik^2 + r_jk^2)) f(r_ij)
    f(r_ik) f(r_jk); G5 is G4 without the factors of r_jk. Each pair is counted once.

    By default any element can occur: each function is made with the weights w = 1 and w = atomic number (wACSF). With
    `species` there is a G2 for each element and a G4 and G5 for each pair of elements, and a structure with another
    element is refused.

    Parameters
    ----------
    cutoff : Angstrom. g2 : the pairs (eta, shift); a number n stands for n Gaussians between 0.5 A and cutoff - 0.5 A
        as wide as their spacing, eta = 1 / (2 spacing^2) (Gastegger et al.). g4 : the (eta, zeta, lambda), or (eta,
        zeta, lambda, shift); a number n stands for n widths r from 1 A to half the cutoff with eta = 1 / (2 r^2), zeta
        = 1, lambda = 1 and -1. g5 : as g4; zeta whole, at most 24. weights : element properties of the Magpie table,
        or "uniform". species : symbols; then no `weights`. fade : "cosine" or "polynomial", what f is.
    """

    def __init__(
        self,
        cutoff: float = 6.0,
        g2: int | tuple[tuple[float, ...], ...] = 10,
        g4: int | tuple[tuple[float, ...], ...] = 3,
        g5: int | tuple[tuple[float, ...], ...] = 0,
        weights: tuple[str, ...] = (),
        species: tuple[str, ...] = (),
        fade: str = "cosine",
        statistics: tuple[str, ...] = ("mean", "std", "minimum", "maximum"),
    ) -> None:
        super().__init__(statistics)
        self.cutoff = cutoff
        self.g2 = g2
        self.g4 = g4
        self.g5 = g5
        self.weights = weights
        self.species = species
        self.fade = fade

    def channels(self) -> Channels:
        if self.weights and self.species:
            raise ConfigError("symmetry functions are either weighted or by species: leave out weights or species.")
        return by_element(self.species) if self.species else by_property(self.weights or DEFAULT_WEIGHTS)

    def functions(self) -> tuple[Radial, Angular, Angular]:
        g5 = _angular("g5", self.g5, self.cutoff)
        for _, zeta, _, _ in g5:
            if zeta != int(zeta) or zeta > MOST_ZETA:
                raise ConfigError(f"g5: zeta={zeta:g} has to be a whole number of at most {MOST_ZETA}.")
        # functions with the same Gaussian are worked out together, so they stand together
        order = list(dict.fromkeys((eta, shift) for eta, _, _, shift in g5))
        return (
            _radial(self.g2, self.cutoff),
            _angular("g4", self.g4, self.cutoff),
            tuple(sorted(g5, key=lambda function: order.index((function[0], function[3])))),
        )

    def site_columns(self) -> tuple[str, ...]:
        channels = self.channels()
        radial, angular, separable = self.functions()
        names = [f"G2 eta={e:.6g} shift={s:.6g} {name}" for e, s in radial for name in channels.names]
        for kind, functions in (("G4", angular), ("G5", separable)):
            for e, z, sign, s in functions:
                shift = f" shift={s:.6g}" if s else ""
                text = f"{kind} eta={e:.6g} zeta={z:.6g} lambda={sign:g}{shift}"
                names += [f"{text} {name}" for name in channels.pair_names]
        if len(set(names)) < len(names):
            raise ConfigError("two symmetry functions have the same parameters: name each once.")
        return tuple(names)

    def citations(self) -> tuple[str, ...]:
        return (BEHLER_2011,) if self.species else (GASTEGGER_2018, BEHLER_2011)


class GaussianSymmetryFeaturizer(_SymmetryFunctions):
    """Symmetry functions G2 and G4 of all atoms alike, with the parameters and names of matminer's GaussianSymmFunc.

    Columns "G2_<eta>" and "G4_<eta>_<zeta>_<gamma>", pooled over the sites; eta counts in units of 1 / cutoff^2.

    Parameters
    ----------
    cutoff : Angstrom.
    """

    fade = "cosine"

    def __init__(
        self,
        cutoff: float = 6.5,
        etas_g2: tuple[float, ...] = (0.05, 4.0, 20.0, 80.0),
        etas_g4: tuple[float, ...] = (0.005,),
        zetas_g4: tuple[float, ...] = (1.0, 4.0),
        gammas_g4: tuple[float, ...] = (1.0, -1.0),
        statistics: tuple[str, ...] = ("mean", "std", "minimum", "maximum"),
    ) -> None:
        super().__init__(statistics)
        self.cutoff = cutoff
        self.etas_g2 = etas_g2
        self.etas_g4 = etas_g4
        self.zetas_g4 = zetas_g4
        self.gammas_g4 = gammas_g4

    def channels(self) -> Channels:
        return by_property(("uniform",))

    def functions(self) -> tuple[Radial, Angular, Angular]:
        unit = positive("cutoff", self.cutoff) ** 2
        angles = ((e, z, g) for e in self.etas_g4 for z in self.zetas_g4 for g in self.gammas_g4)
        return tuple((eta / unit, 0.0) for eta in self.etas_g2), tuple((e / unit, z, g, 0.0) for e, z, g in angles), ()

    def site_columns(self) -> tuple[str, ...]:
        angles = ((e, z, g) for e in self.etas_g4 for z in self.zetas_g4 for g in self.gammas_g4)
        return (*(f"G2_{eta}" for eta in self.etas_g2), *(f"G4_{e}_{z}_{g}" for e, z, g in angles))

    def citations(self) -> tuple[str, ...]:
        return (BEHLER_2011, "Khorshidi & Peterson 2016, doi:10.1016/j.cpc.2016.05.010")


def positive(name: str, value: float) -> float:
    """The value, if it is a positive finite number.

    Raises
    ------
    ConfigError : it is not.
    """
    if not 0.0 < value < math.inf:
        raise ConfigError(f"{name}={value!r} has to be a positive number.")
    return float(value)


def _radial(asked: int | tuple[tuple[float, ...], ...], cutoff: float) -> Radial:
    positive("cutoff", cutoff)
    if isinstance(asked, int):
        if asked and cutoff <= 1.0:
            raise ConfigError(
                f"cutoff={cutoff:g} is too small for a grid from 0.5 A to cutoff - 0.5 A: give g2 in full."
            )
        spacing = (cutoff - 1.0) / max(asked - 1, 1)
        return tuple((0.5 / spacing**2, 0.5 + k * spacing) for k in range(asked))
    for one in asked:
        if len(one) != 2 or one[0] < 0:
            raise ConfigError(f"g2={asked!r}: each function is (eta, shift) with eta >= 0; found {one!r}.")
    return tuple((float(eta), float(shift)) for eta, shift in asked)


def _angular(name: str, asked: int | tuple[tuple[float, ...], ...], cutoff: float) -> Angular:
    if isinstance(asked, int):
        widths = np.linspace(1.0, max(cutoff / 2.0, 1.0), asked).tolist()
        return tuple((0.5 / r**2, 1.0, sign, 0.0) for r in dict.fromkeys(widths) for sign in (1.0, -1.0))
    for one in asked:
        if len(one) not in (3, 4) or one[0] < 0 or one[1] < 1 or abs(one[2]) > 1:
            raise ConfigError(
                f"{name}={asked!r}: each function is (eta, zeta, lambda) or (eta, zeta, lambda, shift) with eta >= 0, "
                f"zeta >= 1 and lambda from -1 to 1; found {one!r}."
            )
    return tuple((float(one[0]), float(one[1]), float(one[2]), float((*one, 0.0)[3])) for one in asked)


def _separated(functions: Angular) -> dict[tuple[float, float], FloatArray]:
    """G5 functions by their (eta, shift): their angular parts in Legendre polynomials, shape (n, degree + 1)."""
    found: dict[tuple[float, float], FloatArray] = {}
    for key in dict.fromkeys((eta, shift) for eta, _, _, shift in functions):
        same = [(int(zeta), sign) for eta, zeta, sign, shift in functions if (eta, shift) == key]
        table = np.zeros((len(same), max(zeta for zeta, _ in same) + 1))
        for k, (zeta, sign) in enumerate(same):
            table[k, : zeta + 1] = 2.0 ** (1.0 - zeta) * power_by_legendre(zeta, sign)
        found[key] = table
    return found
