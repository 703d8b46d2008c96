"""Keys of databases: from the environment, or from the keyring of the user; nowhere else, and never shown."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any

from matloop.core.errors import ConfigError
from matloop.core.optional import available, require
from matloop.problem.fault import did_you_mean

EXTRA = "harvest"
SERVICE = "matloop"
_SHAPE = re.compile(r"[\x21-\x7e]{8,200}")


class KeyMissing(ConfigError):
    """No key, or one that is refused; the message never holds it."""


@dataclass(frozen=True, slots=True)
class Door:
    """A database that wants a key: the variable that may hold it, and where one is given."""

    name: str
    title: str
    variable: str
    where: str


DOORS = {"mp": Door("mp", "Materials Project", "MP_API_KEY", "https://next-gen.materialsproject.org/api")}


@dataclass(frozen=True, slots=True)
class KeyState:
    """Whether there is a key, and where it is: "environment", "keyring", or ""."""

    name: str
    title: str
    variable: str
    found: str


def door(name: str) -> Door:
    """The database of a name.

    Raises
    ------
    ConfigError : there is none that wants a key.
    """
    if name not in DOORS:
        raise ConfigError(f"no database {name!r} takes a key. {did_you_mean(name, list(DOORS))}")
    return DOORS[name]


def key_of(name: str) -> str:
    """The key of a database: of the environment, else of the keyring.

    Raises
    ------
    KeyMissing : there is none, or it cannot be one; the message says how to give it.
    """
    one = door(name)
    key = os.environ.get(one.variable, "").strip() or _of_keyring(name)
    if not key:
        raise KeyMissing(
            f"{one.title} wants a key. Get yours at {one.where}, then keep it with: matloop data key set {name} (or "
            f"set {one.variable} in the environment)."
        )
    return _checked(key, one)


def refused(name: str, status: int, why: str) -> str:
    """What is to be said where the server refuses a key. why : what it said itself, without the key."""
    one = door(name)
    where = f"{one.variable} of the environment" if os.environ.get(one.variable, "").strip() else "that of the keyring"
    unknown = "is not known there, or has expired" if status == 401 else "is refused"
    what = "has expired" if "expire" in why.lower() else unknown
    return (
        f"the key for {one.title} ({where}) {what} (status {status}). Look at {one.where}, and keep the new one with: "
        f"matloop data key set {name}"
    )


def set_key(name: str, key: str) -> None:
    """Keep a key in the keyring of the user.

    Raises
    ------
    KeyMissing : it cannot be a key. ConfigError : this machine has no keyring.
    """
    one, key = door(name), key.strip()
    _checked(key, one)
    ring = _ring()
    try:
        ring.set_password(SERVICE, name, key)
    except ring.errors.KeyringError as error:
        raise _no_ring(one, error) from None


def remove_key(name: str) -> bool:
    """Take a key out of the keyring; whether there was one.

    Raises
    ------
    ConfigError : this machine has no keyring.
    """
    one, ring = door(name), _ring()
    try:
        if ring.get_password(SERVICE, name) is None:
            return False
        ring.delete_password(SERVICE, name)
    except ring.errors.KeyringError as error:
        raise _no_ring(one, error) from None
    return True


def key_states() -> tuple[KeyState, ...]:
    """Of every database that wants a key, whether there is one."""
    return tuple(KeyState(one.name, one.title, one.variable, _found(one)) for one in DOORS.values())


def _found(one: Door) -> str:
    if os.environ.get(one.variable, "").strip():
        return "environment"
    return "keyring" if _of_keyring(one.name) else ""


def _checked(key: str, one: Door) -> str:
    if not _SHAPE.fullmatch(key):
        raise KeyMissing(
            f"what is given as the key for {one.title} cannot be one ({len(key)} characters, or blanks in it). Copy it "
            f"again from {one.where}"
        )
    if one.name == "mp" and len(key) == 16:
        raise KeyMissing(
            f"the key for {one.title} has 16 characters: that is one of the old interface, which is gone. Get a new "
            f"one at {one.where}"
        )
    return key


def _ring() -> Any:
    ring = require("keyring", extra=EXTRA)
    require("keyring.errors", extra=EXTRA)
    return ring


def _of_keyring(name: str) -> str:
    """The key in the keyring, "" where there is none, or no keyring."""
    if not available("keyring"):
        return ""
    ring = _ring()
    try:
        return str(ring.get_password(SERVICE, name) or "").strip()
    except ring.errors.KeyringError:
        return ""  # a machine without a keyring has no key in it


def _no_ring(one: Door, error: Exception) -> ConfigError:
    return ConfigError(
        f"this machine has no keyring that can be used ({type(error).__name__}). Set {one.variable} in the environment "
        "instead, for example in a file that only you can read."
    )
