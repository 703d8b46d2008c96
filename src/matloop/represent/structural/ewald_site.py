"""Electrostatic energy of each site in the field of all others, from formal charges."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.errors import ConfigError
from matloop.matter.neighbours import Vicinity
from matloop.matter.structures import Structures
from matloop.represent.structural.charges import STATES_CITED, site_charges
from matloop.represent.structural.ewald import ewald_sums
from matloop.represent.structural.featurizer import SiteFeaturizer

COULOMB = 14.399645478425668  # e^2 / (4 pi epsilon_0) in eV Angstrom, CODATA 2018
NEUTRAL = 1e-6


class EwaldSiteFeaturizer(SiteFeaturizer):
    """Electrostatic energy of each site (eV) and potential at it (V) by Ewald sums, pooled to the structure.

    "ewald_site_energy" is half the energy of the charge of the site with all others, so that the sites add up to the
    energy of the cell, as in matminer's EwaldSiteEnergy. "site potential" is what the others make at the site: strongly
    negative at a cation, positive at an anion. Charges: the given oxidation states, else the most frequent ones that
    balance; a pure element has zeros.

    Parameters
    ----------
    accuracy : what is left out of either sum, as a fraction.
    """

    needs_order = True
    needs_cell = True
    most_sites = 1000

    def __init__(
        self,
        accuracy: float = 1e-10,
        statistics: tuple[str, ...] = ("mean", "std", "minimum", "maximum"),
    ) -> None:
        super().__init__(statistics)
        self.accuracy = accuracy

    def site_columns(self) -> tuple[str, ...]:
        if not 0.0 < self.accuracy < 1.0:
            raise ConfigError(f"accuracy={self.accuracy!r} has to be between 0 and 1, such as 1e-10.")
        return ("ewald_site_energy", "site potential")

    def site_units(self) -> dict[str, str]:
        return {"ewald_site_energy": "eV", "site potential": "V"}

    def describe_sites(self, structures: Structures, near: Vicinity) -> tuple[FloatArray, dict[int, str]]:
        charges, reasons = site_charges(structures)
        totals = np.bincount(structures.rows, weights=charges, minlength=len(structures))
        charged = np.flatnonzero(np.abs(totals) > NEUTRAL * structures.sizes).tolist()
        reasons = (
            dict.fromkeys(charged, "the charges of its sites do not add up to zero: no energy is defined") | reasons
        )
        potentials = COULOMB * _potentials(structures, charges, self.accuracy)
        charges[np.isin(structures.rows, charged)] = np.nan
        found = np.stack([0.5 * charges * potentials, np.where(np.isnan(charges), np.nan, potentials)], axis=1)
        overlapping = ~np.isfinite(potentials) & ~np.isnan(charges)
        lost = np.unique(structures.rows[overlapping]).tolist()
        found[np.isin(structures.rows, lost)] = np.nan
        return found, dict.fromkeys(lost, "two sites lie at one place: their energy is infinite") | reasons

    def citations(self) -> tuple[str, ...]:
        return ("Ewald 1921, doi:10.1002/andp.19213690304", STATES_CITED)


def _potentials(structures: Structures, charges: FloatArray, accuracy: float) -> FloatArray:
    """Potential at each site, shape (n_sites,), e/Angstrom."""
    sizes, numbers = structures.sizes[structures.rows], structures.numbers.astype(float)
    ends = np.cumsum(sizes)
    first = np.repeat(np.arange(len(numbers)), sizes)
    second = structures.offsets[structures.rows[first]] + np.arange(int(ends[-1])) - np.repeat(ends - sizes, sizes)
    # made for nuclei: per unit of both charges; the sum of a site with itself is halved there
    unit = ewald_sums(structures, accuracy) / (numbers[first] * numbers[second])
    potentials: FloatArray = np.add.reduceat(unit * np.where(first == second, 2.0, 1.0) * charges[second], ends - sizes)
    return potentials
