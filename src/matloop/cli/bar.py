"""How far a run is: a bar with the best so far and the time left on a terminal, else a line for each step."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from matloop.core.progress import SILENT
from matloop.core.progress import Progress as Listener


@contextmanager
def listener(*, quiet: bool, stream: TextIO | None = None) -> Iterator[Listener]:
    """Whom to tell: nobody, a bar (terminal), or plain lines (a log, a pipe)."""
    stream = stream or sys.stderr
    if quiet:
        yield SILENT
    elif stream.isatty():
        with Bar(stream) as bar:
            yield bar
    else:
        yield Lines(stream)


class Lines:
    """A line when a step begins, and one when it tells something new; at most one telling in ten seconds."""

    def __init__(self, stream: TextIO, every: float = 10.0) -> None:
        self._stream = stream
        self._every = every
        self._begun = self._told = time.monotonic()

    def step(self, name: str) -> None:
        self._write(name)
        self._told = time.monotonic()

    def tell(self, text: str, done: float | None = None) -> None:
        if time.monotonic() - self._told >= self._every:
            self._told = time.monotonic()
            self._write(f"  {text}" + (f" ({done:.0%} done)" if done is not None else ""))

    def _write(self, text: str) -> None:
        self._stream.write(f"[{clock(time.monotonic() - self._begun):>6}] {text}\n")
        self._stream.flush()


class Bar:
    """A bar for the running step; finished steps stay above it with the time they took."""

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream)
        self._progress = Progress(
            SpinnerColumn(), TextColumn("{task.description:<10}"), BarColumn(bar_width=24), TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"), TextColumn("{task.fields[text]}", markup=False),
            console=self._console, transient=True,
        )  # fmt: skip
        self._task = self._progress.add_task("start", total=None, left="", text="")
        self._name = ""
        self._begun = time.monotonic()

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        if kind is None:
            self._ended()
        self._progress.stop()

    def step(self, name: str) -> None:
        self._ended()
        self._name, self._begun = name, time.monotonic()
        self._progress.reset(self._task, description=name, total=None, left="", text="")

    def tell(self, text: str, done: float | None = None) -> None:
        took = time.monotonic() - self._begun
        left = f"{clock(took * (1 - done) / done)} left" if done is not None and 0.02 < done < 1 and took > 2 else ""
        total = None if done is None else 1.0
        self._progress.update(self._task, completed=done or 0.0, total=total, text=text, left=left)

    def _ended(self) -> None:
        if self._name:
            took = clock(time.monotonic() - self._begun)
            self._console.print(f"  {self._name:<10} {took:>6}", highlight=False, markup=False)


def clock(seconds: float) -> str:
    """`75` as `1:15`, `3.24` as `3.2s`."""
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
