"""Classes of elements, and pairs of them: columns that every composition has."""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np

from matloop.core.arrays import FloatArray, IntArray, frozen
from matloop.core.elements import MAX_Z, SYMBOLS, Z_OF
from matloop.core.errors import ConfigError
from matloop.matter.structures import Structures

_HALOGENS, _NOBLE = "F Cl Br I At Ts", "He Ne Ar Kr Xe Rn Og"
_METALLOIDS, _NONMETALS = "B Si Ge As Sb Te", "H C N O P S Se"
FAMILIES = (
    "alkali", "alkaline earth", "transition metal", "f metal", "post-transition metal", "metalloid", "nonmetal",
    "halogen", "noble gas",
)  # fmt: skip
"""Columns of the periodic table by kin. Metalloids: B, Si, Ge, As, Sb, Te; zinc and its group count as transition
metals; lanthanum to lutetium and actinium to lawrencium as f metals."""
KINDS = ("metal", "metalloid", "nonmetal")
"""The first five families together; metalloids; the last three together."""


def _family() -> IntArray:
    """Place in FAMILIES by atomic number, shape (119,)."""
    found = np.full(MAX_Z + 1, FAMILIES.index("post-transition metal"))
    for first, last in ((21, 30), (39, 48), (72, 80), (104, 112)):
        found[first : last + 1] = FAMILIES.index("transition metal")
    found[57:72] = found[89:104] = FAMILIES.index("f metal")
    found[[3, 11, 19, 37, 55, 87]] = FAMILIES.index("alkali")
    found[[4, 12, 20, 38, 56, 88]] = FAMILIES.index("alkaline earth")
    listed = {"metalloid": _METALLOIDS, "nonmetal": _NONMETALS, "halogen": _HALOGENS, "noble gas": _NOBLE}
    for name, symbols in listed.items():
        found[[Z_OF[symbol] for symbol in symbols.split()]] = FAMILIES.index(name)
    return frozen(found)


FAMILY_OF: IntArray = _family()
KIND_OF: IntArray = frozen(np.array([0, 0, 0, 0, 0, 1, 2, 2, 2])[FAMILY_OF])


def labels(elements: tuple[str, ...], *, kinds: bool) -> tuple[tuple[str, ...], IntArray]:
    """Names of the classes and the class of each atomic number, shape (119,), -1 for none.

    Parameters
    ----------
    elements : symbols, each a class of its own, in this order; if empty, KINDS or FAMILIES.
    kinds : which of the two.

    Raises
    ------
    ConfigError : a symbol is no element or stands twice.
    """
    if not elements:
        return (KINDS, KIND_OF) if kinds else (FAMILIES, FAMILY_OF)
    if strange := [symbol for symbol in elements if symbol not in Z_OF]:
        raise ConfigError(f"elements: {strange[0]!r} is no element; symbols such as 'Fe' were expected.")
    if len(set(elements)) < len(elements):
        raise ConfigError(f"elements: {', '.join(elements)} names an element twice.")
    found = np.full(MAX_Z + 1, -1)
    found[[Z_OF[name] for name in elements]] = np.arange(len(elements))
    return tuple(elements), found


def pairs(n: int) -> tuple[tuple[tuple[int, int], ...], IntArray]:
    """Unordered pairs of n classes, and the place of each pair, shape (n, n), the same both ways round."""
    listed = tuple(combinations_with_replacement(range(n), 2))
    place = np.zeros((n, n), dtype=np.int64)
    for k, (a, b) in enumerate(listed):
        place[a, b] = place[b, a] = k
    return listed, place


def shares(structures: Structures, class_of: IntArray, n: int) -> FloatArray:
    """How much of each site belongs to each class, shape (n_sites, n): one 1 where a site is ordered."""
    classes = class_of[structures.numbers]
    known = classes >= 0
    place = structures.site_of_species[known] * n + classes[known]
    found = np.bincount(place, weights=structures.occupancies[known], minlength=len(structures.coordinates) * n)
    return found.reshape(-1, n).astype(float)


def strangers(structures: Structures, class_of: IntArray) -> dict[int, str]:
    """{row: elements of it that belong to no class}."""
    lost = np.flatnonzero(class_of[structures.numbers] < 0)
    rows = structures.rows[structures.site_of_species[lost]]
    return {
        int(row): "contains "
        + ", ".join(SYMBOLS[z] for z in np.unique(structures.numbers[lost[rows == row]]).tolist())
        + ", which is not among the elements asked for"
        for row in np.unique(rows)
    }
