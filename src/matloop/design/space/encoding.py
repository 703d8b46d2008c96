"""Points as surrogates see them: numbers from 0 to 1, codes of words, descriptors of matter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.design.contract import Axes
from matloop.design.space.described import Sight, Words, blend_sight, word_sight
from matloop.design.space.layout import Blend, Layout, Single
from matloop.problem.space import Categorical

ABSENT = 0.5
"""What a number looks like where its parameter does not exist: the middle; the parent says that it is not there."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """Points to encoded points; see `contract.Axes`."""

    axes: Axes
    layout: Layout
    words: tuple[tuple[int, FloatArray], ...]
    """(column, descriptors of each word) of described categories"""
    blends: tuple[Sight | None, ...]
    """how each mixture is described as matter; None: by its fractions"""

    def __call__(self, values: FloatArray) -> FloatArray:
        blocks: list[tuple[int, FloatArray]] = []
        described = dict(self.words)
        for one in self.layout.singles:
            blocks.append((one.place, _single(one, values[:, one.column], described.get(one.column))))
        for blend, sight in zip(self.layout.blends, self.blends, strict=True):
            amounts = values[:, blend.columns]
            blocks.append((blend.place, _fractions(blend, amounts) if sight is None else sight(amounts)))
        blocks.sort(key=lambda pair: pair[0])
        return np.concatenate([block for _, block in blocks], axis=1)


def encoder_of(layout: Layout, sights: Mapping[str, Words] | None = None) -> Encoder:
    """How points of a layout are encoded.

    Parameters
    ----------
    sights : how the words of some categories are seen, where that is known already.

    Raises
    ------
    DataError : words that are said to be matter cannot be read. ConfigError : no such features.
    """
    parts: list[tuple[int, tuple[str, ...], bool]] = []
    words: list[tuple[int, FloatArray]] = []
    given = sights or {}
    for one in layout.singles:
        names: tuple[str, ...] = (one.name,)
        codes = isinstance(one.parameter, Categorical)
        if isinstance(one.parameter, Categorical) and (seen := given.get(one.name) or word_sight(one.parameter)):
            names, codes = seen.names, False
            words.append((one.column, seen.table))
        parts.append((one.place, names, codes))
    blends = tuple(blend_sight(blend) for blend in layout.blends)
    for blend, sight in zip(layout.blends, blends, strict=True):
        own = tuple(part.name for part in blend.mixture.components)
        parts.append((blend.place, own if sight is None else sight.names, False))
    parts.sort(key=lambda part: part[0])
    return Encoder(_axes(parts), layout, tuple(words), blends)


def _axes(parts: list[tuple[int, tuple[str, ...], bool]]) -> Axes:
    names: list[str] = []
    categorical: list[bool] = []
    variable: list[int] = []
    for number, (_, own, codes) in enumerate(parts):
        names += own
        categorical += [codes] * len(own)
        variable += [number] * len(own)
    flags: BoolArray = np.array(categorical, dtype=bool)
    owners: IntArray = np.array(variable, dtype=np.int64)
    return Axes(tuple(names), flags, owners)


def _single(one: Single, column: FloatArray, described: FloatArray | None) -> FloatArray:
    gone = np.isnan(column)
    if described is not None:
        codes = np.where(gone, 0, np.nan_to_num(column)).astype(np.int64)
        return np.where(gone[:, None], ABSENT, described[codes])
    if isinstance(one.parameter, Categorical):  # a code of its own for "not there"
        return np.where(gone, float(len(one.parameter.values)), column)[:, None]
    seen = one.scale.seen(np.where(gone, one.scale.low, column))
    return np.where(gone, ABSENT, np.clip(seen, 0.0, 1.0))[:, None]


def _fractions(blend: Blend, amounts: FloatArray) -> FloatArray:
    """Each component from 0 to 1 over the range that its bounds and those of the others leave."""
    low, high = reach(blend)
    return np.clip((amounts - low) / np.where(high > low, high - low, 1.0), 0.0, 1.0)


def reach(blend: Blend) -> tuple[FloatArray, FloatArray]:
    """Least and most of each component, as far as the sum of one allows; shape (k,) each."""
    low = blend.low
    high = np.minimum(blend.high, 1.0 - (low.sum() - low))
    least = np.where(blend.at_most == len(low), np.maximum(low, 1.0 - (blend.high.sum() - blend.high)), low)
    return least, np.maximum(high, least)
