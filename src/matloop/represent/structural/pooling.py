"""From features of sites to features of the structure: statistics over the sites of each row, in their order."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from matloop.core.arrays import FloatArray, IntArray

_Statistic = Callable[[FloatArray, IntArray], FloatArray]


def _mean(sites: FloatArray, offsets: IntArray) -> FloatArray:
    totals: FloatArray = np.add.reduceat(sites, offsets[:-1], axis=0)
    return totals / np.diff(offsets)[:, None]


def _std(sites: FloatArray, offsets: IntArray) -> FloatArray:
    centre = np.repeat(_mean(sites, offsets), np.diff(offsets), axis=0)
    return np.sqrt(_mean(np.square(sites - centre), offsets))


def _least(sites: FloatArray, offsets: IntArray) -> FloatArray:
    found: FloatArray = np.minimum.reduceat(sites, offsets[:-1], axis=0)
    return found


def _most(sites: FloatArray, offsets: IntArray) -> FloatArray:
    found: FloatArray = np.maximum.reduceat(sites, offsets[:-1], axis=0)
    return found


def _mean_deviation(sites: FloatArray, offsets: IntArray) -> FloatArray:
    centre = np.repeat(_mean(sites, offsets), np.diff(offsets), axis=0)
    return _mean(np.abs(sites - centre), offsets)


STATISTICS: dict[str, _Statistic] = {
    "mean": _mean,
    "std": _std,
    "minimum": _least,
    "maximum": _most,
    "range": lambda sites, offsets: _most(sites, offsets) - _least(sites, offsets),
    "avg_dev": _mean_deviation,
}
"""`std` is the plain standard deviation over the sites, as matminer's SiteStatsFingerprint has it."""


def pool_sites(sites: FloatArray, offsets: IntArray, statistics: tuple[str, ...]) -> FloatArray:
    """Statistics over the sites of each row.

    Parameters
    ----------
    sites : shape (n_sites, p). offsets : shape (n_rows + 1,), strictly ascending. statistics : names in STATISTICS.

    Returns
    -------
    shape (n_rows, p * len(statistics)): the statistics of the first column, then of the second, ...
    """
    found = np.empty((len(offsets) - 1, sites.shape[1], len(statistics)))
    for s, name in enumerate(statistics):
        found[:, :, s] = STATISTICS[name](sites, offsets)
    return found.reshape(len(offsets) - 1, -1)


def pooled_names(columns: tuple[str, ...], statistics: tuple[str, ...]) -> tuple[str, ...]:
    """Column names of `pool_sites`: "mean CN" and so on."""
    return tuple(f"{statistic} {name}" for name in columns for statistic in statistics)


def pooled_units(units: Mapping[str, str], statistics: tuple[str, ...]) -> dict[str, str]:
    """Units of the columns `pooled_names`, by those of the columns of a site: every statistic keeps the unit."""
    return {f"{statistic} {name}": unit for name, unit in units.items() for statistic in statistics}
