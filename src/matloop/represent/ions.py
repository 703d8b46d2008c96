"""What featurizers of ions share: states are assumed, and statistics run over the species that are there."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.core.elements import SYMBOLS
from matloop.matter.compositions import Compositions
from matloop.represent import pooling
from matloop.represent.featurizer import CompositionFeaturizer, batches
from matloop.represent.oxidation_search import Assumed, assume_states

SUMMARY = ("minimum", "maximum", "range", "mean", "std_dev")


class IonFeaturizer(CompositionFeaturizer):
    """Describes the ions that a formula is assumed to hold (`oxidation_search`); a plug-in fills in three methods.

    The net charge that a formula states ("SO4^2-") is kept. Where no states balance there are no ions.
    """

    @abstractmethod
    def describe_ions(self, elements: IntArray, assumed: Assumed) -> FloatArray:
        """Features of rows with equally many elements (m, k): shape (m, n_columns); NaN where a row has no value."""

    def describe(self, elements: IntArray, amounts: FloatArray) -> FloatArray:
        return self.describe_charged(elements, amounts, np.zeros(len(elements)))

    def describe_charged(self, elements: IntArray, amounts: FloatArray, charges: FloatArray) -> FloatArray:
        return self.describe_ions(elements, assume_states(elements, amounts, charges))

    def limits(self, compositions: Compositions) -> dict[int, str]:
        told: dict[int, str] = {}
        for rows, elements, amounts in batches(compositions):
            assumed = assume_states(elements, amounts, compositions.charges[rows])
            unknown = np.isnan(self.describe_ions(elements, assumed)).any(axis=1)
            for i in np.flatnonzero(~assumed.exact & assumed.balanced).tolist():
                told[int(rows[i])] = "oxidation states: too many atoms to try all; those of a large cell are assumed"
            for i in np.flatnonzero(unknown).tolist():
                symbols = ", ".join(SYMBOLS[z] for z in elements[i].tolist())
                told[int(rows[i])] = (
                    f"{self.columns()[0]}: a property of {symbols} is not known"
                    if assumed.balanced[i]
                    else f"oxidation states: none of {symbols} balance, so there are no ions to describe"
                )
        return told


def species_statistic(name: str, values: FloatArray, share: FloatArray) -> FloatArray:
    """A statistic over the species of each row.

    Parameters
    ----------
    name : of SUMMARY; std_dev divides by 1 - sum of squared shares, as matminer does, and is 0 for one species
    values : shape (m, s, p)
    share : shape (m, s); species with share 0 are not there

    Returns
    -------
    shape (m, p); meaningless where no species is there
    """
    there = (share > 0)[:, :, None]
    if name == "range":
        return species_statistic("maximum", values, share) - species_statistic("minimum", values, share)
    if name in ("minimum", "maximum"):
        sign = 1.0 if name == "minimum" else -1.0
        return sign * np.where(there, sign * values, np.inf).min(axis=1)
    # minus zero is no zero: adding 0 makes both one
    weight = share / np.where(there.any(axis=1), pooling.total(share)[:, None], 1.0)
    mean = pooling.total(np.where(there, values * weight[:, :, None], 0.0)) + 0.0
    if name == "mean":
        return mean
    squares = pooling.total(np.where(there, (values - mean[:, None, :]) ** 2 * weight[:, :, None], 0.0))
    several = there.sum(axis=1) > 1
    beta = np.where(several, 1.0 - pooling.total(weight * weight)[:, None], 1.0)
    return np.where(several, np.sqrt(squares / beta), 0.0)


def of_sign(assumed: Assumed, sign: int) -> FloatArray:
    """The share of each species (m, k * S), 0 for all but cations (`sign` 1) or anions (-1)."""
    return np.where(assumed.states * sign > 0, assumed.share, 0.0).reshape(len(assumed.share), -1)


def is_ionic(assumed: Assumed) -> BoolArray:
    """Whether there are both cations and anions, shape (m,)."""
    return has_sign(assumed, 1) & has_sign(assumed, -1)


def has_sign(assumed: Assumed, sign: int) -> BoolArray:
    """Whether there are cations (`sign` 1) or anions (-1), shape (m,)."""
    there: BoolArray = np.logical_or.reduce(of_sign(assumed, sign) > 0, axis=1)
    return there


def known_only(features: FloatArray, known: BoolArray) -> FloatArray:
    """`features` with NaN in rows that are not `known`."""
    return np.where(known[:, None] & np.isfinite(features), features, np.nan)
