"""Results as lines for a person, and as values for a program."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from matloop.core.jsonable import to_jsonable
from matloop.pipeline.result import RunResult


def run_lines(result: RunResult) -> Iterable[str]:
    """The verdict of each target first, then where report and bundle are."""
    for target in result.record.targets:
        verdict = target.evaluation.verdict
        yield f"{target.name}: {verdict.answer}. {verdict.sentence}"
        yield from (f"  - {reason}" for reason in verdict.reasons)
        yield from (f"  ! {warning}" for warning in verdict.warnings)
    if result.finished_before:
        yield "This run had been finished before; nothing was computed again."
    if result.differences is not None:
        yield from _replay(result.differences)
    yield f"report  {result.report}"
    yield f"bundle  {result.bundle_folder}"


def _replay(differences: Sequence[str]) -> Iterable[str]:
    if not differences:
        yield "Replay: the result is identical."
        return
    yield f"Replay: {len(differences)} differences:"
    yield from (f"  - {line}" for line in differences[:20])


def run_json(result: RunResult) -> Any:
    """Verdicts and paths; the whole of it is in report.json."""
    verdicts = {target.name: to_jsonable(target.evaluation.verdict) for target in result.record.targets}
    return {
        "verdicts": verdicts,
        "folder": str(result.folder),
        "report": str(result.report),
        "report_json": str(result.folder / "report.json"),
        "bundle": str(result.bundle_folder),
        "went_on": result.went_on,
        "finished_before": result.finished_before,
        "differences": result.differences,
    }


def run_code(result: RunResult) -> int:
    """0, also where the goal was not met: the question was answered. 5 where a replay gave another result."""
    return 5 if result.differences else 0


def aligned(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    """Rows as columns of equal width."""
    widths = [max((len(row[i]) for row in rows), default=0) for i in range(len(rows[0]) if rows else 0)]
    for row in rows:
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def predict_lines(done: Any, out: Path | None) -> Iterable[str]:
    """Where the predictions are and what to look at; without a file the table itself."""
    yield from done.lines() if hasattr(done, "lines") else [str(out) if out else str(done)]


def predict_json(done: Any, out: Path | None) -> Any:
    """The summary of a prediction."""
    return {"out": str(out) if out else None, "result": done}
