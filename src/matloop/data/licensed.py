"""Structures that come from licensed databases, told by what their CIF files say: they may be used, not passed on."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Licensed:
    """One entry of a licensed database: its short name, what it is called there, and whose it is."""

    provider: str
    code: str
    licence: str


_OWNERS = {
    "icsd": ("ICSD", "Inorganic Crystal Structure Database, FIZ Karlsruhe"),
    "csd": ("CSD", "Cambridge Structural Database, CCDC"),
    "pcd": ("PCD", "Pearson's Crystal Data, ASM International and Material Phases Data System"),
    "pdf": ("PDF", "Powder Diffraction File, ICDD"),
    "mdf": ("MDF", "Metals Data File, CRYSTMET"),
}
_CODE = re.compile(r"^_database_code_(ICSD|CSD|PCD|PDF|MDF)[ \t]+(?:'([^'\n]*)'|\"([^\"\n]*)\"|(\S+))", re.M | re.I)
_NOTICE = (
    (re.compile(r"^#.*FIZ[ -]Karlsruhe", re.M | re.I), "icsd"),
    (re.compile(r"^#.*(?:copyright|\(c\)|©).*Cambridge Crystallographic Data Centre", re.M | re.I), "csd"),
)
_OPEN = re.compile(r"^_cod_database_code[ \t]+\d", re.M | re.I)
_UNKNOWN = ("?", ".", "")


def licensed(text: str) -> Licensed | None:
    """The licensed database that the text of a CIF says it comes from, None for none.

    `_database_code_ICSD`, `_database_code_CSD` (also PCD, PDF, MDF), or the copyright notice that ICSD and CSD put at
    the top of what they export. An entry of the Crystallography Open Database is free, whatever else it names.

    Examples
    --------
    >>> licensed("data_1\\n_database_code_ICSD 31120\\n").licence
    'ICSD 31120: Inorganic Crystal Structure Database, FIZ Karlsruhe; not to be passed on'
    """
    code = _CODE.search(text) if "_database_code_" in text.lower() else None
    name = code[1].lower() if code else ""
    number = next((part for part in code.groups()[1:] if part is not None), "").strip() if code else ""
    if number in _UNKNOWN:
        head = text[:4000]
        name = next((owner for notice, owner in _NOTICE if notice.search(head)), "")
        number = ""
    if not name or _OPEN.search(text):
        return None
    short, owner = _OWNERS[name]
    return Licensed(name, number, f"{' '.join(filter(None, (short, number)))}: {owner}; not to be passed on")


def whose(found: Licensed) -> str:
    """The database for a sentence: "ICSD"."""
    return _OWNERS[found.provider][0]
