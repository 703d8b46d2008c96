"""Formal charges of sites: the oxidation states that are given, else the most likely ones that balance."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray
from matloop.matter.structures import Structures, to_compositions
from matloop.represent.featurizer import batches
from matloop.represent.oxidation_search import assume_states

STATES_CITED = (
    "S. P. Ong et al., Python Materials Genomics (pymatgen), Comput. Mater. Sci. 68 (2013) 314, "
    "doi:10.1016/j.commatsci.2012.10.028"
)

WHOLE = 1e-9  # a mean of equal states differs from them by rounding


def site_charges(structures: Structures) -> tuple[FloatArray, dict[int, str]]:
    """Formal charge of each site in e, shape (n_sites,), and {row: why its sites have none}, which are NaN.

    Where every species of a row has an oxidation state, these count, over a shared site by occupancy. Where one lacks,
    all are chosen by composition: of the choices that add up to the charge of the cell the one whose states are the
    most frequent in the ICSD (pymatgen's rule); all atoms of an element have the mean of its states, as +8/3 for iron
    in magnetite. Pure elements have zero.
    """
    rows_of_species = structures.rows[structures.site_of_species]
    unknown = np.isnan(structures.oxidation)
    lacking = np.bincount(rows_of_species[unknown], minlength=len(structures)) > 0
    of_species = structures.oxidation.copy()
    means, balanced = _means(structures)
    guessed = lacking[rows_of_species]
    of_species[guessed] = means[rows_of_species[guessed], structures.numbers[guessed]]
    of_species[~balanced[rows_of_species] & guessed] = np.nan
    charges = np.bincount(
        structures.site_of_species, weights=structures.occupancies * of_species, minlength=len(structures.coordinates)
    ).astype(float)
    why = "has no oxidation states, and none that are known of its elements add up to its charge. Give them by site"
    return charges, dict.fromkeys(np.flatnonzero(lacking & ~balanced & (structures.sizes > 0)).tolist(), why)


def _means(structures: Structures) -> tuple[FloatArray, BoolArray]:
    """Mean oxidation state by row and element, shape (n_rows, 119), and whether they balance, shape (n_rows,)."""
    compositions = to_compositions(structures)
    means, balanced = np.zeros((len(structures), 119)), np.zeros(len(structures), dtype=bool)
    for rows, elements, amounts in batches(compositions):
        found = assume_states(elements, amounts, compositions.charges[rows])
        total = found.share.sum(axis=2)
        mean = (found.share * found.states).sum(axis=2) / np.where(total > 0, total, 1.0)
        means[rows[:, None], elements] = np.where(np.abs(mean - np.rint(mean)) < WHOLE, np.rint(mean), mean)
        balanced[rows] = found.balanced | ((elements.shape[1] == 1) & (compositions.charges[rows] == 0))
    return means, balanced
