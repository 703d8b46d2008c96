"""The contract of a measure of foreignness, and the measure together with the space it works in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from matloop.core.arrays import Arrays, FloatArray, nested, text, under
from matloop.core.errors import BundleError, ConfigError
from matloop.doubt.domains import DOMAINS
from matloop.doubt.domains.space import Places, Space, checked_rows, drawn_rows, fit_space

LANDMARKS, AXES = 2000, 20
CHUNK = 4096


class Measure(Protocol):
    """A fitted measure on the axes of a space. It is data only and was shown no target and no model."""

    def score(self, places: Places) -> FloatArray:
        """How foreign each place is, shape (n,): finite, 0 or more, larger is more foreign."""
        ...

    def to_arrays(self) -> Arrays: ...


@dataclass(frozen=True, slots=True)
class Method:
    """One way to measure foreignness: what `DOMAINS` holds.

    label : as a person would write it. quantity : what a score is, for a reason in words.
    fit : measure of training places (n, n_axes) and a seed. read : the measure that `to_arrays` gave, checked against
        the number of axes (BundleError).
    """

    name: str
    label: str
    quantity: str
    citation: str
    fit: Callable[[Places, int], Measure]
    read: Callable[[Arrays, int], Measure]


@dataclass(frozen=True, slots=True)
class Foreignness:
    """A measure that takes features as they are: `score` of new rows, larger is more foreign.

    Examples
    --------
    >>> import numpy as np
    >>> known = np.random.default_rng(0).normal(size=(300, 4))
    >>> found = fit_foreignness("kernel_density", known, seed=0)
    >>> near, far = found.score(np.array([[0.0, 0.0, 0.0, 0.0], [6.0, 0.0, 0.0, 0.0]]))
    >>> bool(far > 2 * near)
    True
    """

    method: str
    n_features: int
    space: Space
    measure: Measure

    def score(self, X: FloatArray) -> FloatArray:
        """How foreign each row of `X` (n, n_features) is to the rows learnt from; shape (n,), 0 or more.

        A missing value counts as the middle of its column.

        Raises
        ------
        DataError : other columns than were learnt from.
        """
        X = checked_rows(X, self.n_features)
        parts = [
            self.measure.score(self.space.project(X[start : start + CHUNK])) for start in range(0, len(X), CHUNK)
        ]  # fmt: skip
        return np.concatenate(parts) if parts else np.zeros(0)

    def to_arrays(self) -> Arrays:
        """Plain arrays; `from_arrays` scores the same."""
        arrays: Arrays = {"method": np.array(self.method)}
        return arrays | nested("space", self.space.to_arrays()) | nested("measure", self.measure.to_arrays())

    @classmethod
    def from_arrays(cls, arrays: Arrays, n_features: int) -> Foreignness:
        """The value that `to_arrays` gave.

        Raises
        ------
        BundleError : an array is missing or impossible, or the method is not known here; nothing of the file is run.
        """
        name = text(arrays, "method")
        space = Space.from_arrays(under("space", arrays), n_features)
        return cls(name, n_features, space, read_measure(name, under("measure", arrays), space.n_axes))


def method_of(name: str) -> Method:
    """The method of that name (ConfigError with the nearest names where there is none)."""
    found = DOMAINS.load(name)
    if not isinstance(found, Method):
        raise ConfigError(f"matloop.domains: {name!r} is a {type(found).__name__} and not a Method.")
    return found


def read_measure(name: str, arrays: Arrays, n_axes: int) -> Measure:
    """The measure `name` from its arrays (BundleError)."""
    if name not in DOMAINS:
        raise BundleError(f"the domain is a {name!r}, which is not known here. Install the package that made it.")
    return method_of(name).read(arrays, n_axes)


def fit_foreignness(name: str, X: FloatArray, *, seed: int = 0, n_axes: int = AXES) -> Foreignness:
    """Learn what is usual from training rows, by the method `name` of `DOMAINS`.

    Parameters
    ----------
    X : shape (n, n_features), NaN allowed. Features are standardised and put on principal axes (95 % of the variance,
        at most `n_axes`); at most 2,000 rows are kept as landmarks, drawn with `seed`.

    Raises
    ------
    DataError : no rows, or not a table. ConfigError : no such method.
    """
    X = checked_rows(X)
    method, rows = method_of(name), drawn_rows(len(X), LANDMARKS, seed)
    space = fit_space(X, rows, n_axes=n_axes)
    return Foreignness(name, X.shape[1], space, method.fit(space.project(X[rows]), seed))
