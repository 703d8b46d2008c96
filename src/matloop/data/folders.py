"""Folders of structure files, with the values of `id_prop.csv` beside them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from matloop.core.errors import DataError
from matloop.data.layout import (
    ENDINGS,
    FOLDER_COLUMN,
    ID_COLUMN,
    NAMES,
    PROPERTIES,
    STRUCTURE_COLUMN,
    Layout,
    Properties,
    is_file_name,
    layout,
    properties_of,
)
from matloop.data.opened import UNREADABLE, Opened
from matloop.data.table import named
from matloop.problem.question import Source

TextOf = Callable[[str], str]
LARGEST_FILE = 50 * 1024**2
"""Bytes of one structure file."""


def structure_files(folder: Path) -> list[str]:
    """The structure files of a folder by name; where it holds none, those of its subfolders as "subfolder/name"."""
    files: list[str] = []
    below: list[str] = []
    with os.scandir(folder) as entries:
        for one in entries:
            if is_file_name(one.name) and one.is_file():
                files.append(one.name)
            elif not one.name.startswith(".") and one.is_dir(follow_symlinks=False):
                below.append(one.name)
    if files:
        return sorted(files)
    below.sort()
    return [f"{sub}/{name}" for sub in below for name in _names(folder / sub)]


def _names(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(one.name for one in entries if is_file_name(one.name) and one.is_file())
    except OSError:
        return []  # a folder that may not be listed holds nothing for us


def open_folder(folder: Path, source: Source) -> Opened:
    """A folder of structure files as a table that is read file by file.

    Columns: "id", "structure" (the text of the file), "folder" where there are subfolders, and those of `id_prop.csv`.
    Rows stand in the order of `id_prop.csv`, then files that it does not name. An unreadable file is a row with the
    reason as its structure.

    Raises
    ------
    DataError : no structure file, a name twice, or `id_prop.csv` cannot be read.
    """
    rows = layout(structure_files(folder))
    if not rows.paths:
        raise DataError(
            f"{source.source}: the folder holds no structure file ({', '.join(ENDINGS)}, {', '.join(NAMES)}). Name a "
            "table, or the folder of the files."
        )
    return joined(rows, _properties(folder, source), source, lambda: nullcontext(lambda path: _text(folder / path)))


def joined(
    rows: Layout, properties: Properties, source: Source, reader: Callable[[], AbstractContextManager[TextOf]]
) -> Opened:
    """Files that can be opened in any order and their values, in the order of the values.

    `reader` gives, while it is open, the text of a path or (beginning with `UNREADABLE`) why there is none.

    Raises
    ------
    DataError : a name twice among the values or among the columns.
    """
    try:
        values, lacking = properties.of(rows)
    except DataError as error:
        raise DataError(f"{source.source}/{error}") from error
    place = {one: k for k, one in enumerate(rows.ids)}
    order = [*(place[one] for one in values), *(k for one, k in place.items() if one not in values)]
    header = header_of(rows, properties)
    names, notes = named(header, source.source)

    def read() -> Iterator[list[Any]]:
        with reader() as text_of:
            for k in order:
                yield cells_of(rows, properties, values, k, text_of(rows.paths[k]))
        yield from rows_without(rows, lacking)

    return Opened(names, len(order) + len(lacking), read, notes=(*properties.notes, *said(rows, len(lacking)), *notes))


def header_of(rows: Layout, properties: Properties) -> list[str]:
    """Names of the columns."""
    return [ID_COLUMN, STRUCTURE_COLUMN, *([FOLDER_COLUMN] if rows.folders else []), *properties.names]


def cells_of(rows: Layout, properties: Properties, values: Any, k: int, text: str) -> list[Any]:
    """The cells of file `k`."""
    own = [rows.folders[k]] if rows.folders else []
    return [rows.ids[k], text, *own, *values.get(rows.ids[k], [None] * len(properties.names))]


def rows_without(rows: Layout, lacking: Any) -> Iterator[list[Any]]:
    """Rows of values that have no file."""
    for name, cells in lacking:
        yield [name, None, *([None] if rows.folders else []), *cells]


def said(rows: Layout, n_lacking: int) -> tuple[str, ...]:
    """What is worth knowing about the files."""
    notes = []
    if n_lacking:
        notes.append(f"{n_lacking} names of {PROPERTIES} have no file in the folder")
    if rows.deeper:
        notes.append(f"{rows.deeper:,} structure files in deeper folders are no rows")
    return tuple(notes)


def _text(path: Path) -> str:
    """What stands in a file (with a line feed), or why it cannot be read."""
    try:
        size = path.stat().st_size
        if size > LARGEST_FILE:
            return f"{UNREADABLE}the file is larger than {LARGEST_FILE >> 20} MiB"
        return path.read_text("utf-8", errors="replace") + "\n"
    except OSError as error:
        return f"{UNREADABLE}{error.strerror}"


def _properties(folder: Path, source: Source) -> Properties:
    path = folder / PROPERTIES
    if not path.is_file():
        return Properties()
    try:
        return properties_of(path.read_text("utf-8-sig"), f"{source.source}/{PROPERTIES}")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{source.source}/{PROPERTIES}: cannot be read ({error}). Save it as UTF-8 text.") from error
