"""What a step of cleaning decides about rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from matloop.data.words import Change, Why

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Decided:
    """Rows that go, values that change, rows to look at, and what is said about the whole; rows are 0-based ones of
    the source."""

    removals: Mapping[int, Why] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()
    flags: tuple[tuple[int, Why], ...] = ()


def examples(found: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    more = f"; and {len(found) - _SHOWN:,} more" if len(found) > _SHOWN else ""
    return "; ".join(found[:_SHOWN]) + more
