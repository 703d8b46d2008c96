"""Points as choices: each column of a domain as a few levels, so that counts and softmaxes can be learnt of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.design.contract import Domain, Points

_POOL = 1_024
_MOST_COLUMNS = 30


@dataclass(frozen=True, slots=True)
class Choices:
    """Levels of each column: exact values where they are few, otherwise bins between quantiles; what does not exist
    (conditional) is a level of its own, the last.

    names : of the columns. columns : which of the values are used. edges : per column, the upper ends of all levels
    but the last. pool : shape (m, n_columns), values to draw from.
    """

    names: tuple[str, ...]
    columns: IntArray
    edges: tuple[FloatArray, ...]
    pool: FloatArray

    @classmethod
    def of(
        cls, values: FloatArray, names: tuple[str, ...], *, most: int = 8, bins: int = 5, without: int = 0
    ) -> Choices:
        """The choices among these values, shape (n, n_columns), leaving out the first `without` columns."""
        used = np.flatnonzero(np.array([len(np.unique(column[~np.isnan(column)])) > 1 for column in values.T], bool))
        used = used[used >= without]
        if len(used) > _MOST_COLUMNS:
            spread = np.nanstd(values[:, used], axis=0)
            used = np.sort(used[np.argsort(-spread, kind="stable")[:_MOST_COLUMNS]])
        edges = []
        for column in used:
            known = np.unique(values[~np.isnan(values[:, column]), column])
            cut = known if len(known) <= most else np.quantile(values[:, column], np.arange(1, bins) / bins)
            edges.append((known[1:] + known[:-1]) / 2 if len(known) <= most else np.unique(cut))
        return cls(tuple(names[column] for column in used), used, tuple(edges), values)

    @property
    def sizes(self) -> IntArray:
        """Levels per column, with the one for what does not exist; shape (width,)."""
        return np.array([len(edge) + 2 for edge in self.edges], np.int64)

    def codes(self, values: FloatArray) -> IntArray:
        """The level of each column, shape (n, width)."""
        found = np.zeros((len(values), len(self.columns)), np.int64)
        for k, (column, edge) in enumerate(zip(self.columns, self.edges, strict=True)):
            missing = np.isnan(values[:, column])
            found[:, k] = np.where(missing, len(edge) + 1, np.searchsorted(edge, values[:, column]))
        return found


def pool_of(domain: Domain, seed: int, *, limit: int = 4_000) -> Points:
    """All points of a small domain, or samples of a large one."""
    whole = domain.everything(limit)
    return domain.sample(_POOL, seed, how="sobol") if whole is None else whole
