"""Dimensions of quantities as whole-number vectors, and the common units that a law is written in.

An exponent is kept in 72nds: sixth parts of powers that are themselves twelfths stay whole, so that equal dimensions
are equal exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.units import in_base, tidy

PARTS = 72
SIXTHS = 6
"""Powers inside a law are multiples of one sixth: 6 is a factor as it stands, 3 its square root."""
_SYMBOLS = {
    "[length]": "m",
    "[mass]": "kg",
    "[time]": "s",
    "[current]": "A",
    "[temperature]": "K",
    "[substance]": "mol",
    "[luminosity]": "cd",
}
_NAMED = ("N", "J", "W", "Pa", "C", "V", "ohm", "Hz", "T", "F", "S", "Wb", "H")


@dataclass(frozen=True, slots=True)
class Quantity:
    """One column of a law: its name, the unit that a law takes it in, and `value * scale + offset` to get there.

    known : False where the unit means nothing to us; such a quantity has a dimension of its own.
    """

    name: str
    unit: str = ""
    scale: float = 1.0
    offset: float = 0.0
    known: bool = True


@dataclass(frozen=True, slots=True)
class Quantities:
    """Inputs and target of a law with their dimensions.

    dims : shape (n_inputs, n_bases), in 72nds. target_dim : shape (n_bases,). bases : name of each base dimension.
    pure : whether all are in SI base units; else constants also hold the factors between the units (1 eV = 1.6e-19 J).
    """

    inputs: tuple[Quantity, ...]
    target: Quantity
    bases: tuple[str, ...]
    dims: IntArray
    target_dim: IntArray
    pure: bool

    def taken(self, X: FloatArray) -> FloatArray:
        """Columns as the law takes them; shape as `X` (n_rows, n_inputs)."""
        scale = np.array([q.scale for q in self.inputs])
        offset = np.array([q.offset for q in self.inputs])
        return np.asarray(X, dtype=np.float64) * scale + offset

    def reachable(self) -> bool:
        """Whether some product of powers of the inputs has the target's dimension."""
        if not self.target_dim.any():
            return True
        solution = np.linalg.lstsq(self.dims.T.astype(float), self.target_dim.astype(float), rcond=None)[0]
        return bool(np.allclose(self.dims.T @ solution, self.target_dim, atol=1e-6 * PARTS))


def quantities(names: Sequence[str], units: Sequence[str | None], target: str, target_unit: str | None) -> Quantities:
    """Read all units once.

    Quantities of one dimension get one unit (that of the first), so that they may be added; temperatures are absolute
    and angles in radians. A unit that is unknown (or None) is a dimension of its own: nothing can be added to it.
    """
    texts = [*units, target_unit]
    found = [_exponents(text, place) for place, text in enumerate(texts)]
    bases = tuple(dict.fromkeys(name for exponents, _, _ in found for name, _ in exponents))
    dims = np.zeros((len(texts), len(bases)), dtype=np.int64)
    for row, (exponents, _, _) in enumerate(found):
        for name, power in exponents:
            dims[row, bases.index(name)] = round(power * PARTS)
    first: dict[tuple[int, ...], int] = {}
    made = []
    for row, (text, (_, scale, offset)) in enumerate(zip(texts, found, strict=True)):
        name = [*names, target][row]
        lead = first.setdefault(tuple(dims[row].tolist()), row)
        unit, base = _common(texts[lead], found[lead])
        known = text is not None and in_base(text) is not None
        made.append(Quantity(name, unit, scale / base, offset / base, known))
    pure = all(abs(_common(t, f)[1] - 1.0) < 1e-12 for t, f in zip(texts, found, strict=True))
    return Quantities(tuple(made[:-1]), made[-1], bases, dims[:-1], dims[-1], pure)


def _exponents(text: str | None, place: int) -> tuple[tuple[tuple[str, float], ...], float, float]:
    form = None if text is None else in_base(text)
    if form is None:
        own = f"?{tidy(text)}" if text else f"?{place}"
        return ((own, 1.0),), 1.0, 0.0
    return form.exponents, form.scale, form.offset


def _common(text: str | None, found: tuple[tuple[tuple[str, float], ...], float, float]) -> tuple[str, float]:
    """Unit and SI factor that quantities like this one are brought to."""
    exponents, scale, offset = found
    if text is None:
        return "", 1.0
    if offset:
        return unit_text(dict(exponents)), 1.0
    if not exponents and tidy(text) not in ("", "percent"):
        return "", 1.0  # angles in radians
    return text, scale


def unit_text(exponents: dict[str, float]) -> str:
    """SI base units with exponents as text that `core.units` reads again."""
    wanted = tuple(sorted((n, p) for n, p in exponents.items() if p))
    for name in _NAMED:
        form = in_base(name if name != "C" else "coulomb")
        if wanted and form is not None and form.exponents == wanted:
            return name if name != "C" else "coulomb"
    above = [_powered(n, p) for n, p in wanted if p > 0]
    below = [_powered(n, -p) for n, p in wanted if p < 0]
    if not below:
        return "*".join(above)
    under = below[0] if len(below) == 1 else f"({'*'.join(below)})"
    return f"{'*'.join(above) or '1'}/{under}"


def _powered(base: str, power: float) -> str:
    name = _SYMBOLS.get(base, base.lstrip("?").strip("[]") or "unit")
    if power == 1:
        return name
    fraction = Fraction(power).limit_denominator(12)
    return f"{name}**{fraction}" if fraction.denominator == 1 else f"{name}**({fraction})"
