"""Tables of results and candidates read as values: numbers where a column holds numbers, else words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from matloop.campaign.oracles.contract import Outcome, Setting
from matloop.core.arrays import FloatArray
from matloop.core.errors import DataError, all_faults
from matloop.data.collect import collect
from matloop.data.inputs import number_column
from matloop.data.table import RawTable
from matloop.problem.question import Source

if TYPE_CHECKING:
    import pandas as pd


def read_frame(path: Path, numbers: Mapping[str, str] | None = None) -> pd.DataFrame:
    """A table file (CSV, TSV, Excel, JSON lines, Parquet, also .gz) as a data frame.

    Parameters
    ----------
    numbers : {column: unit} that must be numbers where the table has them; they are converted to their unit. Other
        columns become numbers where every cell that is not empty is one.

    Raises
    ------
    DataError : no such file, it cannot be read, or a cell of `numbers` is no number; the message names row and column.
    """
    return frame_of(collect(Source(str(path))), numbers)


def frame_of(raw: RawTable, numbers: Mapping[str, str] | None = None) -> pd.DataFrame:
    """A table that was read already as a data frame; see `read_frame`."""
    import pandas as pd

    faults: list[str] = []
    columns = {name: _column(raw, name, numbers or {}, faults) for name in raw.names}
    if faults:
        raise DataError(
            all_faults(
                f"{raw.provenance.source}: these cells are no numbers. Correct them, or leave them empty.", faults
            )
        )
    return pd.DataFrame(columns)


def _column(raw: RawTable, name: str, numbers: Mapping[str, str], faults: list[str]) -> Any:
    cells = raw.column(name)
    if name in numbers:
        return _numbers(raw, name, numbers[name], faults)
    words = np.array(["" if one is None else str(one) for one in cells], dtype=object)
    try:
        read = number_column(raw, name, "")
    except DataError:  # words such as "Ge6" and "N2" that read like numbers of several units
        return words
    return read.values if not read.faults and not read.unit and bool(np.isfinite(read.values).any()) else words


YES = ("yes", "y", "true", "1", "x", "failed")
NO = ("", "no", "n", "false", "0")


def outcomes_of(path: Path, setting: Setting) -> list[tuple[str, Outcome]]:
    """The results in a table of experiments: (id, outcome) of each row that has a value or failed.

    The table has the columns id, the targets ("yield" or "yield [%]"), and if wanted "yield error", failed, cost, note.

    Raises
    ------
    DataError : no column id or no target, an id twice, or a cell that is no number; the message names row and column.
    """
    raw = collect(Source(str(path)))
    heads = {_base(name): name for name in raw.names}
    if "id" not in heads:
        raise DataError(f"{path}: there is no column id. It has: {', '.join(raw.names)}.")
    if not any(name in heads for name in setting.targets) and "failed" not in heads:
        raise DataError(f"{path}: there is no column {' or '.join(setting.targets)}. It has: {', '.join(raw.names)}.")
    faults: list[str] = []
    numbers: dict[str, FloatArray] = {}
    for target, unit in setting.targets.items():
        for name in (target, f"{target} error"):
            if name in heads:
                numbers[name] = _numbers(raw, heads[name], unit, faults)
    if "cost" in heads:
        numbers["cost"] = _numbers(raw, heads["cost"], "", faults)
    failed = [_said(raw, heads, "failed", row).lower() for row in range(len(raw))]
    faults += [
        f'row {row + 1}, column "{heads["failed"]}": {word!r}; write yes, or nothing'
        for row, word in enumerate(failed)
        if word not in YES + NO
    ]
    names = [_said(raw, heads, "id", row) for row in range(len(raw))]
    first = {name: row for row, name in reversed(list(enumerate(names)))}
    faults += [
        f"row {row + 1}: the id {name!r} stands in row {first[name] + 1} already"
        for row, name in enumerate(names)
        if name and first[name] < row
    ]
    if faults:
        raise DataError(all_faults(f"{path}: correct these cells, or leave them empty.", faults))
    found = (_outcome(row, name, raw, heads, numbers, failed[row] in YES, setting) for row, name in enumerate(names))
    return [(one.row, one) for one in found if one is not None]


def _outcome(
    row: int, name: str, raw: RawTable, heads: Mapping[str, str], numbers: Mapping[str, FloatArray], failed: bool,
    setting: Setting,
) -> Outcome | None:  # fmt: skip
    """What a row says; None where it says nothing yet."""

    def known(column: str) -> dict[str, float]:
        keys = {target: column.format(target) for target in setting.targets}
        cells = {target: float(numbers[key][row]) for target, key in keys.items() if key in numbers}
        return {target: value for target, value in cells.items() if np.isfinite(value)}

    values, note = known("{}"), _said(raw, heads, "note", row)
    cost = float(numbers["cost"][row]) if "cost" in numbers else float("nan")
    cost = setting.cost if np.isnan(cost) else cost
    if name and values:
        errors = {target: error for target, error in known("{} error").items() if target in values}
        return Outcome(name, values, errors, cost, note=note)
    if name and failed:
        return Outcome(name, cost=cost, failure=note or "no reason was given", fault="experiment")
    return None


def _numbers(raw: RawTable, column: str, unit: str, faults: list[str]) -> FloatArray:
    read = number_column(raw, column, unit)
    cells = raw.column(column)
    faults += [f'row {row + 1}, column "{column}": {cells[row]!r}, {why}' for row, why in sorted(read.faults.items())]
    return read.values


def _said(raw: RawTable, heads: Mapping[str, str], name: str, row: int) -> str:
    cell = raw.column(heads[name])[row] if name in heads else None
    text = "" if cell is None or cell != cell else str(cell).strip()
    return text[:-2] if text.endswith(".0") and text[:-2].isdigit() else text


def _base(column: str) -> str:
    """The name of a column without its unit: "yield [%]" is "yield"."""
    return column.partition(" [")[0].strip() if column.endswith("]") else column
