"""How tasks (campaigns, laboratories, fidelities) go together: matrices over tasks, one for each term of a kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from matloop.core.arrays import FloatArray


class Coupling(Protocol):
    """Matrices over tasks as a smooth function of a few numbers, which have a normal prior and bounds."""

    @property
    def start(self) -> FloatArray:
        """Shape (n,): where the search begins; also the mean of the prior."""

    @property
    def deviation(self) -> FloatArray:
        """Shape (n,): standard deviation of the prior."""

    @property
    def bounds(self) -> list[tuple[float, float]]: ...

    def matrices(self, values: FloatArray) -> FloatArray:
        """Shape (n_terms, n_tasks, n_tasks)."""

    def pulled(self, values: FloatArray, pull: FloatArray) -> FloatArray:
        """Derivatives by the values, shape (n,), from those by the entries of the matrices."""


@dataclass(frozen=True, slots=True)
class Alone:
    """One task."""

    n_terms: int

    @property
    def start(self) -> FloatArray:
        return np.zeros(0)

    @property
    def deviation(self) -> FloatArray:
        return np.zeros(0)

    @property
    def bounds(self) -> list[tuple[float, float]]:
        return []

    def matrices(self, values: FloatArray) -> FloatArray:
        return np.ones((self.n_terms, 1, 1))

    def pulled(self, values: FloatArray, pull: FloatArray) -> FloatArray:
        return np.zeros(0)
