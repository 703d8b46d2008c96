"""A number of merit with its interval."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95 % interval (bootstrap by group); low and high are NaN where none can be had."""

    value: float
    low: float
    high: float
