"""Beliefs that are known exactly, and domains without a space behind them."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from matloop.design.contract import About, Aim, Axes, Points
from matloop.testing.acquisition_contract import Fixed


@dataclass(frozen=True)
class Cube:
    """All points of the unit cube."""

    width: int = 2
    log10_size = np.inf

    @property
    def columns(self):
        return tuple(f"x{k}" for k in range(self.width))

    @property
    def axes(self):
        return Axes(self.columns, np.zeros(self.width, bool), np.arange(self.width))

    def sample(self, n, seed, *, how="uniform"):
        return Points(np.random.default_rng(seed).random((n, self.width)))

    def near(self, points, n, seed, *, reach=0.1):
        rng = np.random.default_rng(seed)
        middle = np.repeat(points.values, n, axis=0)
        moved = rng.random(middle.shape) < np.maximum(rng.random((len(middle), 1)), 1 / self.width)
        return Points(np.clip(middle + moved * rng.normal(0, reach, middle.shape), 0, 1))

    def encode(self, points):
        return points.values

    def everything(self, limit=100_000):
        return None

    def keys(self, points):
        return np.array([",".join(f"{v:.9g}" for v in row) for row in points.values], dtype=np.str_).reshape(-1)


@dataclass(frozen=True)
class Pool(Cube):
    """The rows of a table."""

    X: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))

    def sample(self, n, seed, *, how="uniform"):
        rows = np.random.default_rng(seed).permutation(len(self.X))[:n]
        return Points(rows[:, None].astype(float))

    def encode(self, points):
        return self.X[points.values[:, 0].astype(int)]

    def everything(self, limit=100_000):
        return Points(np.arange(len(self.X))[:, None].astype(float)) if len(self.X) <= limit else None

    def keys(self, points):
        return points.values[:, 0].astype(int).astype(np.str_)


def wave(X):
    return np.sin(5 * X[:, 0]) + np.cos(3 * X[:, -1])


def known(n=12, width=2, seed=0):
    X = np.random.default_rng(seed).random((n, width))
    return X, wave(X)


def about_of(X, *rows, aims=None, **more):
    values = np.array(rows)
    aims = aims or tuple(Aim(k, best=float(row.max())) for k, row in enumerate(values))
    return About(aims, X, values, np.zeros((0, X.shape[1])), **more)


@pytest.fixture
def cube():
    return Cube()


@pytest.fixture
def learnt():
    """(belief, about) after twelve experiments."""
    X, y = known()
    return Fixed(X, y), about_of(X, y)


@pytest.fixture
def pool():
    return Pool


@pytest.fixture
def asking():
    """`asking(X, y, ...)`: what is asked about, with a row of values per belief."""
    return about_of


@dataclass(frozen=True)
class Told:
    """A belief that is read off an experiment: its columns `2 k` and `2 k + 1` are mean and standard deviation."""

    k: int = 0
    noise: float = 0.0
    words = "told"

    def predict(self, X):
        return X[:, 2 * self.k].copy(), X[:, 2 * self.k + 1].copy()

    def joint(self, X):
        return X[:, 2 * self.k].copy(), np.diag(X[:, 2 * self.k + 1] ** 2)

    def draw(self, X, n, seed):
        mean, std = self.predict(X)
        return mean + std * np.random.default_rng(seed).standard_normal((n, len(X)))

    def believing(self, X, y):
        return self


@pytest.fixture
def told():
    return Told


@pytest.fixture
def fixed():
    return Fixed


@pytest.fixture
def aim():
    return Aim
