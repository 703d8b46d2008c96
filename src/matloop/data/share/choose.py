"""Which records may be passed on: those without a licence, or not to be shared, stay behind, and it is said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from matloop.data.store.values import Origin, Property, Record

NO_LICENCE = "its source states no licence"
PRIVATE = "its source may not be shared"


@dataclass(frozen=True, slots=True)
class Withheld:
    """A record ("" as property) or one of its properties that is not passed on, and why."""

    key: str
    property: str
    provider: str
    licence: str
    reason: str


@dataclass(frozen=True, slots=True)
class Override:
    """Why records are passed on that otherwise stay behind; "" where they do stay behind."""

    unlicensed: str = ""
    not_shareable: str = ""

    def lines(self) -> list[str]:
        """For the crate, where it is recorded."""
        said = [("Records without a licence are included", self.unlicensed),
                ("Records that may not be shared are included", self.not_shareable)]  # fmt: skip
        return [f"{what}: {why}" for what, why in said if why]


@dataclass(frozen=True, slots=True)
class SourceOf:
    """One source of a dataset: what its rows have in common, and how many there are."""

    provider: str
    licence: str
    citation: str
    doi: str
    shareable: bool


@dataclass(slots=True)
class Account:
    """What is noticed while records are chosen."""

    kept: int = 0
    withheld: list[Withheld] = field(default_factory=list)
    licences: Counter[str] = field(default_factory=Counter)
    sources: Counter[SourceOf] = field(default_factory=Counter)
    retrieved: dict[SourceOf, tuple[str, str]] = field(default_factory=dict)
    files: dict[SourceOf, set[str]] = field(default_factory=dict)
    urls: dict[SourceOf, str] = field(default_factory=dict)
    forced: Counter[str] = field(default_factory=Counter)

    @property
    def reasons(self) -> Mapping[str, int]:
        """{reason: records or values that stay behind}"""
        return Counter(one.reason for one in self.withheld)

    def see(self, origin: Origin) -> None:
        source = SourceOf(origin.provider, origin.licence, origin.citation, origin.doi, origin.shareable)
        self.sources[source] += 1
        if origin.retrieved:
            low, high = self.retrieved.get(source, (origin.retrieved, origin.retrieved))
            self.retrieved[source] = (min(low, origin.retrieved), max(high, origin.retrieved))
        if origin.sha256:
            self.files.setdefault(source, set()).add(origin.sha256)
        if origin.url:
            self.urls.setdefault(source, origin.url)


def reason_against(origin: Origin, override: Override) -> str:
    """Why what comes from there stays behind, "" where it may be passed on."""
    if not origin.shareable:
        return "" if override.not_shareable else PRIVATE
    return "" if origin.licence.strip() or override.unlicensed else NO_LICENCE


def chosen(records: Iterable[Record], override: Override, account: Account | None = None) -> Iterator[Record]:
    """The records that may be passed on, without single values that may not, and without paths of this machine."""
    for record in map(_without_paths, records):
        against = reason_against(record.origin, override)
        if against:
            if account is not None:
                account.withheld.append(_withheld(record, "", record.origin, against))
            continue
        kept = tuple(one for one in record.properties if one.origin is None or not reason_against(one.origin, override))
        if account is not None:
            _count(record, kept, override, account)
        yield record if len(kept) == len(record.properties) else replace(record, properties=kept)


def _without_paths(record: Record) -> Record:
    """Where a file lay on somebody's machine is nobody's business: its name, and its hash, are kept."""
    properties = record.properties
    if any(one.origin is not None and _is_path(one.origin.url) for one in properties):
        properties = tuple(one if one.origin is None else replace(one, origin=_named(one.origin)) for one in properties)
    if properties is record.properties and not _is_path(record.origin.url):
        return record
    return replace(record, properties=properties, origin=_named(record.origin))


def _named(origin: Origin) -> Origin:
    return replace(origin, url=_last(origin.url)) if _is_path(origin.url) else origin


def _is_path(url: str) -> bool:
    return url.startswith("file:") or ("://" not in url and ("/" in url or "\\" in url))


def _last(path: str) -> str:
    """The name of a file: "C:\\me\\gaps.csv" is "gaps.csv", "me/materials.db#gaps@3" is "materials.db#gaps@3"."""
    place, mark, rest = path.replace("\\", "/").partition("#")
    return place.rstrip("/").rpartition("/")[2] + mark + rest


def _count(record: Record, kept: tuple[Property, ...], override: Override, account: Account) -> None:
    account.kept += 1
    for one in record.properties:
        if one.origin is not None and (against := reason_against(one.origin, override)):
            account.withheld.append(_withheld(record, one.name, one.origin, against))
    origins = {record.origin, *(one.origin for one in kept if one.origin is not None)}
    for text in {origin.licence for origin in origins}:
        account.licences[text] += 1
    for origin in origins:
        account.see(origin)
    account.forced["not to be shared"] += any(not origin.shareable for origin in origins)
    account.forced["without a licence"] += any(not origin.licence.strip() for origin in origins)


def _withheld(record: Record, name: str, origin: Origin, reason: str) -> Withheld:
    return Withheld(record.key, name, origin.provider, origin.licence, reason)
