"""Where something is kept: `STORE#DATASET@VERSION?QUERY`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from matloop.core.errors import ConfigError
from matloop.data.store.query import Query, query
from matloop.data.store.values import LATEST

SEVERAL = ("where", "keys", "formulas", "systems")


@dataclass(frozen=True, slots=True)
class Address:
    """A store (path or URL), a dataset of it ("" for none), a version (`LATEST`), and which records."""

    place: str
    dataset: str = ""
    version: int = LATEST
    query: Query = Query()  # noqa: RUF009

    def seen_from(self, base: Path) -> Address:
        """The same with a relative path starting from `base`."""
        if "://" in self.place:
            return self
        return Address(str(base / Path(self.place).expanduser()), self.dataset, self.version, self.query)


def address(text: str, *, dataset: bool = False) -> Address:
    """Read an address.

    Parameters
    ----------
    dataset : whether one has to be named.

    Raises
    ------
    ConfigError : no dataset where there has to be one, a version that is no number, a query that cannot be read.

    Examples
    --------
    >>> address("materials.db#gaps@3").dataset, address("materials.db#gaps@3").version
    ('gaps', 3)
    >>> address("postgresql://me@host/db#gaps?has_all=Mn,O&where=band_gap > 1 eV").query.has_all
    ('Mn', 'O')
    """
    place, _, rest = text.partition("#")
    where, _, asked = rest.partition("?")
    name, at, number = where.partition("@")
    if not place:
        raise ConfigError(f"{text!r} names no store. Write materials.db#{name or 'gaps'}")
    if dataset and not name:
        raise ConfigError(f"{text}: names no dataset. Write {place}#NAME; what there is: matloop data history {place}")
    if at and not (number.isdigit() and int(number) > 0):
        raise ConfigError(f"{text}: the version {number!r} is no number. Write {place}#{name}@1")
    return Address(place, name, int(number or LATEST), _query(asked))


def _query(text: str) -> Query:
    asked: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        if name in SEVERAL:
            asked[name] = (*asked.get(name, ()), value)
        elif name in ("shareable", "has_structure"):
            asked[name] = value.lower() in ("true", "yes", "1")
        else:
            asked[name] = value
    return query(**asked)
