"""Telling the person at the screen how far things are; silent unless somebody listens."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Whoever wants to know: a progress bar, a log, a page."""

    def step(self, name: str) -> None:
        """A step of the walk begins ("collect", "clean", ...); the one before it is done."""
        ...

    def tell(self, text: str, done: float | None = None) -> None:
        """What happens within the step ("best so far: 121 uV/K"); `done` is the share of it in [0, 1], if known."""
        ...


class Silent:
    """Nobody listens."""

    def step(self, name: str) -> None:
        del name

    def tell(self, text: str, done: float | None = None) -> None:
        del text, done


SILENT = Silent()
"""The default wherever a `Progress` is asked for."""
