"""What calls for training anew: a pure decision from facts that the log keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matloop.monitor.contract import Finding
from matloop.monitor.retrain.plan import Plan
from matloop.monitor.retrain.state import Reason

DRIFT, DECAY = ("drift", "chemistry", "domain", "width"), ("error", "coverage")
"""Kinds of findings."""


@dataclass(frozen=True, slots=True)
class Facts:
    """n_new : labelled rows that arrived. fresh : groups among them that nobody has seen. days : since the champion
    came into use, or the last round ended. alarms : (kind, subject, said) of the monitoring. asked : why a person wants
    it, None where nobody does."""

    n_new: int
    fresh: int
    days: float
    alarms: tuple[tuple[str, str, str], ...] = ()
    asked: str | None = None


def called(plan: Plan, facts: Facts) -> tuple[Reason, ...]:
    """Why to train anew now; nothing where nothing calls for it."""
    reasons = []
    if facts.asked is not None:
        reasons.append(Reason("asked", facts.asked or "asked for by hand"))
    if plan.when.labels and facts.n_new >= plan.when.labels:
        said = f"{facts.n_new:,} new labelled rows ({plan.when.labels:,} call for training)"
        reasons.append(Reason("labels", said, {"rows": facts.n_new, "needed": plan.when.labels}))
    if plan.when.days and facts.days >= plan.when.days:
        said = f"{facts.days:.0f} days since the last training ({plan.when.days:g} call for another)"
        reasons.append(Reason("schedule", said, {"days": round(facts.days, 2), "needed": plan.when.days}))
    for kind, kinds, wanted in (("drift", DRIFT, plan.when.drift), ("decay", DECAY, plan.when.decay)):
        found = [one for one in facts.alarms if one[0] in kinds] if wanted else []
        if found:
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            reasons.append(Reason(kind, found[0][2] + more, {"alarms": len(found), "subjects": [one[1] for one in
                                                                                             found[:20]]}))  # fmt: skip
    return tuple(reasons)


def obstacle(plan: Plan, facts: Facts) -> str:
    """Why a round would be in vain now; empty where it would not.

    Half of the fresh groups are the most that may wait as rows later in time, and `least` of them are needed.
    """
    if not facts.n_new:
        return "there are no new labels: the same rows would teach the same. Measure some, and add them to the labels"
    needed = 2 * plan.judge.least
    if facts.fresh < needed:
        return (
            f"the {facts.n_new:,} new rows hold {facts.fresh:,} materials that are in neither the data nor the vault; "
            f"{needed:,} are needed, half to learn from and half, later in time, to judge by"
        )
    return ""


def alarms_of(findings: Sequence[Finding]) -> tuple[tuple[str, str, str], ...]:
    """What the monitoring is sure of."""
    return tuple((one.kind, one.subject, one.said) for one in findings if one.severity == "alarm")


def facts_from(event: Mapping[str, Any]) -> Facts:
    """Facts as the log keeps them."""
    alarms = tuple((str(a), str(b), str(c)) for a, b, c in event["alarms"])
    return Facts(event["n_new"], event["fresh"], event["days"], alarms, event["asked"])
