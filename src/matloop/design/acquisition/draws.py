"""Batches from joint draws of what the values may be."""

from __future__ import annotations

import math

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import ConfigError
from matloop.design.acquisition.aims import Wanted, closed_aims, softened, spread_of
from matloop.design.acquisition.search import Search

SHORT = 600
DRAWS = 256


def thompson(search: Search, n: int) -> tuple[list[int], list[float]]:
    """Each is the best of one joint draw of all values, among the most hopeful by the acquisition.

    A draw of goals with an end tells where they are met; where nowhere, the least missed is taken, as of Eriksson &
    Poloczek, AISTATS (2021), doi:10.48550/arXiv.2002.08526. Whether an experiment works is drawn too. Thompson,
    Biometrika 25 (1933) 285, doi:10.1093/biomet/25.3-4.285; in batches: Kandasamy et al., AISTATS (2018),
    doi:10.48550/arXiv.1705.09236.
    """
    search.believe_pending()
    rows = search.shortlist(SHORT)
    if not len(rows):
        return [], []
    height, missed = _drawn(search, rows, n)
    works = np.ones((n, len(rows)), dtype=np.bool_)
    if search.about.works is not None:
        works = np.random.default_rng(search.seed).random(works.shape) < search.about.works(search.X[rows])
    chosen: list[int] = []
    worth: list[float] = []
    for k in range(min(n, len(rows))):
        free = search.allowed(rows)
        if not free.any():
            break
        order = np.lexsort((-height[k], missed[k], ~works[k], ~free))
        chosen.append(int(rows[order[0]]))
        worth.append(float(height[k, order[0]]))
        search.take(chosen[-1])
    return chosen, worth


def _drawn(search: Search, rows: IntArray, n: int) -> tuple[FloatArray, FloatArray]:
    """Of `n` draws: the value of the open aims (per cost), and by how much the others are missed, (n, len(rows))."""
    X, goal = search.X[rows], search.goal()
    height = np.zeros((n, len(rows))) if goal is None else goal.belief.draw(X, n, search.seed)
    if goal is not None and search.about.costs is not None:
        height = softened(height, goal) - search.cooling * np.log(search.about.costs(X))
    missed = np.zeros((n, len(rows)))
    for k, aim in enumerate(closed_aims(search.about)):
        values = search.beliefs[aim.belief].draw(X, n, search.seed + 101 + k)
        unit = spread_of(search.about.values[aim.belief])
        missed += np.maximum(np.maximum(aim.low - values, values - aim.high), 0.0) / unit
    return height, missed


def monte_carlo(search: Search, n: int) -> tuple[list[int], list[float]]:
    """Each adds most to what the best of the batch (and of the pending ones) is expected to gain, by joint draws.

    The gain is that over the best known value, or the optimistic value for acquisitions with a `kappa`; draws that miss
    a goal with an end gain nothing. Wilson, Hutter, Deisenroth, NeurIPS 31 (2018), doi:10.48550/arXiv.1805.10196.

    Raises
    ------
    ConfigError : there is nothing to maximise or minimise.
    """
    goal = search.goal()
    if goal is None:
        raise ConfigError("batch = 'monte_carlo' needs something to maximise or minimise. Use 'believer' instead.")
    pending = search.about.pending
    rows = search.shortlist(SHORT)
    if not len(rows):
        return [], []
    X = np.vstack([search.X[rows], pending])
    kappa = getattr(search.acquisition, "kappa", None)
    gains = _gains(search, goal, X, kappa)
    reached = np.maximum(gains[:, len(rows) :].max(axis=1, initial=0.0), 0.0)
    gains = gains[:, : len(rows)]
    chosen: list[int] = []
    worth: list[float] = []
    extra = search.extra[rows]
    for _ in range(min(n, len(rows))):
        free = search.allowed(rows)
        if not free.any():
            break
        with np.errstate(divide="ignore"):
            added = np.log(np.mean(np.maximum(gains - reached[:, None], 0.0), axis=0)) + extra
        k = int(np.argmax(np.where(free, np.maximum(added, -1e300), -np.inf)))
        chosen.append(int(rows[k]))
        worth.append(float(added[k]))
        search.take(chosen[-1])
        reached = np.maximum(reached, gains[:, k])
    return chosen, worth


def _gains(search: Search, goal: Wanted, X: FloatArray, kappa: float | None) -> FloatArray:
    """What each draw gains, shape (DRAWS, len(X))."""
    values = goal.belief.draw(X, DRAWS, search.seed)
    floor = goal.best
    if kappa is not None:
        mean, _ = goal.belief.predict(X)
        values = mean + kappa * math.sqrt(math.pi / 2) * np.abs(values - mean)
        floor = float(values.min())
    gains = np.maximum(values - floor, 0.0)
    for k, aim in enumerate(closed_aims(search.about)):
        met = search.beliefs[aim.belief].draw(X, DRAWS, search.seed + 101 + k)
        gains = gains * ((met >= aim.low) & (met <= aim.high))
    return gains


def diverse(search: Search, n: int) -> tuple[list[int], list[float]]:
    """Worth times how little the beliefs connect it with those before: the likeliest set of a determinantal process.

    Greedy: Chen, Zhang, Zhou, NeurIPS 31 (2018), doi:10.48550/arXiv.1709.05135; in batches of experiments: Kathuria,
    Deshpande, Kohli, NeurIPS 29 (2016), doi:10.48550/arXiv.1611.04088.
    """
    search.believe_pending()
    rows = search.shortlist(SHORT)
    if not len(rows):
        return [], []
    goal = search.goal()
    belief = search.beliefs[search.about.aims[0].belief] if goal is None else goal.belief
    quality = search.log_worth(rows)
    covariance = belief.joint(search.X[rows])[1]
    unit = np.sqrt(np.maximum(np.diag(covariance), 1e-300))
    left = np.ones(len(rows))
    columns = np.zeros((len(rows), 0))
    chosen: list[int] = []
    worth: list[float] = []
    for _ in range(min(n, len(rows))):
        free = search.allowed(rows)
        if not free.any():
            break
        score = quality + 0.5 * np.log(np.maximum(left, 1e-12))
        k = int(np.argmax(np.where(free, score, -np.inf)))
        chosen.append(int(rows[k]))
        worth.append(float(score[k]))
        search.take(chosen[-1])
        row = covariance[k] / unit[k] / unit
        column = (row - columns @ columns[k]) / math.sqrt(max(left[k], 1e-12))
        columns = np.column_stack([columns, column])
        left = np.maximum(left - column**2, 0.0)
    return chosen, worth
