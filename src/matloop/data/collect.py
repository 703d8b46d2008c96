"""From a source to a table as written: files by their ending and first bytes, named sets, data frames."""

from __future__ import annotations

import gzip
import hashlib
import io
import logging
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from matloop.core.errors import DataError
from matloop.data.ase_db import looks_like_ase_json, open_ase_json
from matloop.data.folders import open_folder, structure_files
from matloop.data.layout import NAMES
from matloop.data.opened import Opened, collected
from matloop.data.share.sidecar import restored_table
from matloop.data.sources import FORMATS, OPENED, QUERIED, SOURCES, is_file
from matloop.data.table import RawTable, checked_rows, named, provenance
from matloop.data.unpack import GZIP, checked_zip, gunzipped, unpacked
from matloop.problem.fault import did_you_mean, nearest, quoted
from matloop.problem.question import Source

if TYPE_CHECKING:
    from pandas import DataFrame

logger = logging.getLogger(__name__)
Reader = Callable[[bytes, Source, str], RawTable]
_MOST_BYTES = 8 * 1024**3
_MOST_SHEETS = 100_000  # entries of the zip file that a workbook is


def collect(source: Source, *, base: Path | None = None) -> RawTable:
    """The table that `source` names: a file or a folder of structure files (path relative to `base`), a set of
    `SOURCES` ("name" or "name:query"), or what is asked of one of `QUERIED` ("store:materials.db#gaps@3").

    Parameters
    ----------
    base : folder that a relative path starts from (that of the problem file); the working folder by default.

    Raises
    ------
    DataError : no such file or set (with the nearest names), a folder, an ending that is not known, content that
        cannot be read; each message names the file, the place in it, and what to do.

    Examples
    --------
    >>> collect(Source("ricci-transport")).names[:2]
    ('mp_id', 'pretty_formula')
    """
    name, _, query = source.source.partition(":")
    path = Path(base or ".") / (Path(source.source).expanduser() if name not in QUERIED else Path(source.source))
    if name in SOURCES and not is_file(path):
        table: RawTable = SOURCES.load(name)(query)
        return table
    if name in QUERIED and query and not is_file(path):
        asked: RawTable = QUERIED.load(name)(query, Path(base or "."))
        return replace(asked, missing=(*asked.missing, *source.missing))
    opened = open_rows(path, source)
    if opened is not None:
        return collected(opened, path, source)
    content = _content(path, source)
    sha256 = hashlib.sha256(content).hexdigest()
    content, ending = _unpacked(content, path, source)
    table = _reader(content, ending, source)(content, source, sha256)
    return replace(restored_table(table, path), folder=str(path.parent))


def open_rows(path: Path, source: Source) -> Opened | None:
    """What is read row by row: folders of structure files, archives, trajectories, databases; None for other files.

    Raises
    ------
    DataError : it is damaged, or refused.
    """
    if path.is_dir():
        return open_folder(path, source) if structure_files(path) else None
    ending = _ending(path)
    if not path.is_file() or not path.stat().st_size:
        return None
    try:
        if ending == "json" and looks_like_ase_json(_start(path, source)):
            return open_ase_json(path, source)
        opened: Opened | None = OPENED.load(ending)(path, source) if ending in OPENED else None
    except OSError as error:
        raise DataError(
            f"{source.source}: cannot be read ({error.strerror or error}). Check the permissions of the file."
        ) from error
    return opened


def _start(path: Path, source: Source) -> str:
    """The first signs of a text, unpacked; of a damaged file, what there is."""
    try:
        with path.open("rb") as raw, unpacked(raw, source.source) as content:
            return content.read(200).decode("utf-8-sig", errors="replace")
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return ""


def from_frame(frame: DataFrame) -> RawTable:
    """A table from a data frame; a named index becomes the first columns. Values stay as they are, NA becomes None.

    Raises
    ------
    DataError : duplicate column names, no rows.
    """
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    names, notes = named([str(name) for name in frame.columns], "data frame")
    checked_rows(len(frame), "data frame", names)
    columns = {name: _values(frame, i) for i, name in enumerate(names)}
    return RawTable(columns, provenance("data frame", _frame_hash(columns), columns), notes=notes)


def _content(path: Path, source: Source) -> bytes:
    if path.is_dir():
        tables = sorted(p.name for p in path.iterdir() if p.is_file() and _ending(p) in (*FORMATS, *OPENED))
        inside = f" It holds {', '.join(map(quoted, tables[:5]))}." if tables else ""
        raise DataError(f"{source.source}: is a folder, not a table. Name one file.{inside}")
    if not path.exists():
        raise DataError(_missing(path, source))
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DataError(
                f"{source.source}: the file is larger than {_MOST_BYTES >> 30} GiB. Split it, or keep the columns "
                "needed."
            )
        content = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{source.source}: cannot be read ({error.strerror}). Check the permissions of the file."
        ) from error
    if not content:
        raise DataError(f"{source.source}: the file is empty (0 bytes). Choose a table with a header and rows.")
    return content


def _missing(path: Path, source: Source) -> str:
    beside = sorted(p.name for p in path.parent.iterdir()) if path.parent.is_dir() else []
    known = [*beside, *SOURCES]
    near = nearest(path.name, known)
    hint = (
        f"Did you mean {' or '.join(map(quoted, near))}?"
        if near
        else f"Sets that matloop carries: {', '.join(SOURCES)}."
    )
    where = f" in {path.parent.resolve()}" if path.parent.is_dir() else f": the folder {path.parent} does not exist"
    return f"{source.source}: there is no such file{where}. {hint}"


def _ending(path: Path) -> str:
    parts = [part.lower() for part in path.name.split(".")[1:]]
    if parts and parts[-1] in ("gz", "gzip"):
        parts = parts[:-1]
    if not parts and path.name.split(".")[0] in NAMES:
        return "poscar"
    return parts[-1] if parts else ""


def _unpacked(content: bytes, path: Path, source: Source) -> tuple[bytes, str]:
    if content.startswith(GZIP):
        try:
            content = gunzipped(content, source.source, _MOST_BYTES)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(
                f"{source.source}: the gzip file is damaged ({error}). Copy or download it again."
            ) from error
    return content, _ending(path)


def _reader(content: bytes, ending: str, source: Source) -> Reader:
    """The reader for the ending, unless the first bytes say that the file is something else."""
    seen = {b"PK\x03\x04": "xlsx", b"\xd0\xcf\x11\xe0": "xls", b"PAR1": "parquet"}.get(content[:4], "")
    if seen and FORMATS[seen] != FORMATS.get(ending, ""):
        logger.warning("%s: the content is %s, whatever the name says", source.source, seen)
        ending = seen
    if seen == "xlsx" and zipfile.is_zipfile(io.BytesIO(content)):
        checked_zip(io.BytesIO(content), source.source, _MOST_SHEETS).close()
    if ending not in FORMATS:
        hint = did_you_mean(ending, [*FORMATS, *OPENED], otherwise="Endings that are read")
        raise DataError(f'{source.source}: files ending in ".{ending}" cannot be read. {hint} (each also with .gz).')
    reader: Reader = FORMATS.load(ending)
    return reader


def _values(frame: DataFrame, place: int) -> NDArray:
    series = frame.iloc[:, place]
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "fiubM":
        return series.to_numpy()
    values = series.astype(object)
    return np.asarray(values.where(values.notna(), None).to_numpy(dtype=object))


def _frame_hash(columns: dict[str, NDArray]) -> str:
    digest = hashlib.sha256()
    for name, values in columns.items():
        digest.update(f"{name}\0{values.dtype.kind}\0".encode())
        plain = values.dtype.kind in "fiub"
        digest.update(np.ascontiguousarray(values).tobytes() if plain else "\0".join(map(str, values)).encode())
    return digest.hexdigest()
