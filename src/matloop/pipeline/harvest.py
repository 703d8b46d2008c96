"""What the commands do with databases: list them, search them, harvest them into a dataset, make a version again."""

from __future__ import annotations

import asyncio
import json
import logging
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from matloop.core.errors import ConfigError, DataError, MatloopError
from matloop.core.files import write_atomic
from matloop.core.jsonable import to_jsonable
from matloop.core.progress import SILENT, Progress
from matloop.data.harvest.addresses import host_of, local_hosts, parsed, shown
from matloop.data.harvest.chains import Chain, Journal, Order
from matloop.data.harvest.dialects import dialect_of
from matloop.data.harvest.fetch import Fetcher, Policy, run
from matloop.data.harvest.filters import Filter, checked_filter, foreign
from matloop.data.harvest.harvest import Walked, walk_all
from matloop.data.harvest.mapping import Facts
from matloop.data.harvest.providers import INTERFACES, Provider, chosen_providers, known_providers, listed_providers
from matloop.data.harvest.proxies import proxy_setting
from matloop.data.harvest.responses import FetchError, Kept
from matloop.data.harvest.versions import Account, Mode, Stored, made_versions, make_again, records_of, store_version
from matloop.data.store.address import Address, address
from matloop.data.store.interchange import record_to_json
from matloop.data.store.store import Store, open_store
from matloop.data.store.values import Origin, Record

logger = logging.getLogger(__name__)
PARTIAL = 9
"""Exit code where something is missing: a database or a page did not answer."""
SHOWN = 10


@dataclass(frozen=True, slots=True)
class Manners:
    """How servers are treated, as a command line says it. rate : requests per second, 0 for that of each database.

    allow_local : databases that were named by an address may lie in the local network. megabytes : of one answer.
    """

    rate: float = 0.0
    seconds: float = 60.0
    tries: int = 5
    pause: float = 1.0
    megabytes: float = 100.0
    allow_local: bool = False

    def policy(self, providers: Sequence[Provider]) -> Policy:
        """For these databases."""
        if min(self.rate, self.seconds - 1e-9, self.tries - 1, self.megabytes - 1e-9) < 0:
            raise ConfigError("rates, seconds, tries and megabytes are positive numbers.")
        urls = [one.url for one in providers]
        slowest: dict[str, float] = {}
        for one in providers:
            name = host_of(parsed(one.url)).name
            slowest[name] = min(slowest.get(name, one.rate), one.rate)
        return Policy(
            rate=self.rate or 2.0, rates={} if self.rate else slowest, seconds=self.seconds, tries=self.tries,
            pause=self.pause, most_bytes=int(self.megabytes * 1e6),
            allow_local=local_hosts(urls) if self.allow_local else False, proxy=proxy_setting(),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Told:
    """What one database gave. state : "complete", "partial" or "refused"; why : where it is not complete."""

    name: str
    state: str
    why: str
    pages: int
    asked: int
    records: int
    announced: int | None
    twice: int
    skipped: tuple[tuple[str, str], ...]
    aside: tuple[tuple[str, str], ...]
    n_aside: int
    partial: tuple[tuple[str, str], ...]
    n_partial: int
    notes: tuple[str, ...]
    seconds: float

    def lines(self) -> list[str]:
        """For the screen."""
        announced = f" of {self.announced:,}" if self.announced is not None and self.announced != self.records else ""
        kept = self.pages - self.asked
        pages = f"{self.pages:,} pages" + (f" ({kept:,} of them kept from before)" if kept else "")
        said = [f"{self.name}: {self.state}, {self.records:,}{announced} records, {pages}, {self.seconds:.1f} s"]
        said += [f"    {self.why}"] if self.why else []
        said += [f"    {note}" for note in self.notes]
        if self.twice:
            said.append(f"    {self.twice:,} entries came twice (pages changed meanwhile): the newest is kept")
        said += _listed("pages did not come", self.skipped, len(self.skipped))
        said += _listed("entries are no records", self.aside, self.n_aside)
        said += _listed("records are not whole", self.partial, self.n_partial)
        return said


def _listed(what: str, found: Sequence[tuple[str, str]], n: int) -> list[str]:
    if not n:
        return []
    more = [f"        ... and {n - SHOWN:,} more (--json lists them)"] if n > SHOWN else []
    return [f"    {n:,} {what}:", *(f"        {name}: {why}" for name, why in found[:SHOWN]), *more]


@dataclass(frozen=True, slots=True)
class Harvested:
    """What a harvest gave: where it is now, and what each database gave."""

    place: str
    stored: Stored | None
    told: tuple[Told, ...]
    said: tuple[str, ...]
    seconds: float

    @property
    def records(self) -> int:
        return sum(one.records for one in self.told)

    @property
    def state(self) -> str:
        """ "complete", or "partial" where a database or a page did not answer, or none of its entries is a record."""
        whole = all(one.state == "complete" and (one.records or not one.n_aside) for one in self.told)
        return "complete" if whole else "partial"

    @property
    def exit_code(self) -> int:
        return 0 if self.state == "complete" else PARTIAL

    def lines(self) -> list[str]:
        """For the screen."""
        said = [*self.said, *(line for one in self.told for line in one.lines())]
        if self.stored is not None:
            v = self.stored.version
            counts = (
                f"{v.added:,} added, {v.changed:,} changed, {v.removed:,} removed, "
                if self.stored.new
                else "as it was, "
            )
            said.append(
                f"{self.place}#{v.dataset}@{v.number}: {counts}{v.n_records:,} in all; fingerprint {v.fingerprint}"
            )
        elif self.records:
            said.append(f"{self.records:,} records written to {self.place}")
        else:
            said.append("there is no record to store")
        end = "" if self.state == "complete" else ": the same call goes on with what is missing"
        return [*said, f"{self.state}, {self.seconds:.1f} s{end}"]

    def as_json(self) -> dict[str, Any]:
        """For a program."""
        return {
            "place": self.place, "state": self.state, "exit_code": self.exit_code, "records": self.records,
            "version": to_jsonable(self.stored.version if self.stored else None),
            "new": bool(self.stored and self.stored.new), "databases": to_jsonable(self.told), "said": list(self.said),
            "seconds": self.seconds,
        }  # fmt: skip


def harvest(
    filter_text: str, to: str, *, source: str, limit: int = 0, fields: str = "", manners: Manners | None = None,
    refresh: bool = False, offline: bool = False, whole: bool = False, cache: Path | None = None,
    providers: str = "", message: str = "", author: str = "", progress: Progress = SILENT,
) -> Harvested:  # fmt: skip
    """Records of databases that fulfil a filter of OPTIMADE, as a new version of a dataset or a file of JSON lines.

    Every page is kept before the next is asked for; the same call goes on where an earlier one was stopped.

    Parameters
    ----------
    to : "STORE#DATASET", or a file that ends in .jsonl. source : names of databases or addresses, separated by commas.
    limit : records of each, at most; 0 for all. fields : further ones of the databases, or "all". refresh : ask for
    everything again. offline : use only what is kept. whole : take out records of the dataset that the databases do
    not have (any more); not done where something is missing. cache : folder of journals and kept answers, beside the
    store by default. providers : a list of databases instead of the known ones (file or address of /links).

    Raises
    ------
    ConfigError : the filter has a mistake (shown where), a database is not known, an address is not asked.
    DataError : what is kept is damaged. RunError : the disk is full; the same call goes on once there is room.
    """
    begun = time.monotonic()
    manners = manners or Manners()
    asked = checked_filter(filter_text)
    if whole and limit:
        raise ConfigError(
            "--whole takes out what the databases do not have, and --limit leaves much of it: choose one."
        )
    folder, where = _places(to, cache)
    known = _known(providers, manners)
    chosen = chosen_providers(source, known)
    if not offline:
        for one in chosen:
            dialect_of(one).ready(asked.text)
    wanted = tuple(name.strip() for name in fields.split(",") if name.strip())
    orders = [Order(one, asked.text, limit, wanted) for one in chosen]
    progress.step("harvest")
    walked = _offline(orders, folder) if offline else _walked(orders, folder, manners, refresh, progress)
    chains = [one.chain for one in walked]
    accounts = [Account() for _ in chains]
    progress.step("store")
    kept = Kept(folder)
    done = all(chain.state == "complete" for chain in chains)
    said = [*asked.said, *_foreign(asked, chosen)]
    if whole and not done:
        said.append("something is missing, so no record was taken out of the dataset")
    stored = None
    if where is None:
        place = to
        _written(Path(to), chains, kept, accounts)
    else:
        mode: Mode = "whole" if whole and done else "replace"
        with open_store(where.place) as store:
            place = store.place
            told = message or _message(asked, chains)
            stored = store_version(
                store, where.dataset, chains, kept, accounts=accounts, mode=mode, message=told, author=author
            )
    told_of = tuple(_told(one, account) for one, account in zip(walked, accounts, strict=True))
    return Harvested(place, stored, told_of, tuple(said), time.monotonic() - begun)


def _places(to: str, cache: Path | None) -> tuple[Path, Address | None]:
    """The folder of kept answers, and the dataset (None: a file)."""
    if "#" not in to:
        if not to.endswith(".jsonl"):
            raise ConfigError(f"{to}: write STORE#DATASET (materials.db#oxides), or a file that ends in .jsonl")
        return cache or Path(f"{to}.harvest"), None
    where = address(to, dataset=True)
    if where.version or not where.query.everything:
        raise ConfigError(f"{to}: a new version is made by what is harvested. Write {where.place}#{where.dataset}")
    return cache or cache_of(where.place), where


def cache_of(place: str) -> Path:
    """Where answers are kept by default: beside the file of a store, in the present folder for a server."""
    return Path("matloop.harvest") if "://" in place else Path(f"{Path(place).expanduser()}.harvest")


def _walked(
    orders: Sequence[Order], folder: Path, manners: Manners, refresh: bool, progress: Progress
) -> tuple[Walked, ...]:
    policy = manners.policy([one.provider for one in orders])

    async def work() -> tuple[Walked, ...]:
        async with Fetcher(folder, policy) as fetch:
            return await walk_all(orders, fetch, folder, again=refresh, progress=progress)

    return run(work())


def _offline(orders: Sequence[Order], folder: Path) -> tuple[Walked, ...]:
    chains = [Journal(folder, one).read() for one in orders]
    missing = [one.order.provider.name for one in chains if not one.steps]
    if missing:
        raise DataError(
            f"{folder}: nothing of this filter is kept from {', '.join(missing)}. Harvest without --offline first."
        )
    return tuple(Walked(one, 0.0, 0) for one in chains)


def _foreign(asked: Filter, chosen: Sequence[Provider]) -> list[str]:
    found = {one.name: foreign(asked.properties, one.prefix) for one in chosen if one.prefix}
    return [f"{name} does not know {', '.join(names)}: it may refuse, or find nothing" for name, names in found.items()
            if names]  # fmt: skip


def _message(asked: Filter, chains: Sequence[Chain]) -> str:
    parts = [f"{one.order.provider.name} ({one.state or 'stopped'})" for one in chains]
    return f"harvest of {asked.text or 'everything'} from {', '.join(parts)}"


def _written(out: Path, chains: Sequence[Chain], kept: Kept, accounts: Sequence[Account]) -> None:
    def fill(stream: BinaryIO) -> None:
        for chain, account in zip(chains, accounts, strict=True):
            for record in records_of(chain, kept, account):
                text = json.dumps(record_to_json(record), ensure_ascii=False, allow_nan=False)
                stream.write(text.encode() + b"\n")

    write_atomic(out, fill)


def _told(walked: Walked, account: Account) -> Told:
    chain = walked.chain
    gaps = tuple((shown(gap.url), gap.why) for gap in chain.gaps.values())
    return Told(
        chain.order.provider.name, chain.state or "partial", chain.why, len(chain.steps), walked.asked, account.records,
        chain.returned, account.twice, gaps, tuple(account.aside), account.n_aside, tuple(account.partial),
        account.n_partial, tuple(chain.notes), walked.seconds,
    )  # fmt: skip


# ---- which databases ----


@dataclass(frozen=True, slots=True)
class Databases:
    """Databases that can be asked."""

    known: tuple[Provider, ...]

    def lines(self) -> list[str]:
        widths = [max(len(getattr(one, name)) for one in self.known) for name in ("name", "licence")]
        return [
            f"{one.name:<{widths[0]}}  {one.licence or '-':<{widths[1]}}  {one.title}  {one.url}" for one in self.known
        ]


def databases(providers: str = "", manners: Manners | None = None) -> Databases:
    """The databases that can be named after --from; `providers` reads another list (file or address of /links)."""
    known = tuple(_known(providers, manners or Manners()))
    return Databases(known if providers else (*known, *INTERFACES))


def _known(providers: str, manners: Manners) -> Sequence[Provider]:
    if not providers:
        return known_providers()
    hosts = local_hosts([providers]) if manners.allow_local and "://" in providers else False
    policy = Policy(seconds=manners.seconds, tries=2, allow_local=hosts, proxy=proxy_setting())

    async def work() -> list[Provider]:
        async with Fetcher(None, policy) as fetch:
            answer = (await fetch.get(providers)).json() if "://" in providers else _read(providers)
            indices = listed_providers(answer, "external")
            inner = await asyncio.gather(*(_children(fetch, one) for one in indices))
        return [*listed_providers(answer, "child"), *(one for some in inner for one in some)]

    found = run(work())
    if not found:
        raise DataError(f"{providers}: leads to no database that has an address.")
    return found


def _read(place: str) -> Any:
    try:
        return json.loads(Path(place).expanduser().read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{place}: is no list of databases ({error}). Give an answer of /links.") from error


async def _children(fetch: Fetcher, one: Provider) -> Sequence[Provider]:
    """The databases that an index leads to; nothing where it does not answer, which is said."""
    try:
        found = listed_providers((await fetch.get(f"{one.url}/links")).json(), "child")
    except MatloopError as error:
        logger.warning("%s is left out: %s", one.name, error)
        return []
    alone = len(found) == 1
    return [
        replace(two, name=one.name if alone or two.name == one.name else f"{one.name}.{two.name}", prefix=one.name)
        for two in found
    ]


# ---- looking without storing ----


@dataclass(frozen=True, slots=True)
class Hits:
    """What one database has. count : records that fulfil the filter, None if it does not say; why : it gave nothing."""

    name: str
    count: int | None
    records: tuple[Record, ...]
    why: str = ""


@dataclass(frozen=True, slots=True)
class Search:
    """What databases have, without storing it."""

    hits: tuple[Hits, ...]
    said: tuple[str, ...] = field(default=())

    @property
    def exit_code(self) -> int:
        return PARTIAL if any(one.why for one in self.hits) else 0

    def lines(self) -> list[str]:
        said = list(self.said)
        for one in self.hits:
            count = "an unknown number of" if one.count is None else f"{one.count:,}"
            said.append(f"{one.name}: {one.why}" if one.why else f"{one.name}: {count} records")
            said += [f"    {_short(record)}" for record in one.records]
        return said

    def as_json(self) -> dict[str, Any]:
        return {
            "databases": [
                {
                    "name": one.name,
                    "count": one.count,
                    "why": one.why,
                    "records": list(map(record_to_json, one.records)),
                }
                for one in self.hits
            ],
            "said": list(self.said),
        }


def _short(record: Record) -> str:
    sites = f"{len(record.structure.coordinates)} sites" if record.structure is not None else "no structure"
    values = [
        f"{one.name} {one.value:.6g} {one.unit}".rstrip() for one in record.properties[:4]
        if isinstance(one.value, float | int) and not isinstance(one.value, bool)
    ]  # fmt: skip
    return "  ".join(filter(None, [record.key, record.formula, sites, *values]))


def search(
    filter_text: str, *, source: str, show: int = 5, manners: Manners | None = None, providers: str = ""
) -> Search:
    """How many records of databases fulfil a filter, and the first of them; nothing is stored.

    Raises
    ------
    ConfigError : the filter has a mistake (shown where), a database is not known.
    """
    manners = manners or Manners()
    asked = checked_filter(filter_text)
    chosen = chosen_providers(source, _known(providers, manners))

    async def work() -> tuple[Hits, ...]:
        async with Fetcher(None, manners.policy(chosen)) as fetch:
            return tuple(await asyncio.gather(*(_hits(fetch, one, asked, show) for one in chosen)))

    return Search(run(work()), (*asked.said, *_foreign(asked, chosen)))


async def _hits(fetch: Fetcher, provider: Provider, asked: Filter, show: int) -> Hits:
    dialect = dialect_of(provider)
    try:
        dialect.ready(asked.text)
        url = dialect.first_url(provider, asked.text, page=max(show, 1))
        response = await dialect.get(fetch, url, dialect.read_page)
    except (FetchError, ConfigError) as error:
        return Hits(provider.name, None, (), str(error))
    page = dialect.read_page(response)
    origin = Origin(retrieved=response.retrieved, sha256=response.sha256)
    found = dialect.read_entries(page.entries[:show], provider, Facts(), origin)
    return Hits(provider.name, page.returned, found.records)


# ---- again without a network ----


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A version that was made again from kept answers.

    fingerprint, expected : of its content, now and when it was harvested. n_same : records that are equal to the last
    bit, origins included, to those of the store; None where the store has no such version.
    """

    place: str
    dataset: str
    number: int
    n_records: int
    fingerprint: str
    expected: str
    n_same: int | None
    matloop: str

    @property
    def equal(self) -> bool:
        return self.fingerprint == self.expected and self.n_same in (None, self.n_records)

    @property
    def exit_code(self) -> int:
        return 0 if self.equal else DataError.exit_code

    def as_json(self) -> dict[str, Any]:
        return {**to_jsonable(self), "equal": self.equal}

    def lines(self) -> list[str]:
        said = [f"{self.dataset}@{self.number}: {self.n_records:,} records from kept answers -> {self.place}"]
        said.append(
            f"fingerprint {self.fingerprint}, {'as it was' if self.fingerprint == self.expected else 'NOT as it was'}"
        )
        if self.fingerprint != self.expected:
            said.append(f"expected    {self.expected} (made by matloop {self.matloop})")
        if self.n_same is not None:
            said.append(f"{self.n_same:,} of {self.n_records:,} records are equal to the stored ones, origins included")
        return said


def rebuild(text: str, *, cache: Path | None = None, out: str = "") -> Rebuilt:
    """Make a harvested version again from kept answers, without a network, and compare it with what it was.

    Parameters
    ----------
    text : "STORE#DATASET@VERSION"; the store itself need not be there any more. out : "STORE#DATASET" to put it into;
    nothing is left behind by default.

    Raises
    ------
    DataError : a version was not harvested, or a kept answer is missing or damaged.
    """
    where = address(text, dataset=True)
    folder = cache or cache_of(where.place)
    place, stored = _stored(where)
    made = made_versions(folder, place, where.dataset, where.version)
    with tempfile.TemporaryDirectory(prefix="matloop-") as scratch:
        to = address(out, dataset=True) if out else Address(str(Path(scratch) / "again.db"), where.dataset)
        with open_store(to.place) as store:
            if to.dataset in [card.name for card in store.datasets()]:
                raise ConfigError(f"{out}: there is such a dataset already. Choose another name.")
            pairs = list(make_again(made, Kept(folder), store, to.dataset))
            last, version = pairs[-1]
            same = _same(stored, where.dataset, last.number, store, to.dataset) if stored is not None else None
    if stored is not None:
        stored.close()
    return Rebuilt(
        f"{to.place}#{to.dataset}" if out else "compared, not kept", where.dataset, last.number, version.n_records,
        version.fingerprint, last.fingerprint, same, last.matloop,
    )  # fmt: skip


def _stored(where: Address) -> tuple[str, Store | None]:
    """The place of a store as its versions were written down, and the store, None where it is not there."""
    try:
        store = open_store(where.place, create=False)
    except DataError:
        return str(Path(where.place).expanduser()), None
    return store.place, store


def _same(one: Store, dataset: str, number: int, other: Store, called: str) -> int | None:
    names = [card.name for card in one.datasets()]
    if dataset not in names or one.version(dataset).number < number:
        return None
    return sum(a == b for a, b in _pairs(one.records(dataset, version=number), other.records(called)))


def _pairs(one: Iterator[Record], other: Iterator[Record]) -> Iterator[tuple[Record, Record]]:
    """Records of both in the order in which they were first stored."""
    return zip(one, other, strict=False)
