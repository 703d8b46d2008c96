"""What makes two rows the same: the same reduced formula, the same numbers, the same words."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
import pandas as pd

from matloop.core.arrays import FloatArray, IntArray, TextArray
from matloop.data.dataset import Categories, Column, Numbers
from matloop.data.words import as_text
from matloop.matter.compositions import reduced_formulas


def input_keys(columns: Mapping[str, Column]) -> IntArray:
    """A code per row, shape (n_rows,), numbered by first appearance, equal for rows with the same inputs.

    Compositions are compared by reduced formula, numbers to 12 digits.
    """
    keys = np.zeros(0, dtype=np.int64)
    for column in columns.values():
        codes = _codes(column)
        joint = codes if len(keys) == 0 else keys * (int(codes.max(initial=0)) + 1) + codes
        keys = pd.factorize(joint)[0].astype(np.int64)
    return keys


def _codes(column: Column) -> IntArray:
    if isinstance(column, Numbers):
        return pd.factorize(rounded(column.values), use_na_sentinel=False)[0].astype(np.int64)
    words = column.values if isinstance(column, Categories) else reduced_formulas(column)
    return pd.factorize(words.astype(object))[0].astype(np.int64)


def rounded(values: FloatArray, digits: int = 12) -> FloatArray:
    """Numbers to significant digits, so that a unit conversion does not make two of one; shape as given."""
    size = np.where((values == 0) | ~np.isfinite(values), 1.0, np.abs(values))
    scale = 10.0 ** (digits - 1 - np.floor(np.log10(size)))
    ok = np.isfinite(scale) & (scale > 0)
    return np.where(ok, np.round(values * np.where(ok, scale, 1.0)) / np.where(ok, scale, 1.0), values) + 0.0


def input_hashes(columns: Mapping[str, Column]) -> TextArray:
    """16 hex digits per row that depend on the inputs only, not on the order of the table. Shape (n_rows,)."""
    parts = []
    for name in sorted(columns):
        column = columns[name]
        if isinstance(column, Numbers):
            parts.append([f"{name}={value:.12g}" for value in column.values.tolist()])
        elif isinstance(column, Categories):
            parts.append([f"{name}={value}" for value in column.values.tolist()])
        else:
            parts.append([f"{name}={value}" for value in reduced_formulas(column).tolist()])
    joined = ("\n".join(row) for row in zip(*parts, strict=True))
    return as_text([hashlib.sha256(text.encode()).hexdigest()[:16] for text in joined])
