"""Formulas with subscripts, for text that is one; anything else is only escaped."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

from matloop.report.words import short

_SYMBOLS = (
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb Mo "
    "Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl "
    "Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm"
).split()
_ELEMENT = "(?:" + "|".join(sorted(_SYMBOLS, key=len, reverse=True)) + ")"
_WHOLE = re.compile(rf"(?:{_ELEMENT}|\d+(?:\.\d+)?|[()\[\]])+")
_AMOUNT = re.compile(r"(?<=[A-Za-z)\]])(\d+(?:\.\d+)?)")


def formula_html(text: str, limit: int = 80) -> Markup:
    """`text` as safe HTML: `Fe2O3` with its numbers lowered, everything else escaped and cut to `limit` characters."""
    if len(text) <= limit and _WHOLE.fullmatch(text) and text[:1].isalpha():
        return Markup(_AMOUNT.sub(r"<sub>\1</sub>", text))
    return escape(short(text, limit))
