"""One formula in the full grammar of what people write -> amounts per element, or the reason why it cannot be read.

    formula  = [note "-"] mixture [charge] [unit] ["," assignments]         "La1-xSrxMnO3, x = 0.3"   "β-Ga2O3"
    mixture  = part {("-" | "+" | "·" | "*") part}                            "70SiO2-20Na2O-10CaO"     "CuSO4·5H2O"
    part     = [amount] group {group}
    group    = (symbol | "(" part ")" | "[" part "]" | "{" part "}") [amount]
    amount   = number | number "/" number | sum of numbers and letters with a value, such as 1-x or (2-2y)/3

Everything is bounded: length, depth of brackets, size of numbers. There is no backtracking, so time grows with length.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from matloop.core.elements import ATOMIC_MASS, SYMBOLS, Z_OF
from matloop.core.errors import DataError

Amounts = Literal["formula", "wt%", "at%", "mol%"]
LONGEST = 500
DEEPEST = 8
LARGEST = 1e9

_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉₊₋ₓ", "0123456789+-x")
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
_SIGNS = str.maketrans(
    {"−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "•": "·", "∙": "·", "⋅": "·", "∗": "*", "×": "*"}
)
_NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)"
_UNIT = re.compile(
    r"[\[(]?\s*(?:in\s+)?(?<![A-Za-z])(wt|at|mol|mass|weight|atomic|mole)\.?\s*[-.]?\s*(?:%|percent\b)\s*[\])]?", re.I
)
_KIND: dict[str, Amounts] = {"wt": "wt%", "mass": "wt%", "weight": "wt%", "at": "at%", "atomic": "at%"}
_ASSIGNED = re.compile(rf"(?<![A-Za-z])([a-zδ]|delta)\s*[=≈]\s*({_NUMBER})(?:\s*/\s*({_NUMBER}))?(?![\d.]*[-/\d.])")
_GREEK = re.compile(r"^(alpha|beta|gamma|delta|epsilon|kappa|theta|[α-ω])'?-(?=[A-Z])")
_ROMAN = re.compile(r"(?<=[a-zA-Z]) ?\((II|III|IV|VI|VII|VIII)\)")
_STATE = re.compile(r"\((s|l|g|aq|cr)\)$")
_WORD = re.compile(r"\s+\(?([a-z][a-z -]{2,})\)?$")
_HYDRATE = re.compile(r"(?<![A-Za-z)\]][01])\.((?:\d+(?:\.\d+)?)?(?:H2O|D2O)(?![\da-z]))")
_OXIDE_DOT = re.compile(r"(?<=O\d)\.(?=\d[A-Z])")
_NO_VALUE = frozenset({"nan", "none", "null", "n/a", "na", "-", "--", "?", "n.a.", "unknown"})
_CHARGE = re.compile(rf"(?:\^\{{?|\(|\s)({_NUMBER})?([+-])({_NUMBER})?[)}}]?$|(?<=[\])])({_NUMBER})([+-])$|([+-]+)$")


class FormulaError(DataError):
    """A formula cannot be read; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula that was read.

    amounts : {atomic number: atoms per formula as written, > 0}, not empty.
    charge : net charge in e.
    notes : what was changed or assumed on the way ("D read as H").
    """

    amounts: Mapping[int, float]
    charge: float = 0.0
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Reader:
    """A place in a text, the letters that have a value, and what was noted so far."""

    text: str
    letters: Mapping[str, float]
    notes: list[str] = field(default_factory=list)
    at: int = 0

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.at)
        if found:
            self.at = found.end()
        return found

    @property
    def next(self) -> str:
        return self.text[self.at : self.at + 1]


def parse_formula(text: str, amounts: Amounts = "formula") -> Formula:
    """Read one formula.

    Parameters
    ----------
    text : at most LONGEST characters.
    amounts : what numbers mean where the text itself does not say it ("(wt%)"). With wt%, at% or mol% the first part
        may have no number: it is the balance to 100.

    Raises
    ------
    FormulaError : the reason, in words for the person who wrote the table.

    Examples
    --------
    >>> parse_formula("[Fe(CN)6]4-").charge
    -4.0
    >>> parse_formula("Ti-6Al-4V (wt%)").notes
    ('Ti is the balance: 90 wt%',)
    """
    if not isinstance(text, str):
        raise FormulaError(f"{text!r} is no text: a formula such as 'Fe2O3' is needed")
    if len(text) > LONGEST:
        raise FormulaError(f"{shown(text)} has {len(text):,} characters, at most {LONGEST} are read")
    notes: list[str] = []
    plain, letters = _assignments(_normalised(text, notes))
    plain, kind = _unit(plain, amounts)
    plain = _stripped(plain, notes)
    if not plain or text.strip() in _NO_VALUE or text.strip().lower() in _NO_VALUE - {"nan", "na"}:
        raise FormulaError("the formula is empty" if not text.strip() else f"{shown(text)} names no element")
    plain, charge = _charge(plain)
    plain = _joined(plain)
    total = _percent(plain, kind, letters, notes) if kind != "formula" else _mixture(plain, letters, notes)
    return Formula(_checked(total, text), charge, tuple(dict.fromkeys(notes)))


def shown(text: str) -> str:
    """`text` quoted, shortened to what fits a message."""
    return repr(text if len(text) <= 60 else text[:57] + "...")


def _normalised(text: str, notes: list[str]) -> str:
    text = re.sub(r"</?su[bp]>|\$|\\(?:mathrm|rm|text)\b", "", text, flags=re.I)
    if re.search(r"(?:^|[^\w)\]])[⁰¹²³⁴⁵⁶⁷⁸⁹]+[A-Z]|\^\{?\d+\}?[A-Z]|H21[78]O", text):
        raise FormulaError("a mass number before a symbol names an isotope; elements only are read")
    text = re.sub(r"[⁰¹²³⁴⁵⁶⁷⁸⁹]*[⁺⁻]$", lambda m: "^" + m.group().translate(_SUPERSCRIPTS), text.strip())
    text = unicodedata.normalize("NFKC", text.translate(_SUBSCRIPTS)).translate(_SIGNS)
    text = re.sub(r"_\{([^{}]*)\}|_(?=[\d.a-z])", lambda m: m.group(1) or "", text).strip()
    for pattern in (_GREEK, _ROMAN):
        for found in pattern.finditer(text):
            notes.append(f"{found.group().strip()!r} left out")
        text = pattern.sub("", text)
    return text


def _assignments(text: str) -> tuple[str, dict[str, float]]:
    """The text before "x = 0.3, y = 1/3", and the values."""
    first = re.search(r"[=≈]", text)
    if first is None:
        return text, {}
    letters: dict[str, float] = {}
    start = len(text)
    for found in _ASSIGNED.finditer(text):
        over = float(found[3]) if found[3] else 1.0
        if over == 0:
            raise FormulaError(f"{found.group()!r} divides by zero")
        letters["δ" if found[1] == "delta" else found[1]] = float(found[2]) / over
        start = min(start, found.start())
    rest = _ASSIGNED.sub("", text[start:])
    if not letters or re.search(r"[^\s,;:()&.]", re.sub(r"\b(and|with|where|for)\b", "", rest)):
        raise FormulaError(
            f"the values after the formula are not clear: {shown(text[first.start() - 2 :])}. Write them like 'x = 0.3'"
        )
    head = re.sub(r"\b(where|with|for)\s*$", "", text[:start].rstrip(" ,;:("))
    return head.rstrip(" ,;:("), letters


def _unit(text: str, amounts: Amounts) -> tuple[str, Amounts]:
    kinds = {_KIND.get(found[1].lower(), "mol%") for found in _UNIT.finditer(text)}
    if len(kinds) > 1:
        raise FormulaError(f"{shown(text)} mixes {' and '.join(sorted(kinds))}")
    return (_UNIT.sub(" ", text).strip(" ,;:"), kinds.pop()) if kinds else (text, amounts)


def _stripped(text: str, notes: list[str]) -> str:
    for pattern in (_STATE, _WORD):
        found = pattern.search(text)
        if found and not (pattern is _WORD and "bal" in found[1]):
            notes.append(f"{found.group().strip()!r} left out")
            text = text[: found.start()].rstrip()
    return text


def _charge(text: str) -> tuple[str, float]:
    """The text without its charge, and the charge: "SO4^2-", "SO4 2-", "[Fe(CN)6]4-", "NH4+", "Fe3+", "PO43-"."""
    if text[-1] not in "+-)}" and not re.search(r"(?:\^\{?|\s|^[A-Z][a-z]?)[+-]\d+\}?$", text):
        return text, 0.0
    ion = re.fullmatch(r"([A-Z][a-z]?)([+-])([1-9])", text)
    if ion:
        return ion[1], float(ion[2] + ion[3])
    ion = re.fullmatch(r"([A-Z][a-z]?)(\d*[1-9])([+-])", text)
    if ion:  # Fe3+ is an ion of charge 3, O2- oxide; Hg22+ is a pair of atoms with charge 2
        head, size = ion[1] + ion[2][:-1], ion[2][-1]
        return head, float(size) * (1 if ion[3] == "+" else -1)
    crowded = re.fullmatch(r"(.*[A-Za-z)\]]\d+)([1-9])([+-])", text)
    if crowded and not re.search(r"[\s^]", text):
        return crowded[1], float(crowded[2]) * (1 if crowded[3] == "+" else -1)
    found = _CHARGE.search(text)
    if not found or found.start() == 0:
        return text, 0.0
    size, sign = found[1] or found[3] or found[4], found[2] or found[5]
    if found[6]:
        size, sign = str(len(found[6])), found[6][0]
    return text[: found.start()].rstrip(), float(size or 1) * (1 if sign == "+" else -1)


def _joined(text: str) -> str:
    if re.search(r"[\d.]\s+[\d.]", text):
        raise FormulaError(f"{shown(text)} has two numbers side by side")
    text = re.sub(r"\s+", "", text)
    text, found = _HYDRATE.subn(r"·\1", text)
    return _OXIDE_DOT.sub("·", text) if found else text


_START = re.compile(rf"(?:{_NUMBER}(?:/{_NUMBER})?|\((?=[^()]*[\d])[-+*/\d.a-zδ]+\)|(?:{_NUMBER})?[a-zδ](?=[A-Z(\[]))")
_MINUS = re.compile(rf"[-+](?=(?:{_NUMBER}(?:/{_NUMBER})?|\([-+*/\d.a-zδ]+\))?[A-Z(\[{{])")
_MINUS_LETTER = re.compile(rf"[-+](?=(?:{_NUMBER}|\([-+*/\d.a-zδ]+\))?\*?[a-zδ]?[A-Z(\[{{])")


def _parts(text: str, pattern: re.Pattern[str]) -> list[str]:
    """`text` cut at the matches of `pattern` that are outside all brackets, and at dots and asterisks."""
    parts, depth, start = [], 0, 0
    for i, c in enumerate(text):
        depth += (c in "([{") - (c in ")]}")
        cut = (
            c in "·*"
            or (c == "." and re.match(r"[A-Z(\[{]", text[i + 1 :][:1] or " "))
            or (c in "+-" and pattern.match(text, i))
        )
        if cut and depth <= 0:
            parts.append(text[start:i])
            start = i + 1
    return [*parts, text[start:]]


def _mixture(text: str, letters: Mapping[str, float], notes: list[str]) -> dict[int, float]:
    """Parts weighted by the number before each; parts joined by "-" all need one."""
    head = _START.match(text)
    if head and not text[head.end() :].startswith(("·", "*")):
        letter = re.search(r"[a-zδ]", head.group())
        parts = _parts(text, _MINUS_LETTER if letter else _MINUS)
    else:
        parts = _parts(text, _MINUS if re.search(r"[A-Z][a-z]?-(\d|[A-Z(])", text) else re.compile(r"(?!)"))
    _refuse_bare(text, parts)
    total: dict[int, float] = {}
    for part in parts:
        _add(total, _part(part, letters, notes), 1.0)
    return total


def _refuse_bare(text: str, parts: list[str]) -> None:
    bare = [re.fullmatch(rf"({_NUMBER})?([A-Z][a-z]?)", part) for part in parts]
    if len(parts) == 1 and bare[0] and bare[0][1]:
        raise FormulaError(
            f"{shown(text)}: a number before a single symbol reads as an isotope; elements only are read"
        )
    if len(parts) > 1 and all(bare) and "-" in text:
        raise FormulaError(
            f"{shown(text)} does not say what its amounts are: add '(wt%)' or '(at%)', or set the input's amounts"
        )


def _percent(text: str, kind: Amounts, letters: Mapping[str, float], notes: list[str]) -> dict[int, float]:
    """Amounts in percent; one part without a number is the balance to 100."""
    parts = [p for p in re.split(r"[,;]", text) if p] if re.search(r"[,;]", text) else _parts(text, _MINUS_LETTER)
    if len(parts) == 1 and not _START.match(parts[0]):
        whole = _part(parts[0], letters, notes)
        return {z: n / ATOMIC_MASS[z] for z, n in whole.items()} if kind == "wt%" else whole
    parts = [re.sub(r"^bal(?:ance)?\.?|[-_(]*bal(?:ance)?\.?\)?$", "", part) for part in parts]
    shares: list[float | None] = []
    units: list[dict[int, float]] = []
    for part in parts:
        share, unit = _share(part, letters, notes)
        shares.append(share)
        units.append(unit)
    _balance(shares, parts, kind, notes)
    total: dict[int, float] = {}
    for given, unit in zip(shares, units, strict=True):
        mass = sum(n * ATOMIC_MASS[z] for z, n in unit.items()) if kind == "wt%" else 1.0
        atoms = sum(unit.values()) if kind == "at%" else 1.0
        if not mass * atoms > 0:
            raise FormulaError(f"a part of {shown(text)} counts nothing: its amounts are zero")
        _add(total, unit, (given or 0.0) / (mass * atoms))
    return total


def _share(part: str, letters: Mapping[str, float], notes: list[str]) -> tuple[float | None, dict[int, float]]:
    """ "18Cr", "Cr18" or "Cr": the number (None: balance) and what it counts."""
    after = re.fullmatch(rf"([A-Z][a-z]?)({_NUMBER})", part)
    if after:
        return float(after[2]), _part(after[1], letters, notes)
    reader = _Reader(part, letters, notes)
    share = _amount(reader) if _START.match(part) else None
    return share, _part(part[reader.at :], letters, notes)


def _balance(shares: list[float | None], parts: list[str], kind: str, notes: list[str]) -> None:
    given = math.fsum(s for s in shares if s is not None)
    missing = [i for i, s in enumerate(shares) if s is None]
    if len(missing) > 1:
        raise FormulaError(
            f"{parts[missing[0]]!r} and {parts[missing[1]]!r} have no amount; only one part can be the balance"
        )
    if missing:
        if not given < 100:
            raise FormulaError(f"the amounts sum to {given:g} {kind}, nothing is left for {parts[missing[0]]!r}")
        shares[missing[0]] = 100.0 - given
        notes.append(f"{parts[missing[0]]} is the balance: {100.0 - given:.6g} {kind}")
    elif abs(given - 100) > 2:
        notes.append(f"the amounts sum to {given:g} {kind}: scaled to 100")


def _add(total: dict[int, float], more: Mapping[int, float], factor: float) -> None:
    for z, n in more.items():
        total[z] = total.get(z, 0.0) + factor * n


def _part(text: str, letters: Mapping[str, float], notes: list[str]) -> dict[int, float]:
    """[amount] group {group}, the whole of `text`."""
    reader = _Reader(text, letters, notes)
    factor = _amount(reader) if _START.match(text) else 1.0
    total = _groups(reader, depth=0)
    if reader.at < len(text):
        raise FormulaError(_unexpected(reader))
    return {z: n * factor for z, n in total.items()}


_SYMBOL = re.compile(r"[A-Z][a-z]?")
_CLOSES = {"(": ")", "[": "]", "{": "}"}


def _groups(reader: _Reader, depth: int) -> dict[int, float]:
    if depth > DEEPEST:
        raise FormulaError(f"brackets are nested deeper than {DEEPEST}")
    total: dict[int, float] = {}
    while True:
        start = reader.at
        if reader.next in _CLOSES and reader.next:
            opened = reader.next
            reader.at += 1
            inner = _groups(reader, depth + 1)
            if reader.next != _CLOSES[opened]:
                raise FormulaError(f"{opened!r} is not closed" if not reader.next else _unexpected(reader))
            reader.at += 1
        elif reader.next.isascii() and reader.next.isupper():
            inner = {_symbol(reader): 1.0}
        elif reader.next == "," and depth and reader.text[reader.at - 1].isdigit():
            reader.at += 1
            continue
        else:
            break
        _add(total, inner, _amount(reader))
        if reader.at == start:
            break
    if not total:
        raise FormulaError(_unexpected(reader))
    return total


def _symbol(reader: _Reader) -> int:
    """The longest symbol here; a small letter that belongs to none may be a letter with a value ("Srx", "Ox")."""
    found = reader.match(_SYMBOL)
    word = found.group() if found else reader.next
    if word in Z_OF:
        return Z_OF[word]
    head = word[0]
    if head in Z_OF or head == "D":
        if len(word) == 2 and word[1] not in reader.letters and word[1] not in "xyzn":
            raise FormulaError(f"there is no element {word!r} in {shown(reader.text)}")
        reader.at -= len(word) - 1
        if head == "D":
            reader.notes.append("D (deuterium) read as H")
        return Z_OF["H" if head == "D" else head]
    if head == "T" and len(word) == 1:
        raise FormulaError("T (tritium) is an isotope; elements only are read")
    meant = reader.text[max(reader.at - 2, 0) : reader.at].capitalize()
    hint = f" Did you mean {meant!r}?" if len(word) == 1 and meant in Z_OF else ""
    raise FormulaError(f"there is no element {word!r} in {shown(reader.text)}.{hint}")


_SUM = re.compile(
    rf"(?:{_NUMBER})?[a-zδ](?:/{_NUMBER})?(?:[-+](?:(?:{_NUMBER})?[a-zδ](?:/{_NUMBER})?|{_NUMBER}(?![A-Z])))*"
)
_NUMBER_SUM = re.compile(rf"{_NUMBER}(?:[-+](?:{_NUMBER})?\*?[a-zδ](?:/{_NUMBER})?(?:[-+]{_NUMBER}(?![\d.A-Z([]))?)+")
_FRACTION = re.compile(rf"({_NUMBER})/({_NUMBER})")
_PLAIN = re.compile(_NUMBER)
_BRACKETED = re.compile(rf"[({{]([-+*/\d.a-zδ]*(?:\d[-+*/\d.a-zδ]*|[a-zδ]))[)}}](?:/({_NUMBER}))?")
_TERM = re.compile(rf"([-+]?)({_NUMBER})?\*?([a-zδ]?)(?:/({_NUMBER}))?")


def _amount(reader: _Reader) -> float:
    """The amount here (1 if there is none)."""
    bracketed = reader.match(_BRACKETED) if reader.next in ("(", "{") else None
    if bracketed:
        value = _value(bracketed[1], reader) / _divisor(bracketed[2])
    elif found := reader.match(_NUMBER_SUM) or reader.match(_SUM):
        value = _value(found.group(), reader)
    elif found := reader.match(_FRACTION):
        value = float(found[1]) / _divisor(found[2])
    elif found := reader.match(_PLAIN):
        value = float(found.group())
    else:
        return 1.0
    if not 0 <= value <= LARGEST:
        raise FormulaError(f"the amount {value:g} in {shown(reader.text)} is not between 0 and {LARGEST:g}")
    return value


def _divisor(text: str | None) -> float:
    value = float(text) if text else 1.0
    if value == 0:
        raise FormulaError("an amount is divided by zero")
    return value


def _value(text: str, reader: _Reader) -> float:
    """A sum of terms: numbers, letters with a value, products and quotients of the two."""
    total, at = 0.0, 0
    while at < len(text):
        found = _TERM.match(text, at)
        if not found or not (found[2] or found[3]) or (at and not found[1]):
            raise FormulaError(f"the amount {text!r} cannot be worked out")
        at = found.end()
        term = float(found[2] or 1) * (_letter(found[3], reader) if found[3] else 1.0) / _divisor(found[4])
        total += -term if found[1] == "-" else term
    return round(total, 12)  # 1 - 0.9 is meant to be 0.1


def _letter(letter: str, reader: _Reader) -> float:
    if letter in reader.letters:
        return reader.letters[letter]
    if letter == "δ":
        reader.notes.append("δ has no value: read as 0")
        return 0.0
    raise FormulaError(
        f"{letter!r} has no value in {shown(reader.text)}. Write it like '{reader.text[:40]}, {letter} = 0.1'"
    )


_BETWEEN = {
    "/": "a composite or a stack of layers has no one formula; give that of the part that counts, or of the whole",
    "+": "write a mixture with its amounts, like '0.9Fe2O3-0.1CuO (mol%)', or as one formula",
}


def _unexpected(reader: _Reader) -> str:
    found = reader.next
    if not found:
        return (
            f"{shown(reader.text)} ends where an element is expected"
            if reader.text
            else "a part of the formula is empty"
        )
    if found in ")]}":
        return f"{found!r} in {shown(reader.text)} was never opened, or its bracket is empty"
    if found == ",":
        return f"{shown(reader.text)} lists elements without amounts; write them like '(La0.7Sr0.3)MnO3'"
    if found.islower():
        return f"{shown(reader.text)}: a symbol starts with a capital letter, found {found!r}"
    if found.isdigit():
        return (
            f"{shown(reader.text)}: a number stands where an element is expected (an isotope? elements only are read)"
        )
    if found in _BETWEEN:
        return f"unexpected {found!r} in {shown(reader.text)}: {_BETWEEN[found]}"
    return f"unexpected {found!r} in {shown(reader.text)}"


def _checked(total: Mapping[int, float], text: str) -> dict[int, float]:
    amounts = {z: float(n) for z, n in total.items() if n > 0}
    if not amounts:
        raise FormulaError(f"all amounts in {shown(text)} are zero")
    largest = max(amounts, key=lambda z: amounts[z])
    if not amounts[largest] <= LARGEST:
        raise FormulaError(f"the amount of {SYMBOLS[largest]} in {shown(text)} is above {LARGEST:g}")
    return dict(sorted(amounts.items()))
