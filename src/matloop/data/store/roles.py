"""Who may do what with a store: roles, which are privileges of PostgreSQL and hold whatever program is used.

read: look at everything. run: also add datasets, versions and candidate models. admin: also promote, roll back and
retire models, and give roles. Who made the store owns it and may do all. A file of SQLite has no users: who may read or
write the file may do all of that with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from matloop.core.errors import ConfigError
from matloop.core.optional import require
from matloop.data.store import schema
from matloop.data.store.connect import Database

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy import Connection
else:
    sa = require("sqlalchemy", extra=schema.EXTRA)

Role = Literal["read", "run", "admin"]
ROLES: tuple[Role, ...] = ("read", "run", "admin")


@dataclass(frozen=True, slots=True)
class Member:
    """A user of the database, and "read", "run", "admin" or "owner"."""

    user: str
    role: str


def give(connection: Connection, user: str, role: Role) -> None:
    """Give a user of the database a role, in place of the one it has.

    Raises
    ------
    ConfigError : there is no such user or role, or the user owns the store.
    """
    if role not in ROLES:
        raise ConfigError(f"{role!r} is no role: read, run or admin.")
    _there(connection, user)
    connection.execute(sa.text("SELECT matloop.give(:user, :role)"), {"user": user, "role": role})


def take(connection: Connection, user: str) -> None:
    """Take the role of a user away.

    Raises
    ------
    ConfigError : there is no such user, or the user owns the store.
    """
    _there(connection, user)
    connection.execute(sa.text("SELECT matloop.take(:user)"), {"user": user})


def members(connection: Connection) -> tuple[Member, ...]:
    """All users that may do anything, as the database itself judges it (also by a group that they are in)."""
    found = connection.execute(sa.text(
        "SELECT r.rolname AS name, r.rolsuper OR c.relowner = r.oid AS owns, "
        "has_column_privilege(r.oid, 'matloop.model_versions', 'stage', 'UPDATE') AS admin, "
        "has_table_privilege(r.oid, 'matloop.records', 'INSERT') AS run "
        "FROM pg_roles r JOIN pg_class c ON c.oid = 'matloop.records'::regclass "
        "WHERE r.rolname !~ '^pg_' AND has_schema_privilege(r.oid, 'matloop', 'USAGE') "
        "AND has_table_privilege(r.oid, 'matloop.records', 'SELECT') ORDER BY r.rolname"
    ))  # fmt: skip
    return tuple(
        Member(row.name, "owner" if row.owns else "admin" if row.admin else "run" if row.run else "read")
        for row in found
    )


def refuse_file(database: Database) -> None:
    """ConfigError for a store that has no users."""
    if database.is_sqlite:
        raise ConfigError(
            f"{database.place}: a file has no users of its own; who may read or write it is decided by its permissions "
            "(chmod, chgrp, on the folder too). Roles need a store on PostgreSQL."
        )


def _there(connection: Connection, user: str) -> None:
    known = {row.name: row.owns for row in connection.execute(sa.text(
        "SELECT r.rolname AS name, c.relowner = r.oid AS owns FROM pg_roles r "
        "JOIN pg_class c ON c.oid = 'matloop.records'::regclass"
    ))}  # fmt: skip
    if user not in known or user.startswith("pg_"):
        raise ConfigError(f'the database has no user "{user[:63]}". Its administrator makes it: createuser {user[:63]}')
    if known[user]:
        raise ConfigError(f'"{user}" made this store and owns it, and so may do all. Roles are for other users.')
