"""The contract of a strategy: what every name in STRATEGIES must keep, also those of plug-ins.

from matloop.testing.strategy_contract import check_strategy
check_strategy("my_strategy", domain, goals)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.design.contract import Domain, History, Points, Strategy, Suggestions
from matloop.design.goals import Goal, read_goal
from matloop.design.strategies import STRATEGIES

SEED = 5
GOALS = (read_goal("maximise y"), read_goal("minimise z"))


def check_strategy(
    name: str, domain: Domain, goals: Sequence[Goal] = GOALS, options: Mapping[str, object] | None = None
) -> None:
    """Raise AssertionError with the rule that strategy `name` breaks on this domain; nothing is returned.

    Checked: as many as asked, allowed, different from each other, from the known and from the pending ones, each with a
    reason in words; the same history and seed give the same; input untouched; ask before any data, with everything
    failed, values missing, replicates, one row, equal values; a small domain with nothing left gives fewer.

    Parameters
    ----------
    goals : about the numbers "y" and "z", which the check makes up from the encoded points.
    """
    strategy: Strategy = STRATEGIES.load(name)(**(options or {}))
    for what, history in histories(domain).items():
        _check(strategy, domain, history, goals, what)
    _check_again(strategy, domain, goals)
    _check_used_up(strategy, domain, goals)


def told(domain: Domain, points: Points) -> dict[str, FloatArray]:
    """Made-up results of points: two targets that pull apart, smooth in the encoded points; {name: shape (n,)}."""
    X = np.nan_to_num(domain.encode(points))
    X = X / np.maximum(X.max(axis=0, initial=0.0), 1.0)
    return {"y": -((X - 0.7) ** 2).sum(axis=1), "z": ((X - 0.3) ** 2).sum(axis=1)}


def history_of(domain: Domain, points: Points, *, batch: int = 3) -> History:
    """A history in which the points were measured in batches."""
    n = len(points)
    return History(
        points,
        told(domain, points),
        np.zeros(n, bool),
        cost=np.ones(n),
        round=np.arange(n, dtype=np.int64) // batch,
        place=np.full(n, ""),
        pending=Points(np.zeros((0, len(domain.columns)))),
    )


def histories(domain: Domain) -> dict[str, History]:
    """Pasts that a strategy must stand, by what they are."""
    some = domain.sample(9, 1)
    usual = history_of(domain, some)
    n = len(some)
    gap = {target: np.where(np.arange(n) % 3 == 1, np.nan, value) for target, value in usual.values.items()}
    nothing = {target: np.full(n, np.nan) for target in usual.values}
    twice = history_of(domain, Points(np.vstack([some.values, some.values])))
    return {
        "before any data": history_of(domain, Points(some.values[:0])),
        "one row": history_of(domain, Points(some.values[:1])),
        "usual": usual,
        "with pending": replace(usual, pending=Points(domain.sample(12, 2).values[-3:])),
        "values missing": replace(usual, values=gap),
        "some failed": replace(usual, values=gap, failed=np.isnan(gap["y"])),
        "everything failed": replace(usual, values=nothing, failed=np.ones(n, bool)),
        "replicates": twice,
        "equal values": replace(usual, values={target: np.ones(n) for target in usual.values}),
    }


def _check(strategy: Strategy, domain: Domain, history: History, goals: Sequence[Goal], what: str) -> None:
    before = history.points.values.copy()
    suggested = strategy.suggest(domain, history, goals, 3, seed=SEED)
    points = suggested.points
    used = len(set(_keys(domain, history.points)) | set(_keys(domain, history.pending)))
    whole = domain.everything(1000)
    left = 3 if whole is None else min(3, len(whole) - used)
    _require(len(points) == left, what, f"as many as asked: {left} expected, {len(points)} given")
    _require(len(suggested.reasons) == len(points), what, "each suggestion has a reason")
    _require(all(len(reason.split()) > 2 for reason in suggested.reasons), what, "reasons are words")
    _require(bool(suggested.how), what, "it says what it did")
    _require(bool((domain.why_not(points) == "").all()), what, "only allowed points")
    keys = _keys(domain, points)
    _require(len(set(keys)) == len(keys), what, "no point twice")
    _require(not set(keys) & set(_keys(domain, history.pending)), what, "no point that is pending")
    _require(not set(keys) & set(_keys(domain, history.points)), what, "no point that is known")
    _check_foreseen(suggested, what)
    same = np.array_equal(history.points.values, before, equal_nan=True)
    _require(same, what, "the history is not changed")


def _check_foreseen(suggested: Suggestions, what: str) -> None:
    n = len(suggested.points)
    for foreseen in suggested.foreseen.values():
        shapes = {foreseen.value.shape, foreseen.low.shape, foreseen.high.shape}
        _require(shapes == {(n,)}, what, "foreseen values are one per suggestion")
        _require(bool((foreseen.low <= foreseen.high).all()), what, "an interval goes from low to high")
    if suggested.chance is not None:
        within = bool(((suggested.chance >= 0) & (suggested.chance <= 1)).all())
        _require(suggested.chance.shape == (n,) and within, what, "chances are from 0 to 1")


def _check_again(strategy: Strategy, domain: Domain, goals: Sequence[Goal]) -> None:
    history = histories(domain)["usual"]
    first = strategy.suggest(domain, history, goals, 4, seed=SEED)
    again = strategy.suggest(domain, history, goals, 4, seed=SEED)
    same = np.array_equal(first.points.values, again.points.values, equal_nan=True) and first.reasons == again.reasons
    _require(same, "twice", "the same history and seed give the same suggestions")
    one = strategy.suggest(domain, history, goals, 1, seed=SEED)
    _require(len(one.points) == 1, "one asked", "one is given")


def _check_used_up(strategy: Strategy, domain: Domain, goals: Sequence[Goal]) -> None:
    whole = domain.everything(1000)
    if whole is None:
        return
    for kept in (2, 0):
        history = history_of(domain, Points(whole.values[: len(whole) - kept]))
        suggested = strategy.suggest(domain, history, goals, 3, seed=SEED)
        _require(len(suggested.points) == kept, f"{kept} left", f"{len(suggested.points)} given")
        _require(len(suggested.reasons) == kept, f"{kept} left", "each suggestion has a reason")


def _keys(domain: Domain, points: Points) -> list[str]:
    return [str(key) for key in domain.keys(points)] if len(points) else []


def _require(kept: bool, what: str, rule: str) -> None:
    if not kept:
        raise AssertionError(f"{what}: {rule}")
