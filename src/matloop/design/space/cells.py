"""Points as a user's table, and a user's table as points: words for codes, every cell that cannot be read named."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from matloop.core.arrays import FloatArray, TextArray
from matloop.core.errors import DataError, all_faults
from matloop.data.collect import from_frame
from matloop.data.inputs import refuse_unknown_columns
from matloop.data.table import RawTable
from matloop.data.values import read_numbers
from matloop.data.words import shown, texts
from matloop.design.space.layout import Blend, Layout, Single
from matloop.design.space.mixtures import SLACK
from matloop.design.space.scales import Range
from matloop.problem.space import Categorical, Integer

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONG = 200
ONE = 1e-3
"""Fractions whose sum misses one by less were rounded in writing: they are scaled to one. More is told."""
WRITTEN = 1e-5
"""Numbers that miss a setting or a bound by less than this share were rounded in writing."""


def frame_of(layout: Layout, values: FloatArray) -> pd.DataFrame:
    """A column per name of the layout; empty where a parameter does not exist."""
    columns: dict[str, object] = {}
    by_column = {one.column: one for one in layout.singles}
    for place, name in enumerate(layout.names):
        column, single = values[:, place], by_column.get(place)
        if single is not None and isinstance(single.parameter, Categorical):
            columns[name] = _words(column, single.parameter.values)
        elif single is not None and isinstance(single.parameter, Integer) and np.all(column == np.rint(column)):
            columns[name] = column.astype(np.int64)
        else:
            columns[name] = column.copy()
    return pd.DataFrame(columns)


def _words(codes: FloatArray, words: tuple[str, ...]) -> np.ndarray:
    known = np.array([*words, ""], dtype=object)
    inside = ~np.isnan(codes) & (codes >= 0) & (codes < len(words))
    return known[np.where(inside, codes, len(words)).astype(int)]


def values_of(layout: Layout, frame: pd.DataFrame, *, gaps: bool = False) -> tuple[FloatArray, TextArray]:
    """The points of a table, and what is odd about each row beyond the limits of parameters ("" where nothing is).

    Parameters
    ----------
    gaps : a cell may be empty: there is no such thing in that row.

    Raises
    ------
    DataError : a column is missing, or a cell cannot be read; every such cell is named.
    """
    if not len(frame):
        return np.zeros((0, layout.width)), np.zeros(0, dtype="U1")
    raw = from_frame(frame)
    refuse_unknown_columns(raw, [("the space", name) for name in layout.names])
    values = np.full((len(raw), layout.width), np.nan)
    faults: list[str] = []
    odd: list[list[str]] = [[] for _ in range(len(raw))]
    for one in layout.singles:
        values[:, one.column] = _column(raw, one, faults, odd)
    for blend in layout.blends:
        for place in range(blend.start, blend.stop):
            values[:, place] = np.nan_to_num(_numbers(raw, layout.names[place], faults), nan=0.0)
    if not gaps:
        _existing(layout, values, raw, faults, odd)
    if faults:
        raise DataError(all_faults(f"the results have {len(faults)} cells that cannot be read:", faults))
    for blend in layout.blends:
        _settle(blend, values, odd)
    return values, np.array(["; ".join(found) for found in odd], dtype=np.str_)


def _column(raw: RawTable, one: Single, faults: list[str], odd: list[list[str]]) -> FloatArray:
    if not isinstance(one.parameter, Categorical):
        written = _numbers(raw, one.name, faults)
        scale = one.scale
        near = np.clip(written, scale.low, scale.high) if isinstance(scale, Range) else scale.snapped(written)
        close = WRITTEN * np.maximum(np.abs(near), scale.high - scale.low if isinstance(scale, Range) else 1e-9)
        return np.where(np.abs(near - written) <= close, near, written)
    words = {" ".join(word.split()).casefold(): code for code, word in enumerate(one.parameter.values)}
    exact = {word: code for code, word in enumerate(one.parameter.values)}
    codes = np.full(len(raw), np.nan)
    for row, text in enumerate(texts(raw.column(one.name)).tolist()):
        code = exact.get(text, words.get(" ".join(text.split()).casefold()))
        if code is not None:
            codes[row] = code
        elif text:
            odd[row].append(f'{one.name} "{text}" is none of {_some(one.parameter.values)}')
    return codes


def _some(words: tuple[str, ...]) -> str:
    return ", ".join(words[:8]) + (f" and {len(words) - 8} more" if len(words) > 8 else "")


def _numbers(raw: RawTable, name: str, faults: list[str]) -> FloatArray:
    column = raw.column(name)
    read = read_numbers(column, missing=raw.missing, name=name)
    for row, why in sorted(read.faults.items()):
        faults.append(f'row {row + 1}, column "{name}": {shown(column[row])!r} {why}. Write a number there.')
    return read.values


def _existing(layout: Layout, values: FloatArray, raw: RawTable, faults: list[str], odd: list[list[str]]) -> None:
    """Empty cells where a parameter exists are faults; values where it does not are told."""
    there = layout.exists(values)
    for one in layout.singles:
        column = values[:, one.column]
        for row in np.flatnonzero(there[:, one.column] & np.isnan(column)).tolist():
            said = shown(raw.column(one.name)[row])
            if not said:
                faults.append(f'row {row + 1}, column "{one.name}": the cell is empty. Write what was set there.')
        for row in np.flatnonzero(~there[:, one.column] & ~np.isnan(column)).tolist():
            odd[row].append(f"{one.name} is given where it does not exist{_why_absent(layout, one)}")
            column[row] = np.nan


def _why_absent(layout: Layout, one: Single) -> str:
    when = one.parameter.when
    return f" (only with {when.parameter} = {', '.join(map(str, when.values))})" if when is not None else ""


def _settle(blend: Blend, values: FloatArray, odd: list[list[str]]) -> None:
    """Amounts near a step are that step, and what was rounded in writing sums to one again."""
    amounts = values[:, blend.columns]
    if blend.step > 0:
        near = np.round(np.rint(amounts / blend.step) * blend.step, 12)
        amounts = np.where(np.abs(near - amounts) <= min(ONE, blend.step / 10), near, amounts)
    total = amounts.sum(axis=1)
    off = np.abs(total - 1.0)
    for row in np.flatnonzero(off > ONE).tolist():
        hint = "; these are percent, write fractions" if abs(total[row] - 100.0) <= 0.5 else ""
        odd[row].append(f"the fractions of {blend.name} sum to {total[row]:.6g}, not to one{hint}")
    rounded = (off <= ONE) & (off > SLACK)
    amounts[rounded] /= total[rounded, None]
    values[:, blend.columns] = amounts


def keys_of(layout: Layout, values: FloatArray) -> TextArray:
    """A text per row that is the same for the same experiment: numbers to nine digits, words as they are."""
    columns = []
    by_column = {one.column: one for one in layout.singles}
    for place, name in enumerate(layout.names):
        single = by_column.get(place)
        if single is not None and isinstance(single.parameter, Categorical):
            cells: Iterable[str] = map(_word_text, _words(values[:, place], single.parameter.values))
        else:
            cells = (_number_text(v) for v in values[:, place].tolist())
        columns.append([f"{name}={cell}" for cell in cells])
    rows = [";".join(cells) for cells in zip(*columns, strict=True)]
    return np.array(rows, dtype=np.str_) if rows else np.zeros(0, dtype="U1")


def _word_text(word: str) -> str:
    """A word in quotes; a long one (a structure file) by its hash."""
    return repr(word) if len(word) <= _LONG else f"sha256:{hashlib.sha256(word.encode()).hexdigest()}"


def _number_text(value: float) -> str:
    return "" if value != value else f"{value + 0.0:.9g}" if abs(value) > 1e-12 else "0"
