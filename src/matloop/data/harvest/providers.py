"""Databases that speak OPTIMADE: a table of known ones, addresses of one's own, and the official list.

Andersen et al., Sci. Data 8 (2021) 217. doi:10.1038/s41597-021-00974-z
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from matloop.core.errors import ConfigError, DataError
from matloop.data.harvest.addresses import host_of, parsed
from matloop.problem.fault import did_you_mean

ALL = "all"
_VERSION = re.compile(r"/v\d+(\.\d+)*$")
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")
_OTHERS = {"nomad": "nmd", "2dmatpedia": "twodmatpedia", "materials project": "mp", "materialsproject": "mp"}


@dataclass(frozen=True, slots=True)
class Provider:
    """One database.

    name : short ("mp", "mcloud.mc2d"), part of the keys of its records. url : with the version ("/v1"). prefix : of its
    own properties ("_mp_band_gap"). licence : SPDX name, "" where none is known. method : level of theory of all its
    values, "" where they differ. rate : requests per second. page : records per page.
    """

    name: str
    title: str
    url: str
    prefix: str
    licence: str = ""
    method: str = ""
    rate: float = 1.0
    page: int = 100
    citation: str = ""


INTERFACES = (
    Provider("mp-api", "Materials Project (own interface, wants a key)", "https://api.materialsproject.org", "mp",
             "CC-BY-4.0", "", 2.0, 250, "doi:10.1063/1.4812323"),
)  # fmt: skip
"""Databases by an interface of their own (see `dialects`); never among "all", which has them by OPTIMADE."""


@cache
def known_providers() -> tuple[Provider, ...]:
    """The databases of the table that comes with matloop, by name."""
    text = files("matloop.data.harvest").joinpath("providers.csv").read_text("utf-8")
    return tuple(_read_row(row) for row in csv.DictReader(text.splitlines()))


def _read_row(row: Mapping[str, str]) -> Provider:
    texts = {name: row[name] for name in ("name", "title", "url", "prefix", "licence", "method", "citation")}
    return Provider(rate=float(row["rate"]), page=int(row["page"]), **texts)


def chosen_providers(words: Sequence[str] | str, known: Sequence[Provider] | None = None) -> tuple[Provider, ...]:
    """The databases that are named: short names, "all", a family ("mcloud" for all that begin so), or addresses.

    Parameters
    ----------
    words : "mp,oqmd", or a list of names and addresses. known : to choose from; the table by default.

    Raises
    ------
    ConfigError : a name is not known; the message gives near ones, or all.
    """
    table = known_providers() if known is None else tuple(known)
    given = words.split(",") if isinstance(words, str) else list(words)
    names = [word.strip() for word in given if word.strip()]
    if not names:
        raise ConfigError(f"no database is named. Write --from mp,oqmd, or --from all. {_listed(table)}")
    found: dict[str, Provider] = {}
    for name in names:
        for one in _named(name, table):
            found.setdefault(one.url, one)
    twice = [one.name for one in found.values() if sum(other.name == one.name for other in found.values()) > 1]
    if twice:
        raise ConfigError(f"two databases would be called {twice[0]!r}. Name one of them: name=https://...")
    return tuple(found.values())


def _named(word: str, table: Sequence[Provider]) -> Sequence[Provider]:
    if "://" in word:
        return [own_provider(word, table)]
    name = _OTHERS.get(word.lower(), word.lower())
    if name == ALL:
        return table
    exact = [one for one in (*table, *INTERFACES) if one.name == name]
    family = [one for one in table if one.name.startswith(f"{name}.")]
    if exact or family:
        return exact or family
    names = [one.name for one in (*table, *INTERFACES)]
    raise ConfigError(
        f"no database {word!r} is known. {did_you_mean(word, names, otherwise='Known')} An "
        "address is taken too: --from https://example.org/optimade/v1"
    )


def _listed(table: Sequence[Provider]) -> str:
    return "Known: " + ", ".join(one.name for one in table) + "."


def own_provider(text: str, table: Sequence[Provider] = ()) -> Provider:
    """A database by its address, "https://example.org/optimade" or "lab=http://localhost:5000"; "/v1" is added.

    Raises
    ------
    ConfigError : it is no address.
    """
    name, equals, rest = text.partition("=")
    called, address = (name.strip().lower(), rest) if equals and "://" not in name else ("", text)
    url = parsed(address)
    base = str(url.copy_with(query=None)).rstrip("/")
    base = re.sub(r"/(structures|info|links|references)(/.*)?$", "", base)
    base = base if _VERSION.search(base) else f"{base}/v1"
    same = next((one for one in table if one.url == base), None)
    if same is not None and not called:
        return same
    host = host_of(url)
    called = called or re.sub(r"[^a-z0-9.-]+", "-", str(host)).strip("-.")
    if not _NAME.fullmatch(called):
        raise ConfigError(f"{called!r} cannot be the name of a database: use small letters, digits, '_', '.' and '-'.")
    return Provider(called, str(host), base, "")


def listed_providers(answer: Any, kind: Literal["child", "external"]) -> tuple[Provider, ...]:
    """The databases of an answer of `/links` (kind "child"), or the indices in it that lead to more ("external").

    Raises
    ------
    DataError : it is no such answer.
    """
    data = answer.get("data") if isinstance(answer, Mapping) else None
    if not isinstance(data, list):
        raise DataError("the list of providers has no 'data': give an answer of /links of OPTIMADE.")
    found = []
    for entry in data:
        told = entry.get("attributes") if isinstance(entry, Mapping) else None
        if not isinstance(told, Mapping) or told.get("link_type", "child") != kind:
            continue
        base = told.get("base_url")
        base = base.get("href") if isinstance(base, Mapping) else base
        name = str(entry.get("id", "")).lower()
        if isinstance(base, str) and "://" in base and _NAME.fullmatch(name) and name != "exmpl":
            one = own_provider(f"{name}={base}")
            found.append(Provider(name, str(told.get("name") or name), one.url, name))
    return tuple(found)
