"""Sets of rows that have something in common, for any table: by element, family, word, range, cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import FloatArray
from matloop.core.elements import SYMBOLS
from matloop.core.errors import DataError
from matloop.evaluate.baselines import fraction_columns
from matloop.evaluate.chemical_families import PRESENT, chemical_family, element_blocks
from matloop.evaluate.slices import Slice
from matloop.matter.compositions import Compositions, read_compositions
from matloop.represent.table import FeatureTable

BINS = 5
MAX_WORDS = 30
"""Of the words of one column at most so many of the most frequent become sets."""


def by_word(kind: str, name: str, words: ArrayLike) -> list[Slice]:
    """One set per word of a column (n,), `name = word`; empty words have none."""
    column = np.asarray(words).astype(np.str_)
    found, place, counts = np.unique(column, return_inverse=True, return_counts=True)
    chosen = [k for k in np.argsort(-counts, kind="stable") if found[k]][:MAX_WORDS]
    return [Slice(kind, f"{name} = {found[k]}" if name else str(found[k]), place == k) for k in sorted(chosen)]


def by_range(kind: str, name: str, values: ArrayLike, *, bins: int = BINS) -> list[Slice]:
    """Fifths of a column of numbers (n,), from small to large, and the rows where it is missing.

    Few distinct numbers become one set each; one only, none.
    """
    column = np.asarray(values, dtype=np.float64)
    known = np.isfinite(column)
    distinct = np.unique(column[known])
    head = f"{name} " if name else ""
    if len(distinct) <= bins:
        sets = [Slice(kind, f"{head}{_short(value)}", column == value) for value in distinct]
    else:
        ends = np.unique(np.quantile(column[known], np.linspace(0, 1, bins + 1)))
        place = np.clip(np.searchsorted(ends, column, side="right") - 1, 0, len(ends) - 2)
        sets = [
            Slice(kind, f"{head}{_short(ends[k])} to {_short(ends[k + 1])}", known & (place == k))
            for k in range(len(ends) - 1)
        ]
    if known.any() and not known.all():
        sets.append(Slice(kind, f"{head}missing", ~known))
    return sets if len(sets) > 1 else []


def _short(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")


def by_column(name: str, values: ArrayLike) -> list[Slice]:
    """A column of numbers by range, of anything else by word."""
    column = np.asarray(values)
    if column.dtype.kind in "fiu":
        return by_range("input", name, column)
    # None and NaN in a column of words are no words
    words = ["" if value is None or value != value else str(value) for value in column.tolist()]
    return by_word("category", name, words)


def by_chemistry(compositions: Compositions | Sequence[str]) -> list[Slice]:
    """Sets by element, chemical family, block of the periodic table and number of elements.

    Examples
    --------
    >>> [s.name for s in by_chemistry(["Fe2O3", "NaCl"]) if s.kind == "family"]
    ['halide', 'oxide']
    """
    read = compositions if isinstance(compositions, Compositions) else read_compositions(compositions)[0]
    fractions = np.zeros((len(read), 119))
    fractions[read.rows, read.elements] = read.fractions
    held = np.flatnonzero(fractions.any(axis=0))
    return list(_chemistry(fractions[:, held], [SYMBOLS[z] for z in held]))


def _chemistry(fractions: FloatArray, symbols: Sequence[str]) -> Iterator[Slice]:
    known = np.nan_to_num(fractions)
    yield from (Slice("element", symbol, known[:, at] > PRESENT) for at, symbol in enumerate(symbols))
    yield from by_word("family", "", chemical_family(known, symbols))
    yield from (Slice("block", name, member) for name, member in element_blocks(known, symbols).items())
    many = np.minimum((known > PRESENT).sum(axis=1), 6)
    names = {1: "1 element", 6: "6 or more elements"}
    yield from (Slice("elements", names.get(k, f"{k} elements"), many == k) for k in np.unique(many[many > 0]).tolist())


def table_sets(table: FeatureTable) -> list[Slice]:
    """All sets that a feature table gives: chemistry of each composition, words of categories, ranges of numbers."""
    found: dict[tuple[str, str], Slice] = {}
    at = fraction_columns(table.columns())
    for origin in dict.fromkeys(table.origins[k] for k in at):
        own = [k for k in at if table.origins[k] == origin]
        for one in _chemistry(table.X[:, own], [table.names[k].rsplit(" ", 1)[-1] for k in own]):
            before = found.get((one.kind, one.name))
            # several compositions in a row: it belongs where any of them does
            found[one.kind, one.name] = one if before is None else Slice(one.kind, one.name, one.member | before.member)
    sets = list(found.values())
    for column, (name, origin) in enumerate(zip(table.names, table.origins, strict=True)):
        if name in table.vocabularies:
            words = np.array([*table.vocabularies[name], ""])
            codes = np.where(np.isfinite(table.X[:, column]), table.X[:, column], len(words) - 1).astype(np.int64)
            sets += by_word("category", name, words[codes])
        elif origin.endswith(":number"):
            sets += by_range("input", name, table.X[:, column])
    return sets


def column_sets(columns: Mapping[str, ArrayLike], n_rows: int) -> list[Slice]:
    """Sets of further columns (source, space group, year), each of shape (n_rows,).

    Raises
    ------
    DataError : a column has another length.
    """
    for name, values in columns.items():
        if len(np.asarray(values)) != n_rows:
            raise DataError(
                f"column {name!r} has {len(np.asarray(values))} values for {n_rows} rows. Give one value per row."
            )
    return [one for name, values in columns.items() for one in by_column(name, values)]
