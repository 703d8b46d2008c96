"""Several objectives as one number: random Chebyshev weights (ParEGO), and desirability.

The number of an experiment that is not made yet is a distribution: values drawn from the beliefs go through the
function, and the expected gain over the best known experiment is what counts, in logarithms.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.errors import ConfigError
from matloop.design.contract import About, Aim, Belief
from matloop.design.objectives.aims import known_of, log_met, normals, open_aims, spread

_SUM = 0.05  # Knowles 2006: the share of the plain sum, so that weakly dominated points are not as good
_SOFT = 1e-3
_CHUNK = 2_048
Scalar = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, slots=True)
class Chebyshev:
    """ParEGO: expected improvement of a weighted worst objective, with weights drawn anew for each experiment of a
    campaign, so that the suggestions together spread along the front.

    Where aims have weights, the drawn weights are multiplied by them. draws : of the values.

    Knowles, IEEE Trans. Evol. Comput. 10 (2006) 50, doi:10.1109/TEVC.2005.851274; noisy: Daulton et al., NeurIPS 33
    (2020), doi:10.48550/arXiv.2006.05078.
    """

    draws: int = 128

    def worth(self, beliefs: Sequence[Belief], X: FloatArray, about: About) -> FloatArray:
        aims = open_aims(about)
        chance = log_met(beliefs, X, about)
        if not aims:
            return chance
        known = known_of(beliefs, about, aims)
        good = known.met > 0.5 if (known.met > 0.5).any() else np.ones(len(known.X), bool)
        values = known.mean[good] if good.any() else np.zeros((1, len(aims)))
        low, span = values.min(axis=0), np.ptp(values, axis=0)
        span = np.where(span > 0, span, 1.0)
        # each experiment of a campaign has its own weights: what is known and pending counts them
        rng = np.random.default_rng([about.seed, len(about.known), len(about.pending)])
        weights = rng.dirichlet(np.ones(len(aims))) * np.array([aim.weight for aim in aims])
        weights = weights / weights.sum()

        def worst(values: FloatArray) -> FloatArray:
            parts = weights * (values - low) / span
            return np.asarray(parts.min(axis=-1) + _SUM * parts.sum(axis=-1))

        best = float(worst(values).max())
        return (
            log_gain_of(worst, best, [beliefs[a.belief] for a in aims], known.scale, X, self.draws, about.seed) + chance
        )


@dataclass(frozen=True, slots=True)
class Desirability:
    """Expected gain in overall desirability (Derringer & Suich): every aim becomes a number from 0 (useless) to 1 (all
    that is wanted), and the overall number is their geometric mean, by the aims' weights.

    An open aim rises from 0 at the worst known value to 1 at one range above the best known one. An aim with an end is
    1 where it is met and falls to 0 over `margin` standard deviations of the known values outside. steepness :
    exponent; above 1, little is worth little.

    Derringer & Suich, J. Qual. Technol. 12 (1980) 214, doi:10.1080/00224065.1980.11980968.
    """

    margin: float = 1.0
    steepness: float = 1.0
    draws: int = 128

    def worth(self, beliefs: Sequence[Belief], X: FloatArray, about: About) -> FloatArray:
        used = list(about.aims)
        rows = [about.values[aim.belief] for aim in used]
        scale = np.array([spread(row) for row in rows])
        shapes = [self._shape(aim, row) for aim, row in zip(used, rows, strict=True)]
        weights = np.array([aim.weight for aim in used])

        def overall(values: FloatArray) -> FloatArray:
            parts = [shape(values[..., j] * scale[j]) for j, shape in enumerate(shapes)]
            return overall_desirability(np.stack(parts, axis=-1), weights)

        known = np.column_stack(rows) / scale
        known = known[np.isfinite(known).all(axis=1)]
        best = float(overall(known).max()) if len(known) else 0.0
        return log_gain_of(overall, best, [beliefs[a.belief] for a in used], scale, X, self.draws, about.seed)

    def _shape(self, aim: Aim, values: FloatArray) -> Scalar:
        known = values[np.isfinite(values)]
        if not aim.is_open:
            margin = self.margin * spread(values)
            return lambda y: ramped(y, aim.low, aim.high, margin) ** self.steepness
        low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
        span = (high - low) or 1.0
        return lambda y: np.clip((y - low) / (2 * span), 0.0, 1.0) ** self.steepness


def ramped(values: FloatArray, low: float, high: float, margin: float) -> FloatArray:
    """1 from `low` to `high`, falling straight to 0 at `margin` outside."""
    outside = np.maximum(np.maximum(low - values, values - high), 0.0)
    return np.asarray(np.clip(1.0 - outside / margin, 0.0, 1.0))


def overall_desirability(parts: FloatArray, weights: FloatArray | None = None) -> FloatArray:
    """Weighted geometric mean along the last axis: 0 as soon as one part is 0.

    Examples
    --------
    >>> float(overall_desirability(np.array([0.25, 1.0])))
    0.5
    """
    weights = np.ones(parts.shape[-1]) if weights is None else np.asarray(weights, float)
    if (weights < 0).any() or not weights.sum() > 0:
        raise ConfigError(f"desirability: the weights {weights.tolist()} must be above zero.")
    with np.errstate(divide="ignore"):
        return np.exp((np.log(np.clip(parts, 0.0, 1.0)) * weights).sum(axis=-1) / weights.sum())


def log_gain_of(
    scalar: Scalar,
    best: float,
    beliefs: Sequence[Belief],
    scale: FloatArray,
    X: FloatArray,
    draws: int,
    seed: int,
) -> FloatArray:
    """log of the expected gain of a function of several values over `best`, shape (n,).

    The values are drawn, the same normal numbers for every experiment. Draws below `best` count for a little, ever less
    the farther below they are, so that even hopeless experiments have an order.

    scalar : values in units of `scale`, shape (..., m), to shape (...).
    """
    z = normals(draws, len(beliefs), seed)
    found = np.empty(len(X))
    for start in range(0, len(X), _CHUNK):
        part = slice(start, start + _CHUNK)
        pairs = [belief.predict(X[part]) for belief in beliefs]
        mean = np.column_stack([m for m, _ in pairs]) / scale
        std = np.column_stack([s for _, s in pairs]) / scale
        gain = (scalar(mean[None] + z[:, None, :] * std[None]) - best) / _SOFT
        with np.errstate(divide="ignore"):
            # Ament et al. 2023: softplus instead of max(., 0), with a tail that falls slowly
            soft = np.where(gain > 0, np.log(np.logaddexp(0.0, np.minimum(gain, 700.0))), 0.0)
            soft = np.where(gain > 700.0, np.log(np.maximum(gain, 1.0)), soft)
            tail = np.log(np.log(2.0)) - 2.0 * np.log1p(np.maximum(-gain, 0.0))
        found[part] = np.logaddexp.reduce(np.where(gain > 0, soft, tail), axis=0) - np.log(draws) + np.log(_SOFT)
    return found
