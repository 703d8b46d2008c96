"""Numbers as people write them: units, uncertainties, limits, ranges, decimal commas, and many ways to say nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from matloop.core import units
from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.core.errors import DataError, listed

MISSING_NUMBERS = frozenset(
    "|-|--|---|?|.|..|...|*|/|nan|na|n/a|n.a.|n.a|n. a.|nd|n.d.|n.d|n. d.|n/d|none|null|nil|missing|unknown|tbd|<na>|#n/a|#na|"
    "not measured|not determined|not available|not applicable|not reported|nr|n.r.|n.m.".split("|")
)
"""Spellings of "no value" where a number is expected (lower case; dashes of any kind count as "-")."""


@dataclass(frozen=True, slots=True)
class NumberColumn:
    """A column read as numbers.

    values : shape (n_rows,), in `unit`; NaN is missing or unreadable.
    errors : one standard deviation where the text gives one ("1.2 +- 0.1", "1.23(4)"; half the width of a range), else NaN.
    censored : +1 where the true value is above ("> 300"), -1 where it is below ("< 5"), else 0.
    faults : {0-based row: why it cannot be read}.
    repairs : {0-based row: (what it became, why)} where reading was more than taking the number.
    notes : rules that were applied to the whole column.
    """

    values: FloatArray
    errors: FloatArray
    censored: IntArray
    unit: str = ""
    faults: Mapping[int, str] = field(default_factory=dict)
    repairs: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_numbers(
    column: NDArray,
    *,
    unit: str = "",
    column_unit: str = "",
    missing: Sequence[str] = (),
    decimal_comma: bool = False,
    name: str = "",
) -> NumberColumn:
    """Read a column of numbers or text as numbers in `unit`.

    Parameters
    ----------
    column : shape (n_rows,), numbers or objects (text, None, numbers, dates).
    unit : what numbers are converted to; "" takes them as they are.
    column_unit : what numbers without a unit of their own are in; "" means `unit`.
    missing : spellings of "no value" beyond `MISSING_NUMBERS`.
    decimal_comma : "1,234" is 1.234 where nothing in the column says otherwise.
    name : for messages.

    Notes
    -----
    The comma is settled once per column: it is a decimal sign if some value can only be read so ("1,5", "0,125",
    "1.234,5"), a thousands sign if some value can only be read so ("1,234.5", "1,234,567") or if all commas stand before
    three digits; where a column shows both, values that fit both are refused.

    Raises
    ------
    DataError : values in several units, or some with and some without, and no `unit` to convert them to.
    """
    if column.dtype.kind != "O":
        return _converted(_native(column), unit, column_unit)
    plain = pd.to_numeric(pd.Series(column, dtype=object), errors="coerce").to_numpy(dtype=float)
    plain = np.array(plain, dtype=float)
    slow = ~np.isfinite(plain)
    texts = np.array([_text(value) for value in column[slow]], dtype=object)
    codes, words = pd.factorize(texts)
    no_value = MISSING_NUMBERS | {_tidied(word).lower() for word in missing}
    tidied = [_tidied(str(word)) for word in words]
    commas = _commas([word for word in tidied if "," in word], column, slow, decimal_comma)
    parsed = [_parsed(word, no_value, commas) for word in tidied]
    rows = np.flatnonzero(slow)
    read = _assembled(plain, rows, codes, parsed, commas, column)
    return _converted(read, unit, column_unit, name)


# ---- one value ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Parsed:
    value: float = np.nan
    error: float = np.nan
    sign: int = 0
    unit: str = ""
    fault: str = ""
    repair: str = ""


_MISSING = _Parsed()
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
_SIGN = r"(?:>=|=>|<=|=<|>>|<<|>~|<~|>|<|~|ca\.?|circa|about|approx\.?|around|up to|at least|at most|more than|less than|over|under)"
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
_RANGE_IN_UNITS = re.compile(rf"^(?P<low>{_NUMBER})\s*(?P<unit>{_UNIT}){_TO}(?P<high>{_NUMBER})\s*(?P<unit2>{_UNIT})$", re.IGNORECASE)
_ABOVE = frozenset({">", ">=", "=>", ">>", ">~", "at least", "more than", "over"})
_ABOUT = frozenset({"~", "ca", "ca.", "circa", "about", "approx", "approx.", "around"})


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return ""
    return str(value)


def _tidied(text: str) -> str:
    if not text.isascii():
        text = _SUPERSCRIPT.sub(lambda m: "^" + m.group().translate(_LOWERED), text.translate(_PLAIN))
    return " ".join(text.split())


def _parsed(text: str, no_value: frozenset[str], commas: _Commas) -> _Parsed:
    if text.lower() in no_value:
        return _MISSING
    if len(text) > 200:
        return _Parsed(fault="is not a number (longer than 200 characters)")
    try:
        parsed = _range(text, commas) or _value(text, commas)
    except _Ambiguous as error:
        return _Parsed(fault=str(error))
    if parsed is None:
        return _Parsed(fault=_no_number(text))
    if not parsed.fault and not np.isfinite(parsed.value):
        return _Parsed(fault="is infinite; a measured value is finite")
    return parsed


def _no_number(text: str) -> str:
    if re.fullmatch(r"[+-]?inf(inity)?", text, re.IGNORECASE):
        return "is infinite; a measured value is finite"
    if re.match(r"^\d{4}-\d\d-\d\d|^\d{1,2}[./]\d{1,2}[./]\d{2,4}$", text):
        return "is a date, not a number (spreadsheets turn 3-5 into a date: write it as text)"
    if text.startswith("#"):
        return "is an error of the spreadsheet, not a number"
    return "is not a number"


def _value(text: str, commas: _Commas) -> _Parsed | None:
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
        return _Parsed(value * scale, error * scale, 0, unit, repair="an approximate value is taken as it stands")
    censored = 0 if not sign else 1 if sign in _ABOVE else -1
    return _Parsed(value * scale, error * scale, censored, unit, repair=repair or _spaced(parts["number"]))


def _spaced(number: str) -> str:
    return "spaces or apostrophes between thousands left out" if re.search(r"\d[ ']\d", number) else ""


def _unit_first(text: str, commas: _Commas) -> _Parsed | None:
    if match := _UNIT_FIRST.match(text):
        first, second = match["unit"].strip(), (match["unit2"] or match["unit"]).strip()
        value, error = _float(match["number"], commas), abs(_float(match["error"], commas))
        if second == "%" != first:
            return _Parsed(value, abs(value) * error / 100.0, 0, first, repair="uncertainty in percent of the value")
        if first != second:
            return _Parsed(fault=f"gives its uncertainty in another unit ({second} beside {first})")
        return _Parsed(value, error, 0, first)
    if match := _ASYMMETRIC.match(text):
        up, down = _float(match["up"], commas), _float(match["down"], commas)
        why = "unequal uncertainties are averaged"
        return _Parsed(_float(match["number"], commas), (up + down) / 2.0, 0, (match["unit"] or "").strip(), repair=why)
    return None


def _range(text: str, commas: _Commas) -> _Parsed | None:
    match = _RANGE.match(text) or _RANGE_IN_UNITS.match(text)
    if match is None or (match.re is _RANGE_IN_UNITS and match["unit"].strip() != match["unit2"].strip()):
        return None
    low, high = _float(match["low"], commas), _float(match["high"], commas)
    if low > high:
        return _Parsed(fault="is a range whose first value is the larger one")
    why = "the middle of a range, half its width as uncertainty"
    return _Parsed((low + high) / 2.0, (high - low) / 2.0, 0, (match["unit2"] or "").strip(), repair=why)


def _last_digits(number: str, digits: str, commas: _Commas) -> float:
    """The uncertainty in brackets counts in units of the last digit, unless it has a decimal sign itself."""
    if re.search("[.,]", digits):
        return _float(digits, commas)
    mantissa = re.split(r"[eEdDx*]", number)[0].strip()
    plain = _unmarked(mantissa, commas)
    decimals = len(plain.partition(".")[2])
    power = _float("1" + number[len(mantissa) :].strip(), commas) if number[len(mantissa) :].strip() else 1.0
    return float(digits) * 10.0**-decimals * power


def _float(number: str, commas: _Commas) -> float:
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
        raise _Ambiguous("is not a number") from None


# ---- the comma, settled per column -----------------------------------------------------------------------------------


class _Ambiguous(ValueError):
    """A number that can be read in two ways."""


@dataclass(frozen=True, slots=True)
class _Commas:
    """How "," and "." are read in one column: "decimal", "thousands", or "both" (only unmistakable values are read)."""

    comma: str
    point: str
    note: str = ""


_ONLY_DECIMAL_COMMA = re.compile(
    r"(?<![\d.,])(?:0,\d+|\d+,\d{1,2}(?![\d,.])|\d+,\d{4,}(?![,.])|\d{4,},\d+|\d{1,3}(?:\.\d{3})+,\d+|,\d+)"
)
_ONLY_THOUSANDS_COMMA = re.compile(r"(?<![\d.,])(?:[1-9]\d{0,2}(?:,\d{3}){2,}|[1-9]\d{0,2}(?:,\d{3})+\.\d*)(?![\d,])")
_GROUPED_POINT = re.compile(r"^[+-]?[1-9]\d{0,2}(?:\.\d{3})+$")


def _commas(words: Sequence[str], column: NDArray, slow: BoolArray, hint: bool) -> _Commas:
    if not words:
        return _Commas("thousands", "decimal")
    decimal = any(_ONLY_DECIMAL_COMMA.search(word) for word in words)
    thousands = any(_ONLY_THOUSANDS_COMMA.search(word) for word in words)
    if decimal and thousands:
        return _Commas("both", "decimal", "commas are decimal signs in some values and part thousands in others")
    if decimal or (hint and not thousands):
        points = [word for word in column[~slow] if isinstance(word, str) and "." in word]
        grouped = any(re.search(r"\d\.\d{3},", word) for word in words)
        if any(not _GROUPED_POINT.match(word.strip()) for word in points):
            return _Commas("decimal", "decimal", "a comma is read as decimal sign, and so is a point")
        return _Commas("decimal", "thousands" if grouped else "unclear", "a comma is read as decimal sign")
    return _Commas("thousands", "decimal", 'a comma is read as thousands sign ("1,234" is 1234)')


def _unmarked(mantissa: str, commas: _Commas) -> str:
    """A mantissa as Python reads it: no thousands signs, a point as decimal sign."""
    body = mantissa.rstrip(".,") or mantissa
    if "," not in body:
        return _point(body, commas)
    if "." in body:  # the last of the two signs is the decimal one
        if body.rfind(",") > body.rfind("."):
            if re.fullmatch(r"[+-]?\d{1,3}(\.\d{3})+,\d+", body):
                return body.replace(".", "").replace(",", ".")
        elif re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+\.\d*", body):
            return body.replace(",", "")
        raise _Ambiguous("is not a number")
    if body.count(",") == 1 and (commas.comma == "decimal" or _ONLY_DECIMAL_COMMA.fullmatch(body.lstrip("+-"))):
        return body.replace(",", ".")
    if re.fullmatch(r"[+-]?[1-9]\d{0,2}(,\d{3})+", body):
        if commas.comma == "both" and body.count(",") == 1:
            raise _Ambiguous("can be read in two ways: the comma is a decimal sign in other values, and a thousands sign in others")
        return body.replace(",", "")
    raise _Ambiguous("is not a number")


def _point(body: str, commas: _Commas) -> str:
    if body.count(".") > 1:
        if _GROUPED_POINT.match(body):
            return body.replace(".", "")
        raise _Ambiguous("is not a number")
    if commas.point != "decimal" and _GROUPED_POINT.match(body):
        if commas.point == "unclear":
            raise _Ambiguous("can be read in two ways: other values have a decimal comma, so the point may part thousands")
        return body.replace(".", "")
    return body


# ---- the whole column --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Read:
    values: FloatArray
    errors: FloatArray
    censored: IntArray
    unit_rows: Mapping[str, IntArray]
    faults: dict[int, str]
    repairs: dict[int, tuple[str, str]]
    notes: tuple[str, ...] = ()


def _native(column: NDArray) -> _Read:
    n = len(column)
    faults: dict[int, str] = {}
    if column.dtype.kind in "fiub":
        values = np.array(column, dtype=float)
        for row in np.flatnonzero(np.isinf(values)):
            faults[int(row)] = "is infinite; a measured value is finite"
        values[np.isinf(values)] = np.nan
    else:
        values = np.full(n, np.nan)
        faults = {int(row): "is a date or text, not a number" for row in np.flatnonzero(~pd.isna(column))}
    return _Read(values, np.full(n, np.nan), np.zeros(n, dtype=np.int64), {}, faults, {})


def _assembled(
    plain: FloatArray, rows: IntArray, codes: IntArray, parsed: Sequence[_Parsed], commas: _Commas, column: NDArray
) -> _Read:
    n = len(plain)
    values, errors, censored = plain, np.full(n, np.nan), np.zeros(n, dtype=np.int64)
    values[rows] = np.array([p.value for p in parsed], dtype=float)[codes] if parsed else np.nan
    if parsed:
        errors[rows] = np.array([p.error for p in parsed])[codes]
        censored[rows] = np.array([p.sign for p in parsed], dtype=np.int64)[codes]
    said = np.array([bool(p.fault or p.repair) for p in parsed], dtype=bool)
    faults: dict[int, str] = {}
    repairs: dict[int, tuple[str, str]] = {}
    marked = np.flatnonzero(said[codes]) if parsed else np.empty(0, dtype=np.int64)
    for i in marked:
        entry, row = parsed[codes[i]], int(rows[i])
        if entry.fault:
            faults[row] = entry.fault
        else:
            repairs[row] = (_shown(entry), entry.repair)
    if commas.comma == "decimal" and commas.point != "decimal":
        _reread_points(column, values, rows, commas, faults, repairs)
    return _Read(values, errors, censored, _unit_rows(rows, codes, parsed), faults, repairs, (commas.note,) if commas.note else ())


def _reread_points(
    column: NDArray,
    values: FloatArray,
    slow_rows: IntArray,
    commas: _Commas,
    faults: dict[int, str],
    repairs: dict[int, tuple[str, str]],
) -> None:
    """Plain values like "1.234" in a column with decimal commas, which the fast path took for 1.234."""
    slow = set(slow_rows.tolist())
    for row, written in enumerate(column):
        if row in slow or not isinstance(written, str) or not _GROUPED_POINT.match(written.strip()):
            continue
        try:
            values[row] = float(_point(written.strip(), commas))
            repairs[row] = (f"{values[row]:.12g}", "the point parts thousands, as other values of the column show")
        except _Ambiguous as error:
            values[row], faults[row] = np.nan, str(error)


def _shown(entry: _Parsed) -> str:
    error = f" ± {entry.error:.6g}" if np.isfinite(entry.error) else ""
    return f"{entry.value:.12g}{error}{' ' + entry.unit if entry.unit else ''}"


def _unit_rows(rows: IntArray, codes: IntArray, parsed: Sequence[_Parsed]) -> dict[str, IntArray]:
    """{unit as written: rows}, for the units that stand beside values."""
    words = [p.unit for p in parsed]
    written = dict.fromkeys(word for word in words if word)
    return {unit: rows[np.isin(codes, [i for i, word in enumerate(words) if word == unit])] for unit in written}


def _converted(read: _Read, unit: str, column_unit: str = "", name: str = "") -> NumberColumn:
    """Everything in `unit`; unknown and incompatible units become faults of their rows."""
    values, errors, faults = read.values, read.errors, dict(read.faults)
    by_unit = _known_units(read.unit_rows, values, errors, faults, unit or column_unit)
    notes = list(read.notes)
    has_unit = np.zeros(len(values), dtype=bool)
    for rows in by_unit.values():
        has_unit[rows] = True
    bare = ~has_unit & np.isfinite(values)
    target = unit or column_unit
    if by_unit and not target:
        target = _only_unit(by_unit, bare, name)
    stated = bool(column_unit) or units.tidy(target) in map(units.tidy, by_unit)
    if by_unit and bare.any() and not stated:
        _refuse_bare(bare, by_unit, values, errors, faults)
        bare[:] = False
    elif by_unit and bare.any():
        notes.append(f"{int(bare.sum())} values without a unit are taken as {column_unit or target}")
    if column_unit and units.tidy(column_unit) != units.tidy(target):
        _convert(values, errors, np.flatnonzero(bare), column_unit, target)
        notes.append(f"converted from {column_unit} to {target}")
    for written, rows in by_unit.items():
        if units.tidy(written) != units.tidy(target):
            _convert(values, errors, rows, written, target)
            notes.append(f"{len(rows)} values converted from {written} to {target}")
    repairs = {row: entry for row, entry in read.repairs.items() if row not in faults}
    censored = np.where(np.isfinite(values), read.censored, 0)
    return NumberColumn(values, errors, censored, target, faults, repairs, tuple(notes))


def _known_units(
    unit_rows: Mapping[str, IntArray], values: FloatArray, errors: FloatArray, faults: dict[int, str], target: str
) -> dict[str, IntArray]:
    good: dict[str, IntArray] = {}
    for written, rows in unit_rows.items():
        if not units.known(written):
            fault = f"has the unit {written!r}, which is not known"
        elif target and not units.compatible(written, target):
            fault = f"is in {written!r}, which cannot be converted to {target!r}"
        else:
            live = rows[np.isfinite(values[rows])]
            if len(live):
                good[written] = live
            continue
        values[rows], errors[rows] = np.nan, np.nan
        faults.update({int(row): fault for row in rows})
    return good


def _only_unit(by_unit: Mapping[str, IntArray], bare: BoolArray, name: str) -> str:
    """The one unit of a column; DataError if there are several, or some values have none."""
    distinct = {units.tidy(written) for written in by_unit}
    if len(distinct) == 1 and not bare.any():
        return next(iter(by_unit))
    found = [f"{written}: {_rows(rows)}" for written, rows in by_unit.items()]
    if bare.any():
        found.append(f"no unit: {_rows(np.flatnonzero(bare))}")
    first = next(iter(by_unit))
    raise DataError(
        f'column "{name}" mixes units. Say which one you want with unit = "{first}" in the problem file:\n{listed(found)}'
    )


def _rows(rows: IntArray) -> str:
    shown = ", ".join(str(int(row) + 1) for row in rows[:5])
    return f"row{'s' if len(rows) > 1 else ''} {shown}" + (f" and {len(rows) - 5} more" if len(rows) > 5 else "")


def _refuse_bare(
    bare: BoolArray, by_unit: Mapping[str, IntArray], values: FloatArray, errors: FloatArray, faults: dict[int, str]
) -> None:
    others = ", ".join(list(by_unit)[:3])
    for row in np.flatnonzero(bare):
        faults[int(row)] = f"has no unit, while other values of the column are in {others}"
    values[bare], errors[bare] = np.nan, np.nan


def _convert(values: FloatArray, errors: FloatArray, rows: IntArray, source: str, target: str) -> None:
    if len(rows) == 0:
        return
    old = values[rows]
    values[rows] = units.convert(old, source, target)
    known = np.isfinite(errors[rows])
    if known.any():  # a difference, so that the zero point of a temperature scale does not enter
        upper = units.convert(old[known] + errors[rows][known], source, target)
        errors[rows[known]] = np.abs(upper - values[rows][known])
