"""Parquet files, read by DuckDB."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from matloop.core.errors import DataError
from matloop.data.table import RawTable, checked_rows, named, provenance
from matloop.problem.question import Source

if TYPE_CHECKING:
    import duckdb

_MOST_COLUMNS = 20_000


def read_parquet(content: bytes, source: Source, sha256: str) -> RawTable:
    """A table from a Parquet file; nulls become None, other values stay as stored.

    Raises
    ------
    DataError : damaged or no Parquet file.
    """
    import duckdb

    # a file of our own: DuckDB reads "*", "?" and "[" in a path as a pattern, and gzip must be undone anyway
    with tempfile.TemporaryDirectory(prefix="matloop-") as folder:
        path = Path(folder) / "table.parquet"
        path.write_bytes(content)
        try:
            with duckdb.connect(config={"autoinstall_known_extensions": "false"}) as connection:
                _refuse_width(connection, path, source)
                relation = connection.read_parquet(str(path))
                names, notes = named(relation.columns, source.source)
                arrays = list(relation.fetchnumpy().values())
        except duckdb.Error as error:
            first = str(error).replace(str(path), source.source).splitlines()[0]
            raise DataError(f"{source.source}: cannot be read as Parquet ({first}). Write the file again.") from error
    columns = {name: plain(array) for name, array in zip(names, arrays, strict=True)}
    checked_rows(len(arrays[0]) if arrays else 0, source.source, names)
    return RawTable(columns, provenance(source.source, sha256, columns), notes=notes, missing=source.missing)


def _refuse_width(connection: duckdb.DuckDBPyConnection, path: Path, source: Source) -> None:
    """DataError for a table whose columns take minutes to plan (the time grows with their square)."""
    ((found,),) = connection.execute("SELECT count(*) FROM parquet_schema(?)", [str(path)]).fetchall()
    width = int(found) - 1  # the first entry is the root
    if width > _MOST_COLUMNS:
        raise DataError(
            f"{source.source}: {width:,} columns are more than a Parquet file may have here ({_MOST_COLUMNS:,}). "
            "Keep the columns that the question needs, or save the table as CSV."
        )


def plain(array: NDArray) -> NDArray:
    """What DuckDB gives as a plain array: nulls are NaN among numbers with a point, else None."""
    if not isinstance(array, np.ma.MaskedArray):
        return np.asarray(array)
    mask = np.ma.getmaskarray(array)
    if not mask.any():
        return np.asarray(array.data)
    if array.dtype.kind == "f":
        return np.asarray(array.filled(np.nan))
    values = array.data.astype(object)
    values[mask] = None
    return np.asarray(values)
