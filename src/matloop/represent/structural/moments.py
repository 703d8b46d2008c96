"""Sums over pairs of neighbours of a polynomial of the cosine of their angle, without going through the pairs.

By the addition theorem a sum of P_l(cos theta_jk) over j and k is 4 pi / (2 l + 1) times the sum over m of the squared
sum over j of Y_lm: linear in the number of neighbours, where going through the pairs is quadratic.
"""

from __future__ import annotations

import math

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.represent.structural.environments import Environments
from matloop.represent.structural.harmonics import harmonic_gradients, harmonics

Pairs = tuple[tuple[int, int], ...]


def angular_sums(around: Environments, radial: FloatArray, pairs: Pairs, polynomials: FloatArray) -> FloatArray:
    """Sum over neighbours j < k of w_j w_k g(r_j) g(r_k) p(cos theta_jk).

    In a pair of different channels j and k also count with their weights exchanged.

    Parameters
    ----------
    radial : g, shape (n_pairs,). polynomials : p by their Legendre coefficients, shape (n_polynomials, degree + 1).

    Returns
    -------
    shape (n_polynomials, n_channel_pairs, n_sites)
    """
    degree = polynomials.shape[1] - 1
    weighted = around.weights * radial
    n_sites = len(around.offsets) - 1
    powers = np.zeros((degree + 1, len(pairs), n_sites))
    for l, _, values in harmonics(around.directions, degree):
        moments = around.summed(weighted * values)
        for p, (a, b) in enumerate(pairs):
            powers[l, p] += moments[a] * moments[b]
    self_terms = np.stack([around.summed(weighted[a] * weighted[b]) for a, b in pairs])
    found = np.zeros((len(polynomials), len(pairs), n_sites))
    for n, coefficients in enumerate(polynomials):
        for l, coefficient in enumerate(coefficients.tolist()):
            if coefficient:
                found[n] += coefficient * 4.0 * math.pi / (2 * l + 1) * powers[l]
        found[n] -= coefficients.sum() * self_terms  # P_l(1) = 1: a neighbour with itself
    return found * _halves(pairs)[:, None]


def angular_slopes(
    around: Environments, radial: tuple[FloatArray, FloatArray], pairs: Pairs, polynomials: FloatArray
) -> FloatArray:
    """Derivatives of `angular_sums` with respect to the position of one neighbour.

    Parameters
    ----------
    radial : g and its slope, each of shape (n_pairs,).

    Returns
    -------
    shape (n_polynomials, n_channel_pairs, 3, n_pairs)
    """
    degree, n_channels = polynomials.shape[1] - 1, len(around.weights)
    g, slope = radial
    directions, sites, weighted = around.directions, around.sites, around.weights * g
    outward, across = slope * directions, g / around.distances
    by_degree = np.zeros((degree + 1, n_channels, 3, len(g)))
    for l, _, values, gradients in harmonic_gradients(directions, degree):
        moments = around.summed(weighted * values)[:, sites]
        moving = outward * values + across * gradients
        by_degree[l] += moments[:, None] * moving
    found = np.empty((len(polynomials), len(pairs), 3, len(g)))
    for n, coefficients in enumerate(polynomials):
        scale = coefficients * 4.0 * math.pi / (2 * np.arange(degree + 1) + 1)
        moving = np.tensordot(scale, by_degree, axes=1)
        for p, (a, b) in enumerate(pairs):
            found[n, p] = around.weights[a] * moving[b] + around.weights[b] * moving[a]
            found[n, p] -= coefficients.sum() * 2.0 * around.weights[a] * around.weights[b] * g * outward
    return found * _halves(pairs)[:, None, None]


def angular_pulls(
    around: Environments,
    radial: tuple[FloatArray, FloatArray],
    pairs: Pairs,
    polynomials: FloatArray,
    slopes: FloatArray,
) -> FloatArray:
    """Derivatives of the sum of slopes times `angular_sums`, shape (3, n_pairs); slopes : as `angular_sums` returns."""
    degree = polynomials.shape[1] - 1
    g, slope = radial
    directions, sites, weighted = around.directions, around.sites, around.weights * g
    slopes = slopes * _halves(pairs)[:, None]
    along, turning = np.zeros(len(g)), np.zeros((3, len(g)))
    by_degree = np.tensordot(polynomials.T * (4.0 * math.pi / (2 * np.arange(degree + 1) + 1))[:, None], slopes, axes=1)
    for l, _, values, gradients in harmonic_gradients(directions, degree):
        moments = around.summed(weighted * values)
        back = np.zeros_like(moments)
        for p, (a, b) in enumerate(pairs):
            back[a] += by_degree[l, p] * moments[b]
            back[b] += by_degree[l, p] * moments[a]
        total = (back[:, sites] * around.weights).sum(axis=0)
        along += total * values
        turning += total * gradients
    itself = np.tensordot(polynomials.sum(axis=1), slopes, axes=1)
    for p, (a, b) in enumerate(pairs):
        along -= 2.0 * itself[p, sites] * around.weights[a] * weighted[b]
    pulls: FloatArray = slope * along * directions + g / around.distances * turning
    return pulls


def _halves(pairs: Pairs) -> FloatArray:
    """Sums over all j and k hold each pair twice where the channels are the same."""
    return np.array([0.5 if a == b else 1.0 for a, b in pairs])
