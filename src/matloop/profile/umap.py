"""UMAP: like t-SNE a map of neighbours, quicker on many rows; needs the library umap-learn."""

from __future__ import annotations

import warnings
from typing import Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from matloop.core.arrays import FloatArray
from matloop.core.optional import require
from matloop.profile.landmarks import all_rows, beside_neighbours, landmarks
from matloop.profile.pca import PrincipalAxes

NEIGHBOURS, MIN_DIST = 15, 0.1
"""The defaults of McInnes et al. (2018)."""
FEWEST = 5


class ManifoldProjection(TransformerMixin, BaseEstimator):
    """Uniform manifold approximation and projection, begun from the principal axes, in one thread (repeatable).

    Parameters
    ----------
    n_components : axes of the map.
    seed : of the optimisation and of which rows are embedded where there are more than `limit` different ones; the
        others are laid at the median of their ten nearest embedded rows.

    Raises
    ------
    MissingExtra : umap-learn is not installed.

    References
    ----------
    McInnes, Healy & Melville (2018). doi:10.48550/arXiv.1802.03426
    """

    new_rows = "by neighbours"

    def __init__(self, n_components: int = 2, seed: int = 0, limit: int = 5000) -> None:
        self.n_components = n_components
        self.seed = seed
        self.limit = limit

    def fit(self, X: FloatArray, y: None = None) -> Self:
        """Embed points (n, d)."""
        library = require("umap", extra="explain")
        rows, place = landmarks(X, self.limit, self.seed)
        start = PrincipalAxes(self.n_components).fit(X[rows]).embedding_
        self.points_, self.xy_, self.how_ = X[rows], start, "too few different rows for UMAP: principal axes"
        if len(rows) >= FEWEST:
            neighbours = min(NEIGHBOURS, len(rows) - 1)
            start = start / max(float(np.abs(start).max()), 1e-300)
            # it scales each axis of the start by its range, which must not be nothing
            start = 10.0 * start + 1e-3 * np.random.default_rng(self.seed).normal(size=start.shape)
            made = library.UMAP(
                neighbours, self.n_components, min_dist=MIN_DIST, random_state=self.seed, n_jobs=1,
                init=start.astype(np.float32),
            )  # fmt: skip
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # it warns that it obeys: one thread, a seed
                self.xy_ = np.asarray(made.fit_transform(self.points_.astype(np.float32)), dtype=np.float64)
            self.how_ = f"UMAP ({neighbours} neighbours, minimum distance {MIN_DIST}, seed {self.seed})"
        if (place < 0).any():
            self.how_ += f" of {len(rows):,} rows, the others at the median place of their ten nearest"
        self.embedding_ = all_rows(self.points_, self.xy_, X, place)
        return self

    def transform(self, X: FloatArray) -> FloatArray:
        """New points (n, d) at the median place of their ten nearest embedded rows: near the truth, not exact."""
        return beside_neighbours(self.points_, self.xy_, X)
