"""Feasible changes of one row: atoms exchanged or moved, settings altered; single ones and how they are combined."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.elements import MAX_Z, SYMBOLS
from matloop.explain.charges import neutral
from matloop.explain.edits import amounts_of, from_amounts, named
from matloop.explain.interchange import interchangeable, unlikeness
from matloop.matter.compositions import Compositions

ALLOY_STEPS = (0.01, 0.02, 0.05, 0.1)
"""Shares of all atoms that are moved from one element of an alloy to another."""
EXCHANGED = ((1.0, ""), (0.5, " (half)"))
NUMBER_STEPS = 20
"""Values of a number that are tried between the ends of its trained range."""
CATEGORY_COST = 0.5
_FORMULA_UNIT = 30.0
"""Whole amounts up to this sum are atoms of a formula unit; beyond they are percent."""
TIE = 1e-3
"""Cost per unlikeness of exchanged elements: between changes of equal size the more alike element wins."""


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


ANYWHERE = Room()
"""All elements, no settings."""


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
        return applied(row, [()])


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


def moves_of(row: Row, room: Room) -> list[Move]:
    """All single changes of a row, the smallest first."""
    found = _exchanges(row, room) + _shifts(row) + _numbers(row, room) + _categories(row, room)
    return sorted(found, key=lambda move: (move.cost + TIE * move.tie, move.words))


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
    compound = keeps_neutral(row)
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


def in_order(moves: Sequence[Move], most: int) -> tuple[list[tuple[Move, ...]], bool]:
    """Single moves and pairs of them by cost, at most so many; and whether none was left out."""
    cost = np.array([move.cost + TIE * move.tie for move in moves])
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


def applied(row: Row, combos: Sequence[tuple[Move, ...]]) -> Candidates:
    """The row with each combination of moves made."""
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


def shown_as(row: Row, moves: tuple[Move, ...]) -> str:
    """What the row becomes, in words."""
    made = applied(row, [moves])
    shown = [str(named(made.compositions).formulas[0])] if made.compositions is not None else []
    shown += [f"{name} {_short(float(values[0]))}" for name, values in made.numbers.items()]
    return ", ".join([*shown, *(words[0] for words in made.words.values())])


def keeps_neutral(row: Row) -> bool:
    """Whether charges can balance as it is, so that they must after a change, too."""
    if row.composition is None or len(row.composition.elements) < 2 or row.composition.charges.any():
        return False
    return bool(neutral(row.composition)[0])


def _short(value: float) -> str:
    return f"{value:.4g}"


_NOTHING: FloatArray = np.zeros(MAX_Z + 1)
_NOTHING.flags.writeable = False
