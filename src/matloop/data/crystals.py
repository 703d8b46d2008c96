"""Columns of structures: the text of a file, or the name of one beside the table; and folders of such files."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from matloop.core.arrays import IntArray
from matloop.core.errors import DataError
from matloop.data.table import RawTable, checked_rows, column_arrays, named, provenance
from matloop.data.words import Why, shown
from matloop.matter.structures import Structures
from matloop.matter.structures_read import read_structures_noted
from matloop.problem.question import Source

ENDINGS = (".cif", ".vasp", ".poscar", ".contcar", ".xyz", ".extxyz", ".json")
NAMES = ("POSCAR", "CONTCAR")
STRUCTURE_COLUMN, ID_COLUMN, PROPERTIES = "structure", "id", "id_prop.csv"
LARGEST_FILE = 50 * 1024**2
"""Bytes of one structure file."""


@dataclass(frozen=True, slots=True)
class StructuresRead:
    """The structures of all rows (unreadable: without sites), why some cannot be read, and what is worth knowing."""

    batch: Structures
    unreadable: Mapping[int, Why]
    notes: tuple[str, ...]


def read_structure_column(raw: RawTable, name: str) -> StructuresRead:
    """Structures of a column that holds the text of files (CIF, POSCAR, XYZ, JSON), or names of files.

    A file is looked for in the folder of the table and nowhere above it. Each distinct text is read once.
    """
    written = np.array([*(_trimmed(value) for value in raw.column(name).tolist()), None], dtype=object)[:-1]
    no_value = {word.strip() for word in raw.missing} | {""}
    codes, distinct = pd.factorize(written)
    texts, faults = contents(distinct.tolist(), no_value, raw.folder)
    batch, reasons, notes = read_structures_noted(texts)
    reasons = {**reasons, **faults}
    unreadable = {
        int(row): Why(name, _short(str(distinct[codes[row]])), reasons[int(codes[row])])
        for row in np.flatnonzero(np.isin(codes, list(reasons)))
    }
    places = np.asarray(codes, dtype=np.int64)
    return StructuresRead(batch.take(places), unreadable, _said(name, notes, places))


def _trimmed(value: object) -> str:
    """A file's text keeps its first line, which may be empty."""
    return value if isinstance(value, str) and "\n" in value.strip() else shown(value)


def _short(text: str) -> str:
    return " ".join(text[:200].split())[:60]


def contents(written: Sequence[str], no_value: set[str], folder: str) -> tuple[list[str], dict[int, str]]:
    """Texts of structures, files of `folder` opened where a name is written; {place: why there is none}."""
    found: list[str] = []
    faults: dict[int, str] = {}
    for place, text in enumerate(written):
        found.append(text)
        if text in no_value:
            faults[place] = "is empty: there is no structure"
        elif is_file_name(text):
            content = _file(text, folder)
            found[-1], fault = (content, "") if "\n" in content else ("", content)
            if fault:
                faults[place] = fault
    return found, faults


def is_file_name(text: str) -> bool:
    """Whether a text is the name of a structure file and not the structure itself."""
    plain = text.strip()
    return "\n" not in plain and len(plain) < 500 and (plain.lower().endswith(ENDINGS) or Path(plain).name in NAMES)


def _file(name: str, folder: str) -> str:
    """What stands in a file of the table's folder (with a line feed), or why it cannot be read (without)."""
    if not folder:
        return "is the name of a file, but this table has no folder; put the text of the file into the column"
    place = (Path(folder) / name).resolve()
    if not place.is_relative_to(Path(folder).resolve()):
        return f"lies outside the folder of the table ({folder}); put the files beside the table"
    try:
        if place.stat().st_size > LARGEST_FILE:
            return f"the file is larger than {LARGEST_FILE >> 20} MiB"
        return place.read_text("utf-8", errors="replace") + "\n"
    except OSError as error:
        return f"the file cannot be read ({error.strerror}); it is looked for in {folder}"


def _said(name: str, notes: Mapping[int, str], codes: IntArray) -> tuple[str, ...]:
    kinds: dict[str, list[int]] = {}
    for place, note in sorted(notes.items()):
        kinds.setdefault(note, []).append(place)
    said = []
    for note, places in list(kinds.items())[:10]:
        rows = np.flatnonzero(np.isin(codes, places))
        said.append(f'column "{name}": {len(rows):,} rows (row {rows[0] + 1} the first): {note}')
    return tuple(said)


# ---- folders ----


def structure_files(folder: Path) -> list[Path]:
    """The structure files of a folder, not of folders in it, by name."""
    return sorted(p for p in folder.iterdir() if p.is_file() and is_file_name(p.name))


def read_folder(folder: Path, source: Source) -> RawTable:
    """A table from a folder of structure files, with the values of `id_prop.csv` beside them where there is one.

    Columns: "id" (the file name without its ending), "structure" (the text of the file), and those of `id_prop.csv`:
    its first column names the file; without a header they are called "property", "property 2", ...

    Raises
    ------
    DataError : no structure file, a name twice, or `id_prop.csv` cannot be read.
    """
    files = {_stem(path): path for path in structure_files(folder)}
    if not files:
        raise DataError(
            f"{source.source}: the folder holds no structure file ({', '.join(ENDINGS)}, {', '.join(NAMES)}). Name a "
            "table, or the folder of the files."
        )
    values, names, notes = _properties(folder, source)
    ids = list(dict.fromkeys([*values, *files])) if values else list(files)
    cells = np.empty((len(ids), 2 + len(names)), dtype=object)
    digest = hashlib.sha256()
    for row, one in enumerate(ids):
        text = _file(files[one].name, str(folder)) if one in files else None
        cells[row, :2] = one, text
        cells[row, 2:] = values.get(one, [None] * len(names))
        digest.update(f"{one}\0{text}\0".encode())
    digest.update(json_of(values))
    lost = sum(one not in files for one in ids)
    if lost:
        notes += (f"{lost} names of {PROPERTIES} have no file in the folder",)
    header, more = named([ID_COLUMN, STRUCTURE_COLUMN, *names], source.source)
    checked_rows(len(ids), source.source, header)
    columns = column_arrays(header, cells)
    return RawTable(
        columns, provenance(source.source, digest.hexdigest(), columns), notes=(*notes, *more), missing=source.missing,
        folder=str(folder),
    )  # fmt: skip


def json_of(values: Mapping[str, Sequence[str]]) -> bytes:
    """The values of all rows as bytes, for the hash."""
    return "\n".join("\0".join((one, *cells)) for one, cells in values.items()).encode()


def _stem(path: Path) -> str:
    return path.name if path.name in NAMES else path.stem


def _properties(folder: Path, source: Source) -> tuple[dict[str, list[str]], list[str], tuple[str, ...]]:
    path = folder / PROPERTIES
    if not path.is_file():
        return {}, [], ()
    rows = [row for row in csv.reader(io.StringIO(path.read_text("utf-8-sig"))) if any(cell.strip() for cell in row)]
    width = max((len(row) for row in rows), default=0)
    if width < 2:
        raise DataError(f"{source.source}/{PROPERTIES}: a name of a file and a value are needed in each line.")
    header = [f"property {k}" if k > 1 else "property" for k in range(1, width)]
    notes: tuple[str, ...] = (f"{PROPERTIES} has no header: its values are called {', '.join(header)}",)
    if not any(_number(cell) for cell in rows[0][1:]) and any(_number(cell) for row in rows[1:] for cell in row[1:]):
        header, rows, notes = [cell.strip() for cell in rows[0][1:]], rows[1:], ()
    found: dict[str, list[str]] = {}
    for line, row in enumerate(rows, start=1):
        name = _stem(Path(row[0].strip())) if is_file_name(row[0]) else row[0].strip()
        if name in found:
            raise DataError(f'{source.source}/{PROPERTIES}, row {line}: "{name}" stands there twice. Keep one.')
        found[name] = [cell.strip() for cell in row[1:]] + [""] * (width - len(row))
    return found, header, notes


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
