"""Gaussian process that knows chemistry: nickel is like cobalt, molecules are alike by the features they share.

Amounts of elements or formulas are compared through the likeness of the elements (`models.composition_gp`: the maximum
mean discrepancy of compositions, Gretton et al. 2012), fingerprints of zeros and ones by Tanimoto's share, everything
else by its own lengths.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.elements import SYMBOLS
from matloop.core.errors import ConfigError
from matloop.design.contract import Axes
from matloop.design.surrogates.around import Around, Constants, Level, learnt_kernel
from matloop.design.surrogates.likeness import Part, usual_parts
from matloop.design.surrogates.rows import own_rows
from matloop.matter.compositions import read_compositions
from matloop.models.composition_gp import likeness_axes

_BITS = 32
"""columns of zeros and ones of one variable from which they are a fingerprint"""


def make(
    axes: Axes,
    *,
    formulas: Mapping[str, str] | None = None,
    likeness: float = 0.5,
    natural: Callable[[FloatArray], Mapping[str, FloatArray]] | None = None,
) -> Chemistry:
    """A surrogate for amounts of elements or formulas, and for molecules with binary fingerprints.

    Parameters
    ----------
    formulas : {column: element or formula whose amount it is}; without it, the components of a mixture whose names are
        formulas. likeness : how far elements count as alike, in units of the median distance of their properties; small
        makes every element its own. natural : encoded points to {column: amount}.

    Raises
    ------
    ConfigError : a column does not exist, or what it is said to hold is no formula.
    """
    if not likeness > 0:
        raise ConfigError(f"likeness is {likeness:g}; it must be above zero, usual is 0.5.")
    told = dict(formulas or {})
    for name in told:
        if name not in axes.names or bool(axes.categorical[axes.names.index(name)]):
            raise ConfigError(f"formulas: there is no column of numbers {name!r}. Known: {', '.join(axes.names)}.")
    own = told or _by_name(axes)
    columns = np.array([axes.names.index(name) for name in own], np.int64)
    metric = _metric(tuple(own.values()), likeness) if own else np.zeros((0, 0))
    return Chemistry(axes, columns, metric * _ranges(axes, tuple(own), natural)[:, None])


@dataclass(frozen=True, slots=True)
class Chemistry:
    """columns : that hold amounts. metric : shape (n_columns, n_axes), from an encoded difference to a distance."""

    axes: Axes
    columns: IntArray
    metric: FloatArray

    def fit(
        self, X: FloatArray, y: FloatArray, *, seed: int, noise: FloatArray | None = None, task: IntArray | None = None
    ) -> Around:
        """Learn from the rows of the campaign itself."""
        rows = own_rows(self.axes, X, y, noise, task)
        parts = self.parts(rows.X)
        constants = Constants(np.array([rows.y.mean()]), np.zeros(1), np.zeros(1))
        kernel, variance = learnt_kernel(parts, rows.X, rows.y - rows.y.mean(), rows.noises, seed)
        noises = np.where(np.isnan(rows.noises), variance, rows.noises)
        kinds = [f"{len(self.columns)} amounts by likeness of elements"] if len(self.columns) else []
        kinds += [f"fingerprints of {part.name}" for part in parts if part.kind == "tanimoto"]
        label = f"Gaussian process with chemistry ({', '.join(kinds) or 'none found: plain'}{rows.told})"
        return Around(self.axes, kernel, Level(), constants, rows.X, rows.y, noises, variance, label)

    def parts(self, X: FloatArray) -> tuple[Part, ...]:
        """What is compared how, seen from the known rows X."""
        found = [_fingerprint(part, X) for part in usual_parts(self.axes)]
        if not len(self.columns):
            return tuple(found)
        left = [replace(part, columns=np.setdiff1d(part.columns, self.columns)) for part in found]
        mixed = Part("composition", "metric", self.columns, 1.0, self.metric)
        apart = mixed.squares(X, X)
        usual = float(np.sqrt(np.median(apart[apart > 0]))) if (apart > 0).any() else 1.0
        return (replace(mixed, usual=usual), *(part for part in left if len(part.columns)))


def _fingerprint(part: Part, X: FloatArray) -> Part:
    bits = X[:, part.columns]
    if part.kind != "number" or len(part.columns) < _BITS or not ((bits == 0) | (bits == 1)).all():
        return part
    return replace(part, kind="tanimoto", usual=1.0)


def _by_name(axes: Axes) -> dict[str, str]:
    """Variables of several columns whose names are all formulas."""
    found: dict[str, str] = {}
    for variable in dict.fromkeys(axes.variable.tolist()):
        names = [axes.names[k] for k in np.flatnonzero(axes.variable == variable)]
        if len(names) > 1 and not read_compositions(names)[1]:
            found |= {name: name for name in names}
    return found


def _metric(formulas: tuple[str, ...], likeness: float) -> FloatArray:
    """From amounts of the formulas to axes in which distance is unlikeness, shape (n_formulas, n_axes)."""
    compositions, faults = read_compositions(list(formulas))
    if faults:
        row, why = next(iter(faults.items()))
        raise ConfigError(f"formulas: {formulas[row]!r} is no formula: {why}")
    fractions = np.zeros((len(formulas), len(SYMBOLS)))
    np.add.at(fractions, (compositions.rows, compositions.elements), compositions.fractions)
    used = np.flatnonzero(fractions.any(axis=0))
    symbols = tuple(SYMBOLS[int(z)] for z in used)
    return np.asarray(fractions[:, used] @ likeness_axes(symbols, likeness))


def _ranges(
    axes: Axes, names: tuple[str, ...], natural: Callable[[FloatArray], Mapping[str, FloatArray]] | None
) -> FloatArray:
    """How much of each amount an encoded difference of one is, shape (n,)."""
    if natural is None or not names:
        return np.ones(len(names))
    ends = natural(np.vstack([np.zeros(axes.width), np.ones(axes.width)]))
    return np.array([float(np.ptp(np.asarray(ends[name], np.float64))) or 1.0 for name in names])
