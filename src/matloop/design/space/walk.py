"""A random walk among allowed points that visits all of them alike: hit-and-run within the linear conditions.

Each step draws a direction that keeps sums of mixtures and equations, finds how far it may go by bounds and linear
conditions, and stops anywhere on that chord with equal probability (Smith 1984, doi:10.1287/opre.32.6.1296). Steps of
settings and words, and conditions that are not linear, are accepted where the point is allowed. The walk keeps the
distribution that drawing and keeping what is allowed has.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.design.space.conditions import Conditions, Straight
from matloop.design.space.draws import completed, redrawn
from matloop.design.space.layout import Blend, Layout, Single
from matloop.design.space.limits import allowed
from matloop.design.space.mixtures import SLACK
from matloop.design.space.scales import Grid, Range

_INSIDE = 1.0 - 1e-9  # of a chord: its ends are left to rounding


@dataclass(frozen=True)
class Walk:
    """What a step needs to know of a space.

    free : columns that move along chords, shape (f,). log : which of them in logarithms. factors : which of them are
    uniform in factors but move as they are, since an equation holds them; steps are weighed. scale : their ranges.
    low, high : bounds while present. equal : rows that directions keep, over the free columns: sums of mixtures first.
    lines, limits : linear conditions as rows over all columns.
    """

    layout: Layout
    conditions: Conditions
    free: IntArray
    log: BoolArray
    factors: BoolArray
    scale: FloatArray
    low: FloatArray
    high: FloatArray
    equal: FloatArray
    equal_lines: FloatArray
    lines: FloatArray
    limits: FloatArray
    pairs: tuple[tuple[int, float, int, float], ...]
    """Two columns of settings in an equation, and the steps of each that keep it together."""
    balanced: tuple[tuple[Single, int, float], ...]
    """A setting in an equation, a number that can make up for it, and by how much per unit."""

    def walked(self, values: FloatArray, steps: int, rng: np.random.Generator) -> FloatArray:
        """Points after a number of steps each."""
        values = values.copy()
        parts = self.redrawable
        for step in range(steps):
            if len(self.free):
                reach = 10 ** -rng.uniform(0.5, 4.0) if self._asks and step % 4 > 1 else np.inf
                values = self.chord(values, rng, sparse=step % 2 == 1, reach=reach)
            if step % 4 == 0 and parts:
                values = self._accepted(values, _redraw(self.layout, values, parts, rng))
            if step % 2 == 0 or not len(self.free):
                values = self._accepted(values, _shifted(self.layout, values, rng))
                values = self._accepted(values, _exchanged(self.layout, values, rng))
                values = self._accepted(values, self.paired(values, rng))
                values = self._accepted(values, self._made_up(values, rng))
        return tidied(self.layout, values)

    @property
    def n_moving(self) -> int:
        """Columns that move at a time: of mixtures as many as may be present."""
        own = {column for blend in self.layout.blends for column in range(blend.start, blend.stop)}
        plain = sum(column not in own for column in self.free.tolist())
        return plain + sum(min(blend.at_most, len(blend.low)) for blend in self.layout.blends)

    @property
    def redrawable(self) -> list[Single | Blend]:
        """Parameters that may be drawn anew on their own; what an equation holds may not."""
        held = (self.equal_lines != 0).any(axis=0)
        singles = [one for one in self.layout.singles if not held[one.column]]
        return [*singles, *(blend for blend in self.layout.blends if not held[blend.columns].any())]

    def paired(self, values: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Two settings of an equation moved by steps that keep it; allowed or not."""
        if not self.pairs:
            return values
        new = values.copy()
        which, sign = rng.integers(0, len(self.pairs), len(values)), rng.choice([-1.0, 1.0], len(values))
        for k, (a, step_a, b, step_b) in enumerate(self.pairs):
            rows = np.flatnonzero(which == k)
            new[rows, a] = np.round(new[rows, a] + sign[rows] * step_a, 12)
            new[rows, b] = np.round(new[rows, b] + sign[rows] * step_b, 12)
        return completed(self.layout, new, rng) if self.layout.is_conditional else new

    def _made_up(self, values: FloatArray, rng: np.random.Generator) -> FloatArray:
        """A setting of an equation drawn anew, and a number of it changed so that it holds."""
        if not self.balanced:
            return values
        new = values.copy()
        which = rng.integers(0, len(self.balanced), len(values))
        for k, (one, column, ratio) in enumerate(self.balanced):
            rows = np.flatnonzero(which == k)
            rows = rows[~np.isnan(values[rows, one.column])]
            new[rows, one.column] = one.scale.drawn(rng.random(len(rows)))
            new[rows, column] += ratio * (new[rows, one.column] - values[rows, one.column])
            if (self.free[self.factors] == column).any():  # uniform in factors: small values are as probable as large
                worth = values[rows, column] / np.where(new[rows, column] > 0, new[rows, column], np.inf)
                lost = rows[rng.random(len(rows)) >= worth]
                new[lost] = values[lost]
        return completed(self.layout, new, rng) if self.layout.is_conditional else new

    def chord(
        self, values: FloatArray, rng: np.random.Generator, *, sparse: bool = False, reach: float = np.inf
    ) -> FloatArray:
        """One step of hit-and-run for every row; of at most `reach` of the range of any column."""
        x = values[:, self.free]
        there = self._there(x)
        d = self._directions(values, there, rng, sparse)
        y = np.where(self.log, np.log(np.where(there & self.log, x, 1.0)), x)
        least, most = _spans(np.where(there, self.low - y, -np.inf), np.where(there, self.high - y, np.inf), d)
        if len(self.lines):
            slack = self.limits - np.nan_to_num(values) @ self.lines.T
            rate = np.where(self.log, 0.0, d) @ self.lines[:, self.free].T
            silent = (
                (np.isnan(values)[:, None, :] & (self.lines != 0)[None]).any(axis=2)
                if np.isnan(values).any()
                else False
            )
            rate = np.where(silent | (np.abs(rate) < 1e-14), 0.0, rate)
            with np.errstate(divide="ignore", invalid="ignore"):
                end = np.where(rate != 0, np.maximum(slack, 0.0) / np.abs(rate), np.inf)
            most = np.minimum(most, np.where(rate > 0, end, np.inf).min(axis=1))
            least = np.maximum(least, -np.where(rate < 0, end, np.inf).min(axis=1))
        size = np.abs(d / self.scale).max(axis=1)
        least, most = np.minimum(least, 0.0) * _INSIDE, np.maximum(most, 0.0) * _INSIDE
        good = (size > 0) & np.isfinite(least) & np.isfinite(most)
        if np.isinf(reach):
            t = least + rng.random(len(x)) * np.where(good, most - least, 0.0)
        else:  # as far back as forth, so that the way back is as probable
            t = reach / np.where(size > 0, size, 1.0) * rng.uniform(-1.0, 1.0, len(x))
            good &= (t >= least) & (t <= most)
        t = np.where(good, t, 0.0)
        moved = y + t[:, None] * d
        new = values.copy()
        new[:, self.free] = np.where(there, np.where(self.log, np.exp(np.where(self.log, moved, 0.0)), moved), x)
        if self.factors.any():
            old, now = x[:, self.factors], new[:, self.free[self.factors]]
            worth = np.where(np.isnan(old), 1.0, old / now).prod(axis=1)
            new = np.where((rng.random(len(x)) < worth)[:, None], new, values)
        return self._accepted(values, new) if self._asks else new

    @property
    def _asks(self) -> bool:
        """Whether chords do not know all conditions."""
        curved = bool(self.conditions.trees or self.conditions.rules)
        return curved or bool((self.lines[:, self.free[self.log]] != 0).any())

    def _there(self, x: FloatArray) -> BoolArray:
        there = ~np.isnan(x)
        own = self.equal[: len(self.layout.blends)].any(axis=0)
        there[:, own] &= x[:, own] > SLACK
        return there

    def _directions(self, values: FloatArray, there: BoolArray, rng: np.random.Generator, sparse: bool) -> FloatArray:
        """Directions that keep what is equal, zero in what is not there; shape (n, f)."""
        if sparse:
            some = rng.random(there.shape) < min(3.0 / max(len(self.free), 1), 1.0)
            there = there & some
        z = np.where(there, rng.standard_normal(there.shape), 0.0)
        rows = self.equal * self.scale
        n_sums = len(self.layout.blends)
        if len(rows) == n_sums:  # disjoint rows, one after the other
            for row in rows:
                part = there * row
                norm = (part**2).sum(axis=1)
                z -= part * np.divide((part * z).sum(axis=1), norm, out=np.zeros(len(z)), where=norm > 0)[:, None]
            z = np.where(np.abs(z) > 1e-12, z, 0.0)
            return z * self.scale
        kept = there[:, None, :] * rows[None]
        gone = (np.isnan(values)[:, None, :] & (self.equal_lines != 0)[None]).any(axis=2)
        kept[:, n_sums:][gone] = 0.0
        inverse = np.linalg.pinv(kept @ kept.transpose(0, 2, 1), rcond=1e-10, hermitian=True)
        z -= np.einsum("nqf,nqr,nrg,ng->nf", kept, inverse, kept, z, optimize=True)
        z = np.where(there & (np.abs(z) > 1e-9), z, 0.0)
        return z * self.scale

    def _accepted(self, old: FloatArray, new: FloatArray) -> FloatArray:
        good = allowed(self.layout, self.conditions, new)
        return np.where(good[:, None], new, old)


def walk_of(layout: Layout, conditions: Conditions) -> Walk:
    """The walk of a space."""
    lines = [line for line in conditions.straight if not line.equal]
    equal = [line for line in conditions.straight if line.equal]
    held = {column for line in equal for column in np.flatnonzero(line.coefficients).tolist()}
    free: list[tuple[int, bool, float, float]] = []
    for one in layout.singles:
        if isinstance(one.scale, Range):
            log = one.scale.log and one.column not in held
            ends = np.array([one.scale.low, one.scale.high])
            low, high = np.log(ends).tolist() if log else ends.tolist()
            free.append((one.column, log, low, high))
    for blend in layout.blends:
        if blend.step == 0:
            bounds = zip(blend.floor.tolist(), blend.high.tolist(), strict=True)
            free += [(blend.start + k, False, low, high) for k, (low, high) in enumerate(bounds)]
    columns = np.array([column for column, *_ in free], dtype=np.int64)
    sums = np.zeros((len(layout.blends), layout.width))
    for row, blend in enumerate(layout.blends):
        sums[row, blend.columns] = 1.0
    rows = np.array([line.coefficients for line in equal]).reshape(len(equal), layout.width)
    factors = {one.column for one in layout.singles if isinstance(one.scale, Range) and one.scale.log} & held
    low, high = np.array([one[2] for one in free]), np.array([one[3] for one in free])
    return Walk(
        layout, conditions, columns, np.array([one[1] for one in free], dtype=bool),
        np.array([column in factors for column in columns.tolist()], dtype=bool), np.maximum(high - low, 1e-12), low,
        high, np.concatenate([sums, rows])[:, columns], rows,
        np.array([line.coefficients for line in lines]).reshape(len(lines), layout.width),
        np.array([line.limit for line in lines]), _pairs(layout, equal),
        _balanced(layout, equal),
    )  # fmt: skip


def _pairs(layout: Layout, equal: list[Straight]) -> tuple[tuple[int, float, int, float], ...]:
    steps = {one.column: one.scale.step for one in layout.singles if isinstance(one.scale, Grid)}
    found = []
    for line in equal:
        weights = {c: line.coefficients[c] * step for c, step in steps.items() if line.coefficients[c] != 0}
        for (a, x), (b, y) in combinations(weights.items(), 2):
            ratio = Fraction(x / y).limit_denominator(1000)  # x * p + y * q = 0 for the smallest whole p, q
            found.append((a, steps[a] * ratio.denominator, b, -steps[b] * ratio.numerator))
    return tuple(found)


def _balanced(layout: Layout, equal: list[Straight]) -> tuple[tuple[Single, int, float], ...]:
    by_column = {one.column: one for one in layout.singles}
    often = np.sum([line.coefficients != 0 for line in equal], axis=0) if equal else np.zeros(layout.width)
    found = []
    for line in equal:
        columns = [c for c in np.flatnonzero(line.coefficients).tolist() if c in by_column]
        plain = [by_column[c] for c in columns if often[c] == 1]
        takers = [one.column for one in plain if isinstance(one.scale, Range)]
        for one in plain:
            if not isinstance(one.scale, Range):
                found += [(one, c, float(-line.coefficients[one.column] / line.coefficients[c])) for c in takers]
    return tuple(found)


def _spans(below: FloatArray, above: FloatArray, d: FloatArray) -> tuple[FloatArray, FloatArray]:
    """How far rows may go back and forth along `d` before a bound."""
    with np.errstate(divide="ignore", invalid="ignore"):
        a, b = below / d, above / d
    back = np.where(d > 0, a, np.where(d < 0, b, -np.inf)).max(axis=1, initial=-np.inf)
    forth = np.where(d > 0, b, np.where(d < 0, a, np.inf)).min(axis=1, initial=np.inf)
    return back, forth


def _redraw(layout: Layout, values: FloatArray, parts: list[Single | Blend], rng: np.random.Generator) -> FloatArray:
    """One parameter of each row drawn anew."""
    new = values.copy()
    which = rng.integers(0, len(parts), len(values))
    for k, part in enumerate(parts):
        rows = np.flatnonzero(which == k)
        if isinstance(part, Single):
            rows = rows[~np.isnan(values[rows, part.column])]
        redrawn(layout, new, part, rows, rng)
    return completed(layout, new, rng)


def _shifted(layout: Layout, values: FloatArray, rng: np.random.Generator) -> FloatArray:
    """One setting of each row by a step up or down, or a step of one component handed to another."""
    grids = [one for one in layout.singles if isinstance(one.scale, Grid) and not one.scale.log]
    stepped = [blend for blend in layout.blends if blend.step > 0]
    if not grids and not stepped:
        return values
    new = values.copy()
    which = rng.integers(0, len(grids) + len(stepped), len(values))
    for k, one in enumerate(grids):
        rows = np.flatnonzero(which == k)
        step = one.scale.step if isinstance(one.scale, Grid) else 0.0
        moved = values[rows, one.column] + step * rng.choice([-1.0, 1.0], len(rows))
        new[rows, one.column] = np.round(moved, 12)
    for k, blend in enumerate(stepped, start=len(grids)):
        rows = np.flatnonzero(which == k)
        size = len(blend.low)
        a = rng.integers(0, size, len(rows))
        b = (a + rng.integers(1, size, len(rows))) % size
        amount = blend.step * rng.integers(1, 4, len(rows))
        new[rows, blend.start + a] = np.round(new[rows, blend.start + a] - amount, 12)
        new[rows, blend.start + b] = np.round(new[rows, blend.start + b] + amount, 12)
    return completed(layout, new, rng) if layout.is_conditional else new


def _exchanged(layout: Layout, values: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Two components of a mixture change places, so that others are present."""
    if not layout.blends:
        return values
    new = values.copy()
    which = rng.integers(0, len(layout.blends), len(values))
    for k, blend in enumerate(layout.blends):
        rows, size = np.flatnonzero(which == k), len(blend.low)
        a = blend.start + rng.integers(0, size, len(rows))
        b = blend.start + (a - blend.start + rng.integers(1, size, len(rows))) % size
        new[rows, a], new[rows, b] = values[rows, b], values[rows, a]
    return new


def tidied(layout: Layout, values: FloatArray) -> FloatArray:
    """Rounding of many steps taken back: sums are one, bounds are kept."""
    for blend in layout.blends:
        if blend.step == 0:
            amounts = np.where(values[:, blend.columns] > SLACK, values[:, blend.columns], 0.0)
            values[:, blend.columns] = amounts / amounts.sum(axis=1, keepdims=True)
    for one in layout.singles:
        values[:, one.column] = one.scale.snapped(values[:, one.column])
    return values
