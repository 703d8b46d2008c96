"""How far a row is from the rows a model learnt from, in a space where features weigh alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import Arrays, FloatArray, IntArray, taken, within
from matloop.core.errors import BundleError
from matloop.doubt.domains.neighbours import nearest_places
from matloop.doubt.domains.space import Places, Space, drawn_rows, fit_space


@dataclass(frozen=True, slots=True)
class Nearness:
    """A space and training rows in it.

    landmarks : shape (n_landmarks, n_axes), float32.
    """

    space: Space
    landmarks: Places
    neighbours: int

    @property
    def columns(self) -> IntArray:
        """Feature columns with spread."""
        return self.space.columns

    @property
    def axes(self) -> FloatArray:
        """Shape (n_used, n_axes)."""
        return self.space.axes

    def project(self, X: FloatArray) -> Places:
        """Rows on the principal axes, shape (n, n_axes), float32."""
        return self.space.project(X)

    def nearest(
        self, X: FloatArray, *, part: IntArray | None = None, landmark_part: IntArray | None = None
    ) -> tuple[FloatArray, IntArray]:
        """Distance to the nearest landmarks and which they are, shape (n, k) each; infinite where there are not enough.

        With `part` (n,) and `landmark_part` (n_landmarks,) landmarks of a row's own part are not looked at.
        """
        return nearest_places(
            self.project(X), self.landmarks, self.neighbours, part=part, landmark_part=landmark_part
        )  # fmt: skip

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
        return self.space.to_arrays() | {"landmarks": self.landmarks, "neighbours": np.array(self.neighbours)}

    @classmethod
    def from_arrays(cls, arrays: Arrays, n_features: int) -> Nearness:
        """The value that `to_arrays` gave, every index and shape checked (BundleError)."""
        space = Space.from_arrays(arrays, n_features)
        landmarks = taken(arrays, "landmarks", ndim=2).astype(np.float32)
        neighbours = int(within(arrays, "neighbours", 1, 1000, ndim=0))
        if space.n_axes != landmarks.shape[1] or len(landmarks) == 0:
            raise BundleError("the arrays of the distance to the training rows do not fit each other.")
        return cls(space, landmarks, neighbours)


def fit_nearness(
    X: FloatArray, *, n_axes: int, n_landmarks: int, neighbours: int, seed: int, weights: FloatArray | None = None
) -> tuple[Nearness, IntArray]:
    """Axes and landmarks of training rows, and which rows the landmarks are.

    `weights` (n_features,) stretch columns that matter more; see `fit_space`.
    """
    rows = drawn_rows(len(X), n_landmarks, seed)
    space = fit_space(X, rows, n_axes=n_axes, weights=weights)
    return Nearness(space, space.project(X[rows]), neighbours), rows
