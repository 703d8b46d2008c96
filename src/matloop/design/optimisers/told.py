"""What every optimiser asks of a history: how good each experiment was, and which points are new."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.core.errors import ConfigError
from matloop.design.contract import Axes, Domain, History, Points, Suggestions
from matloop.design.goals import Goal
from matloop.design.space.candidates import TableDomain

SMALL = 20_000
"""Domains of at most so many points are looked through wholly before "there are no more" is said."""
_TRIES = 6
_SUM = 0.05  # Knowles, IEEE Trans. Evol. Comput. 10 (2006) 50: the augmented Chebyshev function


def turned(history: History, goals: Sequence[Goal]) -> tuple[FloatArray, FloatArray]:
    """Open goals as values of which more is better, shape (n, n_open), and how far the goals with an end are missed,
    shape (n, n_ends), in standard deviations of the target, 0 where they are met; NaN where not measured or failed.

    Raises
    ------
    ConfigError : a goal asks for a class, or for a target that the history does not have.
    """
    best: list[FloatArray] = []
    missed: list[FloatArray] = []
    for goal in goals:
        value = _values(history, goal)
        if goal.is_open:
            best.append(goal.sign * value)
            continue
        known = value[np.isfinite(value)]
        scale = float(known.std()) if len(known) else 0.0
        missed.append(np.maximum(np.maximum(goal.low - value, value - goal.high), 0.0) / (scale or 1.0))
    n = len(history)
    return (
        np.column_stack(best) if best else np.zeros((n, 0)),
        np.column_stack(missed) if missed else np.zeros((n, 0)),
    )


def _values(history: History, goal: Goal) -> FloatArray:
    if goal.sense == "class":
        raise ConfigError(
            f"goal {goal.text!r}: this strategy compares numbers, and {goal.target} is a class. "
            'Tell it as a number from 0 to 1, and write "T >= 0.5".'
        )
    if goal.target not in history.values:
        known = ", ".join(history.values) or "none"
        raise ConfigError(f"goal {goal.text!r}: the campaign has no target {goal.target!r}. Known: {known}.")
    value = np.asarray(history.values[goal.target], float)
    return np.where(np.asarray(history.failed, bool) | ~np.isfinite(value), np.nan, value)


def fitness(history: History, goals: Sequence[Goal]) -> FloatArray:
    """One number per experiment by which optimisers of a single goal compare, shape (n,): larger is better, -inf where
    it failed or a goal was not measured.

    One open goal: its value. Several: the augmented Chebyshev function of values scaled to the known range. Experiments
    that miss a goal with an end come after all that meet it, by how far they miss it (Deb, Comput. Methods Appl. Mech.
    Eng. 186 (2000) 311, doi:10.1016/S0045-7825(99)00389-8).
    """
    values, missed = turned(history, goals)
    measured = np.isfinite(values).all(axis=1) & np.isfinite(missed).all(axis=1)
    score = np.zeros(len(history))
    if values.shape[1] == 1:
        score = values[:, 0].copy()
    elif values.shape[1] > 1 and measured.any():
        low, high = values[measured].min(axis=0), values[measured].max(axis=0)
        scaled = (values - low) / np.where(high > low, high - low, 1.0)
        score = scaled.min(axis=1) + _SUM * scaled.sum(axis=1)
    total = missed.sum(axis=1)
    short = measured & (total > 0)
    if short.any():
        met = measured & ~short
        floor = score[met].min() if met.any() else 0.0
        reach = np.ptp(score[met]) if met.any() else 0.0
        score = np.where(short, floor - (reach or 1.0) - total, score)
    return np.where(measured, score, -np.inf)


def fresh(domain: Domain, history: History, offered: Points, n: int, seed: int) -> tuple[Points, IntArray]:
    """The first `n` of the offered points that are allowed, neither known nor pending, and different from each other;
    where they do not suffice, others of the domain follow.

    Returns
    -------
    points : as many as there are, at most `n`. origin : the row of each in `offered`, -1 for those that follow.
    """
    seen = _seen(domain, history)
    chosen: list[FloatArray] = []
    origin: list[int] = []
    for row, point in _new(domain, offered, seen, n):
        chosen.append(point)
        origin.append(row)
    for more in _others(domain, n, seed) if len(chosen) < n else ():
        for _, point in _new(domain, more, seen, n - len(chosen)):
            chosen.append(point)
            origin.append(-1)
        if len(chosen) >= n:
            break
    width = len(domain.columns) if not chosen else len(chosen[0])
    return Points(np.array(chosen).reshape(len(chosen), width)), np.array(origin, np.int64)


def _seen(domain: Domain, history: History) -> set[str]:
    seen: set[str] = set()
    for points in (history.points, history.pending):
        if len(points):
            seen.update(domain.keys(points).tolist())
    return seen


def _new(domain: Domain, points: Points, seen: set[str], n: int) -> list[tuple[int, FloatArray]]:
    """Up to `n` (row, point) that are allowed and not in `seen`, to which they are added."""
    found: list[tuple[int, FloatArray]] = []
    if not len(points) or n < 1:
        return found
    keys, allowed = domain.keys(points).tolist(), domain.why_not(points) == ""
    for row in range(len(points)):
        if allowed[row] and keys[row] not in seen:
            seen.add(keys[row])
            found.append((row, points.values[row]))
            if len(found) == n:
                break
    return found


def _others(domain: Domain, n: int, seed: int) -> Iterator[Points]:
    """Further points of the domain: samples, then all of them where they are few."""
    for turn in range(_TRIES):
        yield domain.sample(2 * n + 8, seed + 7919 * (turn + 1))
        if turn == 1 and (whole := domain.everything(SMALL)) is not None:
            order = np.random.default_rng([seed, 1]).permutation(len(whole))
            yield whole.take(order)
            return


def is_table(domain: Domain) -> bool:
    """Whether the points are rows of a table, so that their values cannot be put together anew."""
    return isinstance(domain, TableDomain)


def apart(axes: Axes, A: FloatArray, B: FloatArray) -> FloatArray:
    """Squared distances of encoded points, shape (len(A), len(B)): numbers by difference, categories 1 where unlike."""
    A, B = np.nan_to_num(A), np.nan_to_num(B)
    numbers: BoolArray = ~np.asarray(axes.categorical, bool)
    a, b = A[:, numbers], B[:, numbers]
    squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None] - 2 * a @ b.T
    for column in np.flatnonzero(~numbers):
        squared = squared + (A[:, column][:, None] != B[:, column][None])
    return np.maximum(squared, 0.0)


def nearest_allowed(
    domain: Domain, wanted: FloatArray, seed: int, *, starts: Points | None = None, rounds: int = 8
) -> Points:
    """For each wanted place in encoded coordinates an allowed point close to it; shape (len(wanted), n_columns).

    An optimiser that moves in vectors knows nothing of mixtures, grids and constraints. Its wishes are met by moves
    inside the domain, shorter and shorter, each kept where it comes nearer.
    """
    pool = domain.sample(256, seed)
    if starts is not None and len(starts):
        inside = domain.why_not(starts) == ""
        pool = Points(np.vstack([pool.values, starts.values[inside]]))
    if not len(pool) or not len(wanted):
        return Points(np.zeros((0, len(domain.columns))))
    distance = apart(domain.axes, wanted, domain.encode(pool))
    current, left = pool.values[distance.argmin(axis=1)].copy(), distance.min(axis=1)
    per = 32
    for turn in range(rounds):
        reach = float(np.clip(np.sqrt(np.median(left) / max(domain.axes.width, 1)), 1e-3, 0.5))
        tries = domain.near(Points(current), per, seed + turn + 1, reach=reach)
        if len(tries) != per * len(current):
            break
        encoded = domain.encode(tries)
        for row in range(len(current)):
            part = slice(row * per, (row + 1) * per)
            distance = apart(domain.axes, wanted[row : row + 1], encoded[part])[0]
            k = int(distance.argmin())
            if distance[k] < left[row]:
                left[row], current[row] = distance[k], tries.values[part][k]
    return Points(current)


def first_design(
    domain: Domain, history: History, goals: Sequence[Goal], n: int, seed: int, *, why: str
) -> Suggestions:
    """Evenly spread experiments, where an optimiser has nothing to go by; `why` is told."""
    done = len(history) + len(history.pending)
    offered = domain.sample(done + 2 * n, seed, how="sobol")
    offered = Points(offered.values[min(done, max(len(offered) - n, 0)) :])
    points, _ = fresh(domain, history, offered, n, seed)
    reason = f"the next place of a Sobol sequence, as {why}"
    return Suggestions(points, (reason,) * len(points), how=f"Sobol design, as {why}.")


def suggestions(
    domain: Domain, history: History, offered: Points, reasons: Sequence[str], n: int, seed: int, *, how: str
) -> Suggestions:
    """The first `n` new ones of the offered points with their reasons, and others where they do not suffice."""
    points, origin = fresh(domain, history, offered, n, seed)
    other = "a new place at random, as all that was proposed is known or pending already"
    return Suggestions(points, tuple(reasons[row] if row >= 0 else other for row in origin), how=how)


def generator(history: History, seed: int) -> np.random.Generator:
    """Random numbers of this ask: others after each result and each suggestion."""
    return np.random.default_rng([abs(seed), len(history), len(history.pending)])


def rounds_of(history: History) -> IntArray:
    """Which batch each experiment belongs to, as 0, 1, 2, ...; each its own where that is not known; shape (n,)."""
    if len(history.round) != len(history):
        return np.arange(len(history), dtype=np.int64)
    return np.unique(history.round, return_inverse=True)[1].reshape(-1).astype(np.int64)
