"""Clusters of points: k-means, Gaussian mixtures (number by BIC), agglomerative and density-based, behind one value.

Points are taken as they come: scale the features first (`feature_space` of `split.space` does). All work is bounded for
tens of thousands of rows: what would be quadratic is done on a sample, and `how` says so.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from matloop.core.arrays import FloatArray, IntArray, frozen
from matloop.core.errors import DataError

STARTS = 10
MOST = 10
"""Largest number of mixture components that is tried."""
SAMPLE = 5000
"""Rows that hierarchies, density trees and the choice of a number are worked out on where there are more."""
NOISE = -1


@dataclass(frozen=True, slots=True)
class Clustering:
    """Which cluster each point is in.

    labels : shape (n,), 0..n_clusters-1, every cluster with rows; -1 for points in none (`density` alone).
    n_clusters : how many there are.
    how : method, number and seed in words.
    bic : (number of clusters, Bayesian information criterion) for each number tried, lower is better; empty where the
        method has no likelihood.
    """

    labels: IntArray
    n_clusters: int
    how: str
    bic: tuple[tuple[int, float], ...] = ()


Clusterer = Callable[..., Clustering]
"""`clusterer(points, n_clusters, *, seed)`; `kmeans`, `mixture_by_bic`, `agglomerative` are such."""


def kmeans(points: FloatArray, n_clusters: int, *, seed: int) -> Clustering:
    """K-means, the best of ten starts.

    Parameters
    ----------
    points : shape (n, n_dimensions), finite.
    n_clusters : at least 1; fewer are made where there are fewer distinct points.

    Examples
    --------
    >>> kmeans(np.array([[0.0], [0.1], [5.0]]), 2, seed=0).n_clusters
    2
    """
    from sklearn.cluster import KMeans

    known = _checked(points)
    wanted = _allowed(known, n_clusters)
    labels = KMeans(wanted, n_init=STARTS, random_state=seed).fit_predict(known)
    return _clustering(labels, f"k-means ({STARTS} starts, seed {seed})")


def gaussian_mixture(
    points: FloatArray, n_clusters: int | None = None, *, seed: int, numbers: Sequence[int] = tuple(range(1, MOST + 1))
) -> Clustering:
    """A mixture of Gaussians; without `n_clusters` the number is the one of lowest BIC among `numbers`.

    Full and diagonal covariances are both tried, and the one of lower BIC is taken: full ones cost d (d + 1) / 2
    numbers per cluster, which few rows in many dimensions do not support.

    Parameters
    ----------
    points : shape (n, n_dimensions), finite.
    numbers : tried where `n_clusters` is not given; those above the number of distinct points are left out.

    References
    ----------
    Schwarz, Ann. Stat. 6 (1978) 461 (BIC). doi:10.1214/aos/1176344136
    Fraley & Raftery, J. Am. Stat. Assoc. 97 (2002) 611 (number and form of covariances by BIC).
    doi:10.1198/016214502760047131
    """
    known = _checked(points)
    asked = [n_clusters] if n_clusters is not None else list(numbers)
    tried = sorted({_allowed(known, one) for one in asked})
    sample = _sample(len(known), seed)
    found = [(n, _mixture(known[sample], n, seed)) for n in tried]
    bic = tuple((n, float(one.bic(known[sample]))) for n, one in found)
    number, best = found[int(np.argmin([value for _, value in bic]))]
    chosen = "" if n_clusters is not None else f", the number of lowest BIC from {tried[0]} to {tried[-1]}"
    form = {"diag": "diagonal"}.get(best.covariance_type, best.covariance_type)
    how = f"a mixture of {number} Gaussians with {form} covariances{chosen}{_of(sample, known)} (seed {seed})"
    return _clustering(best.predict(known), how, bic)


def mixture_by_bic(points: FloatArray, n_clusters: int, *, seed: int) -> Clustering:
    """`gaussian_mixture` of two to `n_clusters` Gaussians: for splits, which need at least two clusters."""
    return gaussian_mixture(points, seed=seed, numbers=range(2, max(n_clusters, 2) + 1))


def agglomerative(points: FloatArray, n_clusters: int, *, seed: int = 0) -> Clustering:
    """Ward's hierarchy, cut at `n_clusters`.

    Above 5,000 rows the hierarchy is built on a random sample and every other row goes with its nearest row of it:
    all pairs of 30,000 rows would fill 3.6 GB.

    References
    ----------
    Ward, J. Am. Stat. Assoc. 58 (1963) 236. doi:10.1080/01621459.1963.10500845
    """
    from sklearn.cluster import AgglomerativeClustering

    known = _checked(points)
    wanted, sample = _allowed(known, n_clusters), _sample(len(known), seed)
    labels = AgglomerativeClustering(wanted).fit_predict(known[sample]) if wanted > 1 else np.zeros(len(sample))
    how = f"agglomerative clustering (Ward){_of(sample, known)}"
    return _clustering(labels[_nearest(known[sample], known)] if len(sample) < len(known) else labels, how)


def density(points: FloatArray, *, smallest: int | None = None, seed: int = 0) -> Clustering:
    """Dense regions by HDBSCAN; points between them belong to no cluster (-1), and there may be no cluster at all.

    Parameters
    ----------
    smallest : rows that make a cluster; 2 % of the rows and at least 10 where it is not given.

    Notes
    -----
    Above 5,000 rows the regions are found on a random sample; a row outside it goes with its nearest row of the sample.

    References
    ----------
    Campello, Moulavi & Sander, PAKDD (2013) 160. doi:10.1007/978-3-642-37456-2_14
    """
    from sklearn.cluster import HDBSCAN

    known = _checked(points)
    sample = _sample(len(known), seed)
    least = max(10, len(known) // 50) if smallest is None else smallest
    least = max(2, round(least * len(sample) / len(known)))
    if least > len(sample):
        return Clustering(frozen(np.full(len(known), NOISE)), 0, f"HDBSCAN: fewer than {least} rows make no cluster")
    labels = HDBSCAN(min_cluster_size=least, copy=True).fit_predict(known[sample])
    how = f"HDBSCAN (at least {least} rows a cluster){_of(sample, known)}"
    return _clustering(labels[_nearest(known[sample], known)] if len(sample) < len(known) else labels, how)


def _checked(points: FloatArray) -> FloatArray:
    known = np.asarray(points, dtype=np.float64)
    if known.ndim != 2 or not len(known):
        raise DataError(f"points to cluster have shape {known.shape}; (n_rows, n_dimensions) with a row is needed.")
    bad = np.flatnonzero(~np.isfinite(known).all(axis=1))
    if len(bad):
        raise DataError(
            f"row {int(bad[0])} (and {len(bad) - 1} more) of the points to cluster is not finite. "
            "Impute and scale the features first, for instance with matloop.split.space.feature_space."
        )
    return known


def _allowed(points: FloatArray, n_clusters: int) -> int:
    """`n_clusters`, or the number of distinct points where there are fewer."""
    if n_clusters < 1:
        raise DataError(f"{n_clusters} clusters; at least 1 is needed.")
    return min(n_clusters, _distinct(points, n_clusters))


def _distinct(points: FloatArray, enough: int) -> int:
    """Number of distinct points; counting stops at `enough`."""
    size = 4 * enough
    while size < len(points):
        found = len(np.unique(points[:size], axis=0))
        if found >= enough:
            return found
        size *= 8
    return len(np.unique(points, axis=0))


def _sample(n: int, seed: int) -> IntArray:
    if n <= SAMPLE:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, SAMPLE, replace=False))


def _of(sample: IntArray, points: FloatArray) -> str:
    return f" on {len(sample):,} of {len(points):,} rows" if len(sample) < len(points) else ""


def _nearest(sample: FloatArray, points: FloatArray) -> IntArray:
    """The nearest row of the sample for each point."""
    half, step = 0.5 * (sample**2).sum(axis=1), max(1, 4_000_000 // len(sample))
    parts = [(half - points[i : i + step] @ sample.T).argmin(axis=1) for i in range(0, len(points), step)]
    return np.concatenate(parts)


def _mixture(points: FloatArray, n: int, seed: int) -> Any:
    """The fitted mixture of n Gaussians, of the covariance form that BIC prefers."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    # a floor under the variances: columns of few distinct values would make needles of infinite likelihood
    floor = 1e-3 * max(float(points.var(axis=0).mean()), 1e-12)
    width = points.shape[1]
    forms = ["diag"] if width > 1 else []
    if len(points) > n * (width + 1):  # fewer rows than that span no ellipsoid per cluster
        forms.append("full")
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for form in forms or ["diag"]:
            mixture = GaussianMixture(n, covariance_type=form, reg_covar=floor, n_init=2, random_state=seed)
            found.append(mixture.fit(points))
    return min(found, key=lambda one: one.bic(points))


def _clustering(labels: Any, how: str, bic: tuple[tuple[int, float], ...] = ()) -> Clustering:
    """Labels without gaps; -1 stays."""
    names, place = np.unique(np.asarray(labels, dtype=np.int64), return_inverse=True)
    noisy = int(len(names) > 0 and names[0] == NOISE)
    return Clustering(frozen(place.reshape(-1).astype(np.int64) - noisy), len(names) - noisy, how, bic)
