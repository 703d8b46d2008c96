"""The Materials Project by its own REST interface: summaries of materials, and the kind of calculation behind a value.

A page is two answers, kept together as they came: `/materials/summary/` and, for the same materials, the kinds of
calculations of `/materials/core/`. The key goes into a header of these requests and nowhere else.
Jain et al., APL Mater. 1 (2013) 011002. doi:10.1063/1.4812323
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from matloop.core.errors import DataError
from matloop.data.cleaning.levels import level_of
from matloop.data.harvest.addresses import shown
from matloop.data.harvest.dialects import Check, Dialect
from matloop.data.harvest.fetch import Fetcher
from matloop.data.harvest.keys import key_of, refused
from matloop.data.harvest.mapping import Entries, Facts, identity
from matloop.data.harvest.mapping import key_of as record_key
from matloop.data.harvest.mp_filter import checked, parameters
from matloop.data.harvest.pages import EVERY, Page
from matloop.data.harvest.providers import Provider
from matloop.data.harvest.responses import FetchError, Response
from matloop.data.store.values import Origin, Property, Record, plain
from matloop.matter.formats.part import StructureError, assembled
from matloop.matter.formats.records import from_record
from matloop.matter.structures import Structures

LICENCES = {"BY-C": "CC-BY-4.0", "BY-NC": "CC-BY-NC-4.0"}
"""What an entry says of its licence; entries of GNoME are not for commercial use."""
MIXED = "PBE+U and r2SCAN"
"""Of energies against the convex hull, which mixes these."""
PLUS_U = "PBE+U (MP)"
"""With the values of U of this database, which are not those of others."""
_FACTS = ("material_id", "formula_pretty", "structure", "origins", "last_updated", "deprecated", "database_IDs",
          "builder_meta", "warnings")  # fmt: skip
_KEPT = ("last_updated", "deprecated", "database_IDs", "warnings", "origins")
_LARGEST_PAGE = 250  # so that the ids of a page fit into one address


@dataclass(frozen=True, slots=True)
class _Field:
    """One value of a summary: what it is called here, its unit, and which origin says how it was calculated."""

    name: str
    unit: str
    origin: str


@cache
def known_fields() -> Mapping[str, _Field]:
    """{field of a summary ("bulk_modulus.vrh" within another): what it is here}."""
    text = files("matloop.data.harvest").joinpath("mp_fields.csv").read_text("utf-8")
    return {row["field"]: _Field(row["name"], row["unit"], row["origin"]) for row in csv.DictReader(text.splitlines())}


def ready(filter_text: str) -> None:
    """Refuse what cannot be asked, before anything is.

    Raises
    ------
    ConfigError : no key, or a filter that this interface cannot be asked.
    """
    checked(filter_text)
    key_of("mp")


def first_url(provider: Provider, filter_text: str, *, page: int, fields: Sequence[str] = ()) -> str:
    """The address of the first page."""
    names = dict.fromkeys((*_FACTS, *(name.partition(".")[0] for name in known_fields()), *fields))
    wanted = {"_all_fields": "true"} if tuple(fields) == (EVERY,) else {"_fields": ",".join(names)}
    asked = {**parameters(filter_text), **wanted, "_sort_fields": "material_id"}
    return f"{provider.url}/materials/summary/?{urlencode({**asked, '_skip': 0, '_limit': min(page, _LARGEST_PAGE)})}"


async def get(fetch: Fetcher, url: str, check: Check) -> Response:
    """A page: summaries, and the kinds of the calculations behind them.

    Raises
    ------
    FetchError : see `Fetcher.get`; kind "key" where the key is refused.
    """
    summary = await _asked(fetch, url, _read_answer)
    ids = [str(one["material_id"]) for one in _read_answer(summary)["data"] if one.get("material_id")]
    core = b'{"data":[]}'
    if ids:
        wanted = {"material_ids": ",".join(ids), "_fields": "material_id,run_types", "_limit": len(ids)}
        base = url.partition("/materials/summary/")[0]
        core = (await _asked(fetch, f"{base}/materials/core/?{urlencode(wanted)}", _read_answer)).body
    body = b'{"summary":' + summary.body.strip() + b',\n"core":' + core.strip() + b"}"
    both = replace(summary, body=body, sha256=hashlib.sha256(body).hexdigest())
    check(both)
    if fetch.kept is not None:
        fetch.kept.keep(both)
    return both


async def _asked(fetch: Fetcher, url: str, check: Check) -> Response:
    if not url.startswith("https://") and not fetch.policy.allow_local:
        raise FetchError(f"{url.partition('?')[0]}: a key is sent by https only.", kind="key")
    try:
        return await fetch.get(url, headers={"X-API-KEY": key_of("mp")}, memory="ask", check=check)
    except FetchError as error:
        if error.status in (401, 403):
            raise FetchError(refused("mp", error.status, str(error)), kind="key") from None
        short = str(error).replace(shown(url), url.partition("?")[0])  # the list of fields says nothing
        raise FetchError(short, kind=error.kind, status=error.status, wait=error.wait) from None


def _read_answer(response: Response) -> dict[str, Any]:
    answer = response.json()
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, list) or not all(isinstance(one, dict) for one in data):
        raise FetchError(f"{response.url}: the answer has no list of entries ('data').", kind="damaged")
    return answer


def read_page(response: Response) -> Page:
    """What a kept page holds.

    Raises
    ------
    FetchError : it is none; kind "damaged".
    """
    both = response.json()
    if not isinstance(both, dict) or not {"summary", "core"} <= set(both):
        raise FetchError(f"{response.url}: is no page of summaries.", kind="damaged")
    kinds = {one.get("material_id"): one.get("run_types") for one in both["core"].get("data") or []}
    entries = [
        {"id": one.get("material_id"), "summary": one, "run_types": kinds.get(one.get("material_id")) or {}}
        for one in both["summary"]["data"]
    ]
    meta = both["summary"].get("meta")
    total = meta.get("total_doc") if isinstance(meta, dict) else None
    total = total if isinstance(total, int) and total >= 0 else None
    return Page(tuple(entries), _next(response.url, len(entries), total), total, False)


def _next(url: str, n: int, total: int | None) -> str | None:
    asked = dict(parse_qsl(urlsplit(url).query))
    skip, limit = int(asked.get("_skip", 0)), int(asked.get("_limit", 0))
    if not n or (total is not None and skip + n >= total) or (total is None and n < limit):
        return None
    return f"{url.partition('?')[0]}?{urlencode({**asked, '_skip': skip + n})}"


# ---- records ----


def read_entries(data: Sequence[Any], provider: Provider, facts: Facts, origin: Origin) -> Entries:
    """The records of a page; see `matloop.data.harvest.mapping.read_entries`."""
    del facts
    records: list[Record] = []
    aside: list[tuple[str, str]] = []
    partial: list[tuple[str, str]] = []
    for number, entry in enumerate(data, start=1):
        called = identity(entry)
        if not called:
            aside.append((f"entry {number}", "has no material_id"))
            continue
        try:
            record, why = _record(entry["summary"], entry["run_types"], called, provider, origin)
        except DataError as error:
            aside.append((called, str(error)))
            continue
        records.append(record)
        partial += [(called, f"kept without a structure: {why}")] if why else []
    return Entries(tuple(records), tuple(aside), tuple(partial))


def _record(
    told: Mapping[str, Any], kinds: Mapping[str, Any], called: str, provider: Provider, origin: Origin
) -> tuple[Record, str]:
    structure, why = _structure(told.get("structure"))
    formula = str(told.get("formula_pretty") or "")
    if structure is None and not formula:
        raise DataError(f"has neither a structure ({why}) nor a formula")
    meta = told.get("builder_meta")
    stated = str(meta.get("license") or "") if isinstance(meta, Mapping) else ""
    own = replace(
        origin, provider="mp", id=called, url=f"https://materialsproject.org/materials/{quote(called, safe='')}",
        licence=LICENCES.get(stated, stated or provider.licence), citation=provider.title,
        doi=provider.citation.removeprefix("doi:"),
    )  # fmt: skip
    metadata: dict[str, Any] = {name: told[name] for name in _KEPT if told.get(name)}
    if why:
        metadata["structure"] = why
    properties = _properties(told, _methods(told, kinds))
    return Record(record_key(provider, called), formula, structure, properties, own, metadata), why


def _structure(value: Any) -> tuple[Structures | None, str]:
    if not isinstance(value, Mapping):
        return None, "none is given"
    try:
        return assembled([from_record(value)]), ""
    except StructureError as error:
        return None, str(error)


def _methods(told: Mapping[str, Any], kinds: Mapping[str, Any]) -> dict[str, str]:
    """{origin: level of theory}, from the calculation that an origin names and the kind of that calculation."""
    origins = told.get("origins")
    found = {"mixed": MIXED}
    for one in origins if isinstance(origins, list) else []:
        if isinstance(one, Mapping) and one.get("task_id") in kinds:
            word = str(kinds[one["task_id"]])
            level = level_of(word) or word
            found.setdefault(str(one.get("name")), PLUS_U if level == "PBE+U" else level)
    return found


def _properties(told: Mapping[str, Any], methods: Mapping[str, str]) -> tuple[Property, ...]:
    known, found = known_fields(), []
    for name, value in told.items():
        parts = (
            {f"{name}.{inner}": one for inner, one in value.items()} if isinstance(value, Mapping) else {name: value}
        )
        for path, one in parts.items():
            if one is None or name in _FACTS or not isinstance(one, bool | int | float | str | list):
                continue
            field = known.get(path)
            if field is not None:
                found.append(Property(field.name, plain(one), field.unit, None, methods.get(field.origin, "")))
            elif (own := _own(path, one)) is not None:
                found.append(own)
    return tuple(found)


def _own(path: str, value: Any) -> Property | None:
    """A value that the table of fields does not know, under its own name; None for what is no value or known."""
    if path.startswith("symmetry.") or path in _ABOUT:
        return None
    try:
        return Property(path, plain(value))
    except DataError:
        return None


_ABOUT = frozenset({"nsites", "elements", "nelements", "formula_anonymous", "chemsys", "property_name", "task_ids",
                    "composition", "composition_reduced", "fields_not_requested"})  # fmt: skip

DIALECT = Dialect(ready, first_url, get, read_page, read_entries, tells_itself=False)
