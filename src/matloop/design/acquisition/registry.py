"""The acquisitions by name: what the next experiment is chosen for."""

from __future__ import annotations

from matloop.core.registry import Registry

ACQUISITIONS = Registry(
    "matloop.acquisitions",
    ucb="matloop.design.acquisition.confidence:UpperConfidence",
    log_ei="matloop.design.acquisition.improvement:LogExpectedImprovement",
)
"""Name -> the class of an `Acquisition`; its fields are its settings, all with defaults."""
