"""Keys that let programs read and write: only their hashes are kept, and they are compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from matloop.core.errors import ConfigError, DataError

Scope = Literal["read", "write"]
VARIABLE = "MATLOOP_SERVE_KEYS"
START = "mlk_"
_LINE = re.compile(r"(?P<name>[A-Za-z0-9_.@-]{1,60})\s+(?P<scope>read|write)\s+(?P<hash>[0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Key:
    """Whose key, what it is for, and the SHA-256 of it. Keys are made by us from 32 random bytes, so that a plain hash
    cannot be turned back."""

    name: str
    scope: Scope
    hash: str


def new_key(name: str, scope: Scope, file: Path) -> str:
    """Make a key and put its hash into a file that only its owner may read; returns the key, which is kept nowhere.

    Raises
    ------
    ConfigError : the name or scope cannot be used, or the name is taken. DataError : the file is no file of keys.
    """
    if scope not in ("read", "write"):
        raise ConfigError(f"a key is for reading or for writing, not for {scope!r}: --scope read or --scope write.")
    if not re.fullmatch(r"[A-Za-z0-9_.@-]{1,60}", name):
        raise ConfigError(f"{name[:80]!r}: use up to 60 letters, digits, '_', '.', '@' and '-' as the name of a key.")
    known = read_keys(file) if file.exists() else ()
    if name in {key.name for key in known}:
        raise ConfigError(f'{file}: there is a key "{name}" already. Delete its line first, or take another name.')
    text = START + secrets.token_urlsafe(32)
    handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(f"{name} {scope} {hashed(text)}\n")
    return text


def read_keys(file: Path) -> tuple[Key, ...]:
    """The keys of a file: a line each, `name scope hash`; empty lines and those with # are left out.

    Raises
    ------
    DataError : it cannot be read, or a line is none of these.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: the keys cannot be read ({error}). Make one: matloop data serve-key") from error
    return _parsed(lines, str(file))


def keys_of_environment() -> tuple[Key, ...]:
    """The keys that `MATLOOP_SERVE_KEYS` holds: as in a file, separated by semicolons."""
    return _parsed(os.environ.get(VARIABLE, "").split(";"), VARIABLE)


def _parsed(lines: Sequence[str], where: str) -> tuple[Key, ...]:
    found: dict[str, Key] = {}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        one = _LINE.fullmatch(text)
        if one is None:
            raise DataError(
                f"{where}, line {number}: is no key. Lines are made by matloop data serve-key: NAME read|write HASH "
                "(never the key itself)."
            )
        if one["name"] in found:
            raise DataError(f'{where}, line {number}: there are two keys "{one["name"]}".')
        found[one["name"]] = Key(one["name"], one["scope"], one["hash"])  # type: ignore[arg-type]
    return tuple(found.values())


def hashed(text: str) -> str:
    """What is kept of a key."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def matching(keys: Sequence[Key], given: str) -> Key | None:
    """The key that was given, None if there is none such; takes equally long whichever it is."""
    own, found = hashed(given), None
    for key in keys:
        if hmac.compare_digest(key.hash, own):
            found = key
    return found
