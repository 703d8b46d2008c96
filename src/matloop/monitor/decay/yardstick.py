"""Tests of errors and coverage against those of rows that the model had not seen when it was made."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from matloop.core.arrays import FloatArray, frozen
from matloop.core.registry import Registry
from matloop.monitor.decay.betting import Test, above, ranks, together, upper

DETECTORS = Registry(
    "matloop.detectors",
    betting="matloop.monitor.decay.named:betting",
    page_hinkley="matloop.monitor.decay.named:page_hinkley_of",
    adwin="matloop.monitor.decay.named:adwin_of",
)
"""Ways to find that observations in [0, 1] became larger than those of a reference, by name."""
FEW = 30
"""Reference rows below which their errors are not taken as the yardstick."""
OFF_BY = 0.03
"""How far the coverage may be from its level before it matters."""
CLIP = 0.99
"""Share of the reference's errors below the size at which errors are cut, so that one freak cannot raise an alarm; how
many are larger than is acceptable is tested apart."""


def size_of(reference: FloatArray) -> float:
    """The error at which larger ones are cut."""
    return max(float(np.quantile(reference, CLIP)), 1e-300)


def error_test(
    errors: FloatArray, reference: FloatArray, alpha: float, *, top: float, detector: str = "betting"
) -> Test:
    """Whether errors became larger than those of the reference.

    By betting: errors cut at `top` against the upper bound of the mean of the reference (which may be wrong half as
    often as all), and the ranks of the errors among the reference, from one purse. Else by another of `DETECTORS`.
    """
    x, yard = np.minimum(errors, top) / top, np.minimum(reference, top) / top
    if detector != "betting":
        return _named(x, yard, float(yard.mean()), alpha, detector)
    null = upper(yard, alpha / 2.0)
    found = (above(x, null, alpha / 2.0), above(ranks(errors, reference), 0.5, alpha / 2.0))
    return replace(together(found, alpha / 2.0), null=null)


def coverage_test(
    missed: FloatArray, reference: FloatArray, level: float, alpha: float, *, detector: str = "betting"
) -> Test:
    """Whether intervals miss more than they promise; a reference that missed more itself (by its upper bound, since
    calibration on few rows is not exact) is allowed to go on doing so.

    missed, reference : 0 or 1.
    """
    known = len(reference) >= FEW
    null = max(1.0 - level, upper(reference, alpha / 2.0)) if known else 1.0 - level + OFF_BY
    if detector != "betting":
        return _named(missed, reference if known else np.array([1.0 - level]), null, alpha, detector)
    return above(missed, null, alpha / 2.0 if known else alpha)


def _named(x: FloatArray, yard: FloatArray, null: float, alpha: float, detector: str) -> Test:
    return Test(null, alpha, frozen(np.zeros(len(x))), DETECTORS.load(detector)(x, yard, alpha))
