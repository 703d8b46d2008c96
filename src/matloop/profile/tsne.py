"""t-SNE: a map that keeps neighbours together; distances between islands mean little."""

from __future__ import annotations

from typing import Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from matloop.core.arrays import FloatArray
from matloop.profile.landmarks import all_rows, beside_neighbours, landmarks
from matloop.profile.pca import PrincipalAxes

PERPLEXITY = 30.0
"""The usual number of neighbours of a row (van der Maaten & Hinton 2008 use 5 to 50)."""
FEWEST = 5


class NeighbourEmbedding(TransformerMixin, BaseEstimator):
    """t-distributed stochastic neighbour embedding, begun from the principal axes so that the rough order is kept.

    Parameters
    ----------
    n_components : 2 or 3.
    seed : of the optimisation and of which rows are embedded where there are more than `limit` different ones; the
        others are laid at the median of their ten nearest embedded rows.
    limit : rows that are embedded; time grows with it (about ten seconds for 2,000 on one core).

    References
    ----------
    van der Maaten & Hinton, J. Mach. Learn. Res. 9 (2008) 2579 (t-SNE).
    Kobak & Berens, Nat. Commun. 10 (2019) 5416 (how to use it). doi:10.1038/s41467-019-13056-x
    """

    new_rows = "by neighbours"

    def __init__(self, n_components: int = 2, seed: int = 0, limit: int = 3000) -> None:
        self.n_components = n_components
        self.seed = seed
        self.limit = limit

    def fit(self, X: FloatArray, y: None = None) -> Self:
        """Embed points (n, d)."""
        rows, place = landmarks(X, self.limit, self.seed)
        start = PrincipalAxes(self.n_components).fit(X[rows]).embedding_
        self.points_, self.xy_, self.how_ = X[rows], start, "too few different rows for t-SNE: principal axes"
        if len(rows) >= FEWEST:
            perplexity = min(PERPLEXITY, (len(rows) - 1) / 3)
            self.xy_ = self._embedded(start, perplexity)
            self.how_ = f"t-SNE (perplexity {perplexity:.3g}, seed {self.seed})"
        if (place < 0).any():
            self.how_ += f" of {len(rows):,} rows, the others at the median place of their ten nearest"
        self.embedding_ = all_rows(self.points_, self.xy_, X, place)
        return self

    def _embedded(self, start: FloatArray, perplexity: float) -> FloatArray:
        from sklearn.manifold import TSNE

        # the optimisation wants a first axis of spread 1e-4 (Kobak & Berens 2019)
        start = 1e-4 * start / max(float(start[:, 0].std()), 1e-300)
        tsne = TSNE(
            self.n_components, perplexity=perplexity, init=start.astype(np.float32), random_state=self.seed, n_jobs=1
        )
        return np.asarray(tsne.fit_transform(self.points_.astype(np.float32)), dtype=np.float64)

    def transform(self, X: FloatArray) -> FloatArray:
        """New points (n, d) at the median place of their ten nearest embedded rows: near the truth, not exact."""
        return beside_neighbours(self.points_, self.xy_, X)
