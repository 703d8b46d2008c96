"""JSON: one object per line, or one list of objects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from matloop.core.errors import DataError, all_faults
from matloop.data.table import RawTable, checked_rows, column_arrays, named, provenance
from matloop.data.text import decoded
from matloop.problem.question import Source

_STRUCTURE = (("lattice", "lattice_mat"), ("elements", "species"), ("frac_coords", "cart_coords", "coords"))


_PYMATGEN = ("@module", "@class", "@version", "lattice", "sites", "charge", "properties", "spin_multiplicity")


def read_records(content: bytes, source: Source, sha256: str) -> RawTable:
    """A table from JSON lines (or a JSON list of objects); a name that an object lacks is a missing value.

    Nested lists and objects stay JSON text. Objects that are structures themselves (a lattice, elements and coordinates
    beside other values) get a column "structure" with the JSON text of these.

    Raises
    ------
    DataError : a line is not a JSON object; the message names up to ten of them.
    """
    text = decoded(content, source)
    if not text.strip():
        raise DataError(f"{source.source}: the file is empty. Choose a file with one JSON object per line.")
    whole = _whole(text) if text.lstrip().startswith("{") else None
    if whole is not None:
        records, lines = whole, list[int]()
    else:
        records, lines = _listed(text, source) if text.lstrip().startswith("[") else _lined(text, source)
    checked_rows(len(records), source.source, ())
    records = [with_structure(record) for record in records]
    keys = list(dict.fromkeys(key for record in records for key in record))
    names, notes = named(keys, source.source)
    cells = np.empty((len(records), len(keys)), dtype=object)
    for j, key in enumerate(keys):
        cells[:, j] = [_flat(record.get(key)) for record in records]
    columns = column_arrays(names, cells)
    return RawTable(
        columns,
        provenance(source.source, sha256, columns),
        lines=np.array(lines, dtype=np.int64),
        notes=notes,
        missing=source.missing,
    )


def _whole(text: str) -> list[dict[str, Any]] | None:
    """The entries of a text that is one object over several lines: one structure, or a response of OPTIMADE."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    data = value.get("data") if isinstance(value, dict) else None
    if isinstance(data, list) and data and all(isinstance(one, dict) and "attributes" in one for one in data):
        return data
    return [value] if isinstance(value, dict) else None


def with_structure(record: dict[str, Any]) -> dict[str, Any]:
    """The record, with an entry "structure" if it has none and is one.

    A lattice, elements and coordinates; what pymatgen writes (`as_dict`), whose own single properties become entries;
    or an entry of OPTIMADE, whose single attributes become entries.
    """
    if "structure" in record:
        return record
    sites, attributes = record.get("sites"), record.get("attributes")
    if isinstance(sites, list) and sites and isinstance(sites[0], dict):
        rest = {key: value for key, value in record.items() if key not in _PYMATGEN}
        own = {key: record[key] for key in _PYMATGEN if key in record}
        return {**_single(record.get("properties")), **rest, "structure": own}
    if isinstance(attributes, dict) and "cartesian_site_positions" in attributes:
        rest = {key: record[key] for key in ("id",) if key in record}
        return {**rest, **_single(attributes), "structure": record}
    if not all(any(key in record for key in keys) for keys in _STRUCTURE):
        return record
    return {**record, "structure": {key: record[key] for keys in _STRUCTURE for key in keys if key in record}}


def _single(values: Any) -> dict[str, Any]:
    """The numbers and words among values."""
    plain = values if isinstance(values, dict) else {}
    return {key: value for key, value in plain.items() if isinstance(value, int | float | str) and key != "structure"}


def _listed(text: str, source: Source) -> tuple[list[dict[str, Any]], list[int]]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{source.source}: not valid JSON ({error}). Correct it there, or save the table as CSV."
        ) from error
    wrong = [f"entry {i}: {str(item)[:60]!r}" for i, item in enumerate(data, start=1) if not isinstance(item, dict)]
    if wrong:
        raise DataError(
            all_faults(f"{source.source}: these entries are not objects of the form {{name: value}}:", wrong)
        )
    return data, []


def _lined(text: str, source: Source) -> tuple[list[dict[str, Any]], list[int]]:
    records: list[dict[str, Any]] = []
    lines: list[int] = []
    wrong: list[str] = []
    for number, line in _filled(text):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            wrong.append(f"line {number}: {line.strip()[:60]!r} ({error})")
            continue
        if isinstance(record, dict):
            records.append(record)
            lines.append(number)
        else:
            wrong.append(f"line {number}: {line.strip()[:60]!r} is not an object")
    if wrong:
        headline = (
            f'{source.source}: {len(wrong)} lines are not JSON objects. Each line must read like {{"formula": "NaCl"}}:'
        )
        raise DataError(all_faults(headline, wrong))
    return records, lines


def _filled(text: str) -> Iterator[tuple[int, str]]:
    return ((number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip())


def _flat(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
