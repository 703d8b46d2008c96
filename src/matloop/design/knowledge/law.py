"""Laws as what is expected: several compete, what they miss is learnt by a Gaussian process around each.

The weight of a law is its evidence: the probability of the data under it with its process, less half a logarithm of the
number of rows for each unknown constant (Schwarz 1978, doi:10.1214/aos/1176344136). "No law", an unknown level, always
competes: a wrong law does little harm. Ziatdinov et al., Adv. Mater. 34 (2022) 2201345. doi:10.1002/adma.202201345
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import ConfigError
from matloop.design.contract import Axes
from matloop.design.knowledge.constants import Said, Search, read_constants
from matloop.design.knowledge.formula import Formula, read_formula
from matloop.design.knowledge.mixture import Competing, weights_of
from matloop.design.knowledge.view import Natural, View
from matloop.design.surrogates.around import Around, Constants, Level, Mean, learnt_kernel
from matloop.design.surrogates.draws import root
from matloop.design.surrogates.likeness import usual_parts
from matloop.design.surrogates.rows import Rows, own_rows

NO_LAW = "no law"


def make(
    axes: Axes, *, laws: Sequence[str] = (), constants: Mapping[str, Any] | None = None, natural: Natural | None = None
) -> Law:
    """A surrogate that expects one of some laws.

    Parameters
    ----------
    laws : such as "a * exp(-Ea / (kB * T))": columns by name, in their units; other names are unknown constants, but
        for kB, R, F, h, pi, e. constants : {name: number, [low, high] or {expected, doubt, low, high}}; see
        `read_constants`. natural : encoded points to {column: values in its unit}; without it a column is what the
        surrogate sees, numbers from 0 to 1.

    Raises
    ------
    ConfigError : a law or what is said of a constant cannot be read, or a constant is in no law.
    """
    view = View(axes, natural)
    fixed, said = read_constants(constants)
    told = (laws,) if isinstance(laws, str) else tuple(laws)
    found = tuple(read_formula(text, view.names, fixed) for text in told)
    known = {name for formula in found for name in formula.constants}
    for name in said:
        if name not in known:
            raise ConfigError(f"constant {name!r} is in none of the laws. Their constants: {', '.join(sorted(known))}.")
    return Law(axes, found, tuple(sorted(said.items())), view)


@dataclass(frozen=True, slots=True)
class LawMean:
    """A formula of columns as a mean. sign : -1 where less of the user's value is better. otherwise : the value where
    the formula has none."""

    formula: Formula
    view: View
    sign: float
    otherwise: float

    @property
    def names(self) -> tuple[str, ...]:
        return self.formula.constants

    def values(self, X: FloatArray, constants: FloatArray) -> FloatArray:
        found = self.formula.values(self.view.columns(X, self.formula.columns), constants)
        return np.where(np.isfinite(found), self.sign * found, self.otherwise)

    def slopes(self, X: FloatArray, constants: FloatArray) -> FloatArray:
        columns = self.view.columns(X, self.formula.columns)
        base = self.formula.values(columns, constants)
        return np.where(np.isfinite(base)[:, None], self.sign * self.formula.slopes(columns, constants, base), 0.0)


@dataclass(frozen=True, slots=True)
class Law:
    """See `make`. sign : of the values against the user's."""

    as_measured: ClassVar[bool] = True
    """values have to come in the user's unit, at most with their sign turned"""
    axes: Axes
    formulas: tuple[Formula, ...] = ()
    said: tuple[tuple[str, Said], ...] = ()
    view: View | None = None
    sign: float = 1.0

    def turned(self, sign: float) -> Law:
        """For values that are `sign` times the user's."""
        return replace(self, sign=sign)

    def fit(
        self, X: FloatArray, y: FloatArray, *, seed: int, noise: FloatArray | None = None, task: IntArray | None = None
    ) -> Competing:
        """Learn constants, processes and weights from the rows of the campaign itself."""
        rows = own_rows(self.axes, X, y, noise, task)
        found = [self._one(formula, rows, seed) for formula in self.formulas]
        found.append(_around(self.axes, Level(), _loose(np.array([rows.y.mean()])), rows, seed))
        names = [formula.text for formula in self.formulas] + [NO_LAW]
        size = float(np.log(max(len(rows.y), 2)))
        logs = np.array([one.evidence() - 0.5 * size * len(one.mean.names) for one in found])
        weights = weights_of(logs)
        kept = np.flatnonzero(weights > 0)
        told = self._words(names, weights, found) + rows.told
        return Competing(tuple(found[k] for k in kept), weights[kept], told)

    def _one(self, formula: Formula, rows: Rows, seed: int) -> Around:
        """Constants by least squares from many starts, then with the process that learns what they leave over."""
        view = self.view or View(self.axes)
        columns = view.columns(rows.X, formula.columns)
        there = np.isfinite(columns).all(axis=1)
        if not there.any():
            raise ConfigError(f"the law {formula.text!r}: its columns are empty in all rows. Leave the law out.")
        known = dict(self.said)
        said = tuple(known.get(name, Said()) for name in formula.constants)
        search = Search(formula, columns[there], self.sign * rows.y[there], said)
        values = search.anywhere(seed)
        mean = LawMean(formula, view, self.sign, float(np.median(rows.y)))
        constants = Constants(values, np.array([one.expected for one in said]), np.array([o.precision for o in said]))
        first = _around(self.axes, mean, constants, rows, seed)
        whole = first.kernel(rows.X, rows.X) + np.diag(first.noises)
        better = search.best(root(whole[np.ix_(there, there)]), values)
        return replace(first, constants=constants.given(better), _solved=[])

    def _words(self, names: Sequence[str], weights: FloatArray, found: Sequence[Around]) -> str:
        order = np.argsort(-weights, kind="stable")
        best = found[int(order[0])]
        rest = ", ".join(f"{names[k]} {100 * weights[k]:.0f} %" for k in order[1:])
        if isinstance(best.mean, Level):
            head = f"no law helps ({100 * weights[order[0]]:.0f} %)" if len(names) > 1 else best.words
        else:
            head = f"law {names[order[0]]} is favoured ({100 * weights[order[0]]:.0f} %) with {_numbers(best)}"
        return f"{head}; beside it {rest}" if rest else head


def _numbers(around: Around) -> str:
    values, doubts = around.best_constants
    told = [f"{name} = {v:.4g} ± {d:.2g}" for name, v, d in zip(around.mean.names, values, doubts, strict=True)]
    return ", ".join(told) or "no constant"


def _loose(values: FloatArray) -> Constants:
    return Constants(values, np.zeros(len(values)), np.zeros(len(values)))


def _around(axes: Axes, mean: Mean, constants: Constants, rows: Rows, seed: int) -> Around:
    rest = rows.y - mean.values(rows.X, constants.values)
    kernel, variance = learnt_kernel(usual_parts(axes), rows.X, rest, rows.noises, seed)
    noises = np.where(np.isnan(rows.noises), variance, rows.noises)
    return Around(axes, kernel, mean, constants, rows.X, rows.y, noises, variance)
