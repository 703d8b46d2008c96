"""What a request asks for: its query parameters, checked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from matloop.problem.fault import did_you_mean
from matloop.service.optimade.clauses import foreign, foreign_prefix
from matloop.service.optimade.faults import BadRequest, Forbidden, OtherVersion
from matloop.service.optimade.fields import Fields
from matloop.service.optimade.filter import Node, parse_filter
from matloop.service.optimade.providers import PREFIXES

PAGE, LARGEST_PAGE = 20, 1000
_ONE = ("response_format", "email_address", "response_fields", "include", "api_hint")
_MANY = (*_ONE, "filter", "sort", "page_limit", "page_offset", "page_number", "page_above", "page_cursor", "page_below")
_DEEPEST_OFFSET = 2**40


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for entries.

    filter : as written; `node` is its tree. fields : names that are wanted, None for all. sort : (field, descending).
    above : id behind which the page begins. include : kinds of related entries to send along. warnings : what was
    taken differently than it was meant.
    """

    filter: str = ""
    node: Node | None = None
    fields: frozenset[str] | None = None
    sort: tuple[tuple[str, bool], ...] = ()
    limit: int = PAGE
    offset: int = 0
    above: str | None = None
    include: tuple[str, ...] = ("references",)
    warnings: tuple[str, ...] = ()


def asked_for(given: Sequence[tuple[str, str]], fields: Fields, prefix: str, *, single: bool = False) -> Asked:
    """The parameters of a request for one entry (`single`) or many.

    Raises
    ------
    BadRequest, Forbidden, OtherVersion : one of them cannot be read, is not known, or asks for too much.
    """
    warnings: list[str] = []
    known = _ONE if single else _MANY
    for name, _ in given:
        if name not in known:
            _unknown(name, known, prefix, warnings)
    twice = [name for name in known if sum(name == one for one, _ in given) > 1]
    if twice:
        raise BadRequest(f'the parameter "{twice[0]}" is given more than once.')
    told = dict(given)
    if told.get("response_format", "json") not in ("json", ""):
        raise BadRequest(f"response_format {told['response_format']!r} is not offered; there is json.")
    if told.get("email_address") and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", told["email_address"]):
        raise BadRequest(f"{told['email_address']!r} is no address of electronic mail.")
    _hint(told.get("api_hint", ""))
    text = told.get("filter", "")
    limit = _whole(told, "page_limit", PAGE)
    if limit > LARGEST_PAGE:
        raise Forbidden(f"page_limit is {limit}; {LARGEST_PAGE} entries are the most at once.")
    offset, above = _place(told, limit, warnings)
    sort = _sort(told.get("sort", ""), fields, prefix, warnings)
    if above is not None and sort:
        raise BadRequest("page_above goes with the order of the database only; with sort, use page_offset.")
    return Asked(
        text, parse_filter(text), _fields(told.get("response_fields", ""), fields, prefix, warnings), sort, limit,
        offset, above, _include(told.get("include")), tuple(warnings),
    )  # fmt: skip


def _unknown(name: str, known: Iterable[str], prefix: str, warnings: list[str]) -> None:
    if not foreign(name, prefix):
        raise BadRequest(f'there is no parameter "{name}". {did_you_mean(name, list(known))}')
    if foreign_prefix(name) not in PREFIXES:
        warnings.append(f'the parameter "{name}" is not known here and was left aside.')


def _hint(text: str) -> None:
    if not text:
        return
    found = re.fullmatch(r"v(\d+)(\.\d+)?", text)
    if found is None:
        raise BadRequest(f"api_hint is {text!r}; write it like v1 or v1.2.")
    if found[1] != "1":
        raise OtherVersion(f"version {text} is not spoken here; there is v1.")


def _whole(told: dict[str, str], name: str, default: int, least: int = 0) -> int:
    text = told.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"\d{1,15}", text) or not least <= int(text) <= _DEEPEST_OFFSET:
        raise BadRequest(f"{name} is {text[:40]!r}; a whole number of {least} or more is needed.")
    return int(text)


def _place(told: dict[str, str], limit: int, warnings: list[str]) -> tuple[int, str | None]:
    """Where the page begins: entries to pass over, or the id behind which it begins."""
    for name in ("page_cursor", "page_below"):
        if name in told:
            raise BadRequest(f"{name} is not offered; follow links.next, or use page_offset, page_number, page_above.")
    ways = [name for name in ("page_offset", "page_number", "page_above") if name in told]
    if len(ways) > 1:
        warnings.append(f"of {', '.join(ways)} only the first was used.")
    if not ways or ways[0] == "page_offset":
        return _whole(told, "page_offset", 0), None
    if ways[0] == "page_number":
        number = _whole(told, "page_number", 1)
        if number == 0:
            warnings.append("page_number counts from 1; 0 was taken as 1.")
        return max(number - 1, 0) * limit, None
    return 0, told["page_above"]


def _sort(text: str, fields: Fields, prefix: str, warnings: list[str]) -> tuple[tuple[str, bool], ...]:
    found = []
    for one in text.split(",") if text else ():
        name = one.strip().removeprefix("-")
        if name in fields and fields[name].sortable:
            found.append((name, one.strip().startswith("-")))
        elif name in fields:
            raise BadRequest(f'entries cannot be sorted by "{name}".')
        elif foreign(name, prefix):
            warnings.append(f'entries cannot be sorted by "{name}", which is not known here.')
        else:
            names = [field.name for field in fields.values() if field.sortable]
            raise BadRequest(f'entries cannot be sorted by "{name}". {did_you_mean(name, names)}')
    return tuple(found)


def _fields(text: str, fields: Fields, prefix: str, warnings: list[str]) -> frozenset[str] | None:
    if not text:
        return None
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if (name in fields and "." not in name) or name in STANDARD:
            continue
        if foreign(name, prefix):
            if foreign_prefix(name) not in PREFIXES:
                warnings.append(f'the field "{name}" has the prefix of no known provider.')
        elif name.startswith("_"):
            warnings.append(f'there is no field "{name}" here; it is null.')
        else:
            raise BadRequest(f'there is no field "{name}". {did_you_mean(name, list(fields))}')
    return frozenset(names)


def _include(text: str | None) -> tuple[str, ...]:
    if text is None:
        return ("references",)
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if name not in ("references", "structures"):
            raise BadRequest(f'include: there are no related entries "{name}"; there are references.')
    return names


STANDARD = frozenset((
    "id", "type", "immutable_id", "last_modified", "relationships", "links", "meta", "elements", "nelements",
    "elements_ratios", "chemical_formula_descriptive", "chemical_formula_reduced", "chemical_formula_hill",
    "chemical_formula_anonymous", "dimension_types", "nperiodic_dimensions", "lattice_vectors",
    "space_group_symmetry_operations_xyz", "space_group_symbol_hall", "space_group_symbol_hermann_mauguin",
    "space_group_symbol_hermann_mauguin_extended", "space_group_it_number", "cartesian_site_positions", "nsites",
    "species", "species_at_sites", "assemblies", "structure_features", "authors", "editors", "doi", "url", "address",
    "annote", "booktitle", "chapter", "crossref", "edition", "howpublished", "institution", "journal", "key", "month",
    "note", "number", "organization", "pages", "publisher", "school", "series", "title", "bib_type", "volume", "year",
))  # fmt: skip
"""Fields that the standard knows: also those that no entry here has can be asked for, and are null."""
