"""A map: each row as a mark, rows with similar features near each other, with what the map is worth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import FloatArray, frozen
from matloop.core.errors import DataError
from matloop.profile import MAPS
from matloop.profile.quality import agreement, continuity, trustworthiness
from matloop.profile.space import FeatureSpace, as_rows, fit_space
from matloop.represent.standard import Standard
from matloop.represent.table import Columns, FeatureTable

NewRows = Literal["exactly", "by neighbours"]
STABILITY_ROWS = 800


@dataclass(frozen=True, slots=True)
class Map:
    """Where each row lies.

    xy : shape (n, n_components); axes have no unit, and only those of `pca` have a meaning of their own.
    method, how : the name in `MAPS`, and in words what was done with how many rows.
    explained : shape (n_components,), share of the variance along each axis; NaN for methods without straight axes.
    trustworthiness, continuity : see `matloop.profile.quality`; NaN for fewer than four rows.
    new_rows : whether other rows are placed "exactly" (pca, autoencoder) or "by neighbours" (tsne, umap).
    """

    xy: FloatArray
    method: str
    how: str
    explained: FloatArray
    trustworthiness: float
    continuity: float
    new_rows: NewRows


@dataclass(frozen=True, slots=True)
class FittedMap:
    """A map that can place other rows, too; `mapper` is a fitted transformer of points in `space`."""

    map: Map
    space: FeatureSpace
    mapper: Any

    def place(self, X: FloatArray | FeatureTable) -> FloatArray:
        """Where rows with the same columns lie, shape (n, n_components); `map.new_rows` says how well that is known.

        Raises
        ------
        DataError : not the columns of the rows that the map was made of.
        """
        values = X.X if isinstance(X, FeatureTable) else as_rows(X)
        width = _asked_width(self.space.standard)
        if values.shape[1] < width:
            raise DataError(f"the rows have {values.shape[1]} columns; the map was made of rows with at least {width}.")
        if self.mapper is None:
            return np.zeros((len(values), self.map.xy.shape[1]))
        return np.asarray(self.mapper.transform(self.space.place(values)), dtype=np.float64)


def make_map(
    X: ArrayLike | FeatureTable,
    columns: Columns | None = None,
    *,
    method: str = "pca",
    seed: int = 0,
    n_components: int = 2,
) -> Map:
    """Draw rows so that similar ones lie near each other.

    Features are imputed at the median and standardised, constant ones are left out, categories become a column per
    word; neighbour maps start from at most 50 principal axes. The time is bounded: t-SNE embeds at most 3,000 rows and
    UMAP 5,000, and the others are laid beside their neighbours (`how` says so).

    Parameters
    ----------
    X : shape (n_rows, n_features), or a feature table (then `columns` is not needed).
    columns : which columns of an array are categories.
    method : a name in `matloop.profile.MAPS`: "pca", "tsne", "umap" (extra `explain`), "autoencoder" (extra `deep`).
    seed : the same input and seed give the same map.

    Raises
    ------
    ConfigError : no such method. MissingExtra : its library is not installed. DataError : X is no table of numbers.

    Examples
    --------
    >>> rows = np.random.default_rng(0).normal(size=(40, 5))
    >>> make_map(rows, method="pca").xy.shape
    (40, 2)
    """
    return fit_map(X, columns, method=method, seed=seed, n_components=n_components).map


def fit_map(
    X: ArrayLike | FeatureTable,
    columns: Columns | None = None,
    *,
    method: str = "pca",
    seed: int = 0,
    n_components: int = 2,
) -> FittedMap:
    """As `make_map`, with what is needed to place other rows on the same map."""
    values, known = (X.X, X.columns()) if isinstance(X, FeatureTable) else (as_rows(X), columns)
    return map_in(fit_space(values, known, seed=seed), values, method=method, seed=seed, n_components=n_components)


def map_in(space: FeatureSpace, X: FloatArray, *, method: str, seed: int, n_components: int = 2) -> FittedMap:
    """A map of rows in a space that is there already, for several maps of the same rows."""
    if n_components < 1:
        raise DataError(f"{n_components} map axes; at least 1 is needed, 2 to draw.")
    make = MAPS.load(method)
    points = space.place(X)
    if len(points) < 2 or not points.shape[1]:
        return FittedMap(_empty(len(points), method, space, n_components, make.new_rows), space, None)
    mapper = make(n_components=n_components, seed=seed).fit(points)
    # shares are of the features' whole variance, not of the axes that were kept
    shares = getattr(mapper, "shares_", None)
    explained = np.full(n_components, math.nan) if shares is None else shares * min(float(space.shares.sum()), 1.0)
    found = Map(
        frozen(mapper.embedding_), method, f"{mapper.how_}; from {space.how}", frozen(explained),
        trustworthiness(points, mapper.embedding_, seed=seed), continuity(points, mapper.embedding_, seed=seed),
        make.new_rows,
    )  # fmt: skip
    return FittedMap(found, space, mapper)


def map_stability(
    X: ArrayLike | FeatureTable, columns: Columns | None = None, *, method: str, seed: int = 0, tries: int = 3
) -> float:
    """Whether the map would look alike with another seed and a tenth of the rows left out, in [0, 1].

    The mean `agreement` of every pair of `tries` maps, each of another nine tenths of (at most 800) rows, on the rows
    that both hold. Below about 0.8 read nothing from where islands lie, only from who is on them.
    """
    values, known = (X.X, X.columns()) if isinstance(X, FeatureTable) else (as_rows(X), columns)
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(values))[:STABILITY_ROWS]
    made = []
    for one in range(tries):
        kept = np.sort(rng.permutation(rows)[: max(round(0.9 * len(rows)), min(len(rows), 3))])
        xy = make_map(values[kept], known, method=method, seed=seed + one).xy
        made.append(dict(zip(kept.tolist(), xy, strict=True)))
    found = []
    for one in range(tries):
        for other in range(one):
            both = sorted(made[one].keys() & made[other].keys())
            if len(both) >= 3:
                found.append(agreement(*(np.array([m[row] for row in both]) for m in (made[one], made[other]))))
    known_pairs = [value for value in found if math.isfinite(value)]
    return float(np.mean(known_pairs)) if known_pairs else math.nan


def _empty(n: int, method: str, space: FeatureSpace, n_components: int, new_rows: NewRows) -> Map:
    why = "a single row" if n < 2 else space.how
    xy = frozen(np.zeros((n, n_components)))
    return Map(
        xy, method, f"{why}: all rows lie on one spot", frozen(np.zeros(n_components)), math.nan, math.nan, new_rows
    )


def _asked_width(standard: Standard) -> int:
    used = np.concatenate([standard.numbers, standard.categories])
    return int(used.max()) + 1 if len(used) else 0
