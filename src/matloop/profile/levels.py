"""Which level of theory, or experiment, the words of a column name."""

from __future__ import annotations

import re
from collections.abc import Mapping

from matloop.core.arrays import BoolArray
from matloop.profile.five_values import Field

_RULES = (
    ("experiment", r"\b(exp\w*|measured|icsd)\b"),
    ("coupled cluster", r"\b(ccsd\S*|coupled cluster)"),
    ("GW", r"\b(g0?w0?|gw0?)\b"),
    ("HSE", r"\bhse\w*"),
    ("PBE0", r"\bpbe0\b"),
    ("B3LYP", r"\bb3lyp\b"),
    ("r2SCAN", r"\br2?-?scan|\br\^?2scan"),
    ("SCAN", r"\bscan\b"),
    ("mBJ", r"\b(tb)?-?mbj\b"),
    ("PBE+U", r"\b(pbe|gga)\s*[+_]\s*u\b"),
    ("PBEsol", r"\bpbe-?sol\b|\bps\b"),
    ("PBE", r"\b(pbe|gga)\b"),
    ("OptB88vdW", r"\boptb88\w*"),
    ("LDA", r"\blda\b"),
    ("GLLB-SC", r"\bgllb\S*"),
    ("force field", r"\b(force.?field|eam|reaxff|mlip|mace|chgnet|m3gnet)\b"),
)
"""The first that fits a word counts."""


def level_of(word: str) -> str:
    """The level of theory that a word names, "" for none.

    Examples
    --------
    >>> level_of("GGA+U"), level_of("HSE06"), level_of("cubic")
    ('PBE+U', 'HSE', '')
    """
    plain = word.strip().lower().replace("-d3", "")
    return next((name for name, rule in _RULES if re.search(rule, plain)), "")


def levels_in(fields: tuple[Field, ...], rows: BoolArray) -> Mapping[str, Mapping[str, int]]:
    """{column: {level: rows}} for columns of words of which most rows name a level."""
    found: dict[str, dict[str, int]] = {}
    for one in fields:
        if one.is_number or not 0 < len(one.words) <= 100:
            continue
        codes = one.codes[rows]
        counts: dict[str, int] = {}
        for code, word in enumerate(one.words):
            level = level_of(word)
            n = int((codes == code).sum())
            if level and n:
                counts[level] = counts.get(level, 0) + n
        if sum(counts.values()) > 0.5 * max(int((codes >= 0).sum()), 1):
            found[one.name] = dict(sorted(counts.items(), key=lambda item: -item[1]))
    return found
