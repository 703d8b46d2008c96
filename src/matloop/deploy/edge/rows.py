"""Rows to compare and time an export with: a table, the sample that a bundle keeps, or rows drawn in its domain."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from matloop.core.elements import SYMBOLS
from matloop.data.collect import collect
from matloop.data.inputs import needed
from matloop.deploy.bundle import Bundle
from matloop.deploy.reference import load_reference
from matloop.matter.compositions import from_formulas
from matloop.problem.question import Input, Source

MOST = 1000
_DRAWN = 200


@dataclass(frozen=True, slots=True)
class Rows:
    """columns : {name in the table: a value per row}, plain values. source : where they come from, in words."""

    columns: Mapping[str, list[Any]]
    source: str

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))


def columns_for(folder: Path, bundle: Bundle, table: Path | str | None) -> Rows:
    """Up to 1,000 rows in the columns of the bundle's inputs.

    Raises
    ------
    DataError : the table cannot be read or lacks a column.
    """
    if table is not None:
        return _of_table(bundle, table)
    reference = load_reference(folder)
    if reference is not None:
        texts = {name: values.tolist() for name, values in reference.inputs.items()}
        return Rows(_in_columns(bundle, texts, min(len(reference), MOST)), "training rows kept in the bundle")
    return Rows(_in_columns(bundle, _drawn(bundle), _DRAWN), "rows drawn within the domain")


def _of_table(bundle: Bundle, table: Path | str) -> Rows:
    raw = collect(Source(str(table), missing=bundle.manifest.missing))
    names = list(dict.fromkeys(name for entry in bundle.manifest.inputs for name in needed(entry)))
    columns = {name: [_plain(value) for value in raw.column(name)[:MOST].tolist()] for name in names}
    return Rows(columns, Path(str(table)).name)


def _plain(value: Any) -> Any:
    if isinstance(value, float) and math.isnan(value):
        return None
    return value if isinstance(value, str | int | float) or value is None else str(value)


def _in_columns(bundle: Bundle, by_input: Mapping[str, list[Any]], n: int) -> dict[str, list[Any]]:
    """Values of inputs as the columns of a table."""
    columns: dict[str, list[Any]] = {}
    for entry in bundle.manifest.inputs:
        values = [_plain(value) for value in by_input[entry.name][:n]]
        if entry.columns:
            columns |= _amounts(entry, values)
        else:
            columns[entry.column or entry.name] = values
        if entry.window is not None:
            columns[entry.window.along] = list(range(n))
            if entry.window.by:
                columns[entry.window.by] = ["a"] * n
    return columns


def _amounts(entry: Input, formulas: list[str]) -> dict[str, list[Any]]:
    """A column per element; in percent, or in atoms as the formulas have them."""
    batch, _ = from_formulas(formulas)
    found = np.zeros((len(batch), len(SYMBOLS)))
    np.add.at(found, (batch.rows, batch.elements), batch.amounts)
    if entry.amounts != "formula":
        found *= 100.0 / np.maximum(found.sum(axis=1, keepdims=True), 1e-300)
    return {name: found[:, SYMBOLS.index(element)].tolist() for element, name in entry.columns.items()}


def _drawn(bundle: Bundle) -> dict[str, list[Any]]:
    """Compositions of two or three elements that training rows hold, numbers in their range, words that are known."""
    rng = np.random.default_rng(0)
    found: dict[str, list[Any]] = {}
    words = {entry.name: entry.words for entry in bundle.manifest.representation.inputs}
    for entry in bundle.manifest.inputs:
        if entry.kind == "number":
            found[entry.name] = rng.uniform(*_range(bundle, entry.name), _DRAWN).tolist()
        elif entry.kind == "category":
            found[entry.name] = [str(word) for word in rng.choice(words[entry.name] or ("",), _DRAWN)]
        else:
            symbols = list(entry.columns) or _elements(bundle)
            found[entry.name] = [_formula(symbols, rng) for _ in range(_DRAWN)]
    return found


def _formula(symbols: list[str], rng: np.random.Generator) -> str:
    count = min(int(rng.integers(1, 4)), len(symbols))
    chosen = rng.choice(len(symbols), count, replace=False)
    return "".join(f"{symbols[k]}{int(rng.integers(1, 5))}" for k in chosen)


def _range(bundle: Bundle, name: str) -> tuple[float, float]:
    seen = bundle.models[0].domain.seen
    for k, column in enumerate(seen.numbers.tolist()):
        if str(seen.names[column]) == name:
            return float(seen.low[k]), float(seen.high[k])
    return 0.0, 1.0


def _elements(bundle: Bundle) -> list[str]:
    """Elements that training rows hold, by the domain; all stable ones where it does not say."""
    seen = bundle.models[0].domain.seen
    absent = {str(seen.names[column]).rsplit(" ", 1)[-1] for column in seen.fractions.tolist()}
    return [symbol for symbol in SYMBOLS[1:84] if symbol not in absent]
