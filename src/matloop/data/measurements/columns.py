"""The columns of the measurements of a table, as a problem names them or as their names say."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from matloop.core.arrays import BoolArray, FloatArray, IntArray, TextArray
from matloop.core.errors import DataError
from matloop.data.dataset import Dataset
from matloop.data.measurements.values import Factor, Measured, Part
from matloop.data.table import RawTable
from matloop.data.times import seconds_of
from matloop.data.values import read_numbers
from matloop.data.words import as_text, texts
from matloop.problem.question import Measurements

PARTS = 5
"""A condition of numbers with many values is compared in so many equal parts."""
_MOST = 12
_NAMES: Mapping[str, re.Pattern[str]] = {
    "batch": re.compile(r"^(batch|lot|plate|campaign|series|run)([ _-]?(no|nr|id|number|name))?\.?$", re.I),
    "instrument": re.compile(r"^(instrument|device|machine|equipment|apparatus|furnace)([ _-]?(id|name))?$", re.I),
    "operator": re.compile(r"^(operator|user|experimenter|measured[ _]by|performed[ _]by)([ _-]?(id|name))?$", re.I),
    "laboratory": re.compile(r"^(lab|laboratory|site|institution|institute|group)([ _-]?(id|name))?$", re.I),
}  # fmt: skip


def guessed(names: Sequence[str], taken: Sequence[str] = ()) -> Measurements:
    """What names of columns say: "batch", "lot no", "operator", "instrument id"; not those that are `taken`.

    Examples
    --------
    >>> guessed(["formula", "Batch ID", "gap", "operator"]).columns
    ('operator', 'Batch ID')
    """
    free = [name for name in names if name not in taken]
    found = {part: next((n for n in free if pattern.match(n.strip())), "") for part, pattern in _NAMES.items()}
    return Measurements(found["operator"], found["instrument"], found["laboratory"], found["batch"])


def read_measured(
    raw: RawTable, how: Measurements, keys: IntArray, *, inputs: Sequence[str] = (), time: str = "",
    is_guessed: bool = False, shown: BoolArray | None = None,
) -> Measured | None:  # fmt: skip
    """The columns as numbers and words; None where there is none.

    Parameters
    ----------
    keys : shape (n_rows,), equal where all inputs are, negative for none. inputs : columns that are inputs. time :
    column of the moment where `how` names none. shown : rows whose cells may be looked at (all by default).
    """
    names: list[tuple[str, Part]] = [
        (column, part)
        for part in ("batch", "instrument", "operator", "laboratory")
        if (column := getattr(how, part)) and column in raw.columns
    ]
    names += [(column, "condition") for column in how.conditions if column in raw.columns and column not in inputs]
    seen = np.ones(len(raw), dtype=bool) if shown is None else shown
    factors = tuple(_factor(raw, column, part, column in inputs, seen) for column, part in names)
    when = how.time or time
    seconds = _seconds(raw, when) if when in raw.columns else np.full(len(raw), np.nan)
    if not factors and not how.time:
        return None
    instrument = next((i for i, one in enumerate(factors) if one.part == "instrument"), -1)
    return Measured(factors, _samples(raw, how, keys), seconds, instrument, is_guessed, how.replicate)


def _factor(raw: RawTable, column: str, part: Part, is_input: bool, seen: BoolArray) -> Factor:
    words = np.asarray(texts(raw.column(column)), dtype=object)
    words = np.where(seen, words, "")
    if part == "condition" and (cut := _in_parts(raw.column(column), seen)) is not None:
        words = cut
    found = sorted({str(word) for word in words} - {""})
    place = {word: i for i, word in enumerate(found)}
    codes = np.array([place.get(str(word), -1) for word in words], dtype=np.int64)
    return Factor(column, part, codes, tuple(found), is_input)


def _in_parts(column: np.ndarray, seen: BoolArray) -> np.ndarray | None:
    """Numbers with many values as words for equal parts of them."""
    values = read_numbers(column).values
    known = values[seen & np.isfinite(values)]
    if len(known) < 0.9 * max(int(seen.sum()), 1) or len(np.unique(known)) <= _MOST:
        return None
    edges = np.quantile(known, np.linspace(0, 1, PARTS + 1))
    at = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, PARTS - 1)
    words = np.array([f"{a:.4g} to {b:.4g}" for a, b in pairwise(edges)], dtype=object)
    return np.where(seen & np.isfinite(values), words[at], "")


def _seconds(raw: RawTable, column: str) -> FloatArray:
    try:
        return seconds_of(raw.column(column))
    except DataError:
        return np.full(len(raw), np.nan)


def _samples(raw: RawTable, how: Measurements, keys: IntArray) -> IntArray:
    """Rows of one sample: by name, else by equal inputs; a control sample is one sample wherever it stands."""
    found = keys.copy()
    if how.replicate and how.replicate in raw.columns:
        codes, _ = pd.factorize(_or_none(raw, how.replicate))
        found = np.asarray(codes, dtype=np.int64)
    if how.control and how.control in raw.columns:
        codes, _ = pd.factorize(_or_none(raw, how.control))
        found = np.where(codes >= 0, codes + found.max(initial=-1) + 1, found)
    return found


def _or_none(raw: RawTable, column: str) -> np.ndarray:
    words = np.asarray(texts(raw.column(column)), dtype=object)
    none = np.array([not str(word) or str(word).lower() in ("false", "no", "0") for word in words])
    words[none] = None
    return words


def kept_columns(raw: RawTable, how: Measurements, dataset: Dataset) -> dict[str, TextArray]:
    """The columns of the measurements beside the rows of a dataset, as written; where rows were merged, all that
    differ, separated by "; "."""
    found: dict[str, TextArray] = {}
    for column in how.columns:
        words = np.asarray(texts(raw.column(column)), dtype=object)
        found[column] = as_text([_joined(words, rows) for rows in dataset.source_rows])
    return found


def _joined(words: np.ndarray, rows: tuple[int, ...]) -> str:
    if len(rows) == 1:
        return str(words[rows[0] - 1])
    return "; ".join(dict.fromkeys(str(words[row - 1]) for row in rows if str(words[row - 1])))
