"""Altered compositions: an element raised or lowered, or exchanged for another, whole batches at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.elements import MAX_Z
from matloop.core.errors import DataError
from matloop.data.dataset import Column, Dataset
from matloop.matter.compositions import Compositions, to_formulas
from matloop.represent.representation import Representation, represent
from matloop.represent.table import FeatureTable

_PLACES = 4
"""Decimals of amounts that are shown."""
_GONE = 1e-9
"""Share of the atoms below which an element is not there."""


def amounts_of(compositions: Compositions) -> FloatArray:
    """Atoms per formula by atomic number, shape (n_rows, 119)."""
    dense = np.zeros((len(compositions), MAX_Z + 1))
    dense[compositions.rows, compositions.elements] = compositions.amounts
    return dense


def from_amounts(dense: FloatArray, charges: FloatArray | None = None) -> Compositions:
    """The compositions of `amounts_of`, without formulas (see `named`)."""
    dense = np.where(dense > _GONE * dense.sum(axis=1, keepdims=True), dense, 0.0)
    rows, elements = np.nonzero(dense)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(dense)))]).astype(np.int64)
    return Compositions(
        offsets, elements.astype(np.int64), dense[rows, elements],
        np.zeros(len(dense)) if charges is None else np.array(charges, dtype=np.float64),
        np.full(len(dense), "", dtype="<U1"),
    )  # fmt: skip


def named(compositions: Compositions) -> Compositions:
    """The same with a formula per row, amounts rounded to four decimals for the eye."""
    shown = replace(compositions, amounts=np.round(compositions.amounts, _PLACES))
    return replace(compositions, formulas=to_formulas(shown))


def raised(compositions: Compositions, element: ArrayLike, by: ArrayLike) -> Compositions:
    """The atomic fraction of an element is raised, all others give way in proportion (Cox's direction of a mixture).

    Parameters
    ----------
    element : atomic number, one or shape (n_rows,). by : change of its fraction, one or shape (n_rows,).

    Raises
    ------
    DataError : a fraction would leave 0 to 1; a row holds nothing else.

    References
    ----------
    Cox, Biometrika 58 (1971) 155. doi:10.1093/biomet/58.1.155

    Examples
    --------
    >>> from matloop.matter.compositions import as_compositions
    >>> named(raised(as_compositions(["FeNi"]), 26, 0.1)).formulas.tolist()
    ['Fe1.2Ni0.8']
    """
    dense = amounts_of(compositions)
    n = len(dense)
    z, step = np.broadcast_to(np.asarray(element, np.int64), n), np.broadcast_to(np.asarray(by, np.float64), n)
    total = dense.sum(axis=1)
    fraction = dense[np.arange(n), z] / total
    wanted = fraction + step
    bad = np.flatnonzero((wanted < 0) | (wanted > 1) | (fraction >= 1.0))
    if len(bad):
        row = int(bad[0])
        raise DataError(
            f"row {row}: a fraction of {fraction[row]:.4g} cannot change by {step[row]:.4g}. Take a smaller step, or "
            "leave out rows that hold nothing else."
        )
    dense *= ((1.0 - wanted) / (1.0 - fraction))[:, None]
    dense[np.arange(n), z] = wanted * total
    return from_amounts(dense, compositions.charges)


def exchanged(compositions: Compositions, old: ArrayLike, new: ArrayLike, share: ArrayLike = 1.0) -> Compositions:
    """Atoms of one element are replaced by as many of another.

    Parameters
    ----------
    old, new : atomic numbers, one or shape (n_rows,). share : of the atoms of `old` that are replaced.

    Examples
    --------
    >>> from matloop.matter.compositions import as_compositions
    >>> named(exchanged(as_compositions(["LiCoO2"]), 27, 28, 0.5)).formulas.tolist()
    ['LiCo0.5Ni0.5O2']
    """
    dense = amounts_of(compositions)
    n, rows = len(dense), np.arange(len(dense))
    a, b = (np.broadcast_to(np.asarray(one, np.int64), n) for one in (old, new))
    moved = np.broadcast_to(np.asarray(share, np.float64), n) * dense[rows, a]
    dense[rows, a] -= moved
    dense[rows, b] += moved
    return from_amounts(dense, compositions.charges)


@dataclass(frozen=True, slots=True)
class Matter:
    """Rows with a composition that can be altered, everything else as it is.

    dataset : rows, in the order of a development set. name : the input that is altered.
    """

    dataset: Dataset
    representation: Representation
    name: str

    @property
    def compositions(self) -> Compositions:
        """Of all rows, as they are."""
        found = self.dataset.inputs[self.name]
        assert isinstance(found, Compositions)
        return found

    def described(self, rows: IntArray, inputs: Mapping[str, Column]) -> FeatureTable:
        """Features of `rows` with other inputs, in the same order; what is not given stays as it is."""
        part = self.dataset.take(rows)
        return represent(replace(part, inputs={**part.inputs, **inputs}), self.representation)


def matter_of(dataset: Dataset, representation: Representation) -> Matter | None:
    """The rows with their first composition input; None where there is none."""
    for given in representation.inputs:
        if given.kind == "composition" and isinstance(dataset.inputs.get(given.name), Compositions):
            return Matter(replace(dataset, targets={}), representation, given.name)
    return None
