"""What the model says as one feature moves: partial dependence, with the spread of single rows' curves.

References
----------
Friedman, Ann. Stat. 29 (2001) 1189 (partial dependence). doi:10.1214/aos/1013203451
Goldstein et al., J. Comput. Graph. Stat. 24 (2015) 44 (individual curves). doi:10.1080/10618600.2014.907095
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.explain.samples import Judge, Sample
from matloop.explain.values import Dependence
from matloop.represent.table import FeatureTable

GRID = 20
INNER = (0.01, 0.99)
"""Quantiles between which the grid lies: beyond them are too few rows to say anything."""
INDIVIDUAL = (0.1, 0.9)
"""Quantiles of the single rows' predictions at each grid value that are shown as low and high."""


def dependence(samples: Sequence[Sample], table: FeatureTable, column: int, judge: Judge) -> Dependence:
    """Mean prediction over rows and fold models with the feature in `column` set to each value of a grid.

    For classes it is a probability: of the positive class of two, of the class that moves most of more.
    """
    values = table.X[:, column]
    values = values[np.isfinite(values)]
    name, categorical = table.names[column], column in table.columns().categorical
    grid = np.unique(values) if categorical else grid_of(values)
    curves = [_curves(sample, column, grid) for sample in samples]
    outputs = np.concatenate(curves, axis=1)
    k = _told(outputs, judge)
    single = outputs[:, :, k]
    low, high = np.quantile(single, INDIVIDUAL, axis=1)
    return Dependence(
        feature=name, grid=grid, mean=single.mean(axis=1), low=low, high=high, density=_density(values, grid),
        levels=tuple(table.vocabularies[name][int(code)] for code in grid) if categorical else (),
        output=f"probability of {judge.classes[k]!r}" if judge.classes else "",
    )  # fmt: skip


def grid_of(values: FloatArray) -> FloatArray:
    """Up to 20 values to try: all of them if few, else quantiles of the rows and of the distinct values together.

    Element fractions are mostly zero: quantiles of the rows alone would leave a grid of one point.
    """
    distinct = np.unique(values)
    if len(distinct) <= GRID:
        return distinct
    steps = np.linspace(*INNER, GRID // 2)
    return np.unique(np.concatenate([np.quantile(values, steps), np.quantile(distinct, steps)]))


def _curves(sample: Sample, column: int, grid: FloatArray) -> FloatArray:
    """Shape (n_grid, n_rows, n_outputs): value, or the probability of each class."""
    n = len(sample.y)
    X = np.tile(sample.X, (len(grid), 1))
    X[:, column] = np.repeat(grid, n)
    out = sample.model.output(X)
    told = out.proba if out.proba.shape[1] else out.value[:, None]
    return np.asarray(told.reshape(len(grid), n, -1))


def _told(outputs: FloatArray, judge: Judge) -> int:
    if len(judge.classes) == 2:
        return judge.positive
    return int(np.ptp(outputs.mean(axis=1), axis=0).argmax())


def _density(values: FloatArray, grid: FloatArray) -> FloatArray:
    """Share of the rows nearest to each grid value; sums to one."""
    place = np.searchsorted((grid[1:] + grid[:-1]) / 2, values)
    return np.bincount(place, minlength=len(grid)) / max(len(values), 1)
