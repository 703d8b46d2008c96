"""Replays in which cheap stand-ins are asked beside experiments; everything is counted by what it costs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from matloop.campaign.known import Known
from matloop.campaign.peers import strategy_named
from matloop.campaign.replay import Replayed, begun, grown, replay
from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import DataError
from matloop.design.contract import History, Strategy
from matloop.design.strategy.fidelities import SURROGATE, ByFidelity
from matloop.design.strategy.model import ModelBased
from matloop.problem.campaign import Fidelity
from matloop.problem.fault import did_you_mean, quoted

if TYPE_CHECKING:
    import pandas as pd

WITH = "fidelities"
"""The name of the strategy that asks stand-ins, beside others that make experiments only."""
COLUMN = "fidelity"


@dataclass(frozen=True, slots=True)
class StandIns:
    """What stand-ins say of the designs of a table.

    names, costs : of the experiment, then of ever cheaper ones. values : of these, {target: shape (n_designs,)}, NaN
    where there is none.
    """

    names: tuple[str, ...]
    costs: tuple[float, ...]
    values: tuple[dict[str, FloatArray], ...]


def parted(frame: pd.DataFrame, fidelities: Sequence[Fidelity]) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    """The rows of the experiment, and those of each stand-in, without the column "fidelity".

    Raises
    ------
    DataError : there is no such column, a name in it is not known, or there is no row of one.
    """
    names = [one.name for one in fidelities]
    if COLUMN not in frame.columns:
        raise DataError(f'the table has no column "{COLUMN}" that says what measured a row: {", ".join(names)}.')
    said = frame[COLUMN].fillna("").astype(str).str.strip().replace("", names[0])
    for row, name in enumerate(said):
        if name not in names:
            raise DataError(f'row {row + 1}, column "{COLUMN}": found {quoted(name)}. {did_you_mean(name, names)}')
    parts = [frame[said == name].drop(columns=COLUMN).reset_index(drop=True) for name in names]
    for name, part in zip(names, parts, strict=True):
        if part.empty:
            raise DataError(f"the table has no row of the fidelity {quoted(name)}. Delete it, or add rows.")
    return parts[0], parts[1:]


def stand_ins_of(known: Known, parts: Sequence[pd.DataFrame], fidelities: Sequence[Fidelity]) -> StandIns:
    """What each stand-in said of the designs, the mean of replicates; of designs without an experiment nothing."""
    names = [str(name) for name in known.domain.frame(known.points.take([0])).columns]
    values = []
    for part in parts:
        points, _ = known.domain.read(part[names])
        place = np.array([known.keys.get(str(key), -1) for key in known.domain.keys(points)])
        values.append({goal.target: _means(part, goal.target, place, len(known)) for goal in known.goals})
    return StandIns(tuple(one.name for one in fidelities), tuple(one.cost for one in fidelities), tuple(values))


def _means(part: pd.DataFrame, target: str, place: IntArray, n: int) -> FloatArray:
    told = part[target].to_numpy(dtype=np.float64, na_value=np.nan)
    use = np.isfinite(told) & (place >= 0)
    count = np.bincount(place[use], minlength=n)
    total = np.bincount(place[use], told[use], minlength=n)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def one_replay(
    known: Known, own: Strategy | None, stand_ins: StandIns | None, *, name: str, seed: int, n: int, batch: int
) -> Replayed:
    """A replay of the strategy called `name` (`own` where it is the caller's); of `WITH` by cost."""
    if stand_ins is None or name != WITH:
        return replay(known, own or strategy_named(name), name=name, seed=seed, n=n, batch=batch)
    return by_cost(known, stand_ins, seed=seed, n=n, batch=batch)


def by_cost(
    known: Known, stand_ins: StandIns, *, seed: int, n: int, batch: int, beat: Callable[[int], None] | None = None
) -> Replayed:
    """Let stand-ins be asked beside experiments until all has cost what `n` experiments cost.

    Row k of the answer is the experiment that was made when as much was spent as k + 1 experiments cost, -1 where none
    was: so its curves lie beside those of strategies that make experiments only.
    """
    strategy = ByFidelity(stand_ins.names, stand_ins.costs, ModelBased(surrogate=SURROGATE))
    history, spent, seconds, how = begun(known), 0.0, [], ""
    history = replace(history, level=np.zeros(0, np.int64))
    rows, tried = [-1] * n, np.zeros(0, dtype=np.int64)
    while True:
        start = time.perf_counter()
        said = strategy.suggest(known.domain, history, known.goals, batch, seed=seed)
        seconds.append(time.perf_counter() - start)
        how = said.how or how
        levels = np.zeros(len(said.points), np.int64) if said.level is None else said.level
        kept, designs = [], []
        for row, key in enumerate(known.domain.keys(said.points) if len(said.points) else ()):
            price = stand_ins.costs[levels[row]] / stand_ins.costs[0]
            if str(key) in known.keys and spent + price <= n * (1 + 1e-9):
                spent += price
                kept.append(row)
                designs.append(known.keys[str(key)])
                if levels[row] == 0:
                    rows[min(math.ceil(spent - 1e-9), n) - 1] = designs[-1]
        if not kept:
            break
        at, which = levels[kept], np.array(designs, dtype=np.int64)
        history = _grown(known, stand_ins, history, which, at, tried, seed)
        tried = np.concatenate([tried, which[at == 0]])
        if beat is not None:
            beat(len(tried))
    return Replayed(WITH, seed, tuple(rows), tuple(seconds), how)


def _grown(
    known: Known, stand_ins: StandIns, history: History, designs: IntArray, at: IntArray, tried: IntArray, seed: int
) -> History:
    """The history with what a batch gave."""
    real = at == 0
    measured = known.told(designs[real], seed, tried)
    told = {}
    for goal in known.goals:
        column = np.full(len(designs), np.nan)
        column[real] = measured[goal.target]
        for level in np.unique(at[~real]):
            column[at == level] = stand_ins.values[level - 1][goal.target][designs[at == level]]
        told[goal.target] = column
    return replace(grown(known, history, designs, told), level=np.concatenate([history.level, at]))
