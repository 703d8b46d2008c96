"""Where tables come from: named sources and file formats. A new one is one file and one line here."""

from __future__ import annotations

from pathlib import Path

from matloop.core.registry import Registry

SOURCES = Registry("matloop.sources", **{"ricci-transport": "matloop.data.sets.embedded:ricci_transport"})
"""Name -> function(query: str) -> RawTable. Must pass `matloop.testing.sources.check_source`."""

QUERIED = Registry(
    "matloop.queried",
    store="matloop.data.store.source:read_stored",
    sql="matloop.data.sql:read_sql",
    matbench="matloop.data.benchmarks.source:read_matbench",
    matminer="matloop.data.benchmarks.source:read_matminer",
    jarvis="matloop.data.benchmarks.source:read_jarvis",
)
"""Name -> function(query: str, base: Path) -> RawTable: what is asked for as "name:query", a relative path in the query
starting from `base`."""

PASTS = Registry("matloop.pasts", store="matloop.data.store.past:read_past")
"""Name -> function(query: str, base: Path): versions of what is asked for as "name:query" (`Past` of the store)."""

FORMATS = Registry(
    "matloop.formats",
    csv="matloop.data.text:read_text",
    tsv="matloop.data.text:read_text",
    txt="matloop.data.text:read_text",
    dat="matloop.data.text:read_text",
    tab="matloop.data.text:read_text",
    xlsx="matloop.data.workbook:read_workbook",
    xlsm="matloop.data.workbook:read_workbook",
    xls="matloop.data.workbook:read_workbook",
    jsonl="matloop.data.records:read_records",
    ndjson="matloop.data.records:read_records",
    json="matloop.data.records:read_records",
    parquet="matloop.data.parquet:read_parquet",
    pq="matloop.data.parquet:read_parquet",
    sdf="matloop.data.sdf:read_sdf",
    sd="matloop.data.sdf:read_sdf",
    mol="matloop.data.sdf:read_sdf",
)
"""Ending of the file name (without .gz) -> function(content: bytes, source: Source, sha256: str) -> RawTable."""

OPENED = Registry(
    "matloop.opened",
    xyz="matloop.data.frames:open_xyz",
    extxyz="matloop.data.frames:open_xyz",
    cif="matloop.data.frames:open_cif",
    vasp="matloop.data.frames:open_poscar",
    poscar="matloop.data.frames:open_poscar",
    contcar="matloop.data.frames:open_poscar",
    zip="matloop.data.archives:open_zip",
    tar="matloop.data.archives:open_tar",
    tgz="matloop.data.archives:open_tar",
    db="matloop.data.ase_db:open_ase_sqlite",
    h5="matloop.data.hdf5:open_hdf5",
    hdf5="matloop.data.hdf5:open_hdf5",
)
"""Ending of the file name (without .gz) -> function(path: Path, source: Source) -> Opened, read row by row.

Must pass `matloop.testing.sources.check_opened`.
"""


def is_named(source: str) -> bool:
    """Whether a source is that of a name ("ricci-transport", "store:materials.db#gaps") and not a path."""
    name, _, query = source.partition(":")
    return (name in SOURCES or (name in QUERIED and query != "")) and not is_file(source)


def is_file(source: str | Path) -> bool:
    """Whether there is such a file; a query may be longer than any name of one."""
    try:
        return Path(source).expanduser().is_file()
    except (OSError, ValueError, RuntimeError):  # RuntimeError: "~name" of nobody
        return False
