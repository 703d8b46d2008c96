"""Statistics of a property over the atoms of a composition, for many rows and properties at once.

Sums run over the elements of a row in a fixed order, so a row has the same bits whatever stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray


def total(parts: FloatArray) -> FloatArray:
    """Sum over the second axis, in its order: (m, k) -> (m,), (m, k, p) -> (m, p)."""
    result = parts[:, 0].copy()
    for j in range(1, parts.shape[1]):
        result += parts[:, j]
    return result


def fractions(amounts: FloatArray) -> FloatArray:
    """Atomic fractions, shape (m, k)."""
    return amounts / total(amounts)[:, None]


def _least(values: FloatArray) -> FloatArray:
    result = values[:, 0].copy()
    for j in range(1, values.shape[1]):
        np.minimum(result, values[:, j], out=result)
    return result


def _most(values: FloatArray) -> FloatArray:
    result = values[:, 0].copy()
    for j in range(1, values.shape[1]):
        np.maximum(result, values[:, j], out=result)
    return result


def mean(values: FloatArray, amounts: FloatArray) -> FloatArray:
    """Mean over the atoms: values (m, k, p), amounts (m, k) -> (m, p)."""
    return total(values * amounts[:, :, None]) / total(amounts)[:, None]


def _mean_deviation(values: FloatArray, amounts: FloatArray, centre: FloatArray) -> FloatArray:
    deviation = np.abs(values - centre[:, None, :])
    deviation *= amounts[:, :, None]
    return total(deviation) / total(amounts)[:, None]


def _deviation(values: FloatArray, amounts: FloatArray, centre: FloatArray, unbiased: bool) -> FloatArray:
    """Standard deviation over the atoms; `unbiased` divides by 1 - sum of squared fractions, as matminer does."""
    share = fractions(amounts)
    squares = np.square(values - centre[:, None, :])
    squares *= share[:, :, None]
    variance = total(squares)
    if unbiased and values.shape[1] > 1:
        variance /= (1.0 - total(share * share))[:, None]
    return np.sqrt(variance)


def most_frequent(amounts: FloatArray) -> BoolArray:
    """Which elements have the largest amount of the row, ties within the tolerance of numpy.isclose, shape (m, k)."""
    largest = _most(amounts)[:, None]
    close: BoolArray = np.abs(amounts - largest) <= 1e-8 + 1e-5 * largest
    return close


def _mode(values: FloatArray, amounts: FloatArray) -> FloatArray:
    """The value of the most frequent element; of several equally frequent ones the smallest."""
    return _least(np.where(most_frequent(amounts)[:, :, None], values, np.inf))


def geometric_mean(values: FloatArray, amounts: FloatArray) -> FloatArray:
    """Geometric mean over the atoms of positive values."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.exp(mean(np.log(values), amounts))


Statistic = Callable[[FloatArray, FloatArray, FloatArray], FloatArray]
STATISTICS: dict[str, Statistic] = {
    "minimum": lambda values, amounts, centre: _least(values),
    "maximum": lambda values, amounts, centre: _most(values),
    "range": lambda values, amounts, centre: _most(values) - _least(values),
    "mean": lambda values, amounts, centre: centre,
    "avg_dev": _mean_deviation,
    "mode": lambda values, amounts, centre: _mode(values, amounts),
    "std_dev": partial(_deviation, unbiased=True),
    "std": partial(_deviation, unbiased=False),
}
"""Names as in matminer's PropertyStats; `std` is the plain standard deviation over the atoms."""


def pool(values: FloatArray, elements: IntArray, amounts: FloatArray, statistics: tuple[str, ...]) -> FloatArray:
    """Statistics of element properties.

    Parameters
    ----------
    values : shape (119, p), by atomic number
    elements, amounts : shape (m, k)
    statistics : names in STATISTICS

    Returns
    -------
    shape (m, p * len(statistics)): the statistics of the first property, then of the second, ...
    """
    return pool_by(values, elements, amounts, [STATISTICS[name] for name in statistics])


def pool_by(values: FloatArray, elements: IntArray, amounts: FloatArray, statistics: Sequence[Statistic]) -> FloatArray:
    """As `pool`, by functions of values (m, k, p), amounts (m, k) and means (m, p) that give (m, p)."""
    picked = values[elements]
    centre = mean(picked, amounts)
    features = np.empty((len(elements), values.shape[1], len(statistics)))
    for s, statistic in enumerate(statistics):
        features[:, :, s] = statistic(picked, amounts, centre)
    return features.reshape(len(elements), -1)


def pooled_names(source: str, properties: tuple[str, ...], statistics: tuple[str, ...]) -> tuple[str, ...]:
    """Column names of `pool`, in matminer's fashion: "MagpieData mean Number"."""
    return tuple(f"{source} {statistic} {name}" for name in properties for statistic in statistics)


KEEPING_UNITS = frozenset(STATISTICS) | {
    "min", "max", "sum", "geometric_mean", "harmonic_mean", "holder_mean", "median", "quantile", "weighted_quantile",
}  # fmt: skip
"""Statistics, here and in `represent.statistics`, with the unit of the property; the others are pure or inverse."""


def pooled_units(
    source: str, properties: tuple[str, ...], statistics: tuple[str, ...], units: Mapping[str, str]
) -> dict[str, str]:
    """Units of the columns `pooled_names`, where the unit of the property is in `units` and the statistic keeps it."""
    kept = [name for name in statistics if name.partition("::")[0] in KEEPING_UNITS]
    return {f"{source} {one} {name}": units[name] for name in properties if name in units for one in kept}
