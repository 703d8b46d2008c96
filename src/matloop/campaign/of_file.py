"""A campaign file whose table of candidates holds the results already, as a problem whose answer is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from matloop.campaign.oracles.files import frame_of
from matloop.campaign.question import goals_of
from matloop.campaign.stand_ins import COLUMN
from matloop.core.errors import ConfigError, DataError
from matloop.data.collect import collect
from matloop.design.goals import Goal
from matloop.design.space.candidates import domain_of
from matloop.problem.campaign import Fidelity
from matloop.problem.campaign_toml import load_campaign
from matloop.problem.question import Source
from matloop.problem.space import Space

if TYPE_CHECKING:
    import pandas as pd


def of_campaign(
    path: Path, goals: Sequence[Goal] = ()
) -> tuple[str, pd.DataFrame, tuple[Goal, ...], Space, tuple[str, ...], tuple[Fidelity, ...]]:
    """What a simulation needs of a campaign file.

    Parameters
    ----------
    goals : take the place of those of the file.

    Returns
    -------
    source : what the table is called. table : the allowed candidates, a column per parameter and target, a row per
    measurement, and "fidelity" where the file has some. goals : in the units of the targets. space : how candidates are
    described; its limits are met. notes : how many rows the space does not allow. fidelities : of the file.

    Raises
    ------
    ConfigError : the file has no table of candidates, or is wrong. DataError : the table lacks a target.
    """
    problem = load_campaign(path)
    if not problem.space.candidates:
        raise ConfigError(
            f'{path}: a simulation needs known results. Name a table that holds them: candidates = "measured.csv".'
        )
    raw = collect(Source(problem.space.candidates), base=path.parent)
    units = {(target.column or target.name): target.unit for target in problem.targets}
    missing = [column for column in units if column not in raw.names]
    if missing:
        raise DataError(
            f"{problem.space.candidates}: there is no column {missing[0]!r} with results. "
            f"It has: {', '.join(raw.names)}."
        )
    frame = frame_of(raw, units).rename(columns={t.column: t.name for t in problem.targets if t.column})
    wanted = tuple(goals) or goals_of(problem)
    also = [COLUMN] if problem.fidelities and COLUMN in frame.columns else []
    domain = domain_of(frame, space=problem.space, without=[*(target.name for target in problem.targets), *also])
    names = [str(name) for name in domain.frame(domain.sample(1, 0)).columns]
    _, outside = domain.read(frame[names])
    columns = [*names, *dict.fromkeys(goal.target for goal in wanted), *also]
    kept = frame[columns][outside == ""].reset_index(drop=True)
    plain = replace(problem.space, constraints=(), without=())
    lost = len(frame) - len(kept)
    notes = (f"{lost:,} of {len(frame):,} rows are empty or not allowed by the space: they are no candidates.",)
    return problem.space.candidates, kept, wanted, plain, notes if lost else (), problem.fidelities
