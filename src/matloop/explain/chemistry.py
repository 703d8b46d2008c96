"""What elements do to a prediction: each raised a little, or exchanged for an alike one, in real rows."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.core.elements import SYMBOLS, Z_OF
from matloop.core.errors import ConfigError, DataError
from matloop.explain.chemistry_values import ElementEffect, Exchange
from matloop.explain.edits import amounts_of, exchanged, raised
from matloop.explain.interchange import interchangeable, unlikeness
from matloop.explain.output import predict_of
from matloop.matter.compositions import Compositions, as_compositions

LARGEST_STEP = 0.05
"""Change of an atomic fraction to either side."""
FEWEST_ROWS = 8
"""Rows that must hold an element, and rows that must stay inside the domain."""
_SURE = 1.96


@dataclass(frozen=True, slots=True)
class Deltas:
    """Changes of the output under one edit: per row of a model.

    delta : shape (n,), change. width : shape (n,), how much was changed (1 for an exchange, percent of the atoms for a
    rise). model : shape (n,), which model said it. group : shape (n,), rows that belong together.
    """

    delta: FloatArray
    width: FloatArray
    model: IntArray
    group: IntArray


@dataclass(frozen=True, slots=True)
class Mean:
    """The change per width: mean, its 95 % interval, 10 and 90 % quantiles of the rows, and each model's mean."""

    value: float
    low: float
    high: float
    row_low: float
    row_high: float
    models: tuple[float, ...]

    @property
    def sure(self) -> bool:
        """Whether zero is outside of the interval and all models agree on the sign."""
        signs = {np.sign(value) for value in self.models}
        return (self.low > 0 or self.high < 0) and len(signs) == 1


def mean_of(found: Deltas) -> Mean:
    """The mean change as a ratio of sums, so that rows of wide steps weigh more: slopes of tiny steps are noise.

    The error is the larger of that over groups of rows (residuals of the ratio, summed within groups) and that over
    models.
    """
    total = float(found.width.sum())
    value = float(found.delta.sum()) / total
    _, index = np.unique(found.group, return_inverse=True)
    residual = np.bincount(index.reshape(-1), found.delta - value * found.width)
    error = float(np.sqrt((residual**2).sum())) / total
    each = [
        float(found.delta[of].sum() / found.width[of].sum())
        for one in np.unique(found.model)
        if (of := found.model == one).sum() >= 3
    ]
    if len(each) > 1:
        error = max(error, float(np.std(each, ddof=1)) / np.sqrt(len(each)))
    low, high = np.quantile(found.delta / found.width, [0.1, 0.9])
    return Mean(value, value - _SURE * error, value + _SURE * error, float(low), float(high), tuple(each))


def steps_of(fraction: FloatArray) -> FloatArray:
    """How far a fraction is moved to either side: 5 at%, at most half of what is there or of what is left."""
    return np.minimum(LARGEST_STEP, 0.5 * np.minimum(fraction, 1.0 - fraction))


def common_elements(compositions: Compositions, fewest: int = FEWEST_ROWS) -> list[int]:
    """Atomic numbers of elements that at least so many rows hold beside others, the most frequent first."""
    dense = amounts_of(compositions)
    holds = ((dense > 0) & ((dense > 0).sum(axis=1) > 1)[:, None]).sum(axis=0)
    return [int(z) for z in np.argsort(-holds, kind="stable") if holds[z] >= fewest]


def common_pairs(compositions: Compositions, most: int, fewest: int = FEWEST_ROWS) -> list[tuple[int, int]]:
    """Pairs (old, new) of interchangeable elements that both occur often, the pairs of most rows first; `old` is the
    more frequent one of the two."""
    rows = (amounts_of(compositions) > 0).sum(axis=0)
    known = [z for z in range(1, len(rows)) if rows[z] >= fewest]
    pairs = [(a, b) for a, b in itertools.combinations(known, 2) if interchangeable()[a, b]]
    pairs.sort(key=lambda pair: (-min(rows[pair[0]], rows[pair[1]]), unlikeness()[pair], pair))
    return [(a, b) if rows[a] >= rows[b] else (b, a) for a, b in pairs[:most]]


def element_effects(
    models: Any,
    compositions: Any,
    *,
    elements: Sequence[str] | None = None,
    inside: Callable[[Compositions], BoolArray] | None = None,
    groups: ArrayLike | None = None,
    column: int | None = None,
    fewest: int = FEWEST_ROWS,
) -> tuple[ElementEffect, ...]:
    """The periodic table of effects: how a prediction moves per percent of the atoms of each element.

    Each row that holds the element is altered to both sides (by 5 at%, at most half of what is there), all other
    elements in proportion; the change over the way is averaged.

    Parameters
    ----------
    models : a function of `Compositions`, or a fitted scikit-learn pipeline that begins with a featurizer; or a list of
        such (models of different folds), which must agree on the sign of an effect for it to be `sure`.
    compositions : formulas or `Compositions`.
    elements : symbols; None: all that at least `fewest` rows hold beside others.
    inside : says which altered compositions are inside the domain; others are not counted.
    groups : shape (n_rows,), rows that belong together. column : class that is explained.

    Returns
    -------
    An effect per element with enough rows inside, the largest first.

    Raises
    ------
    DataError : a row cannot be read. ConfigError : no such element.

    Examples
    --------
    >>> from matloop.explain.edits import amounts_of
    >>> iron = lambda rows: 10.0 * amounts_of(rows)[:, 26] / amounts_of(rows).sum(axis=1)
    >>> formulas = [f"Fe{i}Ni{10 - i}" for i in range(1, 10)]
    >>> [(one.symbol, round(one.value, 6)) for one in element_effects(iron, formulas)]
    [('Fe', 0.1), ('Ni', -0.1)]
    """
    rows = as_compositions(compositions)
    dense = amounts_of(rows)
    fraction = dense / dense.sum(axis=1, keepdims=True)
    chosen = [_number(symbol) for symbol in elements] if elements is not None else common_elements(rows, fewest)
    found = []
    for z in chosen:
        at = np.flatnonzero((fraction[:, z] > 0) & (fraction[:, z] < 1))
        step = steps_of(fraction[at, z])
        sides = [raised(rows.take(at), z, sign * step) for sign in (-1.0, 1.0)]
        told = _told(models, sides, inside, column, 200.0 * step, _groups(groups, len(rows))[at])
        if told is None or len(told[0].delta) < fewest:
            continue
        mean = mean_of(told[0])
        found.append(effect_of(z, mean, told[1], told[2]))
    return tuple(sorted(found, key=lambda one: (-abs(one.value), one.symbol)))


def exchange_effects(
    models: Any,
    compositions: Any,
    *,
    pairs: Sequence[tuple[str, str]] | None = None,
    inside: Callable[[Compositions], BoolArray] | None = None,
    groups: ArrayLike | None = None,
    column: int | None = None,
    fewest: int = FEWEST_ROWS,
) -> tuple[Exchange, ...]:
    """What happens to a prediction when all atoms of one element become another; arguments as in `element_effects`.

    Parameters
    ----------
    pairs : symbols (old, new); None: the 30 most frequent pairs of elements that are alike (`interchange`).

    Examples
    --------
    >>> from matloop.explain.edits import amounts_of
    >>> nickel = lambda rows: amounts_of(rows)[:, 28]
    >>> formulas = [f"Li{i}CoO2" for i in range(1, 10)]
    >>> [(one.old, one.new, one.value) for one in exchange_effects(nickel, formulas, pairs=[("Co", "Ni")])]
    [('Co', 'Ni', 1.0)]
    """
    rows = as_compositions(compositions)
    dense = amounts_of(rows)
    chosen = common_pairs(rows, 30, fewest) if pairs is None else [(_number(a), _number(b)) for a, b in pairs]
    found = []
    for old, new in chosen:
        at = np.flatnonzero(dense[:, old] > 0)
        if not len(at):
            continue
        sides = [rows.take(at), exchanged(rows.take(at), old, new)]
        told = _told(models, sides, inside, column, np.ones(len(at)), _groups(groups, len(rows))[at])
        if told is None or len(told[0].delta) < fewest:
            continue
        found.append(exchange_of(old, new, mean_of(told[0]), told[1], told[2]))
    return tuple(sorted(found, key=lambda one: (-abs(one.value), one.old, one.new)))


def effect_of(
    z: int, mean: Mean, n_rows: int, inside: float, noise: float = 0.0, *, exchanged: bool = False
) -> ElementEffect:
    """The effect of one element; `noise` is what models of shuffled labels give."""
    return ElementEffect(
        SYMBOLS[z], mean.value, mean.low, mean.high, mean.row_low, mean.row_high, n_rows, inside,
        mean.sure and noise <= 0.5 * abs(mean.value), exchanged,
    )  # fmt: skip


def exchange_of(
    old: int, new: int, mean: Mean, n_rows: int, inside: float, noise: float = 0.0, *, n_pairs: int = 0,
    measured: float = float("nan"),
) -> Exchange:  # fmt: skip
    """The effect of one exchange; `noise` is what models of shuffled labels give."""
    return Exchange(
        SYMBOLS[old], SYMBOLS[new], mean.value, mean.low, mean.high, mean.row_low, mean.row_high, n_rows, inside,
        mean.sure and noise <= 0.5 * abs(mean.value), n_pairs, measured,
    )  # fmt: skip


def _told(
    models: Any,
    sides: Sequence[Compositions],
    inside: Callable[[Compositions], BoolArray] | None,
    column: int | None,
    width: FloatArray,
    groups: IntArray,
) -> tuple[Deltas, int, float] | None:
    """What each model says of the change from the first side to the second, rows inside, and their share."""
    within = np.ones(len(width), dtype=bool)
    for side in sides if inside is not None else ():
        assert inside is not None
        within &= np.asarray(inside(side), dtype=bool)
    if not within.any():
        return None
    rows = np.flatnonzero(within)
    before, after = (side.take(rows) for side in sides)
    several = models if isinstance(models, list | tuple) else [models]
    every: list[Callable[[Any], FloatArray]] = [predict_of(model, column) for model in several]
    deltas = [np.asarray(predict(after)) - np.asarray(predict(before)) for predict in every]
    n = len(every)
    told = Deltas(
        np.concatenate(deltas), np.tile(width[rows], n), np.repeat(np.arange(n), len(rows)), np.tile(groups[rows], n)
    )
    return told, len(rows), float(within.mean())


def _groups(groups: ArrayLike | None, n: int) -> IntArray:
    if groups is None:
        return np.arange(n)
    index: IntArray = np.unique(np.asarray(groups), return_inverse=True)[1].reshape(-1)
    if len(index) != n:
        raise DataError(f"{len(index)} groups for {n} compositions. Give one per row.")
    return index


def _number(symbol: str) -> int:
    if symbol not in Z_OF:
        raise ConfigError(f"no element is called {symbol!r}.")
    return Z_OF[symbol]
