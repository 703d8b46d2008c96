"""How far a row is from the rows a model learnt from, in a space where features weigh alike."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import Arrays, FloatArray, IntArray, taken, within
from matloop.core.errors import BundleError

CLIP = 8.0
"""Standardised features are clipped here; farther is far."""
VARIANCE = 0.95
BLOCK = 4_000_000
"""Distances held at once (16 MB in single precision)."""


@dataclass(frozen=True, slots=True)
class Nearness:
    """Standardised features, their principal axes, and training rows in them.

    columns : shape (n_used,), feature columns with spread. centre, scale : shape (n_used,), median and spread.
    axes : shape (n_used, n_axes). landmarks : shape (n_landmarks, n_axes), float32.
    """

    columns: IntArray
    centre: FloatArray
    scale: FloatArray
    axes: FloatArray
    landmarks: np.ndarray
    neighbours: int

    def standard(self, X: FloatArray) -> FloatArray:
        """Standardised features, shape (n, n_used); a missing value is taken at the median."""
        z = X[:, self.columns]
        z -= self.centre
        z /= self.scale
        np.clip(z, -CLIP, CLIP, out=z)
        z[np.isnan(z)] = 0.0
        return z

    def project(self, X: FloatArray) -> np.ndarray:
        """Rows on the principal axes, shape (n, n_axes), float32."""
        return (self.standard(X) @ self.axes).astype(np.float32)

    def nearest(
        self, X: FloatArray, *, part: IntArray | None = None, landmark_part: IntArray | None = None
    ) -> tuple[FloatArray, IntArray]:
        """Distance to the nearest landmarks and which they are, shape (n, k) each; infinite where there are not enough.

        With `part` (n,) and `landmark_part` (n_landmarks,) landmarks of a row's own part are not looked at.
        """
        places = self.project(X)
        squares = np.einsum("ij,ij->i", self.landmarks, self.landmarks)
        k = min(self.neighbours, len(self.landmarks))
        distance, index = np.empty((len(X), k)), np.empty((len(X), k), dtype=np.int64)
        step = max(1, BLOCK // len(self.landmarks))
        for start in range(0, len(X), step):
            rows = places[start : start + step]
            away = squares - 2.0 * (rows @ self.landmarks.T)
            if part is not None and landmark_part is not None:
                away[part[start : start + step, None] == landmark_part] = np.inf
            found = np.argpartition(away, k - 1, axis=1)[:, :k]
            # in double precision and from differences: products of large numbers would cancel
            gaps = rows[:, None, :].astype(np.float64) - self.landmarks[found]
            exact = np.sqrt(np.einsum("ijk,ijk->ij", gaps, gaps))
            exact[np.isinf(np.take_along_axis(away, found, axis=1))] = np.inf
            distance[start : start + step], index[start : start + step] = exact, found
        return distance, index

    def distance(
        self, X: FloatArray, *, part: IntArray | None = None, landmark_part: IntArray | None = None
    ) -> FloatArray:
        """Mean distance to the nearest landmarks, shape (n,); see `nearest`."""
        found, _ = self.nearest(X, part=part, landmark_part=landmark_part)
        there = np.isfinite(found)
        count = there.sum(axis=1)
        total = np.where(there, found, 0.0).sum(axis=1)
        return np.divide(total, count, out=np.full(len(found), np.inf), where=count > 0)

    def to_arrays(self) -> Arrays:
        return {
            "columns": self.columns,
            "centre": self.centre,
            "scale": self.scale,
            "axes": self.axes,
            "landmarks": self.landmarks,
            "neighbours": np.array(self.neighbours),
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays, n_features: int) -> Nearness:
        """The value that `to_arrays` gave, every index and shape checked (BundleError)."""
        columns = within(arrays, "columns", 0, n_features).astype(np.int64)
        centre, scale = (taken(arrays, name).astype(np.float64) for name in ("centre", "scale"))
        axes = taken(arrays, "axes", ndim=2).astype(np.float64)
        landmarks = taken(arrays, "landmarks", ndim=2).astype(np.float32)
        neighbours = int(within(arrays, "neighbours", 1, 1000, ndim=0))
        if (
            not len(columns) == len(centre) == len(scale) == len(axes)
            or axes.shape[1] != landmarks.shape[1]
            or len(landmarks) == 0
            or (scale <= 0).any()
        ):
            raise BundleError("the arrays of the distance to the training rows do not fit each other.")
        return cls(columns, centre, scale, axes, landmarks, neighbours)


def fit_nearness(
    X: FloatArray, *, n_axes: int, n_landmarks: int, neighbours: int, seed: int, weights: FloatArray | None = None
) -> tuple[Nearness, IntArray]:
    """Axes and landmarks of training rows, and which rows the landmarks are.

    The spread of a column is that of a normal one with its 5 and 95 % quantiles, or its standard deviation if larger
    (an element in few rows). `weights` (n_features,) stretch columns that matter more.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column without any value has no median
        finite = np.where(np.isfinite(X), X, np.nan)
        centre = np.nan_to_num(np.nanmedian(finite, axis=0)) if len(X) else np.zeros(X.shape[1])
        filled = np.where(np.isfinite(X), X, centre)
    low, high = np.quantile(filled, [0.05, 0.95], axis=0)
    deviation = filled.std(axis=0)
    scale = np.maximum((high - low) / 3.29, deviation)
    columns = np.flatnonzero(deviation > 1e-12 * np.maximum(np.abs(filled).max(axis=0), 1e-300)).astype(np.int64)
    stretch = np.ones(len(columns)) if weights is None else weights[columns]
    scale = scale[columns] / np.maximum(stretch, 1e-6)
    rows = np.sort(np.random.default_rng(seed).permutation(len(X))[:n_landmarks])
    blank = Nearness(columns, centre[columns], scale, np.eye(len(columns)), np.zeros((1, len(columns))), neighbours)
    axes = _axes(blank.standard(X[rows]), n_axes)
    ready = Nearness(columns, centre[columns], scale, axes, np.zeros((1, axes.shape[1])), neighbours)
    return Nearness(columns, ready.centre, ready.scale, axes, ready.project(X[rows]), neighbours), rows


def _axes(standard: FloatArray, n_axes: int) -> FloatArray:
    if standard.shape[1] == 0:
        return np.zeros((0, 1))
    spread = (
        np.cov(standard, rowvar=False).reshape(standard.shape[1], -1)
        if len(standard) > 1
        else np.eye(standard.shape[1])
    )
    variance, vectors = np.linalg.eigh(spread)
    variance, vectors = variance[::-1], vectors[:, ::-1]
    share = np.cumsum(np.maximum(variance, 0.0)) / max(float(np.maximum(variance, 0.0).sum()), 1e-300)
    kept = min(n_axes, 1 + int(np.searchsorted(share, VARIANCE)), len(variance))
    signs = np.sign(vectors[np.abs(vectors[:, :kept]).argmax(axis=0), np.arange(kept)])
    return np.ascontiguousarray(vectors[:, :kept] * np.where(signs == 0, 1.0, signs))
