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


@dataclass(frozen=True, slots=True)
class Similar:
    """Each task is the campaign's function times a loading, plus a part of its own: B = v v^T + diag(kappa), v_0 = 1.

    Bonilla, Chai & Williams (2008), Multi-task Gaussian process prediction, NeurIPS 20. loading, doubt : mean and
    deviation of the prior of v. own : mean of the prior of log kappa.
    """

    n_tasks: int
    loading: float
    doubt: float
    own: float

    @property
    def start(self) -> FloatArray:
        return np.concatenate([np.full(self.n_tasks - 1, self.loading), np.full(self.n_tasks, self.own)])

    @property
    def deviation(self) -> FloatArray:
        return np.concatenate([np.full(self.n_tasks - 1, self.doubt), np.ones(self.n_tasks)])

    @property
    def bounds(self) -> list[tuple[float, float]]:
        return [(-2.0, 3.0)] * (self.n_tasks - 1) + [(-9.0, 3.0)] * self.n_tasks

    def matrices(self, values: FloatArray) -> FloatArray:
        loadings = self._loadings(values)
        return (np.outer(loadings, loadings) + np.diag(np.exp(values[self.n_tasks - 1 :])))[None]

    def pulled(self, values: FloatArray, pull: FloatArray) -> FloatArray:
        both = pull[0] + pull[0].T
        own = np.diag(pull[0]) * np.exp(values[self.n_tasks - 1 :])
        return np.concatenate([(both @ self._loadings(values))[1:], own])

    def _loadings(self, values: FloatArray) -> FloatArray:
        return np.concatenate([[1.0], values[: self.n_tasks - 1]])


@dataclass(frozen=True, slots=True)
class Ladder:
    """Fidelities, from the dear task 0 to the cheapest, the last: each is the next cheaper one times rho, plus an error
    of its own. Term q is the error of task q; all tasks up to q have it, times the product of the rho between.

    Kennedy & O'Hagan (2000), doi:10.1093/biomet/87.1.1.
    """

    n_tasks: int

    @property
    def start(self) -> FloatArray:
        return np.ones(self.n_tasks - 1)

    @property
    def deviation(self) -> FloatArray:
        return np.full(self.n_tasks - 1, 0.5)

    @property
    def bounds(self) -> list[tuple[float, float]]:
        return [(-2.0, 3.0)] * (self.n_tasks - 1)

    def matrices(self, values: FloatArray) -> FloatArray:
        shares = self._shares(values)
        return np.einsum("qt,qu->qtu", shares, shares)

    def pulled(self, values: FloatArray, pull: FloatArray) -> FloatArray:
        shares = self._shares(values)
        found = np.zeros(len(values))
        for j in range(len(values)):
            # share of term q in task t <= j < q, with rho_j taken out of its product
            without = values.copy()
            without[j] = 1.0
            tilt = self._shares(without)
            tilt[: j + 1], tilt[:, j + 1 :] = 0.0, 0.0
            found[j] = float(np.einsum("qt,qtu,qu->", tilt, pull + np.swapaxes(pull, 1, 2), shares))
        return found

    def _shares(self, rho: FloatArray) -> FloatArray:
        """Shape (n_terms, n_tasks): how much of the error of task q is in task t."""
        shares = np.zeros((self.n_tasks, self.n_tasks))
        for q in range(self.n_tasks):
            for t in range(q + 1):
                shares[q, t] = np.prod(rho[t:q])
        return shares


@dataclass(frozen=True, slots=True)
class Truncated:
    """Fidelities without an order: each is the dear task 0 plus an error of its own (term q, for q > 0).

    Poloczek, Wang & Frazier (2017), doi:10.48550/arXiv.1603.00389.
    """

    n_tasks: int

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
        found = np.zeros((self.n_tasks, self.n_tasks, self.n_tasks))
        found[0] = 1.0
        for q in range(1, self.n_tasks):
            found[q, q, q] = 1.0
        return found

    def pulled(self, values: FloatArray, pull: FloatArray) -> FloatArray:
        return np.zeros(0)
