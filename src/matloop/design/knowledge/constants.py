"""What is said of the constants of a law, and their best values for some rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray
from matloop.core.errors import ConfigError
from matloop.design.knowledge.formula import Formula

_STARTS, _PARENTS, _POLISHED = 160, 20, 6
_JITTERS = (2.0, 1.0, 0.5, 0.25)
"""factors, in logarithms, by which the best starts are changed, round after round"""
_MAGNITUDES = (1e-4, 1e9)
"""sizes among which constants are sought about which nothing is said: exponents per kelvin to rates"""


@dataclass(frozen=True, slots=True)
class Said:
    """What is known of a constant: its limits, and where it is expected, give or take `doubt` (infinite: anywhere)."""

    low: float = -np.inf
    high: float = np.inf
    expected: float = 0.0
    doubt: float = np.inf

    @property
    def precision(self) -> float:
        return 0.0 if np.isinf(self.doubt) else self.doubt**-2


def read_constants(told: Mapping[str, Any] | None) -> tuple[dict[str, float], dict[str, Said]]:
    """Constants that are known, and what is said of the others, from a campaign file.

    A number is a known value; two numbers are limits; a table has `expected` and `doubt` (one standard deviation),
    `low` and `high`, each where it is known.

    Raises
    ------
    ConfigError : anything else, or limits and doubts that cannot be.

    Examples
    --------
    >>> read_constants({"n": 2, "Ea": [0.0, 2.0]})
    ({'n': 2.0}, {'Ea': Said(low=0.0, high=2.0, expected=0.0, doubt=inf)})
    """
    fixed: dict[str, float] = {}
    said: dict[str, Said] = {}
    for name, one in (told or {}).items():
        if isinstance(one, int | float) and not isinstance(one, bool):
            fixed[name] = float(one)
        elif isinstance(one, Mapping) and set(one) <= {"low", "high", "expected", "doubt"}:
            said[name] = Said(**{key: float(value) for key, value in one.items()})
        elif isinstance(one, Sequence) and not isinstance(one, str) and len(one) == 2:
            said[name] = Said(float(one[0]), float(one[1]))
        else:
            raise ConfigError(
                f"constant {name!r}: {one!r} cannot be read. Give a number, [low, high], or "
                "{ expected = 0.5, doubt = 0.1, low = 0, high = 2 } or parts of it."
            )
        if name in said and not (said[name].low < said[name].high and said[name].doubt > 0):
            raise ConfigError(f"constant {name!r}: low must be below high and the doubt above zero, found {one!r}.")
    return fixed, said


@dataclass(frozen=True, slots=True)
class Search:
    """The rows, whitened by `lower` (Cholesky factor of their covariance), and what is said of the constants.

    columns : shape (n, n_columns), of the formula. y : shape (n,).
    """

    formula: Formula
    columns: FloatArray
    y: FloatArray
    said: tuple[Said, ...]

    def best(self, lower: FloatArray, start: FloatArray) -> FloatArray:
        """The most probable constants near `start`, shape (n_constants,)."""
        if not len(start):
            return start
        from scipy.linalg import solve_triangular
        from scipy.optimize import least_squares

        low, high = (np.array([getattr(one, end) for one in self.said]) for end in ("low", "high"))
        expected = np.array([one.expected for one in self.said])
        pull = np.sqrt([one.precision for one in self.said])

        def residual(constants: FloatArray) -> FloatArray:
            away = self.y - self.formula.values(self.columns, constants)
            white = solve_triangular(lower, np.nan_to_num(np.clip(away, -1e60, 1e60), nan=1e60), lower=True)
            return np.concatenate([white, pull * (constants - expected)])

        inside = np.clip(start, np.where(np.isinf(low), start, low), np.where(np.isinf(high), start, high))
        size = np.maximum(np.abs(inside), 1e-8)
        with np.errstate(all="ignore"):
            found = least_squares(residual, inside, bounds=(low, high), x_scale=size, max_nfev=60, xtol=1e-10)
        better = float(found.cost) <= 0.5 * float((residual(inside) ** 2).sum())
        return np.asarray(found.x if better and np.isfinite(found.x).all() else inside)

    def anywhere(self, seed: int) -> FloatArray:
        """The best constants from many starts of many magnitudes; those that enter linearly are solved for."""
        count = len(self.said)
        if not count:
            return np.zeros(0)
        rng = np.random.default_rng([seed, 13])
        linear = self._linear(rng)
        tried = [self._solved(self._start(rng), linear) for _ in range(_STARTS if not linear.all() else 1)]
        for jitter in _JITTERS if not linear.all() else ():
            parents = [tried[k][0] for k in np.argsort([loss for _, loss in tried], kind="stable")[:_PARENTS]]
            tried += [self._solved(self._near(one, jitter, rng), linear) for one in parents for _ in range(3)]
        starts = np.stack([one for one, _ in tried])
        losses = np.array([loss for _, loss in tried])
        scale = float(self.y.std()) or 1.0
        lower = scale * np.eye(len(self.y))
        polished = [self.best(lower, starts[k]) for k in np.argsort(losses, kind="stable")[:_POLISHED]]
        return polished[int(np.argmin([self._loss(one, scale) for one in polished]))]

    def _loss(self, constants: FloatArray, scale: float) -> float:
        with np.errstate(all="ignore"):
            away = (self.y - self.formula.values(self.columns, constants)) / scale
            pulls = np.array([(c - one.expected) / one.doubt for one, c in zip(self.said, constants, strict=True)])
            return float(np.nan_to_num(away @ away + pulls @ pulls, nan=np.inf))

    def _start(self, rng: np.random.Generator) -> FloatArray:
        found = np.empty(len(self.said))
        for k, one in enumerate(self.said):
            if np.isfinite(one.doubt):
                found[k] = one.expected + one.doubt * rng.standard_normal()
            elif np.isfinite(one.low) and np.isfinite(one.high):
                found[k] = rng.uniform(one.low, one.high)
            else:
                size = np.exp(rng.uniform(*np.log(_MAGNITUDES)))
                away = np.isfinite(one.low) or np.isfinite(one.high)
                sign = rng.choice([-1.0, 1.0]) if not away else 1.0 if np.isfinite(one.low) else -1.0
                found[k] = sign * size + (one.low if np.isfinite(one.low) else one.high if away else 0.0)
        return np.clip(found, [one.low for one in self.said], [one.high for one in self.said])

    def _near(self, start: FloatArray, jitter: float, rng: np.random.Generator) -> FloatArray:
        moved = start * np.exp(jitter * rng.standard_normal(len(start)))
        return np.clip(moved, [one.low for one in self.said], [one.high for one in self.said])

    def _linear(self, rng: np.random.Generator) -> BoolArray:
        """Constants in which the law is linear, together: products of two of them are not."""
        linear = np.ones(len(self.said), bool)
        slopes = []
        base = np.exp(rng.uniform(-1.0, 1.0, len(self.said)))
        for k in range(len(self.said)):
            if not np.isinf(self.said[k].doubt):
                linear[k] = False
                continue
            chosen = linear.copy()
            chosen[k + 1 :] = False
            for factor in (1.0, 3.0):
                at = np.where(chosen, base * factor, base)
                up = at.copy()
                up[k] *= 2.0
                rise = self.formula.values(self.columns, up) - self.formula.values(self.columns, at)
                slopes.append(rise / (up[k] - at[k]))
            a, b = slopes[-2:]
            linear[k] = bool(np.isfinite(a).all() and np.isfinite(b).all() and np.allclose(a, b, rtol=1e-6, atol=0))
        return linear

    def _solved(self, start: FloatArray, linear: BoolArray) -> tuple[FloatArray, float]:
        """The start with its linear constants at their best values, and the loss there."""
        found = start.copy()
        if linear.any():
            found[linear] = 0.0
            base = self.formula.values(self.columns, found)
            slopes = np.empty((len(self.y), int(linear.sum())))
            for column, k in enumerate(np.flatnonzero(linear)):
                one = found.copy()
                one[k] = 1.0
                slopes[:, column] = self.formula.values(self.columns, one) - base
            if np.abs(slopes).max(initial=0.0) < 1e100 and np.abs(base).max() < 1e100:  # False for NaN, too
                size = np.sqrt((slopes**2).sum(axis=0))
                size[size == 0] = 1.0
                solved = np.linalg.lstsq(slopes / size, self.y - base, rcond=1e-12)[0] / size
                found[linear] = solved
            found = np.clip(found, [one.low for one in self.said], [one.high for one in self.said])
        return found, self._loss(found, float(self.y.std()) or 1.0)
