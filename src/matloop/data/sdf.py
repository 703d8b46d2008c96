"""SD and mol files: one row per record, its named values as columns, the mol block as a molecule column."""

from __future__ import annotations

import numpy as np

from matloop.core.errors import DataError
from matloop.data.table import RawTable, checked_rows, column_arrays, named, provenance
from matloop.data.text import decoded
from matloop.matter.sdf import sdf_records
from matloop.problem.question import Source

MOLECULE_COLUMN, TITLE_COLUMN = "molecule", "title"


def read_sdf(content: bytes, source: Source, sha256: str) -> RawTable:
    """A table from an SD file (V2000 or V3000) or a mol file.

    Columns: "molecule" (the mol block as written: atoms, bonds, coordinates), "title" where a record has one, and every
    named value; a name that a record lacks is a missing value. A block is read only where it is an input of kind
    "molecule", so a damaged one costs its own row.

    Raises
    ------
    DataError : there is no record in the file.
    """
    text = decoded(content, source)
    records = sdf_records(text)
    if not any("M  END" in record.block or record.values for record in records):
        raise DataError(
            f'{source.source}: no record was found: an SD file holds mol blocks that end with "M  END", and "$$$$" '
            "after each record. Save the molecules as SDF, or their SMILES as CSV."
        )
    keys = list(dict.fromkeys(key for record in records for key in record.values))
    own = [_free(MOLECULE_COLUMN, keys)]
    cells: list[list[str | None]] = [[record.block for record in records]]
    if any(record.title for record in records):
        own.append(_free(TITLE_COLUMN, keys))
        cells.append([record.title for record in records])
    cells += [[record.values.get(key) for record in records] for key in keys]
    names, notes = named([*own, *keys], source.source)
    table = np.empty((len(records), len(names)), dtype=object)
    for place, column in enumerate(cells):
        table[:, place] = column
    checked_rows(len(table), source.source, names)
    columns = column_arrays(names, table)
    return RawTable(
        columns,
        provenance(source.source, sha256, columns),
        lines=np.array([record.line for record in records], dtype=np.int64),
        notes=notes,
        missing=source.missing,
    )


def _free(name: str, taken: list[str]) -> str:
    """`name`, with a word added where a named value is called so, in whatever case."""
    return name if name.lower() not in {key.lower() for key in taken} else _free(f"{name} block", taken)
