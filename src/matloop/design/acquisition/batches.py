"""How several experiments are chosen at once, so that they do not tell the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
from scipy.special import log_ndtr

from matloop.core.arrays import FloatArray
from matloop.core.errors import ConfigError
from matloop.design.acquisition.draws import SHORT, diverse, monte_carlo, thompson
from matloop.design.acquisition.likeness import distances
from matloop.design.acquisition.search import Search

Batch: TypeAlias = Callable[[Search, int], tuple[list[int], list[float]]]
"""From candidates and how many to the rows chosen and the worth of each when it was chosen."""


def believer(search: Search, n: int) -> tuple[list[int], list[float]]:
    """Each is chosen as if those before, and the pending ones, had given what is expected of them.

    Ginsbourger, Le Riche, Carraro, in Computational Intelligence in Expensive Optimization Problems (2010) 131,
    doi:10.1007/978-3-642-10701-6_6.
    """
    search.believe_pending()
    return _one_by_one(search, n, search.expected)


def liar(search: Search, n: int) -> tuple[list[int], list[float]]:
    """Each is chosen as if those before had given the mean of what is known: a constant lie.

    Source as of `believer`.
    """
    lies = np.array([row[np.isfinite(row)].mean() if np.isfinite(row).any() else 0.0 for row in search.about.values])
    search.believe_pending()
    return _one_by_one(search, n, lambda X: np.repeat(lies[:, None], len(X), axis=1))


def _one_by_one(search: Search, n: int, guess: Callable[[FloatArray], FloatArray]) -> tuple[list[int], list[float]]:
    rows: list[int] = []
    worth: list[float] = []
    while len(rows) < n:
        row = search.best(len(rows))
        if row is None:
            break
        rows.append(row)
        worth.append(float(search.worth[row]))
        search.take(row)
        if len(rows) < n:
            search.believe(search.X[[row]], guess(search.X[[row]]))
    return rows, worth


def top(search: Search, n: int) -> tuple[list[int], list[float]]:
    """The best as they are, however alike: what the other rules are to be compared with."""
    search.believe_pending()
    rows: list[int] = []
    for row in search.shortlist(SHORT):
        if len(rows) < n and search.allowed(np.array([row]))[0]:
            rows.append(int(row))
            search.take(int(row))
    return rows, search.worth[rows].tolist()


def penalise(search: Search, n: int) -> tuple[list[int], list[float]]:
    """Each lowers the worth of what lies so near that it cannot hold the best value if this one does not.

    How steep the value can be is taken from the beliefs' mean at known experiments and candidates; what is to beat is
    the highest of these means. Gonzalez, Dai, Hennig, Lawrence, AISTATS (2016), doi:10.48550/arXiv.1505.08052.

    Raises
    ------
    ConfigError : there is nothing to maximise or minimise.
    """
    search.believe_pending()
    goal = search.goal()
    if goal is None:
        raise ConfigError("batch = 'penalise' needs something to maximise or minimise. Use 'believer' instead.")
    rows = search.shortlist(SHORT)
    if not len(rows):
        return [], []
    X, axes = search.X[rows], search.domain.axes
    mean, std = goal.belief.predict(X)
    worth = search.log_worth(rows)
    known = search.about.known
    places = np.vstack([X[: SHORT // 2], known[:: max(len(known) // SHORT, 1)]])
    height = goal.belief.predict(places)[0]
    apart = distances(axes, places, places)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.nanmax(np.where(apart > 0, np.abs(height[:, None] - height) / apart, 0.0))
    chosen: list[int] = []
    found: list[float] = []
    for _ in range(min(n, len(rows))):
        free = np.isfinite(worth) & search.allowed(rows)
        if not free.any():
            break
        k = int(np.argmax(np.where(free, worth, -np.inf)))
        chosen.append(int(rows[k]))
        found.append(float(worth[k]))
        search.take(int(rows[k]))
        far = slope * distances(axes, X, X[[k]])[:, 0]
        worth = worth + log_ndtr((far - float(height.max()) + mean[k]) / max(float(std[k]), 1e-9 * goal.spread))
    return chosen, found


BATCHES: Mapping[str, Batch] = {
    "believer": believer,
    "liar": liar,
    "penalise": penalise,
    "thompson": thompson,
    "monte_carlo": monte_carlo,
    "diverse": diverse,
    "top": top,
}
"""Name -> how several are chosen at once."""
