"""Groups of alike rows: how many, how sure, and whether they are more than cuts through one cloud."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from matloop.core.arrays import FloatArray, IntArray, frozen
from matloop.core.errors import DataError
from matloop.represent.standard import nearest
from matloop.split.clusterings import NOISE, Clustering, agglomerative, density, gaussian_mixture, kmeans

MOST = 8
CLUSTERED_ROWS, JUDGED_ROWS, DRAWN_ROWS = 3000, 1500, 1000
"""Rows that clusters are looked for in, that silhouettes are worked out on, and that a resample is drawn from."""
FEWEST = 10
CLOUDS, RESAMPLES = 4, 20
VALLEY, MARGIN = 0.8, 0.02
"""A cluster stands apart where the density between it and its nearest one falls to this share of the lower peak, and
lower by the margin than between the parts of a cloud without clusters."""
CHANCE = 3.0
"""Standard deviations by which a peak must rise above the valley."""
LEAST_SHARE, LEAST_ROWS = 0.02, 5
"""Smaller parts are outlying rows and no cluster."""
STABLE, UNSTABLE = 0.75, 0.6
"""Jaccard similarity from which a cluster is there, and below which it should not be read (Hennig 2008)."""
CLEAR = 0.5
"""Silhouette from which clusters stand apart (Kaufman & Rousseeuw 1990)."""

Answer = Literal["clear", "weak", "none"]
Divide = Callable[[FloatArray, int, int], Clustering]
"""points, number, seed -> clusters; the number does not bind `density`."""

METHODS: Mapping[str, tuple[str, Divide]] = {
    "kmeans": ("k-means", lambda points, k, seed: kmeans(points, k, seed=seed)),
    "hierarchical": ("hierarchy (Ward)", lambda points, k, seed: agglomerative(points, k, seed=seed)),
    "mixture": ("Gaussian mixture", lambda points, k, seed: gaussian_mixture(points, k, seed=seed)),
    "density": ("dense regions (HDBSCAN)", lambda points, k, seed: density(points, seed=seed)),
}


@dataclass(frozen=True, slots=True)
class Division:
    """One way to divide the rows.

    method : a name in `METHODS`. n_clusters : how many it made. noise : share of rows in none.
    silhouette : mean over all rows, those in no cluster counted as 0, in [-1, 1]; NaN for a single cluster.
    apart : share of rows in clusters with a valley of density between them and the nearest other cluster, in [0, 1].
    cloud : the best silhouette that the same number of clusters gets on clouds without any (see `find_clusters`).
    bic : of a mixture, lower is better, else NaN.
    stability : mean over clusters of the Jaccard similarity with what resamples make of them; rand : mean
        adjusted Rand index between the division and those of resamples; both NaN where not measured.
    """

    method: str
    n_clusters: int
    silhouette: float
    noise: float
    apart: float = math.nan
    cloud: float = math.nan
    bic: float = math.nan
    stability: float = math.nan
    rand: float = math.nan


@dataclass(frozen=True, slots=True)
class FoundClusters:
    """The best division, and what it is worth.

    labels : shape (n,), 0 is the largest cluster; -1 for rows in none.
    answer : "clear", "weak" or "none"; with "none" the labels are regions of one cloud and no kinds of material.
    sentence : the answer with its numbers, in words.
    best : the division that `labels` hold. tried : every number and method that was looked at.
    stability : shape (n_clusters,), of each cluster; NaN where not measured.
    """

    labels: IntArray
    answer: Answer
    sentence: str
    best: Division
    tried: tuple[Division, ...]
    stability: FloatArray
    how: str
    notes: tuple[str, ...] = ()

    @property
    def n_clusters(self) -> int:
        """How many clusters the labels hold."""
        return len(self.stability)


def find_clusters(
    points: FloatArray, *, seed: int = 0, thorough: bool = False, deadline: float = math.inf
) -> FoundClusters:
    """Divide rows by k-means, a hierarchy, Gaussian mixtures and density, and say whether there are clusters at all.

    The number of k-means and hierarchical clusters (2 to 8) is that of the best silhouette, of mixtures that of the
    lowest BIC; density finds its own. Of these four the one with the best silhouette is taken, those first whose parts
    stand apart: between a part and its nearest other one there are fewer rows than inside either, by more than between
    the parts of clouds with the same spread but no clusters (one Gaussian, one evenly filled box). It counts as
    clusters only if most rows are in such parts, and if resampled rows give the same clusters again.

    Parameters
    ----------
    points : shape (n, d), finite, alike in scale: standardised features or principal axes.
    seed : of starts, samples, clouds and resamples. Above 3,000 rows clusters are looked for in a sample; other rows
        go with their nearest row of it.
    thorough : measures the stability of all four divisions, not of the best one only.
    deadline : `time.monotonic()` value; what it does not allow is left out and named in `notes`.

    Raises
    ------
    DataError : points are no table of finite numbers.

    References
    ----------
    Rousseeuw, J. Comput. Appl. Math. 20 (1987) 53 (silhouette). doi:10.1016/0377-0427(87)90125-7
    Tibshirani, Walther & Hastie, J. R. Stat. Soc. B 63 (2001) 411 (reference clouds). doi:10.1111/1467-9868.00293
    Hennig, Comput. Stat. Data Anal. 52 (2007) 258 (stability per cluster). doi:10.1016/j.csda.2006.11.025

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> blobs = np.concatenate([rng.normal(0, 1, (40, 2)), rng.normal(12, 1, (40, 2))])
    >>> found = find_clusters(blobs)
    >>> found.answer, found.n_clusters
    ('clear', 2)
    """
    known = _checked(points)
    rows = _sample(len(known), CLUSTERED_ROWS, seed)
    sample = known[rows]
    n_distinct = len(np.unique(np.round(sample, 9), axis=0))
    if len(sample) < FEWEST or n_distinct < 4:
        return _nothing(len(known), f"{len(known):,} rows at {n_distinct:,} different places are too few for clusters")
    tried, divisions, notes = _tried(sample, min(MOST, n_distinct - 1), seed, deadline)
    if not tried:
        return _nothing(len(known), "; ".join(notes) or "no division was found")
    finalists = [_apart(one, sample, divisions, seed) for one in _finalists(tried)]
    standing = [one for one in finalists if one.apart >= 0.5]
    best = max(standing or finalists, key=lambda one: (math.isfinite(one.silhouette), one.silhouette))
    measured: dict[str, Stability] = {}
    for one in finalists if thorough else (best,):
        if time.monotonic() < deadline:
            made = divisions[one.method, one.n_clusters]
            measured[one.method] = cluster_stability(sample, made, method=one.method, seed=seed)
        else:
            notes.append(f"stability of {METHODS[one.method][0]}: the time ran out")
    finalists = [_with_stability(one, measured) for one in finalists]
    tried = [next((other for other in finalists if _same(one, other)), one) for one in tried]
    best = next(one for one in finalists if _same(one, best))
    made = divisions[best.method, best.n_clusters]
    labels, order = _by_size(_labelled(made.labels, sample, known, rows))
    per_cluster = measured[best.method].jaccard[order] if best.method in measured else np.full(len(order), math.nan)
    answer, sentence = _answer(best, per_cluster)
    how = made.how + (f", on {len(rows):,} of {len(known):,} rows" if len(rows) < len(known) else "")
    return FoundClusters(
        frozen(labels), answer, sentence, best, tuple(tried), frozen(per_cluster), how, tuple(notes)
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stability:
    """What resamples make of clusters.

    jaccard : shape (n_clusters,), mean over resamples of the largest Jaccard similarity of each cluster with one of the
        resample's; NaN where no resample had a row of it. rand : mean adjusted Rand index, 1 is the same division.
    """

    jaccard: FloatArray
    rand: float


def cluster_stability(
    points: FloatArray, found: Clustering, *, method: str, seed: int = 0, resamples: int = RESAMPLES
) -> Stability:
    """Divide the distinct rows of bootstrap draws anew, and see which clusters come again.

    Parameters
    ----------
    points : shape (n, d), the rows of `found`; draws are made from at most 1,000 of them.
    method : a name in `METHODS`, that `found` was made with.

    Notes
    -----
    A draw with replacement holds some rows twice, which would look like tiny clusters: each row counts once, as in the
    subset variant of Hennig (2007). Above 0.75 a cluster is there; below 0.6 it should not be read.

    References
    ----------
    Hennig, Comput. Stat. Data Anal. 52 (2007) 258. doi:10.1016/j.csda.2006.11.025
    Hubert & Arabie, J. Classif. 2 (1985) 193 (adjusted Rand index). doi:10.1007/BF01908075
    """
    from sklearn.metrics import adjusted_rand_score

    rng = np.random.default_rng(seed)
    divide, pool = METHODS[method][1], _sample(len(points), DRAWN_ROWS, seed)
    similar, rand = np.full((resamples, found.n_clusters), math.nan), []
    for one in range(resamples):
        rows = np.unique(rng.choice(pool, len(pool)))
        again = divide(points[rows], found.n_clusters, seed + one).labels
        before = found.labels[rows]
        similar[one] = _jaccard(before, again, found.n_clusters)
        rand.append(adjusted_rand_score(before, again))
    seen = np.isfinite(similar)
    total = np.where(seen, similar, 0.0).sum(axis=0)
    count = seen.sum(axis=0)
    jaccard = np.divide(total, count, out=np.full(found.n_clusters, math.nan), where=count > 0)
    return Stability(jaccard, float(np.mean(rand)))


def _jaccard(before: IntArray, again: IntArray, n_clusters: int) -> FloatArray:
    """The largest Jaccard similarity of each old cluster with a new one; rows in none are no cluster."""
    names = np.unique(again[again != NOISE])
    old = before[:, None] == np.arange(n_clusters)
    new = again[:, None] == names
    both = old.T.astype(float) @ new.astype(float)
    either = old.sum(axis=0)[:, None] + new.sum(axis=0)[None, :] - both
    shares = np.divide(both, either, out=np.zeros_like(both), where=either > 0)
    best = shares.max(axis=1, initial=0.0)
    return np.where(old.any(axis=0), best, math.nan)


def _tried(
    points: FloatArray, most: int, seed: int, deadline: float
) -> tuple[list[Division], dict[tuple[str, int], Clustering], list[str]]:
    """Every division that was made, by method and number."""
    judged = _sample(len(points), JUDGED_ROWS, seed)
    tried: list[Division] = []
    divisions: dict[tuple[str, int], Clustering] = {}

    def keep(method: str, made: Clustering, bic: float = math.nan) -> None:
        if made.n_clusters and (method, made.n_clusters) not in divisions:
            divisions[method, made.n_clusters] = made
            noise = float((made.labels == NOISE).mean())
            value = silhouette(points[judged], made.labels[judged])
            tried.append(Division(method, made.n_clusters, value, noise, bic=bic))

    late = []
    for method in ("kmeans", "hierarchical"):
        for k in range(2, most + 1):
            if time.monotonic() < deadline:
                keep(method, METHODS[method][1](points, k, seed))
            else:
                late.append(f"{METHODS[method][0]} with {k} clusters")
    if time.monotonic() < deadline:
        made = gaussian_mixture(points, seed=seed, numbers=range(1, most + 1))
        tried += [
            Division("mixture", k, math.nan, 0.0, bic=value) for k, value in made.bic if k != made.n_clusters
        ]  # fmt: skip
        keep("mixture", made, dict(made.bic).get(made.n_clusters, math.nan))
    else:
        late.append(METHODS["mixture"][0])
    if time.monotonic() < deadline:
        keep("density", density(points, seed=seed))
    else:
        late.append(METHODS["density"][0])
    return tried, divisions, [f"left out, the time ran out: {', '.join(late)}"] if late else []


def silhouette(points: FloatArray, labels: IntArray) -> float:
    """Mean silhouette over all rows; a row in no cluster counts as 0. NaN with fewer than two clusters.

    Counting such rows keeps a method from looking good by naming only the rows that are easy.
    """
    from sklearn.metrics import silhouette_score

    named = labels != NOISE
    n_clusters = len(np.unique(labels[named]))
    if n_clusters < 2 or n_clusters >= int(named.sum()):
        return math.nan
    return float(silhouette_score(points[named], labels[named])) * float(named.mean())


def _finalists(tried: list[Division]) -> list[Division]:
    """The best of each method: by silhouette, a mixture by BIC (the only one of its kind that was kept)."""
    best: dict[str, Division] = {}
    for one in tried:
        if math.isfinite(one.silhouette) and (one.method not in best or one.silhouette > best[one.method].silhouette):
            best[one.method] = one
    return list(best.values()) or [tried[0]]


def _apart(one: Division, points: FloatArray, divisions: Mapping[tuple[str, int], Clustering], seed: int) -> Division:
    """With what the same number of cuts makes of clouds, and the share of rows in clusters that stand apart."""
    if one.n_clusters < 2:
        return replace(one, apart=0.0)
    rows = _sample(len(points), JUDGED_ROWS, seed)
    labels = divisions[one.method, one.n_clusters].labels[rows]
    cloud, shallowest = _clouds(points, one.n_clusters, seed)
    deep = valleys(points[rows], labels) <= min(VALLEY, shallowest - MARGIN)
    counts = np.bincount(labels[labels != NOISE], minlength=one.n_clusters)
    large = counts >= max(LEAST_ROWS, LEAST_SHARE * len(rows))
    # one cluster and a few outlying rows are one cluster
    apart = float(counts[deep & large].sum() / len(rows)) if int((deep & large).sum()) > 1 else 0.0
    return replace(one, cloud=cloud, apart=apart)


def valleys(points: FloatArray, labels: IntArray) -> FloatArray:
    """How deep the valley of density is between each cluster and the nearest other one, shape (n_clusters,).

    On the line through both centres: the lowest density between them over the lower of the two peaks on its sides; 0
    where nothing lies between them, 1 where a cut goes through one heap or the peak may be chance. NaN for a cluster
    alone.
    """
    names = np.arange(int(labels.max(initial=-1)) + 1)
    if len(names) < 2:
        return np.full(len(names), math.nan)
    centres = np.stack([points[labels == one].mean(axis=0) for one in names])
    gaps = ((centres[:, None] - centres[None]) ** 2).sum(axis=2)
    np.fill_diagonal(gaps, np.inf)
    return np.array([_valley(points, labels, one, int(gaps[one].argmin()), centres) for one in range(len(names))])


def _valley(points: FloatArray, labels: IntArray, one: int, other: int, centres: FloatArray) -> float:
    line = centres[other] - centres[one]
    length = float(line @ line)
    if length <= 0:
        return 1.0
    along = [(points[labels == name] - centres[one]) @ line / length for name in (one, other)]
    width = 1.06 * max(min(float(part.std()) for part in along), 0.01) * sum(map(len, along)) ** -0.2
    places = np.linspace(-0.5, 1.5, 161)
    density = np.exp(-0.5 * ((places[:, None] - np.concatenate(along)[None]) / width) ** 2).sum(axis=1)
    between = (places >= 0) & (places <= 1)
    lowest = int(np.flatnonzero(between)[density[between].argmin()])
    valley, peak = float(density[lowest]), float(min(density[: lowest + 1].max(), density[lowest:].max()))
    # a sum of n Gaussian kernels has variance n / sqrt(2): a few rows far out make no peak
    noise = math.sqrt((valley + peak) / math.sqrt(2.0))
    return valley / peak if peak - valley > CHANCE * noise else 1.0


def _clouds(points: FloatArray, n_clusters: int, seed: int) -> tuple[float, float]:
    """What k-means makes of clouds with the same spread along each principal axis and no clusters.

    The best silhouette, and the deepest valley between parts that chance made.
    """
    rng = np.random.default_rng(seed)
    centred = points - points.mean(axis=0)
    sizes = np.linalg.svd(centred, compute_uv=False) / math.sqrt(len(points))
    n = min(len(points), DRAWN_ROWS)
    values, deep = [], []
    for one in range(CLOUDS):
        for drawn in (rng.standard_normal((n, len(sizes))), rng.uniform(-math.sqrt(3), math.sqrt(3), (n, len(sizes)))):
            cloud = drawn * sizes
            labels = kmeans(cloud, n_clusters, seed=seed + one).labels
            values.append(silhouette(cloud, labels))
            deep.append(valleys(cloud, labels))
    return float(np.nanmax(values)), float(np.min(np.concatenate(deep)))


def _answer(best: Division, per_cluster: FloatArray) -> tuple[Answer, str]:
    """Whether these are clusters, with the numbers that say so."""
    name = METHODS[best.method][0]
    if not math.isfinite(best.silhouette):
        return "none", "There are no clusters worth the name: every method leaves the rows in one piece."
    again = f", found again in resamples to {100 * best.stability:.0f} %" if math.isfinite(best.stability) else ""
    seen = f"silhouette {best.silhouette:.2f}; {best.cloud:.2f} in a cloud without clusters"
    what = f"{best.n_clusters} groups by {name}, {seen}{again}"
    # dense regions may be bent, which no silhouette sees
    if best.method != "density" and best.silhouette < best.cloud:
        return (
            "none",
            f"There are no clusters worth the name: the best division is like cuts through one cloud ({what}).",
        )
    if best.apart < 0.5:
        return "none", f"There are no clusters worth the name: no gap lies between the groups that are found ({what})."
    if best.stability < UNSTABLE:
        return "none", f"There are no clusters worth the name: resampled rows give other ones ({what})."
    steady = math.isfinite(best.stability) and float(np.nanmin(per_cluster, initial=1.0)) >= STABLE
    if best.silhouette >= CLEAR and best.apart >= 0.9 and steady:
        return "clear", f"There are clear clusters ({what})."
    return "weak", f"There are clusters with blurred borders ({what})."


def _with_stability(one: Division, measured: Mapping[str, Stability]) -> Division:
    if one.method not in measured:
        return one
    found = measured[one.method]
    # a mean over clusters: large ones would hide that small ones come and go
    seen = found.jaccard[np.isfinite(found.jaccard)]
    return replace(one, stability=float(seen.mean()) if len(seen) else math.nan, rand=found.rand)


def _same(one: Division, other: Division) -> bool:
    return (one.method, one.n_clusters) == (other.method, other.n_clusters)


def _labelled(labels: IntArray, sample: FloatArray, points: FloatArray, rows: IntArray) -> IntArray:
    if len(rows) == len(points):
        return labels
    found: IntArray = labels[nearest(sample, points).row[:, 0]]
    found[rows] = labels
    return found


def _by_size(labels: IntArray) -> tuple[IntArray, IntArray]:
    """Labels with the largest cluster first, and which old one each new one is."""
    names, counts = np.unique(labels[labels != NOISE], return_counts=True)
    order = names[np.argsort(-counts, kind="stable")]
    number = np.full(int(names.max(initial=-1)) + 2, NOISE, dtype=np.int64)
    number[order] = np.arange(len(order))
    return number[labels], order


def _sample(n: int, limit: int, seed: int) -> IntArray:
    if n <= limit:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, limit, replace=False))


def _nothing(n: int, why: str) -> FoundClusters:
    """One cluster of all rows, and why."""
    best = Division("kmeans", 1, math.nan, 0.0)
    sentence = f"There are no clusters worth the name: {why}."
    return FoundClusters(frozen(np.zeros(n, dtype=np.int64)), "none", sentence, best, (), np.full(1, math.nan), why)


def _checked(points: FloatArray) -> FloatArray:
    known = np.asarray(points, dtype=np.float64)
    if known.ndim != 2 or not len(known):
        raise DataError(f"points to cluster have shape {known.shape}; (n_rows, n_dimensions) with a row is needed.")
    bad = np.flatnonzero(~np.isfinite(known).all(axis=1))
    if len(bad):
        raise DataError(
            f"row {int(bad[0])} (and {len(bad) - 1} more) of the points to cluster is not finite. Impute and scale the "
            "features first, for instance with matloop.profile.space.fit_space."
        )
    return known if known.shape[1] else np.zeros((len(known), 1))
