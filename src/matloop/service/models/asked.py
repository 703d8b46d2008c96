"""What strangers send: bytes to columns of plain values, or a sentence that names row and field."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matloop.core.optional import require
from matloop.service.models.refused import Refused
from matloop.service.models.shelf import Served

if TYPE_CHECKING:
    import orjson
else:
    orjson = require("orjson", extra="serve")

PLAIN = frozenset({str, int, float, bool, type(None)})
LONGEST_ID = 200
LARGEST = 2**53
"""Integers beyond it are not exact as numbers of JSON."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Rows as columns. ids : what the asker calls them, empty where nothing was said."""

    columns: Mapping[str, Sequence[Any]]
    n: int
    ids: list[str]


def read_json(body: bytes) -> Any:
    """The value of a body.

    Raises
    ------
    Refused : it is no JSON, or nested too deep (400).
    """
    try:
        return orjson.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"the body is no JSON: {str(error)[:200]}.", "json") from error


def single(body: bytes, served: Served) -> Asked:
    """One row: `{"inputs": {...}, "id": "..."}`.

    Raises
    ------
    Refused : another form (422), or no JSON (400).
    """
    told = _object(read_json(body), ("inputs", "id"))
    row = told.get("inputs")
    if type(row) is not dict:
        raise Refused(422, f'"inputs" is to be an object such as {_example(served)}, not {_kind(row)}.', "form")
    name = told.get("id")
    ids = [] if name is None else _ids([name], 1)
    columns: dict[str, list[Any]] = {}
    for field, value in row.items():
        column = served.fields.get(field)
        if column is None:
            raise _unknown(served, field, "")
        if column in columns:
            raise Refused(422, f'"{column}" is given twice, once by another name.', "form")
        if type(value) is not str:
            _check(served, column, value, "")
        columns[column] = [value]
    return Asked({column: columns.get(column, _NOTHING) for column in served.answerer.columns}, 1, ids)


_NOTHING = (None,)


def several(body: bytes, served: Served, most: int) -> Asked:
    """Many rows: `{"rows": [{...}, ...]}` or `{"columns": {"formula": [...]}}`, both with "ids" where wanted.

    Raises
    ------
    Refused : another form (422), too many rows (413), or no JSON (400).
    """
    told = _object(read_json(body), ("rows", "columns", "ids"))
    rows, columns = told.get("rows"), told.get("columns")
    if (rows is None) == (columns is None):
        raise Refused(422, 'give either "rows", a list of objects, or "columns", an object of lists.', "form")
    found = _by_row(rows, served, most) if columns is None else _by_column(columns, served, most)
    n = len(next(iter(found.values())))
    ids = told.get("ids")
    return Asked(found, n, [] if ids is None else _ids(ids, n))


def _by_row(rows: Any, served: Served, most: int) -> dict[str, list[Any]]:
    if type(rows) is not list:
        raise Refused(422, f'"rows" is to be a list of objects, not {_kind(rows)}.', "form")
    _counted(len(rows), most)
    fields, known = served.fields, served.fields.keys()
    columns: dict[str, list[Any]] = {column: [None] * len(rows) for column in served.answerer.columns}
    for number, row in enumerate(rows):
        if type(row) is not dict:
            raise Refused(422, f"row {number} is to be an object such as {_example(served)}, not {_kind(row)}.", "form")
        if not row.keys() <= known:
            raise _unknown(served, next(iter(row.keys() - known)), f"row {number}: ")
        for field, value in row.items():
            column = fields[field]
            if type(value) is not str:
                _check(served, column, value, f"row {number}: ")
            columns[column][number] = value
    return columns


def _by_column(told: Any, served: Served, most: int) -> dict[str, list[Any]]:
    if type(told) is not dict or not told:
        raise Refused(422, f'"columns" is to be an object of lists, not {_kind(told)}.', "form")
    columns: dict[str, list[Any]] = {}
    length = -1
    for field, values in told.items():
        column = served.fields.get(field)
        if column is None:
            raise _unknown(served, field, "")
        if column in columns or type(values) is not list:
            what = "is given twice" if column in columns else f"is to be a list, not {_kind(values)}"
            raise Refused(422, f'"columns": "{field}" {what}.', "form")
        if length not in (-1, len(values)):
            raise Refused(422, f'"columns": "{field}" has {len(values):,} values, others have {length:,}.', "form")
        length = len(values)
        _counted(length, most)
        for number, value in enumerate(values):
            if type(value) is not str:
                _check(served, column, value, f"row {number}: ")
        columns[column] = values
    return {column: columns.get(column, [None] * length) for column in served.answerer.columns}


def _object(told: Any, known: Sequence[str]) -> dict[str, Any]:
    if type(told) is not dict:
        raise Refused(422, f"the body is to be an object with {' or '.join(known)}, not {_kind(told)}.", "form")
    for name in told:
        if name not in known:
            raise Refused(422, f'"{name[:80]}" is not known here, only {", ".join(known)}.', "form")
    return told


def _counted(n: int, most: int) -> None:
    if n == 0:
        raise Refused(422, "there are no rows.", "form")
    if n > most:
        raise Refused(413, f"{n:,} rows are more than the {most:,} of one request. Send several.", "size")


def _check(served: Served, column: str, value: Any, where: str) -> None:
    """Numbers that are numbers, and nothing nested unless it is a structure."""
    kind = type(value)
    if kind in PLAIN:
        if (kind is float and not math.isfinite(value)) or (kind is int and abs(value) > LARGEST):
            raise Refused(422, f'{where}"{column}" is no finite number that can be told exactly.', "form")
        return
    if kind is dict and column in served.texts:
        return
    raise Refused(422, f'{where}"{column}" is to be a text, a number or null, not {_kind(value)}.', "form")


def _ids(told: Any, n: int) -> list[str]:
    if type(told) is not list or len(told) != n:
        raise Refused(422, f'"ids" is to be a list of {n:,} texts, one per row.', "form")
    if not all(type(one) is str and len(one) <= LONGEST_ID for one in told):
        raise Refused(422, f"an id is to be a text of up to {LONGEST_ID} characters.", "form")
    return told


def _unknown(served: Served, field: str, where: str) -> Refused:
    near = difflib.get_close_matches(field[:200], list(served.fields), n=1)
    hint = f' Did you mean "{near[0]}"?' if near else f" The model takes {', '.join(served.answerer.columns)[:500]}."
    return Refused(422, f'{where}"{field[:80]}" is no input of {served.name}.{hint}', "form")


def _example(served: Served) -> str:
    return json.dumps(served.example, ensure_ascii=False)[:200]


_KINDS: Mapping[type, str] = {
    dict: "an object", list: "a list", str: "a text", bool: "true or false", int: "a number", float: "a number",
    type(None): "nothing",
}  # fmt: skip


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), "something else")


Reader = Callable[[bytes, Served], Asked]
