"""Replays side by side in processes of one thread each; what each does depends on its strategy and seed alone."""

from __future__ import annotations

import queue
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matloop.campaign.known import Known, open_known
from matloop.campaign.replay import Replayed
from matloop.campaign.stand_ins import StandIns, parted, stand_ins_of
from matloop.core.children import Child, Parcel
from matloop.core.jsonable import from_jsonable, to_jsonable
from matloop.design.goals import Goal
from matloop.problem.campaign import Fidelity
from matloop.problem.space import Space
from matloop.problem.space_toml import space_of, write_space

if TYPE_CHECKING:
    import pandas as pd

WORKER = "matloop.campaign.worker"


@dataclass(frozen=True, slots=True)
class Job:
    """What all replays of a simulation share."""

    table: pd.DataFrame
    goals: tuple[Goal, ...]
    parameters: tuple[str, ...]
    n: int
    batch: int
    space: Space | None = None
    fidelities: tuple[Fidelity, ...] = ()


def opened(job: Job) -> tuple[Known, StandIns | None]:
    """The problem of a job whose answer is known, and what stand-ins say of its designs where it has some."""
    if not job.fidelities:
        return open_known(job.table, job.goals, job.parameters, job.space), None
    experiments, others = parted(job.table, job.fidelities)
    known = open_known(experiments, job.goals, job.parameters, job.space)
    return known, stand_ins_of(known, others, job.fidelities)


def packed(job: Job) -> dict[str, Any]:
    """A job as a message."""
    columns = {str(name): _cells(job.table[name]) for name in job.table.columns}
    return {
        "columns": columns, "goals": to_jsonable(job.goals), "parameters": list(job.parameters), "n": job.n,
        "batch": job.batch, "space": "" if job.space is None else write_space(job.space),
        "fidelities": to_jsonable(job.fidelities),
    }  # fmt: skip


def unpacked(message: Mapping[str, Any]) -> Job:
    """The job of a message."""
    import numpy as np
    import pandas as pd

    columns = {
        name: np.array([np.nan if one is None else one for one in cells], dtype=float)
        if is_number
        else np.array(cells, dtype=object)
        for name, (is_number, cells) in message["columns"].items()
    }
    goals = tuple(from_jsonable(Goal, one) for one in message["goals"])
    space = space_of(tomllib.loads(message["space"])["space"]) if message["space"] else None
    fidelities = tuple(from_jsonable(Fidelity, one) for one in message["fidelities"])
    parameters = tuple(message["parameters"])
    return Job(pd.DataFrame(columns), goals, parameters, message["n"], message["batch"], space, fidelities)


def _cells(column: pd.Series) -> tuple[bool, list[Any]]:
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return True, to_jsonable(column.to_numpy(dtype=float, na_value=float("nan")))
    return False, [None if pd.isna(one) else str(one) for one in column]


def replay_all(job: Job, missing: Sequence[tuple[str, int]], workers: int) -> Iterator[Replayed]:
    """Each (strategy, seed) by one of `workers` processes, as they finish; one that dies costs its replay alone."""
    news: queue.Queue[tuple[Child, Parcel | None]] = queue.Queue()
    waiting = list(reversed(missing))
    busy: dict[Child, tuple[str, int]] = {}
    message = packed(job)

    def hire() -> None:
        child = Child(WORKER, news)
        child.send(message)
        busy[child] = waiting.pop()
        child.send({"strategy": busy[child][0], "seed": busy[child][1]})

    try:
        for _ in range(min(workers, len(waiting))):
            hire()
        while busy:
            child, parcel = news.get()
            if child not in busy:
                continue
            name, seed = busy.pop(child)
            if parcel is None:
                yield Replayed(name, seed, (), (), failure=child.epitaph())
                if waiting:
                    hire()
                continue
            yield from_jsonable(Replayed, parcel.message)
            if waiting:
                busy[child] = waiting.pop()
                child.send({"strategy": busy[child][0], "seed": busy[child][1]})
            else:
                child.kill()
    finally:
        for child in busy:
            child.kill()
