"""How several experiments are chosen at once, so that they do not tell the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.design.acquisition.aims import told
from matloop.design.acquisition.search import Search

Batch: TypeAlias = Callable[[Search, int], tuple[list[int], list[float]]]
"""From candidates and how many to the rows chosen and the worth of each when it was chosen."""


def believer(search: Search, n: int) -> tuple[list[int], list[float]]:
    """Each is chosen as if those before, and the pending ones, had given what is expected of them.

    Ginsbourger, Le Riche, Carraro, in Computational Intelligence in Expensive Optimization Problems (2010) 131,
    doi:10.1007/978-3-642-10701-6_6.
    """
    return _one_by_one(search, n, lambda search, X: np.array([belief.predict(X)[0] for belief in search.beliefs]))


def _one_by_one(
    search: Search, n: int, guess: Callable[[Search, FloatArray], FloatArray]
) -> tuple[list[int], list[float]]:
    rows: list[int] = []
    worth: list[float] = []
    if len(search.about.pending):
        _believe(search, search.about.pending, guess)
    for k in range(n):
        row = search.best(k)
        if row is None:
            break
        rows.append(row)
        worth.append(float(search.worth[row]))
        search.take(row)
        if k + 1 < n:
            _believe(search, search.X[[row]], guess)
    return rows, worth


def _believe(search: Search, X: FloatArray, guess: Callable[[Search, FloatArray], FloatArray]) -> None:
    values = guess(search, X)
    beliefs = [belief.believing(X, row) for belief, row in zip(search.beliefs, values, strict=True)]
    search.learn(beliefs, told(search.about, X, values))


BATCHES: Mapping[str, Batch] = {"believer": believer}
"""Name -> how several are chosen at once."""
