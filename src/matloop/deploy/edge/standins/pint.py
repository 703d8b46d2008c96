"""Units of measurement, as far as cells of tables name them: products and powers of the usual ones, with prefixes.

Factors are exact by definition (SI brochure, 9th edition, 2019) or CODATA 2022, as in the library this stands in for.
"""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

_BASE = ("m", "kg", "s", "A", "K", "mol", "cd")
_E = 1.602176634e-19
_U = 1.66053906892e-27
_PREFIXES = {
    "f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3, "c": 1e-2, "d": 1e-1, "h": 1e2, "k": 1e3, "M": 1e6,
    "G": 1e9, "T": 1e12, "P": 1e15,
}  # fmt: skip
_LONG = {
    "femto": 1e-15, "pico": 1e-12, "nano": 1e-9, "micro": 1e-6, "milli": 1e-3, "centi": 1e-2, "deci": 1e-1,
    "hecto": 1e2, "kilo": 1e3, "mega": 1e6, "giga": 1e9, "tera": 1e12,
}  # fmt: skip
_ZERO = (0.0,) * 7


class PintError(Exception):
    """A text that is no unit."""


errors = SimpleNamespace(PintError=PintError)


@dataclass(frozen=True, slots=True)
class Unit:
    """value * scale + offset in base units. dimensionality : powers of `_BASE`."""

    dimensionality: tuple[float, ...]
    scale: float
    offset: float = 0.0


@dataclass(frozen=True, slots=True)
class Amount:
    """A number or an array of them in a unit."""

    magnitude: Any
    units: Any

    def to(self, unit: Unit) -> Amount:
        """The same in another unit of the same dimension."""
        mine: Unit = self.units
        if mine.offset == unit.offset == 0.0:
            return Amount(self.magnitude * (mine.scale / unit.scale), unit)
        return Amount((self.magnitude * mine.scale + mine.offset - unit.offset) / unit.scale, unit)


class UnitRegistry:
    """Reads units."""

    def __init__(self, autoconvert_offset_to_baseunit: bool = True) -> None:
        del autoconvert_offset_to_baseunit

    def define(self, text: str) -> None:
        """What is defined beside stands in the table already."""

    def Quantity(self, magnitude: Any, units: Unit | str) -> Amount:  # noqa: N802 - the name of what it stands for
        """A number in a unit; "dimensionless" is one."""
        return Amount(magnitude, Unit(_ZERO, 1.0) if isinstance(units, str) else units)

    def parse_expression(self, text: str) -> Amount:
        """A unit, perhaps with a factor.

        Raises
        ------
        PintError : the text is no product of known units.
        """
        try:
            factor, unit = _read(ast.parse(text, mode="eval").body)
        except SyntaxError as error:
            raise PintError(text) from error
        return Amount(factor, unit)


def _read(node: ast.expr) -> tuple[float, Unit]:
    """A factor and a unit."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value), Unit(_ZERO, 1.0)
    if isinstance(node, ast.Name):
        return 1.0, _named(node.id)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        factor, unit = _read(node.operand)
        return -factor, unit
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div | ast.Pow):
        left, right = _read(node.left), _read(node.right)
        if isinstance(node.op, ast.Pow):
            if right[1].dimensionality != _ZERO or right[1].scale != 1.0:
                raise PintError("a power that is no number")
            return _power(left, right[0])
        return _times(left, right if isinstance(node.op, ast.Mult) else _power(right, -1.0))
    raise PintError(ast.dump(node)[:80])


def _times(a: tuple[float, Unit], b: tuple[float, Unit]) -> tuple[float, Unit]:
    powers = tuple(x + y for x, y in zip(a[1].dimensionality, b[1].dimensionality, strict=True))
    alone = a[1].dimensionality == _ZERO or b[1].dimensionality == _ZERO
    return a[0] * b[0], Unit(powers, a[1].scale * b[1].scale, (a[1].offset + b[1].offset) if alone else 0.0)


def _power(a: tuple[float, Unit], power: float) -> tuple[float, Unit]:
    if abs(power) > 99:
        raise PintError("a power that no unit has")
    return a[0] ** power, Unit(tuple(x * power for x in a[1].dimensionality), a[1].scale ** power)


def _named(word: str) -> Unit:
    if word in _UNITS:
        return _UNITS[word]
    for prefixes in (_LONG, _PREFIXES):
        for prefix, factor in prefixes.items():
            rest = word[len(prefix) :]
            if (
                word.startswith(prefix)
                and rest in _UNITS
                and rest not in _PLAIN
                and (prefixes is _PREFIXES) == (len(rest) < 4)
            ):
                unit = _UNITS[rest]
                return Unit(unit.dimensionality, unit.scale * factor)
    if word.endswith("s") and len(word) > 4 and word[:-1] in _UNITS:
        return _UNITS[word[:-1]]
    raise PintError(word)


def _unit(scale: float, offset: float = 0.0, **powers: float) -> Unit:
    return Unit(tuple(float(powers.get(name, 0)) for name in _BASE), scale, offset)


_TABLE: dict[str, Unit] = {
    "m meter metre": _unit(1.0, m=1),
    "g gram": _unit(1e-3, kg=1),
    "s second": _unit(1.0, s=1),
    "A ampere amp": _unit(1.0, A=1),
    "K kelvin": _unit(1.0, K=1),
    "mol mole": _unit(1.0, mol=1),
    "cd candela": _unit(1.0, cd=1),
    "angstrom": _unit(1e-10, m=1),
    "inch": _unit(0.0254, m=1),
    "minute": _unit(60.0, s=1),
    "hour": _unit(3600.0, s=1),
    "day": _unit(86400.0, s=1),
    "Hz hertz": _unit(1.0, s=-1),
    "degC celsius": _unit(1.0, 273.15, K=1),
    "degF fahrenheit": _unit(5.0 / 9.0, 233.15 + 200.0 / 9.0, K=1),
    "N newton": _unit(1.0, kg=1, m=1, s=-2),
    "Pa pascal": _unit(1.0, kg=1, m=-1, s=-2),
    "bar": _unit(1e5, kg=1, m=-1, s=-2),
    "atm": _unit(101325.0, kg=1, m=-1, s=-2),
    "torr": _unit(101325.0 / 760.0, kg=1, m=-1, s=-2),
    "psi": _unit(4.4482216152605 / 0.0254**2, kg=1, m=-1, s=-2),
    "ksi": _unit(4448.2216152605 / 0.0254**2, kg=1, m=-1, s=-2),
    "Oe oersted": _unit(0.3162277660168379, kg=0.5, m=-0.5, s=-1),
    "Ah": _unit(3600.0, A=1, s=1),
    "M molar": _unit(1000.0, mol=1, m=-3),
    "J joule": _unit(1.0, kg=1, m=2, s=-2),
    "cal calorie": _unit(4.184, kg=1, m=2, s=-2),
    "eV electron_volt": _unit(_E, kg=1, m=2, s=-2),
    "hartree": _unit(4.3597447222071e-18, kg=1, m=2, s=-2),
    "Ry rydberg": _unit(4.3597447222071e-18 / 2.0, kg=1, m=2, s=-2),
    "W watt": _unit(1.0, kg=1, m=2, s=-3),
    "C coulomb": _unit(1.0, A=1, s=1),
    "V volt": _unit(1.0, kg=1, m=2, s=-3, A=-1),
    "ohm": _unit(1.0, kg=1, m=2, s=-3, A=-2),
    "S siemens": _unit(1.0, kg=-1, m=-2, s=3, A=2),
    "F farad": _unit(1.0, kg=-1, m=-2, s=4, A=2),
    "T tesla": _unit(1.0, kg=1, s=-2, A=-1),
    "u amu dalton": _unit(_U, kg=1),
    "emu": _unit(1e-3, A=1, m=2),
    "muB bohr_magneton": _unit(9.274010065738068e-24, A=1, m=2),
    "L l liter litre": _unit(1e-3, m=3),
    "percent": _unit(0.01),
    "ppm": _unit(1e-6),
    "count dimensionless": _unit(1.0),
    "rad radian": _unit(1.0),
    "degree": _unit(math.pi / 180.0),
}
_UNITS: dict[str, Unit] = {name: unit for names, unit in _TABLE.items() for name in names.split()}
_PLAIN = frozenset({"degC", "degF", "percent", "ppm", "count", "dimensionless", "minute", "hour", "day", "inch"})
"""Units that take no prefix."""
