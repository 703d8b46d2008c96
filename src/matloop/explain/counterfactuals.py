"""The smallest feasible change that would change a prediction: atoms exchanged or moved, a setting altered.

Changes are tried in the order of their cost, single ones and pairs of them, so the first that reaches the wish is the
smallest. A change is feasible where elements are exchanged for alike ones, charges can still balance if they could
before, and the result is inside the domain. It is only told as true where the intervals allow it.

References
----------
Wachter, Mittelstadt & Russell, Harv. J. Law Technol. 31 (2018) 841 (counterfactual explanations). arXiv:1711.00399
Mothilal, Sharma & Tan, Proc. FAT* (2020) 607 (diverse ones). doi:10.1145/3351095.3372850
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray
from matloop.core.errors import ConfigError, DataError
from matloop.doubt.prediction import Prediction
from matloop.explain.charges import neutral
from matloop.explain.chemistry_values import Altered, Found
from matloop.explain.moves import (
    ANYWHERE,
    Candidates,
    Move,
    Room,
    Row,
    applied,
    in_order,
    keeps_neutral,
    moves_of,
    shown_as,
)

WishKind = Literal["at_least", "at_most", "rises_by", "falls_by", "becomes"]
MOST_TRIED = 2000
_CHUNK = 256


@dataclass(frozen=True, slots=True)
class Wish:
    """What a changed row should be: `at_least` or `at_most` a value, a value that `rises_by` or `falls_by` an amount
    from what it is, or a class that it `becomes` (its index)."""

    kind: WishKind
    value: float

    def reached(self, said: Prediction, before: float) -> BoolArray:
        """Which predictions are as wished."""
        if self.kind == "becomes":
            return np.asarray(said.value == self.value)
        if self.kind in ("at_least", "at_most"):
            return np.asarray(said.value >= self.value if self.kind == "at_least" else said.value <= self.value)
        moved = said.value - before
        return np.asarray(moved >= self.value if self.kind == "rises_by" else moved <= -self.value)

    def supported(self, said: Prediction, low: FloatArray, high: FloatArray) -> BoolArray:
        """Where the doubt allows to tell it: the whole interval is as wished; for a rise or fall the interval of the
        difference leaves out zero; for a class its calibrated probability is at least the level."""
        if self.kind == "becomes":
            return np.asarray(said.proba[:, int(self.value)] >= said.level)
        if self.kind in ("at_least", "at_most"):
            return np.asarray(said.low >= self.value if self.kind == "at_least" else said.high <= self.value)
        return np.asarray(low > 0 if self.kind == "rises_by" else high < 0)


Judge = Callable[[Candidates], Prediction]


def counterfactuals(
    judge: Judge,
    row: Row,
    wish: Wish,
    room: Room = ANYWHERE,
    *,
    n: int = 5,
    most: int = MOST_TRIED,
    wish_words: str = "",
    deadline: float = math.inf,
) -> Found:
    """The smallest feasible changes of a row that reach a wish.

    Parameters
    ----------
    judge : predicts changed rows with interval and domain; it fills in whatever the row has beside.
    n : changes that are told, unlike each other. most : rows that are predicted at most.
    deadline : `time.monotonic()` value.

    Returns
    -------
    Found; the row as it is costs nothing: where it is as wished already, that is the only entry.

    Raises
    ------
    DataError : the row cannot be predicted, or is more than one. ConfigError : there is nothing to change.

    Examples
    --------
    >>> from matloop.explain.edits import amounts_of
    >>> from matloop.matter.compositions import as_compositions
    >>> def judge(rows):        # a law: one per atom of nickel, known to 0.1, everywhere inside the domain
    ...     value = amounts_of(rows.compositions)[:, 28]
    ...     sure = np.ones(len(rows), dtype=bool), np.full(len(rows), "")
    ...     std, none = np.full(len(rows), 0.06), np.zeros((len(rows), 0))
    ...     return Prediction(value, value - 0.1, value + 0.1, std, none, *sure)
    >>> found = counterfactuals(judge, Row(as_compositions(["LiCoO2"])), Wish("at_least", 0.4))
    >>> found.altered[0].moves, found.altered[0].shown, found.altered[0].supported
    (('Co → Ni (half)',), 'LiCo0.5Ni0.5O2', True)
    """
    moves = moves_of(row, room)
    if not moves:
        raise ConfigError("there is nothing to change: no interchangeable element, no number, no other category.")
    before = judge(Candidates.same(row))
    if len(before) != 1 or not np.isfinite(before.value[0]):
        raise DataError(f"the row cannot be predicted: {before.reason[0] if len(before) else 'there is none'}")
    if wish.kind not in ("rises_by", "falls_by") and bool(wish.reached(before, math.nan)[0]):
        return Found(wish_words, (_as_it_is(row, wish, before),), 1, 0, int(not before.in_domain[0]))
    combos, complete = in_order(moves, most * 4)
    search = _Search(judge, row, wish, n, before)
    search.run(combos, most, deadline)
    return search.found(wish_words, complete)


def _as_it_is(row: Row, wish: Wish, said: Prediction) -> Altered:
    change, low, high = (float(part[0]) for part in difference(said, said))
    chance = float(said.proba[0, int(wish.value)]) if wish.kind == "becomes" else math.nan
    sure = bool(wish.supported(said, np.array([low]), np.array([high]))[0])
    return Altered(
        ("as it is",), shown_as(row, ()), 0.0, float(said.value[0]), float(said.low[0]), float(said.high[0]), chance,
        change, low, high, sure,
    )  # fmt: skip


def single_changes(judge: Judge, row: Row, moves: Sequence[Move], before: Prediction) -> Found:
    """What each of the moves does by itself, inside the domain and with charges that can balance; the largest change
    first. A change is supported where its interval leaves out zero, a class where its probability is at the level."""
    combos: list[tuple[Move, ...]] = [(move,) for move in moves]
    altered = applied(row, combos).compositions
    balanced = neutral(altered) if altered is not None and keeps_neutral(row) else np.ones(len(combos), dtype=bool)
    combos = [combo for combo, good in zip(combos, balanced, strict=True) if good]
    said = judge(applied(row, combos))
    known = said.in_domain & np.isfinite(said.value)
    change, low, high = difference(before, said)
    if said.classes:
        size = np.abs(said.proba - before.proba[0]).max(axis=1)
        sure = said.proba.max(axis=1) >= said.level
    else:
        size, sure = np.abs(change), (low > 0) | (high < 0)
    order = [k for k in np.argsort(-np.nan_to_num(size), kind="stable").tolist() if known[k]]
    found = tuple(
        Altered(
            (combos[k][0].words,), shown_as(row, combos[k]), combos[k][0].cost, float(said.value[k]),
            float(said.low[k]), float(said.high[k]),
            float(said.proba[k, int(said.value[k])]) if said.classes else math.nan,
            float(change[k]), float(low[k]), float(high[k]), bool(sure[k]),
        )
        for k in order
    )  # fmt: skip
    return Found("", found, len(combos), int((~balanced).sum()), int((~known).sum()))


class _Search:
    """Changes in the order of their cost, until enough unlike ones are supported."""

    def __init__(self, judge: Judge, row: Row, wish: Wish, n: int, before: Prediction) -> None:
        self.judge, self.row, self.wish, self.n, self.before = judge, row, wish, n, before
        self.keep_neutral = keeps_neutral(row)
        self.tried = self.charged = self.outside = 0
        self.finished = True
        self.kept: list[tuple[frozenset[str], Altered]] = []

    def run(self, combos: Sequence[tuple[Move, ...]], most: int, deadline: float) -> None:
        start, size = 0, 32
        while start < len(combos) and len(self._told(True)) < self.n:
            if self.tried >= most or time.monotonic() >= deadline:
                self.finished = False
                return
            self._look(combos[start : start + size])
            start, size = start + size, _CHUNK

    def _look(self, combos: Sequence[tuple[Move, ...]]) -> None:
        if self.keep_neutral:
            altered = applied(self.row, combos).compositions
            assert altered is not None
            balanced = neutral(altered)
            self.charged += int((~balanced).sum())
            combos = [combo for combo, good in zip(combos, balanced, strict=True) if good]
        if not combos:
            return
        said = self.judge(applied(self.row, combos))
        known = said.in_domain & np.isfinite(said.value)
        self.tried += len(combos)
        self.outside += int((~known).sum())
        change, low, high = difference(self.before, said)
        good = known & self.wish.reached(said, float(self.before.value[0]))
        sure = self.wish.supported(said, low, high)
        for k in np.flatnonzero(good).tolist():
            self._keep(combos[k], said, k, (float(change[k]), float(low[k]), float(high[k])), bool(sure[k]))

    def _keep(
        self, moves: tuple[Move, ...], said: Prediction, k: int, change: tuple[float, float, float], sure: bool
    ) -> None:
        signs = frozenset(move.sign for move in moves)
        # the same change a bit larger, or with something needless beside it, tells nothing new
        if any(told <= signs and (one.supported or not sure) for told, one in self.kept):
            return
        if not sure and len(self._told(False)) >= self.n:
            return
        wanted = int(self.wish.value) if self.wish.kind == "becomes" else -1
        altered = Altered(
            tuple(move.words for move in moves), shown_as(self.row, moves), sum(move.cost for move in moves),
            float(said.value[k]), float(said.low[k]), float(said.high[k]),
            float(said.proba[k, wanted]) if wanted >= 0 else math.nan, *change, sure,
        )  # fmt: skip
        self.kept.append((signs, altered))

    def _told(self, supported: bool) -> list[Altered]:
        return [one for _, one in self.kept if one.supported == supported]

    def found(self, words: str, complete: bool) -> Found:
        """Supported changes first, then those within the doubt, each by cost."""
        sure = self._told(True)[: self.n]
        # a doubtful change beside the same one that is sure adds nothing
        told = (*sure, *self._told(False))[: self.n]
        enough = len(sure) >= self.n
        return Found(words, told, self.tried, self.charged, self.outside, enough or (complete and self.finished))


def difference(before: Prediction, after: Prediction) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Change of the value from one row to others and its interval, shape (n,) each; NaN ends for classes.

    Both errors are taken as independent (their half widths add as squares). Errors of kindred rows go together, so the
    difference is known better than this says.
    """
    change = np.asarray(after.value - before.value[0], dtype=np.float64)
    down = np.hypot(after.value - after.low, before.high[0] - before.value[0])
    up = np.hypot(after.high - after.value, before.value[0] - before.low[0])
    return change, change - down, change + up
