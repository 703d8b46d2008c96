"""Seconds of each step, and what is left of the time that the user allowed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from matloop.core.progress import Progress
from matloop.pipeline.folder import RunFolder

LEAST_SHARE = 0.2
"""A run that goes on after a crash gets at least this share of its minutes again, however much it had used."""


class Clock:
    """Times the steps of a walk, tells the progress of them, and logs their ends."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str, where: RunFolder | None = None) -> Iterator[None]:
        """Time one step; its end is an event in the run's log."""
        self.progress.step(name)
        begun = time.monotonic()
        yield
        took = time.monotonic() - begun
        self.seconds[name] = self.seconds.get(name, 0.0) + took
        if where is not None:
            where.log.append({"event": "step", "step": name, "seconds": round(took, 3)})


class Budget:
    """The seconds allowed for search and evidence, from now on."""

    def __init__(self, seconds: float, *, spent: float = 0.0) -> None:
        self._end = time.monotonic() + max(seconds - spent, LEAST_SHARE * seconds)

    @property
    def left(self) -> float:
        """Seconds left, not below zero."""
        return max(self._end - time.monotonic(), 0.0)

    def share(self, parts: int) -> float:
        """The deadline (monotonic clock) of the next of `parts` equal pieces of what is left."""
        return time.monotonic() + self.left / parts


def seconds_trained(where: RunFolder) -> float:
    """How long earlier attempts at this run had been training when they were stopped."""
    total, begun, last = 0.0, None, 0.0
    moments = [(event["time"], event.get("event")) for event in where.log.events()]
    moments += [(event["time"], "candidate") for log in where.candidate_logs() for event in log.events()]
    for moment, event in sorted(moments, key=lambda pair: pair[0]):
        now = datetime.fromisoformat(moment).timestamp()
        if event == "training begins":
            total, begun = total + (last - begun if begun is not None else 0.0), now
        last = now
    return total + (last - begun if begun is not None else 0.0)
