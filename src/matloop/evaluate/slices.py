"""Where the model errs: by element, range of the value, class, category, domain and group."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import BoolArray, FloatArray
from matloop.evaluate.baselines import FRACTIONS
from matloop.evaluate.resample import means
from matloop.evaluate.values import SliceError
from matloop.represent.table import FeatureTable

MIN_ROWS = 10
"""Smaller slices say nothing and are left out, but for elements: a periodic table without them would mislead."""
MAX_GROUPS = 20
"""Of the named groups at most this many of the largest are shown."""


@dataclass(frozen=True, slots=True)
class Slice:
    """A set of rows with something in common."""

    kind: str
    name: str
    member: BoolArray


def slice_errors(
    table: FeatureTable,
    y: FloatArray,
    error: FloatArray,
    groups: NDArray,
    *,
    named: NDArray,
    classes: tuple[str, ...],
    in_domain: BoolArray,
    seed: int,
) -> tuple[SliceError, ...]:
    """Mean error of each slice with enough rows, worst first within each kind.

    Parameters
    ----------
    error : shape (n_rows,), absolute error, or 1 where the class is wrong and 0 where it is right.
    groups : shape (n_rows,), labels of rows that belong together.
    named : shape (n_rows,), the group's name as text where large groups become slices of their own, else empty.
    """
    found = [s for s in _all(table, y, named, classes, in_domain) if _shown(s)]
    if not found:
        return ()
    member = np.stack([s.member for s in found], axis=1).astype(np.float64)
    estimates = means(error, member, groups, seed)
    slices = [SliceError(s.kind, s.name, int(s.member.sum()), e) for s, e in zip(found, estimates, strict=True)]
    kinds = list(dict.fromkeys(s.kind for s in found))
    # ranges keep their order from small to large: a trend must be readable
    return tuple(sorted(slices, key=lambda s: (kinds.index(s.kind), 0.0 if s.kind == "range" else -s.error.value)))


def _shown(part: Slice) -> bool:
    """Every element is shown, for the periodic table; of the rest what has enough rows and leaves some out."""
    n = int(part.member.sum())
    return n >= 1 if part.kind == "element" else MIN_ROWS <= n < len(part.member)


def _all(
    table: FeatureTable, y: FloatArray, named: NDArray, classes: tuple[str, ...], in_domain: BoolArray
) -> Iterator[Slice]:
    yield from _elements(table)
    if classes:
        yield from (Slice("class", name, y == k) for k, name in enumerate(classes))
    else:
        yield from _ranges(y)
    for column in table.columns().categorical:
        name = table.names[column]
        words = table.vocabularies[name]
        yield from (Slice("category", f"{name} = {word}", table.X[:, column] == k) for k, word in enumerate(words))
    yield Slice("domain", "inside", in_domain)
    yield Slice("domain", "outside", ~in_domain)
    yield from _groups(named)


def _elements(table: FeatureTable) -> Iterator[Slice]:
    inputs = {origin for origin in table.origins if origin.endswith(FRACTIONS)}
    present: dict[str, BoolArray] = {}
    for column, origin in enumerate(table.origins):
        if origin in inputs:
            symbol = table.names[column].rsplit(" ", 1)[-1]
            here = np.nan_to_num(table.X[:, column]) > 0
            present[symbol] = present[symbol] | here if symbol in present else here
    yield from (Slice("element", symbol, member) for symbol, member in present.items())


def _ranges(y: FloatArray) -> Iterator[Slice]:
    ends = np.unique(np.quantile(y, np.linspace(0, 1, 6)))
    place = np.clip(np.searchsorted(ends, y, side="right") - 1, 0, max(len(ends) - 2, 0))
    for k in range(len(ends) - 1):
        yield Slice("range", f"{ends[k]:.4g} to {ends[k + 1]:.4g}", place == k)


def _groups(named: NDArray) -> Iterator[Slice]:
    names, place, counts = np.unique(named.astype(np.str_), return_inverse=True, return_counts=True)
    large = [k for k in np.argsort(-counts, kind="stable")[:MAX_GROUPS] if counts[k] >= MIN_ROWS and names[k]]
    yield from (Slice("group", str(names[k]), place == k) for k in large)
