"""Pages of an OPTIMADE answer: the address of the first, what one holds, and where the next is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from matloop.core.optional import require
from matloop.data.harvest.addresses import EXTRA, AddressRefused, host_of, parsed
from matloop.data.harvest.filters import foreign
from matloop.data.harvest.mapping import NEEDED, Facts, known_fields
from matloop.data.harvest.providers import Provider
from matloop.data.harvest.responses import FetchError, Response

if TYPE_CHECKING:
    import httpx
else:
    httpx = require("httpx", extra=EXTRA)

EVERY = "all"
"""As the only field: all that the database has."""


@dataclass(frozen=True, slots=True)
class Page:
    """What an answer holds. next : address of the next page, None at the end. returned : how many entries fulfil the
    filter in all, None if not said. more : whether the server says that there are more."""

    entries: tuple[Any, ...]
    next: str | None
    returned: int | None
    more: bool
    warnings: tuple[str, ...] = ()


def first_url(provider: Provider, filter_text: str, *, page: int, fields: Sequence[str] = ()) -> str:
    """The address of the first page."""
    asked = {"filter": filter_text} if filter_text else {}
    asked["page_limit"] = str(page)
    if fields:
        asked["response_fields"] = ",".join(fields)
    return f"{provider.url}/structures?{urlencode(asked)}"


def asked_fields(provider: Provider, facts: Facts, own: Sequence[str]) -> tuple[str, ...]:
    """Which fields to ask for: what structures are made of, what the schema knows, and `own`; () leaves it to the
    server, where it does not say what it has. Of a database that is not in the table, all of its own properties."""
    own = [name for name in own if not provider.prefix or name not in foreign(own, provider.prefix)]
    if not any(name.startswith("_") for name in facts.properties):  # it says nothing of its own properties
        return tuple(dict.fromkeys((*NEEDED, *own))) if own and own != [EVERY] else ()
    if own == [EVERY]:
        return tuple(sorted(facts.properties - {"id", "type"}))
    there = {name.lower(): name for name in facts.properties}
    known = (name.partition(".")[0] for name in known_fields())
    mapped = [there[name] for name in known if name in there and name.startswith(f"_{provider.prefix}_")]
    if not provider.prefix:  # an address that somebody named: all of its own properties
        mapped = sorted(name for name in facts.properties if name.startswith("_"))
    standard = [name for name in known_fields() if not name.startswith("_") and name in there]
    return tuple(dict.fromkeys((*NEEDED, *standard, *mapped, *own)))


def read_page(response: Response) -> Page:
    """The page in an answer.

    Raises
    ------
    FetchError : it is no page of OPTIMADE; kind "damaged".
    """
    answer = response.json()
    data = answer.get("data") if isinstance(answer, Mapping) else None
    if data is None and isinstance(answer, Mapping) and "data" in answer and not answer.get("errors"):
        data = []  # how some servers write that there is nothing
    if not isinstance(data, list):
        raise FetchError(f"{response.url}: the answer has no list of entries ('data'){_told(answer)}", kind="damaged")
    meta = answer.get("meta")
    meta = meta if isinstance(meta, Mapping) else {}
    links = answer.get("links")
    link = links.get("next") if isinstance(links, Mapping) else None
    link = link.get("href") if isinstance(link, Mapping) else link
    returned = meta.get("data_returned")
    whole = isinstance(returned, int) and not isinstance(returned, bool) and returned >= 0
    return Page(
        tuple(data), link if isinstance(link, str) and link.strip() else None, returned if whole else None,
        meta.get("more_data_available") is True, _warnings(meta),
    )  # fmt: skip


def _told(answer: Any) -> str:
    errors = answer.get("errors") if isinstance(answer, Mapping) else None
    if not isinstance(errors, list) or not errors or not isinstance(errors[0], Mapping):
        return "."
    return f": {str(errors[0].get('detail') or errors[0].get('title') or '')[:200]}"


def _warnings(meta: Mapping[str, Any]) -> tuple[str, ...]:
    told = meta.get("warnings")
    found = [one.get("detail") for one in told if isinstance(one, Mapping)] if isinstance(told, list) else []
    return tuple(str(one)[:200] for one in found[:5] if one)


def next_url(here: str, page: Page) -> tuple[str | None, str]:
    """Where the next page is (None at the end), and what is to be said about it.

    A link to another host is not followed: the pages go on by their number of records, where the server counts so.
    """
    if page.next is None:
        if not page.more:
            return None, ""
        return skipped_to(here, len(page.entries)), "more records are announced, but no link to them; counted on"
    current = parsed(here)
    try:
        found = parsed(str(current.join(page.next.strip())))
    except (AddressRefused, httpx.InvalidURL, ValueError):
        return skipped_to(here, len(page.entries)), "the link to the next page cannot be read; counted on"
    if found.host != current.host or _port(found) != _port(current):
        return (
            skipped_to(here, len(page.entries)) if page.entries else None,
            f"the link to the next page leads to {host_of(found)}, elsewhere; it is not followed, counted on",
        )
    return str(found.copy_with(scheme=current.scheme, port=current.port)), ""


def _port(url: httpx.URL) -> int | None:
    """The port where it is not the usual one of its scheme: a server behind another often gives http for https."""
    return url.port if url.port not in (None, 80, 443) else None


def skipped_to(url: str, n: int) -> str | None:
    """The address `n` records further on, None where the server does not count records or pages."""
    found = parsed(url)
    asked = dict(found.params.multi_items())
    if n <= 0:
        return None
    if "page_number" in asked and asked["page_number"].isdigit():
        return str(found.copy_merge_params({"page_number": str(int(asked["page_number"]) + 1)}))
    if any(name in asked for name in ("page_cursor", "page_above", "page_below")):
        return None
    name = "_skip" if "_skip" in asked else "page_offset"
    start = asked.get(name, "0")
    return str(found.copy_merge_params({name: str(int(start) + n)})) if start.isdigit() else None


def size_of(url: str) -> int:
    """Records per page that an address asks for; 0 where it does not say."""
    params = parsed(url).params
    told = params.get("page_limit", "") or params.get("_limit", "")
    return int(told) if told.isdigit() else 0
