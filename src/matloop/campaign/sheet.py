"""Suggestions as a table to fill in: settings first, then empty cells for the results, then why."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from matloop.campaign.question import Question, framed
from matloop.campaign.state import Suggestion
from matloop.deploy.predict import ending_of, write_frame
from matloop.problem.space import Integer

if TYPE_CHECKING:
    import pandas as pd


def sheet(suggestions: Sequence[Suggestion], question: Question) -> pd.DataFrame:
    """One row per suggestion; `matloop campaign tell` reads it back when the empty columns are filled in."""
    import pandas as pd

    points = framed([s.point for s in suggestions], question.names)
    frame = pd.DataFrame({"id": [s.id for s in suggestions], **{name: points[name] for name in points}})
    for parameter in question.problem.space.parameters:
        if isinstance(parameter, Integer) and frame[parameter.name].dtype.kind == "f":
            frame[parameter.name] = frame[parameter.name].astype("Int64")
    for target in question.problem.targets:
        unit = f" [{target.unit}]" if target.unit else ""
        frame[f"{target.column}{unit}"] = ""
        frame[target.error_column or f"{target.column} error"] = ""
    fidelities = question.problem.fidelities
    if fidelities:
        frame["fidelity"] = [s.fidelity or fidelities[0].name for s in suggestions]
    for name in ("failed", "cost", "note") if fidelities else ("failed", "cost", "place", "note"):
        frame[name] = ""
    frame["reason"] = [s.reason for s in suggestions]
    for target in question.problem.targets:
        if any(target.name in s.foreseen for s in suggestions):
            for place, part in enumerate(("foreseen", "low", "high")):
                frame[f"{target.name} {part}"] = [s.foreseen.get(target.name, (None,) * 3)[place] for s in suggestions]
    if any(not math.isnan(s.chance) for s in suggestions):
        frame["chance"] = [s.chance for s in suggestions]
    frame["cost foreseen"] = [s.cost for s in suggestions]
    frame["nearest"] = [", ".join(f"{n.name} ({n.distance:.2g})" for n in s.near) for s in suggestions]
    return frame


def write_sheet(path: Path, frame: pd.DataFrame) -> None:
    """Write it as .csv, .xlsx, .jsonl or .parquet by its ending; the header of a spreadsheet stays in sight.

    Raises
    ------
    ConfigError : unknown ending. RunError : disk full or folder not writable.
    """
    ending_of(path)
    write_frame(path, frame)
