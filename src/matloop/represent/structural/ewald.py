"""Ewald sums between sublattices of point charges, for a whole batch: who interacts with whom, not only the total."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from scipy.special import erfc

from matloop.core.arrays import FloatArray, IntArray
from matloop.matter.neighbours import CLOSEST
from matloop.matter.structures import Structures
from matloop.represent.structural.lattice_points import points_within, ragged, reduced

AT_ONCE = 500_000
"""Pairs with their images that are worked out together: about 50 MB."""


def ewald_sums(structures: Structures, accuracy: float) -> FloatArray:
    """Electrostatic interaction of sublattices with the atomic numbers as charges, e^2/Angstrom.

    Parameters
    ----------
    structures : ordered rows that repeat along all three vectors
    accuracy : what is left out of either sum, as a fraction. It sets the radii of both sums together with the screening
        a = sqrt(pi) (n / V^2)^(1/6), which takes about equal time for them.

    Returns
    -------
    shape (sum of squared sizes,): for all ordered pairs (i, j) of sites of a row, row by row, then by i, the
    interaction per cell, halved for i = j; inf where two sites lie on top of each other.

    References
    ----------
    Toukmaji, Board, Comput. Phys. Commun. 95 (1996) 73. doi:10.1016/0010-4655(96)00016-1
    Jackson, Catlow, Mol. Simul. 1 (1988) 207 (screening and radii). doi:10.1080/08927022.2013.840898
    """
    volumes = np.abs(np.linalg.det(structures.lattices))
    screening = math.sqrt(math.pi) * (structures.sizes / volumes**2) ** (1 / 6)
    reach = math.sqrt(-math.log(accuracy))
    cells, change = reduced(structures.lattices)
    # inverses of integer matrices of determinant one: whole numbers
    inverse = np.round(np.linalg.inv(change.astype(float)))
    coordinates = np.einsum("si,sij->sj", structures.coordinates, inverse[structures.rows])
    first, second = upper_pairs(structures)
    real = _real(cells, coordinates, structures.rows, first, second, screening, reach / screening)
    waves = _waves(structures, cells, coordinates, screening, 2 * screening * reach)
    row, same = structures.rows[first], first == second
    places = _place(structures, first, second)
    sums = real + (4 * math.pi / volumes)[row] * waves[places] - (math.pi / (volumes * screening**2))[row]
    sums = np.where(same, sums / 2 - (screening / math.sqrt(math.pi))[row], sums)
    z = structures.numbers.astype(float)
    sums *= z[first] * z[second]
    found = np.empty(len(waves))
    found[places] = sums
    found[_place(structures, second, first)] = sums
    return found


def upper_pairs(structures: Structures) -> tuple[IntArray, IntArray]:
    """Pairs of sites of a row with first <= second, row by row, then by first."""
    first, place = ragged(structures.offsets[structures.rows + 1] - np.arange(len(structures.coordinates)))
    return first, first + place


def _place(structures: Structures, first: IntArray, second: IntArray) -> IntArray:
    """Where the pair (first, second) stands among all ordered pairs of all rows."""
    row = structures.rows[first]
    start, sizes = structures.offsets[row], structures.sizes
    return (np.cumsum(sizes**2) - sizes**2)[row] + (first - start) * sizes[row] + (second - start)


def _real(
    cells: FloatArray, coordinates: FloatArray, rows: IntArray, first: IntArray, second: IntArray,
    screening: FloatArray, radii: FloatArray,
) -> FloatArray:  # fmt: skip
    """Sum of erfc(a r) / r over the images within the radius, for each pair."""
    row = rows[first]
    apart = coordinates[second] - coordinates[first]
    vectors = np.einsum("pi,pij->pj", apart - np.round(apart), cells[row])
    starts = np.searchsorted(row, np.arange(len(cells)))
    furthest = np.sqrt(np.maximum.reduceat(np.einsum("px,px->p", vectors, vectors), starts))
    offsets, _, images = points_within(cells, radii + furthest)
    counts = np.diff(offsets)[row]
    part = (np.cumsum(counts) - counts) // AT_ONCE
    cuts = [0, *(np.flatnonzero(np.diff(part)) + 1).tolist(), len(part)]
    parts, pictures = vectors.T.copy(), images.T.copy()
    sums = np.zeros(len(first))
    for start, end in pairwise(cuts):
        pairs, place = ragged(counts[start:end])
        pairs += start
        place += offsets[row[pairs]]
        x, y, z = (along[pairs] + image[place] for along, image in zip(parts, pictures, strict=True))
        squares = x * x + y * y + z * z
        keep = np.flatnonzero(squares <= np.square(radii)[row[pairs]])
        pairs, lengths = pairs[keep], np.sqrt(squares[keep])
        touching = lengths < CLOSEST
        terms = erfc(screening[row[pairs]] * lengths) / np.maximum(lengths, CLOSEST)
        # a charge does not act on itself; another one in its place does without bound
        terms[touching] = np.where(first[pairs] == second[pairs], 0.0, np.inf)[touching]
        sums[start:end] = np.bincount(pairs - start, weights=terms, minlength=end - start)
    return sums


def _waves(
    structures: Structures, cells: FloatArray, coordinates: FloatArray, screening: FloatArray, radii: FloatArray
) -> FloatArray:
    """Sum of exp(-g^2 / 4 a^2) / g^2 cos(g (r_j - r_i)) over reciprocal vectors g within the radius, ordered pairs."""
    reciprocal: FloatArray = (2 * math.pi * np.linalg.inv(cells).transpose(0, 2, 1)).astype(float)
    offsets, indices, vectors = points_within(reciprocal, radii, half=True)
    counts = np.diff(offsets)
    of = np.repeat(np.arange(len(cells)), counts)
    squares = np.einsum("gx,gx->g", vectors, vectors)
    weights = 2.0 * np.exp(-squares / (4 * screening[of] ** 2)) / squares
    sizes = structures.sizes
    wave, place = ragged(sizes[of])
    site = structures.offsets[of[wave]] + place
    h, k, l = indices.T.astype(float)
    x, y, z = coordinates.T
    phases = 2 * math.pi * (h[wave] * x[site] + k[wave] * y[site] + l[wave] * z[site])
    both, scaled = np.stack([np.cos(phases), np.sin(phases)]), weights[wave]
    weighted = both * scaled
    starts = np.concatenate([[0], np.cumsum(counts * sizes)]).tolist()
    blocks = []
    # one small product per row: their shapes differ
    for row, n in enumerate(sizes.tolist()):
        part = slice(starts[row], starts[row + 1])
        blocks.append((both[:, part].reshape(-1, n).T @ weighted[:, part].reshape(-1, n)).ravel())
    return np.concatenate(blocks)
