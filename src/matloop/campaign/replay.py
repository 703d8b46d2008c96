"""One strategy on a table whose answers are known, from the first batch to the last."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from matloop.campaign.known import Known
from matloop.core.arrays import FloatArray, IntArray
from matloop.design.contract import History, Points, Strategy


@dataclass(frozen=True, slots=True)
class Replayed:
    """Which designs were tried, in order.

    rows : shape (n,), fewer where nothing was left to try; -1 where what an experiment costs went to stand-ins.
    seconds : of each `suggest`. how : what the strategy said of its last batch. failure : why it could not go on; empty
    where it could.
    """

    strategy: str
    seed: int
    rows: tuple[int, ...]
    seconds: tuple[float, ...]
    how: str = ""
    failure: str = ""


def first_batch(known: Known, n: int, seed: int) -> IntArray:
    """`n` different designs drawn alike: every strategy with this seed begins with them."""
    return np.random.default_rng([seed, 0]).permutation(len(known))[:n].astype(np.int64)


def replay(
    known: Known, strategy: Strategy, *, name: str, seed: int, n: int, batch: int,
    beat: Callable[[int], None] | None = None,
) -> Replayed:  # fmt: skip
    """Let `strategy` choose until `n` experiments are made, in whole batches.

    Parameters
    ----------
    beat : told the number of experiments after each batch.
    """
    designs = first_batch(known, min(batch, len(known)), seed)
    history = begun(known)
    seconds: list[float] = []
    how = ""
    tried = np.zeros(0, dtype=np.int64)
    while len(designs):
        history = _batched(history, grown(known, history, designs, known.told(designs, seed, tried)))
        tried = np.concatenate([tried, designs])
        if beat is not None:
            beat(len(tried))
        if len(tried) >= n or len(np.unique(tried)) == len(known):
            break
        start = time.perf_counter()
        suggested = strategy.suggest(known.domain, history, known.goals, batch, seed=seed)
        seconds.append(time.perf_counter() - start)
        how = suggested.how
        designs = _which(known, suggested.points)
    return Replayed(name, seed, tuple(tried[:n].tolist()), tuple(seconds), how)


def _which(known: Known, points: Points) -> IntArray:
    """The designs that points are; a point that the table does not have is passed over."""
    found = [known.keys.get(str(key), -1) for key in known.domain.keys(points)] if len(points) else []
    return np.array([one for one in found if one >= 0], dtype=np.int64)


def begun(known: Known) -> History:
    """Nothing is known yet."""
    nothing: FloatArray = np.zeros(0)
    targets = [goal.target for goal in known.goals]
    return History(
        known.points.take(np.zeros(0, dtype=np.int64)), dict.fromkeys(targets, nothing), np.zeros(0, dtype=bool),
        dict.fromkeys(targets, nothing), pending=known.points.take(np.zeros(0, dtype=np.int64)),
    )  # fmt: skip


def grown(known: Known, history: History, designs: IntArray, told: Mapping[str, FloatArray]) -> History:
    """The history with what was told of some designs: {target: shape (n,)}, NaN where nothing came of it."""
    joined = np.concatenate
    return replace(
        history,
        points=Points(joined([history.points.values, known.points.take(designs).values])),
        values={name: joined([history.values[name], told[name]]) for name in told},
        errors={name: joined([history.errors[name], np.full(len(designs), np.nan)]) for name in told},
        failed=joined([history.failed, np.all([np.isnan(values) for values in told.values()], axis=0)]),
    )


def _batched(history: History, more: History) -> History:
    """`more`, with what its new rows cost, their round and their place."""
    n, joined = len(more) - len(history), np.concatenate
    number = int(history.round.max()) + 1 if len(history.round) else 0
    return replace(
        more,
        cost=joined([history.cost, np.ones(n)]),
        round=joined([history.round, np.full(n, number, dtype=np.int64)]),
        place=joined([history.place, np.full(n, "", dtype=np.str_)]),
    )
