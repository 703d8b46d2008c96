"""How a database is spoken to: OPTIMADE, or an interface of its own. A new one is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from matloop.core.registry import Registry
from matloop.data.harvest.fetch import Fetcher
from matloop.data.harvest.mapping import Entries, Facts, read_entries
from matloop.data.harvest.pages import Page, first_url, read_page
from matloop.data.harvest.providers import Provider
from matloop.data.harvest.responses import Response
from matloop.data.store.values import Origin

Check = Callable[[Response], object]


@dataclass(frozen=True, slots=True)
class Dialect:
    """What the walk over the pages of a database needs.

    ready : raises what stands in the way before anything is asked (a key that is missing, a filter that cannot be
    asked). first_url : address of the first page. get : its answer, as it is kept. read_page, read_entries : what an
    answer holds, and the records of it. tells_itself : whether it is asked for /info first.
    """

    ready: Callable[[str], None]
    first_url: Callable[..., str]
    get: Callable[[Fetcher, str, Check], Coroutine[Any, Any, Response]]
    read_page: Callable[[Response], Page]
    read_entries: Callable[[Sequence[Any], Provider, Facts, Origin], Entries]
    tells_itself: bool = True


def _nothing(filter_text: str) -> None:
    del filter_text


async def _asked(fetch: Fetcher, url: str, check: Check) -> Response:
    return await fetch.get(url, memory="ask", check=check)


OPTIMADE = Dialect(_nothing, first_url, _asked, read_page, read_entries)
DIALECTS = Registry("matloop.dialects", **{"mp-api": "matloop.data.harvest.materials_project:DIALECT"})
"""Name of the database -> its `Dialect`; all others speak OPTIMADE."""


def dialect_of(provider: Provider) -> Dialect:
    """How a database is spoken to."""
    if provider.name not in DIALECTS:
        return OPTIMADE
    found: Dialect = DIALECTS.load(provider.name)
    return found
