"""Pairs of rows in the data that differ in one exchanged element and in nothing else: what was really measured.

References
----------
Leach et al., J. Med. Chem. 49 (2006) 6672 (matched pairs). doi:10.1021/jm0605233
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.elements import MAX_Z
from matloop.explain.edits import amounts_of
from matloop.explain.values import Check
from matloop.matter.compositions import Compositions

_GRID = 2000.0
"""Fractions are told apart to 0.05 at%."""
FEWEST_PAIRS = 30
_SURE = 2.33
"""standard errors: one-sided 1 %"""


def matched_pairs(
    compositions: Compositions, pairs: Sequence[tuple[int, int]], others: FloatArray | None = None
) -> list[IntArray]:
    """Rows that become each other when one element is exchanged for another.

    Parameters
    ----------
    pairs : atomic numbers (old, new). others : shape (n_rows, k), numbers that must be the same in both rows (process
        inputs, codes of categories); NaN equals NaN.

    Returns
    -------
    Per pair an array of shape (n_found, 2): the row with `old`, and the row with `new` in its place.

    Examples
    --------
    >>> from matloop.matter.compositions import as_compositions
    >>> rows = as_compositions(["LiCoO2", "NaCl", "Li2Ni2O4"])
    >>> matched_pairs(rows, [(27, 28)])[0].tolist()
    [[0, 2]]
    """
    dense = amounts_of(compositions)
    total = np.maximum(dense.sum(axis=1, keepdims=True), 1e-300)
    share = np.rint(_GRID * dense / total).astype(np.int64)
    code = np.random.default_rng(20_241).integers(-(2**62), 2**62, MAX_Z + 1)
    key = share @ code + _same(others, len(dense))
    order = np.argsort(key, kind="stable")
    found = []
    for old, new in pairs:
        rows = np.flatnonzero((share[:, old] > 0) & (dense[:, new] == 0))
        wanted = key[rows] + share[rows, old] * (code[new] - code[old])
        first, last = (np.searchsorted(key[order], wanted, side=side) for side in ("left", "right"))
        counts = last - first
        places = np.repeat(first, counts) + np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        found.append(np.column_stack([np.repeat(rows, counts), order[places]]).astype(np.int64))
    return found


def agree_with_pairs(measured: FloatArray, predicted: FloatArray) -> Check | None:
    """Whether predicted differences of matched pairs go with the measured ones; None with fewer than 30 pairs: too
    few to tell.

    Parameters
    ----------
    measured, predicted : shape (n_pairs,); predictions of both rows by one model that saw neither.
    """
    n, size = len(measured), float(np.sqrt((measured**2).sum() * (predicted**2).sum()))
    if n < FEWEST_PAIRS or size <= 0.0:
        return None
    agreement = float(measured @ predicted) / size
    passed = agreement * np.sqrt(n) > _SURE
    return Check(
        "agrees with measured pairs", bool(passed),
        f"in {n:,} pairs of real rows that differ in one exchange, predicted and measured differences correlate by "
        f"{agreement:.2f}{'' if passed else ', no more than chance allows'}",
    )  # fmt: skip


def _same(others: FloatArray | None, n: int) -> NDArray[np.int64]:
    """A number per row that is the same where all other inputs are."""
    key = np.zeros(n, dtype=np.int64)
    if others is None or not others.shape[1]:
        return key
    draw = np.random.default_rng(20_242)
    for column in others.T:
        code = np.unique(np.where(np.isfinite(column), column, np.inf), return_inverse=True)[1].reshape(-1)
        key += draw.integers(-(2**62), 2**62, int(code.max()) + 1)[code]
    return key
