"""Tables of results and candidates read as values: numbers where a column holds numbers, else words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

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
    import pandas as pd

    raw = collect(Source(str(path)))
    faults: list[str] = []
    columns = {name: _column(raw, name, numbers or {}, faults) for name in raw.names}
    if faults:
        raise DataError(all_faults(f"{path}: these cells are no numbers. Correct them, or leave them empty.", faults))
    return pd.DataFrame(columns)


def _column(raw: RawTable, name: str, numbers: Mapping[str, str], faults: list[str]) -> Any:
    cells = raw.column(name)
    if name in numbers:
        read = number_column(raw, name, numbers[name])
        faults += [f'row {row + 1}, column "{name}": {cells[row]!r}, {why}' for row, why in sorted(read.faults.items())]
        return read.values
    read = number_column(raw, name, "")
    is_number = not read.faults and not read.unit and bool(np.isfinite(read.values).any())
    return read.values if is_number else np.array(["" if one is None else str(one) for one in cells], dtype=object)
