"""Requests to answers, without any server: what each address of the OPTIMADE interface returns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, unquote, urlencode

from matloop.data.store.connect import Database
from matloop.service.optimade.answers import API, Provider, meta
from matloop.service.optimade.asked import Asked, asked_for
from matloop.service.optimade.entries import small_entry, structure_entries
from matloop.service.optimade.faults import NotThere, OtherVersion
from matloop.service.optimade.fields import Fields
from matloop.service.optimade.filter import Compare, Name
from matloop.service.optimade.listing import Page, small_page, structure_page
from matloop.service.optimade.references import Small
from matloop.service.optimade.state import Moments, State

Query = Sequence[tuple[str, str]]
_VERSIONED = re.compile(r"/v(\d+)((?:\.\d+)*)(?=/|$)")
_SPOKEN = ("v1", "v1.2", "v1.2.0")
_SPDX = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*-?\d?[A-Za-z0-9.+-]*")
MOST_INCLUDED = 500
LINKS = ("name", "description", "base_url", "homepage", "link_type", "aggregate")


@dataclass(frozen=True, slots=True)
class Request:
    """One request: `base` is the address of the server, `path` begins behind it, `query` are the parameters."""

    base: str
    path: str
    query: Query = ()

    @property
    def representation(self) -> str:
        text = urlencode(self.query)
        return f"{self.path}?{text}" if text else self.path


@dataclass(frozen=True, slots=True)
class Interface:
    """The OPTIMADE interface of a store. seconds : that a question to the database may take."""

    database: Database
    moments: Moments
    provider: Provider
    seconds: float = 30.0

    @property
    def prefix(self) -> str:
        return self.provider.prefix

    def answer(self, request: Request) -> dict[str, Any]:
        """The body of the answer to a GET request.

        Raises
        ------
        Refused : it is not answered, with the status for it. MatloopError : the database cannot be reached.
        """
        version, parts = _split(request.path)
        if parts[:1] == ["info"] and len(parts) <= 2:
            asked_for(request.query, {}, self.prefix, single=True)
            state = self.moments.now()
            data = _info(state, request.base, version) if len(parts) == 1 else _entry_info(state, parts[1])
            return {"data": data, "meta": self._meta(request, returned=1, available=1)}
        if parts[:1] == ["links"] and len(parts) == 1:
            links = _links(self.provider, request.base)
            return self._many_small(request, links, links.rows)
        if parts[:1] == ["structures"]:
            return self._structures(request, parts[1:])
        if parts[:1] == ["references"]:
            found = self.moments.now().references.table
            return (
                self._one_small(request, found, "/".join(parts[1:]))
                if parts[1:]
                else self._many_small(request, found, found.rows)
            )
        if parts[:1] == ["api"]:
            raise NotThere(f"there is nothing at {request.path}. What there is says /api/v1/openapi.json.")
        raise NotThere(f"there is nothing at {request.path}. There are /info, /structures, /references and /links.")

    # ---- structures ----

    def _structures(self, request: Request, rest: Sequence[str]) -> dict[str, Any]:
        state = self.moments.now()
        if rest:
            return self._one_structure(request, state, "/".join(rest))
        asked = asked_for(request.query, state.fields, self.prefix)
        page = structure_page(self.database, state, asked, self.prefix, self.seconds)
        entries = structure_entries(self.database, state, page.ids, asked.fields, self.prefix)
        following = self._next(request, asked, page, entries)
        return {
            "links": {"next": following},
            "data": entries,
            "included": _included(state, entries, asked),
            "meta": self._meta(request, asked, page, state.available),
        }

    def _one_structure(self, request: Request, state: State, name: str) -> dict[str, Any]:
        asked = asked_for(request.query, state.fields, self.prefix, single=True)
        one = replace(asked, filter=f"\0id={name}", node=Compare(Name(("id",)), "=", name), limit=1)
        page = structure_page(self.database, state, one, self.prefix, self.seconds)
        entries = structure_entries(self.database, state, page.ids, asked.fields, self.prefix)
        if not entries:
            raise NotThere(f'there is no structure "{name}".')
        return {
            "links": {"next": None},
            "data": entries[0],
            "included": _included(state, entries, asked),
            "meta": self._meta(request, asked, Page((), 1, False), state.available),
        }

    # ---- references and links ----

    def _many_small(self, request: Request, small: Small, available: int) -> dict[str, Any]:
        fields: Fields = small.fields
        asked = asked_for(request.query, fields, self.prefix)
        page, rows = small_page(small, fields, asked, self.prefix)
        entries = [small_entry(small.kind, row, asked.fields) for row in rows]
        return {
            "links": {"next": self._next(request, asked, page, entries)},
            "data": entries,
            "meta": self._meta(request, asked, page, available),
        }

    def _one_small(self, request: Request, small: Small, name: str) -> dict[str, Any]:
        fields = small.fields
        asked = asked_for(request.query, fields, self.prefix, single=True)
        one = replace(asked, node=Compare(Name(("id",)), "=", name), limit=1)
        page, rows = small_page(small, fields, one, self.prefix)
        if not rows:
            raise NotThere(f'there is no {small.kind.removesuffix("s")} "{name}".')
        return {
            "links": {"next": None},
            "data": small_entry(small.kind, rows[0], asked.fields),
            "meta": self._meta(request, asked, page, small.rows),
        }

    # ---- shared ----

    def _next(self, request: Request, asked: Asked, page: Page, entries: Sequence[dict[str, Any]]) -> str | None:
        """The address of the next page: behind the last entry, or by number where the order is another one."""
        if not page.more or not entries:
            return None
        by_offset = asked.sort or any(name in ("page_offset", "page_number") for name, _ in request.query)
        rest = [pair for pair in request.query if pair[0] not in ("page_offset", "page_number", "page_above")]
        place = ("page_offset", str(asked.offset + len(entries))) if by_offset else ("page_above", entries[-1]["id"])
        return f"{request.base}{quote(request.path)}?{urlencode([*rest, place])}"

    def _meta(
        self, request: Request, asked: Asked | None = None, page: Page | None = None, available: int | None = None, *,
        returned: int | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        warnings = (*(asked.warnings if asked else ()), *(page.warnings if page else ()))
        return meta(
            self.provider, unversioned(request.representation), returned=page.total if page else returned,
            available=available, more=page.more if page else False, warnings=warnings,
        )  # fmt: skip


def unversioned(path: str) -> str:
    """A path without its version, as answers repeat it."""
    return _VERSIONED.sub("", path, count=1) or "/"


def _split(path: str) -> tuple[str, list[str]]:
    """The version that a path begins with ("" for none), and the rest of it.

    Raises
    ------
    OtherVersion : one that is not spoken.
    """
    found = _VERSIONED.match(path)
    version = found[0][1:] if found else ""
    if found and version not in _SPOKEN:
        raise OtherVersion(f"version {version} is not spoken here; there are {', '.join(_SPOKEN)}.")
    rest = path[found.end() :] if found else path
    return version, [unquote(part) for part in rest.strip("/").split("/")] if rest.strip("/") else []


def _info(state: State, base: str, version: str) -> dict[str, Any]:
    del version
    kinds = ["structures", *(["references"] if state.references.cited else [])]
    licences = {part.licence for part in state.parts}
    (whole,) = licences if len(licences) == 1 else ("",)
    certain = bool(whole) and _SPDX.fullmatch(whole) is not None and set(state.licences) <= {"", whole}
    return {
        "id": "/",
        "type": "info",
        "attributes": {
            "api_version": API,
            "available_api_versions": [{"url": f"{base}/v1", "version": API}],
            "formats": ["json"],
            "available_endpoints": ["info", "links", *kinds],
            "entry_types_by_format": {"json": kinds},
            "is_index": False,
            "license": {"href": f"{base}/#licences"},
            "available_licenses": [whole] if certain else None,
            "available_licenses_for_entries": [whole] if certain else None,
        },
    }


def _entry_info(state: State, kind: str) -> dict[str, Any]:
    if kind == "structures":
        fields, about = state.fields, "Materials with their structure and properties."
    elif kind == "references":
        fields, about = state.references.table.fields, "What is to be cited for the data."
    else:
        raise NotThere(f'there are no entries of type "{kind}"; there are structures and references.')
    properties = {name: one.info for name, one in fields.items() if "." not in name}
    return {
        "id": kind,
        "type": "info",
        "description": about,
        "formats": ["json"],
        "properties": properties,
        "output_fields_by_format": {"json": list(properties)},
    }


def _links(provider: Provider, base: str) -> Small:
    home = provider.homepage or None
    rows = [
        {"id": "providers", "name": "Providers of OPTIMADE", "description": "All databases that speak OPTIMADE.",
         "base_url": "https://providers.optimade.org", "homepage": "https://www.optimade.org",
         "link_type": "providers", "aggregate": None, "last_modified": None},
        {"id": provider.prefix, "name": provider.name, "description": provider.about, "base_url": base,
         "homepage": home, "link_type": "root", "aggregate": "no", "last_modified": None},
    ]  # fmt: skip
    return Small("links", LINKS, rows)


def _included(state: State, entries: Sequence[dict[str, Any]], asked: Asked) -> list[dict[str, Any]]:
    if "references" not in asked.include:
        return []
    names = [
        one["id"] for entry in entries for one in entry.get("relationships", {}).get("references", {}).get("data", [])
    ]
    small = state.references.table
    rows = small.get(list(dict.fromkeys(names))[:MOST_INCLUDED])
    return [small_entry(small.kind, row, None) for row in rows]
