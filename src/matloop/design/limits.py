"""What a candidate may be made of: elements, price, and in how few hands its elements are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray
from matloop.core.element_csv import read_element_table
from matloop.core.elements import ATOMIC_MASS, MAX_Z, SYMBOLS, Z_OF, table
from matloop.core.errors import ConfigError
from matloop.matter.compositions import Compositions
from matloop.problem.fault import did_you_mean

_SERIES = {
    "lanthanides": range(Z_OF["La"], Z_OF["Lu"] + 1),
    "actinides": range(Z_OF["Ac"], Z_OF["Lr"] + 1),
    "noble gases": tuple(Z_OF[s] for s in ("He", "Ne", "Ar", "Kr", "Xe", "Rn", "Og")),
    "platinum group": tuple(Z_OF[s] for s in ("Ru", "Rh", "Pd", "Os", "Ir", "Pt")),
    "radioactive": (Z_OF["Tc"], Z_OF["Pm"], *range(Z_OF["Po"], MAX_Z + 1)),
    "toxic": tuple(Z_OF[s] for s in ("Be", "As", "Cd", "Hg", "Tl", "Pb")),
}
"""Names for several elements at once. radioactive : no stable isotope that is not nearly so (Bi is not in it, Th and U
are). toxic : the elements that restrictions of substances and laboratory practice name first."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What candidates must keep; empty and None mean no limit.

    without, only : atomic numbers. max_price : USD/kg of the elements in it. max_hhi : the largest Herfindahl-Hirschman
    index of production among its elements (0 to 10,000; above 2,500 an element is in few hands). prices : USD/kg by
    atomic number, shape (119,), NaN where not known.
    """

    without: frozenset[int] = frozenset()
    only: frozenset[int] = frozenset()
    max_price: float | None = None
    max_hhi: float | None = None
    prices: FloatArray | None = None

    @property
    def is_empty(self) -> bool:
        return not (self.without or self.only) and self.max_price is None and self.max_hhi is None


def elements_of(text: str) -> frozenset[int]:
    """Elements and series of elements, separated by commas.

    Raises
    ------
    ConfigError : a name is neither.

    Examples
    --------
    >>> sorted(elements_of("Tc, Pm, noble gases"))
    [2, 10, 18, 36, 43, 54, 61, 86, 118]
    """
    found: set[int] = set()
    for name in filter(None, (part.strip() for part in text.split(","))):
        if name in Z_OF:
            found.add(Z_OF[name])
        elif name.lower() in _SERIES:
            found.update(_SERIES[name.lower()])
        else:
            raise ConfigError(f"{name!r} is neither an element nor one of {', '.join(_SERIES)}."
                              f" {did_you_mean(name, [*SYMBOLS[1:], *_SERIES])}")  # fmt: skip
    return frozenset(found)


def prices_of(path: Path | str | None) -> FloatArray:
    """USD/kg by atomic number, shape (119,): of a CSV of one's own (element, price), or those that matloop carries.

    Raises
    ------
    ConfigError : the file has no column, or several, of numbers. DataError : it cannot be read.
    """
    if path is None:
        return table("supply").column("price")
    own = read_element_table(path)
    if len(own.columns) != 1 and "price" not in own.columns:
        raise ConfigError(f'{path}: columns {", ".join(own.columns)}; one of them must be called "price".')
    return own.column("price" if "price" in own.columns else own.columns[0])


def price(compositions: Compositions, prices: FloatArray) -> FloatArray:
    """Price of the elements in each composition, USD/kg, shape (n,); NaN where one of them has none."""
    mass = compositions.amounts * ATOMIC_MASS[compositions.elements]
    cost = mass * prices[compositions.elements]
    total, weight = np.zeros(len(compositions)), np.zeros(len(compositions))
    np.add.at(total, compositions.rows, cost)
    np.add.at(weight, compositions.rows, mass)
    return np.divide(total, weight, out=np.full(len(total), np.nan), where=weight > 0)


def kept_from(compositions: Compositions, limits: Limits) -> dict[int, str]:
    """{row: which limit it breaks}, for the rows that break one."""
    found: dict[int, str] = {}
    for elements, word in ((limits.without, "contains"), (limits.only, "")):
        if elements:
            bad = np.isin(compositions.elements, sorted(elements), invert=not word)
            _elements_told(compositions, bad, word or "contains, beside the allowed elements,", found)
    if limits.max_hhi is not None:
        index = table("supply").column("hhi_production")[compositions.elements]
        said = f"is in few hands (index above {limits.max_hhi:,.0f}):"
        _elements_told(compositions, index > limits.max_hhi, said, found)
    if limits.max_price is not None:
        costs = price(compositions, prices_of(None) if limits.prices is None else limits.prices)
        for row in np.flatnonzero(~(costs <= limits.max_price)).tolist():
            if compositions.offsets[row] < compositions.offsets[row + 1]:
                said = "has no known price" if np.isnan(costs[row]) else f"costs {costs[row]:,.0f} USD/kg"
                found.setdefault(row, f"{said}; the limit is {limits.max_price:,.0f} USD/kg")
    return found


def _elements_told(compositions: Compositions, bad: BoolArray, word: str, found: dict[int, str]) -> None:
    rows, elements = compositions.rows[bad], compositions.elements[bad]
    names: dict[int, list[str]] = {}
    for row, z in zip(rows.tolist(), elements.tolist(), strict=True):
        names.setdefault(row, []).append(SYMBOLS[z])
    for row, symbols in names.items():
        found.setdefault(row, f"{word} {', '.join(symbols)}")
