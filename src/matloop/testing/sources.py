"""The contract of a source of tables: what `collect` and everything behind it rely on."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from matloop.core import units
from matloop.core.errors import DataError, MatloopError
from matloop.data.opened import Opened, collected
from matloop.data.sources import OPENED, SOURCES
from matloop.data.table import RawTable
from matloop.problem.question import Source


def check_source(name: str, query: str = "", wrong_query: str = "no such thing") -> None:
    """Run the contract battery over a registered source.

    Parameters
    ----------
    query : one that gives a small table. wrong_query : one that the source must refuse with an error of matloop.

    Raises
    ------
    AssertionError : names what the source does not keep.
    """
    read = SOURCES.load(name)
    table = read(query)
    assert isinstance(table, RawTable), f"{name}: gives {type(table).__name__}, not a RawTable"
    _check_shape(name, table)
    _check_provenance(name, table)
    _check_cards(name, table)
    _check_repeatable(name, table, read(query))
    _check_refusal(name, read, wrong_query)


def check_opened(name: str, path: Path) -> None:
    """Run the contract battery over a format that is read row by row (`OPENED`).

    Parameters
    ----------
    path : a small file of that format, with two rows or more.

    Raises
    ------
    AssertionError : names what the format does not keep.
    """
    source = Source(str(path))
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    opened = OPENED.load(name)(path, source)
    assert isinstance(opened, Opened), f"{name}: gives {type(opened).__name__}, not Opened"
    first, again = list(opened.rows()), list(opened.rows())
    assert len(first) == opened.n_rows, f"{name}: announces {opened.n_rows} rows and gives {len(first)}"
    assert list(map(str, first)) == list(map(str, again)), f"{name}: other rows on the second call"
    assert {len(row) for row in first} == {len(opened.names)}, f"{name}: rows differ in length from the names"
    part = opened.rows()
    next(part)
    part.close()  # type: ignore[attr-defined]
    _check_shape(name, collected(opened, path, source))
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before, f"{name}: the file was written to"
    _check_torn(name, path, before[0])


def _check_torn(name: str, path: Path, content: bytes) -> None:
    """A file that is cut off, or other bytes, cost rows or are refused in our words, and nothing else."""
    for torn in (content[: len(content) // 2], content[:20], bytes(range(256)) * 8):
        with TemporaryDirectory(prefix="matloop-") as folder:
            other = Path(folder) / path.name
            other.write_bytes(torn)
            try:
                for _ in OPENED.load(name)(other, Source(str(other))).rows():
                    continue
            except MatloopError as error:
                assert path.name in str(error), f"{name}: an error that does not name the file: {error}"


def _check_shape(name: str, table: RawTable) -> None:
    assert len(table) > 0, f"{name}: no rows"
    assert table.columns, f"{name}: no columns"
    for column, values in table.columns.items():
        assert column == column.strip() != "", f"{name}: column name {column!r} is empty or has spaces around it"
        assert values.shape == (len(table),), f"{name}, {column}: shape {values.shape}, expected ({len(table)},)"
        assert not values.flags.writeable, f"{name}, {column}: values can be overwritten; set flags.writeable = False"
    assert len(table.lines) in (0, len(table)), f"{name}: {len(table.lines)} line numbers for {len(table)} rows"


def _check_provenance(name: str, table: RawTable) -> None:
    known = table.provenance
    assert known.source.startswith(name), f"{name}: provenance.source is {known.source!r}"
    assert re.fullmatch("[0-9a-f]{64}", known.sha256), f"{name}: provenance.sha256 is {known.sha256!r}"
    assert known.n_rows == len(table), f"{name}: provenance.n_rows is {known.n_rows}"
    assert known.n_columns == len(table.columns), f"{name}: provenance.n_columns is {known.n_columns}"
    for what in ("licence", "citation", "retrieved"):
        assert getattr(known, what), f"{name}: provenance.{what} is empty; users must be able to cite and share"


def _check_cards(name: str, table: RawTable) -> None:
    assert set(table.describe) <= set(table.columns), f"{name}: cards of unknown columns"
    for column, card in table.describe.items():
        assert units.known(card.unit), f"{name}, {column}: unit {card.unit!r} is not known"
        assert card.meaning, f"{name}, {column}: no meaning"


def _check_repeatable(name: str, table: RawTable, again: RawTable) -> None:
    assert table.provenance.sha256 == again.provenance.sha256, f"{name}: another hash on the second call"
    assert table.names == again.names, f"{name}: other columns on the second call"
    for column in table.names:
        same = np.array_equal(table.columns[column].astype(str), again.columns[column].astype(str))
        assert same, f"{name}, {column}: other values on the second call"


def _check_refusal(name: str, read: object, wrong_query: str) -> None:
    if not callable(read):
        raise DataError(f"{name}: is not callable")
    try:
        read(wrong_query)
    except MatloopError as error:
        assert str(error), f"{name}: refuses {wrong_query!r} without a word"
        return
    raise AssertionError(f"{name}: accepts the query {wrong_query!r}")
