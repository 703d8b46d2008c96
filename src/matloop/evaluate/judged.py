"""Doubt and domain for development rows, each part judged by what the other parts taught."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from matloop.core.arrays import BoolArray, IntArray
from matloop.doubt.conformal import fit_doubt
from matloop.doubt.domain import fit_domain
from matloop.doubt.prediction import OutOfFold, Prediction
from matloop.evaluate.evidence import constant_half_width
from matloop.evaluate.gathered import HeldOut
from matloop.train.values import Development

LEVEL = 0.9


def judged(
    development: Development,
    calibration: OutOfFold,
    asked: OutOfFold,
    part: IntArray,
    *,
    how: str,
    seed: int,
    threads: int = 1,
) -> HeldOut:
    """Turn raw predictions of development rows into predictions with intervals, probabilities and domain flags.

    Parameters
    ----------
    calibration : out-of-fold predictions that doubt is learnt from; for each part only rows outside of it are used.
    asked : the raw predictions to judge (the same ones in cross-validation); NaN values stay NaN.
    part : shape (n,), fold or cluster of each row.
    threads : parts judged at a time; the result does not depend on it.
    """
    n = len(development)
    low, high, std, constant = (np.full(n, np.nan) for _ in range(4))
    proba = np.full((n, len(development.classes)), np.nan)
    inside, reason = np.zeros(n, dtype=np.bool_), np.full(n, "not predicted", dtype=object)
    known, wanted = np.isfinite(calibration.value), np.isfinite(asked.value)

    def judge(one: int) -> None:
        rows, others = np.flatnonzero((part == one) & wanted), np.flatnonzero((part != one) & known)
        X = development.table.X[rows]
        doubt = fit_doubt(
            calibration.take(others), development.table.X[others], development.y[others],
            groups=development.groups[others], task=development.task, classes=development.classes,
            bounds=development.bounds, level=LEVEL, seed=seed, cost="quick",
        )  # fmt: skip
        low[rows], high[rows], std[rows], proba[rows] = doubt.apply(
            asked.value[rows], asked.spread[rows], asked.proba[rows], X
        )
        constant[rows] = constant_half_width(development.y[others] - calibration.value[others], LEVEL)
        inside[rows], reason[rows] = _domain(development, others, rows, seed)

    with ThreadPoolExecutor(max(threads, 1)) as pool:
        list(pool.map(judge, np.unique(part[wanted]).tolist()))
    prediction = Prediction(
        asked.value, low, high, std, proba, inside, reason.astype(np.str_), LEVEL, development.classes, development.unit
    )
    return HeldOut(prediction, part, constant, how)


def _domain(development: Development, train: IntArray, asked: IntArray, seed: int) -> tuple[BoolArray, np.ndarray]:
    domain = fit_domain(
        development.table.take(train), development.y[train], development.groups[train], seed=seed
    )  # fmt: skip
    inside, reason = domain.judge(development.table.take(asked))
    return inside, reason.astype(object)
