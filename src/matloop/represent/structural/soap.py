"""Smooth overlap of atomic positions: the power spectrum of the atomic density around each site, by DScribe."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.elements import filled_table
from matloop.core.errors import ConfigError
from matloop.core.optional import require
from matloop.matter.neighbours import Vicinity, expected_pairs
from matloop.matter.structures import Structures
from matloop.represent.structural.dscribed import DSCRIBE, DSCRIBE_2, EXTRA, DscribedFeaturizer
from matloop.represent.structural.species import kind_names

AVERAGES = ("outer", "inner", "sites")
COMPRESSIONS = ("off", "crossover", "mu1nu1")
SECONDS = 7e-9
"""Per pair, radial function and spherical harmonic: measured on one core of 2.5 GHz."""


class SoapFeaturizer(DscribedFeaturizer):
    """SOAP power spectrum of the sites (Gaussian-type radial functions), averaged over the structure.

    Each atom near a site is a Gaussian; their density is expanded in n_max radial functions and spherical harmonics up
    to l_max, and products of coefficients that do not turn with the structure are the features.

    By default atoms of all elements count alike, so any can occur and there are n_max (n_max + 1) / 2 (l_max + 1)
    columns: the "mu2" compression of Darby et al. With `weights` each counts by a property of its element instead. With
    `species` their densities are kept apart, and a structure with another element is refused; a run keeps those of its
    data apart as long as that makes no more than 4,000 columns (`planned`).

    Parameters
    ----------
    cutoff : Angstrom, > 1. n_max, l_max : radial functions, highest degree of the harmonics (at most 20). sigma : width
        of the Gaussians, Angstrom.
    average : "outer" averages the power spectra of the sites, "inner" their coefficients (a spectrum of the average
        surroundings), "sites" takes `statistics` over the sites.
    compression : with `species`, "off" has a block per pair of them, "crossover" a block per element with itself,
        "mu1nu1" a block per element with all atoms; the last two grow with the number of elements, not its square.
    weights : element property of the Magpie table, such as "Number" or "Electronegativity"; "" for none.
    """

    def __init__(
        self, cutoff: float = 6.0, n_max: int = 8, l_max: int = 6, sigma: float = 0.5, average: str = "outer",
        species: tuple[str, ...] = (), compression: str = "off", weights: str = "",
        statistics: tuple[str, ...] = ("mean", "std", "minimum", "maximum"),
    ) -> None:  # fmt: skip
        super().__init__(statistics)
        self.cutoff = cutoff
        self.n_max = n_max
        self.l_max = l_max
        self.sigma = sigma
        self.average = average
        self.species = species
        self.compression = compression
        self.weights = weights

    @property
    def alike(self) -> bool:
        return not (self.species or self.weights)

    def checked(self) -> None:
        """Raise ConfigError where an option is out of range, or two do not go together."""
        for name, value, low, high in (
            ("cutoff", self.cutoff, 1.01, 30), ("n_max", self.n_max, 1, 30), ("l_max", self.l_max, 0, 20),
            ("sigma", self.sigma, 0.05, 5),
        ):  # fmt: skip
            if not low <= value <= high:
                raise ConfigError(f"{name} = {value:g}: {low:g} to {high:g} is possible.")
        for name, chosen, possible in (
            ("average", self.average, AVERAGES), ("compression", self.compression, COMPRESSIONS),
        ):  # fmt: skip
            if chosen not in possible:
                raise ConfigError(f"{name} = {chosen!r}: {', '.join(map(repr, possible))} are possible.")
        if self.weights and self.species:
            raise ConfigError("atoms are either weighted or kept apart by species: leave out weights or species.")
        if self.weights:
            filled_table("magpie", (self.weights,))

    def width(self, n_kinds: int) -> int:
        same, other = self.n_max * (self.n_max + 1) // 2, self.n_max**2
        pairs = n_kinds * (n_kinds - 1) // 2
        blocks = {"off": n_kinds * same + pairs * other, "crossover": n_kinds * same, "mu1nu1": n_kinds * other}
        per_site = (blocks[self.compression] if self.species else same) * (self.l_max + 1)
        return per_site * (len(self.statistics) if self.average == "sites" else 1)

    def site_columns(self) -> tuple[str, ...]:
        self.checked()
        self.checked_width()
        called = f"SOAP {self.weights}".strip()
        return _names(
            called, kind_names(self.species), self.compression if self.species else "", self.n_max, self.l_max
        )

    def columns(self) -> tuple[str, ...]:
        if self.average == "sites":
            return super().columns()
        return _averaged(self.average, self.site_columns())

    def made(self, species: list[int], *, periodic: bool, average: str = "off") -> Any:
        compression: dict[str, Any] = {"mode": self.compression if self.species else "off", "species_weighting": None}
        if self.weights:
            values = filled_table("magpie", (self.weights,)).values[:, 0]
            weighting = {z: float(values[z]) for z in species}
            compression = {"mode": "mu2", "species_weighting": weighting}
        return require("dscribe.descriptors", extra=EXTRA).SOAP(
            r_cut=self.cutoff, n_max=self.n_max, l_max=self.l_max, sigma=self.sigma, average=average,
            species=species, compression=compression, periodic=periodic,
        )  # fmt: skip

    def seconds(self, structures: Structures) -> FloatArray:
        # DScribe looks as far as the Gaussians reach: to a thousandth of their height
        reach = self.cutoff + self.sigma * math.sqrt(-2 * math.log(1e-3))
        return SECONDS * expected_pairs(structures, reach) * self.n_max * (self.l_max + 1) ** 2

    def describe(self, structures: Structures, near: Vicinity) -> tuple[FloatArray, dict[int, str]]:
        if self.average == "sites":
            return super().describe(structures, near)
        return np.asarray(self.created(structures, average=self.average)), {}

    def citations(self) -> tuple[str, ...]:
        soap = (
            "A. P. Bartok, R. Kondor, G. Csanyi, On representing chemical environments, Phys. Rev. B 87 (2013) 184115, "
            "doi:10.1103/PhysRevB.87.184115",
            DSCRIBE,
            DSCRIBE_2,
        )
        darby = (
            "J. P. Darby, J. R. Kermode, G. Csanyi, Compressing local atomic neighbourhood descriptors, npj Comput. "
            "Mater. 8 (2022) 166, doi:10.1038/s41524-022-00847-y"
        )
        return soap if self.species and self.compression in ("off", "crossover") else (*soap, darby)


@lru_cache(maxsize=16)
def _names(called: str, kinds: tuple[str, ...], compression: str, n_max: int, l_max: int) -> tuple[str, ...]:
    """Names of the columns of a site, in DScribe's order."""
    numbers = range(1, n_max + 1)
    upper = [(n, m) for n in numbers for m in numbers if m >= n]
    every = [(n, m) for n in numbers for m in numbers]
    if compression == "off":
        blocks = [(f"{a}-{b}", upper if a == b else every) for i, a in enumerate(kinds) for b in kinds[i:]]
    elif compression == "mu1nu1":
        blocks = [(f"{a}-any", every) for a in kinds]
    else:
        blocks = [(f"{a}-{a}", upper) for a in kinds]
    degrees = range(l_max + 1)
    return tuple(f"{called} {block} l{l} n{n} n{m}" for block, pairs in blocks for l in degrees for n, m in pairs)


@lru_cache(maxsize=16)
def _averaged(average: str, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{average} mean {name}" for name in names)
