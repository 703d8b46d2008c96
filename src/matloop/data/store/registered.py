"""The tables of registered models: versions in stages, their files as chunks of bytes, and the log of all deeds.

A version never changes but for its stage, chunks are found by their content, and deeds are only ever appended: the
database itself refuses the rest (`matloop.data.store.guards`). That there is one champion of a name at most is an index
of the database too, whoever writes and however many at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from matloop.core.optional import require
from matloop.data.store import schema
from matloop.data.store.schema import metadata

if TYPE_CHECKING:
    import sqlalchemy as sa
else:
    sa = require("sqlalchemy", extra=schema.EXTRA)

_Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_Big = sa.BigInteger().with_variant(sa.Integer, "sqlite")
STAGES = ("candidate", "champion", "retired")

models = sa.Table(
    "models",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", _Text, nullable=False, unique=True),
    sa.Column("created", _Text, nullable=False),
)

model_versions = sa.Table(
    "model_versions",
    metadata,
    sa.Column("model_id", sa.ForeignKey("models.id"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("stage", _Text, nullable=False),
    sa.Column("bundle", _Text, nullable=False),
    sa.Column("created", _Text, nullable=False),
    sa.Column("who", _Text, nullable=False),
    sa.Column("run_id", _Text, nullable=False),
    sa.Column("question", _Text, nullable=False),
    sa.Column("data_sha256", _Text, nullable=False),
    sa.Column("dataset", _Text, nullable=False),
    sa.Column("parent", sa.Integer, nullable=False),
    sa.Column("bytes", _Big, nullable=False),
    sa.Column("note", _Text, nullable=False),
    sa.Column("evidence", _Text, nullable=False),
    sa.CheckConstraint("stage IN ('candidate', 'champion', 'retired')", name="model_versions_stage"),
    sa.CheckConstraint("number > 0", name="model_versions_number"),
    sa.UniqueConstraint("model_id", "bundle", name="model_versions_bundle"),
    sa.Index(
        "one_champion", "model_id", unique=True,
        sqlite_where=sa.text("stage = 'champion'"), postgresql_where=sa.text("stage = 'champion'"),
    ),
)  # fmt: skip
"""`bundle` tells a bundle from every other (of one name it is kept once); `evidence` is JSON."""

model_files = sa.Table(
    "model_files",
    metadata,
    sa.Column("model_id", sa.Integer, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("kind", _Text, primary_key=True),
    sa.Column("name", _Text, primary_key=True),
    sa.Column("bytes", _Big, nullable=False),
    sa.Column("sha256", _Text, nullable=False),
    sa.Column("chunks", _Text, nullable=False),
    sa.ForeignKeyConstraint(["model_id", "number"], ["model_versions.model_id", "model_versions.number"]),
    sa.CheckConstraint("kind IN ('bundle', 'run')", name="model_files_kind"),
)
"""`kind`: a file of the bundle, or one that tells of its run. `chunks`: names of its chunks, separated by blanks."""

chunks = sa.Table(
    "chunks",
    metadata,
    sa.Column("sha256", _Text, primary_key=True),
    sa.Column("data", sa.LargeBinary, nullable=False),
)
"""Up to a MiB each, named by their content; what two versions share is kept once."""

deeds = sa.Table(
    "deeds",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("time", _Text, nullable=False),
    sa.Column("who", _Text, nullable=False),
    sa.Column("login", _Text, nullable=False),
    sa.Column("what", _Text, nullable=False),
    sa.Column("name", _Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("why", _Text, nullable=False),
    sa.Column("token", _Text, nullable=False, unique=True),
    sa.Column("before", _Text, nullable=False),
    sa.Column("hash", _Text, nullable=False),
    sa.Index("deeds_name", "name", "number"),
)
"""`who` is as the program said, `login` the user that the database knows. `hash` is that of all other columns, and
`before` the hash of the deed before, so that one that is taken out or changed is noticed."""

TABLES = (models, model_versions, model_files, chunks, deeds)
