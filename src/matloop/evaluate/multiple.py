"""Many comparisons at once: p-values corrected so that luck is not taken for a finding."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import FloatArray
from matloop.core.errors import DataError

Correction = Literal["holm", "fdr"]


def adjusted(p_values: ArrayLike, correction: Correction = "holm") -> FloatArray:
    """P-values corrected for their number; NaN stays NaN and does not count.

    Parameters
    ----------
    p_values : shape (n,), in [0, 1] or NaN.
    correction : "holm" keeps the chance of even one false finding below the level (family-wise error); "fdr"
        (Benjamini & Hochberg) the expected share of false ones among the findings, and finds more.

    Raises
    ------
    DataError : a value is no probability.

    References
    ----------
    Holm, Scand. J. Stat. 6 (1979) 65. https://www.jstor.org/stable/4615733
    Benjamini & Hochberg, J. R. Stat. Soc. B 57 (1995) 289. doi:10.1111/j.2517-6161.1995.tb02031.x

    Examples
    --------
    >>> adjusted([0.01, 0.02, 0.03, 0.5]).round(3).tolist()
    [0.04, 0.06, 0.06, 0.5]
    """
    from scipy.stats import false_discovery_control

    p = np.asarray(p_values, dtype=np.float64)
    known = np.isfinite(p)
    if ((p[known] < 0) | (p[known] > 1)).any():
        raise DataError(f"p-values lie between 0 and 1; found {p[known].min():g} to {p[known].max():g}.")
    found = np.full(len(p), np.nan)
    if known.any():
        found[known] = _holm(p[known]) if correction == "holm" else false_discovery_control(p[known])
    return found


def _holm(p: FloatArray) -> FloatArray:
    order = np.argsort(p, kind="stable")
    raised = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    found = np.empty(len(p))
    found[order] = np.minimum(raised, 1.0)
    return found


def step_down(statistic: FloatArray, drawn: FloatArray) -> FloatArray:
    """Family-wise p-values from permutations, the larger statistic the first (max-T); they use how tests go together.

    Parameters
    ----------
    statistic : shape (n_tests,), how far each test is from its null, larger is farther.
    drawn : shape (n_permutations, n_tests), the same where the null is made true by permuting.

    References
    ----------
    Westfall & Young, Resampling-Based Multiple Testing (Wiley, 1993), algorithm 4.1.
    """
    order = np.argsort(-statistic, kind="stable")
    # the largest of the tests that are not yet decided
    rest = np.maximum.accumulate(drawn[:, order[::-1]], axis=1)[:, ::-1]
    p = (1.0 + (rest >= statistic[order]).sum(axis=0)) / (1.0 + len(drawn))
    found = np.empty(len(statistic))
    found[order] = np.maximum.accumulate(p)
    return found
