"""The one sentence that a person wants: can this model still be trusted, why, and what is to be done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from matloop.monitor.contract import Finding

Answer = Literal["yes", "unknown", "care", "no"]
WORSE = ("error", "coverage")
CHANGED = ("drift", "chemistry", "domain", "width")
ENOUGH = 30
"""Measured values from which "no sign of decay" is worth saying."""


@dataclass(frozen=True, slots=True)
class Trust:
    """The verdict, in words.

    answer : "yes"; "unknown" while there are too few measured values; "care" where what is asked has changed or the
    service is not well, though nothing shows that answers are worse; "no" where they are.
    """

    answer: Answer
    headline: str
    why: str
    todo: str


def trust(findings: Sequence[Finding], n_labels: int) -> Trust:
    """Weigh findings: measured errors before changes of what is asked, and both before the state of the service."""
    alarms = [one for one in findings if one.severity == "alarm"]
    worse = [one for one in alarms if one.kind in WORSE or one.subject.startswith("unacceptable errors")]
    changed = [one for one in alarms if one.kind in CHANGED]
    rest = [one for one in alarms if one not in worse and one not in changed]
    if worse:
        also = " What is asked has changed, too." if changed else ""
        return Trust("no", "can no longer be trusted", worse[0].said + also, _todo(worse))
    if changed:
        labels = f" The {n_labels:,} measured values show no larger errors so far." if n_labels >= ENOUGH else ""
        unknown = "" if labels else " Whether its errors have grown is unknown: too few measured values were told."
        headline = "to be trusted with care: what it is asked has changed"
        return Trust("care", headline, changed[0].said + labels + unknown, _todo(changed))
    if rest:
        headline = "answers that come can be trusted, but the service is not well"
        return Trust("care", headline, rest[0].said, _todo(rest))
    likely = [one for one in findings if one.severity == "warning"]
    if likely:
        count = "one thing is" if len(likely) == 1 else f"{len(likely)} things are"
        base = "can still be trusted" if n_labels >= ENOUGH else "nothing shows that it cannot be trusted"
        answer: Answer = "yes" if n_labels >= ENOUGH else "unknown"
        return Trust(answer, f"{base}; {count} to be watched", likely[0].said, _todo(likely))
    if n_labels >= ENOUGH:
        why = f"{n_labels:,} measured values show no sign of decay, and what it is asked is like what it learnt from."
        return Trust("yes", "can still be trusted", why, "")
    why = "What it is asked raises no alarm, but "
    why += f"only {n_labels:,} measured values were told." if n_labels else "no measured value was told yet."
    todo = "Measure some of the materials that were asked for, and tell the results: --labels results.csv"
    return Trust("unknown", "nothing shows that it cannot be trusted, nothing that it can", why, todo)


def _todo(findings: Sequence[Finding]) -> str:
    return next((one.todo for one in findings if one.todo), "")
