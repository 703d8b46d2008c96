"""A program that is run and ended with everything it started, and never by a shell."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MOST_OUTPUT = 4_000_000
"""Bytes of standard output that are read; an answer is far smaller."""
LAST_WORDS = 300


@dataclass(frozen=True, slots=True)
class Ran:
    """What a program did: exit code (None where it was ended for its time), its output and last complaints."""

    code: int | None
    output: str
    complaints: str
    seconds: float


def run_program(arguments: Sequence[str], text: str, *, seconds: float, folder: Path) -> Ran:
    """Run a program with `text` on its standard input in `folder`; after `seconds` it and its children are killed.

    Raises
    ------
    OSError : it cannot be started.
    """
    start = time.monotonic()
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(text.encode())
        given.seek(0)
        process = subprocess.Popen(
            list(arguments), stdin=given, stdout=out, stderr=err, cwd=folder, close_fds=True, **_apart()
        )
        code: int | None
        try:
            code = process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end(process)
        out.seek(0)
        err.seek(0)
        output = out.read(MOST_OUTPUT).decode("utf-8", "replace")
        complaints = " ".join(err.read(MOST_OUTPUT).decode("utf-8", "replace").split())[-LAST_WORDS:]
    return Ran(code, output, complaints, time.monotonic() - start)


if sys.platform == "win32":  # pragma: no cover - the tests run on POSIX

    def _end(process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait()

    def _apart() -> dict[str, Any]:
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
else:

    def _end(process: subprocess.Popen[bytes]) -> None:
        """End whatever is left of the program's group: also children that outlived it."""
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        finally:
            process.wait()

    def _apart() -> dict[str, Any]:
        return {"process_group": 0}
