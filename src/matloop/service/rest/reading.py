"""What may be seen of a store: records with all their values, differences and histories without what is hidden."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matloop.core.errors import ConfigError
from matloop.core.optional import require
from matloop.data.store import schema
from matloop.data.store.address import SEVERAL
from matloop.data.store.interchange import record_to_json
from matloop.data.store.query import Query, query
from matloop.data.store.search import among, in_version
from matloop.data.store.store import Page, Store
from matloop.data.store.values import Change, DatasetCard, NotInStore, Record
from matloop.service.optimade.entries import public_origin
from matloop.service.settings import Settings
from matloop.service.visible import shown

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy import ColumnElement
else:
    sa = require("sqlalchemy", extra=schema.EXTRA)

R = schema.records.c
MOST, USUAL = 1000, 100
"""Records of one page, at most and by default."""


@dataclass(frozen=True, slots=True)
class Reader:
    """What of a store may be seen."""

    store: Store
    settings: Settings

    def cards(self) -> list[DatasetCard]:
        """The datasets that are served."""
        only = self.settings.dataset
        return [one for one in self.store.datasets() if only in ("", one.name)]

    def card(self, name: str) -> DatasetCard:
        """One of them.

        Raises
        ------
        NotInStore : there is none, or it is not served.
        """
        found = next((one for one in self.cards() if one.name == name), None)
        if found is None:
            raise NotInStore(f'there is no dataset "{name[:100]}".')
        return found

    def number(self, name: str, version: int) -> int:
        """The version that is looked at.

        Raises
        ------
        NotInStore : it is not there, or not served.
        """
        fixed = self.settings.version
        if fixed and version not in (0, fixed):
            raise NotInStore(f'only version {fixed} of "{name}" is served.')
        return self.store.version(name, version or fixed).number

    def clause(self, card: DatasetCard) -> ColumnElement[bool] | None:
        return None if self.settings.private else shown(card.licence)

    def page(self, name: str, asked: Query, version: int, limit: int, after: int) -> Page:
        """Records that fulfil a query, behind a place."""
        card = self.card(name)
        return self.store.page(name, asked, version=version, limit=limit, after=after, clause=self.clause(card))

    def count(self, name: str, asked: Query, version: int) -> int:
        return self.store.count(name, asked, version=version, clause=self.clause(self.card(name)))

    def one(self, name: str, key: str, version: int) -> Record:
        """One record.

        Raises
        ------
        NotInStore : it is not there, or hidden.
        """
        found = self.page(name, Query(keys=(key,)), version, 1, 0).records
        if not found:
            raise NotInStore(f'"{name}", version {version}: there is no record "{key[:200]}".')
        return found[0]

    def visible(self, name: str, version: int, keys: Sequence[str]) -> set[str]:
        """Those of the keys whose records of a version may be seen."""
        card = self.card(name)
        clause = self.clause(card)
        if clause is None or not keys:
            return set(keys)

        def read() -> set[str]:
            table = schema.datasets.c
            with self.store.database.engine.connect() as connection:
                number = connection.execute(sa.select(table.id).where(table.name == name)).scalar_one()
                wanted = (in_version(number, version), among(connection, R.key, keys), clause)
                return set(connection.execute(sa.select(R.key).where(*wanted)).scalars())

        return self.store.database.repeated(read, again=True)

    def changes(self, name: str, old: int, new: int, limit: int) -> dict[str, Any]:
        """What differs between two versions: counts, and keys with what changed, `limit` of each kind."""
        found = self.store.diff(name, old, new)
        answer: dict[str, Any] = {"dataset": name, "old": found.old, "new": found.new}
        for kind in ("added", "changed", "removed"):
            keys = list(getattr(found, kind))
            for version in {"added": [found.new], "removed": [found.old]}.get(kind, [found.old, found.new]):
                seen = self.visible(name, version, keys)
                keys = [key for key in keys if key in seen]
            answer[f"n_{kind}"], answer[kind] = len(keys), keys[:limit]
        some = type(found)(name, found.old, found.new, (), tuple(answer["changed"]), ())
        answer["changes"] = {one.key: one.lines() for one in self.store.changes(some)}
        return answer

    def past(self, name: str, key: str) -> list[dict[str, Any]]:
        """What happened to a record, without what is hidden.

        Raises
        ------
        NotInStore : nothing that may be seen.
        """
        self.card(name)
        last = self.settings.version or self.store.version(name).number
        found = []
        for version, change in self.store.past(name, key):
            if version.number <= last and self._may_be_seen(name, version.number, change):
                found.append({"version": version.number, "created": version.created, "author": version.author,
                              "message": version.message, "changes": change.lines()})  # fmt: skip
        if not found:
            raise NotInStore(f'"{name}" never had a record "{key[:200]}".')
        return found

    def _may_be_seen(self, name: str, number: int, change: Change) -> bool:
        sides = [(change.old, number - 1), (change.new, number)]
        return all(record is None or self.visible(name, side, [change.key]) for record, side in sides)


def asked(given: Sequence[tuple[str, str]], known: Sequence[str]) -> tuple[Query, Mapping[str, str]]:
    """The query of a request, and its other parameters (`known`).

    Raises
    ------
    ConfigError : a parameter that there is not, is given twice, or cannot be read.
    """
    told: dict[str, str] = {}
    wanted: dict[str, Any] = {}
    for name, value in given:
        if name in SEVERAL:
            wanted[name] = (*wanted.get(name, ()), value)
        elif name in told or name in wanted:
            raise ConfigError(f'the parameter "{name}" is given more than once.')
        elif name in known:
            told[name] = value
        elif name == "has_structure":
            wanted[name] = value.lower() in ("true", "yes", "1")
        else:
            wanted[name] = value
    return query(**wanted), told


def whole(told: Mapping[str, str], name: str, default: int, most: int = 2**53) -> int:
    """A whole number out of a parameter.

    Raises
    ------
    ConfigError : it is none, or too large.
    """
    text = told.get(name, "")
    if text == "":
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 16 or int(text) > most:
        raise ConfigError(f"{name} is {text[:40]!r}; a whole number of 0 to {most} is needed.")
    return int(text)


def shown_record(record: Record) -> dict[str, Any]:
    """A record as JSON, without addresses that only mean something on the machine it was read on."""
    found = record_to_json(record)
    if "origin" in found:
        found["origin"] = public_origin(record.origin)
    for one, given in zip(found.get("properties", ()), record.properties, strict=True):
        if given.origin is not None:
            one["origin"] = public_origin(given.origin)
    return found
