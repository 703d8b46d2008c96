"""Atom-centred symmetry functions G1 to G5 of Behler by DScribe, elements kept apart or all alike."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.errors import ConfigError
from matloop.core.optional import require
from matloop.matter.neighbours import expected_pairs
from matloop.matter.structures import Structures
from matloop.represent.structural.dscribed import DSCRIBE, EXTRA, DscribedFeaturizer
from matloop.represent.structural.species import kind_names

Parameters = tuple[tuple[float, ...], ...]
SECONDS = 5e-8
"""Per pair or triplet and function: measured on one core of 2.5 GHz."""


class AcsfFeaturizer(DscribedFeaturizer):
    """Symmetry functions of the sites with DScribe's definitions, pooled to the structure.

    G1 is the sum of the cutoff function, G2 of Gaussians, G3 of cosines of the distances of neighbours; G4 and G5 are
    sums over pairs of neighbours. (The registered `symmetry_functions` have derivatives and weights, and are faster.)

    By default atoms of all elements count alike. With `species` there is a set of G1 to G3 for each of them and of G4
    and G5 for each pair; a run keeps the elements of its data apart as long as that makes no more than 4,000 columns.

    Parameters
    ----------
    cutoff : Angstrom. g2 : the pairs (eta, shift). g3 : the kappa. g4, g5 : the (eta, zeta, lambda).
    """

    def __init__(
        self,
        cutoff: float = 6.0,
        g2: Parameters = ((0.05, 0.0), (1.0, 1.5), (1.0, 2.5), (1.0, 3.5), (1.0, 4.5), (1.0, 5.5)),
        g3: tuple[float, ...] = (),
        g4: Parameters = ((0.01, 1.0, 1.0), (0.01, 1.0, -1.0), (0.01, 4.0, 1.0), (0.01, 4.0, -1.0)),
        g5: Parameters = (),
        species: tuple[str, ...] = (),
        statistics: tuple[str, ...] = ("mean", "std", "minimum", "maximum"),
    ) -> None:
        super().__init__(statistics)
        self.cutoff = cutoff
        self.g2 = g2
        self.g3 = g3
        self.g4 = g4
        self.g5 = g5
        self.species = species

    def checked(self) -> None:
        """Raise ConfigError where an option is out of range."""
        if not 0.5 <= self.cutoff <= 30:
            raise ConfigError(f"cutoff = {self.cutoff:g}: 0.5 to 30 is possible.")
        for name, functions, n in (("g2", self.g2, 2), ("g4", self.g4, 3), ("g5", self.g5, 3)):
            for function in functions:
                if np.shape(function) != (n,) or not np.isfinite(function).all() or function[0] < 0:
                    raise ConfigError(f"{name}: found {function}; {n} numbers, the first not negative, are needed.")
        if any(function[2] not in (-1, 1) or function[1] <= 0 for function in (*self.g4, *self.g5)):
            raise ConfigError("g4, g5: zeta has to be above zero, lambda 1 or -1.")

    def width(self, n_kinds: int) -> int:
        radial, angular = 1 + len(self.g2) + len(self.g3), len(self.g4) + len(self.g5)
        return len(self.statistics) * (n_kinds * radial + n_kinds * (n_kinds + 1) // 2 * angular)

    def site_columns(self) -> tuple[str, ...]:
        self.checked()
        self.checked_width()
        g2, g4, g5 = (tuple(map(tuple, functions)) for functions in (self.g2, self.g4, self.g5))
        return _names(kind_names(self.species), g2, tuple(self.g3), g4, g5)

    def made(self, species: list[int], *, periodic: bool) -> Any:
        # DScribe takes no empty lists
        return require("dscribe.descriptors", extra=EXTRA).ACSF(
            r_cut=self.cutoff, g2_params=self.g2 or None, g3_params=self.g3 or None, g4_params=self.g4 or None,
            g5_params=self.g5 or None, species=species, periodic=periodic,
        )  # fmt: skip

    def seconds(self, structures: Structures) -> FloatArray:
        pairs = expected_pairs(structures, self.cutoff)
        triplets = pairs * pairs / np.maximum(structures.sizes, 1) / 2
        radial, angular = 1 + len(self.g2) + len(self.g3), len(self.g4) + len(self.g5)
        seconds: FloatArray = SECONDS * (pairs * radial + (triplets * angular if angular else 0.0))
        return seconds

    def citations(self) -> tuple[str, ...]:
        return (
            "J. Behler, Atom-centered symmetry functions for constructing high-dimensional neural network potentials, "
            "J. Chem. Phys. 134 (2011) 074106, doi:10.1063/1.3553717",
            DSCRIBE,
        )


@lru_cache(maxsize=16)
def _names(
    kinds: tuple[str, ...], g2: Parameters, g3: tuple[float, ...], g4: Parameters, g5: Parameters
) -> tuple[str, ...]:
    """Names of the columns of a site, in DScribe's order."""
    radial = ["G1", *(f"G2 eta={eta:.6g} shift={shift:.6g}" for eta, shift in g2)]
    radial += [f"G3 kappa={kappa:.6g}" for kappa in g3]
    angular = [
        f"{name} eta={eta:.6g} zeta={zeta:.6g} lambda={sign:g}"
        for name, functions in (("G4", g4), ("G5", g5))
        for eta, zeta, sign in functions
    ]
    return (
        *(f"ACSF {name} {kind}" for kind in kinds for name in radial),
        *(f"ACSF {name} {b}-{a}" for i, a in enumerate(kinds) for b in kinds[: i + 1] for name in angular),
    )
