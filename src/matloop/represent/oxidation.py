"""Oxidation states: their spread, and which ones were assumed."""

from __future__ import annotations

from typing import Any

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.elements import SYMBOLS
from matloop.matter.compositions import read_compositions
from matloop.represent.featurizer import batches
from matloop.represent.ions import IonFeaturizer, species_statistic
from matloop.represent.oxidation_search import Assumed, assume_states
from matloop.represent.valence import DEML_2016

STATISTICS = ("minimum", "maximum", "range", "std_dev")


class OxidationFeaturizer(IonFeaturizer):
    """Minimum, maximum, range and standard deviation of the oxidation states: matminer's `OxidationStates`.

    States are assumed as pymatgen guesses them: the most frequent ones of the ICSD that balance, each atom its own as
    in Fe3O4. Where none balance (metals, noble gases, one element) all are 0, as there. Columns "minimum oxidation
    state" and so on. The search cannot explode; `limits` names rows with more charge than MOST_CHARGE, where the limit
    of a large cell is taken. Deml et al. (2016), doi:10.1103/PhysRevB.93.085142

    Examples
    --------
    >>> OxidationFeaturizer().transform(["Fe3O4"])[0, :3]
    array([-2.,  3.,  5.])
    """

    def columns(self) -> tuple[str, ...]:
        return tuple(f"{statistic} oxidation state" for statistic in STATISTICS)

    def describe_ions(self, elements: IntArray, assumed: Assumed) -> FloatArray:
        states = assumed.states.reshape(len(elements), -1, 1).astype(float)
        share = assumed.share.reshape(len(elements), -1)
        return np.hstack([species_statistic(name, states, share) for name in STATISTICS])

    def citations(self) -> tuple[str, ...]:
        return (DEML_2016,)


def assumed_states(X: Any) -> list[dict[str, float]]:
    """Which oxidation states are assumed: {species: atoms per atom of the formula} for each row.

    Parameters
    ----------
    X : as for `matter.compositions.read_compositions`

    Returns
    -------
    one mapping per row, in the order of atomic number and state; all states 0 where none balance, empty where the row
    cannot be read

    Examples
    --------
    >>> assumed_states(["Fe3O4", "NiAl"])
    [{'O2-': 0.571..., 'Fe2+': 0.142..., 'Fe3+': 0.285...}, {'Al0+': 0.5, 'Ni0+': 0.5}]
    """
    compositions, _ = read_compositions(X)
    told: list[dict[str, float]] = [{} for _ in range(len(compositions))]
    for rows, elements, amounts in batches(compositions):
        assumed = assume_states(elements, amounts, compositions.charges[rows])
        for i, j, s in np.argwhere(assumed.share > 0).tolist():
            state = int(assumed.states[i, j, s])
            name = f"{SYMBOLS[elements[i, j]]}{abs(state)}{'-' if state < 0 else '+'}"
            told[rows[i]][name] = float(assumed.share[i, j, s])
    return told
