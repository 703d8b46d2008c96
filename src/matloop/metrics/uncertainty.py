"""How good standard deviations are: proper scores of a normal error, calibration, sharpness, and what doubt finds.

Everywhere `residual` is truth minus prediction and `std` the predicted standard deviation, shape (n,) each, target
unit. A proper score is lowest for the true distribution, so it may choose between methods; the rest says what is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import FloatArray
from matloop.core.errors import ConfigError, DataError, all_faults

ENCE_BINS = 10
LEAST_PER_BIN = 20
"""A root mean square of fewer errors says little; there are fewer bins on few rows."""
_LOG_TAU = float(np.log(2.0 * np.pi))
_PHI0 = float(1.0 / np.sqrt(2.0 * np.pi))


def checked(residual: ArrayLike, std: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Both as arrays of equal length.

    Raises
    ------
    DataError : lengths differ, a residual is not finite, or a standard deviation is not above zero; rows are named.
    """
    r, s = np.asarray(residual, dtype=np.float64), np.asarray(std, dtype=np.float64)
    if r.ndim != 1 or r.shape != s.shape:
        raise DataError(f"{r.shape} residuals, but {s.shape} standard deviations; one of each per row is needed.")
    bad = np.flatnonzero(~(np.isfinite(r) & np.isfinite(s) & (s > 0.0)))
    if len(bad):
        faults = [f"row {row}: residual {r[row]:.6g}, standard deviation {s[row]:.6g}" for row in bad[:11]]
        raise DataError(
            all_faults(
                f"{len(bad)} rows without a finite residual and a standard deviation above zero. A model that says 0 "
                "claims to be never wrong there: recalibrate it (fit_spread_calibration) or leave the rows out.",
                faults,
            )
        )
    return r, s


def gaussian_nll(residual: ArrayLike, std: ArrayLike) -> float:
    """Mean negative log likelihood of normal errors, in nat (of a density per target unit); NaN without rows.

    Examples
    --------
    >>> round(gaussian_nll([0.0, 1.0], [1.0, 1.0]), 4)
    1.1689
    """
    r, s = checked(residual, std)
    return float(np.mean(0.5 * (_LOG_TAU + (r / s) ** 2) + np.log(s))) if len(r) else float("nan")


def gaussian_crps(residual: ArrayLike, std: ArrayLike) -> float:
    """Mean continuous ranked probability score of normal errors, target unit; an absolute error where std goes to zero.

    References
    ----------
    Gneiting & Raftery, J. Am. Stat. Assoc. 102 (2007) 359, eq. 21. doi:10.1198/016214506000001437
    """
    r, s = checked(residual, std)
    return float(np.mean(crps_terms(r, s))) if len(r) else float("nan")


def crps_terms(residual: FloatArray, std: FloatArray) -> FloatArray:
    """The score of each row, shape (n,); inputs as `checked` gives them."""
    from scipy.special import ndtr

    z = residual / std
    return np.asarray(std * (z * (2.0 * ndtr(z) - 1.0) + 2.0 * _PHI0 * np.exp(-0.5 * z**2) - 1.0 / np.sqrt(np.pi)))


def quantile_crps(y: ArrayLike, quantiles: ArrayLike, levels: ArrayLike) -> float:
    """Mean continuous ranked probability score from predicted quantiles: twice the pinball loss over all levels.

    Parameters
    ----------
    y : shape (n,), truth. quantiles : shape (n, n_levels), target unit. levels : shape (n_levels,), rising, in (0, 1).

    Notes
    -----
    The loss is integrated over the cells around the given levels, from 0 to 1. With 99 levels it is within 1 % of the
    exact value for a normal error; with few levels it is a score of those quantiles alone.

    References
    ----------
    Laio & Tamea, Hydrol. Earth Syst. Sci. 11 (2007) 1267. doi:10.5194/hess-11-1267-2007
    """
    truth, q, p = (np.asarray(values, dtype=np.float64) for values in (y, quantiles, levels))
    if q.shape != (len(truth), len(p)):
        raise DataError(f"{len(truth)} values and {len(p)} levels, but quantiles of shape {q.shape}.")
    if not len(p) or (np.diff(p) <= 0).any() or p[0] <= 0.0 or p[-1] >= 1.0:
        raise ConfigError(f"levels of quantiles rise and lie between 0 and 1, got {p.tolist()}.")
    if not len(truth):
        return float("nan")
    edges = np.concatenate([[0.0], 0.5 * (p[1:] + p[:-1]), [1.0]])
    off = truth[:, None] - q
    return float((2.0 * np.maximum(p * off, (p - 1.0) * off) @ np.diff(edges)).mean())


@dataclass(frozen=True, slots=True)
class ErrorBins:
    """Rows in bins of rising predicted standard deviation: what was promised, and the error that was found.

    promised : root mean predicted variance; found : root mean square error; shape (n_bins,), target unit.
    """

    promised: FloatArray
    found: FloatArray
    n_rows: FloatArray


def error_bins(residual: ArrayLike, std: ArrayLike, n_bins: int = ENCE_BINS) -> ErrorBins:
    """Rows in up to `n_bins` bins of equal size by standard deviation, 20 rows or more in each."""
    r, s = checked(residual, std)
    n_bins = int(np.clip(len(r) // LEAST_PER_BIN, 1, n_bins))
    bins = [rows for rows in np.array_split(np.argsort(s, kind="stable"), n_bins) if len(rows)]
    return ErrorBins(
        np.array([np.sqrt(np.mean(s[rows] ** 2)) for rows in bins]),
        np.array([np.sqrt(np.mean(r[rows] ** 2)) for rows in bins]),
        np.array([float(len(rows)) for rows in bins]),
    )


def ence(residual: ArrayLike, std: ArrayLike, n_bins: int = ENCE_BINS) -> float:
    """Expected normalised calibration error: mean over bins of |promised - found| / promised; 0 is best.

    A perfect model does not have 0, but more the fewer rows are in a bin: compare it only between
    methods on the same rows (Pernot 2023, doi:10.48550/arXiv.2305.11905).

    References
    ----------
    Levi et al., Sensors 22 (2022) 5540. doi:10.3390/s22155540
    """
    found = error_bins(residual, std, n_bins)
    if not len(found.promised):
        return float("nan")
    return float(np.mean(np.abs(found.promised - found.found) / found.promised))


def miscalibration_area(residual: ArrayLike, std: ArrayLike) -> float:
    """Area between promised and found coverage of central normal intervals over all levels; 0 is best, 0.5 the worst.

    Exact: the found coverage is a step function of the level.

    References
    ----------
    Kuleshov, Fenner & Ermon (2018). doi:10.48550/arXiv.1807.00263; Tran et al. (2020). doi:10.1088/2632-2153/ab7e1a
    """
    from scipy.special import ndtr

    r, s = checked(residual, std)
    return area_from_diagonal(2.0 * ndtr(np.abs(r / s)) - 1.0)


def area_from_diagonal(levels: FloatArray) -> float:
    """Area between the diagonal and the step function that says which share of `levels` (n,), in [0, 1], is below p."""
    n = len(levels)
    if not n:
        return float("nan")
    ends = np.concatenate([[0.0], np.sort(levels), [1.0]])
    height = np.arange(n + 1) / n
    before, after = ends[:-1] - height, ends[1:] - height

    def half_square(x: FloatArray) -> FloatArray:
        return 0.5 * x * np.abs(x)

    return float(np.sum(half_square(after) - half_square(before)))


def sharpness(std: ArrayLike) -> float:
    """Root of the mean predicted variance, target unit: small is good once the calibration is."""
    s = np.asarray(std, dtype=np.float64)
    return float(np.sqrt(np.mean(s**2))) if len(s) else float("nan")


def dispersion(std: ArrayLike) -> float:
    """Coefficient of variation of the standard deviations: 0 means that all rows are doubted alike.

    References
    ----------
    Scalia et al., J. Chem. Inf. Model. 60 (2020) 2697. doi:10.1021/acs.jcim.9b00975
    """
    s = np.asarray(std, dtype=np.float64)
    mean = float(s.mean()) if len(s) else 0.0
    return float(s.std(ddof=1) / mean) if len(s) > 1 and mean > 0 else float("nan")


def error_rank_correlation(residual: ArrayLike, doubt: ArrayLike) -> float:
    """Spearman's correlation of the size of errors with the doubt (a width, a std, a distance); NaN where one is flat.

    Even a perfect model of normal errors stays well below 1: a wide error may be small by chance.
    """
    from matloop.metrics.scores import point

    size, d = _sized(residual, doubt)
    return point("spearman", size, d) if len(size) else float("nan")


def widest_share_ratio(residual: ArrayLike, doubt: ArrayLike, share: float = 0.2) -> float:
    """Mean error of the `share` of rows with most doubt over that of the others; 1 means that doubt says nothing."""
    if not 0.0 < share < 1.0:
        raise ConfigError(f"a share lies between 0 and 1, got {share}.")
    size, d = _sized(residual, doubt)
    n_wide = round(share * len(size))
    if not 0 < n_wide < len(size):
        return float("nan")
    order = np.argsort(d, kind="stable")
    rest = float(size[order[:-n_wide]].mean())
    return float(size[order[-n_wide:]].mean()) / rest if rest > 0 else float("nan")


@dataclass(frozen=True, slots=True)
class ConfidenceCurve:
    """Mean error of the rows that are left when those with most doubt are dropped.

    dropped : shape (n_points,), share from 0. error : by the doubt; oracle : by the errors themselves, the best there
        is; random doubt stays level.
    ause : area between both over the error of all rows (sparsification error); auco : the same area in target unit.
    """

    dropped: FloatArray
    error: FloatArray
    oracle: FloatArray
    ause: float
    auco: float


def confidence_curve(residual: ArrayLike, doubt: ArrayLike, n_points: int = 50) -> ConfidenceCurve:
    """Drop the rows with most doubt, a share at a time, and look at the mean absolute error of those left.

    Rows of equal doubt count alike: each is taken at the mean error of its ties.

    References
    ----------
    Ilg et al. (2018), sparsification. doi:10.48550/arXiv.1802.07095; Scalia et al. (2020). doi:10.1021/acs.jcim.9b00975
    """
    size, d = _sized(residual, doubt)
    n = len(size)
    if not n:
        nothing = np.empty(0)
        return ConfidenceCurve(nothing, nothing, nothing, float("nan"), float("nan"))
    _, tie, counts = np.unique(d, return_inverse=True, return_counts=True)
    tied = (np.bincount(tie, weights=size) / counts)[tie]
    left = np.unique(np.maximum(np.round(n * (1.0 - np.arange(n_points) / n_points)), 1.0).astype(np.int64))[::-1]
    by_doubt = np.cumsum(tied[np.argsort(d, kind="stable")])[left - 1] / left
    by_error = np.cumsum(np.sort(size))[left - 1] / left
    dropped = 1.0 - left / n
    area = float(np.trapezoid(by_doubt - by_error, dropped))
    whole = float(size.mean())
    return ConfidenceCurve(dropped, by_doubt, by_error, area / whole if whole > 0 else float("nan"), area)


def _sized(residual: ArrayLike, doubt: ArrayLike) -> tuple[FloatArray, FloatArray]:
    size, d = np.abs(np.asarray(residual, dtype=np.float64)), np.asarray(doubt, dtype=np.float64)
    if size.ndim != 1 or size.shape != d.shape:
        raise DataError(f"{size.shape} residuals, but {d.shape} doubts; one of each per row is needed.")
    bad = np.flatnonzero(~(np.isfinite(size) & np.isfinite(d)))
    if len(bad):
        raise DataError(f"{len(bad)} rows without a finite residual and doubt, first row {bad[0]}. Leave them out.")
    return size, d
