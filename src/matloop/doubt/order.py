"""Order statistics that conformal prediction rests on: which of n known residuals a new one stays below."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.errors import ConfigError


def check_level(level: float) -> float:
    """`level`, if an interval can have it (ConfigError otherwise)."""
    if not 0.0 < level < 1.0:
        raise ConfigError(f"the level of an interval lies between 0 and 1, got {level}.")
    return level


def conformal_quantile(values: FloatArray, level: float) -> float:
    """The ceil((n + 1) level)-th smallest value: a new one is below it with probability `level` at least.

    Where n is too small for that (n < level / (1 - level)) the largest value is the best that can be given.

    References
    ----------
    Lei et al., J. Am. Stat. Assoc. 113 (2018) 1094. doi:10.1080/01621459.2017.1307116
    """
    place = min(int(np.ceil((len(values) + 1) * level - 1e-9)), len(values))
    return float(np.partition(values, place - 1)[place - 1])


def even_quantile(values: FloatArray, level: float) -> float:
    """Between the two values around place (n + 1) level: a new one is below it with probability `level`, not more.

    The expected share below a value interpolated between neighbouring order statistics is exact for a locally even
    density; `conformal_quantile` gives up to 1 / (n + 1) more, on either side of each bin.
    """
    place = (len(values) + 1) * level
    k = int(np.floor(place + 1e-9))
    if k >= len(values):
        return float(values.max())
    if k < 1:
        return float(values.min())
    low, high = np.partition(values, (k - 1, k))[k - 1 : k + 1]
    return float(low + (place - k) * (high - low))


def weighted_quantile(values: FloatArray, weights: FloatArray, own: FloatArray, level: float) -> FloatArray:
    """Per new row the smallest value with at least `level` of the mass at or below it; infinite where none has.

    Parameters
    ----------
    values, weights : shape (n,), known values and their masses. own : shape (m,), mass of each new row, which counts as
        lying above all known values.

    Returns
    -------
    shape (m,).

    References
    ----------
    Tibshirani et al. (2019), lemma 3. doi:10.48550/arXiv.1904.06019
    """
    order = np.argsort(values, kind="stable")
    mass = np.cumsum(weights[order])
    place = np.searchsorted(mass, level * (mass[-1] + own) * (1.0 - 1e-12), side="left")
    return np.append(values[order], np.inf)[place]
