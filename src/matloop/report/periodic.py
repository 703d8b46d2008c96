"""The periodic table as a heat map: a cell per element, shaded by a number; the template draws it as SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from matloop.evaluate.values import SliceError
from matloop.report.words import count, counted, estimate, number, sentence, unit_text

# one line per row of the table, 18 columns; the two rows of the f-block stand below
LAYOUT = """
H . . . . . . . . . . . . . . . . He
Li Be . . . . . . . . . . B C N O F Ne
Na Mg . . . . . . . . . . Al Si P S Cl Ar
K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr
Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe
Cs Ba . Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn
Fr Ra . Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og
. . La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu .
. . Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr .
"""
PLACES: Mapping[str, tuple[int, int]] = {
    symbol: (row, column)
    for row, line in enumerate(LAYOUT.strip().splitlines())
    for column, symbol in enumerate(line.split())
    if symbol != "."
}
CELL, GAP, F_BLOCK = 40, 3, 14
FEW_ROWS = 20


@dataclass(frozen=True, slots=True)
class Cell:
    """An element at x, y (SVG units); `shade` in [0, 1] or None without data; `shown` inside, `words` as tooltip."""

    symbol: str
    x: int
    y: int
    shade: float | None
    shown: str
    words: str
    few: bool = False

    @property
    def tone(self) -> str:
        """Which ink is readable on it: `blank`, `pale`, `mid` or `strong`."""
        return (
            "blank" if self.shade is None else "strong" if self.shade > 0.72 else "mid" if self.shade > 0.5 else "pale"
        )


@dataclass(frozen=True, slots=True)
class PeriodicMap:
    """`low`, `high`: what the ends of the shading mean, in words."""

    title: str
    cells: tuple[Cell, ...]
    low: str
    high: str
    alt: str
    caption: str

    @property
    def width(self) -> int:
        return 18 * (CELL + GAP) - GAP

    @property
    def height(self) -> int:
        return 9 * (CELL + GAP) - GAP + F_BLOCK


def coverage_map(slices: tuple[SliceError, ...]) -> PeriodicMap | None:
    """How many judged rows hold each element, on a logarithmic scale."""
    return rows_map({one.name: one.n_rows for one in slices if one.kind == "element"})


def rows_map(rows: Mapping[str, int]) -> PeriodicMap | None:
    """The same from {symbol: rows}; what is no element of the table is left out."""
    found = {symbol: n for symbol, n in rows.items() if symbol in PLACES and n > 0}
    if not found:
        return None
    most, least = max(found.values()), min(found.values())
    shades = {symbol: _between(math.log(n), math.log(least), math.log(most)) for symbol, n in found.items()}
    cells = _cells(shades, {s: _compact(n) for s, n in found.items()}, {s: counted(n, "row") for s, n in found.items()})
    common = sorted(found, key=lambda symbol: -found[symbol])[:5]
    said = ", ".join(f"{symbol} {count(found[symbol])}" for symbol in common)
    return PeriodicMap(
        "Rows per element",
        cells,
        counted(least, "row"),
        counted(most, "row"),
        f"Periodic table of rows per element; {len(found)} elements occur. Most rows: {said}.",
        f"{len(found)} elements in the data. Blank: no row holds the element.",
    )


def error_map(slices: tuple[SliceError, ...], unit: str, error: str, scale: float = 1.0) -> PeriodicMap | None:
    """The error on rows that hold each element; those with few rows get a dashed edge."""
    found = {
        one.name: one
        for one in slices
        if one.kind == "element" and one.name in PLACES and math.isfinite(one.error.value)
    }
    if not found:
        return None
    values = sorted(scale * one.error.value for one in found.values())
    # the darkest shade is the 95th percentile, so that one odd element does not pale all others
    low, high = values[0], values[max(math.ceil(0.95 * len(values)) - 1, 0)]
    shades = {symbol: _between(min(scale * one.error.value, high), low, high) for symbol, one in found.items()}
    words = {symbol: _words(one, unit_text(unit), scale) for symbol, one in found.items()}
    few = {symbol for symbol, one in found.items() if one.n_rows < FEW_ROWS}
    cells = _cells(shades, {s: number(scale * one.error.value, 2) for s, one in found.items()}, words, few)
    worst = sorted(found, key=lambda symbol: -found[symbol].error.value)[:5]
    said = ", ".join(f"{symbol} {number(scale * found[symbol].error.value)}" for symbol in worst)
    tail = f" {unit_text(unit)}" if unit else ""
    return PeriodicMap(
        "Error per element",
        cells,
        f"{number(low)}{tail}",
        f"{number(high)}{tail}{' or more' if values[-1] > high else ''}",
        f"Periodic table of {error} per element. Largest: {said}.",
        f"{sentence(error)} of the rows that hold the element. Dashed cells have fewer than {FEW_ROWS} rows.",
    )


def _words(one: SliceError, unit: str, scale: float) -> str:
    value, interval = estimate(one.error, unit, scale=scale)
    return f"{value}{f' ({interval})' if interval else ''}, {counted(one.n_rows, 'row')}"


def _between(value: float, low: float, high: float) -> float:
    return (value - low) / (high - low) if high > low else 0.5


def _compact(n: int) -> str:
    return f"{n}" if n < 1000 else f"{n / 1000:.1f}k" if n < 9950 else f"{n / 1000:.0f}k"


def _cells(
    shades: Mapping[str, float], shown: Mapping[str, str], words: Mapping[str, str], few: set[str] | None = None
) -> tuple[Cell, ...]:
    cells = []
    for symbol, (row, column) in PLACES.items():
        x, y = column * (CELL + GAP), row * (CELL + GAP) + (F_BLOCK if row >= 7 else 0)
        text = f"{symbol}: {words.get(symbol, 'no rows')}"
        cells.append(Cell(symbol, x, y, shades.get(symbol), shown.get(symbol, ""), text, symbol in (few or set())))
    return tuple(cells)
