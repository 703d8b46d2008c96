"""Behler's symmetry functions G2 and G4 of environments, by channel, with their derivatives.

Values have shape (n_functions, n_channels or n_channel_pairs, n_sites); derivatives by the vectors to the neighbours
(`*_slopes`) (n_functions, n_channels or n_channel_pairs, 3, n_pairs); these times given slopes, summed over functions
and channels (`*_pulls`), (3, n_pairs).
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
    """exp(-eta (r - shift)^2) f(r) with a function f that fades at the cutoff; eta in 1/A^2, shift in A."""

    eta: float
    shift: float

    def value(self, distances: FloatArray, faded: FloatArray) -> FloatArray:
        """At the distances, where f is `faded`."""
        return self._gaussian(distances) * faded

    def slope(self, distances: FloatArray, faded: FloatArray, fading: FloatArray) -> FloatArray:
        """Derivative by the distance, with the slope `fading` of f."""
        return self._gaussian(distances) * (fading - 2.0 * self.eta * (distances - self.shift) * faded)

    def _gaussian(self, distances: FloatArray) -> FloatArray:
        away = distances - self.shift
        away *= -self.eta * away
        bell: FloatArray = np.exp(away, out=away)
        return bell


def g2(around: Environments, functions: Radial, cutoff: float, fade: Fade) -> FloatArray:
    """Sum over neighbours of w exp(-eta (r - shift)^2) f(r); functions: (eta, shift), 1/A^2 and A."""
    faded = fade.value(around.distances, cutoff)
    found = np.empty((len(functions), len(around.weights), len(around.offsets) - 1))
    for k, function in enumerate(functions):
        found[k] = around.summed(around.weights * Bell(*function).value(around.distances, faded))
    return found


def g2_slopes(around: Environments, functions: Radial, cutoff: float, fade: Fade) -> FloatArray:
    """Derivatives of `g2`."""
    faded, fading = fade.value(around.distances, cutoff), fade.slope(around.distances, cutoff)
    directions = around.directions
    found = np.empty((len(functions), len(around.weights), 3, len(around.distances)))
    for k, function in enumerate(functions):
        slope = Bell(*function).slope(around.distances, faded, fading)
        found[k] = (around.weights * slope)[:, None] * directions
    return found


def g2_pulls(around: Environments, functions: Radial, cutoff: float, fade: Fade, slopes: FloatArray) -> FloatArray:
    """Derivatives of the sum of slopes times `g2`; slopes : shape as of `g2`."""
    faded, fading = fade.value(around.distances, cutoff), fade.slope(around.distances, cutoff)
    sites, total = around.sites, np.zeros(len(around.distances))
    for function, given in zip(functions, slopes, strict=True):
        total += (given[:, sites] * around.weights).sum(axis=0) * Bell(*function).slope(around.distances, faded, fading)
    return total * around.directions


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


def g4_pulls(
    around: Environments, functions: Angular, pairs: Pairs, cutoff: float, fade: Fade, slopes: FloatArray
) -> FloatArray:
    """Derivatives of the sum of slopes times `g4`; slopes : shape as of `g4`."""
    n_pairs, sites = len(around.distances), around.sites
    # what each neighbour j hands on to a neighbour k, by the channel of k
    handed = np.zeros((len(functions), len(around.weights), n_pairs))
    for p, (a, b) in enumerate(pairs):
        given = slopes[:, p, sites]
        handed[:, a] += given * around.weights[b]
        if a != b:
            handed[:, b] += given * around.weights[a]
    own, pull, places = np.zeros(n_pairs), np.zeros(n_pairs), np.ascontiguousarray(around.vectors.T)
    towards = np.zeros((n_pairs, 3))
    for part in triplets(around, cutoff):
        totals = np.zeros((3, len(part.first)))
        weights = around.weights[:, part.second]
        for k, slopes_k in enumerate(_g4_slopes(around, part, functions, cutoff, fade)):
            factor = sum(handed[k, c][part.first] * weight for c, weight in enumerate(weights))
            for total, slope in zip(totals, slopes_k, strict=True):
                total += factor * slope
        rows, across = slice(part.begin, part.end), part.matrix(totals[2], n_pairs)
        own += np.bincount(part.first, totals[0], n_pairs) + np.bincount(part.second, totals[1], n_pairs)
        pull += np.bincount(part.first, totals[2], n_pairs) + np.bincount(part.second, totals[2], n_pairs)
        towards[rows] += across @ places
        towards += across.T @ places[rows]
    return own * around.directions + pull * around.vectors - towards.T


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


def _cosines(around: Environments, part: Triplets) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Cosine of the angle at the site, and the two distances from it."""
    r, s, t = around.distances[part.first], around.distances[part.second], part.between
    return (r * r + s * s - t * t) / (2.0 * r * s), r, s


def _bells(functions: Angular) -> list[Bell]:
    """Each once."""
    return list(dict.fromkeys(Bell(eta, shift) for eta, _, _, shift in functions))


def _g4_values(
    around: Environments, part: Triplets, functions: Angular, cutoff: float, fade: Fade
) -> Iterator[FloatArray]:
    cosine = _cosines(around, part)[0]
    near = around.distances[part.begin :]
    faded, across = fade.value(near, cutoff), fade.value(part.between, cutoff)
    first, second, products = part.first - part.begin, part.second - part.begin, {}
    for bell in _bells(functions):
        bonds = bell.value(near, faded)
        products[bell] = bonds[first] * bonds[second] * bell.value(part.between, across)
    for eta, zeta, sign, shift in functions:
        angle = _power(np.maximum(1.0 + sign * cosine, 0.0), zeta)
        yield 2.0 ** (1.0 - zeta) * angle * products[Bell(eta, shift)]


def _g4_slopes(
    around: Environments, part: Triplets, functions: Angular, cutoff: float, fade: Fade
) -> Iterator[tuple[FloatArray, FloatArray, FloatArray]]:
    """For each function the slopes with respect to r_ij, r_ik, and r_jk divided by r_jk."""
    cosine, r, s = _cosines(around, part)
    t, shared = np.maximum(part.between, 1e-12), {}
    faded, fading = fade.value(around.distances, cutoff), fade.slope(around.distances, cutoff)
    across, crossing = fade.value(part.between, cutoff), fade.slope(part.between, cutoff)
    for bell in _bells(functions):
        value, slope = bell.value(around.distances, faded), bell.slope(around.distances, faded, fading)
        shared[bell] = (
            value[part.first], value[part.second], bell.value(part.between, across),
            slope[part.first], slope[part.second], bell.slope(part.between, across, crossing) / t,
        )  # fmt: skip
    turn_j, turn_k, turn_jk = 1.0 / s - cosine / r, 1.0 / r - cosine / s, 1.0 / (r * s)
    for eta, zeta, sign, shift in functions:
        j, k, jk, dj, dk, djk = shared[Bell(eta, shift)]
        base, scale = np.maximum(1.0 + sign * cosine, 0.0), 2.0 ** (1.0 - zeta)
        less = scale * _power(base, zeta - 1.0)
        angle, turn = less * base, zeta * sign * less * (j * k * jk)
        yield (
            angle * dj * k * jk + turn * turn_j,
            angle * j * dk * jk + turn * turn_k,
            angle * j * k * djk - turn * turn_jk,
        )
