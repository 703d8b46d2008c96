"""What the problem allows an answer to cost, and whether an export keeps to it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from matloop.deploy.edge.measure import Measured
from matloop.problem.toml import load_problem

PROBLEM = "problem.toml"


@dataclass(frozen=True, slots=True)
class Limits:
    """Of the problem file in the bundle; NaN where there is none. predict_ms : of one row. memory_gb : of a process."""

    predict_ms: float = math.nan
    memory_gb: float = math.nan

    @property
    def sentence(self) -> str:
        """What holds; empty where nothing is limited."""
        held = [
            text
            for limit, text in (
                (self.predict_ms, f"predict_ms = {self.predict_ms:g}"),
                (self.memory_gb, f"memory_gb = {self.memory_gb:g}"),
            )
            if math.isfinite(limit)
        ]
        return f"within the limits of the problem: {', '.join(held)}" if held else ""


@dataclass(frozen=True, slots=True)
class Broken:
    """A limit that does not hold."""

    name: str
    limit: float
    found: float

    @property
    def sentence(self) -> str:
        return f"limit broken: {self.name} = {self.limit:g} in the problem file, measured {self.found:.3g}"


def limits_of(bundle: Path) -> Limits:
    """The limits in the problem file of a bundle."""
    path = bundle / PROBLEM
    if not path.is_file():
        return Limits()
    limits = load_problem(path).limits
    return Limits(*(float(one) if one else math.nan for one in (limits.predict_ms, limits.memory_gb)))


def broken(limits: Limits, measured: Measured) -> Iterator[Broken]:
    """Limits that the measured figures exceed."""
    found = {
        "predict_ms": (limits.predict_ms, measured.one_ms),
        "memory_gb": (limits.memory_gb, measured.peak_mb / 1024),
    }
    for name, (limit, value) in found.items():
        if math.isfinite(limit) and value > limit:
            yield Broken(name, limit, value)
