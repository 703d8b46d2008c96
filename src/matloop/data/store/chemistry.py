"""How the store names compositions: reduced and anonymous formulas and chemical systems, as OPTIMADE spells them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from string import ascii_lowercase, ascii_uppercase

import numpy as np

from matloop.core.elements import SYMBOLS
from matloop.matter.compositions import Compositions, from_formulas, whole_amounts
from matloop.matter.structures import joined, to_compositions

LETTERS = [*ascii_uppercase, *(big + small for small in ascii_lowercase for big in ascii_uppercase)]
"""Names of elements in anonymous formulas: A..Z, Aa..Za, Ab..Zb, ..."""
_ALPHABET = np.argsort(np.argsort(np.array(SYMBOLS)))


@dataclass(frozen=True, slots=True)
class Named:
    """What a composition is called; `reduced` is "" where there is none. `elements` are atomic numbers by alphabet."""

    reduced: str = ""
    anonymous: str = ""
    system: str = ""
    elements: tuple[int, ...] = ()


NOTHING = Named()


def named(compositions: Compositions) -> list[Named]:
    """The names of each composition; `NOTHING` for rows that could not be read.

    Examples
    --------
    >>> named(from_formulas(["Fe4O6", "TiO2"])[0])[0]
    Named(reduced='Fe2O3', anonymous='A3B2', system='Fe-O', elements=(26, 8))
    """
    whole = whole_amounts(compositions.offsets, compositions.amounts)
    order = np.lexsort((_ALPHABET[compositions.elements], compositions.rows))
    elements, amounts = compositions.elements[order].tolist(), whole[order].tolist()
    found = []
    for a, b in pairwise(compositions.offsets.tolist()):
        found.append(_named(tuple(elements[a:b]), amounts[a:b]) if b > a else NOTHING)
    return found


def _named(elements: tuple[int, ...], amounts: Sequence[int]) -> Named:
    symbols = [SYMBOLS[z] for z in elements]
    digits = ["" if amount == 1 else str(amount) for amount in amounts]
    reduced = "".join([symbol + number for symbol, number in zip(symbols, digits, strict=True)])
    most_first = sorted(amounts, reverse=True)
    anonymous = "".join([letter if n == 1 else f"{letter}{n}" for letter, n in zip(LETTERS, most_first, strict=False)])
    return Named(reduced, anonymous, "-".join(symbols), elements)


def named_records(formulas: Sequence[str], structures: Sequence[object]) -> tuple[list[Named], dict[int, str]]:
    """Names by the structure where there is one, else by the formula; {row: why its formula cannot be read}."""
    texts = [text if structure is None else "" for text, structure in zip(formulas, structures, strict=True)]
    compositions, reasons = from_formulas(texts)
    found = named(compositions)
    rows = [row for row, structure in enumerate(structures) if structure is not None]
    if rows:
        cells = named(to_compositions(joined([structures[row] for row in rows])))  # type: ignore[misc]
        for row, cell in zip(rows, cells, strict=True):
            found[row] = cell
    return found, {row: why for row, why in reasons.items() if texts[row]}
