"""One writer at a time for a file, on every system."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from matloop.core.errors import RunError

if sys.platform == "win32":  # pragma: no cover - the tests run on POSIX
    import msvcrt

    def _try(stream: IO[bytes]) -> None:
        stream.seek(0)
        msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)

    def _free(stream: IO[bytes]) -> None:
        stream.seek(0)
        msvcrt.locking(stream.fileno(), msvcrt.LK_UNLCK, 1)
else:
    import fcntl

    def _try(stream: IO[bytes]) -> None:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _free(stream: IO[bytes]) -> None:
        fcntl.flock(stream, fcntl.LOCK_UN)


@contextmanager
def locked(stream: IO[bytes], *, patience: float, busy: str) -> Iterator[None]:
    """Hold the exclusive lock of an open file; it is freed at the end, also when the process dies.

    Parameters
    ----------
    patience : seconds to wait for another holder.
    busy : what to say when it is still held then.

    Raises
    ------
    RunError : another process held the lock all the time.
    """
    until = time.monotonic() + patience
    while True:
        try:
            _try(stream)
            break
        except OSError as error:
            if time.monotonic() >= until:
                raise RunError(busy) from error
            time.sleep(0.02)
    try:
        yield
    finally:
        _free(stream)
