"""Sites of one structure that are at the same place."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray

_FLAT = 0.2
"""A cell whose planes are so close that `within` is this part of their distance has no pairs to speak of."""


def coincident(coordinates: FloatArray, lattice: FloatArray, periodic: BoolArray, within: float) -> IntArray:
    """Pairs of sites closer than `within` (Angstrom, small beside the cell), shape (n_pairs, 2), each once, i < j.

    Images count along the vectors that repeat. Without pairs where the cell is flatter than about five times `within`.
    """
    # a step of 1 in a coordinate crosses 1 / |reciprocal vector|, so a pair differs by at most this in each coordinate
    volume = abs(np.linalg.det(lattice))
    if not volume > 1e-9 * np.linalg.norm(lattice, axis=1).prod() or len(coordinates) < 2:
        return np.empty((0, 2), dtype=np.int64)
    widest = within * float(np.linalg.norm(np.linalg.inv(lattice), axis=0).max())
    if widest > _FLAT:
        return np.empty((0, 2), dtype=np.int64)
    wrapped = np.where(periodic, coordinates - np.floor(coordinates), coordinates)
    wrapped[(wrapped >= 1.0) & periodic] = 0.0
    from scipy.spatial import cKDTree

    tree = cKDTree(wrapped, boxsize=np.where(periodic, 1.0, 0.0))
    pairs = tree.query_pairs(widest * 3**0.5, output_type="ndarray").reshape(-1, 2)
    steps = wrapped[pairs[:, 0]] - wrapped[pairs[:, 1]]
    steps -= np.where(periodic, np.round(steps), 0.0)
    found = pairs[np.linalg.norm(steps @ lattice, axis=1) < within].astype(np.int64)
    return found[np.lexsort((found[:, 1], found[:, 0]))]
