"""Constants of a formula: fitted by damped least squares, their doubt, and rounding to what is known of them.

References
----------
Marquardt, J. Soc. Ind. Appl. Math. 11 (1963) 431. doi:10.1137/0111030
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.explain.laws.expression import Node, c, evaluate, n_constants, number, renumbered, replaced
from matloop.explain.laws.forms import simplified

STEPS = 40
_BAD = 1e300


@dataclass(frozen=True, slots=True)
class Fit:
    """Constants that fit best, one standard deviation of each, and the root mean square error.

    errors : shape (n_constants,); infinite where the rows do not determine a constant.
    """

    constants: FloatArray
    errors: FloatArray
    rmse: float


def fit(
    node: Node, X: FloatArray, y: FloatArray, start: Sequence[float] | FloatArray, steps: int = STEPS, *,
    doubt: bool = True,
) -> Fit:  # fmt: skip
    """Fit the constants of `node` to `y` by Levenberg-Marquardt from `start`.

    A formula that has no value on a row fits infinitely badly. Without `doubt` the standard deviations are infinite.
    """
    theta = np.array(start, dtype=float)
    residual = y - evaluate(node, X, theta)
    loss = _sum(residual)
    if not len(theta):
        return Fit(theta, theta, _rmse(loss, len(y)))
    damping, J = 1e-3, None
    for _ in range(steps if loss < _BAD else 0):
        J = _jacobian(node, X, theta, y - residual) if J is None else J
        if not np.isfinite(J).all() or float(np.abs(J).max()) > 1e140:
            break
        normal, slope = J.T @ J, J.T @ residual
        size = np.diag(normal).copy()
        size[size <= 0] = 1.0
        step = np.linalg.lstsq(normal + np.diag(damping * size), slope, rcond=None)[0]
        tried = theta + step
        new = y - evaluate(node, X, tried)
        found = _sum(new)
        if found < loss:
            done = loss - found <= 1e-10 * loss
            theta, residual, loss, damping, J = tried, new, found, max(damping / 5, 1e-12), None
            if done:
                break
        else:
            damping *= 5
            if damping > 1e8:
                break
    errors = _errors(node, X, y, theta, loss) if doubt else np.full(len(theta), np.inf)
    return Fit(theta, errors, _rmse(loss, len(y)))


def _sum(residual: FloatArray) -> float:
    if not np.isfinite(residual).all() or float(np.abs(residual).max(initial=0.0)) > 1e140:
        return _BAD
    return float(residual @ residual)


def _rmse(loss: float, n: int) -> float:
    return math.sqrt(loss / n) if loss < _BAD else math.inf


def _jacobian(node: Node, X: FloatArray, theta: FloatArray, base: FloatArray) -> FloatArray:
    J = np.empty((len(X), len(theta)))
    for k in range(len(theta)):
        step = 1e-6 * max(abs(theta[k]), 1e-6)
        moved = theta.copy()
        moved[k] += step
        with np.errstate(all="ignore"):
            J[:, k] = (evaluate(node, X, moved) - base) / step
    return J


def _errors(node: Node, X: FloatArray, y: FloatArray, theta: FloatArray, loss: float) -> FloatArray:
    if loss >= _BAD:
        return np.full(len(theta), np.inf)
    J = _jacobian(node, X, theta, evaluate(node, X, theta))
    if not np.isfinite(J).all() or float(np.abs(J).max()) > 1e140:
        return np.full(len(theta), np.inf)
    size = np.sqrt((J**2).sum(axis=0))
    if (size == 0).any():
        return np.full(len(theta), np.inf)
    scaled = J / size
    variance = loss / max(len(y) - len(theta), 1)
    inverse = np.linalg.pinv(scaled.T @ scaled, rcond=1e-12)
    return np.sqrt(np.maximum(np.diag(inverse), 0.0) * variance) / size


NEAR = 2.0
"""A constant is written as a round number where that lies within so many of its standard deviations."""
SURE = 0.05
"""... and where it is known to this share of itself, divided by how long the round number is (1: 1, 3/2: 6): else some
round number would always be near enough."""
ROUND = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 1 / 2, 1 / 3, 1 / 4, 1 / 5, 1 / 6, 1 / 8, 3 / 2, 2 / 3)
"""Those that formulas of physics are full of; among more of them one would be near by chance."""


def rounded(
    node: Node, X: FloatArray, y: FloatArray, found: Fit, pure: Callable[[Node], Sequence[bool]]
) -> tuple[Node, Fit]:
    """Constants that are round numbers within their doubt are written so, one after the other, the surest first.

    After each the others are fitted again; a number that makes the fit worse than its doubt allows is taken back.

    pure : which constants of a tree are numbers without a unit; the others stay: "1 kg/s" must not vanish.
    """
    best = found
    tried: set[int] = set()
    for _ in range(2 * len(found.constants)):
        order = np.argsort(best.errors / np.maximum(np.abs(best.constants), 1e-300))
        k = next((int(i) for i in order if int(i) not in tried), -1)
        if k < 0:
            break
        value = round_number(float(best.constants[k]), float(best.errors[k]))
        tried.add(k)
        if value is None or not pure(node)[k]:
            continue
        swapped, left = renumbered(simplified(replaced(node, {c(k): number(value)})), best.constants)
        again = fit(swapped, X, y, left)
        if again.rmse**2 * len(y) <= found.rmse**2 * (len(y) + NEAR**2 * len(found.constants)):
            node, best, tried = swapped, again, set()
            if not n_constants(node):
                break
    return node, best


def round_number(value: float, error: float) -> float | None:
    """The simplest of 1, 2, 1/2, 3, ... that is within two standard deviations, if the value is known well enough."""
    if not math.isfinite(error) or value == 0:
        return None
    near = [r for r in ROUND if abs(abs(value) - r) <= NEAR * error and error * _length(r) <= SURE * abs(value)]
    return math.copysign(min(near, key=_length), value) if near else None


@cache
def _length(value: float) -> int:
    """Numerator times denominator of the fraction in lowest terms."""
    fraction = Fraction(value).limit_denominator(12)
    return fraction.numerator * fraction.denominator


def readable(constants: FloatArray, errors: FloatArray) -> tuple[float, ...]:
    """Each constant to two digits of its standard deviation, at least three digits and at most seven."""
    return tuple(_digits(float(v), float(e)) for v, e in zip(constants, errors, strict=True))


def _digits(value: float, error: float) -> float:
    if value == 0 or not math.isfinite(value):
        return value
    if not math.isfinite(error):
        known = 3
    else:
        known = 7 if error == 0 else math.floor(math.log10(abs(value))) - math.floor(math.log10(error)) + 2
    return float(f"{value:.{min(max(known, 3), 7) - 1}e}")
