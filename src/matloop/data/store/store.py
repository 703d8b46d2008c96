"""A store of datasets: records go in, versions come out, nothing that was once in is lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matloop.core.errors import ConfigError
from matloop.core.optional import require
from matloop.data.store import read, schema
from matloop.data.store.connect import PATIENCE, Database, connect
from matloop.data.store.query import Query
from matloop.data.store.search import FEW, SOME, Plan, among, in_version, plan
from matloop.data.store.table import n_rows
from matloop.data.store.values import (
    LATEST,
    Change,
    DatasetCard,
    Difference,
    NotInStore,
    Record,
    Version,
)
from matloop.data.store.write import Mode, Order, write
from matloop.problem.fault import did_you_mean

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy import ColumnElement, Connection
else:
    sa = require("sqlalchemy", extra=schema.EXTRA)


@dataclass(frozen=True, slots=True)
class Page:
    """Some records, and `after`: what to give for the next page, None where there are no more."""

    records: tuple[Record, ...]
    after: int | None


def open_store(place: str | Path, *, create: bool = True, patience: float = PATIENCE) -> Store:
    """The store at a path (a file of SQLite, made where there is none) or a URL (`postgresql://user@host/database`).

    Parameters
    ----------
    create : make an empty store where there is none. patience : seconds to wait for another writer, or for a database
        that is being restarted.

    Raises
    ------
    MissingExtra : SQLAlchemy (or psycopg) is not installed.
    ConfigError, DataError, RunError : it cannot be opened; see `matloop.data.store.connect.connect`.

    Examples
    --------
    >>> store = open_store("materials.db")                                                       # doctest: +SKIP
    >>> store.add("gaps", [Record("a", "Si", properties=(Property("band_gap", 1.12, "eV"),))])   # doctest: +SKIP
    """
    return Store(connect(place, create=create, patience=patience))


class Store:
    """Datasets in versions. Every change is one version: whole, or not there at all."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @property
    def place(self) -> str:
        """Where it is, without a password."""
        return self.database.place

    def close(self) -> None:
        """Let go of all connections."""
        self.database.engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # ---- changes ----

    def add(
        self, dataset: str, records: Iterable[Record], *, mode: Mode = "add", base: int | None = None,
        message: str = "", author: str = "",
    ) -> Version:  # fmt: skip
        """Store records as a new version of a dataset, which is made where there is none.

        A record that is there already with the same content (wherever and whenever it was retrieved) stays as it is; if
        nothing is new there is no new version, and the latest one is returned.

        Parameters
        ----------
        records : any number; an iterator is read once and never held as a whole, but then the change is not repeated
            by itself when the database is restarted.
        mode : what is done with a key that is there with other content: "add" refuses, "replace" corrects, "update"
            corrects and refuses keys that are not there, "whole" corrects and takes out all that is not given.
        base : the version that the change was made for; if there is a later one, it is refused.
        message, author : why and who; the author is the user that is logged in by default.

        Raises
        ------
        DataError, NotInStore, VersionConflict, RunError : nothing was stored; see `matloop.data.store.write.write`.
        """
        order = Order(dataset, records, mode=mode, base=base, message=message, author=author)
        return write(self.database, order)

    def update(
        self, dataset: str, records: Iterable[Record], *, base: int | None = None, message: str = "", author: str = ""
    ) -> Version:
        """Replace records that are there: `add` with mode "update"."""
        return self.add(dataset, records, mode="update", base=base, message=message, author=author)

    def delete(
        self, dataset: str, keys: Iterable[str], *, base: int | None = None, message: str = "", author: str = ""
    ) -> Version:
        """A new version without these records. Earlier versions keep them.

        Raises
        ------
        NotInStore : a key is not there; nothing was changed.
        """
        given = [keys] if isinstance(keys, str) else keys
        order = Order(dataset, remove=given, mode="update", base=base, message=message, author=author)
        return write(self.database, order)

    def describe(self, dataset: str, **facts: str) -> DatasetCard:
        """Set `title`, `about`, `licence` or `citation` of a dataset as a whole (these have no versions)."""
        names = ("title", "about", "licence", "citation")
        for name in facts:
            if name not in names:
                raise ConfigError(f"a dataset has no {name!r}. {did_you_mean(name, names)}")
        if facts:
            table = schema.datasets
            known = self._id(dataset)

            def work() -> None:
                with self.database.writing() as connection:
                    connection.execute(sa.update(table).where(table.c.id == known).values(**facts))

            self.database.repeated(work, again=True)
        return self.card(dataset)

    # ---- looking ----

    def datasets(self) -> tuple[DatasetCard, ...]:
        """All datasets, by name."""
        return self._read(read.cards)

    def card(self, dataset: str) -> DatasetCard:
        """What a dataset is, and its latest version.

        Raises
        ------
        NotInStore : there is none of that name; the message gives the nearest ones.
        """
        found = {card.name: card for card in self.datasets()}
        if dataset not in found:
            hint = did_you_mean(dataset, list(found), otherwise="There are") if found else "It is empty."
            raise NotInStore(f'{self.place}: there is no dataset "{dataset}". {hint}')
        return found[dataset]

    def history(self, dataset: str) -> tuple[Version, ...]:
        """All versions of a dataset, the first one first."""
        known = self._id(dataset)
        return self._read(lambda connection: read.all_versions(connection, known, dataset))

    def version(self, dataset: str, number: int = LATEST) -> Version:
        """One version; the latest by default.

        Raises
        ------
        NotInStore : there is no such dataset or version.
        """
        card = self.card(dataset)
        latest = card.version
        if latest is None or number == LATEST or number == latest.number:
            return latest  # type: ignore[return-value]
        if not 1 <= number <= latest.number:
            raise NotInStore(f'"{dataset}" has the versions 1 to {latest.number}, not {number}.')
        known = self._id(dataset)
        return self._read(lambda connection: read.version_row(connection, known, dataset, number))

    def records(
        self, dataset: str, query: Query | None = None, *, version: int = LATEST, limit: int | None = None
    ) -> Iterator[Record]:
        """Records of a version that fulfil a query, in the order they were first stored, read as they are needed.

        Examples
        --------
        >>> store.records("gaps", query(has_all="Mn,O", where="band_gap > 1 eV"))                # doctest: +SKIP
        """
        part = self._part(dataset, version, query or Query(), limit=limit)
        for page in read.pages(self.database, part, limit=limit):
            for _, record in page:
                yield record

    def page(
        self, dataset: str, query: Query | None = None, *, version: int = LATEST, limit: int = 100, after: int = 0,
        clause: ColumnElement[bool] | None = None,
    ) -> Page:  # fmt: skip
        """The next `limit` records behind `after` (0: from the beginning): what a server answers.

        `clause` is a further condition on the table `matloop.data.store.schema.records`.
        """
        part = self._part(dataset, version, query or Query(), clause, limit=limit)
        found = [pair for page in read.pages(self.database, part, limit=limit + 1, after=after) for pair in page]
        more = len(found) > limit
        return Page(tuple(record for _, record in found[:limit]), found[limit - 1][0] if more else None)

    def count(
        self, dataset: str, query: Query | None = None, *, version: int = LATEST,
        clause: ColumnElement[bool] | None = None,
    ) -> int:  # fmt: skip
        """How many records of a version fulfil a query."""
        part = self._part(dataset, version, query or Query(), clause)
        if not part.plan.finds:
            return self.version(dataset, version).n_records
        return self._read(lambda connection: read.count(connection, part))

    def get(self, dataset: str, key: str, *, version: int = LATEST) -> Record:
        """One record.

        Raises
        ------
        NotInStore : there is no such dataset, version or key.
        """
        found = next(self.records(dataset, Query(keys=(key,)), version=version, limit=1), None)
        if found is None:
            number = self.version(dataset, version).number
            raise NotInStore(f'"{dataset}", version {number}: there is no record "{key}".')
        return found

    def of_rows(
        self, dataset: str, rows: Iterable[int], query: Query | None = None, *, version: int = LATEST
    ) -> dict[int, Record]:  # fmt: skip
        """{row: its record} for 1-based rows of the table that a query is read as (`store.table.to_columns`)."""
        wanted = {row for row in rows if row > 0}
        asked = query or Query()
        if not wanted:
            return {}
        part = self._part(dataset, version, asked)
        ids = self._read(lambda connection: read.ordered(connection, part))
        if not self._repeats(ids):
            places = {row: ids[row - 1] for row in sorted(wanted) if row <= len(ids)}
            found = self._read(lambda connection: read.by_ids(connection, list(places.values())))
            return {row: record for row, (_, record) in zip(places, found, strict=True)}
        found, row = {}, 0
        for record in self.records(dataset, asked, version=version):
            for _ in range(n_rows(record)):
                row += 1
                if row in wanted:
                    found[row] = record
        return found

    def past(self, dataset: str, key: str) -> Iterator[tuple[Version, Change]]:
        """All that ever happened to one record: each version that changed it, and how."""
        before: Record | None = None
        for version in self.history(dataset):
            now = next(self.records(dataset, Query(keys=(key,)), version=version.number, limit=1), None)
            if now != before:
                yield version, Change(key, before, now)
            before = now

    def diff(self, dataset: str, old: int, new: int = LATEST) -> Difference:
        """Which records differ between two versions (keys, in the order of the dataset)."""
        first, last = self.version(dataset, old).number, self.version(dataset, new).number
        known = self._id(dataset)
        return self._read(lambda connection: read.difference(connection, known, dataset, first, last))

    def changes(self, difference: Difference) -> Iterator[Change]:
        """The records behind a difference, before and after."""
        for kind in ("added", "changed", "removed"):
            keys = getattr(difference, kind)
            for start in range(0, len(keys), read.PAGE):
                some = Query(keys=keys[start : start + read.PAGE])
                olds = self._by_key(difference.dataset, some, difference.old) if kind != "added" else {}
                news = self._by_key(difference.dataset, some, difference.new) if kind != "removed" else {}
                for key in some.keys:
                    yield Change(key, olds.get(key), news.get(key))

    def facts(self) -> Mapping[str, Any]:
        """What the store is: place, kind of database, layout, datasets, bytes."""
        return self._read(lambda connection: {"place": self.place, **read.sizes(connection)})

    # ---- shared ----

    def _repeats(self, ids: Sequence[int]) -> bool:
        """Whether a record may stand in several rows of a table: several values of a property by one method."""
        t, q = schema.properties.c, schema.quantities.c
        named = schema.properties.join(schema.quantities, t.quantity_id == q.id)

        def look(connection: Connection) -> bool:
            for start in range(0, len(ids), SOME):
                some = among(connection, t.record_id, ids[start : start + SOME])
                several = sa.select(t.record_id).select_from(named).where(some).group_by(t.record_id, q.name, q.method)
                if connection.execute(several.having(sa.func.count() > 1).limit(1)).first() is not None:
                    return True
            return False

        return bool(self._read(look))

    def _by_key(self, dataset: str, query: Query, version: int) -> dict[str, Record]:
        return {record.key: record for record in self.records(dataset, query, version=version)}

    def _read(self, work: Any) -> Any:
        def read_once() -> Any:
            with self.database.engine.connect() as connection:
                return work(connection)

        return self.database.repeated(read_once, again=True)

    def _id(self, dataset: str) -> int:
        table = schema.datasets.c
        found = sa.select(table.id).where(table.name == dataset)
        known: int | None = self._read(lambda connection: connection.execute(found).scalar_one_or_none())
        if known is None:
            self.card(dataset)  # says that there is none
        return known  # type: ignore[return-value]

    def _part(
        self, dataset: str, version: int, query: Query, clause: ColumnElement[bool] | None = None, *,
        limit: int | None = None,
    ) -> read.Part:  # fmt: skip
        number = self.version(dataset, version).number
        known = self._id(dataset)
        more = () if clause is None else (clause,)
        if query.everything:
            return read.Part(known, number, Plan(more, more))
        most = SOME if limit is None or limit > read.PAGE else FEW
        found: Plan = self._read(lambda connection: plan(connection, query, in_version(known, number), most))
        return read.Part(known, number, Plan((*found.finds, *more), (*found.checks, *more), found.few))
