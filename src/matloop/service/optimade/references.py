"""What is to be cited: the citations and DOIs of origins and datasets as entries of their own."""

from __future__ import annotations

import hashlib
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matloop.core.optional import require
from matloop.data.store import schema
from matloop.data.store.values import Record
from matloop.service.optimade.faults import NotOffered
from matloop.service.optimade.fields import Field, Item, Sql
from matloop.service.optimade.names import escaped
from matloop.service.visible import Served

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy import ColumnElement, Connection, Engine
else:
    sa = require("sqlalchemy", extra=schema.EXTRA)

R, P, O = schema.records.c, schema.properties.c, schema.origins.c
Cited = tuple[str, str]
"""DOI and citation as they stand with an origin."""


def reference_id(cited: Cited) -> str:
    """The id of a reference: its DOI, else a hash of the text."""
    doi, citation = cited
    if doi:
        return escaped(doi.strip())
    return f"ref-{hashlib.blake2b(citation.strip().encode(), digest_size=6).hexdigest()}"


@dataclass(frozen=True, slots=True)
class References:
    """`cited` : what each id stands for. `of_dataset` : the reference of a dataset as a whole, by its number."""

    cited: Mapping[str, tuple[Cited, ...]]
    of_dataset: Mapping[int, str]
    table: Small

    def of(self, record: Record, dataset_id: int) -> list[str]:
        """Ids of what is to be cited for a record."""
        origins = (record.origin, *(one.origin for one in record.properties if one.origin is not None))
        found = [reference_id((one.doi, one.citation)) for one in origins if one.doi or one.citation]
        whole = self.of_dataset.get(dataset_id)
        return list(dict.fromkeys([*found, *([whole] if whole else [])]))


def references(
    connection: Connection, parts: Sequence[Served], structures: ColumnElement[bool], *, private: bool
) -> References:
    """What the entries cite."""
    del private  # `structures` says already which are shown
    by_id: dict[str, dict[Cited, None]] = defaultdict(dict)
    cites = sa.or_(O.doi != "", O.citation != "")
    if connection.execute(sa.select(sa.literal(1)).where(cites).limit(1)).first() is not None:
        whole = sa.select(R.origin_id).where(structures).distinct()
        own = sa.select(P.origin_id).select_from(schema.properties.join(schema.records, P.record_id == R.id))
        own = own.where(structures, P.origin_id.is_not(None)).distinct()
        used = sa.or_(O.id.in_(whole), O.id.in_(own))
        for doi, citation in connection.execute(sa.select(O.doi, O.citation).where(cites, used).distinct()):
            by_id[reference_id((doi, citation))][doi, citation] = None
    of_dataset = {}
    for part in parts:
        if part.citation:
            of_dataset[part.dataset_id] = reference_id(("", part.citation))
            by_id[of_dataset[part.dataset_id]]["", part.citation] = None
    cited = {name: tuple(found) for name, found in sorted(by_id.items())}
    modified = max((part.created for part in parts), default="")
    rows = [_reference(name, found[0], modified) for name, found in cited.items()]
    return References(cited, of_dataset, Small("references", ("doi", "url", "note"), rows))


def _reference(name: str, cited: Cited, modified: str) -> dict[str, Any]:
    doi, citation = cited
    return {
        "id": name, "last_modified": modified, "doi": doi or None, "url": f"https://doi.org/{doi}" if doi else None,
        "note": citation or None,
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class ReferenceItems:
    """The ids of what a structure cites, as a list that can be searched."""

    found: References
    parts: Sequence[Served]
    length: Sql | None = None

    def has(self, item: Item) -> Sql:
        return self._cites(self._ids([item]))

    def only(self, items: Sequence[Item]) -> Sql:
        inside = self._ids(items)
        return sa.and_(self._cites(inside), ~self._cites([one for one in self.found.cited if one not in set(inside)]))

    def find(self, how: str, items: Sequence[Item]) -> Sql | None:
        del how, items
        return None

    def _ids(self, items: Iterable[Item]) -> list[str]:
        wanted = []
        for operator, value in items:
            if operator != "=":
                raise NotOffered("related entries can be asked for by equal ids only.")
            wanted += [str(value)] if value in self.found.cited else []
        return wanted

    def _cites(self, names: Sequence[str]) -> Sql:
        pairs = [pair for name in names for pair in self.found.cited[name]]
        datasets = [number for number, name in self.found.of_dataset.items() if name in set(names)]
        some = sa.or_(sa.false(), *(sa.and_(O.doi == doi, O.citation == citation) for doi, citation in pairs))
        whole = sa.exists().where(O.id == R.origin_id, some)
        one = sa.exists().where(P.record_id == R.id, P.origin_id == O.id, some)
        return sa.or_(R.dataset_id.in_(datasets), whole, one)


# ---- small collections ----


class Small:
    """A few entries in memory, asked in the same language by the same translation as the store."""

    def __init__(self, kind: str, names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
        self.kind, self.names, self.rows = kind, tuple(names), len(rows)
        self.lock = threading.Lock()
        columns = (sa.Column(name, sa.Text) for name in ("last_modified", *names))
        self.table = sa.Table(kind, sa.MetaData(), sa.Column("id", sa.Text, primary_key=True), *columns)
        self.engine: Engine = sa.create_engine(
            "sqlite://", poolclass=sa.pool.StaticPool, connect_args={"check_same_thread": False}
        )
        self.table.metadata.create_all(self.engine)
        if rows:
            with self.engine.begin() as connection:
                connection.execute(sa.insert(self.table), [dict(row) for row in rows])

    @property
    def fields(self) -> dict[str, Field]:
        """What can be asked of them."""
        c = self.table.c
        found = [
            Field("id", "string", "What the entry is called here.", scalar=c.id),
            Field("type", "string", "The type of the entry.", scalar=sa.literal(self.kind, sa.Text)),
            Field("last_modified", "timestamp", "When the data that cite it were stored.", scalar=c.last_modified),
            *(Field(name, "string", ABOUT.get(name, name), scalar=c[name]) for name in self.names),
        ]
        return {one.name: one for one in found}

    def get(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """The rows of these ids."""
        found = sa.select(self.table).where(self.table.c.id.in_(ids)).order_by(self.table.c.id)
        with self.lock, self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(found).mappings()]


ABOUT = {
    "doi": "The digital object identifier.",
    "url": "Where it can be read.",
    "note": "What to cite, as it was given with the data.",
    "name": "What the database is called.",
    "description": "What it is.",
    "base_url": "Where its OPTIMADE interface is.",
    "homepage": "Where its page is.",
    "link_type": "How it is related to this one.",
    "aggregate": "Whether clients that collect from many databases should follow.",
}
