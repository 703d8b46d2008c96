"""What `matloop data benchmarks` and `matloop data fetch` say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from matloop.core.errors import ConfigError
from matloop.core.progress import SILENT, Progress
from matloop.data.benchmarks.cards import Benchmark, Family, benchmark, benchmarks, credit
from matloop.data.benchmarks.obtain import is_cached, obtain
from matloop.data.benchmarks.source import table_of
from matloop.problem.fault import did_you_mean


@dataclass(frozen=True, slots=True)
class Entry:
    """One data set of the list. hash : who states one: "published", "figshare" or "none"."""

    source: str
    title: str
    rows: int
    target: str
    unit: str
    licence: str
    citation: str
    file: str
    url: str
    hash: str
    cached: bool


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The data sets that are known by name."""

    entries: tuple[Entry, ...]
    credit: str
    details: bool = False

    def lines(self) -> list[str]:
        """For the screen: one line each, or all that is known of one."""
        if self.details:
            return [line for entry in self.entries for line in _details(entry)]
        head = ("source", "rows", "target", "licence", "cached", "title")
        rows = [head, *(_row(entry) for entry in self.entries)]
        widths = [max(len(row[k]) for row in rows) for k in range(5)]
        table = ["  ".join([*(row[k].ljust(widths[k]) for k in range(5)), row[5]]) for row in rows]
        return [*table, "", "What to cite, and more: matloop data benchmarks NAME. Fetch one: matloop data fetch NAME."]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A data set whose file is here. by : who states its hash."""

    source: str
    path: Path
    sha256: str
    by: str
    rows: int
    columns: tuple[str, ...]
    citation: str
    licence: str

    def lines(self) -> list[str]:
        """For the screen."""
        shown = ", ".join(self.columns[:12]) + (" ..." if len(self.columns) > 12 else "")
        return [
            f"{self.path}: sha256 {self.sha256[:16]}..., "
            + (f"as stated by {self.by}" if self.by else "nobody states another one to compare it with"),
            f"{self.rows:,} rows: {shown}",
            f"licence: {self.licence or 'none is stated: look at the source before passing the data on'}",
            f"cite: {self.citation}",
            f'Use it as a table: source = "{self.source}", or matloop init {self.source}',
        ]


def catalogue(names: Sequence[str] = (), family: str = "") -> Catalogue:
    """All data sets (of a family), or those of some names with all that is known.

    Raises
    ------
    ConfigError : no such family or name.
    """
    if family and family not in get_args(Family):
        raise ConfigError(f"there is no family {family!r}. {did_you_mean(family, get_args(Family))}")
    cards = [benchmark(name, family) for name in names] or [c for c in benchmarks() if family in ("", c.family)]
    return Catalogue(tuple(_entry(card) for card in cards), credit(), details=bool(names))


def fetch(name: str, *, mirror: str = "", progress: Progress = SILENT) -> Fetched:
    """Have the file of a data set here, compare its hash, and read it once.

    Raises
    ------
    ConfigError : no such data set. DataError, RunError : it cannot be had or read; the message says what to do.
    """
    card = benchmark(name)
    progress.step("fetching")
    file = obtain(card, mirror=mirror, progress=progress)
    progress.step("reading")
    table = table_of(card, file, progress=progress)
    licence = table.provenance.licence
    return Fetched(card.source, file.path, file.sha256, file.by, len(table), table.names, card.citation, licence)


def _entry(card: Benchmark) -> Entry:
    column = card.columns.get(card.target)
    return Entry(
        card.source, card.title, card.rows, card.target, column.unit if column else "", card.licence, card.citation,
        card.file, card.url, "published" if card.sha256 else "figshare" if card.article else "none", is_cached(card),
    )  # fmt: skip


def _row(entry: Entry) -> tuple[str, ...]:
    about = "~" if entry.source.startswith("jarvis:") else ""
    target = f"{entry.target} ({entry.unit})" if entry.unit else entry.target
    title = entry.title if len(entry.title) <= 76 else entry.title[:73].rsplit(" ", 1)[0] + " ..."
    licence = entry.licence or "-"
    return (entry.source, f"{about}{entry.rows:,}", target, licence, "yes" if entry.cached else "", title)


def _details(entry: Entry) -> list[str]:
    card = benchmark(entry.source)
    columns = [f"    {name}{f' ({one.unit})' if one.unit else ''}: {one.meaning}" for name, one in card.columns.items()]
    return [
        f"{entry.source}: {entry.title}",
        f"  rows: {'about ' if card.family == 'jarvis' else ''}{entry.rows:,}",
        f"  licence: {entry.licence or 'none is stated'}",
        f"  cite: {entry.citation}",
        f"  file: {entry.file} from {entry.url}",
        f"  hash: {card.sha256 or {'figshare': 'MD5 by figshare', 'none': 'nobody states one'}[entry.hash]}",
        f"  cached: {'yes' if entry.cached else 'no'}",
        *(["  columns:"] * bool(columns)),
        *columns,
    ]
