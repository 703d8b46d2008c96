"""Counts by reason, few enough to read: reasons that differ only in their numbers and names are put together."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

SHOWN = 12
OTHERS = "other reasons"
_NUMBER = r"[-+−]?\d+(?:[.,]\d+)*(?:[eE][-+]?\d+)?"
_NUMBERS = re.compile(rf"(?<![A-Za-z\d]){_NUMBER}(?:, *{_NUMBER})*")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")


def tally(reasons: Mapping[str, int]) -> dict[str, int]:
    """`reasons` with their counts, most frequent first; at most twelve and one line for the rest."""
    found = Counter(dict(reasons))
    if len(found) > SHOWN:
        found = Counter()
        for reason, n in reasons.items():
            found[_NUMBERS.sub("…", _QUOTED.sub("'…'", reason))] += n
    shown = dict(found.most_common(SHOWN))
    rest = found.total() - sum(shown.values())
    return {**shown, OTHERS: rest} if rest else shown
