"""The data sets that are known by name: where they are, what is in them, and what to cite."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal, get_args

from matloop.core.errors import ConfigError
from matloop.data.table import ColumnCard
from matloop.problem.fault import nearest, quoted

Family = Literal["matbench", "matminer", "jarvis"]


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One published data set.

    file : what it is called in a mirror and in the cache. sha256 : published hash of that file, "" where none is known.
    rows : about as many for JARVIS, exactly as many for the others. target : the column that is asked for (Matbench);
    classes : whether that is a class. columns : {name: unit and meaning}. licence : "" where none is stated. article :
    at figshare, which states an MD5 of its files; 0 where it is not known.
    """

    family: Family
    name: str
    title: str
    url: str
    file: str
    sha256: str
    rows: int
    target: str
    classes: bool
    columns: Mapping[str, ColumnCard]
    licence: str
    citation: str
    article: int = 0

    @property
    def source(self) -> str:
        """How it is named in a problem file: "matbench:matbench_steels"."""
        return f"{self.family}:{self.name}"


@lru_cache(maxsize=1)
def benchmarks() -> tuple[Benchmark, ...]:
    """All of them: Matbench, matminer, JARVIS, each by name."""
    made = [_card(entry) for entry in _written()["cards"]]
    return tuple(sorted(made, key=lambda card: (get_args(Family).index(card.family), card.name)))


def credit() -> str:
    """Whose work the list is."""
    return str(_written()["credit"])


def benchmark(name: str, family: str = "") -> Benchmark:
    """The data set of a name, with or without its family: "matbench:matbench_steels", "steels", "expt_gap", "dft_3d".

    Raises
    ------
    ConfigError : there is none; the message gives the nearest names.
    """
    before, colon, rest = name.partition(":")
    family, name = (before, rest) if colon else (family, name)
    known = [card for card in benchmarks() if not family or card.family in (family, _also(family))]
    for wanted in (name, f"matbench_{name}"):
        for card in known:
            if card.name == wanted:
                return card
    what = f"{family} data set" if family else "data set"
    short = {card.name.removeprefix("matbench_"): card.source for card in known}
    near = [short.get(one.removeprefix("matbench_"), one) for one in nearest(name, [*short, *(c.name for c in known)])]
    hint = f"Did you mean {' or '.join(map(quoted, dict.fromkeys(near)))}? " if near else ""
    raise ConfigError(f"there is no {what} called {name!r}. {hint}All of them: matloop data benchmarks")


def _also(family: str) -> str:
    return "matbench" if family == "matminer" else family  # matminer offers the sets of Matbench too


def _written() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(files("matloop.data.benchmarks").joinpath("cards.json").read_text("utf-8"))
    return found


def _card(entry: dict[str, Any]) -> Benchmark:
    columns = {name: ColumnCard(unit, meaning) for name, (unit, meaning) in entry.pop("columns").items()}
    return Benchmark(columns=columns, **entry)
