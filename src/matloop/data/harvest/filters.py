"""The filter language of OPTIMADE, checked before anything is sent: a mistake is shown where it stands.

Grammar of OPTIMADE 1.2 as its own Python tools bring it; Evans et al., Digital Discovery 3 (2024) 1509.
doi:10.1039/D4DD00039K
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from matloop.core.elements import SYMBOLS
from matloop.core.errors import ConfigError
from matloop.core.optional import require
from matloop.data.harvest.addresses import EXTRA
from matloop.problem.fault import did_you_mean, nearest

STRUCTURE_PROPERTIES = (
    "id", "type", "immutable_id", "last_modified", "elements", "nelements", "elements_ratios",
    "chemical_formula_descriptive", "chemical_formula_reduced", "chemical_formula_hill", "chemical_formula_anonymous",
    "dimension_types", "nperiodic_dimensions", "lattice_vectors", "space_group_symmetry_operations_xyz",
    "space_group_symbol_hall", "space_group_symbol_hermann_mauguin", "space_group_symbol_hermann_mauguin_extended",
    "space_group_it_number", "cartesian_site_positions", "fractional_site_positions", "site_coordinate_span",
    "wyckoff_positions", "nsites", "species", "species_at_sites", "assemblies", "structure_features",
    "database_provider", "references", "calculations", "files",
)  # fmt: skip
"""What the standard defines for structures, version 1.2."""
_OPERATORS = ("AND", "OR", "NOT", "HAS", "ALL", "ANY", "ONLY", "IS", "KNOWN", "UNKNOWN", "CONTAINS", "STARTS", "ENDS",
              "WITH", "LENGTH", "TRUE", "FALSE")  # fmt: skip
_WANTED = {
    "ESCAPED_STRING": 'a text in double quotes ("Mn")', "SIGNED_INT": "a number", "SIGNED_FLOAT": "a number",
    "IDENTIFIER": "the name of a property", "OPERATOR": "a comparison (=, !=, <, <=, >, >=)", "RPAR": '")"',
    "LPAR": '"("', "_AND": "AND", "_OR": "OR", "COLON": "", "DOT": "", "TRUE": "", "FALSE": "",
}  # fmt: skip
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ELEMENTS = frozenset(SYMBOLS[1:])
_EXAMPLE = 'Example: elements HAS ALL "Mn","O" AND nelements=3'


class FilterError(ConfigError):
    """A filter that is not in the language; `position` is the place of the mistake, counted from 0."""

    def __init__(self, text: str, position: int, hint: str) -> None:
        self.position = position
        super().__init__(f"the filter has a mistake at character {position + 1}:\n{pointed(text, position)}\n{hint}")


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter that may be sent. properties : the names in it (nested ones with dots). said : what looks wrong."""

    text: str
    properties: tuple[str, ...] = ()
    said: tuple[str, ...] = ()


def pointed(text: str, position: int) -> str:
    """The line of `text` where `position` is, and a caret below it."""
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    line = text[start : end if end >= 0 else len(text)]
    at = position - start
    if at > 90:
        line, at = "..." + line[at - 60 :], 63
    return f"  {line[:120]}\n  {' ' * at}^"


def checked_filter(text: str) -> Filter:
    """A filter of OPTIMADE, checked.

    Raises
    ------
    FilterError : it is not in the language; the message shows where, and what to write.
    MissingExtra : the library that holds the grammar is not installed.

    Examples
    --------
    >>> checked_filter('elements HAS ALL "Mn","O" AND nelements=3').properties                   # doctest: +SKIP
    ('elements', 'nelements')
    """
    plain = text.strip()
    if not plain:
        return Filter("")
    tree = _parsed(plain)
    names = tuple(dict.fromkeys(".".join(str(part) for part in one.children) for one in tree.find_data("property")))
    names = tuple(sorted(names, key=plain.find))
    return Filter(plain, names, (*_unknown(names), *_elements(tree), *_formulas(tree)))


def foreign(names: Sequence[str], prefix: str) -> tuple[str, ...]:
    """Those of the properties that belong to another database than the one with this prefix, and so find nothing."""
    return tuple(name for name in names if name.startswith("_") and not name.startswith(f"_{prefix}_"))


@cache
def _parser() -> Any:
    return require("optimade.filterparser", extra=EXTRA).LarkParser()


def parsed_filter(text: str) -> Any:
    """The tree of a filter.

    Raises
    ------
    FilterError, MissingExtra : see `checked_filter`.
    """
    return _parsed(text.strip())


def _parsed(text: str) -> Any:
    lark = require("lark", extra=EXTRA)
    parser = _parser()
    try:
        tree = parser.lark.parse(text)
    except lark.exceptions.UnexpectedInput as error:
        position = getattr(error, "pos_in_stream", -1)
        wanted = set(getattr(error, "allowed", None) or getattr(error, "expected", None) or ())
        raise _told(text, len(text) if position is None or position < 0 else position, wanted) from error
    except (lark.exceptions.LarkError, RecursionError) as error:
        raise FilterError(text, 0, f"It cannot be read ({type(error).__name__}). {_EXAMPLE}") from error
    if tree.data == "filter" and len(tree.children) > 1:
        second = next(iter(tree.children[1].scan_values(lambda token: token.start_pos is not None)))
        raise FilterError(text, second.start_pos, "Put AND or OR between two conditions.")
    return tree


# ---- hints ----


def _told(text: str, position: int, wanted: set[str]) -> FilterError:
    found = _known_slip(text, position, wanted)
    if found is not None:
        return FilterError(text, found[0], found[1])
    words = [_WANTED.get(str(one), str(one).strip("_")) for one in sorted(map(str, wanted))]
    here = "The filter ends here" if position >= len(text) else f"{text[position : position + 12]!r} does not fit here"
    expected = ", ".join(dict.fromkeys(word for word in words if word))
    return FilterError(text, position, f"{here}; expected: {expected}. {_EXAMPLE}")


def _known_slip(text: str, position: int, wanted: set[str]) -> tuple[int, str] | None:
    """Where one of the usual slips is, and what to write instead."""
    if position >= len(text):
        return _at_end(text, wanted)
    rest = text[position:]
    around = next((one for one in _WORD.finditer(text) if one.start() <= position < one.end()), None)
    word = around.group() if around else ""
    before = re.search(r"([A-Za-z_]+)\s*$", text[:position])
    slip = _operator_slip(before.group(1)) if before else ""
    if before and slip and (around is None or around.start() == position):
        return before.start(1), slip
    if around and _operator_slip(word):
        return around.start(), _operator_slip(word)
    if rest[0] == ",":
        return position, 'Say which of several: HAS ALL "Mn","O" or HAS ANY "Mn","O".'
    if rest[0] in "'‘’“”":
        return position, f'Texts stand in double quotes: "{rest[1:].split(rest[0])[0].strip("‘’“”")[:20]}"'
    if rest[0] == '"' and text.count('"') % 2:
        return position, "A text begins here and does not end: a double quote is missing."
    if rest[0] in "&|":
        return position, f"Write {'AND' if rest[0] == '&' else 'OR'}."
    if rest[0] == "=" and text[position - 1 : position] == "=":
        return position, "Write a single =."
    if rest[0] == ">" and text[position - 1 : position] == "<":
        return position - 1, "Write !=."
    if rest[0] == ")":
        return position, "There is a bracket too many, or something is missing before it."
    if rest[0] == "(" and re.search(r"\b(ALL|ANY|ONLY|HAS)\s*$", text[:position]):
        return position, 'Lists stand without brackets: HAS ANY "O","N"'
    if word == "IN":
        return position, 'Write the property first: elements HAS "O"'
    return _word_slip(text, position, word, wanted) if word else None


def _operator_slip(word: str) -> str:
    """What is wrong with a word that looks like an operator, "" for others."""
    if word in _OPERATORS or word in _ELEMENTS:
        return ""
    if word.upper() in _OPERATORS:
        return f"Operators are in capital letters: {word.upper()}"
    near = nearest(word, _OPERATORS, n=1) if word.isupper() and len(word) > 2 else ()
    return f"There is no operator {word}. Did you mean {near[0]}?" if near else ""


def _word_slip(text: str, position: int, word: str, wanted: set[str]) -> tuple[int, str] | None:
    if "ESCAPED_STRING" in wanted and not word[0].islower() and word not in _OPERATORS:
        if wanted >= {"LPAR", "NOT"}:
            return position, f"Names of properties are in small letters. {_meant(word)}".strip()
        return position, f'Texts stand in double quotes: "{word}"'
    if {"HAS", "OPERATOR"} <= wanted:
        return position, "A comparison is missing before this (=, <, >, HAS, ...); names of properties have no spaces."
    return None


def _at_end(text: str, wanted: set[str]) -> tuple[int, str] | None:
    gap = re.search(r'"\s*"', text)
    if gap and text.count('"') % 2 == 0 and "OPERATOR" in wanted:
        return gap.start() + 1, "A comma is missing between two texts."
    if "RPAR" in wanted:
        opened = _open_bracket(text)
        return opened, "This bracket is not closed."
    last = re.search(r"\b(AND|OR|NOT)\s*$", text)
    if last:
        return len(text), f"A condition is missing after {last.group(1)}."
    if "ESCAPED_STRING" in wanted:
        return len(text), 'A value is missing: a number, or a text in double quotes ("Mn").'
    if "HAS" in wanted:
        return len(text), "A comparison is missing (=, <, >, HAS, ...)."
    return None


def _open_bracket(text: str) -> int:
    inside, opened = False, []
    for place, sign in enumerate(text):
        if sign == '"' and text[place - 1 : place] != "\\":
            inside = not inside
        elif sign == "(" and not inside:
            opened.append(place)
        elif sign == ")" and not inside and opened:
            opened.pop()
    return opened[-1] if opened else len(text)


def _meant(word: str) -> str:
    return did_you_mean(word, STRUCTURE_PROPERTIES) if nearest(word, STRUCTURE_PROPERTIES) else ""


# ---- what looks wrong ----


def _unknown(names: Sequence[str]) -> list[str]:
    return [
        f"{name!r} is no property of the standard for structures; those of one database begin with its prefix "
        f"(_mp_band_gap). {_meant(name)}".strip()
        for name in names
        if not name.startswith("_") and name.partition(".")[0] not in STRUCTURE_PROPERTIES
    ]


def _comparisons(tree: Any, name: str) -> list[str]:
    """The texts that a property is compared with."""
    found = []
    for one in tree.find_data("property_first_comparison"):
        if [str(part) for part in one.children[0].children] == [name]:
            found += [str(text.children[0])[1:-1] for text in one.find_data("string")]
    return found


def _elements(tree: Any) -> list[str]:
    wrong = dict.fromkeys(one for one in _comparisons(tree, "elements") if one not in _ELEMENTS)
    return [f'"{one}" is no element. {_right_case(one)}'.strip() for one in wrong]


def _right_case(word: str) -> str:
    near = word.strip().capitalize()
    return f'Did you mean "{near}"?' if near in _ELEMENTS else ""


def _formulas(tree: Any) -> list[str]:
    """Formulas that find nothing because their elements are not in the order of the alphabet."""
    said = []
    for text in _comparisons(tree, "chemical_formula_reduced"):
        parts = re.findall(r"([A-Z][a-z]?)(\d*)", text)
        whole = "".join(symbol + number for symbol, number in parts) == text
        ordered = "".join(symbol + number for symbol, number in sorted(parts))
        if whole and parts and ordered != text:
            said.append(f'chemical_formula_reduced is in the order of the alphabet: "{ordered}", not "{text}".')
    return said
