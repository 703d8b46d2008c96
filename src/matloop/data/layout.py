"""Which files of a folder or an archive are rows, what they are called, and which values `id_prop.csv` gives them."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from matloop.core.errors import DataError

ENDINGS = (".cif", ".vasp", ".poscar", ".contcar", ".xyz", ".extxyz", ".json")
NAMES = ("POSCAR", "CONTCAR")
STRUCTURE_COLUMN, ID_COLUMN, FOLDER_COLUMN, PROPERTIES = "structure", "id", "folder", "id_prop.csv"


def is_file_name(text: str) -> bool:
    """Whether a text is the name of a structure file and not the structure itself."""
    plain = text.strip()
    return (
        "\n" not in plain
        and len(plain) < 500
        and (plain.lower().endswith(ENDINGS) or PurePosixPath(plain).name in NAMES)
    )


@dataclass(frozen=True, slots=True)
class Layout:
    """Rows of a folder or an archive.

    paths : structure files as they are called there. ids : what each row is called. folders : the subfolder of each
    file, empty where subfolders tell nothing. deeper : how many structure files lie deeper, and are no rows.
    """

    paths: tuple[str, ...]
    ids: tuple[str, ...]
    folders: tuple[str, ...] = ()
    deeper: int = 0


def layout(paths: Sequence[str]) -> Layout:
    """Rows from the names of files, in their order.

    The files of the uppermost folder that holds any; if there are several such folders side by side, one level of
    them. A row is called by its file without the ending ("NaCl"); with subfolders by both ("oxides/MgO"), and a column
    "folder" says which; where each subfolder holds one file (as a calculation does), the subfolder is the name. Files
    of one name and different endings keep their endings.
    """
    files = [path for path in paths if is_file_name(path) and not _hidden(path)]
    parents = {path: PurePosixPath(path).parent.parts for path in files}
    top = min(map(len, parents.values()), default=0)
    chosen = [path for path in files if len(parents[path]) == top]
    deeper = len(files) - len(chosen)
    folders = ["/".join(parents[path][-1:]) for path in chosen] if len({parents[p] for p in chosen}) > 1 else []
    if not folders:
        return Layout(tuple(chosen), _without_twins(chosen, [_stem(path) for path in chosen]), (), deeper)
    if max(Counter(folders).values()) == 1:
        return Layout(tuple(chosen), tuple(folders), (), deeper)
    ids = [f"{folder}/{_stem(path)}" for folder, path in zip(folders, chosen, strict=True)]
    return Layout(tuple(chosen), _without_twins(chosen, ids), tuple(folders), deeper)


def _hidden(path: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(path).parts)


def _stem(path: str) -> str:
    name = PurePosixPath(path).name
    return name if name in NAMES else PurePosixPath(name).stem


def _without_twins(paths: Sequence[str], ids: list[str]) -> tuple[str, ...]:
    """The ids, with the ending of the file where two are the same; the whole path where they still are."""
    for longer in (lambda path, one: PurePosixPath(one).parent / PurePosixPath(path).name, lambda path, _: path):
        twice = {one for one, n in Counter(ids).items() if n > 1}
        ids = [str(longer(path, one)) if one in twice else one for path, one in zip(paths, ids, strict=True)]
    return tuple(ids)


# ---- id_prop.csv ----


@dataclass(frozen=True, slots=True)
class Properties:
    """Values of `id_prop.csv`: names of columns, {file as called there: cells}, and what was assumed."""

    names: tuple[str, ...] = ()
    values: tuple[tuple[str, tuple[str, ...]], ...] = ()
    notes: tuple[str, ...] = ()

    def of(self, rows: Layout) -> tuple[dict[str, tuple[str, ...]], tuple[tuple[str, tuple[str, ...]], ...]]:
        """{id of a row: its cells}, and the entries that have no file.

        Raises
        ------
        DataError : two entries mean the same file.
        """
        known = _aliases(rows)
        found: dict[str, tuple[str, ...]] = {}
        lacking: dict[str, tuple[str, ...]] = {}
        for line, (name, cells) in enumerate(self.values, start=1):
            one = known.get(name) or known.get(_plain(name), "")
            into, key = (found, one) if one else (lacking, _plain(name))
            if key in into:
                raise DataError(f'{PROPERTIES}, row {line}: "{key}" stands there twice. Keep one.')
            into[key] = cells
        return found, tuple(lacking.items())


def _plain(name: str) -> str:
    if not is_file_name(name):
        return name
    parent = PurePosixPath(name).parent
    return _stem(name) if str(parent) == "." else f"{parent}/{_stem(name)}"


def _aliases(rows: Layout) -> dict[str, str]:
    """What a row may be called: its id, path, or the file name with or without ending, where only one is called so."""
    found: dict[str, str] = {}
    several: set[str] = set()
    for path, one in zip(rows.paths, rows.ids, strict=True):
        for name in {one, path, path.rsplit(".", 1)[0], PurePosixPath(path).name, _stem(path)}:
            if found.setdefault(name, one) != one:
                several.add(name)
    for name in several:
        del found[name]
    found.update((one, one) for one in rows.ids)
    return found


def properties_of(text: str, called: str) -> Properties:
    """The values in the text of an `id_prop.csv`; without a header they are "property", "property 2", ...

    Raises
    ------
    DataError : no table, or a line without a value.
    """
    try:
        rows = [row for row in csv.reader(io.StringIO(text)) if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise DataError(f"{called}: is no table separated by commas ({error}). Correct or delete it.") from error
    width = max((len(row) for row in rows), default=0)
    if width < 2:
        raise DataError(f"{called}: a name of a file and a value are needed in each line.")
    header = [f"property {k}" if k > 1 else "property" for k in range(1, width)]
    notes: tuple[str, ...] = (f"{PROPERTIES} has no header: its values are called {', '.join(header)}",)
    if not any(_number(cell) for cell in rows[0][1:]) and any(_number(cell) for row in rows[1:] for cell in row[1:]):
        header, rows, notes = [cell.strip() for cell in rows[0][1:]], rows[1:], ()
    values = tuple((row[0].strip(), (*(cell.strip() for cell in row[1:]), *[""] * (width - len(row)))) for row in rows)
    return Properties(tuple(header), values, notes)


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
