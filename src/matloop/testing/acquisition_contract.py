"""The contract of an acquisition: what every name in ACQUISITIONS must keep, also those of plug-ins.

from matloop.testing.acquisition_contract import check_acquisition
check_acquisition("my_acquisition")
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from matloop.core.arrays import FloatArray, TextArray
from matloop.core.errors import ConfigError
from matloop.design.acquisition.choose import choose
from matloop.design.acquisition.registry import ACQUISITIONS
from matloop.design.contract import About, Acquisition, Aim, Axes, Belief, How, Points

if TYPE_CHECKING:
    import pandas as pd

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
        root = np.linalg.cholesky(covariance + 1e-8 * self.scale**2 * np.eye(len(X)))
        return mean + np.random.default_rng(seed).standard_normal((n, len(X))) @ root.T

    def believing(self, X: FloatArray, y: FloatArray) -> Belief:
        return replace(self, X=np.vstack([self.X, X]), y=np.append(self.y, y))


@dataclass(frozen=True, slots=True)
class Square:
    """All points of the unit square, as a domain without a space behind it."""

    columns = ("x0", "x1")
    axes = Axes(("x0", "x1"), np.zeros(2, dtype=np.bool_), np.arange(2))
    log10_size = np.inf

    def sample(self, n: int, seed: int, *, how: How = "uniform") -> Points:
        return Points(np.random.default_rng(seed).random((min(n, 128), WIDTH)))

    def near(self, points: Points, n: int, seed: int, *, reach: float = 0.1) -> Points:
        middle = np.repeat(points.values, n, axis=0)
        return Points(np.clip(middle + np.random.default_rng(seed).normal(0.0, reach, middle.shape), 0.0, 1.0))

    def encode(self, points: Points) -> FloatArray:
        return points.values

    def everything(self, limit: int = 100_000) -> Points | None:
        return None

    def why_not(self, points: Points) -> TextArray:
        outside = ((points.values < 0.0) | (points.values > 1.0)).any(axis=1)
        return np.where(outside, "outside the square", "")

    def frame(self, points: Points) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame(points.values, columns=list(self.columns))

    def read(self, frame: pd.DataFrame) -> tuple[Points, TextArray]:
        points = Points(frame[list(self.columns)].to_numpy(dtype=np.float64))
        return points, self.why_not(points)

    def keys(self, points: Points) -> TextArray:
        return np.array([f"{a:.9g},{b:.9g}" for a, b in points.values], dtype=np.str_)


def check_acquisition(name: str) -> None:
    """Raise AssertionError with the rule that the acquisition `name` breaks; nothing is returned.

    Checked, for open goals, goals with an end, and both: one number per experiment, never NaN or above all bounds;
    something is worth something; the same again, also alone and in other blocks; input untouched; certain, equal and
    no experiments; the same order whatever the unit of the values; batches of different experiments.

    Examples
    --------
    >>> check_acquisition("ucb")
    """
    made: Acquisition = ACQUISITIONS.load(name)()
    usable = 0
    for aims in _wishes():
        beliefs, about = _learnt(aims)
        try:
            made.worth(beliefs, _asked(), about)
        except ConfigError as error:
            _require("goal" in str(error) or "maximise" in str(error), "a goal that is missing is asked for in words")
            continue
        usable += 1
        _check_worth(made, beliefs, about)
        _check_odd(made, aims)
        _check_units(made, aims)
        if usable == 1:
            _check_batch(made, beliefs, about)
    _require(usable > 0, "it works for some kind of goal")


def _wishes() -> tuple[tuple[Aim, ...], ...]:
    """Open; with ends; both; two open ones. In units in which the values have a spread of about one."""
    window = Aim(1, is_open=False, low=-0.4, high=0.6)
    return (Aim(0),), (window,), (Aim(0), window), (Aim(0), Aim(1, weight=0.5))


def _asked() -> FloatArray:
    return np.random.default_rng(1).random((40, WIDTH))


def _learnt(aims: tuple[Aim, ...], unit: float = 1.0, shift: float = 0.0) -> tuple[tuple[Belief, ...], About]:
    X = np.random.default_rng(SEED).random((10, WIDTH))
    rows = [np.sin(5 * X[:, 0]) + X[:, 1], np.cos(4 * X[:, 1]) - X[:, 0]]
    values = np.array([shift + unit * row for row in rows])
    beliefs = tuple(Fixed(X, row, scale=unit, mean=shift, noise=1e-2 * unit) for row in values)
    turned = tuple(
        replace(aim, best=float(values[aim.belief].max()))
        if aim.is_open
        else replace(aim, low=shift + unit * aim.low, high=shift + unit * aim.high)
        for aim in aims
    )
    return beliefs, About(turned, X, values, np.zeros((0, WIDTH)), seed=SEED)


def _check_worth(made: Acquisition, beliefs: Sequence[Belief], about: About) -> None:
    X = _asked()
    kept, known = X.copy(), about.known.copy()
    worth = made.worth(beliefs, X, about)
    _require(worth.shape == (len(X),) and worth.dtype == np.float64, "there is one number per experiment")
    _require(not np.isnan(worth).any() and not np.isposinf(worth).any(), "worth is never NaN or infinitely high")
    _require(bool(np.isfinite(worth).any()), "something is worth something")
    _require(np.array_equal(made.worth(beliefs, X, about), worth), "the same question gives the same answer")
    _require(np.array_equal(X, kept) and np.array_equal(about.known, known), "input is not changed")
    prepare = getattr(made, "prepare", None)
    ready: Acquisition = made if prepare is None else prepare(beliefs, X, about)
    _require(made.worth(beliefs, X[:0], about).shape == (0,), "no experiments have no worth")
    if not getattr(made, "joint", False):
        whole = ready.worth(beliefs, X, about)
        parts = np.concatenate([ready.worth(beliefs, X[:1], about), ready.worth(beliefs, X[1:], about)])
        _require(np.allclose(parts, whole, rtol=1e-5, atol=1e-8), "an experiment is worth the same alone")


def _check_odd(made: Acquisition, aims: tuple[Aim, ...]) -> None:
    beliefs, about = _learnt(aims)
    certain = tuple(replace(belief, noise=0.0, scale=1e-9) for belief in beliefs if isinstance(belief, Fixed))
    twins = np.repeat(_asked()[:1], 5, axis=0)
    none = replace(
        about, known=about.known[:0], values=about.values[:, :0],
        aims=tuple(replace(aim, best=-np.inf) for aim in about.aims),
    )  # fmt: skip
    pending = replace(about, pending=_asked()[:3])
    cases = {
        "known experiments": (beliefs, about.known, about),
        "certain beliefs": (certain, np.vstack([about.known, _asked()]), about),
        "equal experiments": (beliefs, twins, about),
        "nothing known": (beliefs, _asked(), none),
        "pending experiments": (beliefs, _asked(), pending),
    }
    for what, (believed, X, case) in cases.items():
        worth = made.worth(believed, X, case)
        _require(worth.shape == (len(X),), f"{what}: there is one number per experiment")
        _require(not (np.isnan(worth) | np.isposinf(worth)).any(), f"{what}: worth is never NaN or infinitely high")
    same = made.worth(beliefs, twins, about)
    if not getattr(made, "joint", False):
        _require(np.allclose(same, same[0], rtol=1e-6, atol=1e-9), "equal experiments are worth the same")


def _check_units(made: Acquisition, aims: tuple[Aim, ...]) -> None:
    X = _asked()
    usual = made.worth(*_around(aims, X))
    for unit, shift in ((1e-7, 0.0), (1e7, 0.0), (1.0, 30.0)):
        other = made.worth(*_around(aims, X, unit, shift))
        finite = np.isfinite(usual)
        _require(np.array_equal(np.isfinite(other), finite), f"unit {unit:g}, shift {shift:g}: the same can be done")
        rank, other_rank = (np.argsort(np.argsort(w[finite], kind="stable")) for w in (usual, other))
        _require(bool(np.abs(rank - other_rank).max(initial=0) <= 2), f"unit {unit:g}, shift {shift:g}: the same order")


def _around(
    aims: tuple[Aim, ...], X: FloatArray, unit: float = 1.0, shift: float = 0.0
) -> tuple[tuple[Belief, ...], FloatArray, About]:
    beliefs, about = _learnt(aims, unit, shift)
    return beliefs, X, about


def _check_batch(made: Acquisition, beliefs: Sequence[Belief], about: About) -> None:
    domain = Square()
    found, again = (choose(made, beliefs, about, domain, 2, seed=SEED) for _ in range(2))
    _require(np.array_equal(found.X, again.X), "the same seed gives the same batch")
    _require(len(set(domain.keys(found.points))) == len(found.points), "the experiments of a batch differ")
    _require(len(found.points) > 0, "a batch has experiments")
    _require(bool(np.isfinite(found.worth).all()), "what is chosen is worth something")


def _require(truth: bool, rule: str) -> None:
    if not truth:
        raise AssertionError(rule)
