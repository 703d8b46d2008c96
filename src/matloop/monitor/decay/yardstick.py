"""Tests of errors and coverage against those of rows that the model had not seen when it was made."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from matloop.core.arrays import FloatArray, frozen
from matloop.core.registry import Registry
from matloop.monitor.decay.betting import Test, above, either, missed_again, ranked_above, ranks, upper

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
RANKS = 0.8
"""Part of alpha that the ranks of errors are tested with."""
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

    By betting, on two things: the ranks of the errors among those of the reference, with most of `alpha`, since nothing
    needs to be estimated for them; and errors cut at `top` against the upper bound of the reference's mean, for a few
    that became huge. Else by another of `DETECTORS`.
    """
    x, yard = np.minimum(errors, top) / top, np.minimum(reference, top) / top
    if detector != "betting":
        return _named(x, yard, float(yard.mean()), alpha, detector)
    rest = (1.0 - RANKS) * alpha / 2.0  # half for the bound, half for the bets
    null = upper(yard, rest)
    return replace(
        either(ranked_above(ranks(errors, reference), RANKS * alpha), above(x, null, rest), alpha), null=null
    )


def coverage_test(
    missed: FloatArray, reference: FloatArray, level: float, alpha: float, *, detector: str = "betting"
) -> Test:
    """Whether intervals miss more than they did on the reference, and than they promise (its calibration on few rows is
    not exact: what it missed by its upper bound is allowed).

    missed, reference : 0 or 1.
    """
    promised, known = 1.0 - level, len(reference) >= FEW
    rest = (1.0 - RANKS) * alpha / 2.0
    null = max(promised, upper(reference, rest)) if known else promised + OFF_BY
    if detector != "betting":
        return _named(missed, reference if known else np.array([promised]), null, alpha, detector)
    if not known:
        return above(missed, null, alpha)
    again = above(missed_again(missed, reference, promised), promised, RANKS * alpha)
    return replace(either(again, above(missed, null, rest), alpha), null=null)


def _named(x: FloatArray, yard: FloatArray, null: float, alpha: float, detector: str) -> Test:
    return Test(null, alpha, frozen(np.zeros(len(x))), DETECTORS.load(detector)(x, yard, alpha))
