"""How the prediction moves with a feature where there are rows: accumulated local effects, and single rows' curves.

Partial dependence asks a model about combinations that do not exist where features are correlated (a high melting point
with a low cohesive energy); accumulated local effects only compare neighbouring values of rows that do.

References
----------
Apley & Zhu, J. R. Stat. Soc. B 82 (2020) 1059 (accumulated local effects). doi:10.1111/rssb.12377
Goldstein et al., J. Comput. Graph. Stat. 24 (2015) 44 (individual curves). doi:10.1080/10618600.2014.907095
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import DataError
from matloop.explain.dependence import grid_of
from matloop.explain.output import predict_of, rows_of

BINS = 10
"""Intervals per feature of a second-order effect."""
_BATCH = 20_000
_ROUNDING = 1e-12
"""Share of the prediction below which an effect is rounding."""


@dataclass(frozen=True, slots=True)
class Curve:
    """An effect of one feature: `effect` at each `grid` value, zero on average over the rows; shapes (n_grid,).

    density : share of the rows near each grid value. strength : standard deviation of the effect over the rows.
    """

    grid: FloatArray
    effect: FloatArray
    density: FloatArray
    strength: float


@dataclass(frozen=True, slots=True)
class Surface:
    """A joint effect of two features beyond what each does alone: `effect`, shape (n_a, n_b), zero on average."""

    grid_a: FloatArray
    grid_b: FloatArray
    effect: FloatArray
    strength: float


def accumulated_effect(
    model: Any, X: Any, feature: int, *, grid: FloatArray | None = None, column: int | None = None
) -> Curve:
    """First-order accumulated local effect of one numeric feature.

    Parameters
    ----------
    model : fitted estimator, fitted recipe or function of rows. column : class that is explained.
    X : shape (n_rows, n_features); rows with a missing value in `feature` are left out.
    grid : ascending edges; None: about 20 between the 1 and 99 % quantiles. Rows outside are left out.

    Raises
    ------
    DataError : the feature does not vary inside the grid.

    Examples
    --------
    >>> X = np.random.default_rng(0).uniform(size=(500, 2))
    >>> found = accumulated_effect(lambda X: 3.0 * X[:, 0] + X[:, 1] ** 2, X, 0)
    >>> bool(np.allclose(np.diff(found.effect), 3.0 * np.diff(found.grid)))
    True
    """
    X, predict = rows_of(X), predict_of(model, column)
    values = X[:, feature]
    edges = grid_of(values[np.isfinite(values)]) if grid is None else np.asarray(grid, dtype=np.float64)
    if len(edges) < 2:
        raise DataError(f"feature {feature} has a single value; an effect needs at least two.")
    inside = np.flatnonzero((values >= edges[0]) & (values <= edges[-1]))
    if not len(inside):
        raise DataError(f"feature {feature}: no row lies between {edges[0]:g} and {edges[-1]:g}.")
    rows, place = X[inside], _interval(values[inside], edges)
    low, high = rows.copy(), rows.copy()
    low[:, feature], high[:, feature] = edges[place], edges[place + 1]
    said = predict(np.concatenate([low, high]))
    step = said[len(rows) :] - said[: len(rows)]
    counts = np.bincount(place, minlength=len(edges) - 1)
    mean = np.divide(np.bincount(place, step, len(edges) - 1), counts, out=np.zeros(len(edges) - 1), where=counts > 0)
    effect = np.concatenate([[0.0], np.cumsum(mean)])
    there = np.interp(values[inside], edges, effect)
    near = np.bincount(_nearest(values[inside], edges), minlength=len(edges)) / len(inside)
    return Curve(edges, effect - there.mean(), near, float(there.std()))


def accumulated_pair(model: Any, X: Any, a: int, b: int, *, bins: int = BINS, column: int | None = None) -> Surface:
    """Second-order accumulated local effect of two numeric features: their interaction alone.

    Cells without rows take the local effect of the nearest cell that has some.

    Examples
    --------
    >>> X = np.random.default_rng(0).uniform(-1, 1, size=(2000, 2))
    >>> found = accumulated_pair(lambda X: X[:, 0] + X[:, 1] + X[:, 0] * X[:, 1], X, 0, 1)
    >>> bool(abs(found.strength - 1 / 3) < 0.03)      # standard deviation of the product of two uniforms
    True
    """
    X, predict = rows_of(X), predict_of(model, column)
    rows = X[np.isfinite(X[:, [a, b]]).all(axis=1)]
    edges = [_edges(rows[:, each], bins) for each in (a, b)]
    if min(map(len, edges)) < 2:
        raise DataError(f"features {a} and {b} must both vary to interact.")
    place = [_interval(rows[:, each], edge) for each, edge in zip((a, b), edges, strict=True)]
    corners = []
    for up_a, up_b in ((1, 1), (0, 1), (1, 0), (0, 0)):
        corner = rows.copy()
        corner[:, a], corner[:, b] = edges[0][place[0] + up_a], edges[1][place[1] + up_b]
        corners.append(predict(corner))
    step = (corners[0] - corners[1]) - (corners[2] - corners[3])
    shape = (len(edges[0]) - 1, len(edges[1]) - 1)
    cell = np.ravel_multi_index((place[0], place[1]), shape)
    counts = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)
    total = np.bincount(cell, step, shape[0] * shape[1]).reshape(shape)
    local = _filled(np.divide(total, counts, out=np.zeros(shape), where=counts > 0), counts, edges)
    joint = np.zeros((shape[0] + 1, shape[1] + 1))
    joint[1:, 1:] = local.cumsum(axis=0).cumsum(axis=1)
    joint = _without_main(joint, counts)
    share = counts / counts.sum()
    middle = (joint[1:, 1:] + joint[:-1, 1:] + joint[1:, :-1] + joint[:-1, :-1]) / 4
    joint -= float((share * middle).sum())
    middle -= float((share * middle).sum())
    return Surface(edges[0], edges[1], joint, float(np.sqrt((share * middle**2).sum())))


def individual_curves(
    model: Any, X: Any, feature: int, grid: FloatArray, *, weights: FloatArray | None = None, column: int | None = None
) -> FloatArray:
    """Centred curves of single rows as one feature takes each grid value (c-ICE), shape (n_rows, n_grid).

    Each curve is zero on average over the grid, weighted by `weights` (the share of rows at each grid value). Curves
    that are not parallel show an interaction.
    """
    X, predict = rows_of(X), predict_of(model, column)
    many = np.tile(X, (len(grid), 1))
    many[:, feature] = np.repeat(grid, len(X))
    said = np.concatenate([predict(many[at : at + _BATCH]) for at in range(0, len(many), _BATCH)])
    curves = said.reshape(len(grid), len(X)).T
    w = np.ones(len(grid)) if weights is None else np.asarray(weights, dtype=np.float64)
    found: FloatArray = curves - (curves @ (w / w.sum()))[:, None]
    return found


def friedman_h(model: Any, X: Any, a: int, b: int, *, column: int | None = None) -> tuple[float, float]:
    """Strength of the interaction of two features from partial dependence, and Friedman's H.

    Parameters
    ----------
    X : shape (n_rows, n_features); the partial dependence is taken at these rows and over these rows: 30 to 50 are
        enough, their number squared is predicted three times.

    Returns
    -------
    strength : root mean square of the joint part, output units. h : its share of what both do together, 0 to 1.

    References
    ----------
    Friedman & Popescu, Ann. Appl. Stat. 2 (2008) 916. doi:10.1214/07-AOAS148

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(40, 3))
    >>> strength, h = friedman_h(lambda X: X[:, 0] * X[:, 1] + X[:, 2], X, 0, 1)
    >>> bool(h > 0.9)
    True
    >>> bool(friedman_h(lambda X: X[:, 0] + X[:, 2], X, 0, 2)[1] < 1e-6)
    True
    """
    X, predict = rows_of(X), predict_of(model, column)
    both, one, other = (_centred_dependence(predict, X, columns) for columns in ([a, b], [a], [b]))
    joint = both - one - other
    total, scale = float((both**2).mean()), float(np.abs(predict(X)).max())
    if total <= (_ROUNDING * scale) ** 2:
        return 0.0, 0.0
    strength = float((joint**2).mean())
    return float(np.sqrt(strength)), float(np.sqrt(min(strength / total, 1.0)))


def _centred_dependence(predict: Any, X: FloatArray, columns: list[int]) -> FloatArray:
    """Partial dependence at each row of X, over the rows of X, less its mean; shape (n_rows,)."""
    many = np.tile(X, (len(X), 1))
    many[:, columns] = np.repeat(X[:, columns], len(X), axis=0)
    found = predict(many).reshape(len(X), len(X)).mean(axis=1)
    return np.asarray(found - found.mean())


def _interval(values: FloatArray, edges: FloatArray) -> IntArray:
    """The interval of each value: (lower, upper], the lowest one closed."""
    return np.clip(np.searchsorted(edges, values, side="left") - 1, 0, len(edges) - 2)


def _nearest(values: FloatArray, grid: FloatArray) -> IntArray:
    return np.searchsorted((grid[1:] + grid[:-1]) / 2, values)


def _edges(values: FloatArray, bins: int) -> FloatArray:
    return np.unique(np.quantile(values, np.linspace(0.0, 1.0, bins + 1)))


def _filled(local: FloatArray, counts: IntArray, edges: list[FloatArray]) -> FloatArray:
    """Cells without rows take the value of the nearest cell with some, in ranks of the intervals."""
    if (counts > 0).all():
        return local
    known, empty = np.argwhere(counts > 0), np.argwhere(counts == 0)
    distance = ((empty[:, None, :] - known[None, :, :]) ** 2).sum(axis=2)
    near = known[distance.argmin(axis=1)]
    filled = local.copy()
    filled[empty[:, 0], empty[:, 1]] = local[near[:, 0], near[:, 1]]
    return filled


def _without_main(joint: FloatArray, counts: IntArray) -> FloatArray:
    """Take the first-order effects of both features out of an accumulated joint effect (Apley & Zhu, eq. 18)."""
    found = joint.copy()
    for axis in (0, 1):
        part, n = (found, counts) if axis == 0 else (found.T, counts.T)
        step = part[1:, :] - part[:-1, :]
        mean = (step[:, 1:] + step[:, :-1]) / 2
        total = n.sum(axis=1)
        local = np.divide((n * mean).sum(axis=1), total, out=mean.mean(axis=1), where=total > 0)
        main = np.concatenate([[0.0], np.cumsum(local)])
        found = found - (main[:, None] if axis == 0 else main[None, :])
    return found
