"""A space with its linear conditions as a mixed-integer programme: is there a point, and where to start from.

Words that nothing hangs on, and conditions that are not linear, are not in it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.errors import RunError
from matloop.design.space.conditions import Straight
from matloop.design.space.draws import completed, drawn
from matloop.design.space.layout import Blend, Layout, Single
from matloop.design.space.scales import Grid, Levels, Range

_SECONDS = 10.0  # for one programme: presolve settles nearly all at once
_MOST_LISTED = 1000  # settings of a parameter that each get a variable


@dataclass(slots=True)
class _Rows:
    """A programme while it is written down; variables and rows are added one by one."""

    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)
    whole: list[int] = field(default_factory=list)
    rows: list[dict[int, float]] = field(default_factory=list)
    least: list[float] = field(default_factory=list)
    most: list[float] = field(default_factory=list)

    def variable(self, low: float, high: float, whole: bool = False) -> int:
        self.low.append(low)
        self.high.append(high)
        self.whole.append(int(whole))
        return len(self.low) - 1

    def row(self, weights: dict[int, float], least: float, most: float) -> None:
        self.rows.append(weights)
        self.least.append(least)
        self.most.append(most)


@dataclass(frozen=True, slots=True)
class Part:
    """A column of points as a sum of variables: constant + weights @ variables."""

    weights: dict[int, float]
    constant: float
    low: float
    high: float
    there: int | None = None
    """the variable that says whether it exists; None: always"""


class Programme:
    """All bounds, mixtures and conditional parameters of a layout, with some linear conditions."""

    def __init__(self, layout: Layout, lines: tuple[Straight, ...]) -> None:
        self.layout = layout
        self._rows = _Rows()
        self._room = self._rows.variable(0.0, 1.0)
        self._parts: dict[int, Part] = {}
        self._chosen: dict[int, dict[float, int]] = {}
        self._unsure: set[int] = set()
        """Columns that exist depending on more settings than get variables; lines over them are left out."""
        parents = {one.exists.parent for one in layout.singles if one.exists is not None}
        for one in layout.singles:
            self._add_single(one, one.column in parents)
        for blend in layout.blends:
            self._add_blend(blend)
        for line in lines:
            self._add_line(line)

    def point(self, rng: np.random.Generator | None = None) -> FloatArray | None:
        """A point that keeps all, shape (width,), with NaN in what the programme does not hold; None: there is none.

        With `rng` in a random corner of what is whole, and in the middle of what is not.

        Raises
        ------
        RunError : the solver gave up.
        """
        n = len(self._rows.low)
        cost = np.zeros(n) if rng is None else rng.standard_normal(n) / self._sizes()
        cost[self._room] = 0.0
        first = self._solved(cost, np.array(self._rows.low), np.array(self._rows.high))
        if first is None:
            return None
        low, high = np.array(self._rows.low), np.array(self._rows.high)
        whole = np.flatnonzero(self._rows.whole)
        low[whole] = high[whole] = np.rint(first[whole])
        inward = np.zeros(n)
        inward[self._room] = -1.0
        second = self._solved(inward, low, high)
        return self._values(first if second is None else second)

    def least(self, weights: FloatArray) -> float:
        """The smallest value of a sum over columns; infinite where there is no point."""
        cost, constant = np.zeros(len(self._rows.low)), 0.0
        for column in np.flatnonzero(weights).tolist():
            part = self._parts[column]
            constant += weights[column] * part.constant
            for variable, weight in part.weights.items():
                cost[variable] += weights[column] * weight
        found = self._solved(cost, np.array(self._rows.low), np.array(self._rows.high))
        return math.inf if found is None else float(cost @ found) + constant

    # ---- writing it down ----

    def _add_single(self, one: Single, is_parent: bool) -> None:
        scale, rows = one.scale, self._rows
        there = None if one.exists is None else self._existence(one)
        if isinstance(scale, Range):
            variable = rows.variable(scale.low, scale.high)
            span = scale.high - scale.low
            rows.row({variable: 1.0, self._room: -span / 2}, scale.low, math.inf)
            rows.row({variable: 1.0, self._room: span / 2}, -math.inf, scale.high)
            self._parts[one.column] = Part({variable: 1.0}, 0.0, scale.low, scale.high, there)
        elif isinstance(scale, Grid) and not (is_parent and scale.n <= _MOST_LISTED):
            variable = rows.variable(0, scale.n - 1, whole=True)
            self._parts[one.column] = Part({variable: scale.step}, scale.low, scale.low, scale.high, there)
        elif is_parent or (isinstance(scale, Levels) and not scale.words):
            picks = {float(value): rows.variable(0, 1, whole=True) for value in scale.all()}
            rows.row(dict.fromkeys(picks.values(), 1.0), 1, 1)
            weights = {variable: value for value, variable in picks.items()}
            self._parts[one.column] = Part(weights, 0.0, scale.low, scale.high, there)
            self._chosen[one.column] = picks

    def _existence(self, one: Single) -> int | None:
        """A variable that is 1 where the parameter exists."""
        if one.exists is None:
            return None
        if one.exists.parent not in self._chosen:
            self._unsure.add(one.column)
            return None
        picks = self._chosen[one.exists.parent]
        chosen = {picks[value]: 1.0 for value in one.exists.values.tolist() if value in picks}
        there = self._rows.variable(0, 1, whole=True)
        above = self._parts[one.exists.parent].there
        self._rows.row({there: 1.0, **dict.fromkeys(chosen, -1.0)}, -math.inf, 0)
        if above is not None:
            self._rows.row({there: 1.0, above: -1.0}, -math.inf, 0)
        both = {**chosen, there: -1.0} if above is None else {**chosen, above: 1.0, there: -1.0}
        self._rows.row(both, -math.inf, 0 if above is None else 1)
        return there

    def _add_blend(self, blend: Blend) -> None:
        rows, unit = self._rows, blend.step if blend.step > 0 else 1.0
        counted = blend.step > 0 or blend.least.any() or blend.at_most < len(blend.low) or blend.at_least > 1
        total: dict[int, float] = {}
        picks: dict[int, float] = {}
        for k, (low, high) in enumerate(zip(blend.floor.tolist(), blend.high.tolist(), strict=True)):
            amount = rows.variable(0.0, high / unit, whole=blend.step > 0)
            total[amount] = unit
            self._parts[blend.start + k] = Part({amount: unit}, 0.0, 0.0, high)
            pick = rows.variable(1 if blend.forced[k] else 0, 1, whole=True) if counted or blend.forced[k] else None
            span = high - low if blend.step == 0 else 0.0
            if pick is None:
                rows.row({amount: unit, self._room: -span / 2}, 0.0, math.inf)
                rows.row({amount: unit, self._room: span / 2}, -math.inf, high)
                continue
            picks[pick] = 1.0
            rows.row({amount: unit, pick: -low - span / 2, self._room: -span / 2}, -span / 2, math.inf)
            rows.row({amount: unit, pick: span / 2 - high, self._room: span / 2}, -math.inf, span / 2)
            rows.row({amount: unit, pick: -low}, 0.0, math.inf)
            rows.row({amount: unit, pick: -high}, -math.inf, 0.0)
        rows.row(total, 1.0, 1.0)
        if counted:
            rows.row(picks, blend.at_least, blend.at_most)

    def _add_line(self, line: Straight) -> None:
        if self._unsure & set(np.flatnonzero(line.coefficients).tolist()):
            return
        weights: dict[int, float] = {}
        limit, reach, least, absent = line.limit, 0.0, 0.0, list[int]()
        for column in np.flatnonzero(line.coefficients).tolist():
            part, factor = self._parts[column], float(line.coefficients[column])
            limit -= factor * part.constant
            for variable, weight in part.weights.items():
                weights[variable] = weights.get(variable, 0.0) + factor * weight
            reach += max(factor * part.low, factor * part.high)
            least += min(factor * part.low, factor * part.high)
            if part.there is not None:
                absent.append(part.there)
        room = {} if line.equal else {self._room: 1e-3 * abs(reach - least)}
        if not absent:
            self._rows.row({**weights, **room}, limit if line.equal else -math.inf, limit)
            return
        over, under = max(reach - line.limit, 0.0), max(line.limit - least, 0.0)
        self._rows.row({**weights, **room, **dict.fromkeys(absent, over)}, -math.inf, limit + over * len(absent))
        if line.equal:
            self._rows.row({**weights, **dict.fromkeys(absent, -under)}, limit - under * len(absent), math.inf)

    # ---- solving it ----

    def _sizes(self) -> FloatArray:
        return np.maximum(np.array(self._rows.high) - np.array(self._rows.low), 1e-9)

    def _solved(self, cost: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray | None:
        from scipy.optimize import Bounds, LinearConstraint, milp
        from scipy.sparse import csr_array

        made = self._rows
        entries = [(row, column, value) for row, w in enumerate(made.rows) for column, value in w.items()]
        kept = []
        if entries:
            rows, columns, values = (np.array(part) for part in zip(*entries, strict=True))
            matrix = csr_array((values.astype(float), (rows, columns)), shape=(len(made.rows), len(low)))
            kept = [LinearConstraint(matrix, np.array(made.least), np.array(made.most))]
        found = milp(
            cost, integrality=np.array(made.whole), bounds=Bounds(low, high), constraints=kept,
            options={"time_limit": _SECONDS},
        )  # fmt: skip
        if found.x is not None:
            return np.asarray(found.x)
        if found.status == 2:
            return None
        raise RunError(f"the solver did not decide whether the space holds a point ({found.message}).")

    def _values(self, solution: FloatArray) -> FloatArray:
        values = np.full(self.layout.width, np.nan)
        for column, part in self._parts.items():
            values[column] = part.constant + sum(
                weight * solution[variable] for variable, weight in part.weights.items()
            )
        for blend in self.layout.blends:
            amounts = np.where(values[blend.columns] > 1e-7, values[blend.columns], 0.0)
            if blend.step > 0:
                amounts = np.round(np.rint(amounts / blend.step) * blend.step, 12)
            values[blend.columns] = amounts / amounts.sum() if blend.step == 0 else amounts
        return values


def starts(layout: Layout, lines: tuple[Straight, ...], n: int, rng: np.random.Generator) -> FloatArray:
    """Up to `n` points that keep bounds and linear conditions, shape (m, width); none where there is none."""
    programme = Programme(layout, lines)
    found = []
    for _ in range(n):
        point = programme.point(rng)
        if point is None:
            return np.zeros((0, layout.width))
        found.append(point)
    return _filled(layout, np.array(found), rng)


def _filled(layout: Layout, values: FloatArray, rng: np.random.Generator) -> FloatArray:
    """What the programme does not hold, drawn; settings put right; what does not exist, taken out."""
    free = drawn(layout, len(values), rng)
    for one in layout.singles:
        column = values[:, one.column]
        lost = np.isnan(column)
        fresh = np.where(np.isnan(free[:, one.column]), one.scale.drawn(rng.random(len(values))), free[:, one.column])
        column[lost] = fresh[lost]
        values[:, one.column] = one.scale.snapped(column)
    for one in layout.singles:
        if one.exists is not None:
            there = np.isin(values[:, one.exists.parent], one.exists.values)
            values[~there, one.column] = np.nan
    return completed(layout, values, rng)


def clashing(layout: Layout, lines: tuple[Straight, ...]) -> tuple[Straight, ...]:
    """Linear conditions that cannot hold together, each needed for the clash: the others were left out one by one."""
    kept = list(lines)
    for line in lines:
        without = [one for one in kept if one is not line]
        if Programme(layout, tuple(without)).point() is None:
            kept = without
    return tuple(kept)
