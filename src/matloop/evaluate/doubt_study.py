"""Is the model's doubt worth having: judged beside simpler ways to doubt the same predictions, without any fit.

Every alternative is learnt from the out-of-fold rows of the other parts (folds, or regions), as the model's own doubt
was, so that all are judged on rows they did not see.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import DataError
from matloop.doubt import INTERVALS
from matloop.doubt.methods import asked_rows, known_rows
from matloop.doubt.prediction import OutOfFold
from matloop.doubt.recalibrate import Kind, fit_one
from matloop.evaluate.doubt_classes import class_part
from matloop.evaluate.doubt_values import OWN, ClassPart, DoubtPart, DoubtScore, DoubtStudy
from matloop.evaluate.gathered import Gathered, HeldOut
from matloop.evaluate.resample import means
from matloop.evaluate.values import Reliability
from matloop.metrics.estimate import Estimate
from matloop.metrics.intervals import coverage_by_thirds, covered
from matloop.metrics.uncertainty import (
    confidence_curve,
    crps_terms,
    dispersion,
    ence,
    error_bins,
    error_rank_correlation,
    gaussian_nll,
    miscalibration_area,
    sharpness,
    widest_share_ratio,
)
from matloop.train.subject import Subject

__all__ = ["DoubtStudy", "Doubted", "compare_doubt", "study_doubt"]
LEVELS = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95])
LEAST_STD = 1e-3
"""No standard deviation is taken below this share of the root mean square error: likelihoods need one above zero."""
LEAST_ROWS = 20
SPREAD_KINDS: tuple[Kind, ...] = ("factor", "linear", "isotonic")


@dataclass(frozen=True, slots=True)
class Doubted:
    """One way to doubt: ends of intervals and standard deviations of rows that it did not see, shape (n,) each."""

    name: str
    label: str
    low: FloatArray
    high: FloatArray
    std: FloatArray


def study_doubt(
    subject: Subject, gathered: Gathered, *, deadline: float = math.inf, loco_spread: FloatArray | None = None
) -> DoubtStudy:
    """Judge the model's doubt in cross-validation and on left-out clusters beside ways that need no fit.

    Parameters
    ----------
    deadline : `time.monotonic()` value; alternatives that it does not allow are named in the notes.
    loco_spread : shape (n,), raw spread of the leave-one-cluster-out predictions; without it, alternatives that need
        the spread are judged in cross-validation only.
    """
    development, oof = subject.development, subject.trained.out_of_fold
    held: list[tuple[str, HeldOut, FloatArray | None]] = [("cv", gathered.cv, oof.spread)]
    if gathered.loco is not None:
        held.append(("loco", gathered.loco, loco_spread))
    level, notes = gathered.cv.prediction.level, list[str]()
    parts, classes = list[DoubtPart](), list[ClassPart]()
    for name, found, spread in held:
        if development.task == "classification":
            one = class_part(name, found, subject, level, notes)
            classes += [one] if one is not None else []
        else:
            part = _number_part(name, found, spread, subject, level, deadline, notes)
            parts += [part] if part is not None else []
    return DoubtStudy(level, development.unit, development.classes, tuple(parts), tuple(classes), tuple(notes))


def _number_part(
    name: str,
    found: HeldOut,
    spread: FloatArray | None,
    subject: Subject,
    level: float,
    deadline: float,
    notes: list[str],
) -> DoubtPart | None:
    development, oof, prediction = subject.development, subject.trained.out_of_fold, found.prediction
    rows = np.flatnonzero(np.isfinite(prediction.low) & np.isfinite(prediction.high) & np.isfinite(development.y))
    if len(rows) < LEAST_ROWS:
        notes.append(f"{name}: {len(rows)} rows have an interval; too few to compare ways to doubt.")
        return None
    own = Doubted(OWN, "this model's intervals", prediction.low[rows], prediction.high[rows], prediction.std[rows])
    ways = [own]
    for way, label, make in _alternatives(oof, spread, level):
        if time.monotonic() > deadline:
            notes.append(f"{name}: {label} was left out, the time ran out.")
            continue
        low, high, std = (np.full(len(development), np.nan) for _ in range(3))
        try:
            for one in np.unique(found.part[rows]):
                out = rows[found.part[rows] == one]
                known = np.flatnonzero((found.part != one) & np.isfinite(oof.value))
                low[out], high[out], std[out] = make(subject, known, out, prediction.value[out], spread)
        except DataError as error:
            notes.append(f"{name}: {label} was left out: {error}")
            continue
        if development.bounds is not None:
            low, high = np.clip(low, *development.bounds), np.clip(high, *development.bounds)
        ways.append(Doubted(way, label, low[rows], high[rows], std[rows]))
    if spread is None:
        notes.append(f"{name}: ways that need the spread of the members were not judged here.")
    elif not np.ptp(np.nan_to_num(spread)) > 0:
        notes.append(f"{name}: the model tells no spread, so no way that needs one was judged.")
    return compare_doubt(
        name, development.y[rows], prediction.value[rows], tuple(ways), groups=development.groups[rows], level=level,
        seed=subject.seed,
    )  # fmt: skip


Made = tuple[FloatArray, FloatArray, FloatArray]
Make = Callable[[Subject, IntArray, IntArray, FloatArray, FloatArray | None], Made]


def _alternatives(oof: OutOfFold, spread: FloatArray | None, level: float) -> list[tuple[str, str, Make]]:
    """Name, words and how to make it, of each way that these rows allow."""
    z = normal_quantile(level)
    found: list[tuple[str, str, Make]] = [("constant", "the same width everywhere", _conformal("split", level, z))]
    found.append(("binned", "width by the predicted value", _conformal("binned", level, z)))
    found.append(("local", "width by the errors of similar rows", _conformal("local", level, z)))
    if spread is not None and np.ptp(np.nan_to_num(oof.spread)) > 0:
        words = {
            "factor": "spread times a factor",
            "linear": "spread on a line (Palmer et al. 2022)",
            "isotonic": "spread by rising steps",
        }
        found += [(kind, words[kind], _normal(kind, z)) for kind in SPREAD_KINDS]
        found.append(("scaled", "conformal, scaled by the spread", _conformal("scaled", level, z)))
    return found


def _conformal(name: str, level: float, z: float) -> Make:
    def make(
        subject: Subject, known: IntArray, out: IntArray, value: FloatArray, spread: FloatArray | None
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        development, oof = subject.development, subject.trained.out_of_fold
        rule = INTERVALS.load(name).learn(
            known_rows(
                development.y[known], oof.value[known], X=development.table.X[known],
                spread=np.nan_to_num(oof.spread[known]), fold=oof.fold[known], groups=development.groups[known],
            ),
            level=level, seed=subject.seed,
        )  # fmt: skip
        wide = None if spread is None else np.nan_to_num(spread[out])
        low, high = rule.ends(asked_rows(value, X=development.table.X[out], spread=wide))
        if name == "split":  # the standard deviation of a constant doubt is the root mean square error
            rms = float(np.sqrt(np.mean((development.y[known] - oof.value[known]) ** 2)))
            return low, high, np.full(len(out), rms)
        return low, high, 0.5 * (high - low) / z

    return make


def _normal(kind: Kind, z: float) -> Make:
    def make(
        subject: Subject, known: IntArray, out: IntArray, value: FloatArray, spread: FloatArray | None
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        assert spread is not None
        oof = subject.trained.out_of_fold
        residual = subject.development.y[known] - oof.value[known]
        std = fit_one(kind, residual, np.nan_to_num(oof.spread[known])).apply(np.nan_to_num(spread[out]))
        return value - z * std, value + z * std, std

    return make


def compare_doubt(
    name: str,
    y: FloatArray,
    value: FloatArray,
    ways: tuple[Doubted, ...],
    *,
    groups: NDArray | None = None,
    level: float = 0.9,
    seed: int = 0,
) -> DoubtPart:
    """Score several ways to doubt the same predictions; the first is the one that the others are compared with.

    Parameters
    ----------
    y, value : shape (n,), truth and prediction of rows that no way has seen. groups : shape (n,), rows that belong
        together, for the intervals of the comparison.
    """
    index = np.arange(len(y)) if groups is None else groups
    residual = y - value
    floor = max(LEAST_STD * float(np.sqrt(np.mean(residual**2))), 1e-150)
    own = _score_terms(y, ways[0], level)
    scored = [_scored(way, y, residual, floor, level, own, index, seed) for way in ways]
    ordered = [scored[0], *sorted(scored[1:], key=lambda one: one.score)]
    best = min(ordered, key=lambda one: one.score)
    std = np.maximum(ways[0].std, floor)
    return DoubtPart(
        name=name, n_rows=len(y), methods=tuple(ordered), best=best.name,
        within_noise=best.name == ways[0].name or not best.beyond.high < 0.0,
        thirds=coverage_by_thirds(y, ways[0].low, ways[0].high), bins=error_bins(residual, std),
        confidence=confidence_curve(residual, std),
    )  # fmt: skip


def _score_terms(y: FloatArray, way: Doubted, level: float) -> FloatArray:
    """The interval score of each row."""
    outside = np.maximum(way.low - y, 0.0) + np.maximum(y - way.high, 0.0)
    return way.high - way.low + 2.0 / (1.0 - level) * outside


def _scored(
    way: Doubted,
    y: FloatArray,
    residual: FloatArray,
    floor: float,
    level: float,
    own: FloatArray,
    groups: NDArray,
    seed: int,
) -> DoubtScore:
    std, terms = np.maximum(way.std, floor), _score_terms(y, way, level)
    beyond, whole = Estimate(math.nan, math.nan, math.nan), float(own.mean())
    if terms is not own and whole > 0 and not np.array_equal(terms, own):
        beyond = means((terms - own) / whole, np.ones((len(y), 1)), groups, seed)[0]
    return DoubtScore(
        name=way.name, label=way.label, coverage=float(covered(y, way.low, way.high).mean()),
        mean_width=float((way.high - way.low).mean()), score=float(terms.mean()), beyond=beyond,
        crps=float(crps_terms(residual, std).mean()), nll=gaussian_nll(residual, std), ence=ence(residual, std),
        miscalibration=miscalibration_area(residual, std), sharpness=sharpness(std), dispersion=dispersion(std),
        rank_correlation=error_rank_correlation(residual, std), widest_ratio=widest_share_ratio(residual, std),
        ause=confidence_curve(residual, std).ause, levels=_levels(residual, std),
    )  # fmt: skip


def _levels(residual: FloatArray, std: FloatArray) -> Reliability:
    from scipy.special import ndtri

    reach = np.abs(residual) / std
    found = np.array([(reach <= ndtri(0.5 * (1.0 + level))).mean() for level in LEVELS])
    return Reliability(LEVELS, found, np.full(len(LEVELS), float(len(residual))))


def normal_quantile(level: float) -> float:
    """Half width of the central interval of a standard normal error."""
    from scipy.special import ndtri

    return float(ndtri(0.5 * (1.0 + level)))
