"""Which level of theory, or experiment, the words of a column name."""

from __future__ import annotations

from collections.abc import Mapping

from matloop.core.arrays import BoolArray
from matloop.data.cleaning.levels import mentioned_level
from matloop.profile.five_values import Field


def levels_in(fields: tuple[Field, ...], rows: BoolArray) -> Mapping[str, Mapping[str, int]]:
    """{column: {level: rows}} for columns of words of which most rows name a level."""
    found: dict[str, dict[str, int]] = {}
    for one in fields:
        if one.is_number or not 0 < len(one.words) <= 100:
            continue
        codes = one.codes[rows]
        counts: dict[str, int] = {}
        for code, word in enumerate(one.words):
            level = mentioned_level(word)
            n = int((codes == code).sum())
            if level and n:
                counts[level] = counts.get(level, 0) + n
        if sum(counts.values()) > 0.5 * max(int((codes >= 0).sum()), 1):
            found[one.name] = dict(sorted(counts.items(), key=lambda item: -item[1]))
    return found
