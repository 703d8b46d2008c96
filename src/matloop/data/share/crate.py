"""The description of a shared dataset: RO-Crate 1.1 (JSON-LD of schema.org terms) and the meaning of its columns.

Soiland-Reyes et al., Data Science 5 (2022) 97, doi:10.3233/DS-210053; https://w3id.org/ro/crate/1.1
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from matloop.core.errors import ConfigError
from matloop.core.jsonable import from_jsonable, to_jsonable
from matloop.data.share.choose import Account, Override, SourceOf
from matloop.data.share.escape import MARK
from matloop.data.share.flat import ColumnOf
from matloop.data.share.forms import MEDIA, Form
from matloop.data.share.licences import UNSTATED, Combined, Licence, licence
from matloop.data.share.quantities import codes
from matloop.data.store.values import DatasetCard, Version

METADATA = "ro-crate-metadata.json"
PROFILE = "https://w3id.org/ro/crate/1.1"
OURS = "#matloop-dataset"
_CONTEXT = [
    "https://w3id.org/ro/crate/1.1/context",
    {
        "sha256": "https://w3id.org/ro/terms/workflow-run#sha256",
        "ucumCode": "http://qudt.org/schema/qudt/ucumCode",
        "conditionsOfAccess": "https://schema.org/conditionsOfAccess",
    },
]
_ORCID = re.compile(r"^(?:https?://orcid\.org/)?(\d{4}-\d{4}-\d{4}-\d{3}[\dX])$")


@dataclass(frozen=True, slots=True)
class Creator:
    """Who made the dataset; `orcid` as an address, "" where there is none."""

    name: str
    orcid: str = ""


@dataclass(frozen=True, slots=True)
class FileIn:
    """One file of the folder: path with "/", size in bytes, SHA-256."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Described:
    """All that is said about a dataset that is shared."""

    card: DatasetCard
    version: Version
    form: Form
    columns: tuple[ColumnOf, ...]
    account: Account
    combined: Combined
    override: Override
    creators: tuple[Creator, ...]
    query: str
    matloop: str

    @property
    def title(self) -> str:
        return self.card.title or self.card.name

    @property
    def about(self) -> str:
        return self.card.about or f"{self.account.kept:,} records of the dataset {self.card.name!r}."


def creator(text: str) -> Creator:
    """A person from "Name" or "Name <ORCID>".

    Raises
    ------
    ConfigError : no name, or the ORCID is none (its last digit is a checksum, ISO 7064 MOD 11-2).

    Examples
    --------
    >>> creator("Josiah Carberry <0000-0002-1825-0097>").orcid
    'https://orcid.org/0000-0002-1825-0097'
    """
    name, _, rest = text.partition("<")
    name, number = " ".join(name.split()), rest.rstrip("> ").strip()
    if not name:
        raise ConfigError(f"--creator {text!r}: a name is missing. Write 'Ada Lovelace <0000-0002-1825-0097>'.")
    if not number:
        return Creator(name)
    found = _ORCID.match(number)
    if found is None or not _checks(found[1].replace("-", "")):
        raise ConfigError(f"--creator {text!r}: {number!r} is no ORCID. Copy it from orcid.org, or leave it out.")
    return Creator(name, f"https://orcid.org/{found[1]}")


def _checks(digits: str) -> bool:
    total = 0
    for digit in digits[:-1]:
        total = (total + int(digit)) * 2
    return "0123456789X"[(12 - total % 11) % 11] == digits[-1]


def crate(told: Described, files: Sequence[FileIn]) -> dict[str, Any]:
    """The JSON-LD document: descriptor, root, files, measured variables, sources, people, licences, the export."""
    licences = _licences(told)
    sources = [_source(number, one, told) for number, one in enumerate(_sources(told.account), start=1)]
    people = [_person(one) for one in told.creators]
    measured = [_variable(number, one) for number, one in enumerate(_values(told.columns), start=1)]
    listed = [one for one in files if not one.path.startswith("structures/")]
    parts = [_file(one) for one in listed]
    if len(listed) < len(files):
        parts.append({
            "@id": "structures/", "@type": "Dataset", "name": "Structures",
            "description": f"{len(files) - len(listed):,} files, one per record that has a structure",
        })  # fmt: skip
    articles = _articles(told)
    descriptor = {
        "@id": METADATA, "@type": "CreativeWork", "conformsTo": {"@id": PROFILE}, "about": {"@id": "./"},
        "description": "Description of this folder, RO-Crate 1.1",
    }  # fmt: skip
    graph = [descriptor, _root(told, parts, sources, people, measured, articles), *parts, *measured, *sources,
             *articles, *people, *licences, *_export(told, sources)]  # fmt: skip
    return {"@context": _CONTEXT, "@graph": graph}


def _ids(entities: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    return [{"@id": one["@id"]} for one in entities]


def _root(
    told: Described, parts: Sequence[Any], sources: Sequence[Any], people: Sequence[Any], measured: Sequence[Any],
    articles: Sequence[Any],
) -> dict[str, Any]:  # fmt: skip
    v = told.version
    root: dict[str, Any] = {
        "@id": "./", "@type": "Dataset", "name": told.title, "description": told.about,
        "identifier": f"{told.card.name}@{v.number} {v.fingerprint}", "datePublished": v.created,
        "license": {"@id": _licence_id(told.combined.licence)}, "version": str(v.number), "creator": _ids(people),
        "hasPart": _ids(parts), "variableMeasured": _ids(measured), "isBasedOn": _ids(sources),
        "citation": _ids(articles), "mentions": [{"@id": OURS}],
        "keywords": ["materials science", *sorted({one.quantity for one in told.columns if one.role == "value"})[:50]],
    }  # fmt: skip
    conditions = [*told.combined.why, *told.override.lines(), *withheld_lines(told.account)]
    root["conditionsOfAccess"] = ". ".join(line[:1].upper() + line[1:] for line in conditions)
    return {name: value for name, value in root.items() if value != []}


def withheld_lines(account: Account) -> list[str]:
    """What stays behind, a sentence per reason."""
    lines = []
    for reason in sorted(account.reasons):
        some = [one for one in account.withheld if one.reason == reason]
        rows, values = sum(not one.property for one in some), sum(bool(one.property) for one in some)
        counts = [f"{n:,} {what}" for n, what in ((rows, "records"), (values, "single values")) if n]
        lines.append(f"{' and '.join(counts)} left out: {reason}")
    return lines


def _file(one: FileIn) -> dict[str, Any]:
    ending = Path(one.path).suffix
    return {
        "@id": quote(one.path), "@type": "File", "name": one.path, "contentSize": str(one.size), "sha256": one.sha256,
        "encodingFormat": MEDIA.get(ending, "application/octet-stream"),
    }  # fmt: skip


def _values(columns: Sequence[ColumnOf]) -> list[ColumnOf]:
    return [one for one in columns if one.role == "value"]


def _variable(number: int, one: ColumnOf) -> dict[str, Any]:
    ucum, qudt = codes(one.unit)
    found: dict[str, Any] = {
        "@id": f"#variable-{number}", "@type": "PropertyValue", "name": one.quantity,
        "description": f"{one.n:,} values" + (f", column {one.name!r}" if one.name != one.quantity else ""),
    }  # fmt: skip
    if one.unit:
        found |= {"unitText": one.unit}
    if one.unit and qudt:
        found |= {"unitCode": qudt}
    if one.unit and ucum:
        found |= {"ucumCode": ucum}
    if one.method:
        found |= {"measurementTechnique": one.method}
    if one.low is not None:
        found |= {"minValue": one.low, "maxValue": one.high}
    return found


def _sources(account: Account) -> list[SourceOf]:
    return sorted(account.sources, key=lambda one: tuple(map(str, to_jsonable(one).values())))


def _source(number: int, one: SourceOf, told: Described) -> dict[str, Any]:
    account = told.account
    when, files = account.retrieved.get(one), sorted(account.files.get(one, ()))
    found: dict[str, Any] = {
        "@id": f"#source-{number}", "@type": "Dataset", "name": one.provider or "not named",
        "description": f"{account.sources[one]:,} records or values come from here"
        + (f"; read {when[0]} to {when[1]}" if when else ""),
        "license": {"@id": _licence_id(_named(one.licence))},
    }  # fmt: skip
    if files:
        found["identifier"] = [f"sha256:{name}" for name in files[:20]]
        if len(files) > 20:
            found["description"] += f"; {len(files):,} raw files or answers"
    if (url := account.urls.get(one, "")).startswith(("http://", "https://")):
        found["url"] = url
    if one.citation or one.doi:
        found["citation"] = {"@id": article_id(one.citation, one.doi)}
    if not one.shareable:
        found["conditionsOfAccess"] = "not to be shared"
    return found


def article_id(citation: str, doi: str) -> str:
    """The address of what is to be cited."""
    doi = re.sub(r"^(https?://(dx\.)?doi\.org/|doi:)", "", doi.strip(), flags=re.I)
    return f"https://doi.org/{quote(doi, safe='/.()-_;:')}" if doi else f"#citation-{quote(citation[:80])}"


def cited(told: Described) -> list[tuple[str, str]]:
    """What to cite: pairs of (text, DOI), that of the dataset as a whole first."""
    pairs = [(told.card.citation, "")] if told.card.citation else []
    pairs += [(one.citation, one.doi) for one in _sources(told.account) if one.citation or one.doi]
    return list(dict.fromkeys(pairs))


def _articles(told: Described) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for text, doi in cited(told):
        name = article_id(text, doi)
        found.setdefault(name, {"@id": name, "@type": "ScholarlyArticle", "name": text or doi})
    return list(found.values())


def _person(one: Creator) -> dict[str, Any]:
    return {"@id": one.orcid or f"#person-{quote(one.name)}", "@type": "Person", "name": one.name}


def _named(text: str) -> Licence:
    return licence(text) if text.strip() else Licence(UNSTATED, "No licence is stated", "", "unknown")


def _licence_id(one: Licence) -> str:
    return one.url or f"#licence-{quote(one.name[:80])}"


def _licences(told: Described) -> list[dict[str, Any]]:
    every = {one.name: one for one in (told.combined.licence, *map(_named, sorted(told.account.licences)))}
    return [
        {"@id": _licence_id(one), "@type": "CreativeWork", "name": one.title, "identifier": one.name,
         "description": one.said}
        for one in every.values()
    ]  # fmt: skip


def _export(told: Described, sources: Sequence[Any]) -> list[dict[str, Any]]:
    query = f", of which those that fulfil {told.query}" if told.query else ""
    facts = {
        "form": told.form, "dataset": told.card.name, "title": told.card.title, "about": told.card.about,
        "licence": told.card.licence, "citation": told.card.citation, "version": told.version.number,
        "fingerprint": told.version.fingerprint, "records": told.account.kept,
    }  # fmt: skip
    return [
        {"@id": "#matloop", "@type": "SoftwareApplication", "name": "matloop", "version": told.matloop},
        {
            "@id": "#export", "@type": "CreateAction", "name": f"Export of version {told.version.number}{query}",
            "instrument": {"@id": "#matloop"}, "object": _ids(sources), "result": {"@id": "./"},
            "endTime": told.version.created,
            "description": f"Version {told.version.number} of {told.version.created} by {told.version.author}: "
            f"{told.version.message or 'no message'}. Fingerprint {told.version.fingerprint}.",
        },
        {"@id": OURS, "@type": "PropertyValue", "name": "matloop dataset",
         "value": [f"{name}={value}" for name, value in facts.items()]},
    ]  # fmt: skip


def facts_of(document: Any) -> dict[str, str]:
    """What `matloop` wrote about a dataset into its crate: form, dataset, version, fingerprint, ...; {} in others."""
    graph = document.get("@graph", []) if isinstance(document, dict) else []
    entry = next((one for one in graph if isinstance(one, dict) and one.get("@id") == OURS), {})
    values = entry.get("value", [])
    texts = [text for text in values if isinstance(text, str)] if isinstance(values, list) else []
    return {name: value for name, _, value in (text.partition("=") for text in texts)}


# ---- columns ----

_DATATYPE = {"number": "double", "integer": "integer", "truth": "boolean", "text": "string", "json": "json"}


def column_list(table: str, columns: Sequence[ColumnOf]) -> dict[str, Any]:
    """What the columns of a table mean, as CSV on the Web; https://www.w3.org/TR/tabular-metadata/"""
    return {
        "@context": "http://www.w3.org/ns/csvw",
        "url": table,
        "dialect": {"encoding": "utf-8", "header": True},
        "tableSchema": {
            "columns": [
                {"name": f"c{i}", "titles": one.name, "datatype": _DATATYPE[one.kind], "dc:description": meaning(one)}
                for i, one in enumerate(columns, start=1)
            ]
        },
        "notes": [{"program": "matloop", "mark": MARK if table.endswith(".csv") else "",
                   "columns": [to_jsonable(one) for one in columns]}],
    }  # fmt: skip


def columns_of(document: Any) -> tuple[ColumnOf, ...]:
    """The inverse of `column_list`; DataError where it was not written by matloop."""
    notes = document.get("notes") if isinstance(document, dict) else None
    first = notes[0] if isinstance(notes, list) and notes else {}
    listed = first.get("columns") if isinstance(first, dict) else None
    return from_jsonable(tuple[ColumnOf, ...], listed)


def meaning(one: ColumnOf) -> str:
    """What a column holds, in words."""
    method = f" by {one.method}" if one.method else ""
    of = f"of {one.quantity}{method}" if one.quantity else ""
    return {
        "key": "name of the record, unique", "formula": "chemical formula",
        "structure": "crystal structure: cell (angstrom), fractional coordinates, species, as JSON",
        "value": f"{one.quantity}{f' in {one.unit}' if one.unit else ''}{method}",
        "error": f"one standard deviation {of}{f' in {one.unit}' if one.unit else ''}",
        "condition": f"{one.field} that the value {of} holds for", "value origin": f"where the value {of} comes from",
        "metadata": f"{one.field} (metadata)", "origin": f"where the record comes from: {one.field}",
        "record": "the whole record as JSON, where its values stand in another order than the columns",
    }[one.role]  # fmt: skip
