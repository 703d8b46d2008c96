"""What is written on the command line, and the bundle folders that it stands for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from matloop.core.errors import ConfigError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")
_STORED = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9_.-]{0,79})@(?P<which>champion|latest|[1-9]\d{0,8})")


@dataclass(frozen=True, slots=True)
class Spelled:
    """One BUNDLE of the command line. name : to serve it by, "" for the bundle's own. folder : where it is, or "" for
    one of the registry, then `which` is its number or stage ("champion" follows promotions)."""

    text: str
    name: str
    folder: str = ""
    which: str = ""


def spelled(text: str, *, store: str = "") -> Spelled:
    """What a BUNDLE stands for: a folder, NAME=FOLDER, or NAME@champion, NAME@3 of the registry in `store`.

    Raises
    ------
    ConfigError : it cannot be read, or the folder is not there.
    """
    if "\0" in text:
        raise ConfigError(f"{text[:200]!r} is no folder.")
    name, sign, rest = text.partition("=")
    if sign and not Path(text).exists():
        if not _NAME.fullmatch(name):
            raise ConfigError(f"{text[:200]!r}: use letters, digits, '_', '.' and '-' in the name before '='.")
        return Spelled(text, name, str(_folder(rest)))
    found = _STORED.fullmatch(text)
    if found and not Path(text).exists():
        if not store:
            raise ConfigError(f"{text!r} is a model of a registry: say in which store, --store STORE.")
        return Spelled(text, found["name"], "", found["which"])
    return Spelled(text, "", str(_folder(text)))


def served_name(name: str) -> str:
    """A name that stands in addresses: what is not a letter, digit, '_', '.' or '-' becomes '-'."""
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.")[:80]
    return plain or "model"


def _folder(text: str) -> Path:
    folder = Path(text)
    if (folder / "bundle" / "manifest.json").is_file() and not (folder / "manifest.json").is_file():
        folder = folder / "bundle"
    if not folder.is_dir():
        raise ConfigError(f"{text[:200]!r}: there is no such folder. A bundle is the folder RUN/bundle of a run.")
    return folder.absolute()
