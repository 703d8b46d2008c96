"""Rows of a prediction log for comparison with training: all of them while there are few, a fair part later on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray, frozen
from matloop.data.inputs import needed
from matloop.deploy.bundle import Bundle
from matloop.doubt.prediction import Prediction
from matloop.monitor.columns import Columns
from matloop.monitor.contract import Seen
from matloop.monitor.parsed import mark
from matloop.monitor.record import Answered
from matloop.monitor.seen import seen_in_columns
from matloop.train.model import Model

AT_ONCE = 1_000_000
"""Rows that are looked at together."""


@dataclass(slots=True)
class Sample:
    """Rows that were asked, in the order in which they came; which are kept is decided by a digest of their names.

    every : of how many rows one is kept. lasting : for tests that go on from look to look. What was kept stays, and
    `every` doubles each time that the number of rows met does beyond `most`, so that all looks see the same sequence
    grow (by half of `most` with each doubling). Otherwise the kept part is halved whenever it exceeds `most`.
    """

    names: tuple[str, ...]
    targets: tuple[str, ...]
    most: int
    rows: list[tuple[int, tuple[Any, ...]]] = field(default_factory=list)
    lasting: bool = False
    met: int = 0
    every: int = 1

    def add(self, time: float, answered: Answered) -> None:
        """Offer the rows of an answer; those of a refused request that hold no inputs are passed by."""
        if not all(name in answered.inputs for name in self.names):
            return
        for row in range(answered.n):
            self.met += 1
            while self.lasting and self.met > self.most * self.every:
                self.every *= 2
            if mark(answered.request, row) % self.every:
                continue
            self.take(time, answered, row)
            while not self.lasting and len(self.rows) > self.most:
                self.every *= 2
                self.rows = [kept for kept in self.rows if kept[0] % self.every == 0]

    def take(self, time: float, answered: Answered, row: int) -> None:
        """Keep one row of an answer."""
        inputs = tuple(answered.inputs[name][row] for name in self.names)
        said = tuple(_said(answered, target, row) for target in self.targets)
        name = f"{answered.request}/{row}"
        self.rows.append((mark(answered.request, row), (time, answered.ms / answered.n, name, inputs, said)))

    def draw(self, columns: Columns, among: BoolArray) -> Drawn:
        """The rows that `add` would have kept of the requests `among` (m,), which only `take` has to be given now."""
        held = columns.of({kind: all(name in kind.inputs for name in self.names) for kind in columns.kinds})
        places = np.flatnonzero(among & held)
        rows, starts = columns.column("rows")[places], columns.starts[places]
        kept = Drawn(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.uint8))
        for some in np.split(np.arange(len(places)), np.flatnonzero(np.diff(rows.cumsum() // AT_ONCE)) + 1):
            each = rows[some]
            row = np.arange(each.sum()) - np.repeat(each.cumsum() - each, each)
            found = Drawn(np.repeat(places[some], each), row, columns.deep[np.repeat(starts[some], each) + row])
            if self.lasting:
                nth = np.arange(self.met + 1, self.met + len(row) + 1)
                found = found.only(found.deep >= np.searchsorted(self.most * 2 ** np.arange(40), nth))
            self.met += len(row)
            kept = Drawn(*(np.concatenate(pair) for pair in zip(kept.parts(), found.parts(), strict=True)))
            while self.lasting and self.met > self.most * self.every:
                self.every *= 2
            while not self.lasting and len(kept.row) > self.most:
                self.every *= 2
                kept = kept.only(kept.deep >= self.every.bit_length() - 1)
        return kept

    def seen(self, bundle: Bundle) -> Seen | None:
        """The rows described as the bundle describes them; None for none."""
        if not self.rows:
            return None
        kept = [row for _, row in self.rows]
        columns = {name: [row[3][k] for row in kept] for k, name in enumerate(self.names)}
        predictions = {
            model.target: _prediction([row[4][self.targets.index(model.target)] for row in kept], model)
            for model in bundle.models
        }
        return seen_in_columns(
            bundle, columns, predictions=predictions, time=np.array([row[0] for row in kept]),
            ms=np.array([row[1] for row in kept]), request=np.array([row[2] for row in kept], dtype=np.str_),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Drawn:
    """Rows of `Columns`: place of the request, row in it, and how often two divides its mark; each of shape (k,)."""

    place: IntArray
    row: IntArray
    deep: IntArray

    def parts(self) -> tuple[IntArray, IntArray, IntArray]:
        """The three columns."""
        return self.place, self.row, self.deep

    def only(self, wanted: BoolArray) -> Drawn:
        """Some of them."""
        return Drawn(self.place[wanted], self.row[wanted], self.deep[wanted])


def sample_of(bundle: Bundle, most: int, *, lasting: bool = False) -> Sample:
    """An empty sample of rows of a bundle."""
    names = dict.fromkeys(name for entry in bundle.manifest.inputs for name in needed(entry))
    return Sample(tuple(names), tuple(model.target for model in bundle.models), most, lasting=lasting)


_PARTS = ("value", "low", "high", "std", "in_domain", "reason")


def _said(answered: Answered, target: str, row: int) -> tuple[Any, ...] | None:
    columns: Mapping[str, list[Any]] | None = answered.targets.get(target)
    if columns is None:
        return None
    return tuple(columns[name][row] if name in columns else None for name in _PARTS)


def _prediction(said: Sequence[tuple[Any, ...] | None], model: Model) -> Prediction:
    place = {str(word): float(k) for k, word in enumerate(model.classes)}

    def number(value: Any) -> float:
        if isinstance(value, str):
            return place.get(value, math.nan)
        return float(value) if isinstance(value, int | float) else math.nan

    def column(k: int) -> FloatArray:
        return frozen(np.array([math.nan if one is None else number(one[k]) for one in said], dtype=np.float64))

    inside = np.array([one is not None and bool(one[4]) for one in said], dtype=bool)
    reason = np.array(["" if one is None or one[5] is None else str(one[5]) for one in said], dtype=np.str_)
    nothing = np.full((len(said), len(model.classes)), np.nan)
    return Prediction(
        column(0), column(1), column(2), column(3), nothing, inside, reason, model.level, model.classes, model.unit
    )
