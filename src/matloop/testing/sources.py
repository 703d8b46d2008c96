"""The contract of a source of tables: what `collect` and everything behind it rely on."""

from __future__ import annotations

import re

import numpy as np

from matloop.core import units
from matloop.core.errors import DataError, MatloopError
from matloop.data.sources import SOURCES
from matloop.data.table import RawTable


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
