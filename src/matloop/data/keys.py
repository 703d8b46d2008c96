"""What makes two rows the same: the same composition, structure or molecule, the same numbers, the same words."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from matloop.core.arrays import FloatArray, IntArray, TextArray
from matloop.data.dataset import Categories, Column, Numbers
from matloop.data.words import as_text
from matloop.matter.compositions import Compositions, reduced_formulas
from matloop.matter.molecules import Molecules
from matloop.matter.structure_keys import content_keys
from matloop.matter.structures import Structures


def reduced(distinct: Mapping[str, tuple[Compositions, IntArray]]) -> dict[str, TextArray]:
    """{composition input: reduced formula of each row}, from distinct compositions and which of them each row is."""
    return {name: reduced_formulas(batch)[places] for name, (batch, places) in distinct.items()}


def input_keys(
    columns: Mapping[str, Column],
    distinct: Mapping[str, tuple[Compositions, IntArray]],
    codes_of: Mapping[str, IntArray] | None = None,
) -> IntArray:
    """A code per row, shape (n_rows,), numbered by first appearance, equal for rows with the same inputs.

    Compositions are compared by their atomic fractions to 1e-7, molecules by their canonical SMILES, structures by
    lattice and sites to six decimals, numbers to 12 digits, NaN equal to NaN. The reduced formula is wider
    (YBa2Cu3O6.99 and O7.01 share one): right for a group, but
    no reason to merge two measurements.

    Parameters
    ----------
    codes_of : {input: a code per row} where something else says which rows are the same.
    """
    codes_of = codes_of or {}
    keys = np.zeros(0, dtype=np.int64)
    for name, column in columns.items():
        if name in codes_of:
            codes = by_appearance(codes_of[name])
        elif name in distinct:
            batch, places = distinct[name]
            codes = by_appearance(_same_fractions(batch)[places])
        else:
            codes = by_appearance(_plain(column))
        joint = codes if len(keys) == 0 else keys * (int(codes.max(initial=0)) + 1) + codes
        keys = by_appearance(joint)
    return keys


def _same_fractions(batch: Compositions) -> IntArray:
    """A code per composition, equal where fractions and charge per atom agree to 1e-7."""
    totals = np.bincount(batch.rows, weights=batch.amounts, minlength=len(batch))
    charges = batch.charges / np.where(totals > 0, totals, 1.0)
    steps = np.rint(batch.fractions * 1e7 + 1e-3).astype(np.int64)  # the shift keeps halves off the rounding edge
    entries = (batch.elements.astype(np.int64) << 32) + steps
    words = [
        entries[start:end].tobytes() + charge.tobytes()
        for start, end, charge in zip(
            batch.offsets[:-1].tolist(),
            batch.offsets[1:].tolist(),
            np.rint(charges * 1e7).astype(np.int64),
            strict=True,
        )
    ]
    column = np.empty(len(words), dtype=object)
    column[:] = words
    return by_appearance(column)


def by_appearance(values: NDArray) -> IntArray:
    """Equal values as equal codes 0, 1, 2, ... in the order of their first appearance."""
    plain = values.astype(object) if values.dtype.kind == "U" else values
    return np.asarray(pd.factorize(plain, use_na_sentinel=False)[0], dtype=np.int64)


def _plain(column: Column) -> NDArray:
    if isinstance(column, Numbers):
        return rounded(column.values)
    if isinstance(column, Molecules):
        return column.smiles
    if isinstance(column, Structures):
        return content_keys(column)
    return column.values if isinstance(column, Categories) else reduced_formulas(column)


def rounded(values: FloatArray, digits: int = 12) -> FloatArray:
    """Numbers to significant digits, so that a unit conversion does not make two of one; shape as given."""
    size = np.where((values == 0) | ~np.isfinite(values), 1.0, np.abs(values))
    scale = 10.0 ** (digits - 1 - np.floor(np.log10(size)))
    ok = np.isfinite(scale) & (scale > 0)
    return np.where(ok, np.round(values * np.where(ok, scale, 1.0)) / np.where(ok, scale, 1.0), values) + 0.0


def input_hashes(columns: Mapping[str, Column], formulas: Mapping[str, TextArray]) -> TextArray:
    """16 hex digits per row that depend on the inputs only, not on the order of the table. Shape (n_rows,)."""
    parts = []
    for name in sorted(columns):
        values = formulas[name] if name in formulas else _plain(columns[name])
        parts.append([f"{name}={value}" for value in values.tolist()])
    joined = ("\n".join(row) for row in zip(*parts, strict=True))
    return as_text([hashlib.sha256(text.encode()).hexdigest()[:16] for text in joined])
