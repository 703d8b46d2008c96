"""Behler's symmetry functions G2, G4 and G5 of environments, by channel, with their derivatives.

Values have shape (n_functions, n_channels or n_channel_pairs, n_sites); derivatives, with respect to the position of
one neighbour, (n_functions, n_channels or n_channel_pairs, 3, n_pairs).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.represent.structural.environments import Environments
from matloop.represent.structural.smooth_cutoff import Fade
from matloop.represent.structural.triplets import Triplets, triplets

Pairs = tuple[tuple[int, int], ...]
Radial = tuple[tuple[float, float], ...]
Angular = tuple[tuple[float, float, float, float], ...]


@dataclass(frozen=True, slots=True)
class Bell:
    """exp(-eta (r - shift)^2) f(r), f fading at the cutoff; eta in 1/A^2, shift in A."""

    eta: float
    shift: float
    cutoff: float
    fade: Fade

    def value(self, distances: FloatArray) -> FloatArray:
        """At the distances, which are up to the cutoff."""
        return self._gaussian(distances) * self.fade.value(distances, self.cutoff)

    def slope(self, distances: FloatArray) -> FloatArray:
        """Derivative by the distance."""
        inner = -2.0 * self.eta * (distances - self.shift) * self.fade.value(distances, self.cutoff)
        return self._gaussian(distances) * (inner + self.fade.slope(distances, self.cutoff))

    def _gaussian(self, distances: FloatArray) -> FloatArray:
        away = distances - self.shift
        bell: FloatArray = np.exp(-self.eta * away * away)
        return bell


def g2(around: Environments, functions: Radial, cutoff: float, fade: Fade) -> FloatArray:
    """Sum over neighbours of w exp(-eta (r - shift)^2) f(r); functions: (eta, shift), 1/A^2 and A."""
    found = np.empty((len(functions), len(around.weights), len(around.offsets) - 1))
    for k, function in enumerate(functions):
        found[k] = around.summed(around.weights * Bell(*function, cutoff, fade).value(around.distances))
    return found


def g2_slopes(around: Environments, functions: Radial, cutoff: float, fade: Fade) -> FloatArray:
    """Derivatives of `g2`."""
    directions = around.directions
    found = np.empty((len(functions), len(around.weights), 3, len(around.distances)))
    for k, function in enumerate(functions):
        slope = Bell(*function, cutoff, fade).slope(around.distances)
        found[k] = (around.weights * slope)[:, None] * directions
    return found


def g4(around: Environments, functions: Angular, pairs: Pairs, cutoff: float, fade: Fade) -> FloatArray:
    """Sum over pairs of neighbours j, k that are nearer than the cutoff to each other.

    Each pair counts w_j w_k 2^(1 - zeta) (1 + lambda cos theta)^zeta exp(-eta (a_ij^2 + a_ik^2 + a_jk^2)) f(r_ij)
    f(r_ik) f(r_jk) with a = r - shift; functions: (eta, zeta, lambda, shift). In a pair of different channels j and k
    also count with their weights exchanged.
    """
    n_pairs = len(around.distances)
    weights = np.ascontiguousarray(around.weights.T)
    inner = np.zeros((len(functions), n_pairs, weights.shape[1]))
    for part in triplets(around, cutoff):
        for k, values in enumerate(_g4_values(around, part, functions, cutoff, fade)):
            inner[k, part.begin : part.end] = part.matrix(values, n_pairs) @ weights
    found = np.empty((len(functions), len(pairs), len(around.offsets) - 1))
    for k in range(len(functions)):
        for p, (a, b) in enumerate(pairs):
            both = around.weights[a] * inner[k, :, b]
            found[k, p] = around.summed(both if a == b else both + around.weights[b] * inner[k, :, a])
    return found


def g4_slopes(around: Environments, functions: Angular, pairs: Pairs, cutoff: float, fade: Fade) -> FloatArray:
    """Derivatives of `g4`."""
    n_pairs, n_channels = len(around.distances), len(around.weights)
    weights = np.ascontiguousarray(around.weights.T)
    moved = (around.weights[:, None] * around.vectors).reshape(-1, n_pairs).T.copy()
    # per neighbour and channel: what pulls along its own bond, how strongly the others pull, and where to
    own, pull = np.zeros((2, len(functions), n_pairs, n_channels))
    towards = np.zeros((len(functions), n_pairs, 3 * n_channels))
    for part in triplets(around, cutoff):
        rows = slice(part.begin, part.end)
        for k, slopes in enumerate(_g4_slopes(around, part, functions, cutoff, fade)):
            along_j, along_k, across = (part.matrix(values, n_pairs) for values in slopes)
            own[k, rows] += along_j @ weights
            pull[k, rows] += across @ weights
            towards[k, rows] += across @ moved
            own[k] += along_k.T @ weights[rows]
            pull[k] += across.T @ weights[rows]
            towards[k] += across.T @ moved[rows]
    found = np.empty((len(functions), len(pairs), 3, n_pairs))
    directions = around.directions
    for k in range(len(functions)):
        moving = own[k].T[:, None] * directions + pull[k].T[:, None] * around.vectors
        moving -= towards[k].T.reshape(moving.shape)
        for p, (a, b) in enumerate(pairs):
            found[k, p] = around.weights[a] * moving[b]
            if a != b:
                found[k, p] += around.weights[b] * moving[a]
    return found


def _power(base: FloatArray, exponent: float) -> FloatArray:
    """base^exponent; by repeated squaring for whole numbers, several times faster."""
    whole = int(exponent)
    if whole != exponent or not 0 <= whole <= 128:
        powered: FloatArray = np.power(base, exponent)
        return powered
    result = np.ones_like(base)
    while whole:
        if whole & 1:
            result = result * base
        whole >>= 1
        if whole:
            base = base * base
    return result


def _bells(functions: Angular, cutoff: float, fade: Fade) -> dict[tuple[float, float], Bell]:
    return {(eta, shift): Bell(eta, shift, cutoff, fade) for eta, _, _, shift in functions}


def _cosines(around: Environments, part: Triplets) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Cosine of the angle at the site, and the two distances from it."""
    r, s, t = around.distances[part.first], around.distances[part.second], part.between
    return (r * r + s * s - t * t) / (2.0 * r * s), r, s


def _g4_values(
    around: Environments, part: Triplets, functions: Angular, cutoff: float, fade: Fade
) -> Iterator[FloatArray]:
    cosine = _cosines(around, part)[0]
    products = {}
    for key, bell in _bells(functions, cutoff, fade).items():
        bonds = bell.value(around.distances[part.begin :])
        products[key] = bonds[part.first - part.begin] * bonds[part.second - part.begin] * bell.value(part.between)
    for eta, zeta, sign, shift in functions:
        angle = _power(np.maximum(1.0 + sign * cosine, 0.0), zeta)
        yield 2.0 ** (1.0 - zeta) * angle * products[eta, shift]


def _g4_slopes(
    around: Environments, part: Triplets, functions: Angular, cutoff: float, fade: Fade
) -> Iterator[tuple[FloatArray, FloatArray, FloatArray]]:
    """For each function the slopes with respect to r_ij, r_ik, and r_jk divided by r_jk."""
    cosine, r, s = _cosines(around, part)
    t = np.maximum(part.between, 1e-12)
    shared = {}
    for key, bell in _bells(functions, cutoff, fade).items():
        value, slope = bell.value(around.distances), bell.slope(around.distances)
        shared[key] = (
            value[part.first], value[part.second], bell.value(part.between),
            slope[part.first], slope[part.second], bell.slope(part.between) / t,
        )  # fmt: skip
    for eta, zeta, sign, shift in functions:
        j, k, jk, dj, dk, djk = shared[eta, shift]
        base, scale = np.maximum(1.0 + sign * cosine, 0.0), 2.0 ** (1.0 - zeta)
        angle = scale * _power(base, zeta)
        turn = scale * zeta * sign * _power(base, zeta - 1.0) * (j * k * jk)
        yield (
            angle * dj * k * jk + turn * (1.0 / s - cosine / r),
            angle * j * dk * jk + turn * (1.0 / r - cosine / s),
            angle * j * k * djk - turn / (r * s),
        )
