"""Some settings are given by circumstances (the humidity of today, the batch of a precursor): search the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, TextArray
from matloop.core.errors import ConfigError
from matloop.design.contract import Axes, Domain, How, Points

if TYPE_CHECKING:
    import pandas as pd

_ROUNDS = 12
"""times that more points are drawn, twice as many each, until enough of them are allowed"""


@dataclass(frozen=True, slots=True)
class Held:
    """A domain in which some columns always have the given values. What was measured under other circumstances still
    teaches: encoding is that of the whole domain.

    given : shape (n_columns,), NaN for what is searched.
    """

    domain: Domain
    given: FloatArray

    @property
    def columns(self) -> tuple[str, ...]:
        return self.domain.columns

    @property
    def axes(self) -> Axes:
        return self.domain.axes

    @property
    def log10_size(self) -> float:
        """Of the whole domain: an upper bound."""
        return self.domain.log10_size

    def sample(self, n: int, seed: int, *, how: How = "uniform") -> Points:
        """`n` allowed points under these circumstances, fewer where there are not so many."""
        found = np.zeros((0, len(self.columns)))
        for step in range(_ROUNDS):
            drawn = self.domain.sample(n << step, seed + step, how=how)
            found = self._different(np.vstack([found, self._allowed(drawn).values]))
            if len(found) >= n or len(drawn) < n << step:
                break
        return Points(found[:n])

    def near(self, points: Points, n: int, seed: int, *, reach: float = 0.1) -> Points:
        """`n` points around each; where a move is not allowed under these circumstances, the point itself."""
        moved = self._set(self.domain.near(points, n, seed, reach=reach))
        stay = np.repeat(points.values, n, axis=0)
        good = self._may(moved)
        return Points(np.where(good[:, None], moved.values, stay))

    def encode(self, points: Points) -> FloatArray:
        return self.domain.encode(points)

    def everything(self, limit: int = 100_000) -> Points | None:
        """All points under these circumstances, where the whole domain has at most `limit`."""
        whole = self.domain.everything(limit)
        if whole is None:
            return None
        fixed = ~np.isnan(self.given)
        here = np.isclose(whole.values[:, fixed], self.given[fixed]).all(axis=1)
        return whole.take(np.flatnonzero(here))

    def why_not(self, points: Points) -> TextArray:
        """Also where a point is of other circumstances."""
        fixed = ~np.isnan(self.given)
        here = np.isclose(points.values[:, fixed], self.given[fixed]).all(axis=1)
        told = ", ".join(np.array(self.columns)[fixed])
        return np.where(here, self.domain.why_not(points), f"other circumstances than given ({told})")

    def frame(self, points: Points) -> pd.DataFrame:
        return self.domain.frame(points)

    def read(self, frame: pd.DataFrame) -> tuple[Points, TextArray]:
        return self.domain.read(frame)

    def keys(self, points: Points) -> TextArray:
        return self.domain.keys(points)

    def _set(self, points: Points) -> Points:
        return Points(np.where(np.isnan(self.given), points.values, self.given))

    def _may(self, points: Points) -> BoolArray:
        return np.asarray(self.domain.why_not(points) == "")

    def _allowed(self, points: Points) -> Points:
        there = self._set(points)
        return there.take(self._may(there))

    def _different(self, values: FloatArray) -> FloatArray:
        _, first = np.unique(self.keys(Points(values)), return_index=True)
        return values[np.sort(first)]


def held(domain: Domain, values: Mapping[str, float | str]) -> Held:
    """The domain with these columns at these values, in the user's units and words.

    Examples
    --------
    `strategy.suggest(held(domain, {"humidity": 45}), history, goals, 5, seed=0)` asks for what to do today.

    Raises
    ------
    ConfigError : the domain has no such column (a table of candidates has none that can be held), the column does not
        know the value, or nothing is allowed there (one component of a mixture alone, too: the others would have to
        follow).
    """
    unknown = [name for name in values if name not in domain.columns]
    if unknown:
        raise ConfigError(f"the space has no column {unknown[0]!r} to hold. Columns: {', '.join(domain.columns)}.")
    some = domain.sample(1, 0)
    frame = domain.frame(some).astype(object)
    for name, value in values.items():
        frame[name] = value
    read, why = domain.read(frame)
    row = read.values[0]
    lost = [name for k, name in enumerate(domain.columns) if name in values and np.isnan(row[k])]
    if lost:
        raise ConfigError(f"{lost[0]} cannot be held at {values[lost[0]]!r}: {why[0]}")
    given = np.array([row[k] if name in values else np.nan for k, name in enumerate(domain.columns)])
    found = Held(domain, given)
    if not len(found.sample(1, 0)):
        told = ", ".join(f"{name} = {value}" for name, value in values.items())
        raise ConfigError(f"nothing in the space is allowed with {told}: see its limits and constraints.")
    return found
