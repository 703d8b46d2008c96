"""Distances between the rows of two tables, added up column by column as the C loops of scipy do: the same bits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_AT_ONCE = 200_000
"""pairs whose sums stay in the processor's cache"""


def cdist(XA: NDArray[Any], XB: NDArray[Any], metric: str = "euclidean") -> NDArray[np.float64]:
    """Shape (n_a, n_b); "euclidean", "sqeuclidean", "cityblock" or "chebyshev".

    Raises
    ------
    ValueError : another metric.
    """
    if metric not in ("euclidean", "sqeuclidean", "cityblock", "chebyshev"):
        raise ValueError(f"the metric {metric!r} is not part of an exported folder.")
    a, b = np.asarray(XA, dtype=np.float64), np.asarray(XB, dtype=np.float64)
    found = np.zeros((len(a), len(b)))
    columns = np.ascontiguousarray(b.T)
    step = max(1, _AT_ONCE // max(len(b), 1))
    for start in range(0, len(a), step):
        total = found[start : start + step]
        for j, column in enumerate(columns):
            gap = a[start : start + step, j, None] - column
            if metric == "cityblock":
                total += np.abs(gap)
            elif metric == "chebyshev":
                np.maximum(total, np.abs(gap), out=total)
            else:
                total += gap * gap
    return np.sqrt(found) if metric == "euclidean" else found
