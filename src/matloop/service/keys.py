"""Keys that let programs in, and for what: only their hashes are kept, and they are compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Literal

from matloop.core.errors import ConfigError, DataError

Scope = Literal["read", "write", "run", "admin"]
ALLOWS: dict[str, tuple[str, ...]] = {
    "read": ("read",), "write": ("read", "write"), "run": ("read", "run"), "admin": ("read", "write", "run", "admin"),
}  # fmt: skip
"""What each scope may do: read data and model cards, write data, ask models, change what is served."""
VARIABLE = "MATLOOP_SERVE_KEYS"
START = "mlk_"
_LINE = re.compile(
    r"(?P<name>[A-Za-z0-9_.@-]{1,60})\s+(?P<scope>read|write|run|admin)\s+(?P<hash>[0-9a-f]{64})"
    r"(\s+until=(?P<until>\S{10,32}))?(\s+rate=(?P<rate>\d{1,9}))?"
)


@dataclass(frozen=True, slots=True)
class Key:
    """Whose key, what it is for, and the SHA-256 of it. Keys are made by us from 32 random bytes, so that a plain hash
    cannot be turned back. until : UTC, from when on it is not taken any more; None for ever. rate : rows per minute
    that it may ask of models, 0 for what the server allows everybody."""

    name: str
    scope: Scope
    hash: str
    until: datetime | None = None
    rate: int = 0

    def allows(self, what: str) -> bool:
        """Whether it is good for "read", "write", "run" or "admin"."""
        return what in ALLOWS[self.scope]

    def expired(self, now: datetime | None = None) -> bool:
        """Whether its time is over."""
        return self.until is not None and self.until <= (now or datetime.now(UTC))


def new_key(name: str, scope: Scope, file: Path, *, until: str = "", rate: int = 0) -> str:
    """Make a key and put its hash into a file that only its owner may read; returns the key, which is kept nowhere.

    Parameters
    ----------
    until : "2027-01-31" or "90d" (days from now), empty for ever. rate : rows per minute, 0 for no limit of its own.

    Raises
    ------
    ConfigError : the name, scope, time or rate cannot be used, or the name is taken. DataError : the file is no file of
        keys.
    """
    if scope not in ALLOWS:
        raise ConfigError(f"a key is for one of {', '.join(ALLOWS)}, not for {scope!r}: --scope read, for example.")
    if not 0 <= rate < 10**9:
        raise ConfigError(f"--rate {rate}: rows per minute are a number of at least 1 (0: no limit of its own).")
    end = ends(until) if until else None
    if not re.fullmatch(r"[A-Za-z0-9_.@-]{1,60}", name):
        raise ConfigError(f"{name[:80]!r}: use up to 60 letters, digits, '_', '.', '@' and '-' as the name of a key.")
    known = read_keys(file) if file.exists() else ()
    if name in {key.name for key in known}:
        raise ConfigError(f'{file}: there is a key "{name}" already. Delete its line first, or take another name.')
    text = START + secrets.token_urlsafe(32)
    handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        more = (f" until={end:%Y-%m-%dT%H:%M:%SZ}" if end else "") + (f" rate={rate}" if rate else "")
        out.write(f"{name} {scope} {hashed(text)}{more}\n")
    return text


def ends(text: str) -> datetime:
    """When a key ends: a day ("2027-01-31", its end in UTC), a moment in ISO, or days from now ("90d").

    Raises
    ------
    ConfigError : it is none of these, or in the past.
    """
    days = re.fullmatch(r"(\d{1,5})d", text.strip())
    try:
        if days:
            found = datetime.now(UTC) + timedelta(days=int(days[1]))
        elif re.fullmatch(r"\d{4}-\d\d-\d\d", text.strip()):
            day = date.fromisoformat(text.strip()) + timedelta(days=1)
            found = datetime(day.year, day.month, day.day, tzinfo=UTC)
        else:
            found = _moment(text.strip())
    except (ValueError, OverflowError) as error:
        raise ConfigError(
            f"--until {text!r} is no time. Write a day such as 2027-01-31, or days such as 90d."
        ) from error
    if found <= datetime.now(UTC):
        raise ConfigError(f"--until {text!r} is over already.")
    return found


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def read_keys(file: Path) -> tuple[Key, ...]:
    """The keys of a file: a line each, `name scope hash [until=TIME] [rate=ROWS]`; empty lines, and those with #, are
    left out.

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
                f"{where}, line {number}: is no key. Lines are made by matloop data serve-key: NAME SCOPE HASH "
                "(never the key itself)."
            )
        try:
            until = _moment(one["until"]) if one["until"] else None
        except ValueError as error:
            raise DataError(f"{where}, line {number}: until={one['until']} is no time in ISO.") from error
        if one["name"] in found:
            raise DataError(f'{where}, line {number}: there are two keys "{one["name"]}".')
        scope: Scope = one["scope"]  # type: ignore[assignment]
        found[one["name"]] = Key(one["name"], scope, one["hash"], until, int(one["rate"] or 0))
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
