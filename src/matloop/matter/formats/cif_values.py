"""Values of a CIF that several readers need: numbers, the lattice of six parameters, the formula."""

from __future__ import annotations

import re

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.matter.formats.part import StructureError
from matloop.matter.formats.star import Block

_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?:\(\d*\.?\d*\))?")


def number(text: str, what: str) -> float:
    """A number as CIF writes it: with the uncertainty in brackets, or as a fraction.

    Raises
    ------
    StructureError : it is none.

    Examples
    --------
    >>> number("0.1234(5)", "x"), number("1/4", "x")
    (0.1234, 0.25)
    """
    found = _NUMBER.fullmatch(text)
    if found:
        return float(found[1])
    ratio = re.fullmatch(r"([+-]?\d{1,6})/(\d{1,6})", text)
    if ratio and int(ratio[2]):
        return int(ratio[1]) / int(ratio[2])
    raise StructureError(f"the {what} is {text[:30]!r}, a number is needed")


def lattice_of(lengths: FloatArray, angles: FloatArray) -> FloatArray:
    """Lattice vectors from lengths and angles (degrees): c along z, a in the plane of x and z, as in pymatgen.

    Raises
    ------
    StructureError : the angles close no cell.
    """
    alpha, beta, gamma = np.radians(angles)
    cosine = (np.cos(alpha) * np.cos(beta) - np.cos(gamma)) / (np.sin(alpha) * np.sin(beta))
    if not abs(cosine) < 1.0 - 1e-12:
        raise StructureError(f"no cell has the angles {', '.join(f'{angle:g}' for angle in angles)}: correct them")
    turn = np.arccos(cosine)
    a, b, c = lengths
    return np.array([
        [a * np.sin(beta), 0.0, a * np.cos(beta)],
        [-b * np.sin(alpha) * np.cos(turn), b * np.sin(alpha) * np.sin(turn), b * np.cos(alpha)],
        [0.0, 0.0, c],
    ])  # fmt: skip


def formula_amounts(block: Block) -> dict[str, float]:
    """Amounts by symbol of `_chemical_formula_sum`; empty where there is none or it cannot be read."""
    text = block.value("_chemical_formula_sum")
    if not re.fullmatch(r"(?:\s*[A-Z][a-z]?\d*\.?\d*)+\s*", text[:500]):
        return {}
    found: dict[str, float] = {}
    for symbol, amount in re.findall(r"([A-Z][a-z]?)(\d*\.?\d*)", text):
        found[symbol] = found.get(symbol, 0.0) + float(amount if amount not in ("", ".") else 1)
    return found
