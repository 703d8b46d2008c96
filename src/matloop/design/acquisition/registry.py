"""The acquisitions by name: what the next experiment is chosen for."""

from __future__ import annotations

from matloop.core.registry import Registry

ACQUISITIONS = Registry(
    "matloop.acquisitions",
    ucb="matloop.design.acquisition.confidence:UpperConfidence",
    log_ei="matloop.design.acquisition.improvement:LogExpectedImprovement",
    ehvi="matloop.design.objectives.improvement:HypervolumeImprovement",
    parego="matloop.design.objectives.scalar:Chebyshev",
    desirability="matloop.design.objectives.scalar:Desirability",
)
"""Name -> the class of an `Acquisition`; its fields are its settings, all with defaults."""
