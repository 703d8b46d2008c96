"""The space that regions, twins and distances live in: standardised features, and their principal components."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import FloatArray
from matloop.core.errors import DataError

COMPONENTS, VARIANCE = 20, 0.95
OUTLYING = 5.0
"""Standardised features are clipped here, so that one odd row does not become a cluster of its own."""


@dataclass(frozen=True, slots=True)
class Space:
    """Principal components of standardised features.

    points : shape (n, n_components). n_columns : features that vary, of which they are made.
    share : of the variance that the components keep.
    """

    points: FloatArray
    n_columns: int
    share: float

    @property
    def how(self) -> str:
        """The space in words."""
        return (
            f"{self.points.shape[1]} principal components ({100 * self.share:.0f} % of the variance) of "
            f"{self.n_columns} standardised features, missing values at the median"
        )


def feature_space(X: FloatArray, seed: int = 0) -> Space:
    """The first principal components, up to 20, that hold 95 % of the variance of the standardised features.

    Parameters
    ----------
    X : shape (n, n_features); NaN becomes the column's median, columns without spread are left out, values beyond five
        standard deviations are brought there.

    Returns
    -------
    Space; one column of zeros where no feature varies.

    Examples
    --------
    >>> feature_space(np.eye(4)).points.shape
    (4, 3)
    """
    from sklearn.decomposition import PCA

    standard = standardised(X)
    if not standard.shape[1]:
        return Space(np.zeros((len(X), 1)), 0, 1.0)
    pca = PCA(min(COMPONENTS, *standard.shape), random_state=seed, svd_solver="auto").fit(standard)
    kept = 1 + int(np.searchsorted(np.cumsum(pca.explained_variance_ratio_), VARIANCE))
    kept = min(kept, pca.n_components_)
    share = float(pca.explained_variance_ratio_[:kept].sum())
    return Space(pca.transform(standard)[:, :kept], standard.shape[1], share)


def standardised(X: FloatArray) -> FloatArray:
    """Features of mean 0 and standard deviation 1, shape (n, n_varying); see `feature_space` for the rules."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column without any value has no median
        middle = np.nanmedian(X, axis=0) if len(X) else np.zeros(X.shape[1])
    filled = np.where(np.isfinite(X), X, np.nan_to_num(middle))
    scale = filled.std(axis=0)
    used = scale > 1e-12 * np.maximum(np.abs(filled).max(axis=0, initial=0.0), 1e-300)
    return np.clip((filled[:, used] - filled[:, used].mean(axis=0)) / scale[used], -OUTLYING, OUTLYING)


def as_features(X: ArrayLike) -> FloatArray:
    """A table of numbers as an array (n, n_features).

    Raises
    ------
    DataError : it has words in it, or is no table.
    """
    try:
        values = np.asarray(X, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"this split measures distances between features, but X is no table of numbers ({error}). "
            "Represent the rows first, for instance with matloop's MagpieFeaturizer."
        ) from error
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2:
        raise DataError(f"X has shape {values.shape}; one row per sample and one column per feature is needed.")
    return values
