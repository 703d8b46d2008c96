"""What contradicts itself in a space, told before anything is opened."""

from __future__ import annotations

from matloop.problem.fault import Fault, said
from matloop.problem.space import Space


def faults(space: Space) -> tuple[str, ...]:
    """Every contradiction of a space, a sentence each; empty where there is none."""
    return said(located(space))


def located(space: Space) -> tuple[Fault, ...]:
    """Every contradiction with the parameter and key where it stands."""
    if not space.parameters and not space.candidates:
        return (Fault(("space",), "there is nothing to vary. Name parameters, or a table of candidates."),)
    return ()
