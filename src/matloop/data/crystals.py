"""Columns of structures: the text of a file, or the name of one beside the table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from matloop.core.arrays import IntArray
from matloop.data.folders import LARGEST_FILE
from matloop.data.layout import is_file_name
from matloop.data.licensed import Licensed, licensed, whose
from matloop.data.opened import UNREADABLE
from matloop.data.table import RawTable
from matloop.data.words import Why, distinct, shown
from matloop.matter.structures import Structures
from matloop.matter.structures_read import read_structures_noted


@dataclass(frozen=True, slots=True)
class StructuresRead:
    """The structures of all rows (unreadable: without sites), why some cannot be read, what is worth knowing, and which
    rows come from licensed databases."""

    batch: Structures
    unreadable: Mapping[int, Why]
    notes: tuple[str, ...]
    licensed: Mapping[int, Licensed] = field(default_factory=dict)


def read_structure_column(raw: RawTable, name: str) -> StructuresRead:
    """Structures of a column that holds the text of files (CIF, POSCAR, XYZ, JSON), or names of files.

    A file is looked for in the folder of the table and nowhere above it. Each distinct text is read once.
    """
    no_value = {word.strip() for word in raw.missing} | {""}
    codes, written = distinct([_trimmed(value) for value in raw.column(name).tolist()])
    texts, faults = contents(written, no_value, raw.folder)
    batch, reasons, notes = read_structures_noted(texts)
    reasons = {**reasons, **faults}
    unreadable = {
        int(row): Why(name, _short(written[codes[row]]), reasons[int(codes[row])])
        for row in np.flatnonzero(np.isin(codes, list(reasons)))
    }
    owned = {code: found for code, text in enumerate(texts) if (found := licensed(text)) is not None}
    owners = {int(row): owned[int(codes[row])] for row in np.flatnonzero(np.isin(codes, list(owned)))}
    said = (*_said(name, notes, codes), *_private(name, owners))
    return StructuresRead(batch.take(codes), unreadable, said, owners)


def _trimmed(value: object) -> str:
    """A file's text keeps its first line, which may be empty."""
    return value if isinstance(value, str) and "\n" in value.strip() else shown(value)


def _short(text: str) -> str:
    return " ".join(text[:200].split())[:60]


def contents(written: Sequence[str], no_value: set[str], folder: str) -> tuple[list[str], dict[int, str]]:
    """Texts of structures, files of `folder` opened where a name is written; {place: why there is none}."""
    found: list[str] = []
    faults: dict[int, str] = {}
    top = Path(folder).resolve() if folder else None
    for place, text in enumerate(written):
        found.append(text)
        if text in no_value:
            faults[place] = "is empty: there is no structure"
        elif text.startswith(UNREADABLE):
            faults[place] = text
        elif is_file_name(text):
            content = _file(text, folder, top)
            found[-1], fault = (content, "") if "\n" in content else ("", content)
            if fault:
                faults[place] = fault
    return found, faults


def _file(name: str, folder: str, top: Path | None) -> str:
    """What stands in a file of the table's folder (with a line feed), or why it cannot be read (without)."""
    if top is None:
        return "is the name of a file, but this table has no folder; put the text of the file into the column"
    place = (top / name).resolve()
    if not place.is_relative_to(top):
        return f"lies outside the folder of the table ({folder}); put the files beside the table"
    try:
        if place.stat().st_size > LARGEST_FILE:
            return f"the file is larger than {LARGEST_FILE >> 20} MiB"
        return place.read_text("utf-8", errors="replace") + "\n"
    except OSError as error:
        return f"the file cannot be read ({error.strerror}); it is looked for in {folder}"


def _private(name: str, owners: Mapping[int, Licensed]) -> tuple[str, ...]:
    by = Counter(whose(one) for one in owners.values())
    return tuple(
        f'column "{name}": {count:,} rows come from {owner}, whose entries may be used and not passed on'
        for owner, count in by.items()
    )


def _said(name: str, notes: Mapping[int, str], codes: IntArray) -> tuple[str, ...]:
    kinds: dict[str, list[int]] = {}
    for place, note in sorted(notes.items()):
        kinds.setdefault(note, []).append(place)
    said = []
    for note, places in list(kinds.items())[:10]:
        rows = np.flatnonzero(np.isin(codes, places))
        said.append(f'column "{name}": {len(rows):,} rows (row {rows[0] + 1} the first): {note}')
    return tuple(said)
