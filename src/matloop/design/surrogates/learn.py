"""From the evidence of rows to a belief: the best numbers of the kernel alone, or an average over likely ones."""

from __future__ import annotations

from matloop.core.arrays import IntArray
from matloop.design.contract import Axes
from matloop.design.surrogates.average import Average, average
from matloop.design.surrogates.evidence import Evidence, choose, likely
from matloop.design.surrogates.measured import Scale
from matloop.design.surrogates.process import Process, conditioned


def usual_members(n_rows: int) -> int:
    """Many where the rows leave the numbers of the kernel open, one where they fix them (and each costs time)."""
    return 8 if n_rows <= 50 else 4 if n_rows <= 120 else 1


def learnt(
    axes: Axes,
    evidence: Evidence,
    group: IntArray,
    scale: Scale,
    *,
    label: str,
    starts: int,
    members: int,
    seed: int,
) -> Process | Average:
    """The posterior of all rows: at the best numbers (`members` 1), or averaged over as many draws of them."""
    numbers, logs, value = choose(evidence, starts=starts, seed=seed)
    best = conditioned(axes, numbers, evidence.rows, group, scale, value=value, label=label)
    if members < 2:
        return best
    others = [evidence.numbers(line) for line in likely(evidence, logs, members, seed)]
    return average(
        [conditioned(axes, one, evidence.rows, group, scale, label=label) for one in others],
        f"{best.words} (average over {members} likely kernels)",
    )
