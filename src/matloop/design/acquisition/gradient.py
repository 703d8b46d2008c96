"""The value of what would be learnt: by how much the best expected value would rise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from scipy.special import logsumexp

from matloop.core.arrays import FloatArray
from matloop.design.acquisition.aims import floored, log_chance, needed
from matloop.design.acquisition.confidence import UpperConfidence
from matloop.design.acquisition.crossing import crossing
from matloop.design.contract import About, Acquisition, Belief
from matloop.design.merit import log_expected_gain

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class KnowledgeGradient:
    """log of how much the highest mean is expected to rise by one measurement, noise included.

    Exact over the candidate itself and `size` places that stand for the domain (the most hopeful of `places`; the known
    experiments and candidates where it is not prepared). It also measures where nothing better is expected but
    something is learnt of the best. Goals with an end count by their chance.

    Frazier, Powell, Dayanik, INFORMS J. Comput. 21 (2009) 599, doi:10.1287/ijoc.1080.0314.

    Raises
    ------
    ConfigError : nothing is to be maximised or minimised.
    """

    size: int = 40
    places: FloatArray | None = field(default=None, repr=False)
    scout: ClassVar[Acquisition] = UpperConfidence(2.0)

    def prepare(self, beliefs: Sequence[Belief], X: FloatArray, about: About) -> KnowledgeGradient:
        """With the places that stand for the domain, of candidates `X`."""
        goal = needed(beliefs, about, "knowledge_gradient")
        all_places = np.unique(np.vstack([about.known, X]), axis=0)
        mean, std = goal.belief.predict(all_places)
        best = np.argsort(-np.round((mean + std) / goal.spread, 9), kind="stable")[: self.size]
        return KnowledgeGradient(self.size, all_places[best])

    def worth(self, beliefs: Sequence[Belief], X: FloatArray, about: About) -> FloatArray:
        if self.places is None:
            return self.prepare(beliefs, X, about).worth(beliefs, X, about)
        goal, chance = needed(beliefs, about, "knowledge_gradient"), log_chance(beliefs, X, about)
        places = self.places
        mean = goal.belief.predict(places)[0]
        between = crossing(goal.belief, places, X)
        total = floored(np.sqrt(between.variance + goal.belief.noise**2), goal.spread)
        heights = np.vstack([np.repeat(mean[:, None], len(X), axis=1), between.mean])
        slopes = np.vstack([between.covariance, between.variance]) / total
        gain = np.concatenate(
            [
                log_rise(heights[:, begin : begin + _CHUNK].T, slopes[:, begin : begin + _CHUNK].T, goal.spread)
                for begin in range(0, len(X), _CHUNK)
            ]
            or [np.zeros(0)]
        )
        return gain if chance is None else gain + chance


def log_rise(heights: FloatArray, slopes: FloatArray, spread: float = 1.0) -> FloatArray:
    """log of E[max_i(a_i + b_i Z)] - max_i a_i for Z normal, row by row, exact far below what a float can hold.

    Parameters
    ----------
    heights, slopes : shape (n, m), the lines of each of n cases. spread : unit in which slopes are called different.

    The highest line changes at some Z = c, by a jump of its slope; each adds jump * E[(Z - |c|)+], as of Frazier et al.
    A line is highest from `low` to `high`, found by comparing all pairs.
    """
    a, b = heights / spread, slopes / spread
    rise = b[:, None, :] - b[:, :, None]  # (n, i, j): how much steeper j is than i
    with np.errstate(divide="ignore", invalid="ignore"):
        meet = (a[:, :, None] - a[:, None, :]) / rise
    steeper, flatter = rise > 1e-12, rise < -1e-12
    high = np.where(steeper, meet, np.inf).min(axis=2)
    low = np.where(flatter, meet, -np.inf).max(axis=2)
    order = np.arange(b.shape[1])
    above = (a[:, None, :] > a[:, :, None]) | ((a[:, None, :] == a[:, :, None]) & (order[None, :] < order[:, None]))
    hidden = (~(steeper | flatter) & above).any(axis=2)
    active = (low < high) & ~hidden
    top = np.where(active & (low <= 0) & (high >= 0), b, np.nan)
    with np.errstate(invalid="ignore"):
        here = np.where(np.isnan(top).all(axis=1), 0.0, np.nanmax(np.where(np.isnan(top), -np.inf, top), axis=1))
    tail_low, tail_high = _log_tail(low), _log_tail(high)
    # sum over lines of b (F(low) - F(high)), with slopes relative to the one at Z = 0
    jump = np.where(active, b - here[:, None], 0.0)
    terms = np.concatenate([np.where(active, tail_low, -np.inf), np.where(active, tail_high, -np.inf)], axis=1)
    found, sign = logsumexp(terms, axis=1, b=np.concatenate([jump, -jump], axis=1), return_sign=True)
    return np.where(sign > 0, np.asarray(found), -np.inf) + np.log(spread)


def _log_tail(c: FloatArray) -> FloatArray:
    """log E[(Z - |c|)+]."""
    finite = np.isfinite(c)
    return np.where(finite, log_expected_gain(-np.abs(np.where(finite, c, 0.0)), np.ones_like(c), 0.0), -np.inf)
