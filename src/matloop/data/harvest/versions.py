"""From kept pages to a version of a dataset, and the same again without a network, bit for bit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain as joined
from pathlib import Path
from typing import Any, Literal

from matloop.core.errors import DataError
from matloop.core.files import write_text
from matloop.core.release import release
from matloop.data.harvest.chains import Chain, from_json, to_json
from matloop.data.harvest.dialects import dialect_of
from matloop.data.harvest.harvest import facts_kept
from matloop.data.harvest.mapping import identity
from matloop.data.harvest.responses import Kept, Response
from matloop.data.store.store import Store
from matloop.data.store.values import Origin, Record, Version

MOST = 1000
"""Entries with a reason that are remembered; all are counted."""
MAPPING = 2
"""How answers become records: 1 called PBE+U of every database the same, 2 says whose values of U were used."""
_ONCE = {"PBE+U (MP)": "PBE+U", "PBE+U (OQMD)": "PBE+U"}
FOLDER = "versions"
Mode = Literal["replace", "whole"]


@dataclass(slots=True)
class Account:
    """What became of the entries of one database. aside, partial : (id, reason), as in `Entries`."""

    records: int = 0
    twice: int = 0
    n_aside: int = 0
    n_partial: int = 0
    aside: list[tuple[str, str]] = field(default_factory=list)
    partial: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Stored:
    """A version, and whether it is new; False where all was there already."""

    version: Version
    new: bool


@dataclass(frozen=True, slots=True)
class Made:
    """How a version came about: what is needed to make it again. base : the version before, 0 for none. mapping : see
    `MAPPING`."""

    dataset: str
    number: int
    base: int
    fingerprint: str
    mode: Mode
    chains: tuple[Chain, ...]
    message: str
    author: str
    matloop: str
    mapping: int = 1


def records_of(chain: Chain, kept: Kept, account: Account, mapping: int = MAPPING) -> Iterator[Record]:
    """The records of the pages that came, in their order; of an entry that came twice the newest one.

    Parameters
    ----------
    mapping : that of the matloop which made the version, where it is made again.

    Raises
    ------
    DataError : a kept answer is missing or damaged.
    """
    order, facts, dialect = chain.order, facts_kept(chain, kept), dialect_of(chain.order.provider)
    newest = _newest(chain)
    for number in sorted(chain.steps):
        step = chain.steps[number]
        page = dialect.read_page(Response(step.url, 200, {}, kept.body(step.sha256), step.sha256, step.retrieved))
        place = {identity(entry): i for i, entry in enumerate(page.entries)}
        entries = [
            entry for i, entry in enumerate(page.entries)
            if (called := identity(entry)) not in newest or (newest[called] == number and place[called] == i)
        ]  # fmt: skip
        account.twice += len(page.entries) - len(entries)
        origin = Origin(retrieved=step.retrieved, sha256=step.sha256, place=f"page {number + 1}")
        found = dialect.read_entries(entries, order.provider, facts, origin)
        _noted(account, found.aside, found.partial)
        for record in found.records:
            if order.limit and account.records >= order.limit:
                return
            account.records += 1
            yield record if mapping >= MAPPING else _as_once(record)


def _as_once(record: Record) -> Record:
    """A record with the names of methods that the first mapping gave."""
    named = tuple(replace(one, method=_ONCE.get(one.method, one.method)) for one in record.properties)
    return replace(record, properties=named)


def _newest(chain: Chain) -> dict[str, int]:
    """{id of an entry that came more than once: the page that counts}."""
    found: dict[str, int] = {}
    for step in sorted(chain.steps.values(), key=lambda one: (one.retrieved, one.number)):
        found.update(dict.fromkeys(step.again, step.number))
    return found


def _noted(account: Account, aside: Sequence[tuple[str, str]], partial: Sequence[tuple[str, str]]) -> None:
    account.n_aside += len(aside)
    account.n_partial += len(partial)
    account.aside += aside[: max(MOST - len(account.aside), 0)]
    account.partial += partial[: max(MOST - len(account.partial), 0)]


# ---- storing ----


def store_version(
    store: Store, dataset: str, chains: Sequence[Chain], kept: Kept, *, accounts: Sequence[Account],
    mode: Mode = "replace", message: str = "", author: str = "",
) -> Stored | None:  # fmt: skip
    """Put the records of chains into a dataset as one version, and write down how it came about.

    Returns
    -------
    the version, the latest one where nothing changed; None where there is no record and no dataset.
    """
    latest = next((card.version for card in store.datasets() if card.name == dataset), None)
    before = latest.number if latest else 0
    records = _all(chains, kept, accounts)
    first = next(records, None)
    if first is None:
        return Stored(latest, False) if latest else None
    version = store.add(dataset, joined([first], records), mode=mode, base=before, message=message, author=author)
    path = _path(kept.folder, store.place, dataset, version.number)
    if version.number > before or not path.exists():
        base = before if version.number > before else version.number - 1
        made = Made(dataset, version.number, base, version.fingerprint, mode, tuple(chains), version.message,
                    version.author, release(), MAPPING)  # fmt: skip
        write_text(path, json.dumps(_made_to_json(made), ensure_ascii=False, indent=1))
    return Stored(version, version.number > before)


def _all(chains: Sequence[Chain], kept: Kept, accounts: Sequence[Account], mapping: int = MAPPING) -> Iterator[Record]:
    for one, account in zip(chains, accounts, strict=True):
        yield from records_of(one, kept, account, mapping)


def _path(folder: Path, place: str, dataset: str, number: int) -> Path:
    store = re.sub(r"[^A-Za-z0-9_.-]+", "-", place.rsplit("/", 1)[-1])
    return folder / FOLDER / store / f"{dataset}@{number}.json"


def _made_to_json(made: Made) -> dict[str, Any]:
    plain = {name: getattr(made, name) for name in made.__slots__ if name != "chains"}
    return {**plain, "chains": [to_json(one) for one in made.chains]}


def made_versions(folder: Path, place: str, dataset: str, number: int) -> tuple[Made, ...]:
    """How a version and all before it came about, the first one first.

    Parameters
    ----------
    number : of the version, 0 for the latest one that was harvested.

    Raises
    ------
    DataError : one of them was not harvested, or its file is damaged.
    """
    if number == 0:
        there = _path(folder, place, dataset, 1).parent.glob(f"{dataset}@*.json")
        numbers = [int(path.stem.rpartition("@")[2]) for path in there if path.stem.rpartition("@")[2].isdigit()]
        number = max(numbers, default=1)
    found: list[Made] = []
    while number > 0:
        found.append(_read_made(_path(folder, place, dataset, number), dataset, number))
        number = found[-1].base
    return tuple(reversed(found))


def _read_made(path: Path, dataset: str, number: int) -> Made:
    try:
        data = json.loads(path.read_text("utf-8"))
        chains = tuple(from_json(one) for one in data.pop("chains"))
        return Made(chains=chains, **data)
    except FileNotFoundError as error:
        raise DataError(
            f"{path}: is not there, so version {number} of {dataset!r} was not harvested into this store (or the kept "
            "answers lie elsewhere: --cache). Only versions that were harvested, one on the other, can be made again."
        ) from error
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(f"{path}: is damaged ({type(error).__name__}: {error}). Restore it from a copy.") from error


def make_again(made: Sequence[Made], kept: Kept, store: Store, dataset: str) -> Iterator[tuple[Made, Version]]:
    """The versions again, from kept answers alone, in an empty dataset of another store; each with what it is now.

    Raises
    ------
    DataError : a kept answer is missing or damaged.
    """
    for one in made:
        accounts = [Account() for _ in one.chains]
        yield (
            one,
            store.add(
                dataset,
                _all(one.chains, kept, accounts, one.mapping),
                mode=one.mode,
                message=one.message,
                author=one.author,
            ),
        )
