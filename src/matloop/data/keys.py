"""What makes two rows the same: the same reduced formula, the same numbers, the same words."""

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


def reduced(distinct: Mapping[str, tuple[Compositions, IntArray]]) -> dict[str, TextArray]:
    """{composition input: reduced formula of each row}, from distinct compositions and which of them each row is."""
    return {name: reduced_formulas(batch)[places] for name, (batch, places) in distinct.items()}


def input_keys(columns: Mapping[str, Column], formulas: Mapping[str, TextArray]) -> IntArray:
    """A code per row, shape (n_rows,), numbered by first appearance, equal for rows with the same inputs.

    Compositions are compared by `formulas` (see `reduced`), numbers to 12 digits, NaN equal to NaN.
    """
    keys = np.zeros(0, dtype=np.int64)
    for name, column in columns.items():
        codes = by_appearance(formulas[name] if name in formulas else _plain(column))
        joint = codes if len(keys) == 0 else keys * (int(codes.max(initial=0)) + 1) + codes
        keys = by_appearance(joint)
    return keys


def by_appearance(values: NDArray) -> IntArray:
    """Equal values as equal codes 0, 1, 2, ... in the order of their first appearance."""
    plain = values.astype(object) if values.dtype.kind == "U" else values
    return np.asarray(pd.factorize(plain, use_na_sentinel=False)[0], dtype=np.int64)


def _plain(column: Column) -> NDArray:
    if isinstance(column, Numbers):
        return rounded(column.values)
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
