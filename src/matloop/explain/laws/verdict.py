"""What a search for laws says in one sentence."""

from __future__ import annotations

import math
from dataclasses import replace

from matloop.explain.laws.values import LawSearch


def verdict_of(found: LawSearch) -> LawSearch:
    """`found` with its sentence."""
    return replace(found, verdict=_sentence(found))


def _sentence(found: LawSearch) -> str:
    what = found.target
    if found.finding == "not judged":
        return f"Not judged: what formulas for {what} are worth could not be tested on rows held out."
    if found.finding == "none":
        return f"There is no law for {what} in these inputs: {_why_none(found)}."
    share = _percent(found.explained)
    chance = _chance(found)
    if found.finding == "trend":
        return (
            f"No law, but a trend: the best formula for {what} explains {share} {_spread(found)} on rows held out"
            f"{chance}."
        )
    kind = "rule" if found.task == "classification" else "formula"
    return f"{what} follows a {kind} that explains {share} {_spread(found)} on rows held out{chance}."


def _spread(found: LawSearch) -> str:
    return "of what guessing gets wrong" if found.task == "classification" else "of the squared spread"


def _why_none(found: LawSearch) -> str:
    if math.isnan(found.explained) or found.explained <= 0:
        return "no formula does better than a constant on rows held out"
    return (
        f"the best formula explains {_percent(found.explained)} {_spread(found)} on rows held out"
        f"{_chance(found)}, which is not clearly more than chance"
    )


def _chance(found: LawSearch) -> str:
    if not found.null:
        return ""
    best = max(max(found.null), 0.0)
    said = "nothing" if best < 0.005 else f"up to {_percent(best)}"
    return f"; the same search on shuffled targets explains {said}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share > 0.95 else f"{100 * share:.0f} %"
