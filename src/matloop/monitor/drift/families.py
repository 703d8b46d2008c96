"""Families of materials by simple rules on the elements they hold: what a chemist would say at a glance."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import BoolArray, IntArray
from matloop.core.elements import Z_OF

_HALOGENS = ("F", "Cl", "Br", "I", "At")
_NONMETALS = ("H", "He", "C", "N", "O", "F", "Ne", "P", "S", "Cl", "Ar", "Se", "Br", "Kr", "I", "Xe", "At", "Rn")
_METALLOIDS = ("B", "Si", "Ge", "As", "Sb", "Te")
_OXYGEN_ACIDS = (("P", "phosphate"), ("S", "sulfate or sulfite"), ("N", "nitrate or oxynitride"),
                 ("C", "carbonate or oxycarbide"), ("B", "borate"), ("Si", "silicate"))  # fmt: skip
FAMILIES = (
    "element", "alloy or intermetallic", "metalloid compound", "oxide", "hydroxide or hydrate", "oxyhalide",
    *(name for _, name in _OXYGEN_ACIDS), "oxychalcogenide", "fluoride", "halide", "chalcogenide", "nitride",
    "phosphide", "carbide", "boride", "silicide or germanide", "arsenide or antimonide", "hydride", "organic", "other",
)  # fmt: skip
"""Names of the families; every material is in one."""


def families(elements: BoolArray) -> IntArray:
    """The family of each material, an index into `FAMILIES`, shape (n,).

    Parameters
    ----------
    elements : shape (n, 118), whether it holds the element of atomic number column + 1.

    The first rule that fits decides; later rules of the list below see only what is left. They know no structure: a
    peroxide is an oxide, a thiosulfate a sulfate. Carbon with hydrogen is organic, whatever else is in it.
    """
    found = np.full(len(elements), FAMILIES.index("other"), dtype=np.int64)
    free = np.ones(len(elements), dtype=bool)
    for name, inside in _rules(elements):
        found[free & inside] = FAMILIES.index(name)
        free &= ~inside
    return found


def _rules(E: BoolArray) -> list[tuple[str, BoolArray]]:
    def has(*symbols: str) -> BoolArray:
        return np.asarray(E[:, [Z_OF[symbol] - 1 for symbol in symbols]].any(axis=1))

    count = E.sum(axis=1)
    nonmetal, metalloid, oxygen = has(*_NONMETALS), has(*_METALLOIDS), has("O")
    return [
        ("other", count == 0),
        ("element", count == 1),
        ("organic", has("C") & has("H")),
        ("oxyhalide", oxygen & has(*_HALOGENS)),
        ("hydroxide or hydrate", oxygen & has("H")),
        *((name, oxygen & has(symbol)) for symbol, name in _OXYGEN_ACIDS),
        ("oxychalcogenide", oxygen & has("Se", "Te")),
        ("oxide", oxygen),
        ("fluoride", has("F")),
        ("halide", has(*_HALOGENS)),
        ("chalcogenide", has("S", "Se", "Te")),
        ("nitride", has("N")),
        ("phosphide", has("P")),
        ("carbide", has("C")),
        ("hydride", has("H")),
        ("boride", has("B")),
        ("silicide or germanide", has("Si", "Ge") & ~nonmetal),
        ("arsenide or antimonide", has("As", "Sb") & ~nonmetal),
        ("metalloid compound", metalloid & ~nonmetal),
        ("alloy or intermetallic", ~nonmetal & ~metalloid),
    ]
