"""The numbers of a run as `report.json`: stable keys for scripts and dashboards (docs/reference/report-json.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from matloop.core.jsonable import to_jsonable
from matloop.evaluate.values import Baseline, Evidence, Intervals
from matloop.metrics.estimate import Estimate
from matloop.report.record import RunRecord, TargetRecord
from matloop.report.studies import Studies
from matloop.train.values import Candidate

FORMAT = 1
"""Rises when a key changes its meaning or goes away; new keys may appear without."""


def report_json(record: RunRecord) -> dict[str, Any]:
    """`record` without its points, as plain JSON data; NaN is null."""
    targets = record.targets
    content = {
        "format": FORMAT,
        "name": record.problem.name,
        "question": record.problem.question,
        "run_id": record.run_id,
        "n_rows": {
            "source": record.cleaning.n_source_rows,
            "removed": record.cleaning.n_removed,
            "merged": record.cleaning.n_merged,
            "used": record.cleaning.n_rows,
            "development": record.split.n_development,
            "vault": record.split.n_vault,
        },
        "data": record.provenance,
        "verdict": {one.name: _verdict(one) for one in targets},
        "vault": {one.name: _evidence(one.evaluation.vault) for one in targets},
        "cv": {one.name: _evidence(one.evaluation.cv) for one in targets},
        "loco": {one.name: _evidence(one.evaluation.loco) for one in targets},
        "baselines": {
            one.name: {found.name: _baseline(found) for found in one.evaluation.baselines} for one in targets
        },
        "intervals": {one.name: _all_intervals(one) for one in targets},
        "chosen": {one.name: {"label": one.recipe.label, "recipe": one.recipe} for one in targets},
        "candidates": {one.name: [_candidate(found) for found in one.candidates] for one in targets},
        "seeds": {one.name: one.evaluation.seed_scores for one in targets},
        "studies": {one.name: _studies(one.studies) for one in targets},
        "timing": record.timing,
        "versions": record.versions,
    }
    found: dict[str, Any] = to_jsonable(content)
    return found


def _verdict(record: TargetRecord) -> dict[str, Any]:
    verdict, evaluation = record.evaluation.verdict, record.evaluation
    asked = {
        "metric": evaluation.metric,
        "task": evaluation.task,
        "unit": evaluation.unit,
        "classes": evaluation.classes,
    }
    return {**to_jsonable(verdict), **asked}


def _studies(studies: Studies) -> dict[str, Any]:
    """Which there are; their numbers are in a file of their own."""
    made = [
        field.name for field in fields(studies) if field.name != "left_out" and getattr(studies, field.name) is not None
    ]
    return {"made": made, "left_out": studies.left_out}


def _estimates(scores: Mapping[str, Estimate]) -> dict[str, Any]:
    return {name: {"value": one.value, "low": one.low, "high": one.high} for name, one in scores.items()}


def _evidence(found: Evidence) -> dict[str, Any]:
    facts = {"n_rows": found.n_rows, "in_domain_share": found.in_domain_share, "how": found.how}
    return {**_estimates(found.scores), **facts, **({"confusion": found.confusion} if found.confusion else {})}


def _baseline(found: Baseline) -> dict[str, Any]:
    return {
        "how": found.how,
        "vault": _estimates(found.vault),
        "cv": _estimates(found.cv),
        "loco": _estimates(found.loco),
    }


def _all_intervals(record: TargetRecord) -> dict[str, Any]:
    """Empty where no intervals were judged (classifications)."""
    evaluation = record.evaluation
    judged = {one.name: one.intervals for one in (evaluation.vault, evaluation.cv, evaluation.loco) if one.intervals}
    if not judged:
        return {}
    first = next(iter(judged.values()))
    score = judged["vault"].score if "vault" in judged else float("nan")
    return {"level": first.level, **{name: _intervals(one) for name, one in judged.items()}, "score": score}


def _intervals(one: Intervals) -> dict[str, Any]:
    return {
        "coverage": one.coverage.value,
        "coverage_low": one.coverage.low,
        "coverage_high": one.coverage.high,
        "thirds": one.thirds,
        "mean_width": one.mean_width,
        "score": one.score,
        "constant_score": one.constant_score,
        "gain": one.gain,
    }


def _candidate(one: Candidate) -> dict[str, Any]:
    return {
        "number": one.number,
        "rank": one.rank,
        "label": one.recipe.label,
        "status": one.status,
        "reason": one.reason,
        "score": one.score,
        "fold_scores": one.fold_scores,
        "p_value": one.p_value,
        "seconds": one.seconds,
        "predict_ms": one.predict_ms,
    }
