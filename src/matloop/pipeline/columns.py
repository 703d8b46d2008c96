"""What the columns of an unknown table seem to be: composition, number, category, id, date, text; and in which unit."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from matloop.core import units
from matloop.core.arrays import FloatArray, TextArray
from matloop.core.elements import Z_OF
from matloop.core.errors import DataError
from matloop.data.layout import is_file_name
from matloop.data.spelling import MISSING_NUMBERS
from matloop.data.table import RawTable
from matloop.data.values import read_numbers
from matloop.matter.compositions import from_formulas
from matloop.matter.structures_read import format_of

Kind = Literal[
    "composition", "structure", "molecule", "number", "truth", "category", "id", "date", "text", "constant", "empty"
]

MOST_ROWS_SEEN = 5000
_MOST_FORMULAS = 400
_MOST_WORDS = 50
_TRUTH = ({"true", "false"}, {"yes", "no"}, {"t", "f"}, {"y", "n"})
_BESIDE = re.compile(r"^[<>≤≥~≈]?\s*[-+−]?[\d.,]++(?:[eE][-+]?\d+)?\s*([^\d\s+±(].*)$")
_DATE = re.compile(r"^\d{4}-\d{1,2}-\d{1,2}([T ]\d.*)?$|^\d{1,2}[./]\d{1,2}[./]\d{2,4}([T ]\d.*)?$")
_SMILES = re.compile(r"^(?:\[[A-Za-z0-9@+-]+\]|Br|Cl|[BCNOPSFIbcnops]|[=#$:/\\().%~-]|\d)+$")
_BONDS = re.compile(r"[=#]|[A-Za-z]\([A-Z=#\[]|[cnos]\d")
_ID_NAME = re.compile(
    r"(^|[\s_.:-])(id|ids|identifier|index|idx|key|uid|uuid|mbid|cif|entry|sample|specimen|no|nr|number|name|row)$"
    r"|^(id|name|mp_?id|index|entry|unnamed.*|column \d+)\b",
    re.I,
)
_SMILES_NAME = re.compile(r"smiles|inchi(?!\W*key)|molblock", re.I)
_FORMULA_NAME = re.compile(r"formula|compos|material|alloy|compound|stoich|chem|^name$", re.I)
_HEADER_UNIT = re.compile(
    r"^(?P<name>.*?)[\s,_]*(?:\((?P<round>[^()]+)\)|\[(?P<square>[^\[\]]+)\]|\bin (?P<words>\S+))\s*$"
)
_LATEX = (("$^\\circ$", "°"), ("$\\mu$", "u"), ("^\\circ", "°"), ("\\mu", "u"), ("$", ""), ("{", ""), ("}", ""))


@dataclass(frozen=True, slots=True)
class Facts:
    """What one column seems to be.

    texts : shape (n_seen,), what was seen as text, missing as "". numbers : shape (n_seen,), NaN where it is none.
    words : distinct texts seen, sorted. short : the name without its unit. integers : whole numbers only.
    """

    name: str
    kind: Kind
    unit: str = ""
    short: str = ""
    missing: float = 0.0
    words: tuple[str, ...] = ()
    integers: bool = False
    texts: TextArray = field(default_factory=lambda: np.empty(0, dtype=np.str_))
    numbers: FloatArray = field(default_factory=lambda: np.empty(0))


def look(raw: RawTable) -> tuple[Facts, ...]:
    """Facts about every column, from at most 5,000 rows spread evenly over the table."""
    rows = np.unique(np.linspace(0, len(raw) - 1, min(len(raw), MOST_ROWS_SEEN)).astype(int))
    missing = MISSING_NUMBERS | {word.strip().lower() for word in raw.missing}
    found = [_facts(name, column[rows], raw, missing) for name, column in raw.columns.items()]
    return tuple(replace(fact, short=short) for fact, short in zip(found, _without_heads(found), strict=True))


def _without_heads(facts: Sequence[Facts]) -> list[str]:
    """Short names without what stands before a colon in three or more of them; "PROPERTY: YS" becomes "YS"."""
    parts = [fact.short.partition(":") for fact in facts]
    heads = Counter(head for head, colon, rest in parts if colon and rest.strip())
    short = [rest.strip() if heads[head] >= 3 and rest.strip() else fact.short
             for fact, (head, _, rest) in zip(facts, parts, strict=True)]  # fmt: skip
    return [name if short.count(name) == 1 else fact.short for name, fact in zip(short, facts, strict=True)]


def numbers_of(column: NDArray, raw: RawTable, name: str) -> tuple[FloatArray, str]:
    """The column as numbers, NaN where an entry is none, and the unit that stands beside the values, if one does."""
    try:
        read = read_numbers(column, missing=raw.missing, decimal_comma=raw.decimal_comma, name=name)
    except DataError:
        unit = _first_unit(column)
        if not unit:
            return np.full(len(column), np.nan), ""
        read = read_numbers(column, unit=unit, missing=raw.missing, decimal_comma=raw.decimal_comma, name=name)
    return read.values, read.unit


def _first_unit(column: NDArray) -> str:
    """The unit of the first value that has one, of a column that is written in several."""
    for value in column:
        found = _BESIDE.match(str(value).strip())
        if found and _is_unit(found[1]):
            return found[1]
    return ""


def _is_unit(text: str) -> bool:
    """Whether it is a unit and no bare number, such as the 0.2 of a proof strength."""
    return bool(units.tidy(text)) and units.known(text) and not re.fullmatch(r"[\d.,\s*/^+-]+", text)


def _text(value: object) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    return str(value).strip()


def _facts(name: str, column: NDArray, raw: RawTable, missing: frozenset[str]) -> Facts:
    texts = np.array([_text(value) for value in column], dtype=object)
    lower = [text.lower() for text in texts]
    numbers, beside = numbers_of(column, raw, name)
    formulas_seen = [text for text in texts if text]
    there = np.array([text not in missing for text in lower], dtype=bool)
    words = tuple(sorted({str(text) for text, is_there in zip(texts, there, strict=True) if is_there}))
    kind = _kind(name, [str(t) for t in texts[there]], words, numbers[there], column.dtype.kind)
    if kind == "composition":
        there = texts != ""
        words = tuple(sorted(set(map(str, formulas_seen))))
    card = raw.describe.get(name)
    short, unit = header_unit(name)
    given = numbers[np.isfinite(numbers)]
    return Facts(
        name=name,
        kind=kind,
        unit=card.unit if card and card.unit else unit or beside,
        short=short,
        missing=float(1.0 - there.mean()) if len(there) else 1.0,
        words=words,
        integers=bool(len(given) and np.all(given == np.round(given))),
        texts=texts.astype(np.str_),
        numbers=numbers,
    )


def _kind(name: str, texts: Sequence[str], words: Sequence[str], numbers: FloatArray, dtype: str) -> Kind:
    """The kind from what is not missing: `texts` (n,), their distinct `words`, and the same as `numbers`."""
    if not texts:
        return "empty"
    if len(words) == 1:
        return "constant"
    if dtype == "M" or np.mean([_DATE.match(text) is not None for text in texts]) > 0.9:
        return "date"
    if dtype == "b" or {word.lower() for word in words} in _TRUTH:
        return "truth"
    if np.isfinite(numbers).mean() >= 0.9:
        return "id" if _counts(name, numbers) else "number"
    if _structures(words):
        return "structure"
    if _SMILES_NAME.search(name) or all("M  END" in word for word in words):
        return "molecule"
    if _formulas(name, words):
        return "composition"
    if _molecules(words) and not (name.lower() == "id" and len(words) == len(texts)):
        return "molecule"
    return _word_kind(name, texts, words)


def _word_kind(name: str, texts: Sequence[str], words: Sequence[str]) -> Kind:
    share = len(words) / len(texts)
    if _ID_NAME.search(name) and share > 0.5:
        return "id"
    if len(words) <= _MOST_WORDS and share <= 0.5:
        return "category"
    if share <= 0.05 and np.mean([len(word) for word in words]) < 40:
        return "category"
    spaced = float(np.mean([" " in word for word in words]))
    return "id" if share > 0.95 and spaced < 0.2 else "text"


def _counts(name: str, numbers: FloatArray) -> bool:
    """Whether numbers only tell rows apart: whole, all different, and counting up by one or called an id."""
    if not np.isfinite(numbers).all() or np.any(numbers != np.round(numbers)) or len(np.unique(numbers)) < len(numbers):
        return False
    steps = np.diff(numbers)
    even = bool(len(steps) and np.all(steps == steps[0]) and steps[0] >= 1 and numbers[0] in (0, 1))
    return (even and len(numbers) > 5) or _ID_NAME.search(name) is not None


def _formulas(name: str, words: Sequence[str]) -> bool:
    """Whether distinct texts are chemical formulas; "BCC" or "No" alone are words, whatever elements they spell."""
    some = [words[i] for i in np.unique(np.linspace(0, len(words) - 1, min(len(words), _MOST_FORMULAS)).astype(int))]
    compositions, reasons = from_formulas(some)
    readable = 1.0 - len(reasons) / len(some)
    if _FORMULA_NAME.search(name) and readable >= 0.5:
        return True
    if readable < 0.85:
        return False
    if all(word in Z_OF for word in some):
        return len(some) >= 3 and float(np.mean([len(word) == 2 for word in some])) >= 0.5
    sizes = np.diff(compositions.offsets)
    spelt = np.array([bool(re.search(r"\d|[A-Z][a-z]", word)) for word in some])
    systems = {tuple(part) for part in np.split(compositions.elements, compositions.offsets[1:-1])}
    return len(some) >= 10 and len(systems) >= 3 and float(np.mean((sizes >= 2) & spelt)) >= 0.6


def _molecules(words: Sequence[str]) -> bool:
    some = words[:_MOST_FORMULAS]
    looks = [_SMILES.match(word) is not None for word in some]
    bonds = [_BONDS.search(word) is not None for word in some]
    return len(some) >= 2 and float(np.mean(looks)) > 0.9 and float(np.mean(bonds)) > 0.4


def _structures(words: Sequence[str]) -> bool:
    """Whether distinct texts are those of structure files, or names of such."""
    some = words[:: max(len(words) // 20, 1)][:20]
    return sum(is_file_name(text) or _structure(text) for text in some) >= 0.8 * len(some)


def _structure(text: str) -> bool:
    kind = format_of(text[:20_000]) if "\n" in text or text.startswith("{") else ""
    return bool(kind) and (kind != "json" or '"lattice' in text or '"cell"' in text)


def header_unit(name: str) -> tuple[str, str]:
    """A column name without its unit, and the unit: `("T", "K")` from "T (K)"; no unit where it is not one."""
    plain = name
    for old, new in _LATEX:
        plain = plain.replace(old, new)
    found = _HEADER_UNIT.match(plain)
    if found is None:
        return name, ""
    unit = next(part for part in (found["round"], found["square"], found["words"]) if part).strip()
    if not _is_unit(unit) or not found["name"].strip():
        return name, ""
    return found["name"].strip(), unit


_ELEMENT_NAME = re.compile(
    r"^(?:(?P<before>wt|at|mol|mass|weight|atomic|x|c|frac(?:tion)?)[.\s_%]*)?(?P<symbol>[A-Z][a-z]?)"
    r"(?:[\s_.(\[,-]*(?P<after>wt|at|mol|mass|weight|atomic|frac(?:tion)?|%|load\w*|content|conc\w*)"
    r"[^A-Za-z]*(?:%|percent|fraction)?[)\]]*)?$"
)
_LOWER_NAME = re.compile(
    r"^(?P<symbol>[a-z]{1,2})_(?P<after>wt|at|mol|mass|weight|atomic|frac|load|loading|content|conc)\w*$"
)


@dataclass(frozen=True, slots=True)
class ElementColumns:
    """One column per element: {symbol: column}, in what the amounts are given, and how that was concluded."""

    columns: dict[str, str]
    amounts: Literal["formula", "wt%", "at%", "mol%"]
    why: str


def element_columns(facts: Sequence[Facts]) -> ElementColumns | None:
    """Columns that hold the amount of one element each, if their rows add up to about 100 or 1."""
    found: dict[str, tuple[Facts, str]] = {}
    for fact in facts:
        symbol, word = _named_after(fact.name)
        amounts = fact.kind in ("number", "constant", "truth") and not np.any(fact.numbers < 0)
        if symbol and amounts and symbol not in found:
            found[symbol] = (fact, word)
    if len(found) < 3:
        return None
    sums = np.nansum([fact.numbers for fact, _ in found.values()], axis=0)
    columns = {symbol: fact.name for symbol, (fact, _) in found.items()}
    words = {word for _, word in found.values() if word}
    for total in (100.0, 1.0):
        if np.mean(np.abs(sums - total) <= 0.03 * total) >= 0.8:
            return _amounts(columns, words, total)
    return None


def _named_after(column: str) -> tuple[str, str]:
    """The element that a column is named after ("" for none), and the word beside it: `("Fe", "wt")`."""
    if name := _ELEMENT_NAME.match(column):
        symbol, word = name["symbol"], name["before"] or name["after"] or ""
    elif name := _LOWER_NAME.match(column):
        symbol, word = name["symbol"].capitalize(), name["after"]
    else:
        return "", ""
    return (symbol, word.lower()) if symbol in Z_OF else ("", "")


def _amounts(columns: dict[str, str], words: set[str], total: float) -> ElementColumns:
    adds_up = f"{len(columns)} columns named after elements add up to {total:g} in each row"
    if words & {"wt", "mass", "weight"}:
        return ElementColumns(columns, "wt%", f"{adds_up}; their names say weight")
    if words & {"at", "mol", "atomic"}:
        return ElementColumns(columns, "at%", f"{adds_up}; their names say atoms")
    if total == 100.0:
        return ElementColumns(columns, "wt%", f'{adds_up}; read as wt% (write amounts = "at%" if they are atoms)')
    return ElementColumns(
        columns, "at%", f'{adds_up}; read as atomic fractions (write amounts = "wt%" if they are mass)'
    )
