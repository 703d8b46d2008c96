"""Real spherical harmonics as polynomials of the direction (no angles, no poles), with their gradients.

Y_lm = N_lm Q_lm(z) C_m(x, y) with Q_lm the m-th derivative of the Legendre polynomial P_l, and C_m the real part of
(x + i y)^m for m >= 0, the imaginary part of (x + i y)^|m| for m < 0 (as in Bigi et al. 2023, doi:10.1063/5.0156307).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.polynomial import legendre

from matloop.core.arrays import FloatArray, frozen


@dataclass(frozen=True, slots=True)
class _Parts:
    """legendre[l][m] = Q_lm(z); real[m], imaginary[m] = parts of (x + i y)^m; each of shape (n_directions,)."""

    legendre: list[list[FloatArray]]
    real: list[FloatArray]
    imaginary: list[FloatArray]


def _parts(directions: FloatArray, degree: int) -> _Parts:
    x, y, z = directions
    one = np.ones_like(z)
    real, imaginary = [one], [np.zeros_like(z)]
    columns: list[list[FloatArray]] = [[one]]
    for _ in range(degree):
        real.append(x * real[-1] - y * imaginary[-1])
        imaginary.append(x * imaginary[-1] + y * real[-2])
    for degree_l in range(1, degree + 1):
        last = columns[-1]
        before = columns[-2] if degree_l > 1 else []
        new = []
        for m in range(degree_l - 1):
            up = (2 * degree_l - 1) * z * last[m] - (degree_l + m - 1) * before[m]
            new.append(up / (degree_l - m))
        new.append((2 * degree_l - 1) * z * last[degree_l - 1])
        new.append((2 * degree_l - 1) * last[degree_l - 1])
        columns.append(new)
    return _Parts(columns, real, imaginary)


@cache
def _norm(degree: int, m: int) -> float:
    ratio = math.factorial(degree - m) / math.factorial(degree + m)
    return math.sqrt((1 if m == 0 else 2) * (2 * degree + 1) / (4 * math.pi) * ratio)


def harmonics(directions: FloatArray, degree: int) -> Iterator[tuple[int, int, FloatArray]]:
    """Y_lm for l = 0..degree and m = -l..l, orthonormal on the sphere.

    Parameters
    ----------
    directions : shape (3, n), unit vectors.

    Yields
    ------
    l, m, values of shape (n,)
    """
    parts = _parts(directions, degree)
    for l, row in enumerate(parts.legendre):
        for m in range(-l, l + 1):
            around = parts.real[m] if m >= 0 else parts.imaginary[-m]
            yield l, m, _norm(l, abs(m)) * row[abs(m)] * around


def harmonic_gradients(directions: FloatArray, degree: int) -> Iterator[tuple[int, int, FloatArray, FloatArray]]:
    """Y_lm and its gradient on the unit sphere, divide by the distance for that in space.

    Yields
    ------
    l, m, values of shape (n,), gradients of shape (3, n) (perpendicular to the direction)
    """
    parts = _parts(directions, degree)
    gradient = np.empty_like(directions)
    for l, row in enumerate(parts.legendre):
        for m in range(-l, l + 1):
            k, norm = abs(m), _norm(l, abs(m))
            around = parts.real[k] if m >= 0 else parts.imaginary[k]
            if k == 0:
                gradient[0] = gradient[1] = 0.0
            elif m > 0:
                gradient[0] = k * norm * row[k] * parts.real[k - 1]
                gradient[1] = -k * norm * row[k] * parts.imaginary[k - 1]
            else:
                gradient[0] = k * norm * row[k] * parts.imaginary[k - 1]
                gradient[1] = k * norm * row[k] * parts.real[k - 1]
            gradient[2] = norm * row[k + 1] * around if k < l else 0.0
            radial = gradient[0] * directions[0] + gradient[1] * directions[1] + gradient[2] * directions[2]
            yield l, m, norm * row[k] * around, gradient - radial * directions


@cache
def chebyshev_by_legendre(order: int) -> FloatArray:
    """The Chebyshev polynomials T_0..T_order in Legendre polynomials, shape (order + 1, order + 1): [n, l]."""
    angles = np.arccos(_quadrature(order)[0])
    return frozen(np.stack([_expanded(np.cos(n * angles), order) for n in range(order + 1)]))


@cache
def power_by_legendre(exponent: int, sign: float) -> FloatArray:
    """(1 + sign x)^exponent in Legendre polynomials, shape (exponent + 1,)."""
    values: FloatArray = np.power(1.0 + sign * _quadrature(exponent)[0], exponent)
    return frozen(_expanded(values, exponent))


def _quadrature(degree: int) -> tuple[FloatArray, FloatArray]:
    """Gauss-Legendre nodes and weights, exact for products of two polynomials of that degree."""
    nodes, weights = legendre.leggauss(degree + 1)
    return nodes, weights


def _expanded(values: FloatArray, degree: int) -> FloatArray:
    """Legendre coefficients of the polynomial with these values at the nodes of the quadrature, shape (degree + 1,)."""
    nodes, weights = _quadrature(degree)
    table = legendre.legvander(nodes, degree) * (values * weights)[:, None]
    coefficients: FloatArray = table.sum(axis=0) * (2 * np.arange(degree + 1) + 1) / 2.0
    return coefficients
