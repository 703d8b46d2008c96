"""The columns of the points of a space: which parameter each belongs to, how it varies, and when it exists."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray
from matloop.design.space.scales import Scalar, Scale, scale_of
from matloop.problem.space import Categorical, Mixture, Parameter


@dataclass(frozen=True, slots=True)
class Existence:
    """A column exists where the column `parent` has one of `values`."""

    parent: int
    values: FloatArray


@dataclass(frozen=True, slots=True)
class Single:
    """A parameter of one column; `place` of the parameter in the space, `column` of its values."""

    place: int
    column: int
    parameter: Scalar
    scale: Scale
    exists: Existence | None

    @property
    def name(self) -> str:
        return self.parameter.name


@dataclass(frozen=True, slots=True)
class Blend:
    """A mixture: its columns are `start` to `stop`.

    low, high, least : of each component, shape (k,). at_least, at_most : how many are present. step : 0 for any amount.
    """

    place: int
    start: int
    mixture: Mixture
    low: FloatArray
    high: FloatArray
    least: FloatArray
    at_least: int
    at_most: int

    @property
    def name(self) -> str:
        return self.mixture.name

    @property
    def stop(self) -> int:
        return self.start + len(self.low)

    @property
    def columns(self) -> slice:
        return slice(self.start, self.stop)

    @property
    def step(self) -> float:
        return self.mixture.step

    @property
    def floor(self) -> FloatArray:
        """The smallest amount of a component that is present, shape (k,)."""
        smallest: FloatArray = np.maximum(np.maximum(self.low, self.least), self.step)
        return smallest

    @property
    def forced(self) -> BoolArray:
        """Components that are always there."""
        always: BoolArray = self.low > 0
        return always


@dataclass(frozen=True, slots=True)
class Layout:
    """All columns. singles : in the order in which their existence can be told, parents first."""

    names: tuple[str, ...]
    singles: tuple[Single, ...]
    blends: tuple[Blend, ...]

    @property
    def width(self) -> int:
        return len(self.names)

    def column(self, name: str) -> int:
        return self.names.index(name)

    def single(self, column: int) -> Single | None:
        return next((one for one in self.singles if one.column == column), None)

    def exists(self, values: FloatArray) -> BoolArray:
        """Which columns exist in each row, shape (n, width)."""
        there = np.ones(values.shape, dtype=bool)
        for one in self.singles:
            if one.exists is not None:
                parent = one.exists.parent
                there[:, one.column] = there[:, parent] & np.isin(values[:, parent], one.exists.values)
        return there

    @property
    def is_conditional(self) -> bool:
        return any(one.exists is not None for one in self.singles)


def layout_of(parameters: tuple[Parameter, ...]) -> Layout:
    """The columns of parameters that were checked before (`problem.space_faults`)."""
    names: list[str] = []
    starts: dict[str, int] = {}
    for parameter in parameters:
        starts[parameter.name] = len(names)
        names += [part.name for part in parameter.components] if isinstance(parameter, Mixture) else [parameter.name]
    by_name = {parameter.name: parameter for parameter in parameters}
    singles = [
        Single(place, starts[p.name], p, scale_of(p), _existence(p, by_name, starts))
        for place, p in enumerate(parameters)
        if not isinstance(p, Mixture)
    ]
    blends = [_blend(place, starts[p.name], p) for place, p in enumerate(parameters) if isinstance(p, Mixture)]
    return Layout(tuple(names), _parents_first(singles), tuple(blends))


def _existence(parameter: Scalar, by_name: dict[str, Parameter], starts: dict[str, int]) -> Existence | None:
    when = parameter.when
    if when is None:
        return None
    parent = by_name[when.parameter]
    codes = [parent.values.index(str(v)) if isinstance(parent, Categorical) else float(v) for v in when.values]
    return Existence(starts[when.parameter], np.array(codes, dtype=float))


def _parents_first(singles: list[Single]) -> tuple[Single, ...]:
    left, done, ordered = list(singles), set[int](), list[Single]()
    while left:
        ready = [one for one in left if one.exists is None or one.exists.parent in done]
        ordered += ready
        done.update(one.column for one in ready)
        left = [one for one in left if one.column not in done]
    return tuple(ordered)


def _blend(place: int, start: int, mixture: Mixture) -> Blend:
    low, high, least = (
        np.array([getattr(part, key) for part in mixture.components], dtype=float) for key in ("low", "high", "least")
    )
    forced = int((low > 0).sum())
    at_least = max(mixture.at_least, forced, 1)
    return Blend(place, start, mixture, low, high, least, at_least, mixture.at_most or len(low))
