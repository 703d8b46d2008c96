"""Whether a replay gave the identical result."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from matloop.core.jsonable import to_jsonable
from matloop.report.record import RunRecord

APART = frozenset(
    {"seconds", "predict_ms", "timing", "retrieved", "run_id", "folder", "reproduce", "looks", "explanation"}
)
"""What a clock or a folder decides, not the data. The explanation is drawn from as many rows as the first run had time
for; models, predictions, intervals, scores and verdict are compared to the last digit."""


def differences(first: RunRecord, again: RunRecord, limit: int = 20) -> tuple[str, ...]:
    """Where two records differ, as `path: first -> again`; nothing but times, places and looks may."""
    found = []
    for text in _differing(to_jsonable(first), to_jsonable(again), ""):
        found.append(text)
        if len(found) == limit:
            break
    return tuple(found)


def _differing(one: Any, other: Any, at: str) -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for name in sorted({*one, *other} - APART):
            yield from _differing(one.get(name), other.get(name), f"{at}.{name}" if at else name)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (mine, yours) in enumerate(zip(one, other, strict=True)):
            yield from _differing(mine, yours, f"{at}[{number}]")
    elif one != other:
        yield f"{at}: {str(one)[:60]} -> {str(other)[:60]}"
