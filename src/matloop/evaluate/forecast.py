"""How many more rows would halve the error: a power law with a floor through a learning curve, with its doubt.

The error after training on n rows is taken as a + b n^-c: it falls as a power of n towards a floor a that noise in the
labels or missing inputs set. Few points say little about three numbers, so no single fit is believed: every floor and
every exponent is weighed by how well it fits, and what they foretell is given as an interval.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import FloatArray, IntArray, frozen
from matloop.core.errors import DataError

FARTHEST = 100.0
"""Nothing is foretold beyond so many times the rows there are."""
HARDLY = 0.10
"""Where doubling the rows surely gains less than this, more rows hardly help: by a pure power law halving the error
would then take 100 times the rows."""
FLOORS = np.concatenate([[0.0], np.linspace(0.005, 0.99, 198)])
"""Floors as a share of the error now. None at all is as likely beforehand as all others together."""
EXPONENTS = np.geomspace(0.02, 2.0, 180)
TYPICAL, SPREAD = 0.35, 0.8
"""Exponents before any point is seen: a log-normal with 95 % in 0.07 to 1.7. Found in practice are 0.07 to 0.35
(Hestness et al. 2017) up to 0.5 (Viering & Loog 2023), more for smooth laws without noise."""
NOISE, NOISE_ROWS = 0.03, 2.0
"""Scatter of an error about the curve before any point is seen, as a share, and how many points this counts as."""
FEWEST_SIZES, LEAST_SPAN = 3, 3.0
DRAWS = 4000

Answer = Literal["more rows", "out of reach", "hardly", "cannot tell"]


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a learning curve foretells; rows and errors are of the points that it was made from.

    answer : "more rows"; "hardly" (the curve has flattened); "out of reach" (it falls, but even 100 times the rows
        would not do); or "cannot tell". sentence : the same in words.
    now, error : rows now, and the error that the curve gives for them.
    share : part of the error now that is asked for (0.5: half).
    more, low, high : how many more rows that takes, with 95 % interval; infinite beyond 100 times the rows now, NaN
        where it cannot be told.
    gain : share by which twice the rows would lower the error, with `gain_low` and `gain_high` (95 %).
    floor, exponent : most probable a and c of a + b n^-c (a in the unit of the error; b follows from `error`).
    floor_chance : how probable it is that there is a floor above 5 % of the error now.
    n, middle, lower, upper : shape (n_drawn,), the curve with its 95 % band, for drawing.
    foretold, foretold_low, foretold_high, found : what the points without the largest size foretell for it (95 %), and
        what was found there; NaN with fewer than four sizes.
    """

    answer: Answer
    sentence: str
    now: int
    error: float
    share: float
    more: float
    low: float
    high: float
    gain: float
    gain_low: float
    gain_high: float
    floor: float
    exponent: float
    floor_chance: float
    n: FloatArray
    middle: FloatArray
    lower: FloatArray
    upper: FloatArray
    foretold: float = math.nan
    foretold_low: float = math.nan
    foretold_high: float = math.nan
    found: float = math.nan


def forecast(
    rows: ArrayLike,
    errors: ArrayLike,
    *,
    parts: ArrayLike | None = None,
    now: int | None = None,
    share: float = 0.5,
    seed: int = 0,
) -> Forecast:
    """How many more rows lower the error to `share` of what it is now.

    Parameters
    ----------
    rows : shape (n_points,), training rows of each point. errors : shape (n_points,), the error there: lower is better,
        above 0 (turn a score s into 1 - s).
    parts : shape (n_points,), which held-out rows judged each point: some are harder than others, and each set has a
        level of its own. None: all points were judged on the same rows.
    now : rows at hand; None: the largest of `rows`.
    seed : of the draws from what is probable.

    Returns
    -------
    Forecast. With fewer than three sizes, or sizes that span less than a factor of three, it says that it cannot tell.

    Raises
    ------
    DataError : lengths differ, or `share` is not between 0 and 1.

    Notes
    -----
    In logarithms the scatter is about the same at all sizes. For each floor and exponent on a grid the level of each
    part and the scatter are integrated out in closed form, which leaves a Student-t-like weight (a Bayesian fit with
    weak priors, see the constants); floor and no floor are averaged by their weights. This keeps intervals honest where
    a bootstrap of four points does not.

    References
    ----------
    Cortes et al., NeurIPS 6 (1993) 327 (power law with a floor).
    Hestness et al. (2017). doi:10.48550/arXiv.1712.00409
    Viering & Loog, IEEE TPAMI 45 (2023) 7799 (which laws fit learning curves). doi:10.1109/TPAMI.2022.3220744

    Examples
    --------
    >>> n = np.array([50, 100, 200, 400, 800])
    >>> found = forecast(n, 3.0 * n**-0.5)
    >>> found.answer, 2000 < found.more < 3000                    # half the error takes 3,200 rows: 2,400 more
    ('more rows', True)
    """
    size, error, part = _checked(rows, errors, parts, share)
    at = int(now if now is not None else (size.max() if len(size) else 0))
    why = _too_little(size)
    if why:
        return _untold(at, share, why)
    draws = _Probable(size, error, part, at).draw(seed)
    target = _factor(draws, share)
    more = np.where(target <= FARTHEST, (target - 1.0) * at, np.inf)
    gain = 1.0 - draws.at(2.0)
    low, middle, high = _quantiles(more)
    gains = _quantiles(gain)
    beyond = float(np.isinf(more).mean())
    answer = _answer(beyond, float(gains[2]), low)
    sentence = _sentence(answer, share, (low, middle, high), gains, beyond)
    n = np.geomspace(size.min(), at * min(_reach(middle, at), FARTHEST), 60)
    band = np.stack([draws.error * draws.at(one / at) for one in n])
    lower, centre, upper = np.quantile(band, [0.025, 0.5, 0.975], axis=1)
    told = answer != "cannot tell"
    back = _leave_last_out(size, error, part, seed)
    return Forecast(
        answer, sentence, at, float(np.median(draws.error)), share, middle if told else math.nan,
        low, high, gains[1], gains[0], gains[2], draws.best_floor, draws.best_exponent,
        float((draws.floor > 0.05).mean()), frozen(n), frozen(centre), frozen(lower), frozen(upper), *back,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Draws:
    """Probable curves: error(n) = error * (floor + (1 - floor) (n / now)^-exponent), an entry per draw."""

    floor: FloatArray
    exponent: FloatArray
    error: FloatArray
    noise: FloatArray
    best_floor: float
    best_exponent: float

    def at(self, times: float) -> FloatArray:
        """Error after `times` the rows of now, as a share of that now."""
        return self.floor + (1.0 - self.floor) * times**-self.exponent


class _Probable:
    """The weight of each floor and exponent on the grid."""

    def __init__(self, size: FloatArray, error: FloatArray, part: IntArray, now: int) -> None:
        floor, exponent = np.meshgrid(FLOORS, EXPONENTS, indexing="ij")
        self.floor, self.exponent = floor.ravel(), exponent.ravel()
        n_parts = int(part.max()) + 1
        curve = np.log(
            self.floor[:, None] + (1.0 - self.floor[:, None]) * (size / now)[None] ** -self.exponent[:, None]
        )
        rest = np.log(error)[None] - curve
        member = part[:, None] == np.arange(n_parts)
        levels = rest @ member / member.sum(axis=0)
        self.level = levels.mean(axis=1)
        self.squares = ((rest - levels[:, part]) ** 2).sum(axis=1) + NOISE_ROWS * NOISE**2
        self.freedom = len(size) - n_parts + NOISE_ROWS
        prior = np.where(self.floor == 0.0, 0.5, 0.5 / (len(FLOORS) - 1))
        prior = prior * np.exp(-0.5 * (np.log(self.exponent / TYPICAL) / SPREAD) ** 2)
        weight = np.log(prior) - 0.5 * self.freedom * np.log(self.squares)
        self.weight = np.exp(weight - weight.max())
        self.weight /= self.weight.sum()
        # how well the mean level of the parts is known, in units of the scatter
        self.doubt = math.sqrt(1.0 / max(len(size), 1))

    def draw(self, seed: int) -> _Draws:
        rng = np.random.default_rng(seed)
        which = rng.choice(len(self.weight), DRAWS, p=self.weight)
        # between the places of the grid, so that intervals have no steps
        step = math.log(EXPONENTS[1] / EXPONENTS[0])
        exponent = self.exponent[which] * np.exp(step * (rng.random(DRAWS) - 0.5))
        floor = self.floor[which]
        floor = np.where(
            floor > 0, np.clip(floor + (FLOORS[2] - FLOORS[1]) * (rng.random(DRAWS) - 0.5), 0.0, 0.999), 0.0
        )
        noise = np.sqrt(self.squares[which] / rng.chisquare(self.freedom, DRAWS))
        error = np.exp(self.level[which] + noise * self.doubt * rng.standard_normal(DRAWS))
        best = int(self.weight.argmax())
        return _Draws(
            floor, exponent, error, noise, float(self.floor[best] * np.exp(self.level[best])),
            float(self.exponent[best]),
        )  # fmt: skip


def _factor(draws: _Draws, share: float) -> FloatArray:
    """How many times the rows of now give `share` of the error; infinite where the floor is above it."""
    room = (share - draws.floor) / (1.0 - draws.floor)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        return np.where(room > 0, np.maximum(room, 1e-300) ** (-1.0 / draws.exponent), np.inf)


def _reach(more: float, now: int) -> float:
    """How far to the right the curve is drawn, in rows of now: a little beyond the answer."""
    return max(4.0, 1.5 * (1.0 + more / now)) if math.isfinite(more) else 4.0


def _quantiles(values: FloatArray) -> tuple[float, float, float]:
    low, middle, high = np.quantile(values, [0.025, 0.5, 0.975], method="inverted_cdf")
    return float(low), float(middle), float(high)


def _answer(beyond: float, largest_gain: float, low: float) -> Answer:
    if largest_gain < HARDLY:
        return "hardly"
    if math.isinf(low) or beyond > 0.75:
        return "out of reach"
    return "cannot tell" if beyond > 0.25 else "more rows"


def _sentence(
    answer: Answer,
    share: float,
    more: tuple[float, float, float],
    gains: tuple[float, float, float],
    beyond: float,
) -> str:
    what = "halve the error" if share == 0.5 else f"bring the error to {100 * share:.0f} % of what it is"
    doubling = (
        f"twice the rows would lower it by about {_percent(gains[1])} (95 %: {_percent(gains[0])} to "
        f"{_percent(gains[2])})"
    )
    low, middle, high = more
    if answer == "hardly":
        return f"More rows like these will help little: {doubling}."
    if answer == "out of reach":
        sure = "would not" if math.isinf(low) else f"would probably ({100 * beyond:.0f} %) not"
        return f"Even {FARTHEST:.0f} times the rows {sure} {what}; {doubling}."
    if answer == "cannot tell":
        chance = f"the chance that {FARTHEST:.0f} times the rows would not do is {100 * beyond:.0f} %"
        return (
            f"How many rows would {what} cannot be told from these points: at least {_rows(low)} more, and {chance}; "
            f"{doubling}."
        )
    known = f"{_rows(low)} to {_rows(high)}" if math.isfinite(high) else f"at least {_rows(low)}, no upper end is known"
    return f"To {what} you need about {_rows(middle)} more rows (95 %: {known})."


def _rows(value: float) -> str:
    """A number of rows to two significant digits: more would pretend to know."""
    if value < 10:
        return f"{math.ceil(value):,}"
    return f"{round(value, 1 - math.floor(math.log10(value))):,.0f}"


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %" if value < 0.01 else f"{100 * value:.0f} %"


def _leave_last_out(
    size: FloatArray, error: FloatArray, part: IntArray, seed: int
) -> tuple[float, float, float, float]:
    """What the smaller sizes foretell for the largest one (95 %, scatter of a point included), and what was found."""
    last = size >= 0.9 * size.max()
    if len(np.unique(size[~last])) < FEWEST_SIZES or _too_little(size[~last]):
        return math.nan, math.nan, math.nan, math.nan
    both = np.isin(part, part[~last])
    known, judged = ~last & both, last & both
    if not judged.any():
        return math.nan, math.nan, math.nan, math.nan
    _, number = np.unique(part[known], return_inverse=True)
    at = int(size[judged].mean())
    draws = _Probable(size[known], error[known], number.reshape(-1), at).draw(seed)
    scatter = np.exp(draws.noise * np.random.default_rng(seed).standard_normal(DRAWS) / math.sqrt(int(judged.sum())))
    low, middle, high = np.quantile(draws.error * scatter, [0.025, 0.5, 0.975])
    return float(middle), float(low), float(high), float(np.exp(np.log(error[judged]).mean()))


def _too_little(size: FloatArray) -> str:
    n_sizes = len(np.unique(size))
    if n_sizes < FEWEST_SIZES:
        return f"{n_sizes} sizes of training sets are too few; {FEWEST_SIZES} are needed"
    span = float(size.max() / size.min())
    if span < LEAST_SPAN:
        return f"the largest training set is only {span:.2g} times the smallest"
    return ""


def _untold(now: int, share: float, why: str) -> Forecast:
    nan, none = math.nan, np.zeros(0)
    what = "halve the error" if share == 0.5 else f"bring the error to {100 * share:.0f} %"
    sentence = f"How many rows would {what} cannot be told: {why}."
    return Forecast(
        "cannot tell", sentence, now, nan, share, nan, nan, nan, nan, nan, nan, nan, nan, nan, none, none, none, none
    )


def _checked(
    rows: ArrayLike, errors: ArrayLike, parts: ArrayLike | None, share: float
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Points that can be used: rows and errors above zero."""
    size, error = np.asarray(rows, dtype=np.float64), np.asarray(errors, dtype=np.float64)
    part = np.zeros(len(size), dtype=np.int64) if parts is None else np.asarray(parts)
    if size.ndim != 1 or not len(size) == len(error) == len(part):
        raise DataError(f"{size.shape} sizes, {error.shape} errors and {part.shape} parts; give one of each per point.")
    if not 0.0 < share < 1.0:
        raise DataError(f"share is {share}; the part of the error that is asked for lies between 0 and 1.")
    good = np.isfinite(size) & np.isfinite(error) & (size > 0) & (error > 0)
    _, number = np.unique(part[good], return_inverse=True)
    return size[good], error[good], number.reshape(-1).astype(np.int64)
