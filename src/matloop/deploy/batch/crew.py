"""Who answers the chunks of a batch: this process, children of it, or (see `cluster`) a Dask cluster."""

from __future__ import annotations

import os
import queue
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from matloop.core import errors
from matloop.core.children import Child, Parcel
from matloop.core.errors import ConfigError, MatloopError, RunError
from matloop.deploy.answering import Answers
from matloop.deploy.batch.parcels import Layout, answers, packed_columns, unpacked_answers
from matloop.deploy.batch.worker import opened

Columns = Mapping[str, Any]
_AHEAD = 2  # orders per child: the next one is there when it has finished one


@dataclass(frozen=True, slots=True)
class Job:
    """What every chunk has in common."""

    bundle: str
    identity: str
    layout: Layout


@dataclass(frozen=True, slots=True)
class Done:
    """What became of an order: its answers, or None where who worked on it died, and how.

    blamed : whether it was being worked on then; an order that only waited is lost without being the cause.
    """

    key: str
    found: Answers | None
    why: str = ""
    blamed: bool = True


class Crew(Protocol):
    """Whoever answers."""

    @property
    def said(self) -> str:
        """Who works, in words."""
        ...

    def room(self) -> int:
        """How many more orders it wants now."""
        ...

    def give(self, key: str, columns: Columns) -> None:
        """Order the answers of some rows."""
        ...

    def take(self) -> Done:
        """The next order that ended, in any order; waits for it.

        Raises
        ------
        MatloopError : what a worker raised. RunError : there is nobody left to work.
        """
        ...

    def close(self) -> None:
        """End everybody who was started for this."""
        ...


class Here:
    """This process, one order at a time."""

    said = "this process"

    def __init__(self, job: Job) -> None:
        self._answerer, self._job = opened(job.bundle, job.identity), job
        self._orders: deque[tuple[str, Columns]] = deque()

    def room(self) -> int:
        return 1 - len(self._orders)

    def give(self, key: str, columns: Columns) -> None:
        self._orders.append((key, columns))

    def take(self) -> Done:
        key, columns = self._orders.popleft()
        return Done(key, answers(self._answerer, columns, self._job.layout))

    def close(self) -> None:
        return


@dataclass(slots=True, eq=False)
class _Worker:
    child: Child
    ready: bool = False
    keys: deque[str] = field(default_factory=deque)


class Children:
    """Child processes with one thread each; one that dies is replaced."""

    def __init__(self, job: Job, workers: int) -> None:
        self._job, self._n = job, workers
        self._news: queue.Queue[tuple[Child, Parcel | None]] = queue.Queue()
        self._team: list[_Worker] = [self._hired() for _ in range(workers)]
        self._lost: deque[Done] = deque()
        self.said = f"{workers} processes"

    def room(self) -> int:
        return _AHEAD * self._n - sum(len(worker.keys) for worker in self._team)

    def give(self, key: str, columns: Columns) -> None:
        worker = min(self._team, key=lambda one: len(one.keys))
        worker.keys.append(key)
        parcel = packed_columns(columns)
        worker.child.send({**parcel.message, "key": key}, parcel.arrays)

    def take(self) -> Done:
        while not self._lost:
            child, parcel = self._news.get()
            worker = next((one for one in self._team if one.child is child), None)
            if worker is None:
                continue  # the end of one that was replaced
            if parcel is None:
                self._bury(worker)
            elif "error" in parcel.message:
                raise raised(parcel.message)
            elif "ready" in parcel.message:
                worker.ready = True
            else:
                worker.keys.remove(parcel.message["key"])
                return Done(parcel.message["key"], unpacked_answers(parcel))
        return self._lost.popleft()

    def close(self) -> None:
        for worker in self._team:
            worker.child.kill()

    def _hired(self) -> _Worker:
        child = Child("matloop.deploy.batch.worker", self._news)
        child.send({"bundle": self._job.bundle, "identity": self._job.identity, **asdict(self._job.layout)})
        return _Worker(child)

    def _bury(self, worker: _Worker) -> None:
        why = worker.child.epitaph()
        worker.child.kill()
        if not worker.ready:
            raise RunError(f"a process that predicts cannot start: {why}. Use fewer workers, or free some memory.")
        self._lost.extend(Done(key, None, why, k == 0) for k, key in enumerate(worker.keys))
        self._team[self._team.index(worker)] = self._hired()


def cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def raised(message: Mapping[str, Any]) -> MatloopError:
    """The error that a worker told of."""
    kind = getattr(errors, message["error"], RunError)
    found: MatloopError = kind(message["said"])
    return found


def hire(job: Job, *, backend: str, workers: int) -> Crew:
    """Who is to work.

    Parameters
    ----------
    backend : "processes", or the address of a scheduler ("dask://host:8786"). workers : processes; 0 for one per core.

    Raises
    ------
    ConfigError : no such backend, or fewer than no workers. MissingExtra : dask is not installed. RunError : nobody
        answers at the address.
    """
    if workers < 0:
        raise ConfigError(f"workers = {workers}: there can be 1 or more; 0 is one per core.")
    if backend.startswith(("dask://", "tcp://", "tls://")):
        from matloop.deploy.batch.cluster import Cluster

        return Cluster(job, backend)
    if backend != "processes":
        raise ConfigError(f'backend {backend!r} is not known. It is "processes", or an address such as '
                          '"dask://scheduler:8786".')  # fmt: skip
    workers = workers or cores()
    return Here(job) if workers == 1 else Children(job, workers)


def files_of(bundle: Path) -> dict[str, bytes]:
    """The files of a bundle, for workers that do not see its folder."""
    return {path.name: path.read_bytes() for path in sorted(bundle.iterdir()) if path.is_file()}
