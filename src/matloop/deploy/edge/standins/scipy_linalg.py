"""Triangular systems."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def solve_triangular(a: NDArray[Any], b: NDArray[Any], lower: bool = False, check_finite: bool = True) -> NDArray[Any]:
    """x of a x = b; of `a` only one triangle is read."""
    del check_finite
    return np.linalg.solve(np.tril(a) if lower else np.triu(a), b)
