"""A CSV file of a shared folder, read as any table: cells that were disarmed for spreadsheets are as they were."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matloop.data.share.escape import MARK, restored
from matloop.data.table import RawTable

_LARGEST = 64 * 2**20
_TEXT = ("text", "json")


def restored_table(table: RawTable, path: Path) -> RawTable:
    """The table without the marks that `matloop data export` wrote, if its list of columns lies beside the file and
    says that there are some; any other table as it is."""
    listed = _listed(path.with_name(path.name + "-metadata.json"))
    if len(listed) != len(table.columns):
        return table
    columns: dict[str, NDArray] = {}
    for (name, cells), one in zip(table.columns.items(), listed, strict=True):
        columns[restored(name)] = _cells(cells) if one.get("kind") in _TEXT else cells
    return replace(table, columns=columns) if len(columns) == len(table.columns) else table


def _cells(cells: NDArray) -> NDArray:
    found = np.empty(len(cells), dtype=object)
    found[:] = [restored(cell) if isinstance(cell, str) else cell for cell in cells]
    found.flags.writeable = False
    return found


def _listed(path: Path) -> list[Mapping[str, Any]]:
    """The columns that matloop wrote with a mark, [] where there is no such list."""
    try:
        if path.stat().st_size > _LARGEST:
            return []
        note = json.loads(path.read_text(encoding="utf-8"))["notes"][0]
        listed = note["columns"] if note["program"] == "matloop" and note["mark"] == MARK else []
    except (OSError, ValueError, KeyError, IndexError, TypeError, RecursionError):
        return []
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
