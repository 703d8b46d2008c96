"""Units of measurement: what a user writes, tidied; conversion by pint (loaded on the first real conversion)."""

from __future__ import annotations

import re
import tokenize
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.errors import ConfigError

_NONE = frozenset({"", "-", "1", "none", "dimensionless", "unitless", "a.u.", "arb. u.", "arb. unit"})
_SPELLINGS = {
    "%": "percent",
    "wt%": "percent",
    "wt.%": "percent",
    "at%": "percent",
    "at.%": "percent",
    "mol%": "percent",
    "mol.%": "percent",
    "vol%": "percent",
    "vol.%": "percent",
    "ppm": "ppm",
    "wppm": "ppm",
    "ppmw": "ppm",
    "wt ppm": "ppm",
    "appm": "ppm",
    "at ppm": "ppm",
    "°C": "degC",
    "℃": "degC",
    "oC": "degC",
    "deg C": "degC",
    "C": "degC",  # of materials data "C" is far more often Celsius than coulomb; coulomb can be written out
    "°F": "degF",
    "°": "degree",
    "deg": "degree",
}
_WORDS = {
    "atom": "count",
    "atoms": "count",
    "at": "count",
    "Ohm": "ohm",
    "h": "hour",
    "hr": "hour",
    "hrs": "hour",
    "sec": "second",
    "min": "minute",
    "mins": "minute",
}
_LETTERS = {"Ω": "ohm", "\u2126": "ohm", "Å": "angstrom", "\u212b": "angstrom", "°C": "degC"}
_SIGNS = str.maketrans({"·": "*", "⋅": "*", "×": "*", "−": "-", "–": "-", "μ": "u", "µ": "u", "⁄": "/"})
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_LONGEST = 100


def tidy(unit: str) -> str:
    """`unit` in plain ASCII as pint reads it: "µV/K" -> "uV/K", "W m⁻¹ K⁻¹" -> "W*m**-1*K**-1", "°C" -> "degC".

    Dimensionless spellings ("", "-", "1", "none") give "".
    """
    text = unit.strip()
    if text.lower() in _NONE:
        return ""
    if text in _SPELLINGS or len(text) > _LONGEST:
        return _SPELLINGS.get(text, text)
    text = text.translate(_SIGNS)
    text = re.sub(r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+", lambda m: "**" + m.group().translate(_SUPERSCRIPTS), text)
    text = re.sub(r"\bu_?B\b", "muB", text)  # Bohr magneton, not a millionth of a byte
    for sign, word in _LETTERS.items():
        text = text.replace(sign, word)
    text = text.replace("^", "**")
    text = re.sub(r"(?<=[A-Za-z)])(-?\d+)", r"**\1", text)
    text = re.sub(r"\s*([*/()])\s*", r"\1", text)
    text = re.sub(r"\s+", "*", text)
    text = re.sub(r"(?<![A-Za-z])A(?=\*\*3)", "angstrom", text)  # nobody means cubic amperes
    return re.sub(r"[A-Za-z]+", lambda m: _word(m.group()), text)


def _word(word: str) -> str:
    if word in _WORDS:
        return _WORDS[word]
    return word.lower() if re.fullmatch(r"[A-Z][a-z]{3,}", word) else word  # Kelvin, Angstrom, Torr


def known(unit: str) -> bool:
    """Whether `unit` is a unit ("" is: no dimension)."""
    return _parsed(tidy(unit)) is not None


def product(*parts: tuple[str, int]) -> str:
    """The unit of a product of powers: "" where no factor has one; powers of one unit are put together.

    Examples
    --------
    >>> product(("K", 1), ("GPa", 2)), product(("K", 1), ("K", 1)), product(("W/m/K", 1), ("s", -1))
    ('K*GPa^2', 'K^2', '(W/m/K)/s')
    """
    powers: dict[str, int] = {}
    for unit, power in parts:
        if tidy(unit):
            powers[unit] = powers.get(unit, 0) + power
    above = [_power(unit, power) for unit, power in powers.items() if power > 0]
    below = [_power(unit, -power) for unit, power in powers.items() if power < 0]
    if not (above or below):
        return ""
    return "/".join(["*".join(above) or "1", *below])


def _power(unit: str, power: int) -> str:
    plain = re.fullmatch(r"[^\W\d_]+", unit.replace("°", "")) is not None
    base = unit if plain else f"({unit})"
    return (unit if power == 1 and plain else base) + (f"^{power}" if power != 1 else "")


def compatible(a: str, b: str) -> bool:
    """Whether values in `a` can be converted to `b`."""
    first, second = _parsed(tidy(a)), _parsed(tidy(b))
    return first is not None and second is not None and first.unit.dimensionality == second.unit.dimensionality


def convert(values: FloatArray, from_unit: str, to_unit: str) -> FloatArray:
    """`values` in `to_unit`; NaN stays NaN. A unit that is the same after tidying is not looked up.

    Parameters
    ----------
    values : any shape, numbers in `from_unit`. A factor in the unit counts: 3 in "10^18 cm^-3" are 3e18 cm^-3.

    Raises
    ------
    ConfigError : a unit is unknown, or the two measure different things.

    Examples
    --------
    >>> convert(np.array([25.0]), "°C", "K")
    array([298.15])
    """
    source, target = tidy(from_unit), tidy(to_unit)
    numbers = np.array(values, dtype=float)
    if source == target:
        return numbers
    first, second = _required(source, from_unit), _required(target, to_unit)
    if first.unit.dimensionality != second.unit.dimensionality:
        raise ConfigError(
            f"{from_unit!r} cannot be converted to {to_unit!r}: one measures {first.unit.dimensionality}, "
            f"the other {second.unit.dimensionality}. Correct the unit in the problem file or in the table."
        )
    quantity = _registry().Quantity(numbers * first.factor, first.unit)
    return np.asarray(quantity.to(second.unit).magnitude, dtype=float) / second.factor


@dataclass(frozen=True, slots=True)
class BaseForm:
    """A unit in SI base units: `value * scale + offset` of them; `exponents` by pint's names ({"[length]": 1.0})."""

    exponents: tuple[tuple[str, float], ...]
    scale: float
    offset: float


def in_base(unit: str) -> BaseForm | None:
    """What `unit` is in SI base units; None if it is unknown.

    Examples
    --------
    >>> in_base("km/h").exponents
    (('[length]', 1.0), ('[time]', -1.0))
    >>> in_base("°C").offset
    273.15
    """
    parsed = _parsed(tidy(unit))
    if parsed is None:
        return None
    ends = _registry().Quantity(np.array([0.0, 1.0]) * parsed.factor, parsed.unit).to_base_units().magnitude
    found = sorted((str(name), float(power)) for name, power in parsed.unit.dimensionality.items())
    return BaseForm(tuple(found), float(ends[1] - ends[0]), float(ends[0]))


@dataclass(frozen=True, slots=True)
class _Unit:
    factor: float
    unit: Any


def _required(tidied: str, written: str) -> _Unit:
    unit = _parsed(tidied)
    if unit is None:
        raise ConfigError(f"{written!r} is not a known unit. Write it like 'uV/K', 'W/(m*K)', 'eV/atom' or 'degC'.")
    return unit


@cache
def _registry() -> Any:
    import pint

    registry = pint.UnitRegistry(autoconvert_offset_to_baseunit=True)
    registry.define("emu = 1e-3 * ampere * meter**2")  # magnetic moment, CGS; NIST SP 811 (2008), appendix B.8
    registry.define("muB = bohr_magneton")
    return registry


@lru_cache(maxsize=4096)
def _parsed(tidied: str) -> _Unit | None:
    import pint

    towers = re.search(r"\*\*[-\d.]*\*\*|\)\*\*|\*\*-?\d{3}|\*\*\(", tidied)  # 9**9**9 would never end
    if towers or len(tidied) > _LONGEST or not re.fullmatch(r"[\w*/().+\- %]*", tidied):
        return None
    try:
        quantity = _registry().Quantity(1.0, "dimensionless") if not tidied else _registry().parse_expression(tidied)
        if isinstance(quantity, int | float):
            quantity = _registry().Quantity(float(quantity), "dimensionless")
        factor = float(quantity.magnitude)
    except (pint.errors.PintError, ValueError, TypeError, AttributeError, KeyError, ArithmeticError):
        return None
    except (SyntaxError, AssertionError, IndexError, tokenize.TokenError):  # pint's own reader on text that is no unit
        return None
    return _Unit(factor, quantity.units) if np.isfinite(factor) and factor > 0 else None
