"""How far the search for a model came: which kind it found, how many candidates it judged, whether time ran out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONSTANT = "dummy"
"""The family that always gives the same answer."""


@dataclass(frozen=True, slots=True)
class Effort:
    """Of one target. family : of the model ("ridge", "lightgbm + ridge"). judged : candidates that got a score.
    unfinished : candidates that time ran out for."""

    family: str
    judged: int
    unfinished: int

    @property
    def said(self) -> str:
        """The model in words."""
        return "always the same answer (dummy)" if self.family == CONSTANT else self.family


def effort(run: Path, target: str) -> Effort | None:
    """What the folder of a run tells of its search; None for a bundle without its run."""
    try:
        content: Mapping[str, Any] = json.loads((run / f"trained-{target}.json").read_text("utf-8"))
        tried = content["candidates"]
        families = dict.fromkeys(str(one["family"]) for one in content["recipe"]["members"])
        return Effort(
            " + ".join(families), sum(one["score"] is not None for one in tried),
            sum(one["status"] == "out of time" for one in tried),
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError):
        return None


def short_of_time(before: Effort | None, after: Effort | None, minutes: float) -> str:
    """That the challenger had less of a search than the champion, so that the labels need not be to blame; else empty.

    Examples
    --------
    >>> short_of_time(Effort("ridge", 5, 0), Effort("ridge", 5, 0), 3.0)
    ''
    """
    if before is None or after is None or not after.unfinished or after.judged >= before.judged:
        return ""
    return (
        f"the search for the challenger ran out of time ({minutes:g} minutes): candidate models judged {after.judged}, "
        f"and it became {after.said}; for the champion {before.judged}, and it is {before.said}. Where the challenger "
        "is worse, that may be why, and not the new labels: train on a machine with less to do, or begin again with "
        "more minutes"
    )
