"""What a person types at the prompt, as parts of a plan: paths from where they stand become paths from the home."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matloop.monitor.retrain.plan import NewLabels, When


@dataclass(frozen=True, slots=True)
class Typed:
    """Parts of a plan."""

    labels: NewLabels
    when: When


def from_here(
    home: Path, tables: Sequence[str], *, log: str = "", time: str = "", corrections: bool = False, days: float = 0.0,
    rows: int = 50, dataset: str = "",
) -> Typed:  # fmt: skip
    """Where labels come from and when to train, with paths from the current folder turned into paths from `home`."""

    def seen_from_home(path: str) -> str:
        return Path(os.path.relpath(path, home)).as_posix() if path else ""

    same = "correction" if corrections else "replicate"
    place, sign, name = dataset.rpartition("#")
    to = dataset if "://" in place or not sign else f"{seen_from_home(place)}#{name}"
    labels = NewLabels(tuple(map(seen_from_home, tables)), seen_from_home(log), time, same, to)  # type: ignore[arg-type]
    return Typed(labels, When(labels=rows, days=days))
