"""How one number or category varies: over a range, a grid, or given levels; all rows at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.problem.space import Categorical, Continuous, Integer, Ordinal

LIKE = 1e-9
"""Numbers closer than this share of their range are the same setting."""
_MUCH = 100.0  # from this ratio of its ends on, an ordinal that is evenly spaced in factors is seen in logarithms

Scalar = Continuous | Integer | Ordinal | Categorical


@dataclass(frozen=True, slots=True)
class Range:
    """Any number from `low` to `high`; with `log` factors count."""

    low: float
    high: float
    log: bool = False

    @property
    def count(self) -> float:
        return math.inf

    def drawn(self, u: FloatArray) -> FloatArray:
        """Values from uniform numbers in [0, 1)."""
        return _between(u, self.low, self.high, self.log)

    def seen(self, x: FloatArray) -> FloatArray:
        """Values as 0 to 1."""
        return _share(x, self.low, self.high, self.log)

    def moved(self, x: FloatArray, z: FloatArray) -> FloatArray:
        """Values moved by `z` of the range, reflected at its ends."""
        return self.drawn(_reflected(self.seen(x) + z))

    def snapped(self, x: FloatArray) -> FloatArray:
        """Ends that are missed by rounding, put right."""
        near = LIKE * max(self.high - self.low, abs(self.high))
        x = np.where((x > self.high) & (x <= self.high + near), self.high, x)
        return np.where((x < self.low) & (x >= self.low - near), self.low, x)

    def holds(self, x: FloatArray) -> BoolArray:
        return (x >= self.low) & (x <= self.high)


@dataclass(frozen=True, slots=True)
class Grid:
    """The numbers low, low + step, ..., `n` of them."""

    low: float
    step: float
    n: int
    log: bool = False

    @property
    def count(self) -> float:
        return float(self.n)

    @property
    def high(self) -> float:
        return float(self._at(np.array([self.n - 1.0]))[0])

    def drawn(self, u: FloatArray) -> FloatArray:
        if self.log:  # a factor, then the nearest setting
            half = self.step / 2
            return self.snapped(_between(u, max(self.low - half, self.low / 2), self.high + half, True))
        return self._at(np.minimum(np.floor(u * self.n), self.n - 1.0))

    def seen(self, x: FloatArray) -> FloatArray:
        return _share(x, self.low, self.high, self.log)

    def moved(self, x: FloatArray, z: FloatArray) -> FloatArray:
        """At least one step."""
        new = self.snapped(_between(_reflected(self.seen(x) + z), self.low, self.high, self.log))
        still = np.abs(new - x) < self.step / 2
        nudged = self._index(x) + np.where(z < 0, -1.0, 1.0)
        nudged = np.where(nudged < 0, 1.0, np.where(nudged > self.n - 1, self.n - 2.0, nudged))
        return np.where(still, self._at(np.clip(nudged, 0, self.n - 1)), new)

    def snapped(self, x: FloatArray) -> FloatArray:
        """The nearest setting."""
        return self._at(np.clip(self._index(x), 0, self.n - 1))

    def holds(self, x: FloatArray) -> BoolArray:
        return np.abs(x - self.snapped(x)) <= LIKE * max(self.step, abs(self.high))

    def all(self) -> FloatArray:
        return self._at(np.arange(self.n, dtype=float))

    def _index(self, x: FloatArray) -> FloatArray:
        return np.rint((x - self.low) / self.step)

    def _at(self, index: FloatArray) -> FloatArray:
        # 0.1 * 3 is no 0.3: settings are what a person would write
        return np.round(self.low + self.step * index, _digits(self.step))


@dataclass(frozen=True, slots=True)
class Levels:
    """The given numbers, or codes 0, 1, ... of words where `words` says so."""

    values: FloatArray
    words: bool = False

    @property
    def count(self) -> float:
        return float(len(self.values))

    @property
    def low(self) -> float:
        return float(self.values[0])

    @property
    def high(self) -> float:
        return float(self.values[-1])

    def drawn(self, u: FloatArray) -> FloatArray:
        n = len(self.values)
        return self.values[np.minimum((u * n).astype(np.int64), n - 1)]

    def seen(self, x: FloatArray) -> FloatArray:
        return _share(x, self.low, self.high, self._in_factors)

    def moved(self, x: FloatArray, z: FloatArray) -> FloatArray:
        """At least one level up or down; of words any other one."""
        n, at = len(self.values), self._index(x)
        if n == 1:
            return x
        if self.words:
            other = np.minimum((np.abs(z) * 1e6 % 1.0 * (n - 1)).astype(np.int64), n - 2)
            return self.values[other + (other >= at)]
        far = np.maximum(np.abs(np.rint(z * (n - 1))), 1.0).astype(np.int64)
        new = at + np.where(z < 0, -far, far)
        new = np.where(new < 0, np.minimum(-new, n - 1), new)
        new = np.where(new > n - 1, np.maximum(2 * (n - 1) - new, 0), new)
        new = np.where(new == at, np.where(at > 0, at - 1, at + 1), new)
        return self.values[new]

    def snapped(self, x: FloatArray) -> FloatArray:
        """The nearest level, where it is that level but for rounding."""
        near = self.values[self._index(x)]
        return np.where(np.abs(x - near) <= LIKE * max(abs(self.high), abs(self.low), 1e-300), near, x)

    def holds(self, x: FloatArray) -> BoolArray:
        return np.isin(x, self.values)

    def all(self) -> FloatArray:
        return self.values

    @property
    def _in_factors(self) -> bool:
        low, high = self.low, self.high
        if self.words or low <= 0 or high / low < _MUCH:
            return False
        gaps = np.diff(self.values) / (high - low)
        ratios = np.diff(np.log(self.values)) / math.log(high / low)
        return bool(ratios.std() < gaps.std())

    def _index(self, x: FloatArray) -> IntArray:
        x = np.where(np.isnan(x), self.low, x)
        right = np.clip(np.searchsorted(self.values, x), 1, max(len(self.values) - 1, 1))
        if len(self.values) == 1:
            return np.zeros(len(x), dtype=np.int64)
        left = right - 1
        return np.where(x - self.values[left] <= self.values[right] - x, left, right)


Scale = Range | Grid | Levels


def scale_of(parameter: Scalar) -> Scale:
    """How a parameter varies."""
    if isinstance(parameter, Continuous):
        log = parameter.scale == "log"
        if parameter.step > 0:
            n = round((parameter.high - parameter.low) / parameter.step) + 1
            return Grid(parameter.low, parameter.step, n, log)
        return Range(parameter.low, parameter.high, log)
    if isinstance(parameter, Integer):
        return Grid(float(parameter.low), 1.0, parameter.high - parameter.low + 1)
    if isinstance(parameter, Ordinal):
        return Levels(np.asarray(parameter.values, dtype=float))
    return Levels(np.arange(len(parameter.values), dtype=float), words=True)


def _between(u: FloatArray, low: float, high: float, log: bool) -> FloatArray:
    if log:
        return np.clip(np.exp(math.log(low) + u * (math.log(high) - math.log(low))), low, high)
    return np.clip(low + u * (high - low), low, high)


def _share(x: FloatArray, low: float, high: float, log: bool) -> FloatArray:
    if high == low:
        return np.zeros_like(x) + 0.0 * x
    if log:
        return (np.log(np.maximum(x, 1e-300)) - math.log(low)) / (math.log(high) - math.log(low))
    return (x - low) / (high - low)


def _reflected(u: FloatArray) -> FloatArray:
    folded = np.mod(u, 2.0)
    return np.where(folded > 1.0, 2.0 - folded, folded)


def _digits(step: float) -> int:
    return int(np.clip(12 - math.floor(math.log10(step)), 0, 300)) if step < 1 else 9
