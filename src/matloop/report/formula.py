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


def formula_html(text: str, limit: int = 80) -> Markup:
    """`text` as safe HTML: `Fe2O3` with its numbers lowered, everything else escaped and cut to `limit` characters."""
    if len(text) <= limit and _WHOLE.fullmatch(text) and text[:1].isalpha() and not _closes_rings(text):
        lines = _PART.sub(r"<wbr>\1", text) if len(text) > LONG else text  # long ones break between elements
        return Markup(_AMOUNT.sub(r"<sub>\1</sub>", lines))
    return escape(short(text, limit))


def _closes_rings(text: str) -> bool:
    """Whether the numbers are those of a SMILES such as C1CC1: single digits in pairs, counted from 1."""
    numbers = re.findall(r"\d+", text)
    return "1" in numbers and all(len(number) == 1 and numbers.count(number) % 2 == 0 for number in numbers)
