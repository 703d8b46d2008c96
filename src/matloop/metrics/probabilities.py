"""How good class probabilities and prediction sets are: Brier score, calibration error, coverage and size of sets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.core.errors import DataError, all_faults

ECE_BINS = 10


def checked_classes(y: ArrayLike, proba: ArrayLike) -> tuple[IntArray, FloatArray]:
    """Class indices (n,) and probabilities (n, n_classes).

    Raises
    ------
    DataError : lengths differ, a class index has no column, or a row is no distribution; rows are named.
    """
    p = np.asarray(proba, dtype=np.float64)
    truth = np.asarray(y)
    if p.ndim != 2 or truth.shape != (len(p),):
        raise DataError(f"{truth.shape} classes, but probabilities of shape {p.shape}; (n,) and (n, n_classes) fit.")
    known = np.isfinite(truth.astype(np.float64))
    index = np.where(known, truth, -1).astype(np.int64)
    off = ~known | (index < 0) | (index >= p.shape[1]) | ~np.isfinite(p).all(axis=1)
    off |= (p < -1e-9).any(axis=1) | (np.abs(p.sum(axis=1) - 1.0) > 1e-6)
    bad = np.flatnonzero(off)
    if len(bad):
        faults = [f"row {row}: class {truth[row]}, probabilities {np.round(p[row], 4).tolist()}" for row in bad[:11]]
        wanted = f"a class index from 0 to {p.shape[1] - 1} with probabilities that sum to one"
        raise DataError(all_faults(f"{len(bad)} rows are not {wanted}.", faults))
    return index, p


def brier(y: ArrayLike, proba: ArrayLike) -> float:
    """Mean over rows of the squared distance of the probabilities to the truth (0 to 2); lower is better, proper.

    Brier, Mon. Weather Rev. 78 (1950) 1. doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2
    """
    index, p = checked_classes(y, proba)
    return float(((p - np.eye(p.shape[1])[index]) ** 2).sum(axis=1).mean()) if len(p) else float("nan")


def expected_calibration_error(y: ArrayLike, proba: ArrayLike, n_bins: int = ECE_BINS) -> float:
    """Mean gap between the probability of the said class and how often it is right, in bins of equal size.

    Not a proper score (a constant guess can have none): read it beside the Brier score or log loss.

    References
    ----------
    Naeini et al. (2015), doi:10.1609/aaai.v29i1.9602; bins of equal size: Nguyen & O'Connor (2015),
    doi:10.18653/v1/D15-1182
    """
    index, p = checked_classes(y, proba)
    if not len(p):
        return float("nan")
    said, top = p.argmax(axis=1), p.max(axis=1)
    right = (said == index).astype(np.float64)
    bins = [rows for rows in np.array_split(np.argsort(top, kind="stable"), min(n_bins, len(p))) if len(rows)]
    return float(sum(len(rows) * abs(right[rows].mean() - top[rows].mean()) for rows in bins) / len(p))


@dataclass(frozen=True, slots=True)
class SetQuality:
    """How prediction sets do: share of rows whose set holds the true class, and how many classes a set holds.

    by_class : shape (n_classes,), coverage of the rows of each class, NaN where it has none. sizes : shape
    (n_classes + 1,), share of rows with a set of 0, 1, 2, ... classes. single : share of rows with exactly one class.
    """

    coverage: float
    mean_size: float
    by_class: FloatArray
    sizes: FloatArray
    single: float


def set_quality(y: ArrayLike, contains: ArrayLike) -> SetQuality:
    """Judge prediction sets.

    Parameters
    ----------
    y : shape (n,), class index. contains : shape (n, n_classes), whether each class is in the set of the row.

    Raises
    ------
    DataError : lengths differ, or a class index has no column.
    """
    inside: BoolArray = np.asarray(contains, dtype=np.bool_)
    truth = np.asarray(y, dtype=np.float64)
    if inside.ndim != 2 or truth.shape != (len(inside),):
        raise DataError(f"{truth.shape} classes, but sets of shape {inside.shape}; (n,) and (n, n_classes) fit.")
    n, k = inside.shape
    bad = np.flatnonzero(~np.isin(truth, np.arange(k)))
    if len(bad):
        raise DataError(f"row {bad[0]} has class index {truth[bad[0]]}, the sets are over 0 to {k - 1}.")
    index = truth.astype(np.int64)
    hit = inside[np.arange(n), index].astype(np.float64)
    members = np.bincount(index, minlength=k).astype(np.float64)
    hits = np.bincount(index, weights=hit, minlength=k)
    size = inside.sum(axis=1)
    nothing = float("nan")
    return SetQuality(
        float(hit.mean()) if n else nothing,
        float(size.mean()) if n else nothing,
        np.divide(hits, members, out=np.full(k, np.nan), where=members > 0),
        np.bincount(size, minlength=k + 1) / max(n, 1),
        float((size == 1).mean()) if n else nothing,
    )
