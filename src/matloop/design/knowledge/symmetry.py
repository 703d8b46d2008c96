"""Symmetries: experiments that must give the same value are one experiment to the model.

Each point is brought to one of its mirror images, always the same one, before any surrogate sees it; so every
prediction, covariance and draw is exactly equal for all images, and a measurement of one teaches all. A periodic
column becomes a point on a circle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import ConfigError
from matloop.design.contract import Axes, Belief, Surrogate
from matloop.design.knowledge.view import Natural, View
from matloop.design.surrogates.registry import make_surrogate

_STEPS = 2001


def make(
    axes: Axes,
    *,
    exchange: Sequence[Sequence[str]] = (),
    mirror: Mapping[str, float] | None = None,
    periodic: Mapping[str, float] | None = None,
    base: str = "gp",
    options: Mapping[str, Any] | None = None,
    natural: Natural | None = None,
) -> Symmetric:
    """A surrogate that knows symmetries.

    Parameters
    ----------
    exchange : groups of columns that may be exchanged among each other without changing the value. mirror : {column:
        centre}, the value is the same on both sides. periodic : {column: period}. base, options : the surrogate that
        learns. natural : encoded points to {column: values in its unit}; centres and periods are in these.

    Raises
    ------
    ConfigError : a column does not exist or cannot be used so.
    """
    view = View(axes, natural)
    folds: list[Fold | Words] = [_exchange(axes, view, tuple(group)) for group in exchange]
    folds += [_mirror(axes, view, name, float(centre)) for name, centre in (mirror or {}).items()]
    rings = tuple(_ring(axes, view, name, float(period)) for name, period in (periodic or {}).items())
    seen = [column for one in (*folds, *rings) for column in one.columns]
    if len(set(seen)) < len(seen):
        twice = next(axes.names[k] for k in seen if seen.count(k) > 1)
        raise ConfigError(f"{twice!r} is in two symmetries. Give each column once.")
    image = Image(axes, tuple(folds), rings)
    return Symmetric(image, make_surrogate(base, image.seen, **dict(options or {})))


@dataclass(frozen=True, slots=True)
class Fold:
    """Columns as values in natural units, put in order (several), or as the distance from a centre (one).

    low, high : of the natural values. grid : shape (n_columns, n), natural values at evenly spaced encoded ones.
    """

    columns: tuple[int, ...]
    grid: FloatArray
    centre: float = 0.0

    def __call__(self, X: FloatArray) -> FloatArray:
        """The same experiments, each by the image that stands for it; shape (n, n_columns), 0 to 1."""
        even = np.linspace(0.0, 1.0, self.grid.shape[1])
        values = np.stack([np.interp(X[:, k], even, own) for k, own in zip(self.columns, self.grid, strict=True)], 1)
        if len(self.columns) > 1:
            values, low, high = np.sort(values, axis=1), float(self.grid.min()), float(self.grid.max())
        else:
            values = np.abs(values - self.centre)
            low, high = 0.0, float(np.abs(self.grid - self.centre).max())
        return (values - low) / (high - low)


@dataclass(frozen=True, slots=True)
class Words:
    """Columns of words that may be exchanged: their codes in order."""

    columns: tuple[int, ...]

    def __call__(self, X: FloatArray) -> FloatArray:
        return np.sort(X[:, list(self.columns)], axis=1)


@dataclass(frozen=True, slots=True)
class Ring:
    """A periodic column as two: a point on a circle of diameter one."""

    columns: tuple[int, ...]
    grid: FloatArray
    period: float

    def __call__(self, X: FloatArray) -> FloatArray:
        even = np.linspace(0.0, 1.0, self.grid.shape[1])
        turn = np.interp(X[:, self.columns[0]], even, self.grid[0]) / self.period
        # whole periods go before the sine, so that images agree to the last digit but for rounding of the turn itself
        angle = 2.0 * np.pi * np.round(np.mod(turn, 1.0), 12) % (2.0 * np.pi)
        return 0.5 + 0.5 * np.stack([np.cos(angle), np.sin(angle)], axis=1)


@dataclass(frozen=True, slots=True)
class Image:
    """Points to the images that stand for them."""

    axes: Axes
    folds: tuple[Fold | Words, ...]
    rings: tuple[Ring, ...]

    @property
    def seen(self) -> Axes:
        """The columns of images: those of the points, and one more for each periodic column."""
        extra = [ring.columns[0] for ring in self.rings]
        names = self.axes.names + tuple(f"{self.axes.names[k]} (turned)" for k in extra)
        return Axes(
            names, np.append(self.axes.categorical, np.zeros(len(extra), bool)),
            np.append(self.axes.variable, self.axes.variable[extra]),
        )  # fmt: skip

    def __call__(self, X: FloatArray) -> FloatArray:
        if X.ndim != 2 or X.shape[1] != self.axes.width or not np.isfinite(X).all():
            return X  # the surrogate inside says what is wrong
        found = np.hstack([X, np.zeros((len(X), len(self.rings)))])
        for fold in self.folds:
            found[:, list(fold.columns)] = fold(X)
        for extra, ring in enumerate(self.rings):
            found[:, [ring.columns[0], self.axes.width + extra]] = ring(X)
        return found


@dataclass(frozen=True, slots=True)
class Symmetric:
    """See `make`."""

    image: Image
    base: Surrogate

    def turned(self, sign: float) -> Symmetric:
        """For values that are `sign` times the user's."""
        turned = getattr(self.base, "turned", None)
        return self if turned is None else replace(self, base=turned(sign))

    def fit(
        self, X: FloatArray, y: FloatArray, *, seed: int, noise: FloatArray | None = None, task: IntArray | None = None
    ) -> SymmetricBelief:
        """Learn from images of the points."""
        X = np.asarray(X, np.float64)
        return SymmetricBelief(self.image, self.base.fit(self.image(X), y, seed=seed, noise=noise, task=task))


@dataclass(frozen=True, slots=True)
class SymmetricBelief:
    """A belief about images."""

    image: Image
    base: Belief

    @property
    def noise(self) -> float:
        return self.base.noise

    @property
    def words(self) -> str:
        return f"{self.base.words}; symmetric by {len(self.image.folds) + len(self.image.rings)} rules"

    def predict(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        return self.base.predict(self.image(X))

    def joint(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        return self.base.joint(self.image(X))

    def draw(self, X: FloatArray, n: int, seed: int) -> FloatArray:
        return self.base.draw(self.image(X), n, seed)

    def believing(self, X: FloatArray, y: FloatArray) -> SymmetricBelief:
        return replace(self, base=self.base.believing(self.image(X), y))


def _place(axes: Axes, name: str, what: str) -> int:
    if name not in axes.names:
        raise ConfigError(f"{what}: there is no column {name!r}. Known: {', '.join(axes.names)}.")
    return axes.names.index(name)


def _number(axes: Axes, name: str, what: str) -> int:
    place = _place(axes, name, what)
    if axes.categorical[place]:
        raise ConfigError(f"{what}: {name!r} holds words, a number is needed.")
    return place


def _grid(axes: Axes, view: View, name: str, place: int) -> FloatArray:
    """Natural values of a column at evenly spaced encoded ones, shape (n,)."""
    X = np.full((_STEPS, axes.width), 0.5)
    X[:, axes.categorical] = 0.0
    X[:, place] = np.linspace(0.0, 1.0, _STEPS)
    return view.columns(X, (name,))[:, 0]


def _exchange(axes: Axes, view: View, names: tuple[str, ...]) -> Fold | Words:
    places = tuple(_place(axes, name, "exchange") for name in names)
    words = axes.categorical[list(places)]
    if len(set(places)) < 2 or words.any() != words.all():
        raise ConfigError(
            f"exchange: {', '.join(names)}; give two or more different columns, all numbers or all words."
        )
    if words.all():
        return Words(places)
    return Fold(places, np.stack([_grid(axes, view, n, k) for n, k in zip(names, places, strict=True)]))


def _mirror(axes: Axes, view: View, name: str, centre: float) -> Fold:
    place = _number(axes, name, "mirror")
    grid = _grid(axes, view, name, place)
    if not grid.min() < centre < grid.max():
        raise ConfigError(f"mirror: {name!r} runs from {grid.min():g} to {grid.max():g}; {centre:g} is not inside.")
    return Fold((place,), grid[None, :], centre)


def _ring(axes: Axes, view: View, name: str, period: float) -> Ring:
    if not period > 0:
        raise ConfigError(f"periodic: the period of {name!r} is {period:g}; it must be above zero.")
    place = _number(axes, name, "periodic")
    return Ring((place,), _grid(axes, view, name, place)[None, :], period)
