"""Candidates in the order in which to try them, each with its reason."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray, TextArray
from matloop.core.errors import ConfigError
from matloop.design.goals import Goal, in_words
from matloop.design.merit import Merit, fulfils, merit
from matloop.design.spread import coordinates, spread_picks
from matloop.doubt.prediction import Prediction

POOL, TIMES = 500, 50
"""Picks are made among the best rows by merit: at least `POOL`, and `TIMES` as many as are picked."""
LIKELY = 0.05
"""A candidate is worth learning from if the chance that it does all it must is at least this."""


@dataclass(frozen=True, slots=True)
class Known:
    """What has been measured already: `values` per target (class indices for classes), names and features of rows."""

    values: Mapping[str, FloatArray]
    names: TextArray
    features: FloatArray


@dataclass(frozen=True, slots=True)
class Neighbour:
    """The known row that is nearest to a pick: its name, and how far it is in units of the usual distance between a
    candidate and the next one."""

    name: str
    distance: float


@dataclass(frozen=True, slots=True)
class Pick:
    """One candidate to try.

    row : 0-based row of the table. purpose : "gain", or "learn" where it was chosen for its doubt. chance : that all
        goals with an end are fulfilled (1 where there is none). gain : expected improvement per open goal.
    """

    row: int
    name: str
    purpose: str
    score: float
    chance: float
    gain: Mapping[str, float]
    reason: str
    nearest: Neighbour | None = None


@dataclass(frozen=True, slots=True)
class Wishes:
    """How picks are chosen.

    n : how many. goals : settled. diversity : see `spread_picks`. explore : share of the picks that are chosen where
    the model knows least. outside : whether candidates outside the model's domain may be chosen.
    """

    goals: tuple[Goal, ...]
    n: int = 20
    diversity: float = 1.0
    explore: float = 0.0
    outside: bool = False

    def __post_init__(self) -> None:
        if self.n < 1:
            raise ConfigError(f"{self.n} candidates are asked for. Ask for one or more.")
        if not 0.0 <= self.explore <= 1.0:
            raise ConfigError(f"the share to explore is {self.explore:g}; it lies from 0 to 1.")
        if not (math.isfinite(self.diversity) and self.diversity >= 0):
            raise ConfigError(f"the diversity is {self.diversity:g}; it is 0 or more.")
        if not self.goals:
            raise ConfigError('nothing is wished for. Give a goal, such as "maximise PF_n".')


@dataclass(frozen=True, slots=True)
class Ranked:
    """Picks in order, and the merit of all candidates."""

    picks: tuple[Pick, ...]
    merit: Merit
    reference_words: tuple[str, ...] = ()


def rank(
    wishes: Wishes,
    predictions: Mapping[str, Prediction],
    allowed: BoolArray,
    names: Callable[[IntArray], TextArray],
    features: Callable[[IntArray], FloatArray],
    known: Known | None = None,
) -> Ranked:
    """Choose candidates.

    Parameters
    ----------
    predictions : per target, one entry per candidate. allowed : shape (n,), who may be chosen. names, features : of
        given rows; features are asked for the best rows only.
    """
    usable = allowed & _predicted(wishes, predictions)
    references, words = _references(wishes, predictions, usable, known)
    found = merit(wishes.goals, predictions, references, usable)
    score = np.where(usable, found.score, -np.inf)
    chance = _chance(wishes.goals, found)
    doubt = np.where(usable & (chance >= LIKELY), _doubt(wishes, predictions), -np.inf)
    n_learn = round(wishes.explore * wishes.n)
    rows = _pool(score, doubt, wishes.n)
    if not len(rows):
        return Ranked((), found, words)
    X = features(rows)
    together = coordinates(X if known is None else np.vstack([X, known.features]))
    points = together[: len(rows)]
    order = spread_picks(score[rows], points, wishes.n - n_learn, strength=wishes.diversity)
    chosen = [(int(i), "gain") for i in order]
    if n_learn:
        left = doubt[rows].copy()
        left[order] = -np.inf
        chosen += [(int(i), "learn") for i in spread_picks(left, points, n_learn, strength=wishes.diversity)]
    nearest = _nearest(points, together[len(rows) :], known, [i for i, _ in chosen])
    called = names(rows[[i for i, _ in chosen]]) if chosen else np.array([], dtype=np.str_)
    picks = tuple(
        Pick(
            row=int(rows[i]), name=str(called[k]), purpose=purpose, score=float(score[rows[i]]),
            chance=float(chance[rows[i]]), gain={name: float(g[rows[i]]) for name, g in found.gains.items()},
            reason=_reason(int(rows[i]), purpose, wishes, predictions, found, nearest[k]), nearest=nearest[k],
        )
        for k, (i, purpose) in enumerate(chosen)
    )  # fmt: skip
    return Ranked(picks, found, words)


def _predicted(wishes: Wishes, predictions: Mapping[str, Prediction]) -> BoolArray:
    found = [~np.isnan(predictions[goal.target].value) for goal in wishes.goals]
    if not wishes.outside:
        found += [predictions[goal.target].in_domain for goal in wishes.goals]
    return np.logical_and.reduce(found)


def _references(
    wishes: Wishes, predictions: Mapping[str, Prediction], usable: BoolArray, known: Known | None
) -> tuple[dict[str, float], tuple[str, ...]]:
    """What open goals are to beat: the best that is known and does all it must; without such a row the prediction of
    the n-th best candidate."""
    found: dict[str, float] = {}
    words = []
    for goal in (one for one in wishes.goals if one.is_open):
        unit = predictions[goal.target].unit
        best = None if known is None else _best_known(goal, wishes.goals, predictions, known)
        if best is not None:
            found[goal.target], name = best
            words.append(
                f"{goal.target}: to beat is {found[goal.target]:.5g} {unit}".rstrip() + f", measured of {name}"
            )
            continue
        values = np.sort(goal.sign * predictions[goal.target].value[usable])[::-1]
        found[goal.target] = float(goal.sign * values[min(wishes.n, len(values)) - 1]) if len(values) else 0.0
        why = "no measured row does all it must" if known is not None else "nothing measured was given"
        words.append(
            f"{goal.target}: to beat is {found[goal.target]:.5g} {unit}".rstrip()
            + f", the prediction of candidate {min(wishes.n, len(values))} by that alone ({why})"
        )
    return found, tuple(words)


def _best_known(
    goal: Goal, goals: Sequence[Goal], predictions: Mapping[str, Prediction], known: Known
) -> tuple[float, str] | None:
    good = np.isfinite(known.values.get(goal.target, np.full(len(known.names), np.nan)))
    for other in goals:
        if not other.is_open:
            values = known.values.get(other.target, np.full(len(known.names), np.nan))
            good &= np.isfinite(values) & fulfils(other, values, predictions[other.target].classes)
    if not good.any():
        return None
    rows = np.flatnonzero(good)
    best = rows[int(np.argmax(goal.sign * known.values[goal.target][rows]))]
    return float(known.values[goal.target][best]), str(known.names[best])


def _chance(goals: Sequence[Goal], found: Merit) -> FloatArray:
    parts = [chance for goal, chance in zip(goals, found.chances, strict=True) if not goal.is_open]
    return np.prod(parts, axis=0) if parts else np.ones(len(found.score))


def _doubt(wishes: Wishes, predictions: Mapping[str, Prediction]) -> FloatArray:
    """log of how little is known: the part of the doubt that more rows would take away, where the model can tell it."""
    total = np.zeros(len(next(iter(predictions.values()))))
    for name in dict.fromkeys(goal.target for goal in wishes.goals):
        one = predictions[name]
        part = one.std if one.epistemic is None else np.where(np.isnan(one.epistemic), one.std, one.epistemic)
        with np.errstate(divide="ignore"):
            total = total + np.log(part)
    return np.where(np.isnan(total), -np.inf, total)


def _pool(score: FloatArray, doubt: FloatArray, n: int) -> IntArray:
    """The rows that picks are made among, the best by merit and by doubt; ties are broken by row."""
    size = max(POOL, TIMES * n)
    best = [np.argsort(-values, kind="stable")[:size] for values in (score, doubt)]
    rows = np.unique(np.concatenate(best))
    return rows[np.isfinite(score[rows]) | np.isfinite(doubt[rows])].astype(np.int64)


def _nearest(
    points: FloatArray, others: FloatArray, known: Known | None, chosen: Sequence[int]
) -> list[Neighbour | None]:
    if known is None or not len(known.names):
        return [None] * len(chosen)
    from scipy.spatial import cKDTree

    from matloop.design.spread import length_of

    distance, place = cKDTree(others).query(points[list(chosen)])
    length = length_of(points)
    pairs = zip(np.atleast_1d(distance), np.atleast_1d(place), strict=True)
    return [Neighbour(str(known.names[int(k)]), float(d) / length) for d, k in pairs]


def _reason(
    row: int, purpose: str, wishes: Wishes, predictions: Mapping[str, Prediction], found: Merit,
    nearest: Neighbour | None,
) -> str:  # fmt: skip
    parts = []
    for goal, chance in zip(wishes.goals, found.chances, strict=True):
        one, share = predictions[goal.target], float(chance[row])
        if goal.is_open:
            unit = f" {one.unit}" if one.unit else ""
            parts.append(
                f"{goal.target} {one.value[row]:.4g} [{one.low[row]:.4g}, {one.high[row]:.4g}]{unit}, "
                f"{_percent(share)} to beat {found.references[goal.target]:.4g}"
            )
        elif goal.sense == "class":
            parts.append(f"{_percent(share)} that {goal.target} {in_words(goal)}")
        else:
            unit = f" {one.unit}" if one.unit else ""
            parts.append(f"{goal.target} {one.value[row]:.4g}{unit}, {_percent(share)} to be {in_words(goal)}")
    if purpose == "learn":
        parts.append("chosen because the model knows little here")
    outside = [one.reason[row] for goal in wishes.goals if not (one := predictions[goal.target]).in_domain[row]]
    parts += [f"outside the model's domain: {why}" for why in dict.fromkeys(outside)]
    if nearest is not None:
        parts.append(f"nearest known: {nearest.name}")
    return "; ".join(parts)


def _percent(share: float) -> str:
    return "under 1 %" if share < 0.01 else "over 99 %" if share > 0.99 else f"{100 * share:.0f} %"
