"""Tables of candidates: rows are all there is; columns become numbers, words, mixtures or described matter."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from matloop.core.arrays import FloatArray, IntArray, TextArray
from matloop.core.errors import ConfigError, DataError, all_faults, listed
from matloop.core.optional import available
from matloop.data.collect import collect, from_frame
from matloop.data.crystals import read_structure_column
from matloop.data.inputs import refuse_unknown_columns
from matloop.data.table import RawTable
from matloop.data.values import read_numbers
from matloop.data.words import texts
from matloop.design.contract import Axes, How, Points
from matloop.design.space.cells import WRITTEN, frame_of, keys_of, values_of
from matloop.design.space.conditions import Conditions, conditions_of
from matloop.design.space.described import ALIKE_ROWS, ALIKE_WORDS, Words, word_sight
from matloop.design.space.encoding import Encoder, encoder_of
from matloop.design.space.layout import Layout, layout_of
from matloop.design.space.nearness import Nearness, evenly, nearness_of
from matloop.matter.compositions import from_formulas
from matloop.problem.question import Source
from matloop.problem.space import Categorical, Continuous, Integer, Matter, Mixture, Ordinal, Parameter, Space
from matloop.problem.space_faults import faults

ROW = "row"
"""The first column of points of a table: the candidate, from 0; -1 for an experiment that is none of them."""
_NUMERIC_SHARE = 0.95  # of the filled cells that are numbers, from which on a column is one of numbers
_MANY_WORDS = 100  # different cells, from which on matter keeps descriptors as rows of a table do
_ROUNDED = 0.01  # by which the fractions of a row may miss one
_MATTER: tuple[tuple[str, Matter], ...] = (("smiles", "molecule"), ("formula|composition", "composition"))


def open_candidates(space: Space, base: Path, without: Sequence[str] = ()) -> TableDomain:
    """The rows of a file as a domain; see `domain.open_domain`."""
    return _domain(collect(Source(space.candidates), base=base), space, without)


def domain_of(
    frame: pd.DataFrame,
    *,
    parameters: Sequence[Parameter] = (),
    space: Space | None = None,
    without: Sequence[str] = (),
) -> TableDomain:
    """The rows of a data frame as a domain.

    Parameters
    ----------
    parameters : the columns that describe a row; none given: all columns as they look, but for those of `without`.
    space : parameters and constraints are taken from here.
    without : columns that are results or names.

    Raises
    ------
    ConfigError, DataError : as `open_domain`.

    Examples
    --------
    >>> len(domain_of(pd.DataFrame({"x": [1.0, 2.0, 3.0]})).sample(2, seed=0))
    2
    """
    space = replace(space or Space(), candidates="data frame")
    space = replace(space, parameters=tuple(parameters) or space.parameters)
    if wrong := faults(space):
        raise ConfigError(all_faults("the space has to be mended:", wrong, limit=30))
    return _domain(from_frame(frame), space, without)


def _domain(raw: RawTable, space: Space, without: Sequence[str]) -> TableDomain:
    looked = None if space.parameters else _looked_at(raw, (*space.without, *without))
    parameters = space.parameters if looked is None else looked.told
    refuse_unknown_columns(raw, [("the space", name) for name in layout_of(parameters).names])
    parameters = tuple(_ranged(raw, one) for one in parameters)
    layout = layout_of(parameters)
    frame = pd.DataFrame({name: raw.column(name) for name in layout.names})
    values, odd = values_of(layout, frame, gaps=True)
    _refuse_sums(raw, layout, values, odd)
    conditions = conditions_of(space.constraints, layout, lambda some: frame_of(layout, some))
    filled = ~np.isnan(values).all(axis=1)
    kept = np.flatnonzero(filled & conditions.allowed(values) if conditions else filled)
    if not len(kept):
        raise ConfigError(_none_left(raw, conditions, values))
    first = np.sort(np.unique(keys_of(layout, values[kept]), return_index=True)[1])
    encoder = encoder_of(layout, _sights(raw, parameters))
    rows = kept[first]
    notes = _notes(len(raw), len(kept), len(rows), {} if looked is None else looked.left_out)
    return TableDomain(layout, conditions, encoder, np.ascontiguousarray(values[rows]), rows, notes)


def _notes(n_rows: int, n_kept: int, n_different: int, left_out: Mapping[str, str]) -> tuple[str, ...]:
    notes = [f'column "{name}" describes no candidate: {why}' for name, why in left_out.items()]
    if n_kept < n_rows:
        notes.append(f"{n_rows - n_kept:,} of {n_rows:,} rows are empty or break a constraint and are no candidates")
    if n_different < n_kept:
        notes.append(f"{n_kept:,} rows are {n_different:,} different candidates")
    return tuple(notes)


def _none_left(raw: RawTable, conditions: Conditions, values: FloatArray) -> str:
    counts = [
        f"{text}: broken by {int(broken.sum()):,} of {len(values):,}" for text, broken in conditions.broken(values)
    ]
    return f"{raw.provenance.source}: no candidate meets all constraints. Loosen one:\n{listed(counts)}"


def _refuse_sums(raw: RawTable, layout: Layout, values: FloatArray, odd: TextArray) -> None:
    for blend in layout.blends:
        off = np.flatnonzero(np.abs(values[:, blend.columns].sum(axis=1) - 1.0) > _ROUNDED).tolist()
        if off:
            told = [f"{raw.where(row + 1)}: {odd[row]}" for row in off]
            raise DataError(all_faults(f"{raw.provenance.source}: {len(off)} rows are no mixtures:", told))


# ---- what columns are ----


@dataclass(frozen=True, slots=True)
class _Looked:
    told: tuple[Parameter, ...]
    left_out: Mapping[str, str]


def _looked_at(raw: RawTable, without: Sequence[str]) -> _Looked:
    """All columns as they look, and those that describe nothing."""
    found = {name: _as_it_looks(raw, name) for name in raw.names if name not in without}
    twins = _twins(raw, [one for one in found.values() if not isinstance(one, str)])
    left_out = {name: one for name, one in found.items() if isinstance(one, str)} | twins
    told = tuple(one for name, one in found.items() if not isinstance(one, str) and name not in twins)
    if not told:
        raise ConfigError(
            f"{raw.provenance.source}: no column describes the candidates: each is constant, or a name of its own in "
            "every row. Say what columns are: [space.NAME] with a kind."
        )
    return _Looked(told, left_out)


def _as_it_looks(raw: RawTable, name: str) -> Parameter | str:
    """A column as a parameter, or why it is none."""
    column = raw.column(name)
    written = [text for text in texts(column).tolist() if text]
    distinct = tuple(dict.fromkeys(written))
    if len(distinct) < 2:
        return "it is the same in every row"
    if (kind := _matter_of(name, distinct)) is not None:
        return Categorical(name, (), kind=kind)
    if _n_numbers(raw, name) >= _NUMERIC_SHARE * len(written):
        return Continuous(name, 0.0, 0.0)
    if len(distinct) < len(column) or len(column) <= 2:
        return Categorical(name, ())
    if not from_formulas(distinct)[1]:  # a list of materials, whatever the column is called
        return Categorical(name, (), kind="composition")
    return "its words are different in every row"


def _n_numbers(raw: RawTable, name: str) -> int:
    """Cells of a column that are numbers; none where "Ge6" reads like a number with a unit among others."""
    try:
        return int(np.isfinite(read_numbers(raw.column(name), missing=raw.missing, name=name).values).sum())
    except DataError:
        return 0


def _twins(raw: RawTable, found: Sequence[Parameter]) -> dict[str, str]:
    """Words that only repeat another column of words (a name beside its SMILES; matter is kept), and which."""
    words = [one for one in found if isinstance(one, Categorical)]
    words.sort(key=lambda one: not one.kind)
    first: dict[bytes, str] = {}
    twins: dict[str, str] = {}
    for one in words:
        own = np.asarray(pd.factorize(texts(raw.column(one.name)))[0], dtype=np.int64).tobytes()
        if own in first:
            twins[one.name] = f'it says the same as "{first[own]}"'
        first.setdefault(own, one.name)
    return twins


def _matter_of(name: str, distinct: tuple[str, ...]) -> Matter | None:
    """Matter, where the name of the column says so and its cells can be read."""
    for pattern, kind in _MATTER:
        if re.search(pattern, name, re.I):
            if kind == "molecule" and available("rdkit"):
                return kind
            if kind == "composition" and not from_formulas(distinct)[1]:
                return kind
    return None


def _ranged(raw: RawTable, one: Parameter) -> Parameter:
    """A parameter with the range or the words that the table has."""
    if isinstance(one, Mixture):
        return one
    if isinstance(one, Categorical):
        words = tuple(dict.fromkeys(text for text in texts(raw.column(one.name)).tolist() if text))
        return replace(one, values=words)
    values = read_numbers(raw.column(one.name), missing=raw.missing, name=one.name).values
    known = np.unique(values[np.isfinite(values)])
    if not len(known):
        raise DataError(f'{raw.provenance.source}, column "{one.name}": there is no number in it.')
    if isinstance(one, Continuous):
        if one.scale == "log" and known[0] <= 0:
            raise ConfigError(
                f'{raw.provenance.source}, column "{one.name}": {known[0]:g} has no logarithm. Use the linear scale.'
            )
        return replace(one, low=float(known[0]), high=float(known[-1]), step=0.0)
    if isinstance(one, Integer) and (known == np.rint(known)).all():
        return replace(one, low=int(known[0]), high=int(known[-1]))
    return Ordinal(one.name, tuple(known.tolist()), one.unit)


def _sights(raw: RawTable, parameters: Sequence[Parameter]) -> dict[str, Words]:
    """Matter of a table is described with many rows in mind; structures may be files beside the table."""
    found: dict[str, Words] = {}
    for one in parameters:
        if not isinstance(one, Categorical) or not one.kind:
            continue
        structures = None
        if one.kind == "structure":
            read = read_structure_column(raw, one.name)
            if read.unreadable:
                told = [f"{raw.where(row + 1)}: {why}" for row, why in sorted(read.unreadable.items())]
                raise DataError(all_faults(f"{raw.provenance.source}: structures that cannot be read:", told))
            cells = texts(raw.column(one.name)).tolist()
            places = {text: row for row, text in reversed(list(enumerate(cells)))}
            structures = read.batch.take(np.array([places[word] for word in one.values], dtype=np.int64))
        alike = ALIKE_ROWS if len(one.values) >= _MANY_WORDS else ALIKE_WORDS
        seen = word_sight(one, alike=alike, structures=structures)
        if seen is not None:
            found[one.name] = seen
    return found


# ---- the domain ----


@dataclass(frozen=True)
class TableDomain:
    """Candidates; see `contract.Domain`. Points hold the row, and the values of the columns that describe it."""

    layout: Layout
    conditions: Conditions
    encoder: Encoder
    table: FloatArray
    """Shape (n_candidates, width): each different candidate once."""
    rows: IntArray
    """The row of the file of each candidate, from 0; of equal ones the first."""
    notes: tuple[str, ...] = ()
    """Which columns and rows of the file were left out, and why."""

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
        if how == "uniform" or n >= len(self.table):
            return self.points(np.random.default_rng(seed).permutation(len(self.table))[:n])
        return self.points(evenly(self._nearness, n, seed, how))

    def points(self, places: IntArray) -> Points:
        """Candidates by their place in `table`."""
        return Points(np.column_stack([places.astype(float), self.table[places]]))

    def near(self, points: Points, n: int, seed: int, *, reach: float = 0.1) -> Points:
        places = points.values[:, 0].astype(np.int64)
        return self.points(self._nearness.around(self.encode(points), places, n, seed, reach))

    def encode(self, points: Points) -> FloatArray:
        return self.encoder(self._values(points))

    def everything(self, limit: int = 100_000) -> Points | None:
        return self.points(np.arange(len(self.table))) if len(self.table) <= limit else None

    def why_not(self, points: Points) -> TextArray:
        return np.where(points.values[:, 0] >= 0, "", "is none of the candidates").astype(np.str_)

    def frame(self, points: Points) -> pd.DataFrame:
        return frame_of(self.layout, self._values(points))

    def read(self, frame: pd.DataFrame) -> tuple[Points, TextArray]:
        values, odd = values_of(self.layout, frame, gaps=True)
        keys = keys_of(self.layout, values).tolist()
        rows = np.array([self._places.get(key, -1) for key in keys], dtype=np.int64)
        for row in np.flatnonzero(rows < 0).tolist():
            rows[row] = self._rounded(values[row])
        values = np.where((rows >= 0)[:, None], self.table[rows], values)
        why = np.where(rows >= 0, "", np.where(odd == "", "is none of the candidates", odd)).astype(np.str_)
        return Points(np.column_stack([rows.astype(float), values])), why

    def _rounded(self, values: FloatArray) -> int:
        """The one candidate whose numbers were rounded in writing; -1 where there is none, or several."""
        close = WRITTEN * np.abs(self.table) + 1e-12
        close[:, [one.column for one in self.layout.singles if isinstance(one.parameter, Categorical)]] = 0.0
        same = (np.abs(self.table - values) <= close) | (np.isnan(self.table) & np.isnan(values))
        found = np.flatnonzero(same.all(axis=1))
        return int(found[0]) if len(found) == 1 else -1

    def keys(self, points: Points) -> TextArray:
        return keys_of(self.layout, self._values(points))

    def _values(self, points: Points) -> FloatArray:
        """Values of the columns; a point may be given by its row alone."""
        if points.values.shape[1] == 1:
            return self.table[points.values[:, 0].astype(np.int64)]
        return points.values[:, 1:]

    @cached_property
    def _nearness(self) -> Nearness:
        return nearness_of(self.encoder(self.table), self.axes)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {key: row for row, key in enumerate(keys_of(self.layout, self.table).tolist())}
