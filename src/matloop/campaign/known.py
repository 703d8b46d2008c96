"""A table in which everything is measured already, as a problem whose answer is known."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matloop.campaign.merits import top_designs
from matloop.core.arrays import BoolArray, FloatArray, IntArray, frozen
from matloop.core.errors import ConfigError, DataError
from matloop.design.contract import Domain, Points
from matloop.design.goals import Goal
from matloop.design.space.candidates import domain_of
from matloop.problem.space import Space

if TYPE_CHECKING:
    import pandas as pd

TOP = 0.05
"""Share of the designs that counts as "the best": Liang et al. (2021), doi:10.1038/s41524-021-00656-9."""


@dataclass(frozen=True, slots=True)
class Known:
    """Designs with all that was measured of them.

    Attributes
    ----------
    domain, points : the designs, shape (n_designs, ...), each different. keys : shape (n_designs,), of `domain`.
    goals : what is wanted. measured : {target: shape (n_designs, most replicates)}, NaN where there are fewer or the
        experiment failed. mean : {target: shape (n_designs,)}.
    worth : shape (n_designs,), more is better; -inf where a goal with an end is missed or the experiment failed.
    is_top : shape (n_designs,), the best 5 %. unit : of the worth; empty where it is none of a target.
    digest : hash of the table and the goals.
    """

    domain: Domain
    points: Points
    keys: dict[str, int]
    goals: tuple[Goal, ...]
    measured: dict[str, FloatArray]
    mean: dict[str, FloatArray]
    worth: FloatArray
    is_top: BoolArray
    n_rows: int
    digest: str

    def __len__(self) -> int:
        return len(self.worth)

    @property
    def open_goal(self) -> Goal | None:
        """The one goal without an end, if there is exactly one."""
        found = [goal for goal in self.goals if goal.is_open]
        return found[0] if len(found) == 1 else None

    def told(self, designs: IntArray, seed: int, earlier: IntArray) -> dict[str, FloatArray]:
        """What a laboratory would report: of each design one of its replicates, drawn by `seed` and by how often the
        design was measured before, so that every strategy with this seed sees the same."""
        n_seen = np.array(
            [int((earlier == one).sum() + (designs[:place] == one).sum()) for place, one in enumerate(designs)]
        )
        found = {}
        for target, values in self.measured.items():
            column = np.full(len(designs), np.nan)
            for place, design in enumerate(designs):
                have = values[design][np.isfinite(values[design])]
                if len(have):
                    # one draw for all targets: where all are there, they were measured on the same sample
                    drawn = np.random.default_rng([seed, int(design), int(n_seen[place])]).random()
                    column[place] = have[int(drawn * len(have))]
            found[target] = column
        return found


def designs_of(
    table: pd.DataFrame, goals: Sequence[Goal], parameters: Sequence[str] = ()
) -> tuple[pd.DataFrame, IntArray]:
    """The different designs of a table, in the order of their first row, and the design of each row.

    Raises
    ------
    DataError : a target or parameter is no column of the table, or nothing is left to vary.
    """
    targets = [goal.target for goal in goals]
    names = list(parameters) or [str(name) for name in table.columns if str(name) not in targets]
    if both := [name for name in names if name in targets]:
        raise DataError(f"{both[0]!r} is a target: it is what an experiment gives, not what can be chosen.")
    for name in (*targets, *names):
        if name not in table.columns:
            raise DataError(f"the table has no column {name!r}. It has: {', '.join(map(str, table.columns))}.")
    if not names:
        raise DataError("the table has no column beside the targets: there is nothing to choose from.")
    groups = np.asarray(table.groupby(names, sort=False, dropna=False).ngroup(), dtype=np.int64)
    first = np.unique(groups, return_index=True)[1]
    return table[names].iloc[first].reset_index(drop=True), groups


def open_known(
    frame: pd.DataFrame, goals: Sequence[Goal], parameters: Sequence[str] = (), space: Space | None = None
) -> Known:
    """The table as a problem whose answer is known; the designs are the candidates, described as `space` says."""
    designs, _ = designs_of(frame, goals, parameters)
    return known_of(frame, goals, domain_of(designs, space=space), parameters)


def known_of(table: pd.DataFrame, goals: Sequence[Goal], domain: Domain, parameters: Sequence[str] = ()) -> Known:
    """The problem whose answer a table holds.

    Parameters
    ----------
    table : a column per parameter and target, a row per measurement; an empty target means that it failed.
    domain : of which the designs are points.

    Raises
    ------
    DataError : columns are missing, a target holds no numbers, a design is outside the domain, or all are
        alike.
    """
    designs, groups = designs_of(table, goals, parameters)
    points, outside = domain.read(designs)
    if (outside != "").any():
        row = int(np.flatnonzero(outside != "")[0])
        raise DataError(f"design {row + 1} of the table is outside the space: {outside[row]}")
    n_most = int(np.bincount(groups).max())
    measured = {goal.target: _replicates(table, goal.target, groups, n_most) for goal in goals}
    mean = {target: _mean(values) for target, values in measured.items()}
    worth = worth_of(mean, goals)
    if len(np.unique(worth[np.isfinite(worth)])) < 2:
        raise DataError("all designs of the table are equally good, or none meets the goals: there is nothing to find.")
    keys = {str(key): place for place, key in enumerate(domain.keys(points))}
    return Known(
        domain, points, keys, tuple(goals), measured, mean, frozen(worth), frozen(top_designs(worth, TOP)),
        len(table), _digest(designs, measured, goals),
    )  # fmt: skip


def _mean(values: FloatArray) -> FloatArray:
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(axis=1)
    return np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), np.nan)


def _replicates(table: pd.DataFrame, target: str, groups: IntArray, n_most: int) -> FloatArray:
    try:
        values = table[target].to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"column {target!r} holds what is no number ({error}). Correct it, or leave cells empty."
        ) from error
    found = np.full((int(groups.max()) + 1, n_most), np.nan)
    order = np.argsort(groups, kind="stable")
    place = np.arange(len(groups)) - np.searchsorted(groups[order], groups[order])
    found[groups[order], place] = values[order]
    if not np.isfinite(found).any():
        raise DataError(f"column {target!r} holds no finite number.")
    return found


def worth_of(values: dict[str, FloatArray], goals: Sequence[Goal]) -> FloatArray:
    """One number per design: the open goal's value (signed) where all goals with an end are met, else -inf; without an
    open goal how far the windows are missed, in standard deviations of the targets (0: all are met). With several open
    goals minus the number of designs that are better in all of them (0: on the Pareto front)."""
    wrong = [goal.text for goal in goals if goal.sense == "class"]
    if wrong:
        raise ConfigError(f"the goal {wrong[0]!r} asks for a class; a replay needs goals about numbers.")
    missed = np.zeros(len(next(iter(values.values()))))
    for goal in goals:
        if not goal.is_open:
            found = values[goal.target]
            apart = np.maximum(goal.low - found, 0.0) + np.maximum(found - goal.high, 0.0)
            missed = missed + apart / (float(np.nanstd(found)) or 1.0)
    wanted = np.array([goal.sign * values[goal.target] for goal in goals if goal.is_open])
    absent = np.isnan(missed)
    if not len(wanted):
        return np.where(absent, -np.inf, -missed)
    absent |= np.isnan(wanted).any(axis=0) | (missed > 0)
    if len(wanted) == 1:
        return np.where(absent, -np.inf, wanted[0])
    allowed = np.where(absent, -np.inf, wanted)
    return np.where(absent, -np.inf, -_n_better(allowed))


def _n_better(wanted: FloatArray, chunk: int = 256) -> FloatArray:
    """How many others are at least as good in every goal and better in one; shape (n,)."""
    counts = np.zeros(wanted.shape[1])
    for start in range(0, wanted.shape[1], chunk):
        mine = wanted[:, start : start + chunk, None]
        others = wanted[:, None, :]
        counts[start : start + chunk] = ((others >= mine).all(axis=0) & (others > mine).any(axis=0)).sum(axis=1)
    return counts


def _digest(designs: pd.DataFrame, measured: dict[str, FloatArray], goals: Sequence[Goal]) -> str:
    found = hashlib.sha256(designs.to_json(orient="split", double_precision=15).encode())
    for target, values in sorted(measured.items()):
        found.update(target.encode() + np.ascontiguousarray(values).tobytes())
    found.update("\n".join(f"{g.target} {g.sense} {g.low!r} {g.high!r}" for g in goals).encode())
    return found.hexdigest()[:16]
