"""How much is to be hoped from a candidate: the chance that it does what it must, and the gain to be expected."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import erfcx, log_ndtr, ndtr, ndtri

from matloop.core.arrays import BoolArray, FloatArray
from matloop.design.goals import Goal
from matloop.doubt.prediction import Prediction

_LOG_ROOT_2_PI = 0.5 * math.log(2 * math.pi)
_NARROWEST = 1e-9


@dataclass(frozen=True, slots=True)
class Merit:
    """What is to be expected of candidates; arrays have shape (n,).

    score : the logarithm by which they are ranked: of the chance to fulfil all that must be, times the gain where
        something is to be as high or low as can be. -inf where there is no prediction.
    chances : per goal. For one that has an end, the chance that it is fulfilled; for one without, the chance to be
        better than its reference.
    gains : per open goal, how much better than the reference the candidate is expected to be, counted as nothing where
        it is worse (expected improvement), in the target's unit.
    references : per open goal, what is to be beaten.
    """

    score: FloatArray
    chances: tuple[FloatArray, ...]
    gains: Mapping[str, FloatArray]
    references: Mapping[str, float]


def log_expected_gain(mean: FloatArray, std: FloatArray, reference: float) -> FloatArray:
    """log E[max(Y - reference, 0)] for Y normal, exact also where the gain is far below what a float can hold.

    Jones, Schonlau, Welch, J. Glob. Optim. 13 (1998) 455, doi:10.1023/A:1008306431147; in logarithms as Ament et al.,
    NeurIPS 36 (2023), doi:10.48550/arXiv.2310.20708.

    Examples
    --------
    >>> float(np.exp(log_expected_gain(np.array([0.0]), np.array([1.0]), 0.0))[0])  # 1 / sqrt(2 pi)
    0.3989422804014327
    """
    s = np.maximum(std, _NARROWEST * max(1.0, abs(reference)))
    z = (mean - reference) / s
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        near = np.log(z * ndtr(z) + np.exp(-0.5 * z * z - _LOG_ROOT_2_PI))
        # phi(z) (1 + z Phi(z) / phi(z)), with Phi / phi by the scaled complementary error function
        far = -0.5 * z * z - _LOG_ROOT_2_PI + np.log1p(z * math.sqrt(math.pi / 2) * erfcx(-z / math.sqrt(2)))
        deep = -0.5 * z * z - _LOG_ROOT_2_PI - 2 * np.log(np.abs(z))
    return np.log(s) + np.where(z > -1, near, np.where(z > -1e4, far, deep))


def sides(prediction: Prediction) -> tuple[FloatArray, FloatArray]:
    """Standard deviations below and above the value, as the two ends of the interval tell them (n,), (n,).

    What is expected of a candidate then agrees with the interval that is shown beside it: a normal distribution on each
    side of the value, half of the mass on either, with (1 - level) / 2 beyond each end.
    """
    z = float(ndtri(0.5 + prediction.level / 2))
    below, above = (prediction.value - prediction.low) / z, (prediction.high - prediction.value) / z
    least = _NARROWEST * np.maximum(1.0, np.abs(prediction.value))
    known = np.isfinite(below) & np.isfinite(above)
    return (
        np.maximum(np.where(known, below, prediction.std), least),
        np.maximum(np.where(known, above, prediction.std), least),
    )


def log_gain(sign: float, prediction: Prediction, reference: float) -> FloatArray:
    """log of the expected gain over `reference`, upwards (`sign` 1) or downwards (-1), shape (n,)."""
    below, above = sides(prediction)
    if sign < 0:
        below, above = above, below
    ahead = sign * (prediction.value - reference)
    u = np.maximum(ahead, 0.0) / below
    at_zero = math.exp(-_LOG_ROOT_2_PI)
    sure = below * (u * ndtr(u) + np.exp(-0.5 * u * u - _LOG_ROOT_2_PI) - at_zero) + above * at_zero
    return np.where(ahead > 0, np.log(sure), log_expected_gain(np.minimum(ahead, 0.0), above, 0.0))


def _standing(prediction: Prediction, point: float) -> FloatArray:
    """How many standard deviations of its side a point lies above the value."""
    below, above = sides(prediction)
    distance = point - prediction.value
    return distance / np.where(distance < 0, below, above)


def log_chance(goal: Goal, prediction: Prediction) -> FloatArray:
    """log of the chance that a goal with an end is fulfilled, shape (n,)."""
    if goal.sense == "class":
        with np.errstate(divide="ignore"):
            return np.log(prediction.proba[:, prediction.classes.index(goal.word)])
    upper, lower = _standing(prediction, goal.high), _standing(prediction, goal.low)
    # the difference of two tails on the side where both are small
    swap = lower > 0
    upper, lower = np.where(swap, -lower, upper), np.where(swap, -upper, lower)
    a, b = log_ndtr(upper), log_ndtr(lower)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.isneginf(b), a, a + np.log1p(-np.exp(np.minimum(b - a, 0.0))))


def fulfils(goal: Goal, values: FloatArray, classes: Sequence[str] = ()) -> BoolArray:
    """Which measured values fulfil a goal with an end; class goals take indices into `classes`."""
    if goal.sense == "class":
        return values == list(classes).index(goal.word)
    return (values >= goal.low) & (values <= goal.high)


def merit(
    goals: Sequence[Goal], predictions: Mapping[str, Prediction], references: Mapping[str, float], allowed: BoolArray
) -> Merit:
    """The merit of candidates.

    Parameters
    ----------
    goals : settled; at least one. references : what is to be beaten, per open goal. allowed : shape (n,), the
        candidates from whose predictions the spread is taken that makes several open goals comparable.
    """
    chances: list[FloatArray] = []
    gains: dict[str, FloatArray] = {}
    required = np.zeros(len(allowed))
    hoped: list[FloatArray] = []
    for goal in goals:
        prediction = predictions[goal.target]
        if not goal.is_open:
            log = log_chance(goal, prediction)
            required = required + log
            chances.append(np.exp(log))
            continue
        log = log_gain(goal.sign, prediction, references[goal.target])
        gains[goal.target] = np.exp(log)
        chances.append(ndtr(-goal.sign * _standing(prediction, references[goal.target])))
        hoped.append(log - math.log(_spread(prediction.value[allowed])))
    with np.errstate(invalid="ignore"):
        score = required + (np.logaddexp.reduce(hoped) if hoped else 0.0)
    return Merit(np.where(np.isnan(score), -np.inf, score), tuple(chances), gains, dict(references))


def _spread(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    low, high = np.quantile(known, [0.05, 0.95]) if len(known) else (0.0, 1.0)
    return float(high - low) or 1.0
