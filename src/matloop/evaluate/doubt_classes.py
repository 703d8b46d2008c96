"""Probabilities beside other calibrations of the same ones, and the prediction sets that they allow."""

from __future__ import annotations

import math

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.core.errors import DataError
from matloop.doubt import SETS
from matloop.doubt.probabilities import Method, fit_calibration, held_out_probabilities, log_loss
from matloop.doubt.sets import SetMethod
from matloop.evaluate.doubt_values import OWN, ClassPart, ClassScore, SetScore
from matloop.evaluate.evidence import reliability_of_classes
from matloop.evaluate.gathered import HeldOut
from matloop.evaluate.resample import means
from matloop.metrics.estimate import Estimate
from matloop.metrics.probabilities import brier, expected_calibration_error, set_quality
from matloop.metrics.uncertainty import confidence_curve
from matloop.train.subject import Subject

LEAST_ROWS = 20
CLASS_WAYS: tuple[tuple[Method, str], ...] = (
    ("identity", "as the members say"),
    ("temperature", "one temperature"),
    ("scaled", "temperature and a shift per class (Platt)"),
    ("isotonic", "rising steps per class"),
)


def class_part(name: str, found: HeldOut, subject: Subject, level: float, notes: list[str]) -> ClassPart | None:
    """Probabilities and prediction sets of one set of rows; None, and a note, where there are too few."""
    development, oof = subject.development, subject.trained.out_of_fold
    known = np.isfinite(found.prediction.proba).all(axis=1) & np.isfinite(development.y)
    rows = np.flatnonzero(known)
    if len(rows) < LEAST_ROWS or not len(development.classes):
        notes.append(f"{name}: {len(rows)} rows have probabilities; too few to compare ways to doubt.")
        return None
    y, own = development.y[rows], found.prediction.proba[rows]
    groups, part = development.groups[rows], found.part[rows]
    ways = {OWN: ("this model's probabilities", own)}
    if name == "cv":
        raw = oof.proba[rows]
        ways |= {way: (label, held_out_probabilities(way, raw, y, part)) for way, label in CLASS_WAYS}
    else:
        notes.append(f"{name}: other calibrations were judged in cross-validation only.")
    surprise = {way: -np.log(np.clip(_given(p, y), 1e-7, 1.0)) for way, (_, p) in ways.items()}
    scores = []
    for way, (label, proba) in ways.items():
        beyond = Estimate(math.nan, math.nan, math.nan)
        if way != OWN and not np.array_equal(surprise[way], surprise[OWN]):
            gap = (surprise[way] - surprise[OWN]) / max(float(surprise[OWN].mean()), 1e-300)
            beyond = means(gap, np.ones((len(y), 1)), groups, subject.seed)[0]
        scores.append(
            ClassScore(
                way,
                label,
                log_loss(proba, y.astype(np.int64)),
                brier(y, proba),
                expected_calibration_error(y, proba),
                beyond,
            )
        )
    best = min(scores, key=lambda one: one.log_loss)
    return ClassPart(
        name=name, n_rows=len(rows), methods=(scores[0], *sorted(scores[1:], key=lambda one: one.log_loss)),
        best=best.name, within_noise=best.name == OWN or not best.beyond.high < 0.0,
        reliability=reliability_of_classes(y, own), sets=_sets(found, subject, rows, level, notes),
        confidence=confidence_curve((own.argmax(axis=1) != y).astype(np.float64), 1.0 - own.max(axis=1)),
    )  # fmt: skip


def _given(proba: FloatArray, y: FloatArray) -> FloatArray:
    return np.asarray(proba[np.arange(len(y)), y.astype(np.int64)])


def _sets(found: HeldOut, subject: Subject, rows: IntArray, level: float, notes: list[str]) -> tuple[SetScore, ...]:
    """Prediction sets of each part, learnt from the calibrated out-of-fold probabilities of the other parts."""
    development, oof = subject.development, subject.trained.out_of_fold
    y, part, scores = development.y, found.part, []
    for name in ("by_class", "threshold"):
        method: SetMethod = SETS.load(name)
        contains: BoolArray = np.zeros((len(y), len(development.classes)), dtype=np.bool_)
        try:
            for one in np.unique(part[rows]):
                out = rows[part[rows] == one]
                known = np.flatnonzero((part != one) & np.isfinite(oof.proba).all(axis=1) & np.isfinite(y))
                calibration = fit_calibration(oof.proba[known], y[known], oof.fold[known])
                said = held_out_probabilities(calibration.method, oof.proba[known], y[known], oof.fold[known])
                rule = method.learn(said, y[known], level=level, seed=subject.seed)
                contains[out] = rule.contains(found.prediction.proba[out])
        except DataError as error:
            notes.append(f"{found.how}: prediction sets ({method.label}) were left out: {error}")
            continue
        quality = set_quality(y[rows], contains[rows])
        scores.append(
            SetScore(
                name,
                method.label,
                quality.coverage,
                quality.by_class,
                quality.mean_size,
                quality.single,
                quality.sizes,
            )
        )
    return tuple(scores)
