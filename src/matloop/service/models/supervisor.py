"""What stands over the workers: starts them, replaces those that die or hang, passes orders on, stops them.

It loads no library and no model, so that nothing can happen to it; all workers take connections from one socket.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from matloop.core import errors
from matloop.core.errors import MatloopError, RunError
from matloop.service.models.settings import Settings

logger = logging.getLogger(__name__)
START_S = 120.0
"""Seconds that a worker may need to be ready."""
SILENT_S = 30.0
"""Seconds without a sign of life after which a worker is replaced; on top of what a request may take."""
GRACE_S = 10.0
"""Seconds beyond those of one request that workers have to end by themselves."""
PAUSE_S = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds before a worker is replaced that died, by how many died before it without having been ready."""
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass(slots=True, eq=False)
class Worker:
    """One process. heard : when it gave a sign of life last. busy : seconds it has been answering what it answers."""

    name: str
    process: subprocess.Popen[str]
    heard: float = field(default_factory=time.monotonic)
    busy: float = 0.0
    ready: bool = False
    failed: MatloopError | None = None


class Supervisor:
    """Runs workers on one socket.

    Parameters
    ----------
    socket : bound; it listens for all workers.
    """

    def __init__(self, settings: Settings, listening: socket.socket) -> None:
        self.settings, self.socket = settings, listening
        self.models: list[dict[str, Any]] = []
        self.keys: list[list[str]] = []
        self._workers: list[Worker] = []
        self._events: queue.Queue[tuple[Worker, dict[str, Any] | None]] = queue.Queue()
        self._signals: list[int] = []
        self._failures = 0
        self._again: list[tuple[float, str]] = []
        self._shared = tempfile.TemporaryDirectory(prefix="matloop-serve-")
        (Path(self._shared.name) / "metrics").mkdir()

    def start(self) -> None:
        """Start the workers and wait until the first one is ready.

        Raises
        ------
        MatloopError : what the worker said, such as BundleError for a bundle that was changed. RunError : it died.
        """
        self._started("w0")
        until = time.monotonic() + START_S
        first = self._workers[0]
        while not first.ready:
            if not self._step(0.2, replace=False) and first.process.poll() is not None:
                self._step(0.5, replace=False)
                self.stop()
                raise first.failed or RunError(f"the worker ended ({first.process.returncode}); see above.")
            if time.monotonic() > until:
                self.stop()
                raise RunError(f"the worker was not ready after {START_S:g} s.")
        for number in range(1, self.settings.workers):
            self._started(f"w{number}")

    def run(self) -> None:
        """Work until SIGTERM or Ctrl-C; SIGHUP looks at bundles and keys again."""
        before = {number: signal.signal(number, self._caught) for number in (signal.SIGTERM, signal.SIGINT)}
        before[signal.SIGHUP] = signal.signal(signal.SIGHUP, self._caught)
        try:
            while not any(number != signal.SIGHUP for number in self._signals):
                if self._signals:
                    self._signals.clear()
                    self.tell({"do": "reload"})
                self._step(0.2, replace=True)
                self._watch()
        finally:
            self.stop()
            for number, handler in before.items():
                signal.signal(number, handler)

    def tell(self, order: Mapping[str, str], but: Worker | None = None) -> None:
        """Pass an order on to all workers."""
        for worker in self._workers:
            if worker is not but and worker.process.stdin is not None:
                try:
                    worker.process.stdin.write(json.dumps(dict(order)) + "\n")
                    worker.process.stdin.flush()
                except OSError:
                    logger.debug("worker %s is gone", worker.name)

    def stop(self) -> None:
        """End all workers: requests that are running are finished first."""
        for worker in self._workers:
            worker.process.terminate()
        until = time.monotonic() + self.settings.limits.seconds + GRACE_S
        for worker in self._workers:
            try:
                worker.process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
        self._workers = []
        self.socket.close()
        self._shared.cleanup()

    @property
    def pids(self) -> list[int]:
        """Of the workers that run now."""
        return [worker.process.pid for worker in self._workers if worker.process.poll() is None]

    def _caught(self, number: int, frame: FrameType | None) -> None:
        del frame
        self._signals.append(number)

    def _started(self, name: str) -> None:
        metrics = str(Path(self._shared.name) / "metrics")
        process = subprocess.Popen(
            [sys.executable, "-m", "matloop.service.models.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, encoding="utf-8", pass_fds=(self.socket.fileno(),), start_new_session=True,
            env={**os.environ, **dict.fromkeys(THREADS, "1"), "PROMETHEUS_MULTIPROC_DIR": metrics},
        )  # fmt: skip
        worker = Worker(name, process)
        self._workers.append(worker)
        threading.Thread(target=self._listen, args=(worker,), daemon=True).start()
        post = {"settings": asdict(self.settings), "shared": self._shared.name, "fd": self.socket.fileno(),
                "name": name}  # fmt: skip
        try:
            assert process.stdin is not None
            process.stdin.write(json.dumps(post) + "\n")
            process.stdin.flush()
        except OSError:
            logger.debug("worker %s is gone", name)

    def _listen(self, worker: Worker) -> None:
        assert worker.process.stdout is not None
        for line in worker.process.stdout:
            self._events.put((worker, json.loads(line)))
        worker.process.wait()
        self._events.put((worker, None))

    def _step(self, seconds: float, *, replace: bool) -> bool:
        """Take what a worker said; False if nobody said anything."""
        self._due()
        try:
            worker, said = self._events.get(timeout=seconds)
        except queue.Empty:
            return False
        if said is None:
            self._ended(worker, replace)
            return True
        worker.heard = time.monotonic()
        if "ready" in said:
            worker.ready, self._failures = True, 0
            self.models, self.keys = said["ready"], said["keys"]
        elif "failed" in said:
            kind = getattr(errors, said["kind"], RunError)
            worker.failed = kind(said["failed"])
        elif "order" in said:
            self.tell(said["order"], but=worker)
        worker.busy = said.get("alive", worker.busy)
        return True

    def _ended(self, worker: Worker, replace: bool) -> None:
        if worker not in self._workers or not replace:
            return
        self._workers.remove(worker)
        self._forget(worker.process.pid)
        if not worker.ready:
            self._failures += 1
        pause = PAUSE_S[min(self._failures, len(PAUSE_S) - 1)]
        why = f": {worker.failed}" if worker.failed else ""
        logger.warning("worker %s ended (%s)%s; it is replaced", worker.name, worker.process.returncode, why)
        self._again.append((time.monotonic() + pause, worker.name))

    def _due(self) -> None:
        now = time.monotonic()
        for entry in [entry for entry in self._again if entry[0] <= now]:
            self._again.remove(entry)
            self._started(entry[1])

    def _watch(self) -> None:
        """Kill workers that hang; they are replaced as others that died."""
        most = SILENT_S + self.settings.limits.seconds
        for worker in self._workers:
            silent = time.monotonic() - worker.heard
            if silent > (most if worker.ready else START_S) or worker.busy > most:
                logger.warning("worker %s does not answer any more", worker.name)
                worker.busy, worker.heard = 0.0, time.monotonic()
                worker.process.kill()

    def _forget(self, pid: int) -> None:
        """What a dead worker showed of the present moment (Prometheus) is over; what it counted stays."""
        for file in (Path(self._shared.name) / "metrics").glob(f"gauge_live*_{pid}.db"):
            file.unlink(missing_ok=True)
