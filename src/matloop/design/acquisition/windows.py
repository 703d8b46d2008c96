"""Values that must be within a window, or hit a target."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.design.acquisition.aims import edges, floored, log_within, spread_of, wanted
from matloop.design.acquisition.improvement import LogExpectedImprovement
from matloop.design.contract import About, Aim, Belief
from matloop.design.merit import log_expected_gain


@dataclass(frozen=True, slots=True)
class Window:
    """log of the chance that all goals with an end are met; goals without one are left aside.

    For finding many experiments that will do, and for keeping a process within its limits. Of those that are sure to
    do, the least known are taken, as many sure ones are often alike: half the doubt weighs as much as a chance that is
    lower by about 0.7 `curiosity`.

    Raises
    ------
    ConfigError : no goal has an end.
    """

    curiosity: float = 0.05

    def worth(self, beliefs: Sequence[Belief], X: FloatArray, about: About) -> FloatArray:
        aims = edges(about, "window")
        total = np.zeros(len(X))
        for aim in aims:
            mean, std = beliefs[aim.belief].predict(X)
            spread = spread_of(about.values[aim.belief])
            std = floored(std, spread)
            total = total + log_within(mean, std, aim.low, aim.high)
            total = total + self.curiosity / len(aims) * np.log(std / spread)
        return total


@dataclass(frozen=True, slots=True)
class Target:
    """log of how much nearer to the middle of a window than the nearest known experiment a value is expected to be, as
    a share of that distance: E[max(1 - |value - middle| / nearest, 0)].

    Once a known value is within the window, half its width takes the place of that distance. Goals with one end count
    by their chance, open goals by their expected improvement.

    Raises
    ------
    ConfigError : no goal has an end.
    """

    def worth(self, beliefs: Sequence[Belief], X: FloatArray, about: About) -> FloatArray:
        total = np.zeros(len(X))
        for aim in edges(about, "target"):
            mean, std = beliefs[aim.belief].predict(X)
            spread = spread_of(about.values[aim.belief])
            std = floored(std, spread)
            if math.isfinite(aim.low) and math.isfinite(aim.high):
                total = total + log_nearer(mean, std, *_target_of(aim, about.values[aim.belief], spread))
            else:
                total = total + log_within(mean, std, aim.low, aim.high)
        if wanted(beliefs, about) is not None:
            alone = tuple(aim for aim in about.aims if aim.is_open)
            total = total + LogExpectedImprovement().worth(beliefs, X, replace(about, aims=alone))
        return total


def log_nearer(mean: FloatArray, std: FloatArray, target: float, nearest: float) -> FloatArray:
    """log E[max(1 - |Y - target| / nearest, 0)] for Y normal: the gain over the near end of a tent, less twice that
    over its top, plus that over its far end; seen from the side on which the mean lies, where these are tails."""
    away = -np.abs(mean - target)
    near = log_expected_gain((away + nearest) / std, np.ones_like(std), 0.0)
    top = log_expected_gain(away / std, np.ones_like(std), 0.0)
    far = log_expected_gain((away - nearest) / std, np.ones_like(std), 0.0)
    with np.errstate(divide="ignore"):
        share = np.log(np.maximum(1.0 - 2.0 * np.exp(top - near) + np.exp(far - near), 0.0))
    # a tent much narrower than the doubt: its area times the density, as the differences vanish
    narrow = nearest < 1e-3 * std
    thin = -0.5 * (away / std) ** 2 - 0.5 * math.log(2 * math.pi) + np.log(nearest / std)
    return np.where(narrow, thin, near + share + np.log(std / nearest))


def _target_of(aim: Aim, values: FloatArray, spread: float) -> tuple[float, float]:
    middle, half = 0.5 * (aim.low + aim.high), 0.5 * (aim.high - aim.low)
    known = np.abs(values[np.isfinite(values)] - middle)
    return middle, max(float(known.min()) if len(known) else spread, half, 1e-9 * spread)
