"""Statistics over the atoms by name, also with a number: "mean", "holder_mean::3", "quantile::0.25"."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from functools import partial

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.core.errors import ConfigError
from matloop.represent import pooling
from matloop.represent.pooling import STATISTICS, Statistic, total

ALIASES = {"min": "minimum", "max": "maximum", "geometric_mean": "holder_mean::0", "harmonic_mean": "holder_mean::-1"}
LARGEST_POWER = 100.0


def _sum(values: FloatArray, amounts: FloatArray, centre: FloatArray) -> FloatArray:
    return total(values * amounts[:, :, None])


def _inverse_mean(values: FloatArray, amounts: FloatArray, centre: FloatArray) -> FloatArray:
    return pooling.mean(1.0 / values, amounts)


def _holder_mean(values: FloatArray, amounts: FloatArray, centre: FloatArray, power: float) -> FloatArray:
    """Power mean over the atoms; NaN where a value is not positive and the power not a whole number above zero."""
    if power == 0.0:
        return np.exp(pooling.mean(np.log(values), amounts))
    means = pooling.mean(values**power, amounts)
    return means ** (1.0 / power)


def _geometric_std(values: FloatArray, amounts: FloatArray, centre: FloatArray) -> FloatArray:
    """exp of the standard deviation of the logarithms."""
    logs = np.log(values)
    deviation = logs - pooling.mean(logs, amounts)[:, None, :]
    return np.exp(np.sqrt(pooling.mean(deviation**2, amounts)))


def _moment(values: FloatArray, amounts: FloatArray, centre: FloatArray, order: int) -> FloatArray:
    """Standardised central moment over the atoms; 0 where all atoms have the same value."""
    deviation = values - centre[:, None, :]
    widest = np.abs(deviation).max(axis=1)
    flat = widest <= 1e-12 * np.abs(values).max(axis=1)  # rounding of the mean is no spread
    scaled = deviation / np.where(flat, 1.0, widest)[:, None, :]
    second = pooling.mean(scaled**2, amounts)
    return np.where(flat, 0.0, pooling.mean(scaled**order, amounts) / np.where(flat, 1.0, second) ** (order / 2))


def _weighted_quantile(values: FloatArray, amounts: FloatArray, centre: FloatArray, q: float) -> FloatArray:
    """The value that a share q of the atoms does not exceed; halfway to the next where exactly a share q does not."""
    order = np.argsort(values, axis=1, kind="stable")
    ordered = np.take_along_axis(values, order, axis=1)
    share = pooling.fractions(amounts)
    reached = np.cumsum(np.take_along_axis(np.broadcast_to(share[:, :, None], values.shape), order, axis=1), axis=1)
    first = _first(reached >= q - 1e-9)
    after = _first(reached > q + 1e-9)
    found = 0.5 * (np.take_along_axis(ordered, first, axis=1) + np.take_along_axis(ordered, after, axis=1))[:, 0]
    return np.where(np.isnan(values).any(axis=1), np.nan, found)


def _first(reached: BoolArray) -> IntArray:
    """Place of the first element that has reached it, else the last: (m, k, p) -> (m, 1, p)."""
    places = np.where(reached.any(axis=1), reached.argmax(axis=1), reached.shape[1] - 1)
    return places[:, None, :]


def _quantile(values: FloatArray, amounts: FloatArray, centre: FloatArray, q: float) -> FloatArray:
    """Quantile of the values of the elements, each counting once, linear between them."""
    ordered = np.sort(values, axis=1)
    place = q * (values.shape[1] - 1)
    low = int(np.floor(place))
    high = min(low + 1, values.shape[1] - 1)
    return ordered[:, low] + (place - low) * (ordered[:, high] - ordered[:, low])


PLAIN: dict[str, Statistic] = {
    **STATISTICS,
    "sum": _sum,
    "inverse_mean": _inverse_mean,
    "skewness": partial(_moment, order=3),
    "kurtosis": partial(_moment, order=4),
    "geometric_std": _geometric_std,
    "median": partial(_weighted_quantile, q=0.5),
}
WITH_NUMBER: dict[str, Callable[[float], Statistic]] = {
    "holder_mean": lambda power: partial(_holder_mean, power=power),
    "quantile": lambda q: partial(_quantile, q=q),
    "weighted_quantile": lambda q: partial(_weighted_quantile, q=q),
}
RANGES = {
    "holder_mean": (-LARGEST_POWER, LARGEST_POWER),
    "quantile": (0.0, 1.0),
    "weighted_quantile": (0.0, 1.0),
}


def statistic(name: str) -> Statistic:
    """The statistic called `name`: values (m, k, p), amounts (m, k), means (m, p) -> (m, p); NaN where it has no value.

    Over the atoms, that is weighted by amount: minimum (min), maximum (max), range, mean, avg_dev (mean absolute
    deviation), mode (of the most frequent element), std, std_dev (divided by 1 - sum of squared fractions, as matminer
    does), sum (over the atoms of the formula as written), inverse_mean, harmonic_mean, geometric_mean, geometric_std,
    holder_mean::POWER, skewness, kurtosis (3 for a normal distribution), median, weighted_quantile::SHARE. Over the
    elements, each counting once: quantile::SHARE.

    Raises
    ------
    ConfigError : no such statistic, or a number that is missing or out of range.
    """
    full = ALIASES.get(name, name) if isinstance(name, str) else str(name)
    kind, separator, number = full.partition("::")
    if not separator and kind in PLAIN:
        return _finite(PLAIN[kind])
    if kind not in WITH_NUMBER:
        known = [*PLAIN, *ALIASES, *(f"{one}::NUMBER" for one in WITH_NUMBER)]
        near = difflib.get_close_matches(kind, known, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(known)}."
        raise ConfigError(f"there is no statistic {name!r}. {hint}")
    low, high = RANGES[kind]
    try:
        value = float(number)
    except ValueError:
        value = np.nan
    if not low <= value <= high:
        raise ConfigError(f"statistic {name!r}: a number from {low:g} to {high:g} is needed, as in {kind + '::0.5'!r}.")
    return _finite(WITH_NUMBER[kind](value))


def _finite(one: Statistic) -> Statistic:
    """What has no finite value (the logarithm of a negative one) is NaN."""

    def wrapped(values: FloatArray, amounts: FloatArray, centre: FloatArray) -> FloatArray:
        with np.errstate(all="ignore"):
            found = one(values, amounts, centre)
        return np.where(np.isfinite(found), found, np.nan)

    return wrapped
