"""Samplers: which rows to label (or to train on) so that the descriptor space is covered, without any label.

The functions choose among points; the splitters train on what was chosen and test on the rest. `coverage` of
`split.coverage` measures the choice beside random ones.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import ConfigError, DataError
from matloop.split.space import as_features, feature_space, standardised
from matloop.split.splitter import Held, Rows, Splitter

PAIRS = 4_000_000
"""Pairs of rows compared at once."""
MOST_CLUSTERS = 2000
"""Clusters are merged from a table of all pairs of subclusters, which must fit; more rows are taken from each then."""
SEARCH = 24
"""BIRCH trees that are grown to find a threshold."""
FULL_KMEANS = 20_000_000
"""Rows times centres up to which k-means sees all rows in each step."""


def kennard_stone(points: FloatArray, n_select: int) -> IntArray:
    """Rows that cover the space evenly: each next one is the farthest from those chosen so far (Euclidean).

    Parameters
    ----------
    points : shape (n, n_dimensions), finite, scaled as distances are to be measured (`feature_space` does).
    n_select : 2 to n.

    Returns
    -------
    Rows in the order of choice, shape (n_select,); the first two are the two farthest apart.

    Notes
    -----
    Memory grows with the number of rows, not with its square: of 30,000 rows in 20 dimensions 6,000 are chosen in
    seconds. The outermost rows come first, so outliers are chosen; clean the table before.

    References
    ----------
    Kennard & Stone, Technometrics 11 (1969) 137. doi:10.1080/00401706.1969.10490666

    Examples
    --------
    >>> kennard_stone(np.array([[0.0], [1.0], [2.0], [10.0], [5.0]]), 3).tolist()
    [0, 3, 4]
    """
    known = _points(points, n_select, least=2)
    chosen = list(_farthest_pair(known))
    norm = np.einsum("ij,ij->i", known, known)
    nearest = np.minimum(*(_squared(known, norm, row) for row in chosen))
    nearest[chosen] = -1.0
    while len(chosen) < n_select:
        row = int(nearest.argmax())
        chosen.append(row)
        np.minimum(nearest, _squared(known, norm, row), out=nearest)
        nearest[row] = -1.0
    return np.array(chosen, dtype=np.int64)


def representatives(points: FloatArray, n_select: int, *, seed: int = 0) -> IntArray:
    """The row nearest to each of `n_select` k-means centres: dense regions get more rows than Kennard-Stone gives them.

    For more than 2,000 rows there are 2,000 clusters, and each gives rows in proportion to its size, at even steps of
    the rank of distance from its centre.

    Parameters
    ----------
    points, n_select : as for `kennard_stone`, from 1 on.

    Returns
    -------
    Ascending rows, shape (n_select,).
    """
    from sklearn.cluster import KMeans, MiniBatchKMeans
    from sklearn.exceptions import ConvergenceWarning

    known = _points(points, n_select, least=1)
    n_clusters = min(n_select, MOST_CLUSTERS)
    big = len(known) * n_clusters > FULL_KMEANS
    method = (MiniBatchKMeans if big else KMeans)(n_clusters, random_state=seed, n_init=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct points than centres
        label = np.unique(method.fit_predict(known), return_inverse=True)[1].reshape(-1)
    return _stepped(known, label, _proportional(np.bincount(label), n_select))


def direct(X: FloatArray, n_select: int) -> IntArray:
    """DIRECT-like sampling: principal components, BIRCH clusters, the same number of rows from each cluster.

    Features are standardised; components of variance above one (Kaiser's rule) are kept and weighted by their share of
    the variance; BIRCH makes up to 2,000 clusters; every cluster gives as many rows as the others, as far as it has
    them, at even steps of the rank of distance from its centre, the nearest first.

    Parameters
    ----------
    X : shape (n, n_features), raw features; NaN counts as the column's median.
    n_select : 1 to n.

    Returns
    -------
    Ascending rows, shape (n_select,).

    References
    ----------
    Qi et al., npj Comput. Mater. 10 (2024) 43. doi:10.1038/s41524-024-01227-4
    """
    points = _points(_kaiser(as_features(X)), n_select, least=1)
    label = _birch(points, min(n_select, MOST_CLUSTERS))
    return _stepped(points, label, _even(np.bincount(label), n_select))


class _Sampled(Splitter):
    """Train on the chosen rows, test on the others: one part. A group is chosen by its first row, as a whole."""

    train_fraction: float

    @abstractmethod
    def _chosen(self, X: FloatArray, n_select: int) -> IntArray:
        """Rows of X to train on."""

    def _held(self, rows: Rows) -> Iterator[Held]:
        if not 0.0 < self.train_fraction < 1.0:
            raise ConfigError(
                f"train_fraction = {self.train_fraction}: a share between 0 and 1 is needed, such as 0.8."
            )
        first = np.unique(rows.group, return_index=True)[1]
        if len(first) < 3:
            raise DataError(f"{len(first)} groups: three are needed to choose two and test on one. Add rows.")
        n_select = int(np.clip(round(self.train_fraction * len(first)), 2, len(first) - 1))
        chosen = rows.group[first[self._chosen(as_features(rows.X)[first], n_select)]]
        yield Held("not chosen", np.flatnonzero(~np.isin(rows.group, chosen)))

    def get_n_splits(self, X: Any = None, y: Any = None, groups: ArrayLike | None = None) -> int:
        """Always one."""
        return 1


class KennardStone(_Sampled):
    """Train on the share of rows that `kennard_stone` chooses in the space of `feature_space`, test on the others.

    The test rows lie inside what training covers: the score is that of interpolation, and flatters.

    References
    ----------
    Kennard & Stone, Technometrics 11 (1969) 137. doi:10.1080/00401706.1969.10490666

    Examples
    --------
    >>> [test.tolist() for _, test in KennardStone(0.6).split(np.array([[0.0], [1.0], [2.0], [10.0], [5.0]]))]
    [[1, 2]]
    """

    def __init__(self, train_fraction: float = 0.8) -> None:
        self.train_fraction = train_fraction

    def _chosen(self, X: FloatArray, n_select: int) -> IntArray:
        return kennard_stone(feature_space(X).points, n_select)


class KMeansRepresentatives(_Sampled):
    """Train on the share of rows that `representatives` chooses in the space of `feature_space`, test on the others."""

    def __init__(self, train_fraction: float = 0.8, *, seed: int = 0) -> None:
        self.train_fraction, self.seed = train_fraction, seed

    def _chosen(self, X: FloatArray, n_select: int) -> IntArray:
        return representatives(feature_space(X, self.seed).points, n_select, seed=self.seed)


class DirectSampling(_Sampled):
    """Train on the share of rows that `direct` chooses, test on the others.

    References
    ----------
    Qi et al., npj Comput. Mater. 10 (2024) 43. doi:10.1038/s41524-024-01227-4
    """

    def __init__(self, train_fraction: float = 0.8) -> None:
        self.train_fraction = train_fraction

    def _chosen(self, X: FloatArray, n_select: int) -> IntArray:
        return direct(X, n_select)


def _points(points: FloatArray, n_select: int, *, least: int) -> FloatArray:
    known = as_features(points)
    bad = np.flatnonzero(~np.isfinite(known).all(axis=1))
    if len(bad):
        raise DataError(f"row {int(bad[0])} is not finite. Impute and scale first, for instance with feature_space.")
    if not least <= n_select <= len(known):
        raise ConfigError(f"n_select = {n_select}: between {least} and the number of rows, {len(known)}, is needed.")
    return known - known.mean(axis=0)


def _squared(points: FloatArray, norm: FloatArray, row: int) -> FloatArray:
    """Squared distances of all points from one."""
    return np.maximum(norm + norm[row] - 2.0 * (points @ points[row]), 0.0)


def _farthest_pair(points: FloatArray) -> tuple[int, int]:
    norm, best, pair = np.einsum("ij,ij->i", points, points), -1.0, (0, 1)
    step = max(1, PAIRS // len(points))
    for start in range(0, len(points), step):
        rows = slice(start, start + step)
        apart = norm[rows, None] + norm - 2.0 * (points[rows] @ points.T)
        place = int(apart.argmax())
        if apart.flat[place] > best:
            best, pair = float(apart.flat[place]), (start + place // len(points), place % len(points))
    return pair if pair[0] != pair[1] else (0, 1)  # all points are equal


def _stepped(points: FloatArray, label: IntArray, quota: IntArray) -> IntArray:
    """From each cluster its quota of rows, at even steps of the rank of distance from its centre, the nearest first."""
    chosen = []
    order = np.argsort(label, kind="stable")
    for rows, wanted in zip(np.split(order, np.cumsum(np.bincount(label))[:-1]), quota.tolist(), strict=True):
        away = ((points[rows] - points[rows].mean(axis=0)) ** 2).sum(axis=1)
        steps = np.linspace(0, len(rows) - 1, wanted).astype(np.int64)
        chosen.append(rows[np.argsort(away, kind="stable")[steps]])
    return np.sort(np.concatenate(chosen))


def _proportional(sizes: IntArray, total: int) -> IntArray:
    """One row of each cluster, the others in proportion to its size; largest remainders are rounded up."""
    free = (total - len(sizes)) * (sizes - 1) / max(int(sizes.sum()) - len(sizes), 1)
    quota = 1 + free.astype(np.int64)
    more = np.argsort(-(free % 1.0), kind="stable")[: total - int(quota.sum())]
    quota[more] += 1
    return quota


def _kaiser(X: FloatArray) -> FloatArray:
    """Principal components of variance above one, each times its share of the variance; at least one."""
    from sklearn.decomposition import PCA

    standard = standardised(X)
    if not standard.shape[1]:
        return np.zeros((len(X), 1))
    pca = PCA(min(standard.shape), svd_solver="covariance_eigh" if len(X) > standard.shape[1] else "full")
    scores = pca.fit_transform(standard)
    kept = max(1, int((pca.explained_variance_ > 1.0).sum()))
    return np.asarray(scores[:, :kept] * pca.explained_variance_ratio_[:kept])


def _birch(points: FloatArray, n_clusters: int) -> IntArray:
    """The BIRCH cluster of each row; the threshold is searched that gives enough subclusters to merge, but not many."""
    from sklearn.cluster import Birch

    n_clusters = min(n_clusters, len(np.unique(points, axis=0)))
    threshold, low, high = 0.5 * float(np.sqrt(points.var(axis=0).sum())), 0.0, np.inf
    for _ in range(SEARCH):
        tree = Birch(threshold=threshold or 1e-12, n_clusters=None).fit(points)
        found = len(tree.subcluster_centers_)
        if n_clusters <= found <= max(4 * n_clusters, 2 * MOST_CLUSTERS):
            break
        low, high = (threshold, high) if found > n_clusters else (low, threshold)
        threshold = (low + high) / 2 if low and np.isfinite(high) else threshold * (2.0 if np.isinf(high) else 0.25)
    if len(tree.subcluster_centers_) > n_clusters:
        tree.set_params(n_clusters=n_clusters).partial_fit()
    return np.unique(tree.predict(points), return_inverse=True)[1].reshape(-1)


def _even(sizes: IntArray, total: int) -> IntArray:
    """How many of each cluster: equal numbers as far as sizes allow; what is left over goes to the largest."""
    level = 0
    while np.minimum(sizes, level + 1).sum() <= total and level < sizes.max():
        level += 1
    quota = np.minimum(sizes, level)
    more = np.argsort(-(sizes - quota), kind="stable")[: total - int(quota.sum())]
    quota[more] += 1
    return quota
