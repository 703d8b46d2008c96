"""Which rows belong together: equal group names, and rows that cannot be told apart by their inputs."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import BoolArray, IntArray, TextArray
from matloop.core.errors import DataError, all_faults
from matloop.data.dataset import Categories, Column, Dataset, Numbers
from matloop.matter.molecules import Molecules
from matloop.matter.structure_keys import content_keys
from matloop.matter.structures import Structures


def group_index(groups: ArrayLike) -> IntArray:
    """Groups as numbers 0..n_groups-1 in the order of their sorted names; shape (n,)."""
    return np.unique(np.asarray(groups), return_inverse=True)[1].astype(np.int64).reshape(-1)


def fingerprints(dataset: Dataset) -> TextArray:
    """A short hash of what each row's inputs are, shape (n,): equal for rows that no model could tell apart.

    Compositions count by their atomic fractions to six digits (multiples of a formula are the same matter), molecules
    by their canonical SMILES, structures by lattice and sites to six decimals.
    """
    parts = [_written(dataset.inputs[name]) for name in sorted(dataset.inputs)]
    joined = ["\x1f".join(row) for row in zip(*parts, strict=True)] if parts else [str(row) for row in dataset.ids]
    return np.array([hashlib.sha256(row.encode()).hexdigest()[:16] for row in joined], dtype=np.str_)


def whole_groups(dataset: Dataset) -> IntArray:
    """Groups that may be split apart without a leak, shape (n,): rows with equal group names or equal inputs share one.

    A row none of whose inputs is known stays with its group name alone.
    """
    first, second = group_index(dataset.groups), group_index(fingerprints(dataset))
    return joined(first, second, linked=~_blank(dataset))


def joined(first: IntArray, second: IntArray, *, linked: BoolArray | None = None) -> IntArray:
    """The finest groups that tear neither `first` nor `second` apart, shape (n,): connected components of both.

    Parameters
    ----------
    first, second : shape (n,), group indices from 0. linked : rows for which `second` counts (all if None).

    Examples
    --------
    >>> joined(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 2])).tolist()
    [0, 0, 0, 1]
    """
    known = np.ones(len(first), dtype=bool) if linked is None else linked
    offset = int(first.max()) + 1 if len(first) else 0
    size = offset + (int(second.max()) + 1 if len(second) else 0)
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = coo_array((np.ones(int(known.sum())), (first[known], second[known] + offset)), shape=(size, size))
    label = connected_components(links, directed=False)[1]
    return np.unique(label[first], return_inverse=True)[1].astype(np.int64).reshape(-1)


def check_split(dataset: Dataset, one: IntArray, other: IntArray, *, limit: int = 10) -> None:
    """Refuse two sets of rows that share a row, a group, or matter that cannot be told apart.

    Raises
    ------
    DataError : they do; the message names rows, groups and what to do.
    """
    faults = [f"row {str(dataset.ids[row])!r} is on both sides" for row in np.intersect1d(one, other)[:limit]]
    for group in np.intersect1d(dataset.groups[one], dataset.groups[other])[:limit]:
        faults.append(f"group {str(group)!r} is on both sides")
    if not faults:
        prints, known = fingerprints(dataset), ~_blank(dataset)
        shared = np.intersect1d(prints[one][known[one]], prints[other][known[other]])
        for mark in shared[:limit]:
            a, b = one[prints[one] == mark][0], other[prints[other] == mark][0]
            names = f"rows {str(dataset.ids[a])!r} and {str(dataset.ids[b])!r}"
            faults.append(f"{names} have the same inputs but are on different sides")
    if faults:
        raise DataError(
            all_faults(
                "the split leaks; scores on it would be too good. Give such rows one group, or merge them:", faults
            )
        )


def _written(column: Column) -> list[str]:
    if isinstance(column, Numbers):
        return [value.hex() for value in (column.values + 0.0).tolist()]
    if isinstance(column, Categories):
        return [str(value) for value in column.values]
    if isinstance(column, Molecules):
        return [str(smiles) for smiles in column.smiles]
    if isinstance(column, Structures):
        return content_keys(column).tolist()
    shares = np.round(column.fractions, 6)
    entries = [f"{z}:{x:.6f}" for z, x in zip(column.elements.tolist(), shares.tolist(), strict=True)]
    offsets = column.offsets.tolist()
    charges = column.charges.tolist()
    return [f"{' '.join(entries[offsets[i] : offsets[i + 1]])} {charges[i]:g}" for i in range(len(column))]


def _blank(dataset: Dataset) -> np.ndarray:
    blank = np.ones(len(dataset), dtype=bool)
    for column in dataset.inputs.values():
        if isinstance(column, Numbers):
            blank &= np.isnan(column.values)
        elif isinstance(column, Categories):
            blank &= column.values == ""
        else:
            blank &= np.diff(column.offsets) == 0
    return blank
