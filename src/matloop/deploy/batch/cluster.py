"""Chunks answered by a Dask cluster. Its workers need matloop of the same release, and nothing else: the bundle and the
rows are sent to them, so that no folder has to be shared.
"""

from __future__ import annotations

import queue
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from matloop.core.arrays import Arrays
from matloop.core.children import Parcel
from matloop.core.errors import MatloopError, RunError
from matloop.core.optional import require
from matloop.core.release import release
from matloop.deploy.answering import Answerer
from matloop.deploy.batch.crew import Columns, Done, Job, files_of, raised
from matloop.deploy.batch.parcels import (
    answers,
    layout_of,
    packed_answers,
    packed_columns,
    unpacked_answers,
    unpacked_columns,
)
from matloop.deploy.batch.worker import opened

PATIENCE = 30.0
"""Seconds to wait for the scheduler to answer, and for a first worker."""
_AHEAD = 2
_TICK = 2.0  # seconds between looks at whether the scheduler is still there, and how many workers it has
_KEPT = 4  # bundles that a worker keeps open
Message = Mapping[str, Any]
Sent = tuple[dict[str, Any], Arrays]

_open: OrderedDict[str, Answerer] = OrderedDict()
_opening = threading.Lock()


class Cluster:
    """The workers of a scheduler."""

    def __init__(self, job: Job, address: str) -> None:
        distributed = require("distributed", extra="dask")
        self._job, self._lost_by = job, (distributed.KilledWorker, distributed.CancelledError)
        place = address.replace("dask://", "tcp://", 1)
        try:
            self._client = distributed.Client(place, timeout=PATIENCE, set_as_default=False, name="matloop")
            self._client.wait_for_workers(1, timeout=PATIENCE)
        except (OSError, TimeoutError) as error:
            raise RunError(
                f"{address}: no scheduler with workers answers within {PATIENCE:.0f} s ({error or 'time is over'}). "
                "Start them (dask scheduler; dask worker tcp://HOST:8786 --nthreads 1), or correct the address."
            ) from error
        self._news: queue.Queue[tuple[str, Any]] = queue.Queue()
        # a task that gives it, not scattered data: those would be gone with the last worker that held them
        self._bundle = self._client.submit(same, files_of(Path(job.bundle)), pure=False)
        self._told = {**asdict(job.layout), "folder": "", "identity": job.identity, "release": release()}
        self._futures: dict[str, Any] = {}
        self._threads, self._looked = 1, -_TICK
        self._most = 0

    @property
    def said(self) -> str:
        """Who worked, in words."""
        return f"{self._most} threads of a Dask cluster"

    def room(self) -> int:
        self._look()
        return _AHEAD * self._threads - len(self._futures)

    def give(self, key: str, columns: Columns) -> None:
        parcel = packed_columns(columns)
        future = self._client.submit(
            answered, self._bundle, self._told, (parcel.message, parcel.arrays), pure=False, retries=0, priority=0
        )
        self._futures[key] = future
        future.add_done_callback(lambda ended: self._news.put((key, ended)))

    def take(self) -> Done:
        while True:
            try:
                key, future = self._news.get(timeout=_TICK)
            except queue.Empty:
                self._look()
                continue
            if self._futures.pop(key, None) is None:
                continue
            if future.status == "finished":
                message, arrays = future.result()
                if "error" in message:
                    raise raised(message)
                return Done(key, unpacked_answers(Parcel(message, arrays)))
            error = future.exception() if future.status == "error" else None
            if error is not None and not isinstance(error, self._lost_by):
                raise RunError(
                    f"a worker of the cluster cannot predict: {type(error).__name__}: {error}. It needs matloop "
                    f"{release()} with what the bundle needs."
                ) from error
            self._refuse_silence()
            return Done(key, None, "the workers that had it were lost", blamed=future.status == "error")

    def close(self) -> None:
        for future in self._futures.values():
            future.cancel()
        self._client.close()

    def _look(self) -> None:
        if time.monotonic() - self._looked < _TICK:
            return
        self._refuse_silence()
        self._threads = max(sum(self._client.nthreads().values()), 1)
        self._most, self._looked = max(self._most, self._threads), time.monotonic()

    def _refuse_silence(self) -> None:
        if self._client.status != "running":
            raise RunError("the scheduler of the cluster is gone. Finished parts are kept: start it again and run the "
                           "same command.")  # fmt: skip


def same(files: dict[str, bytes]) -> dict[str, bytes]:
    """On a worker: the files of the bundle, as they were sent."""
    return files


def answered(bundle: Mapping[str, bytes], told: Message, rows: Sent) -> Sent:
    """On a worker: the answers of some rows, or the error that stands for them."""
    try:
        if told["release"] != release():
            raise RunError(
                f"a worker of the cluster has matloop {release()}, this is {told['release']}. Install the same."
            )
        found = packed_answers(
            answers(_answerer(bundle, told["identity"]), unpacked_columns(Parcel(*rows)), layout_of(told))
        )
        return found.message, found.arrays
    except MatloopError as error:
        return {"error": type(error).__name__, "said": str(error)}, {}


def _answerer(bundle: Mapping[str, bytes], identity: str) -> Answerer:
    """The opened bundle, kept for the next chunk."""
    with _opening:
        if identity not in _open:
            with tempfile.TemporaryDirectory(prefix="matloop-") as folder:
                for name, content in bundle.items():
                    (Path(folder) / name).write_bytes(content)
                _open[identity] = opened(folder, identity)
            while len(_open) > _KEPT:
                _open.popitem(last=False)
        return _open[identity]
