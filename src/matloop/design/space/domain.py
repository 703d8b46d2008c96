"""Spaces opened: everything that `contract.Domain` asks of one, for parameters with constraints or a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from matloop.core.arrays import FloatArray, TextArray
from matloop.core.errors import ConfigError, all_faults
from matloop.design.contract import Axes, Domain, How, Points
from matloop.design.space.candidates import open_candidates
from matloop.design.space.cells import WRITTEN, frame_of, keys_of, values_of
from matloop.design.space.conditions import conditions_of
from matloop.design.space.count import every, log10_count
from matloop.design.space.encoding import Encoder, encoder_of
from matloop.design.space.layout import Layout, layout_of
from matloop.design.space.limits import outside
from matloop.design.space.moves import around
from matloop.design.space.region import Region, region_of
from matloop.design.space.sampling import sampled
from matloop.problem.space import Space
from matloop.problem.space_faults import faults

if TYPE_CHECKING:
    import pandas as pd

_LISTED = 100_000
"""Spaces of up to as many points are listed once, and drawn from the list."""
_TOP_UPS = 8


def open_domain(space: Space, *, base: Path | str = ".", without: Sequence[str] = ()) -> Domain:
    """A space ready to be sampled, searched and encoded.

    Parameters
    ----------
    base : folder that the path of a table of candidates starts from.
    without : columns of that table that are results or names, and describe no candidate.

    Raises
    ------
    ConfigError : the space contradicts itself, or holds no point; every fault is told.
    DataError : the table of candidates cannot be read.

    Examples
    --------
    >>> from matloop.problem.space import Categorical, Continuous
    >>> space = Space((Continuous("T", 300.0, 400.0), Categorical("solvent", ("water", "DMF"))))
    >>> len(open_domain(space).sample(5, seed=0))
    5
    """
    wrong = faults(space)
    if wrong:
        raise ConfigError(all_faults("the space has to be mended:", wrong, limit=30))
    if space.candidates:
        return open_candidates(space, Path(base), without)
    layout = layout_of(space.parameters)
    conditions = conditions_of(space.constraints, layout, partial(frame_of, layout))
    return ParametricDomain(layout, region_of(layout, conditions), encoder_of(layout))


@dataclass(frozen=True)
class ParametricDomain:
    """The points of a space of parameters; see `contract.Domain`."""

    layout: Layout
    region: Region
    encoder: Encoder

    @property
    def columns(self) -> tuple[str, ...]:
        return self.layout.names

    @property
    def axes(self) -> Axes:
        return self.encoder.axes

    @cached_property
    def log10_size(self) -> float:
        """Counted under constraints where all points can be looked through, else before constraints."""
        return log10_count(self.layout) if self._all is None else math.log10(len(self._all))

    def sample(self, n: int, seed: int, *, how: How = "uniform") -> Points:
        if self._all is not None and (how == "uniform" or n >= len(self._all)):
            return Points(self._all[np.random.default_rng(seed).permutation(len(self._all))[:n]])
        found = sampled(self.region, n, seed, how)
        return Points(found if math.isinf(self.log10_size) else self._different(found, n, seed))

    def _different(self, values: FloatArray, n: int, seed: int) -> FloatArray:
        """Each point once, and others drawn for those that came twice."""
        for turn in range(1, _TOP_UPS + 1):
            known = np.nan_to_num(values, nan=-1e300)  # NaN is unlike itself
            first = np.sort(np.unique(known, axis=0, return_index=True)[1])
            values = values[first]
            if len(values) >= n:
                break
            values = np.concatenate([values, sampled(self.region, 2 * (n - len(values)) + 8, seed + turn)])
        return values[:n]

    @cached_property
    def _all(self) -> FloatArray | None:
        return every(self.layout, self.region.conditions, _LISTED)

    def near(self, points: Points, n: int, seed: int, *, reach: float = 0.1) -> Points:
        return Points(around(self.region, points.values, n, seed, reach))

    def encode(self, points: Points) -> FloatArray:
        return self.encoder(points.values)

    def everything(self, limit: int = 100_000) -> Points | None:
        found = self._all if limit <= _LISTED else every(self.layout, self.region.conditions, limit)
        return None if found is None or len(found) > limit else Points(found)

    def why_not(self, points: Points) -> TextArray:
        return outside(self.layout, self.region.conditions, points.values)

    def frame(self, points: Points) -> pd.DataFrame:
        return frame_of(self.layout, points.values)

    def read(self, frame: pd.DataFrame) -> tuple[Points, TextArray]:
        values, odd = values_of(self.layout, frame)
        why = outside(self.layout, self.region.conditions, values, told=odd, slack=WRITTEN)
        return Points(values), why

    def keys(self, points: Points) -> TextArray:
        return keys_of(self.layout, points.values)
