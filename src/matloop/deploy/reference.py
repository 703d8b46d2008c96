"""What a bundle keeps of the rows that its models learnt from, so that later rows can be compared with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from matloop.core.arrays import FloatArray, TextArray

MOST = 2000
"""Rows kept, drawn at random by the seed of the run."""
FILE = "reference.npz"


@dataclass(frozen=True, slots=True)
class Reference:
    """A sample of development rows; never sealed ones.

    ids : (n,) of the rows in the dataset. names, X : features, shape (n, p). inputs : {column: (n,) numbers or texts;
    of a structure its formula}. truth : {target: (n,) labels}. value, low, high, std : {target: (n,)} predictions by
    models that did not see the row (out of fold); class indices for a classification. in_domain : {target: (n,)} as 0
    or 1.
    """

    ids: TextArray
    names: tuple[str, ...]
    X: FloatArray
    inputs: Mapping[str, FloatArray | TextArray]
    truth: Mapping[str, FloatArray]
    value: Mapping[str, FloatArray]
    low: Mapping[str, FloatArray]
    high: Mapping[str, FloatArray]
    std: Mapping[str, FloatArray]
    in_domain: Mapping[str, FloatArray]

    def __len__(self) -> int:
        return len(self.ids)
