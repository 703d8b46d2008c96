"""Small domains: a square, and a grid of numbers and words."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest
from scipy.stats import qmc

from matloop.design.contract import Axes, Points


@dataclass(frozen=True)
class Cube:
    """The unit cube of some dimension."""

    dimension: int = 2
    columns: tuple = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "columns", tuple(f"x{i}" for i in range(self.dimension)))

    @property
    def axes(self):
        return Axes(self.columns, np.zeros(self.dimension, bool), np.arange(self.dimension))

    @property
    def log10_size(self):
        return np.inf

    def sample(self, n, seed, *, how="uniform"):
        if how == "sobol":
            return Points(qmc.Sobol(self.dimension, seed=seed).random_base2(int(np.ceil(np.log2(max(n, 1)))))[:n])
        if how == "latin":
            return Points(qmc.LatinHypercube(self.dimension, seed=seed).random(n))
        return Points(np.random.default_rng(seed).random((n, self.dimension)))

    def near(self, points, n, seed, *, reach=0.1):
        rng = np.random.default_rng(seed)
        base = np.repeat(points.values, n, axis=0)
        moved = rng.random(base.shape) < max(0.5, 1 / self.dimension)
        return Points(np.clip(base + moved * rng.normal(0, reach, base.shape), 0, 1))

    def encode(self, points):
        return points.values.copy()

    def everything(self, limit=100_000):
        return None

    def why_not(self, points):
        inside = ((points.values >= 0) & (points.values <= 1)).all(axis=1)
        return np.where(inside, "", "outside")

    def frame(self, points):
        return pd.DataFrame(points.values, columns=list(self.columns))

    def keys(self, points):
        return np.array([",".join(f"{v:.9g}" for v in row) for row in points.values], dtype=np.str_)


@dataclass(frozen=True)
class Grid(Cube):
    """Numbers 0..3 and one of three words: 12 points."""

    dimension: int = 2

    @property
    def axes(self):
        return Axes(self.columns, np.array([False, True]), np.arange(2))

    @property
    def log10_size(self):
        return float(np.log10(12))

    def everything(self, limit=100_000):
        return Points(np.array([[a, b] for a in range(4) for b in range(3)], float))

    def sample(self, n, seed, *, how="uniform"):
        return self.everything().take(np.random.default_rng(seed).permutation(12)[:n])

    def near(self, points, n, seed, *, reach=0.1):
        rng = np.random.default_rng(seed)
        base = np.repeat(points.values, n, axis=0)
        step = base + rng.integers(-1, 2, base.shape)
        return Points(np.column_stack([np.clip(step[:, 0], 0, 3), step[:, 1] % 3]))

    def encode(self, points):
        return points.values / np.array([3.0, 1.0])

    def why_not(self, points):
        return np.where(((points.values >= 0) & (points.values <= [3, 2])).all(axis=1), "", "outside")


@pytest.fixture
def cube():
    return Cube


@pytest.fixture
def grid():
    return Grid()
