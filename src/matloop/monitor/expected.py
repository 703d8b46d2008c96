"""How good a model was when it was made, from its bundle: what later labels are compared with."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np

from matloop.core.errors import ConfigError
from matloop.deploy.bundle import Bundle
from matloop.deploy.reference import Reference
from matloop.monitor.decay.quality import Expected
from matloop.problem.question import Problem
from matloop.problem.toml import read_problem
from matloop.train.model import Model

_ESTIMATE = re.compile(r"\s*(-?[\d.]+(?:e[+-]?\d+)?)(?:\s*\[(-?[\d.]+(?:e[+-]?\d+)?),\s*(-?[\d.]+(?:e[+-]?\d+)?)\])?")


def problem_of(folder: Path) -> Problem | None:
    """The problem file that a bundle carries; None where there is none that can be read."""
    try:
        return read_problem(folder / "problem.toml").problem
    except ConfigError:
        return None


def expected_of(bundle: Bundle, reference: Reference | None, problem: Problem | None) -> dict[str, Expected]:
    """By target: errors of reference rows by models that had not seen them, else the score on the sealed rows."""
    return {model.target: _expected(bundle, model, reference, problem) for model in bundle.models}


def _expected(bundle: Bundle, model: Model, reference: Reference | None, problem: Problem | None) -> Expected:
    name = model.target
    nothing = np.zeros(0)
    goal = next((one.success for one in problem.targets if one.name == name), None) if problem else None
    never = goal.never if goal is not None and not model.classes else None
    if reference is not None and name in reference.truth:
        truth, value = reference.truth[name], reference.value[name]
        known = np.isfinite(truth) & np.isfinite(value)
        errors = np.abs(truth - value)[known]
        if model.classes:
            errors = (errors > 0).astype(np.float64)
        low, high = reference.low[name], reference.high[name]
        spanned = known & np.isfinite(low) & np.isfinite(high)
        missed = ((truth < low) | (truth > high))[spanned].astype(np.float64)
        where = f"{len(errors):,} rows of the development data, by models that had not seen them"
        if len(errors):
            return Expected(name, errors, missed, level=model.level, unit=model.unit, classes=model.classes,
                            never=never, where=where)  # fmt: skip
    mean, high_end = _scored(bundle.manifest.evidence.get(name, {}), bool(model.classes))
    return Expected(
        name, nothing, nothing, mean, high_end, model.level, model.unit, model.classes, never, "the sealed rows"
    )


def _scored(evidence: object, is_class: bool) -> tuple[float, float]:
    """Mean error on the sealed rows and the upper end of its interval; NaN where the bundle does not say."""
    scores = evidence if isinstance(evidence, dict) else {}
    found = _ESTIMATE.match(str(scores.get("accuracy" if is_class else "mae", "")))
    if found is None:
        return math.nan, math.nan
    mean, low, high = (float(part) if part else float(found[1]) for part in found.groups())
    return (1.0 - mean, 1.0 - low) if is_class else (mean, high)
