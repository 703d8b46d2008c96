"""What goes in: compositions, structures, molecules, numbers and categories of each row, or why it cannot be read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from matloop.core import units
from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.core.elements import Z_OF
from matloop.core.errors import DataError, all_faults
from matloop.data.crystals import read_structure_column
from matloop.data.dataset import Categories, Column, Dataset, Numbers
from matloop.data.table import RawTable, no_column
from matloop.data.times import seconds_of
from matloop.data.values import NumberColumn, read_numbers
from matloop.data.windows import window_names, windowed
from matloop.data.words import Change, Why, as_text, distinct, read_words, shown, texts
from matloop.matter import compositions as matter
from matloop.matter import molecules as molecular
from matloop.matter.compositions import Compositions
from matloop.problem.question import Input, Window

_LONGEST_JSON = 10_000
"""Characters of a formula that is written as {element: amount}, at most: all elements, with all digits."""
BALANCE = frozenset({"bal", "bal.", "balance", "rest", "remainder", "rem.", "rem"})


@dataclass(frozen=True, slots=True)
class InputsRead:
    """All inputs of all rows; rows in `unreadable` hold no usable values.

    distinct : {composition input: its distinct compositions, and which of them each row is}; costly steps use these.
    """

    columns: Mapping[str, Column]
    unreadable: Mapping[int, Why]
    changes: tuple[Change, ...]
    notes: tuple[str, ...]
    distinct: Mapping[str, tuple[Compositions, IntArray]] = field(default_factory=dict)


def read_inputs(
    raw: RawTable,
    inputs: Sequence[Input],
    *,
    words: Mapping[str, Sequence[str]] | None = None,
    id_column: str = "",
) -> tuple[Dataset, dict[int, str]]:
    """Every row of the table as a row of a dataset without targets, in order; for prediction.

    Parameters
    ----------
    words : {input: its categories in training}; a category that differs only in case or spaces is read as that one.
    id_column : column with names of the rows; "row-1", "row-2", ... without it.

    Returns
    -------
    The dataset, and {0-based row: why it cannot be read}. Such a row keeps its place, with missing values.

    Raises
    ------
    DataError : a column is missing (with the nearest names).
    """
    refuse_unknown_columns(raw, [(f"[inputs] {item.name}", column) for item in inputs for column in needed(item)])
    read = read_columns(raw, inputs, words or {})
    n = len(raw)
    ids = texts(raw.column(id_column)) if id_column else np.array([f"row-{i + 1}" for i in range(n)], dtype=object)
    dataset = Dataset(
        ids=as_text(ids),
        inputs=read.columns,
        targets={},
        groups=as_text(ids),
        weights=np.ones(n),
        times=np.full(n, np.nan),
        source_rows=tuple((i + 1,) for i in range(n)),
    )
    return dataset, {row: str(why) for row, why in sorted(read.unreadable.items())}


def needed(item: Input) -> tuple[str, ...]:
    """The columns of the table that an input is read from."""
    if item.columns:
        return tuple(item.columns.values())
    window = item.window
    return (item.column or item.name, *((window.along, window.by)[: 2 if window.by else 1] if window else ()))


def refuse_unknown_columns(raw: RawTable, wanted: Sequence[tuple[str, str]]) -> None:
    """DataError that lists every column that is asked for and not there, with the nearest names."""
    wrong = [f"{where}: {no_column(column, raw.names)}" for where, column in wanted if column not in raw.columns]
    if wrong:
        raise DataError(
            all_faults(f"{raw.provenance.source}: the table lacks {len(wrong)} of the columns asked for:", wrong)
        )


def read_columns(raw: RawTable, inputs: Sequence[Input], words: Mapping[str, Sequence[str]]) -> InputsRead:
    """Read all inputs; the first reason found per row is kept, in the order of the inputs."""
    columns: dict[str, Column] = {}
    unreadable: dict[int, Why] = {}
    changes: list[Change] = []
    notes: list[str] = []
    compositions: dict[str, tuple[Compositions, IntArray]] = {}
    for item in inputs:
        read = _one(raw, item, words)
        columns.update(read.columns)
        compositions.update(read.distinct)
        for row, why in read.unreadable.items():
            unreadable.setdefault(row, why)
        changes.extend(read.changes)
        notes.extend(read.notes)
    for row in np.flatnonzero(_all_missing(columns, len(raw))).tolist():
        unreadable.setdefault(row, Why("", "", "no input has a value"))
    return InputsRead(columns, unreadable, tuple(changes), tuple(notes), compositions)


def _one(raw: RawTable, item: Input, words: Mapping[str, Sequence[str]]) -> InputsRead:
    if item.kind == "number":
        return _numbers(raw, item)
    if item.kind == "category":
        return _categories(raw, item, words.get(item.name))
    if item.kind == "molecule":
        return _molecules(raw, item)
    if item.kind == "structure":
        read = read_structure_column(raw, needed(item)[0])
        return InputsRead({item.name: read.batch}, read.unreadable, (), read.notes)
    return _amount_columns(raw, item) if item.columns else _formulas(raw, item)


def _all_missing(columns: Mapping[str, Column], n: int) -> BoolArray:
    missing = np.ones(n, dtype=bool)
    for column in columns.values():
        missing &= absent(column)
    return missing


def absent(column: Column) -> BoolArray:
    """Rows of an input that hold no value, shape (n_rows,)."""
    if isinstance(column, Numbers):
        return np.isnan(column.values)
    if isinstance(column, Categories):
        return column.values == ""
    return np.diff(column.offsets) == 0


def stated_unit(raw: RawTable, column: str, unit: str) -> tuple[str, str]:
    """What numbers of a column are in, from the card of the set or the header ("YS (MPa)"), and a note.

    The header counts only where it can be converted to `unit`: brackets hold many things.

    Raises
    ------
    DataError : the card of the set states a unit that cannot be converted to `unit`.
    """
    card = raw.describe.get(column)
    if card is not None and card.unit:
        if unit and not units.compatible(card.unit, unit):
            raise DataError(
                f'{raw.provenance.source}, column "{column}": the values are in {card.unit}, which cannot be '
                f"converted to {unit}. "
                f'Write unit = "{card.unit}".'
            )
        return card.unit, ""
    header = re.search(r"[(\[]([^()\[\]]+)[)\]]\s*$", column)
    written = _plain_unit(header[1]) if header else ""
    if not (written and unit) or units.tidy(written) == units.tidy(unit) or not units.known(written):
        return "", ""
    if units.compatible(written, unit):
        return written, ""
    return "", f'column "{column}": the header says {written}, but unit = "{unit}"; numbers are taken as {unit}'


def _plain_unit(text: str) -> str:
    latex = text.replace("$", "").replace("^\\circ", "°").replace("\\circ", "°").replace("\\mu", "µ").replace("\\", "")
    return re.sub(r"[{} ]", "", latex)


def number_column(raw: RawTable, column: str, unit: str) -> NumberColumn:
    """A column of the table read as numbers in `unit`; DataError names file and column."""
    column_unit, note = stated_unit(raw, column, unit)
    try:
        read = read_numbers(
            raw.column(column),
            unit=unit,
            column_unit=column_unit,
            missing=raw.missing,
            decimal_comma=raw.decimal_comma,
            name=column,
        )
    except DataError as error:
        raise DataError(f"{raw.provenance.source}: {error}") from error
    notes = tuple(f'column "{column}": {text}' for text in read.notes) + ((note,) if note else ())
    return NumberColumn(read.values, read.errors, read.censored, read.unit, read.faults, read.repairs, notes)


# ---- numbers and categories ----


def _numbers(raw: RawTable, item: Input) -> InputsRead:
    name = needed(item)[0]
    column = raw.column(name)
    read = number_column(raw, name, item.unit)
    unreadable = {row: Why(name, shown(column[row]), reason) for row, reason in read.faults.items()}
    changes = [Change(row, name, shown(column[row]), new, why) for row, (new, why) in read.repairs.items()]
    for row in np.flatnonzero(read.censored).tolist():
        what = "an upper limit" if read.censored[row] < 0 else "a lower limit"
        changes.append(
            Change(
                int(row),
                name,
                shown(column[row]),
                f"{read.values[row]:.12g}",
                f"{what} of an input is taken as its value",
            )
        )
    unit, notes = item.unit or read.unit, list(read.notes)
    columns: dict[str, Column] = {item.name: Numbers(read.values, unit)}
    if item.window is not None:
        columns |= _window(raw, item.name, read.values, unit, item.window, notes)
    return InputsRead(columns, unreadable, tuple(changes), tuple(notes))


def _window(
    raw: RawTable, name: str, values: FloatArray, unit: str, window: Window, notes: list[str]
) -> dict[str, Column]:
    """What the number was in the rows before, a column per statistic; over all rows of the table, used or not."""
    along, along_unit = order_of(raw, window.along)
    series = texts(raw.column(window.by)) if window.by else np.full(len(raw), "all")
    lost = int((np.isnan(along) | (series == "")).sum())
    if lost:
        by = f' or "{window.by}"' if window.by else ""
        notes.append(f'input "{name}": {lost:,} rows have no "{window.along}"{by}, so they have no window')
    made = windowed(values, along, series, window)
    slope = units.product((unit, 1), (along_unit, -1))
    names = window_names(name, window)
    return {
        new: Numbers(made[:, k], slope if new.startswith(f"{name} slope of ") else unit) for k, new in enumerate(names)
    }


def order_of(raw: RawTable, name: str) -> tuple[FloatArray, str]:
    """A column that puts rows in order: its numbers and their unit, or its dates in seconds; NaN where neither."""
    column = raw.column(name)
    if column.dtype.kind == "M":
        return seconds_of(column), "s"
    read = number_column(raw, name, "")
    unread = np.flatnonzero(np.isnan(read.values) & (texts(column) != ""))
    if 2 * len(unread) <= len(column):
        return read.values, read.unit or stated_unit(raw, name, "")[0]
    return seconds_of(column), "s"


def _categories(raw: RawTable, item: Input, words: Sequence[str] | None) -> InputsRead:
    """Words; where they have an order, a word that is not in it cannot be read."""
    name = needed(item)[0]
    values, changes, notes = read_words(raw, name, item.order or words)
    known = np.isin(values.astype(np.str_), ["", *item.order]) if item.order else np.ones(len(values), dtype=bool)
    why = f"is not in the order {' < '.join(item.order)}"
    unreadable = {row: Why(name, str(values[row]), why) for row in np.flatnonzero(~known).tolist()}
    return InputsRead({item.name: Categories(as_text(values))}, unreadable, changes, notes)


# ---- molecules ----


def _molecules(raw: RawTable, item: Input) -> InputsRead:
    """Molecules of a column of SMILES, InChI or mol blocks; MissingExtra where rdkit is not installed."""
    name = needed(item)[0]
    no_value = {word.strip() for word in raw.missing}
    codes, written = distinct(_molecule_texts(raw.column(name)))
    batch, reasons, notes = molecular.read_texts(["" if text in no_value else text for text in written])
    unreadable = {
        int(row): Why(name, molecular.shown_molecule(written[codes[row]]), reasons[int(codes[row])])
        for row in np.flatnonzero(np.isin(codes, list(reasons)))
    }
    rows = [(np.flatnonzero(np.isin(codes, places)), why) for places, why in _by_note(notes)]
    said = [_counted(name, written[codes[found[0]]], found, why) for found, why in rows]
    return InputsRead({item.name: batch.take(codes)}, unreadable, (), tuple(said))


def _molecule_texts(column: NDArray) -> list[str]:
    """Trimmed, but a mol block keeps its first line, which may be empty."""
    return [value if isinstance(value, str) and "\n" in value.strip() else shown(value) for value in column.tolist()]


def _by_note(notes: Mapping[int, str]) -> list[tuple[list[int], str]]:
    """Places of distinct molecules by what is worth knowing of them, numbers apart."""
    kinds: dict[str, list[int]] = {}
    for place, note in sorted(notes.items()):
        for part in note.split("; "):
            kinds.setdefault(re.sub(r"^\d+ ", "", part), []).append(place)
    return [(places, kind) for kind, places in kinds.items()]


def _counted(name: str, first: str, rows: IntArray, why: str) -> str:
    example = f"row {rows[0] + 1}: {molecular.shown_molecule(first)!r}"
    return f'column "{name}": {len(rows):,} rows hold {why} ({example})'


# ---- compositions ----


def _formulas(raw: RawTable, item: Input) -> InputsRead:
    name = needed(item)[0]
    written = texts(raw.column(name))
    no_value = {word.strip() for word in raw.missing}
    codes, spellings = distinct(written.tolist())
    formulas = [_from_json(text) for text in spellings]
    batch, reasons, read_as = matter.read_formulas(formulas, item.amounts)
    why: dict[int, Why] = {}
    for code, text in enumerate(spellings):
        if text == "" or text in no_value:
            why[code] = Why(name, text, "is empty: there is no formula")
        elif code in reasons:
            why[code] = Why(name, text, reasons[code])
    bad = np.zeros(len(spellings), dtype=bool)
    bad[list(why)] = True
    unreadable = {int(row): why[int(codes[row])] for row in np.flatnonzero(bad[codes])}
    changes = _read_as(name, written, codes, {code: note for code, note in read_as.items() if code not in why}, batch)
    return InputsRead({item.name: batch.take(codes)}, unreadable, changes, (), {item.name: (batch, codes)})


def _read_as(
    name: str, written: NDArray, codes: IntArray, notes: Mapping[int, str], batch: Compositions
) -> tuple[Change, ...]:
    if not notes:
        return ()
    marked = np.array(sorted(notes), dtype=np.int64)
    became = dict(zip(marked.tolist(), matter.to_formulas(batch.take(marked)).tolist(), strict=True))
    rows = np.flatnonzero(np.isin(codes, marked)).tolist()
    return tuple(Change(row, name, written[row], became[int(codes[row])], notes[int(codes[row])]) for row in rows)


def _from_json(text: str) -> str:
    """{"Fe": 2, "O": 3} as Fe2O3; anything else as it is."""
    if not text.startswith("{") or len(text) > _LONGEST_JSON:
        return text
    try:
        amounts = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if not all(symbol in Z_OF and isinstance(amount, int | float) for symbol, amount in amounts.items()):
        return text
    return "".join(f"{symbol}{amount:.12g}" for symbol, amount in amounts.items() if amount > 0)


def _amount_columns(raw: RawTable, item: Input) -> InputsRead:
    """A composition from one column of amounts per element; an empty cell is none of it, "bal." is the rest to 100."""
    elements = list(item.columns)
    matrix = np.zeros((len(raw), len(elements)))
    balance = np.zeros(matrix.shape, dtype=bool)
    unreadable: dict[int, Why] = {}
    changes: list[Change] = []
    notes: list[str] = []
    for j, (element, name) in enumerate(item.columns.items()):
        written = texts(raw.column(name))
        balance[:, j] = [text.lower() in BALANCE for text in written.tolist()]
        read = read_numbers(
            np.where(balance[:, j], "", raw.column(name).astype(object)),
            missing=raw.missing,
            decimal_comma=raw.decimal_comma,
            name=name,
        )
        matrix[:, j] = np.nan_to_num(read.values)
        for row, reason in read.faults.items():
            unreadable.setdefault(row, Why(name, written[row], reason))
        for row in np.flatnonzero(np.isnan(read.values) & (written != "") & ~balance[:, j]).tolist():
            if row not in read.faults:
                changes.append(Change(row, name, written[row], "0", f"no amount of {element} is given: read as none"))
        for row in np.flatnonzero(matrix[:, j] < 0).tolist():
            unreadable.setdefault(row, Why(name, written[row], f"is a negative amount of {element}"))
        changes.extend(Change(row, name, written[row], new, why) for row, (new, why) in read.repairs.items())
        notes.extend(f'column "{name}": {note}' for note in read.notes)
    _fill_balance(item, matrix, balance, unreadable, changes)
    matrix[list(unreadable)] = 0.0
    batch, reasons = matter.from_amounts(matrix, elements, item.amounts)
    for row, reason in reasons.items():
        unreadable.setdefault(row, Why(item.name, str(batch.formulas[row]), reason))
    whole = {item.name: (batch, np.arange(len(raw)))}
    return InputsRead({item.name: batch}, unreadable, tuple(changes), tuple(notes), whole)


def _fill_balance(
    item: Input, matrix: FloatArray, balance: BoolArray, unreadable: dict[int, Why], changes: list[Change]
) -> None:
    names = list(item.columns.values())
    for row in np.flatnonzero(balance.any(axis=1)).tolist():
        places = np.flatnonzero(balance[row])
        rest = 100.0 - matrix[row].sum()
        column = names[places[0]]
        if item.amounts == "formula" or len(places) > 1 or rest < 0:
            reason = (
                "is the balance of more than one element, of amounts above 100, or of amounts that are not in percent"
            )
            unreadable.setdefault(row, Why(column, "balance", reason))
            continue
        matrix[row, places[0]] = rest
        changes.append(Change(row, column, "balance", f"{rest:.12g}", "the rest to 100 percent"))
