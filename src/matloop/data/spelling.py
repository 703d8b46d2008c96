"""One number as somebody wrote it: unit, uncertainty, limit, range, power of ten, decimal comma."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import BoolArray

MISSING_NUMBERS = frozenset(
    (
        *("", "-", "--", "---", "?", ".", "..", "...", "*", "/", "nan", "na", "n/a", "n.a.", "n.a", "n. a.", "<na>"),
        *(
            "nd",
            "n.d.",
            "n.d",
            "n. d.",
            "n/d",
            "nr",
            "n.r.",
            "n.m.",
            "none",
            "null",
            "nil",
            "missing",
            "unknown",
            "tbd",
        ),
        *("#n/a", "#na", "not measured", "not determined", "not available", "not applicable", "not reported"),
    )
)
"""Spellings of "no value" where a number is expected (lower case; dashes of any kind count as "-")."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one text says; `sign` is +1 for a lower limit, -1 for an upper one. All NaN and no fault: no value."""

    value: float = np.nan
    error: float = np.nan
    sign: int = 0
    unit: str = ""
    fault: str = ""
    repair: str = ""


_MISSING = Reading()
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe63\uff0d"
_SPACES = "\u00a0\u2002\u2003\u2007\u2009\u200a\u202f\u3000\t\r\n"
_PLAIN = str.maketrans(
    {
        **dict.fromkeys(_DASHES, "-"),
        **dict.fromkeys(_SPACES, " "),
        **dict.fromkeys("\u200b\u200c\u200d\ufeff", ""),
        "×": "x",
        "·": "*",
        "⋅": "*",
        "≥": ">=",
        "≧": ">=",
        "≤": "<=",
        "≦": "<=",
        "⩾": ">=",
        "⩽": "<=",
        "≈": "~",
        "≃": "~",
        "∼": "~",
        "≅": "~",
        "…": "...",
        "％": "%",
        "∞": "inf",
    }
)
_SUPERSCRIPT = re.compile("[⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_LOWERED = str.maketrans("⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "+-0123456789")

_DIGITS = r"(?:\d{1,3}(?:[ ']\d{3})+(?:[.,]\d+)?|\d+(?:[.,]\d+)*[.,]?|[.,]\d+)"
_POWER = r"(?:\s*[eEdD][+-]?\d+|\s*[x*]\s*10(?:\^|\*\*)?\(?[+-]?\d+\)?|\s*[x*]\s*10(?!\d))"
_NUMBER = rf"[+-]?\s?(?:10(?:\^|\*\*)\(?[+-]?\d+\)?|{_DIGITS}{_POWER}?)"
_UNIT = r"[A-Za-zµμΩΩÅ°℃%‰$(/\\][^±]*?"
_SIGN = (
    r"(?:>=|=>|<=|=<|>>|<<|>~|<~|>|<|~|ca\.?|circa|about|approx\.?|around|"
    r"up to|at least|at most|more than|less than|over|under)"
)
_PLUS_MINUS = r"(?:±|\+\s?/\s?-|\+-)"

_VALUE = re.compile(
    rf"^(?P<sign>{_SIGN})?\s*(?P<number>{_NUMBER})(?:\((?P<digits>\d+(?:[.,]\d+)?)\)(?P<power>{_POWER})?)?"
    rf"(?:\s*{_PLUS_MINUS}\s*(?P<error>{_NUMBER})(?P<relative>\s?%)?)?\s*(?P<unit>{_UNIT})?$",
    re.IGNORECASE,
)
_BRACKETED = re.compile(
    rf"^(?P<sign>{_SIGN})?\s*\(\s*(?P<number>{_NUMBER})\s*{_PLUS_MINUS}\s*(?P<error>{_NUMBER})\s*\)(?P<power>{_POWER})?\s*(?P<unit>{_UNIT})?$",
    re.IGNORECASE,
)
_UNIT_FIRST = re.compile(
    rf"^(?P<number>{_NUMBER})\s*(?P<unit>{_UNIT})\s*{_PLUS_MINUS}\s*(?P<error>{_NUMBER})\s*(?P<unit2>{_UNIT})?$"
)
_ASYMMETRIC = re.compile(
    rf"^(?P<number>{_NUMBER})\s*\+\s*(?P<up>{_DIGITS})\s*[/,;]?\s*-\s*(?P<down>{_DIGITS})\s*(?P<unit>{_UNIT})?$"
)
_TO = r"\s*(?:-|to|\.\.\.?|~)\s*"
_RANGE = re.compile(rf"^(?P<low>{_NUMBER}){_TO}(?P<high>{_NUMBER})\s*(?P<unit2>{_UNIT})?$", re.IGNORECASE)
# a unit after the first value counts only if the same stands after the second: "7 cm-3" is no range
_RANGE_IN_UNITS = re.compile(
    rf"^(?P<low>{_NUMBER})\s*(?P<unit>{_UNIT}){_TO}(?P<high>{_NUMBER})\s*(?P<unit2>{_UNIT})$", re.IGNORECASE
)
_ABOVE = frozenset({">", ">=", "=>", ">>", ">~", "at least", "more than", "over"})
_ABOUT = frozenset({"~", "ca", "ca.", "circa", "about", "approx", "approx.", "around"})


def tidied(text: str) -> str:
    """`text` in plain signs: one kind of dash and space, powers as ^n, no spaces around."""
    if not text.isascii():
        text = _SUPERSCRIPT.sub(lambda m: "^" + m.group().translate(_LOWERED), text.translate(_PLAIN))
    return " ".join(text.split())


def read_number(text: str, no_value: frozenset[str], commas: Commas) -> Reading:
    """One text that `tidied` has cleaned: a number with all that stands beside it, nothing, or a fault."""
    if text.lower() in no_value:
        return _MISSING
    if len(text) > 200:
        return Reading(fault="is not a number (longer than 200 characters)")
    try:
        found = _range(text, commas) or _value(text, commas)
    except Ambiguous as error:
        return Reading(fault=str(error))
    if found is None:
        return Reading(fault=_no_number(text))
    if not found.fault and not np.isfinite(found.value):
        return Reading(fault="is infinite; a measured value is finite")
    return found


def _no_number(text: str) -> str:
    if re.fullmatch(r"[+-]?inf(inity)?", text, re.IGNORECASE):
        return "is infinite; a measured value is finite"
    if re.match(r"^\d{4}-\d\d-\d\d|^\d{1,2}[./]\d{1,2}[./]\d{2,4}$", text):
        return "is a date, not a number (spreadsheets turn 3-5 into a date: write it as text)"
    if text.startswith("#"):
        return "is an error of the spreadsheet, not a number"
    return "is not a number"


def _value(text: str, commas: Commas) -> Reading | None:
    match = _VALUE.match(text) or _BRACKETED.match(text)
    if match is None:
        return _unit_first(text, commas)
    parts = match.groupdict()
    value = _float(parts["number"], commas)
    error, repair = np.nan, ""
    scale = _float("1" + parts["power"].strip(), commas) if parts.get("power") else 1.0
    if parts.get("digits"):
        error = _last_digits(parts["number"], parts["digits"], commas)
    if parts.get("error"):
        error = abs(_float(parts["error"], commas))
        if parts.get("relative"):
            error, repair = abs(value) * error / 100.0, "uncertainty in percent of the value"
    unit = (parts["unit"] or "").strip()
    sign = (parts["sign"] or "").lower()
    if sign in _ABOUT:
        return Reading(value * scale, error * scale, 0, unit, repair="an approximate value is taken as it stands")
    censored = 0 if not sign else 1 if sign in _ABOVE else -1
    return Reading(value * scale, error * scale, censored, unit, repair=repair or _spaced(parts["number"]))


def _spaced(number: str) -> str:
    return "spaces or apostrophes between thousands left out" if re.search(r"\d[ ']\d", number) else ""


def _unit_first(text: str, commas: Commas) -> Reading | None:
    if match := _UNIT_FIRST.match(text):
        first, second = match["unit"].strip(), (match["unit2"] or match["unit"]).strip()
        value, error = _float(match["number"], commas), abs(_float(match["error"], commas))
        if second == "%" != first:
            return Reading(value, abs(value) * error / 100.0, 0, first, repair="uncertainty in percent of the value")
        if first != second:
            return Reading(fault=f"gives its uncertainty in another unit ({second} beside {first})")
        return Reading(value, error, 0, first)
    if match := _ASYMMETRIC.match(text):
        up, down = _float(match["up"], commas), _float(match["down"], commas)
        why = "unequal uncertainties are averaged"
        return Reading(_float(match["number"], commas), (up + down) / 2.0, 0, (match["unit"] or "").strip(), repair=why)
    return None


def _range(text: str, commas: Commas) -> Reading | None:
    match = _RANGE.match(text) or _RANGE_IN_UNITS.match(text)
    if match is None or (match.re is _RANGE_IN_UNITS and match["unit"].strip() != match["unit2"].strip()):
        return None
    low, high = _float(match["low"], commas), _float(match["high"], commas)
    if low > high:
        return Reading(fault="is a range whose first value is the larger one")
    why = "the middle of a range, half its width as uncertainty"
    return Reading((low + high) / 2.0, (high - low) / 2.0, 0, (match["unit2"] or "").strip(), repair=why)


def _last_digits(number: str, digits: str, commas: Commas) -> float:
    """The uncertainty in brackets counts in units of the last digit, unless it has a decimal sign itself."""
    if re.search("[.,]", digits):
        return _float(digits, commas)
    mantissa = re.split(r"[eEdDx*]", number)[0].strip()
    plain = _unmarked(mantissa, commas)
    decimals = len(plain.partition(".")[2])
    power = _float("1" + number[len(mantissa) :].strip(), commas) if number[len(mantissa) :].strip() else 1.0
    return float(digits) * 10.0**-decimals * power


def _float(number: str, commas: Commas) -> float:
    text = number.replace(" ", "").replace("'", "")
    if power := re.match(r"^([+-]?)10(?:\^|\*\*)\(?([+-]?\d+)\)?$", text):
        return _finite(f"{power[1]}1e{power[2]}")
    text = re.sub(r"[x*]10(?:\^|\*\*)?\(?([+-]?\d+)\)?$", r"e\1", text, flags=re.IGNORECASE)
    text = re.sub(r"[x*]10$", "e1", text, flags=re.IGNORECASE)
    mantissa, e, power_of_ten = re.sub("[dD]", "e", text).replace("E", "e").partition("e")
    return _finite(_unmarked(mantissa, commas) + e + power_of_ten)


def _finite(text: str) -> float:
    try:
        return float(text)
    except (ValueError, OverflowError):
        raise Ambiguous("is not a number") from None


# ---- the comma, settled per column ----


class Ambiguous(ValueError):
    """A number that can be read in two ways."""


@dataclass(frozen=True, slots=True)
class Commas:
    """How "," and "." are read in one column: "decimal", "thousands", or "both" (only unmistakable values are read)."""

    comma: str
    point: str
    note: str = ""


_ONLY_DECIMAL_COMMA = re.compile(
    r"(?<![\d.,])(?:0,\d+|\d+,\d{1,2}(?![\d,.])|\d+,\d{4,}(?![,.])|\d{4,},\d+|\d{1,3}(?:\.\d{3})+,\d+|,\d+)"
)
_ONLY_THOUSANDS_COMMA = re.compile(r"(?<![\d.,])(?:[1-9]\d{0,2}(?:,\d{3}){2,}|[1-9]\d{0,2}(?:,\d{3})+\.\d*)(?![\d,])")
GROUPED_POINT = re.compile(r"^[+-]?[1-9]\d{0,2}(?:\.\d{3})+$")


def settle_commas(words: Sequence[str], column: NDArray, slow: BoolArray, hint: bool) -> Commas:
    """The one reading of commas and points for a column.

    words : its texts with a comma. slow : which rows of `column` are not plain numbers. hint : decimal if in doubt.
    """
    if not words:
        return Commas("thousands", "decimal")
    decimal = any(_ONLY_DECIMAL_COMMA.search(word) for word in words)
    thousands = any(_ONLY_THOUSANDS_COMMA.search(word) for word in words)
    if decimal and thousands:
        return Commas("both", "decimal", "commas are decimal signs in some values and part thousands in others")
    if decimal or (hint and not thousands):
        points = [word for word in column[~slow] if isinstance(word, str) and "." in word]
        grouped = any(re.search(r"\d\.\d{3},", word) for word in words)
        if any(not GROUPED_POINT.match(word.strip()) for word in points):
            return Commas("decimal", "decimal", "a comma is read as decimal sign, and so is a point")
        return Commas("decimal", "thousands" if grouped else "unclear", "a comma is read as decimal sign")
    return Commas("thousands", "decimal", 'a comma is read as thousands sign ("1,234" is 1234)')


def _unmarked(mantissa: str, commas: Commas) -> str:
    """A mantissa as Python reads it: no thousands signs, a point as decimal sign."""
    body = mantissa.rstrip(".,") or mantissa
    if "," not in body:
        return without_points(body, commas)
    if "." in body:  # the last of the two signs is the decimal one
        if body.rfind(",") > body.rfind("."):
            if re.fullmatch(r"[+-]?\d{1,3}(\.\d{3})+,\d+", body):
                return body.replace(".", "").replace(",", ".")
        elif re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+\.\d*", body):
            return body.replace(",", "")
        raise Ambiguous("is not a number")
    if body.count(",") == 1 and (commas.comma == "decimal" or _ONLY_DECIMAL_COMMA.fullmatch(body.lstrip("+-"))):
        return body.replace(",", ".")
    if re.fullmatch(r"[+-]?[1-9]\d{0,2}(,\d{3})+", body):
        if commas.comma == "both" and body.count(",") == 1:
            raise Ambiguous(
                "can be read in two ways: the comma is a decimal sign in other values, and a thousands sign in others"
            )
        return body.replace(",", "")
    raise Ambiguous("is not a number")


def without_points(body: str, commas: Commas) -> str:
    """A number without commas, its points read by the rule of the column."""
    if body.count(".") > 1:
        if GROUPED_POINT.match(body):
            return body.replace(".", "")
        raise Ambiguous("is not a number")
    if commas.point != "decimal" and GROUPED_POINT.match(body):
        if commas.point == "unclear":
            raise Ambiguous(
                "can be read in two ways: other values have a decimal comma, so the point may part thousands"
            )
        return body.replace(".", "")
    return body
