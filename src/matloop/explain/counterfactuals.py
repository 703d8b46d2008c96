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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray
from matloop.core.elements import MAX_Z, SYMBOLS
from matloop.core.errors import ConfigError, DataError
from matloop.doubt.prediction import Prediction
from matloop.explain.charges import neutral
from matloop.explain.chemistry_values import Altered, Found
from matloop.explain.edits import amounts_of, from_amounts, named
from matloop.explain.interchange import interchangeable, unlikeness
from matloop.matter.compositions import Compositions

WishKind = Literal["at_least", "at_most", "rises_by", "falls_by", "becomes"]
MOST_TRIED = 2000
ALLOY_STEPS = (0.01, 0.02, 0.05, 0.1)
"""Shares of all atoms that are moved from one element of an alloy to another."""
EXCHANGED = ((1.0, ""), (0.5, " (half)"))
NUMBER_STEPS = 20
"""Values of a number that are tried between the ends of its trained range."""
CATEGORY_COST = 0.5
_FORMULA_UNIT = 30.0
"""Whole amounts up to this sum are atoms of a formula unit; beyond they are percent."""
_CHUNK = 256
_TIE = 1e-3
"""Cost per unlikeness of exchanged elements: between changes of equal size the more alike element wins."""


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


@dataclass(frozen=True, slots=True)
class Row:
    """The row that is changed: a composition (one row; None for a process without one), numbers and words by input."""

    composition: Compositions | None = None
    numbers: Mapping[str, float] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Room:
    """Within what a row may be changed.

    elements : atomic numbers that were seen in training. ranges : (low, high) per number input, the trained range.
    words : known words per category input. units : of the numbers, for the words.
    """

    elements: tuple[int, ...] = tuple(range(1, MAX_Z + 1))
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    words: Mapping[str, Sequence[str]] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Candidates:
    """Changed rows: compositions (or None), and per input that is altered the values of all rows."""

    compositions: Compositions | None
    numbers: Mapping[str, FloatArray]
    words: Mapping[str, Sequence[str]]
    n: int

    def __len__(self) -> int:
        return self.n

    @classmethod
    def same(cls, row: Row) -> Candidates:
        """The row as it is."""
        return _apply(row, [()])


Judge = Callable[[Candidates], Prediction]


@dataclass(frozen=True, slots=True)
class Move:
    """One change. slots : what it touches; two moves are combined only where these differ.
    amounts : shape (119,), change of the amounts (zeros where it alters a setting)."""

    words: str
    cost: float
    tie: float
    slots: frozenset[str]
    sign: str
    amounts: FloatArray
    numbers: Mapping[str, float] = field(default_factory=dict)
    named: Mapping[str, str] = field(default_factory=dict)
    whole: bool = False
    """whether all atoms of an element become another one"""


def counterfactuals(
    judge: Judge,
    row: Row,
    wish: Wish,
    room: Room = Room(),
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
    combos, complete = _in_order(moves, most * 4)
    search = _Search(judge, row, wish, n, before, bool(_neutral(row)))
    search.run(combos, most, deadline)
    return search.found(wish_words, complete)


def _as_it_is(row: Row, wish: Wish, said: Prediction) -> Altered:
    change, low, high = (float(part[0]) for part in difference(said, said))
    chance = float(said.proba[0, int(wish.value)]) if wish.kind == "becomes" else math.nan
    sure = bool(wish.supported(said, np.array([low]), np.array([high]))[0])
    return Altered(
        ("as it is",), _shown(row, ()), 0.0, float(said.value[0]), float(said.low[0]), float(said.high[0]), chance,
        change, low, high, sure,
    )  # fmt: skip


def moves_of(row: Row, room: Room) -> list[Move]:
    """All single changes of a row, the smallest first."""
    found = _exchanges(row, room) + _shifts(row) + _numbers(row, room) + _categories(row, room)
    return sorted(found, key=lambda move: (move.cost + _TIE * move.tie, move.words))


def _exchanges(row: Row, room: Room) -> list[Move]:
    if row.composition is None:
        return []
    amounts = amounts_of(row.composition)[0]
    total, found = amounts.sum(), list[Move]()
    for old in np.flatnonzero(amounts):
        for new in np.intersect1d(np.flatnonzero(interchangeable()[old]), room.elements):
            for share, said in EXCHANGED:
                moved = share * amounts[old]
                change = np.zeros(len(amounts))
                change[old], change[new] = -moved, moved
                found.append(
                    Move(
                        f"{SYMBOLS[old]} → {SYMBOLS[new]}{said}", float(moved / total),
                        float(min(unlikeness()[old, new], 100.0)), frozenset([f"element {old}"]),
                        f"{old}>{new}", change, whole=share == 1.0,
                    )
                )  # fmt: skip
    return found


def _shifts(row: Row) -> list[Move]:
    """An atom more or less of each element of a formula unit; else shares of the atoms moved between two elements, in a
    compound between alike ones only."""
    if row.composition is None:
        return []
    amounts = amounts_of(row.composition)[0]
    total, present = float(amounts.sum()), np.flatnonzero(amounts)
    found = []
    if np.allclose(amounts, np.rint(amounts)) and total <= _FORMULA_UNIT:
        for z in present:
            for step in (-1.0, 1.0):
                if amounts[z] + step < 0.5 or len(present) == 1:
                    continue
                change = np.zeros(len(amounts))
                change[z] = step
                after = (amounts + change) / (total + step)
                cost = 0.5 * float(np.abs(after - amounts / total).sum())
                said = f"{SYMBOLS[z]} {_short(amounts[z])} → {_short(amounts[z] + step)} per formula"
                found.append(Move(said, cost, 0.0, frozenset([f"element {z}"]), f"{z}{step:+.0f}", change))
        return found
    compound = _neutral(row)
    for a in present:
        for b in present:
            for step in ALLOY_STEPS if a != b and (interchangeable()[a, b] or not compound) else ():
                if step * total > 0.5 * amounts[a]:
                    continue
                change = np.zeros(len(amounts))
                change[a], change[b] = -step * total, step * total
                said = f"{100 * step:g} at% {SYMBOLS[a]} → {SYMBOLS[b]}"
                slots = frozenset([f"element {a}", f"element {b}"])
                found.append(Move(said, step, 0.0, slots, f"{a}~{b}", change))
    return found


def _numbers(row: Row, room: Room) -> list[Move]:
    found = []
    for name, value in row.numbers.items():
        low, high = room.ranges.get(name, (math.nan, math.nan))
        if not (np.isfinite(value) and high > low):
            continue
        unit = f" {room.units[name]}" if room.units.get(name) else ""
        for other in np.linspace(low, high, NUMBER_STEPS + 1).tolist():
            rounded = float(f"{other:.4g}")
            # rounding must not lead out of the range
            other = rounded if low <= rounded <= high else other
            cost = abs(other - value) / (high - low)
            if cost > 1e-9:
                said = f"{name} {_short(value)} → {_short(other)}{unit}"
                sign = f"{name}{'+' if other > value else '-'}"
                found.append(Move(said, cost, 0.0, frozenset([name]), sign, _NOTHING, {name: other}))
    return found


def _categories(row: Row, room: Room) -> list[Move]:
    return [
        Move(f"{name} {word!r} → {other!r}", CATEGORY_COST, 0.0, frozenset([name]), f"{name}={other}", _NOTHING,
             named={name: other})
        for name, word in row.words.items()
        for other in room.words.get(name, ())
        if other and other != word
    ]  # fmt: skip


def _in_order(moves: Sequence[Move], most: int) -> tuple[list[tuple[Move, ...]], bool]:
    """Single moves and pairs of them by cost, at most so many; and whether none was left out."""
    cost = np.array([move.cost + _TIE * move.tie for move in moves])
    first, second = np.triu_indices(len(moves), 1)
    both = cost[first] + cost[second]
    order = np.argsort(np.concatenate([cost, both]), kind="stable")
    found: list[tuple[Move, ...]] = []
    for place in order.tolist():
        if len(found) >= most:
            return found, False
        if place < len(moves):
            found.append((moves[place],))
            continue
        pair = (moves[first[place - len(moves)]], moves[second[place - len(moves)]])
        if not pair[0].slots & pair[1].slots:
            found.append(pair)
    return found, True


def _apply(row: Row, combos: Sequence[tuple[Move, ...]]) -> Candidates:
    n = len(combos)
    compositions = None
    if row.composition is not None:
        dense = np.repeat(amounts_of(row.composition), n, axis=0)
        for k, moves in enumerate(combos):
            for move in moves:
                dense[k] += move.amounts
        compositions = from_amounts(np.maximum(dense, 0.0), np.repeat(row.composition.charges, n))
    numbers = {name: np.full(n, value) for name, value in row.numbers.items()}
    named_: dict[str, list[str]] = {name: [word] * n for name, word in row.words.items()}
    for k, moves in enumerate(combos):
        for move in moves:
            for name, value in move.numbers.items():
                numbers[name][k] = value
            for name, word in move.named.items():
                named_[name][k] = word
    return Candidates(compositions, numbers, named_, n)


def _shown(row: Row, moves: tuple[Move, ...]) -> str:
    """What the row becomes, in words."""
    made = _apply(row, [moves])
    shown = [str(named(made.compositions).formulas[0])] if made.compositions is not None else []
    shown += [f"{name} {_short(float(values[0]))}" for name, values in made.numbers.items()]
    return ", ".join([*shown, *(words[0] for words in made.words.values())])


def _neutral(row: Row) -> bool:
    if row.composition is None or len(row.composition.elements) < 2 or row.composition.charges.any():
        return False
    return bool(neutral(row.composition)[0])


def single_changes(judge: Judge, row: Row, moves: Sequence[Move], before: Prediction) -> Found:
    """What each of the moves does by itself, inside the domain and with charges that can balance; the largest change
    first. A change is supported where its interval leaves out zero, a class where its probability is at the level."""
    combos: list[tuple[Move, ...]] = [(move,) for move in moves]
    altered = _apply(row, combos).compositions
    balanced = neutral(altered) if altered is not None and _neutral(row) else np.ones(len(combos), dtype=bool)
    combos = [combo for combo, good in zip(combos, balanced, strict=True) if good]
    said = judge(_apply(row, combos))
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
            (combos[k][0].words,), _shown(row, combos[k]), combos[k][0].cost, float(said.value[k]), float(said.low[k]),
            float(said.high[k]), float(said.proba[k, int(said.value[k])]) if said.classes else math.nan,
            float(change[k]), float(low[k]), float(high[k]), bool(sure[k]),
        )
        for k in order
    )  # fmt: skip
    return Found("", found, len(combos), int((~balanced).sum()), int((~known).sum()))


class _Search:
    """Changes in the order of their cost, until enough unlike ones are supported."""

    def __init__(self, judge: Judge, row: Row, wish: Wish, n: int, before: Prediction, keep_neutral: bool) -> None:
        self.judge, self.row, self.wish, self.n, self.before = judge, row, wish, n, before
        self.keep_neutral = keep_neutral
        self.tried = self.charged = self.outside = 0
        self.finished = True
        self.kept: list[tuple[frozenset[str], Altered]] = []

    def run(self, combos: Sequence[tuple[Move, ...]], most: int, deadline: float) -> None:
        import time

        start, size = 0, 32
        while start < len(combos) and len(self._told(True)) < self.n:
            if self.tried >= most or time.monotonic() >= deadline:
                self.finished = False
                return
            self._look(combos[start : start + size])
            start, size = start + size, _CHUNK

    def _look(self, combos: Sequence[tuple[Move, ...]]) -> None:
        if self.keep_neutral:
            altered = _apply(self.row, combos).compositions
            assert altered is not None
            balanced = neutral(altered)
            self.charged += int((~balanced).sum())
            combos = [combo for combo, good in zip(combos, balanced, strict=True) if good]
        if not combos:
            return
        said = self.judge(_apply(self.row, combos))
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
            tuple(move.words for move in moves), _shown(self.row, moves), sum(move.cost for move in moves),
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


def _short(value: float) -> str:
    return f"{value:.4g}"


_NOTHING: FloatArray = np.zeros(MAX_Z + 1)
_NOTHING.flags.writeable = False
