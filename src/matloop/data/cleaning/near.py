"""Nearly the same structures and compositions: found fast, and confirmed where that is wanted."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy.spatial import cKDTree

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.optional import require
from matloop.matter.alike import near_pairs
from matloop.matter.compositions import Compositions
from matloop.matter.structures import Structures
from matloop.matter.structures_write import to_pymatgen

MOST_PAIRS = 1_000_000
"""Pairs of compositions of the same elements that are listed; of more only the number is told."""


def near_structures(structures: Structures, *, exact: bool = False) -> IntArray:
    """For each row the first row that it nearly is, itself where there is none: shape (n_rows,).

    A row joins only a row that it is near to, not one that is near to one near to it.

    Parameters
    ----------
    exact : each suspected pair must also be one to pymatgen's StructureMatcher with its own tolerances.

    Raises
    ------
    MissingExtra : matscipy, or for `exact` pymatgen, is not installed.
    """
    first, second = near_pairs(structures)
    if exact:
        same = confirmed(structures, first, second)
        first, second = first[same], second[same]
    leader = np.arange(len(structures))
    for k in np.lexsort((first, second)).tolist():
        i, j = int(first[k]), int(second[k])
        if leader[i] == i and leader[j] == j:
            leader[j] = i
    return leader


def confirmed(structures: Structures, first: IntArray, second: IntArray) -> IntArray:
    """Places of the pairs that pymatgen's StructureMatcher calls the same."""
    matcher = require("pymatgen.analysis.structure_matcher", extra="structures").StructureMatcher()
    rows = np.unique(np.concatenate([first, second]))
    objects = dict(zip(rows.tolist(), to_pymatgen(structures.take(rows)), strict=True))
    return np.array(
        [k for k, (i, j) in enumerate(zip(first.tolist(), second.tolist(), strict=True))
         if matcher.fit(objects[i], objects[j])],
        dtype=np.int64,
    )  # fmt: skip


def near_compositions(batch: Compositions, within: float) -> tuple[IntArray, IntArray, int]:
    """Pairs of rows of the same elements whose atomic fractions differ by at most `within`, and not by nothing.

    Returns
    -------
    first, second : rows, at most `MOST_PAIRS`. count : of all such pairs.
    """
    kinds: dict[bytes, list[int]] = {}
    for row, (a, b) in enumerate(pairwise(batch.offsets.tolist())):
        if b > a:
            kinds.setdefault(np.sort(batch.elements[a:b]).tobytes(), []).append(row)
    found, count = [np.empty((0, 2), dtype=np.int64)], 0
    for members in kinds.values():
        rows = np.array(members)
        if len(rows) > 1:
            points = _fractions(batch, rows)
            _, once = np.unique(np.round(points, 7), axis=0, return_index=True)
            rows, points = rows[np.sort(once)], points[np.sort(once)]
            tree = cKDTree(points)
            number = (int(tree.count_neighbors(tree, within, p=np.inf)) - len(rows)) // 2
            count += number
            if number > 0 and count <= MOST_PAIRS:
                found.append(rows[tree.query_pairs(within, p=np.inf, output_type="ndarray")])
    pairs = np.sort(np.concatenate(found), axis=1)
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    return pairs[:, 0], pairs[:, 1], count


def _fractions(batch: Compositions, rows: IntArray) -> FloatArray:
    """Fractions of rows of the same elements, in the order of the elements: shape (n_rows, n_elements)."""
    spans = [slice(batch.offsets[row], batch.offsets[row + 1]) for row in rows.tolist()]
    return np.stack([batch.fractions[span][np.argsort(batch.elements[span])] for span in spans])
