"""What is counted of the rows of a batch: chunk by chunk, and of all together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from matloop.deploy.answering import Answers

CAUSES = 50
"""Causes that are told apart; rows of rarer ones are counted together."""
OTHER = "other causes"
_PARTICULAR = re.compile(r"'[^']*'|\"[^\"]*\"|-?\d[\d.,e+-]*")


@dataclass(frozen=True, slots=True)
class Cause:
    """Why rows have no prediction: how many, and the first of them (1-based) with all that was said of it."""

    rows: int
    first_row: int
    example: str


@dataclass(frozen=True, slots=True)
class Account:
    """Counts of some rows.

    outside : rows unlike the training data by target, unreadable ones not counted. unreadable : rows without a
        prediction. causes : {what they have in common: count and example}.
    """

    rows: int = 0
    unreadable: int = 0
    outside: Mapping[str, int] = field(default_factory=dict)
    causes: Mapping[str, Cause] = field(default_factory=dict)


def cause_of(reason: str) -> str:
    """A reason without what is particular to one value, so that like reasons are counted together.

    Examples
    --------
    >>> cause_of("column \\"f\\", 'Xx2O3': there is no element 'Xx'")
    "there is no element '...'"
    """
    words = re.sub(r"^column \"[^\"]*\", ('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"): ", "", reason)
    return _PARTICULAR.sub(lambda found: "'...'" if found[0][0] in "'\"" else "#", words)[:200]


def account_of(found: Answers, start: int) -> Account:
    """The counts of a chunk whose first row is `start` (0-based)."""
    counts: dict[str, list[int]] = {}
    for row in sorted(found.unreadable):
        counts.setdefault(cause_of(found.unreadable[row]), []).append(row)
    causes = {
        name: Cause(len(rows), start + rows[0] + 1, found.unreadable[rows[0]][:300]) for name, rows in counts.items()
    }
    n = len(next(iter(found.predictions.values())))
    outside = {name: int((~one.in_domain).sum()) - len(found.unreadable) for name, one in found.predictions.items()}
    return Account(n, len(found.unreadable), outside, _commonest(causes))


def summed(parts: Iterable[Account]) -> Account:
    """The counts of all rows; parts in the order of their rows."""
    rows = unreadable = 0
    outside: dict[str, int] = {}
    causes: dict[str, Cause] = {}
    for part in parts:
        rows, unreadable = rows + part.rows, unreadable + part.unreadable
        for name, count in part.outside.items():
            outside[name] = outside.get(name, 0) + count
        for name, cause in part.causes.items():
            before = causes.get(name)
            causes[name] = Cause(before.rows + cause.rows, before.first_row, before.example) if before else cause
    return Account(rows, unreadable, outside, _commonest(causes))


def _commonest(causes: Mapping[str, Cause]) -> dict[str, Cause]:
    """The most frequent first; equal ones in the order of the alphabet."""
    ranked = sorted(causes.items(), key=lambda entry: (entry[0] == OTHER, -entry[1].rows, entry[0]))
    kept, rest = ranked[:CAUSES], ranked[CAUSES:]
    if not rest:
        return dict(kept)
    first = min((cause for _, cause in rest), key=lambda cause: cause.first_row)
    return {**dict(kept), OTHER: Cause(sum(cause.rows for _, cause in rest), first.first_row, first.example)}
