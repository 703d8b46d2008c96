"""Results as lines for a person, and as values for a program."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from matloop.core.jsonable import to_jsonable
from matloop.deploy.batch.result import Batch
from matloop.deploy.predict import Predicted
from matloop.pipeline.result import RunResult


def run_lines(result: RunResult) -> Iterable[str]:
    """The verdict of each target first, then where report and bundle are."""
    for target in result.record.targets:
        verdict = target.evaluation.verdict
        answer = "" if verdict.answer == "no goal" else f"{verdict.answer}. "
        yield f"{target.name}: {answer}{verdict.sentence}"
        yield from (f"  - {reason}" for reason in verdict.reasons if reason.lower() not in verdict.sentence.lower())
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


def predict_lines(done: Predicted | Batch) -> Iterable[str]:
    """What was predicted and what to look at; without a file the first rows themselves."""
    if isinstance(done, Batch):
        yield from done.lines()
        return
    if done.out is None:
        yield done.frame.to_csv(index=False).rstrip("\n")
        return
    yield f"{len(done.frame)} rows: {', '.join(done.predictions)}"
    for name, count in done.outside.items():
        if count > 0:
            yield f"  {name}: {count} rows are unlike the training data; see {name}_reason"
    yield from (f"  row {row} has no prediction: {why}" for row, why in list(done.unreadable.items())[:10])
    if len(done.unreadable) > 10:
        yield f"  and {len(done.unreadable) - 10} more rows without one"
    yield f"written to {done.out}"


def predict_json(done: Predicted | Batch) -> Any:
    """The summary of a prediction; with no file to write also the rows."""
    if isinstance(done, Batch):
        return done.as_json()
    summary = {
        "out": str(done.out) if done.out else None,
        "n_rows": len(done.frame),
        "targets": list(done.predictions),
        "outside": dict(done.outside),
        "unreadable": {str(row): why for row, why in done.unreadable.items()},
    }
    if done.out is None:
        summary["rows"] = json.loads(done.frame.to_json(orient="records"))
    return summary
