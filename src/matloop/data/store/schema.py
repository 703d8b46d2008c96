"""The tables of a store, the same on SQLite and PostgreSQL, and the number that says which release they are of.

A record is never changed: it lives from version `since` until version `until` (not included) of its dataset, and a
correction is a further row in the same `slot`. So a version is the rows with `since <= number < until`. What many
records share (origins, quantities, structures, chemical systems) is stored once, found by its content, and is never
changed either.

That records and properties refer to what is there is not asked of the database row by row, which would double the time
of a load: only `matloop.data.store.write` writes them, in one transaction, and `matloop.data.store.verify` looks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matloop.core.optional import require

if TYPE_CHECKING:
    import sqlalchemy as sa
else:
    sa = require("sqlalchemy", extra="store")

EXTRA = "store"
SCHEMA = 2
"""Number of the layout below and in `matloop.data.store.registered`. A change of it needs a step in
`matloop.data.store.upgrade`."""
FOREVER = 2**31 - 1
"""`until` of what is in the latest version."""
APPLICATION = 0x6D6C7331
"""What SQLite files of ours carry in their header ("mls1")."""

metadata = sa.MetaData()
_Big = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_Number: sa.Double[float] = sa.Double()


def _only(rows: str) -> dict[str, Any]:
    """That an index holds only some rows."""
    return {"sqlite_where": sa.text(rows), "postgresql_where": sa.text(rows)}


about = sa.Table(
    "about",
    metadata,
    sa.Column("name", _Text, primary_key=True),
    sa.Column("value", _Text, nullable=False),
)
"""`schema`: the number above; `matloop`: the release that made the store."""

datasets = sa.Table(
    "datasets",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", _Text, nullable=False, unique=True),
    sa.Column("title", _Text, nullable=False, default=""),
    sa.Column("about", _Text, nullable=False, default=""),
    sa.Column("licence", _Text, nullable=False, default=""),
    sa.Column("citation", _Text, nullable=False, default=""),
    sa.Column("created", _Text, nullable=False),
    sa.Column("head", sa.Integer, nullable=False, default=0),
)
"""`head` is the number of the latest version, 0 before there is one."""

versions = sa.Table(
    "versions",
    metadata,
    sa.Column("dataset_id", sa.ForeignKey("datasets.id"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("created", _Text, nullable=False),
    sa.Column("author", _Text, nullable=False),
    sa.Column("message", _Text, nullable=False),
    sa.Column("n_records", _Big, nullable=False),
    sa.Column("added", _Big, nullable=False),
    sa.Column("changed", _Big, nullable=False),
    sa.Column("removed", _Big, nullable=False),
    sa.Column("fingerprint", _Text, nullable=False),
    sa.Column("token", _Text, nullable=False, unique=True),
)
"""`token` is made by the writer, so that it can find out whether a commit whose answer was lost went through."""

origins = sa.Table(
    "origins",
    metadata,
    sa.Column("id", _Big, primary_key=True),
    sa.Column("hash", _Text, nullable=False, unique=True),
    sa.Column("provider", _Text, nullable=False),
    sa.Column("url", _Text, nullable=False),
    sa.Column("retrieved", _Text, nullable=False),
    sa.Column("licence", _Text, nullable=False),
    sa.Column("sha256", _Text, nullable=False),
    sa.Column("citation", _Text, nullable=False),
    sa.Column("doi", _Text, nullable=False),
    sa.Column("note", _Text, nullable=False),
    sa.Column("shareable", sa.Boolean, nullable=False),
)

quantities = sa.Table(
    "quantities",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", _Text, nullable=False),
    sa.Column("unit", _Text, nullable=False),
    sa.Column("method", _Text, nullable=False),
    sa.UniqueConstraint("name", "unit", "method"),
)

structures = sa.Table(
    "structures",
    metadata,
    sa.Column("hash", _Text, primary_key=True),
    sa.Column("n_sites", sa.Integer, nullable=False),
    sa.Column("packed", sa.LargeBinary, nullable=False),
)
"""`hash` is that of the bytes of `pack_structure`; `packed` are these, compressed."""

systems = sa.Table(
    "systems",
    metadata,
    sa.Column("name", _Text, primary_key=True),
    sa.Column("n_elements", sa.SmallInteger, nullable=False, index=True),
    sqlite_with_rowid=False,
)
"""Chemical systems such as "Fe-O", symbols in the order of the alphabet."""

system_elements = sa.Table(
    "system_elements",
    metadata,
    sa.Column("element", sa.SmallInteger, primary_key=True),
    sa.Column("system", _Text, primary_key=True),
    sa.Column("n_elements", sa.SmallInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Which elements (atomic numbers) a system has."""

records = sa.Table(
    "records",
    metadata,
    sa.Column("id", _Big, primary_key=True, autoincrement=False),
    sa.Column("dataset_id", sa.Integer, nullable=False),
    sa.Column("slot", _Big, nullable=False),
    sa.Column("key", _Text, nullable=False),
    sa.Column("since", sa.Integer, nullable=False),
    sa.Column("until", sa.Integer, nullable=False),
    sa.Column("formula", _Text, nullable=False),
    sa.Column("reduced", _Text),
    sa.Column("anonymous", _Text),
    sa.Column("system", _Text),
    sa.Column("n_elements", sa.SmallInteger, nullable=False),
    sa.Column("n_sites", sa.Integer),
    sa.Column("structure", _Text),
    sa.Column("origin_id", _Big, nullable=False),
    sa.Column("origin_key", _Text, nullable=False),
    sa.Column("origin_place", _Text, nullable=False),
    sa.Column("metadata", _Text),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("dataset_id", "key", "until", name="records_key"),
    sa.Index("records_slot", "dataset_id", "slot"),
    sa.Index("records_origin", "dataset_id", "origin_key", **_only("origin_key <> ''")),
)
"""`slot` orders the records of a dataset and stays when one is corrected. `reduced` is the formula of the smallest
whole numbers with symbols in the order of the alphabet ("Fe2O3" is that of Fe4O6), `anonymous` the same without
elements ("A3B2"), `system` the chemical system; NULL where there is no formula that can be read. `content` is a hash
of all but where and when it was retrieved."""

properties = sa.Table(
    "properties",
    metadata,
    sa.Column("record_id", _Big, primary_key=True, autoincrement=False),
    sa.Column("place", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("quantity_id", sa.Integer, nullable=False),
    sa.Column("kind", sa.CHAR(1), nullable=False),
    sa.Column("number", _Number),
    sa.Column("text", _Text),
    sa.Column("error", _Number),
    sa.Column("conditions", _Text),
    sa.Column("origin_id", _Big),
    sa.Column("origin_key", _Text),
    sa.Column("origin_place", _Text),
    sa.Index("properties_origin", "origin_key", **_only("origin_key IS NOT NULL")),
    sqlite_with_rowid=False,
)
"""`kind` says what the value was: f (float), i (integer), b (truth value), t (text), j (array, JSON), n (none)."""

SEARCH = (
    sa.Index("records_reduced", records.c.dataset_id, records.c.reduced),
    sa.Index("records_system", records.c.dataset_id, records.c.system),
    sa.Index("records_anonymous", records.c.dataset_id, records.c.anonymous),
    sa.Index("properties_number", properties.c.quantity_id, properties.c.number),
)
"""Indices that only searches need: on SQLite a large load makes them anew at its end."""

blocks = sa.Sequence("record_blocks", start=1, increment=10_000, metadata=metadata)
"""On PostgreSQL: the first of 10,000 ids of records that a writer may use."""
BLOCK = 10_000
