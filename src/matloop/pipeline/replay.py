"""Whether a replay gave the identical result."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from matloop.core.jsonable import to_jsonable
from matloop.report.record import RunRecord

APART = frozenset(
    {"seconds", "predict_ms", "timing", "retrieved", "run_id", "folder", "reproduce", "looks", "explanation", "studies"}
)
"""What a clock or a folder decides, not the data. Explanation and studies are drawn from as many rows as there was time
for; models, predictions, intervals, scores and verdict are compared to the last digit."""


def differences(first: RunRecord, again: RunRecord, limit: int = 20) -> tuple[str, ...]:
    """Where two records differ, as `path: first -> again`; nothing but times, places and looks may."""
    found = []
    for text in _differing(_comparable(first), _comparable(again), ""):
        found.append(text)
        if len(found) == limit:
            break
    return tuple(found)


def _comparable(record: RunRecord) -> Any:
    """The record without the candidates that the clock cut off (a replay does not come to them; numbers of those behind
    shift), and without the warnings that name what was left out for want of time."""
    content = to_jsonable(record)
    for target in content["targets"]:
        tried = [candidate for candidate in target["candidates"] if candidate["status"] != "out of time"]
        target["candidates"] = [{name: c[name] for name in c if name != "number"} for c in tried]
        verdict = target["evaluation"]["verdict"]
        verdict["warnings"] = [text for text in verdict["warnings"] if not text.startswith("Left out")]
    return content


def _differing(one: Any, other: Any, at: str) -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for name in sorted({*one, *other} - APART):
            yield from _differing(one.get(name), other.get(name), f"{at}.{name}" if at else name)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (mine, yours) in enumerate(zip(one, other, strict=True)):
            yield from _differing(mine, yours, f"{at}[{number}]")
    elif one != other:
        yield f"{at}: {str(one)[:60]} -> {str(other)[:60]}"
