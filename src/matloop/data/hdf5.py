"""HDF5 files: datasets of equal length are columns, read in pieces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from matloop.core.errors import DataError, all_faults
from matloop.core.optional import require
from matloop.data.opened import Opened
from matloop.data.table import named
from matloop.problem.question import Source

EXTRA = "files"
MOST_WIDE = 2_000
"""Numbers that one dataset may hold per row."""
_PIECE = 4_096
_MAGIC = b"\x89HDF\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class _Set:
    """A dataset: where it is, its length, and the columns that it gives as {name: place within a row}."""

    path: str
    length: int
    columns: tuple[tuple[str, Any], ...]


def open_hdf5(path: Path, source: Source) -> Opened:
    """An HDF5 file as a table; `sheet` names one group of it.

    A dataset of shape (n,) is a column, of shape (n, k) k columns ("name 1", ...), of records a column per field;
    names of groups are joined by "/". All must have the same n. Single numbers are left out and named.

    Raises
    ------
    DataError : no HDF5 file; datasets of different lengths or with more axes (all are listed); data that stand in
        other files. MissingExtra : h5py is not installed.
    """
    h5py = require("h5py", extra=EXTRA)
    with path.open("rb") as stream:
        if stream.read(8) != _MAGIC:
            raise DataError(f"{source.source}: the file is no HDF5 file. Check its ending, or copy it again.")
    with _file(h5py, path, source) as file:
        sets, single, shapes = _sets(_group(file, source, h5py), source, h5py)
    if len({one.length for one in sets}) != 1:
        what = "no dataset is a column" if not sets else "the datasets differ in length"
        raise DataError(
            all_faults(
                f"{source.source}: {what}. Name one group with [data] sheet = \"group\", or save the table as CSV or "
                "Parquet. It holds:", shapes or ["nothing"],
            )
        )  # fmt: skip
    names, notes = named([name for one in sets for name, _ in one.columns], source.source)
    left = (f"single values left out: {', '.join(single[:10])}",) if single else ()

    def read() -> Iterator[list[Any]]:
        with _file(h5py, path, source) as file:
            group = _group(file, source, h5py)
            for start in range(0, sets[0].length, _PIECE):
                try:
                    yield from zip(*_cells(group, sets, start), strict=True)
                except (OSError, RuntimeError, ValueError) as error:
                    raise DataError(
                        f"{source.source}: cannot be read after row {start} ({error}). Copy or write it again."
                    ) from error

    return Opened(names, sets[0].length, read, notes=(*notes, *left))


def _file(h5py: Any, path: Path, source: Source) -> Any:
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise DataError(f"{source.source}: a damaged HDF5 file ({error}). Copy or write it again.") from error


def _group(file: Any, source: Source, h5py: Any) -> Any:
    if not source.sheet:
        return file
    link = file.get(source.sheet, getlink=True)
    if isinstance(link, h5py.ExternalLink | h5py.SoftLink) or not isinstance(file.get(source.sheet), h5py.Group):
        raise DataError(
            f'{source.source}: sheet = "{source.sheet}" is no group; there are {", ".join(list(file)[:10])}.'
        )
    return file[source.sheet]


def _sets(group: Any, source: Source, h5py: Any) -> tuple[list[_Set], list[str], list[str]]:
    """Datasets that may be columns, names of single values, and all as they would be listed."""
    if "pandas_type" in group.attrs or any("pandas_type" in getattr(one, "attrs", {}) for one in _groups(group, h5py)):
        raise DataError(
            f"{source.source}: a store of pandas, whose layout only pandas can read. Save it as Parquet: "
            "pandas.read_hdf(FILE).to_parquet(OTHER)."
        )
    sets: list[_Set] = []
    single: list[str] = []
    shapes: list[str] = []

    def visit(name: str, one: Any) -> None:  # links are not followed, so that no other file is opened
        if not isinstance(one, h5py.Dataset):
            return
        shapes.append(f"{name}: shape {one.shape}, {one.dtype}")
        if one.external or (one.is_virtual and any(part.file_name != "." for part in one.virtual_sources())):
            raise DataError(f'{source.source}: dataset "{name}" stands in another file. Write one file that holds all.')
        if one.shape == () or one.shape is None:
            single.append(name)
        elif found := _columns(name, one):
            sets.append(_Set(name, one.shape[0], found))
        else:
            sets.append(_Set(name, -1 - len(sets), ()))  # of no length: the table is refused with the list

    group.visititems(visit)
    return sets, single, shapes


def _groups(group: Any, h5py: Any) -> list[Any]:
    return [one for name in group if isinstance(group.get(name, getlink=True), h5py.HardLink) and (one := group[name])]


def _columns(name: str, one: Any) -> tuple[tuple[str, Any], ...]:
    fields = one.dtype.names
    if fields and one.ndim == 1:
        plain = [field for field in fields if one.dtype[field].shape == () and one.dtype[field].names is None]
        return tuple((f"{name}/{field}", field) for field in plain) if len(plain) == len(fields) else ()
    if fields or one.dtype.kind not in "biufSO":
        return ()
    if one.ndim == 1:
        return ((name, None),)
    if one.ndim == 2 and one.shape[1] <= MOST_WIDE:
        return tuple((f"{name} {k + 1}" if one.shape[1] > 1 else name, k) for k in range(one.shape[1]))
    return ()


def _cells(group: Any, sets: list[_Set], start: int) -> Iterator[list[Any]]:
    for one in sets:
        piece = group[one.path][start : start + _PIECE]
        for _, place in one.columns:
            part = piece if place is None else piece[place] if isinstance(place, str) else piece[:, place]
            yield [_plain(value) for value in np.asarray(part).tolist()]


def _plain(value: Any) -> Any:
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else value
