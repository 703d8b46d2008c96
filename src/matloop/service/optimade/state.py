"""What is served at one moment: versions of datasets, their fields and references; made anew for new versions."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from matloop.core.optional import require
from matloop.data.store import schema
from matloop.data.store.connect import Database
from matloop.data.store.values import NotInStore
from matloop.problem.fault import did_you_mean
from matloop.service.optimade import facts
from matloop.service.optimade.fields import Field, NoItems
from matloop.service.optimade.names import needs_escape
from matloop.service.optimade.own import OwnField, own_fields
from matloop.service.optimade.references import ReferenceItems, References, references
from matloop.service.optimade.structures import standard_fields
from matloop.service.visible import Served, served_records

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy import ColumnElement, Connection
else:
    sa = require("sqlalchemy", extra=schema.EXTRA)

R = schema.records.c
KEPT = 64
"""Answers to filters that are remembered: ids if they are few, else how many."""


@dataclass(frozen=True, slots=True)
class What:
    """What is to be served: a dataset and version ("" and 0: all, and the latest), also what is private, and under
    which prefix."""

    dataset: str = ""
    version: int = 0
    private: bool = False
    prefix: str = "matloop"

    @property
    def several(self) -> bool:
        return not self.dataset


@dataclass(slots=True)
class Remembered:
    """The latest answers, for pages that follow."""

    found: OrderedDict[str, Any] = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, name: str) -> Any:
        with self.lock:
            if name in self.found:
                self.found.move_to_end(name)
            return self.found.get(name)

    def put(self, name: str, value: Any) -> None:
        with self.lock:
            self.found[name] = value
            while len(self.found) > KEPT:
                self.found.popitem(last=False)


@dataclass(frozen=True, slots=True)
class State:
    """One moment.

    parts : versions that are served. records : the condition that a record is shown at all. structures : that it is
    also an entry: it has a structure. fields : of structures. own : those with our prefix. available : entries.
    without : records that are shown but are no entries, having a formula only. hidden : records that are not shown.
    """

    parts: tuple[Served, ...]
    records: ColumnElement[bool]
    structures: ColumnElement[bool]
    fields: dict[str, Field]
    own: dict[str, OwnField]
    references: References
    available: int
    without: int
    hidden: int
    licences: tuple[str, ...]
    modified: str
    several: bool
    remembered: Remembered

    def name(self, dataset_id: int) -> str:
        return next(part.name for part in self.parts if part.dataset_id == dataset_id)


class Moments:
    """The state of a store, looked at before each request."""

    def __init__(self, database: Database, what: What) -> None:
        self.database, self.what = database, what
        self._lock = threading.Lock()
        self._known: tuple[Any, State] | None = None

    def now(self) -> State:
        """The state of the latest versions. While one request works it out, the others are answered from the last one.

        Raises
        ------
        NotInStore : the dataset is not there. MatloopError : the database cannot be reached.
        """
        parts = self.database.repeated(self._parts, again=True)
        known = self._known
        if known is not None and known[0] == parts:
            return known[1]
        if not self._lock.acquire(blocking=known is None):
            return known[1]  # type: ignore[index]
        try:
            if self._known is None or self._known[0] != parts:
                self._known = parts, self._made(parts)
            return self._known[1]
        finally:
            self._lock.release()

    def _parts(self) -> tuple[Served, ...]:
        t, v = schema.datasets, schema.versions
        number = self.what.version or t.c.head
        joined = t.join(v, sa.and_(v.c.dataset_id == t.c.id, v.c.number == number))
        columns = (t.c.id, t.c.name, v.c.number, t.c.title, t.c.about, t.c.licence, t.c.citation, v.c.created,
                   v.c.n_records)  # fmt: skip
        with self.database.engine.connect() as connection:
            rows = connection.execute(sa.select(*columns).select_from(joined).order_by(t.c.id)).all()
        parts = tuple(Served(*row) for row in rows)
        if not self.what.dataset:
            return parts
        chosen = tuple(part for part in parts if part.name == self.what.dataset)
        if not chosen:
            said = f" with version {self.what.version}" if self.what.version else ""
            hint = did_you_mean(self.what.dataset, [part.name for part in parts], otherwise="There are")
            raise NotInStore(f'{self.database.place}: there is no dataset "{self.what.dataset}"{said}. {hint}')
        return chosen

    def _made(self, parts: tuple[Served, ...]) -> State:
        with self.database.engine.connect() as connection:
            records = served_records(connection, parts, private=self.what.private)
        structures = sa.and_(records, R.structure.is_not(None))
        with_facts = facts.usable(self.database, structures)
        return self.database.repeated(lambda: self._looked(parts, records, structures, with_facts), again=True)

    def _looked(
        self, parts: tuple[Served, ...], records: ColumnElement[bool], structures: ColumnElement[bool], with_facts: bool
    ) -> State:
        what, dialect = self.what, self.database.engine.dialect.name
        with self.database.engine.connect() as connection:
            plain = not needs_escape(connection, R.key, structures)
            own = own_fields(connection, structures, what.prefix)
            found = references(connection, parts, structures, private=what.private)
            available = _count(connection, structures)
            n_shown = _count(connection, records)
            licences = tuple(connection.execute(sa.select(schema.origins.c.licence).distinct()).scalars())
        fields = standard_fields(dialect, several=what.several, plain=plain, with_facts=with_facts)
        fields += extra_fields(what.prefix)
        fields += [one.field for one in own.values()]
        by_name = {one.name: one for one in fields}
        by_name["references.id"] = Field("references.id", "list", "related", items=ReferenceItems(found, parts))
        by_name["structures.id"] = Field("structures.id", "list", "related", items=NoItems())
        return State(
            parts=parts, records=records, structures=structures, fields=by_name, own=own, references=found,
            available=available, without=n_shown - available, hidden=sum(one.n_records for one in parts) - n_shown,
            licences=licences, modified=max((one.created for one in parts), default=""), several=what.several,
            remembered=Remembered(),
        )  # fmt: skip


def extra_fields(prefix: str) -> list[Field]:
    """What of a record is no property: dataset, key, licence and origin."""
    table, origin = schema.datasets.alias(), schema.origins.alias()
    dataset = sa.select(table.c.name).where(table.c.id == R.dataset_id).scalar_subquery()
    provider = sa.select(origin.c.provider).where(origin.c.id == R.origin_id).scalar_subquery()
    return [
        Field(f"_{prefix}_dataset", "string", "The dataset of the store that the entry is in.", scalar=dataset),
        Field(f"_{prefix}_key", "string", "What the record is called in its dataset.", scalar=R.key,
              find=lambda operator, value: R.key == value if operator == "=" else None),
        Field(f"_{prefix}_provider", "string", "Who made the entry: a database, file or laboratory.", scalar=provider),
        Field(f"_{prefix}_origin", "dictionary", "Where the entry came from: provider, id, url, time, licence, hash.",
              why_not="what is inside of the origin cannot be searched here."),
        Field(f"_{prefix}_site_values", "dictionary", "Further values of each site by name, such as magnetic moments.",
              why_not="values of sites cannot be searched here."),
        Field(f"_{prefix}_charge", "float", "The net charge in e, where it is not that of the oxidation states.",
              why_not="the charge cannot be searched here."),
        Field(f"_{prefix}_values", "list", "All values of the record with unit, error, method, conditions and origin.",
              why_not="all values together cannot be searched; ask for the properties one by one."),
    ]  # fmt: skip


def _count(connection: Connection, where: ColumnElement[bool]) -> int:
    found: int = connection.execute(sa.select(sa.func.count()).select_from(schema.records).where(where)).scalar_one()
    return found


def labels(parts: Sequence[Served]) -> str:
    """Names and versions, for people."""
    return ", ".join(f"{part.name}@{part.number}" for part in parts)
