"""Giving and taking roles, each of it a deed in the log."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from matloop.data.store import roles
from matloop.data.store.roles import Member, Role
from matloop.data.store.write import user as logged_in
from matloop.deploy.registry import audit
from matloop.deploy.registry.registry import Registry

if TYPE_CHECKING:
    from sqlalchemy import Connection


def grant(registry: Registry, user: str, role: Role, *, who: str = "", why: str = "") -> tuple[Member, ...]:
    """Give a user of the database a role, in place of the one it has; returns all who have one.

    Raises
    ------
    ConfigError : the store is a file, or there is no such user or role. RunError : you are no admin.
    """
    said = f"{role}: {why}" if why else role
    return _changed(registry, "grant", user, said, who, lambda connection: roles.give(connection, user, role))


def revoke(registry: Registry, user: str, *, who: str = "", why: str = "") -> tuple[Member, ...]:
    """Take the role of a user away; returns all who have one.

    Raises
    ------
    ConfigError, RunError : as `grant`.
    """
    return _changed(registry, "revoke", user, why, who, lambda connection: roles.take(connection, user))


def members(registry: Registry) -> tuple[Member, ...]:
    """All users who may do anything with the store, and their roles.

    Raises
    ------
    ConfigError : the store is a file.
    """
    roles.refuse_file(registry.database)
    return registry.reading(roles.members)


def _changed(
    registry: Registry, what: str, user: str, why: str, who: str, change: Callable[[Connection], None]
) -> tuple[Member, ...]:  # fmt: skip
    roles.refuse_file(registry.database)

    def work(connection: Connection, token: str) -> None:
        change(connection)
        audit.written(connection, who=who or logged_in(), what=what, name=user, why=why, token=token)

    registry.writing(work)
    return members(registry)
