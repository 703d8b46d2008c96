"""The contract of an acquisition: what every name in ACQUISITIONS must keep, also those of plug-ins.

from matloop.testing.acquisition_contract import check_acquisition
check_acquisition("my_acquisition")
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.design.contract import Belief

WIDTH, SEED = 2, 3


@dataclass(frozen=True, slots=True)
class Fixed:
    """An exact Gaussian process with settings that are given: squared exponential, one length for all columns."""

    X: FloatArray
    y: FloatArray
    length: float = 0.3
    scale: float = 1.0
    mean: float = 0.0
    noise: float = 1e-3

    words = "Gaussian process with given settings"

    def _kernel(self, A: FloatArray, B: FloatArray) -> FloatArray:
        distance = ((A[:, None, :] - B[None, :, :]) ** 2).sum(axis=2)
        kernel: FloatArray = self.scale**2 * np.exp(-0.5 * distance / self.length**2)
        return kernel

    def _factor(self) -> FloatArray:
        return np.asarray(np.linalg.cholesky(self._kernel(self.X, self.X) + self.noise**2 * np.eye(len(self.X))))

    def joint(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        if not len(self.X):
            return np.full(len(X), self.mean), self._kernel(X, X)
        L = self._factor()
        half = np.linalg.solve(L, self._kernel(self.X, X))
        return self.mean + half.T @ np.linalg.solve(L, self.y - self.mean), self._kernel(X, X) - half.T @ half

    def predict(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        if not len(self.X):
            return np.full(len(X), self.mean), np.full(len(X), self.scale)
        L = self._factor()
        half = np.linalg.solve(L, self._kernel(self.X, X))
        variance = np.maximum(self.scale**2 - (half**2).sum(axis=0), 0.0)
        return self.mean + half.T @ np.linalg.solve(L, self.y - self.mean), np.sqrt(variance)

    def draw(self, X: FloatArray, n: int, seed: int) -> FloatArray:
        mean, covariance = self.joint(X)
        values, vectors = np.linalg.eigh(covariance)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        return mean + np.random.default_rng(seed).standard_normal((n, len(X))) @ root.T

    def believing(self, X: FloatArray, y: FloatArray) -> Belief:
        return replace(self, X=np.vstack([self.X, X]), y=np.append(self.y, y))
