"""The detectors under one form: observations and reference, both in [0, 1], and how often a false alarm may be."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.monitor.decay.betting import above, upper
from matloop.monitor.decay.others import adwin, page_hinkley


def betting(x: FloatArray, reference: FloatArray, alpha: float) -> int | None:
    """Bets against the upper bound of the reference's mean: holds `alpha` at any time of looking."""
    return above(x, upper(reference, alpha / 2.0), alpha / 2.0).at


def page_hinkley_of(x: FloatArray, reference: FloatArray, alpha: float) -> int | None:
    """Page's sum in standard deviations of the reference; its threshold does not know `alpha`."""
    return page_hinkley(x, float(reference.mean()), spread=max(float(reference.std()), 0.05))


def adwin_of(x: FloatArray, reference: FloatArray, alpha: float) -> int | None:
    """An adaptive window that begins with the reference; its cuts do not know `alpha`."""
    at = adwin(np.concatenate([reference, x]))
    return None if at is None or at <= len(reference) else at - len(reference)
