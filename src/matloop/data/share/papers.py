"""What people read first: README, the citation file (CFF 1.2.0) and the references of the sources (BibTeX)."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from matloop.data.share.choose import SourceOf
from matloop.data.share.crate import Creator, Described, FileIn, article_id, cited, meaning, withheld_lines
from matloop.data.share.flat import ColumnOf

_SPDX_IN_CFF = re.compile(r"^(CC|ODbL|ODC|PDDL|MIT|BSD|Apache|GPL)[A-Za-z0-9.+-]*$")


def readme(told: Described, files: Sequence[FileIn]) -> str:
    """README.md: what the dataset is, its licence, its columns, its sources, and how to read it."""
    v = told.version
    state = f"Version {v.number} of {v.created[:10]}, {told.account.kept:,} records. Fingerprint {v.fingerprint}."
    lines = [f"# {_line(told.title)}", "", _line(told.about), "", state, ""]
    if told.query:
        lines += [f"Only records that fulfil: `{_line(told.query)}`.", ""]
    one = told.combined.licence
    lines += ["## Licence", "", f"{one.name}{f' ({one.url})' if one.url else ''}: {one.said}.", ""]
    lines += [f"- {_line(why)}" for why in (*told.combined.why, *told.override.lines(), *withheld_lines(told.account))]
    if told.account.withheld:
        lines += ["", "What was left out, and why, stands in withheld.csv."]
    lines += ["", "## Files", "", "| File | Bytes |", "| --- | ---: |"]
    shown = [entry for entry in files if not entry.path.startswith("structures/")]
    lines += [f"| {entry.path} | {entry.size:,} |" for entry in shown]
    if len(shown) < len(files):
        lines.append(f"| structures/ ({len(files) - len(shown):,} files) | {_total(files, shown):,} |")
    lines += ["", _how_to_read(told), "", *_columns(told), "", "## Sources", ""]
    lines += ["| Source | Licence | Records or values | To cite |", "| --- | --- | ---: | --- |"]
    lines += [_source(entry, told.account.sources[entry]) for entry in sorted(told.account.sources, key=str)]
    return "\n".join(lines) + "\n"


def _total(files: Sequence[FileIn], shown: Sequence[FileIn]) -> int:
    return sum(one.size for one in files) - sum(one.size for one in shown)


def _how_to_read(told: Described) -> str:
    said = {
        "csv": "Cells that a spreadsheet would run as a formula, and those that begin with an apostrophe, begin with "
        "one apostrophe more; numbers are as they are. ",
        "xlsx": "Texts are marked as texts, so that nothing is run as a formula. ",
        "cif": "records.jsonl holds everything; the structures stand also in structures/, one CIF file each. ",
        "extxyz": "records.jsonl holds everything; the structures stand also in structures.extxyz. ",
    }.get(told.form, "")
    return f"{said}All of it comes back, checked, with `matloop data add FOLDER --store STORE#{told.card.name}`."


def _columns(told: Described) -> list[str]:
    if told.form in ("jsonl", "cif", "extxyz"):
        lines = ["## Properties", "", "| Name | Unit | Method | Values |", "| --- | --- | --- | ---: |"]
        values = [one for one in told.columns if one.role == "value"]
        return lines + [f"| {_line(c.quantity)} | {_line(c.unit)} | {_line(c.method)} | {c.n:,} |" for c in values]
    lines = [
        "## Columns",
        "",
        "| Column | Meaning | Kind | Values | From | To |",
        "| --- | --- | --- | ---: | ---: | ---: |",
    ]
    return lines + [
        f"| {_line(c.name)} | {_line(meaning(c))} | {c.kind} | {c.n:,} | {_end(c, c.low)} | {_end(c, c.high)} |"
        for c in told.columns
    ]


def _end(column: ColumnOf, value: float | None) -> str:
    return "" if value is None or column.kind not in ("number", "integer") else f"{value:.6g}"


def _source(one: SourceOf, n: int) -> str:
    cite = one.citation or (f"doi:{one.doi}" if one.doi else "")
    return f"| {_line(one.provider) or 'not named'} | {_line(one.licence) or 'none stated'} | {n:,} | {_line(cite)} |"


def _line(text: str) -> str:
    """A text that breaks neither a line nor a table nor begins a tag."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


# ---- citing ----


def citation_cff(told: Described) -> str:
    """CITATION.cff of the dataset with its sources as references; https://doi.org/10.5281/zenodo.5171937"""
    lines = [
        "cff-version: 1.2.0",
        f"message: {_yaml('If you use this dataset, please cite it and the sources it is made of.')}",
        "type: dataset",
        f"title: {_yaml(told.title)}",
        f"abstract: {_yaml(told.about)}",
        f"version: {_yaml(str(told.version.number))}",
        f"date-released: {told.version.created[:10]}",
        "authors:",
        *_authors(told.creators, "  "),
    ]
    if _SPDX_IN_CFF.match(told.combined.licence.name):
        lines.append(f"license: {told.combined.licence.name}")
    identifier = f"{told.card.name}@{told.version.number} {told.version.fingerprint}"
    lines += ["identifiers:", "  - type: other", f"    value: {_yaml(identifier)}"]
    references = cited(told)
    if references:
        lines.append("references:")
    for text, doi in references:
        lines += ["  - type: article", f"    title: {_yaml(text or doi)}", "    authors:", '      - name: "see title"']
        if doi:
            lines.append(f"    doi: {_yaml(article_id(text, doi).removeprefix('https://doi.org/'))}")
    return "\n".join(lines) + "\n"


def _authors(people: Sequence[Creator], indent: str) -> list[str]:
    lines = []
    for one in people:
        given, _, family = one.name.rpartition(" ")
        if given:
            lines += [f"{indent}- given-names: {_yaml(given)}", f"{indent}  family-names: {_yaml(family)}"]
        else:
            lines.append(f"{indent}- name: {_yaml(one.name)}")
        if one.orcid:
            lines.append(f"{indent}  orcid: {_yaml(one.orcid)}")
    return lines


def _yaml(text: str) -> str:
    """A YAML scalar: JSON strings are YAML."""
    return json.dumps(" ".join(text.split()), ensure_ascii=False)


def references_bib(told: Described) -> str:
    """references.bib: an entry for each source that says what to cite."""
    entries = []
    for number, (text, doi) in enumerate(cited(told), start=1):
        fields = {"title": _bib(text or doi)}
        if doi:
            fields["doi"] = article_id(text, doi).removeprefix("https://doi.org/")
        year = re.search(r"\b(19|20)\d\d\b", text)
        if year:
            fields["year"] = year[0]
        body = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
        entries.append(f"@misc{{source{number},\n{body}\n}}\n")
    return "\n".join(entries)


def _bib(text: str) -> str:
    plain = " ".join(text.split()).replace("\\", "/").replace("{", "(").replace("}", ")")
    return re.sub(r"([&%$#_])", r"\\\1", plain)
