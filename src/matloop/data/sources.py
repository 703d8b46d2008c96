"""Where tables come from: named sources and file formats. A new one is one file and one line here."""

from __future__ import annotations

from matloop.core.registry import Registry

SOURCES = Registry("matloop.sources", **{"ricci-transport": "matloop.data.sets.embedded:ricci_transport"})
"""Name -> function(query: str) -> RawTable. Must pass `matloop.testing.sources.check_source`."""

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
