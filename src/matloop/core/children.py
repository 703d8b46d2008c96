"""Child processes that can be killed: told and heard by parcels (a message and arrays), ended with their parent.

A child is `python -m MODULE`; its `main` begins with `serve()`. It has one thread per library, does not hear the
terminal's Ctrl-C, and whatever libraries print there is kept as last words for the case that it dies.
"""

from __future__ import annotations

import json
import math
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import Arrays

THREADS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "BLIS")
LEAST_GB = 0.75
"""Below, importing the libraries fails already."""
_CAUSES = {-9: "killed, probably out of memory", -11: "segmentation fault", -6: "aborted"}
_LAST_WORDS = 400  # characters of a dead child's standard error that are shown


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is sent: plain values, and arrays of numbers."""

    message: dict[str, Any]
    arrays: Arrays


def write_parcel(stream: IO[bytes], message: Mapping[str, Any], arrays: Mapping[str, NDArray] | None = None) -> None:
    """One line of JSON, then the bytes of the arrays."""
    blocks = {name: np.ascontiguousarray(array) for name, array in (arrays or {}).items()}
    kinds = [[name, array.dtype.str, np.shape((arrays or {})[name])] for name, array in blocks.items()]
    if any(array.dtype.kind not in "biuf" for array in blocks.values()):
        raise TypeError("a parcel holds arrays of numbers only")
    stream.write(json.dumps({"message": dict(message), "arrays": kinds}).encode() + b"\n")
    for array in blocks.values():
        stream.write(array.data if array.size else b"")
    stream.flush()


def read_parcel(stream: IO[bytes]) -> Parcel | None:
    """The next parcel, or None at the end (also in the middle of one: the sender died)."""
    line = stream.readline()
    if not line.endswith(b"\n"):
        return None
    head = json.loads(line)
    arrays: Arrays = {}
    for name, kind, shape in head["arrays"]:
        dtype = np.dtype(kind)
        content = stream.read(dtype.itemsize * math.prod(shape))
        if len(content) < dtype.itemsize * math.prod(shape):
            return None
        arrays[name] = np.frombuffer(content, dtype=dtype).reshape(shape)
    return Parcel(head["message"], arrays)


class Child:
    """A running child process, as its parent sees it.

    Parameters
    ----------
    module : what runs; it calls `serve`.
    news : where (child, parcel) is put for each answer, and (child, None) when it has ended.
    """

    def __init__(self, module: str, news: queue.Queue[tuple[Child, Parcel | None]]) -> None:
        self._complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the child
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            env=_environment(),
            **_apart(),
        )
        threading.Thread(target=self._relay, args=(news,), daemon=True).start()

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    def send(self, message: Mapping[str, Any], arrays: Mapping[str, NDArray] | None = None) -> None:
        """Give an order. If the child has died, nothing happens: the news of its end is on the way."""
        assert self.process.stdin is not None
        try:
            write_parcel(self.process.stdin, message, arrays)
        except BrokenPipeError:
            return

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self._complaints):
            if stream is not None:
                _close(stream)

    def epitaph(self) -> str:
        """Why the process ended, as far as can be known."""
        code = self.process.wait()
        self._complaints.seek(0)
        words = " ".join(self._complaints.read().decode("utf-8", "replace").split())[-_LAST_WORDS:]
        cause = _CAUSES.get(code, f"exit code {code}")
        return f"its process died ({cause})" + (f": {words}" if words else "")

    def _relay(self, news: queue.Queue[tuple[Child, Parcel | None]]) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            while (parcel := read_parcel(stream)) is not None:
                news.put((self, parcel))
        news.put((self, None))


def _close(stream: IO[bytes]) -> None:
    try:
        stream.close()
    except BrokenPipeError:
        return  # the process died with an unread order; there is nobody left to tell


def _apart() -> dict[str, Any]:
    """Children are no part of the terminal's process group: Ctrl-C reaches the parent alone."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"process_group": 0}


def _environment() -> dict[str, str]:
    """This process's environment with one thread per library and the same places to import from."""
    paths = [str(Path(entry).absolute()) for entry in sys.path]
    threads = {f"{name}_NUM_THREADS": "1" for name in THREADS}
    return {
        **os.environ,
        **threads,
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONHASHSEED": "0",
        "PYTHONIOENCODING": "utf-8",
    }


class Service:
    """The child's side: orders in, answers out."""

    def __init__(self, channel: IO[bytes], orders: queue.SimpleQueue[Parcel]) -> None:
        self._channel, self._orders = channel, orders

    def order(self) -> Parcel:
        """The next order; waits for it."""
        return self._orders.get()

    def answer(self, message: Mapping[str, Any], arrays: Mapping[str, NDArray] | None = None) -> None:
        """Send something back."""
        write_parcel(self._channel, message, arrays)


def serve() -> Service:
    """Become a child: deaf to Ctrl-C, silent, and gone when the parent is."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    orders: queue.SimpleQueue[Parcel] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(orders,), daemon=True).start()
    threading.Thread(target=_orphaned, args=(os.getppid(),), daemon=True).start()
    warnings.simplefilter("ignore")
    return Service(channel, orders)


def _listen(orders: queue.SimpleQueue[Parcel]) -> None:
    """Hand orders on; the end of standard input means that the parent is gone, so this process ends at once."""
    while (parcel := read_parcel(sys.stdin.buffer)) is not None:
        orders.put(parcel)
    os._exit(0)


def _orphaned(parent: int) -> None:
    """End with the parent also when somebody else still holds the other end of the pipe."""
    while os.getppid() == parent:
        time.sleep(2.0)
    os._exit(0)


def limit_memory(gigabytes: float | None) -> None:
    """Bound this process's own memory (heap and private maps); beyond, allocating fails. No bound on Windows."""
    if gigabytes is None or sys.platform == "win32":
        return
    import resource

    limit = int(gigabytes * 1e9)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
