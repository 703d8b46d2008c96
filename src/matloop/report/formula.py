"""Formulas with subscripts, for text that is one; anything else is only escaped."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

from matloop.core.elements import SYMBOLS
from matloop.report.words import short

_ELEMENT = "(?:" + "|".join(sorted(SYMBOLS[1:], key=len, reverse=True)) + ")"
# possessive: a number has one reading, so the time grows with the length only
_WHOLE = re.compile(rf"(?:{_ELEMENT}|\d++(?:\.\d++)?+|[()\[\]])++")
_PART = re.compile(rf"(?<=[\d)\]])({_ELEMENT})")
LONG = 24
_AMOUNT = re.compile(r"(?<=[A-Za-z)\]])(\d+(?:\.\d+)?)")
_FINE = re.compile(r"\d++\.\d{5,}+")
FARTHEST = 2000
"""Characters of a text that is looked at."""


def formula_html(text: str, limit: int = 80) -> Markup:
    """`text` as safe HTML: the numbers of `Fe2O3` lowered and with few decimals, also where more follows after
    ", "; everything else escaped; cut to `limit` characters.
    """
    formula, comma, rest = text[:FARTHEST].partition(", ")
    if len(text) > FARTHEST or not (_WHOLE.fullmatch(formula) and formula[:1].isalpha()) or _closes_rings(formula):
        return escape(short(text, limit))
    formula = _FINE.sub(_few_decimals, formula)
    if len(formula) > limit:
        return escape(short(formula + comma + rest, limit))
    lines = _PART.sub(r"<wbr>\1", formula) if len(formula) > LONG else formula  # long ones break between elements
    lowered = Markup(_AMOUNT.sub(r"<sub>\1</sub>", lines))
    return lowered + short(comma + rest, max(limit - len(formula), 4)) if comma else lowered


def _few_decimals(number: re.Match[str]) -> str:
    value = float(number[0])
    if value < 1e-4:
        return number[0]
    return f"{value:.4f}".rstrip("0").rstrip(".") if value >= 0.1 else f"{value:.3g}"


def _closes_rings(text: str) -> bool:
    """Whether the numbers are those of a SMILES such as C1CC1: single digits in pairs, counted from 1."""
    numbers = re.findall(r"\d+", text)
    return "1" in numbers and all(len(number) == 1 and numbers.count(number) % 2 == 0 for number in numbers)
