"""Tables of candidates: rows are all there is; columns become numbers, words or described matter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from matloop.core.arrays import FloatArray, IntArray, TextArray
from matloop.core.errors import ConfigError
from matloop.data.collect import collect, from_frame
from matloop.data.inputs import refuse_unknown_columns
from matloop.data.table import RawTable
from matloop.data.values import read_numbers
from matloop.data.words import shown, texts
from matloop.design.contract import Axes, How, Points
from matloop.design.space.cells import frame_of, keys_of, values_of
from matloop.design.space.conditions import Conditions, conditions_of
from matloop.design.space.encoding import Encoder, encoder_of
from matloop.design.space.layout import Layout, layout_of
from matloop.problem.question import Source
from matloop.problem.space import Categorical, Continuous, Parameter, Space

ROW = "row"
"""The first column of points of a table: the candidate, from 0; -1 for an experiment that is none of them."""
_NUMERIC_SHARE = 0.95  # of the filled cells that are numbers, from which on a column is one of numbers


def open_candidates(space: Space, base: Path) -> TableDomain:
    """The rows of a file as a domain; see `domain.open_domain`."""
    return _domain(collect(Source(space.candidates), base=base), space)


def domain_of(frame: pd.DataFrame, *, parameters: Sequence[Parameter] = (), like: Space | None = None) -> TableDomain:
    """The rows of a data frame as a domain.

    Parameters
    ----------
    parameters : the columns that describe a row; none given: all columns, numbers or words as they look.
    like : constraints are taken from here.

    Examples
    --------
    >>> len(domain_of(pd.DataFrame({"x": [1.0, 2.0, 3.0]})).sample(2, seed=0))
    2
    """
    space = like or Space(candidates="data frame")
    return _domain(from_frame(frame), replace(space, parameters=tuple(parameters) or space.parameters))


def _domain(raw: RawTable, space: Space) -> TableDomain:
    parameters = space.parameters or tuple(_looked_at(raw, name) for name in raw.names)
    refuse_unknown_columns(raw, [("the space", name) for name in layout_of(parameters).names])
    parameters = tuple(_ranged(raw, one) for one in parameters)
    layout = layout_of(parameters)
    frame = pd.DataFrame({name: raw.column(name) for name in layout.names})
    values, _ = values_of(layout, frame)
    conditions = conditions_of(space.constraints, layout, lambda some: frame_of(layout, some))
    kept = np.flatnonzero(conditions.allowed(values)) if conditions else np.arange(len(values))
    if not len(kept):
        raise ConfigError(f"{raw.provenance.source}: no candidate meets the constraints. Loosen one.")
    first = np.sort(np.unique(keys_of(layout, values[kept]), return_index=True)[1])
    return TableDomain(layout, conditions, encoder_of(layout), np.ascontiguousarray(values[kept[first]]), kept[first])


def _looked_at(raw: RawTable, name: str) -> Parameter:
    column = raw.column(name)
    read = read_numbers(column, missing=raw.missing, name=name)
    filled = np.array([shown(value) != "" for value in column.tolist()])
    if np.isfinite(read.values[filled]).mean() >= _NUMERIC_SHARE if filled.any() else False:
        return Continuous(name, 0.0, 0.0)
    return Categorical(name, ())


def _ranged(raw: RawTable, one: Parameter) -> Parameter:
    """A parameter with the range or the words that the table has."""
    if isinstance(one, Continuous) and one.low == one.high:
        values = read_numbers(raw.column(one.name), missing=raw.missing, name=one.name).values
        return replace(one, low=float(np.nanmin(values)), high=float(np.nanmax(values)))
    if isinstance(one, Categorical) and not one.values:
        words = dict.fromkeys(text for text in texts(raw.column(one.name)).tolist() if text)
        return replace(one, values=tuple(words))
    return one


@dataclass(frozen=True)
class TableDomain:
    """Candidates; see `contract.Domain`. Points hold the row, and the values of the columns that describe it."""

    layout: Layout
    conditions: Conditions
    encoder: Encoder
    table: FloatArray
    """Shape (n_candidates, width): each different candidate once."""
    rows: IntArray
    """The row of the file of each candidate, from 0."""

    @property
    def columns(self) -> tuple[str, ...]:
        return (ROW, *self.layout.names)

    @property
    def axes(self) -> Axes:
        return self.encoder.axes

    @property
    def log10_size(self) -> float:
        return float(np.log10(len(self.table)))

    def sample(self, n: int, seed: int, *, how: How = "uniform") -> Points:
        order = np.random.default_rng(seed).permutation(len(self.table))
        return self.points(order[:n])

    def points(self, rows: IntArray) -> Points:
        """Candidates by their place."""
        return Points(np.column_stack([rows.astype(float), self.table[rows]]))

    def near(self, points: Points, n: int, seed: int, *, reach: float = 0.1) -> Points:
        rng = np.random.default_rng(seed)
        X, at = self._encoded, self.encode(points)
        k = min(len(X), max(n + 1, int(reach * len(X))))
        found = []
        for row in at:
            order = np.argsort(((X - row) ** 2).sum(axis=1), kind="stable")[:k]
            found.append(rng.choice(order, n, replace=len(order) < n))
        return self.points(np.concatenate(found) if found else np.zeros(0, dtype=np.int64))

    def encode(self, points: Points) -> FloatArray:
        return self.encoder(self._values(points))

    def everything(self, limit: int = 100_000) -> Points | None:
        return self.points(np.arange(len(self.table))) if len(self.table) <= limit else None

    def why_not(self, points: Points) -> TextArray:
        known = points.values[:, 0] >= 0
        return np.where(known, "", "is none of the candidates")

    def frame(self, points: Points) -> pd.DataFrame:
        return frame_of(self.layout, self._values(points))

    def read(self, frame: pd.DataFrame) -> tuple[Points, TextArray]:
        values, odd = values_of(self.layout, frame)
        places = self._places
        rows = np.array([places.get(key, -1) for key in keys_of(self.layout, values).tolist()], dtype=float)
        values = np.where((rows >= 0)[:, None], self.table[rows.astype(int)], values)
        why = np.where(rows >= 0, "", np.where(odd == "", "is none of the candidates", odd))
        return Points(np.column_stack([rows, values])), why

    def keys(self, points: Points) -> TextArray:
        return keys_of(self.layout, self._values(points))

    def _values(self, points: Points) -> FloatArray:
        """Values of the columns; a point may be given by its row alone."""
        if points.values.shape[1] == 1 and self.layout.width:
            return self.table[points.values[:, 0].astype(np.int64)]
        return points.values[:, 1:]

    @cached_property
    def _encoded(self) -> FloatArray:
        return self.encoder(self.table)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {key: row for row, key in enumerate(keys_of(self.layout, self.table).tolist())}
