import gzip
import hashlib
import time

import numpy as np
import pandas as pd
import pytest
from data_tables import written

from matloop.core.errors import ConfigError, DataError
from matloop.data.collect import collect, from_frame
from matloop.problem import Source

TABLE = "formula,gap\nNaN,1.5\nNaCl,NA\n"
RECORDS = '{"formula": "NaN", "gap": 1.5}\n\n{"formula": "NaCl", "note": {"by": "AB"}}\n'


def excel(path, rows, **sheets):
    with pd.ExcelWriter(path) as book:
        pd.DataFrame(rows).to_excel(book, sheet_name="data", index=False, header=False)
        for name, more in sheets.items():
            pd.DataFrame(more).to_excel(book, sheet_name=name, index=False, header=False)


def parquet(path, query):
    duckdb = pytest.importorskip("duckdb")
    with duckdb.connect() as connection:
        connection.sql(query).write_parquet(str(path))


# ---- formats ----


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_text_values_stay_as_written(tmp_path, delimiter):
    raw = written(tmp_path, TABLE.replace(",", delimiter))
    assert raw.column("formula").tolist() == ["NaN", "NaCl"]
    assert raw.column("gap").tolist() == ["1.5", "NA"]


def test_semicolons_say_that_commas_are_decimal(tmp_path):
    raw = written(tmp_path, "formula;gap\nNaCl;1,5\nKCl;2,25\n")
    assert raw.decimal_comma
    assert raw.column("gap").tolist() == ["1,5", "2,25"]


def test_one_column_is_not_split_at_the_commas_of_its_values(tmp_path):
    raw = written(tmp_path, "formula\nLa1-xSrxMnO3, x = 0.3\nNaCl\n")
    assert raw.column("formula")[0] == "La1-xSrxMnO3, x = 0.3"


def test_quoted_fields_may_hold_delimiters_and_line_breaks(tmp_path):
    raw = written(tmp_path, 'formula,note\nNaCl,"a, b"\nKCl,"two\nlines"\nMgO,c\n')
    assert raw.column("note").tolist() == ["a, b", "two\nlines", "c"]
    assert raw.where(3) == "row 3 (line 5)"
    assert raw.where(1) == "row 1 (line 2)"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_mark_is_understood(tmp_path, encoding):
    raw = written(tmp_path, "formula,α (µV/K)\nNaCl,1\n".encode(encoding))
    assert raw.names == ("formula", "α (µV/K)")


def test_blank_lines_and_a_spreadsheets_trailing_commas_are_no_rows(tmp_path):
    raw = written(tmp_path, "formula,gap\n\nNaCl,1,,\nKCl,2\n,\n,\n")
    assert raw.column("formula").tolist() == ["NaCl", "KCl"]


def test_a_blank_line_in_a_table_of_one_column_is_an_empty_value(tmp_path):
    raw = written(tmp_path, "formula\r\nFe2O3\r\n\r\nAl2O3\r\n\r\n\r\n")
    assert raw.column("formula").tolist() == ["Fe2O3", "", "Al2O3"]
    assert raw.where(3) == "row 3 (line 4)"


def test_a_missing_last_value_of_one_column_is_a_row(tmp_path):
    frame = pd.DataFrame({"formula": ["Fe2O3", None, "Al2O3", None]})
    raw = written(tmp_path, frame.to_csv(index=False))
    assert raw.column("formula").tolist() == ["Fe2O3", "", "Al2O3", ""]


def test_encoding_that_is_given_is_used(tmp_path):
    raw = written(tmp_path, "formula,größe\nNaCl,5 µm\n".encode("latin-1"), encoding="latin-1")
    assert raw.column("größe")[0] == "5 µm"


@pytest.mark.parametrize("name", ["table.csv", "table.csv.gz", "table.tsv", "table.txt"])
def test_gzip_and_endings_of_text(tmp_path, name):
    content = TABLE.encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    assert len(collect(Source(name), base=tmp_path)) == 2


def test_excel_keeps_stored_values_and_chooses_the_sheet(tmp_path):
    excel(tmp_path / "t.xlsx", [["formula", "gap"], ["NaN", 1.5], ["NaCl", None]], more=[["a"], [1]])
    raw = collect(Source("t.xlsx"), base=tmp_path)
    assert raw.column("formula").tolist() == ["NaN", "NaCl"]
    assert raw.column("gap").tolist() == [1.5, None]
    assert any("of 2 sheets the first" in note for note in raw.notes)
    assert collect(Source("t.xlsx", sheet="more"), base=tmp_path).names == ("a",)


def test_excel_table_may_begin_lower_down(tmp_path):
    excel(tmp_path / "t.xlsx", [[None, None], ["formula", "gap"], [None, None], ["NaCl", 5]])
    raw = collect(Source("t.xlsx"), base=tmp_path)
    assert len(raw) == 1
    assert raw.where(1) == "row 1 (line 4)"


def test_json_lines_miss_values_and_keep_nested_ones_as_text(tmp_path):
    raw = written(tmp_path, RECORDS, "t.jsonl")
    assert raw.column("gap").tolist() == [1.5, None]
    assert raw.column("note").tolist() == [None, '{"by": "AB"}']
    assert raw.where(2) == "row 2 (line 3)"


def test_json_list_of_objects(tmp_path):
    assert len(written(tmp_path, '[{"a": 1, "b": 2}, {"a": 3}]', "t.json")) == 2


@pytest.mark.parametrize("packed", [False, True])
def test_parquet_keeps_types_and_nulls(tmp_path, packed):
    query = "SELECT * FROM (VALUES ('NaN', 1.5::DOUBLE, 3::INT), ('NaCl', NULL, NULL)) AS t(formula, gap, n)"
    path = tmp_path / "t[1].parquet"
    parquet(path, query)
    if packed:
        path = tmp_path / "t.parquet.gz"
        path.write_bytes(gzip.compress((tmp_path / "t[1].parquet").read_bytes()))
    raw = collect(Source(path.name), base=tmp_path)
    assert raw.column("formula").tolist() == ["NaN", "NaCl"]
    assert raw.column("gap")[0] == 1.5
    assert np.isnan(raw.column("gap")[1])
    assert raw.column("n").tolist() == [3, None]


def test_data_frame_keeps_values_and_index(tmp_path):
    frame = pd.DataFrame({"formula": ["NaN", None], "gap": [1.5, np.nan]}, index=pd.Index(["a", "b"], name="id"))
    raw = from_frame(frame)
    assert raw.names == ("id", "formula", "gap")
    assert raw.column("formula").tolist() == ["NaN", None]
    assert raw.provenance.sha256 == from_frame(frame.copy()).provenance.sha256
    assert raw.provenance.sha256 != from_frame(frame.assign(gap=2.0)).provenance.sha256


def test_excel_under_a_wrong_ending_is_still_read(tmp_path):
    excel(tmp_path / "t.xlsx", [["formula"], ["NaCl"]])
    (tmp_path / "t.xlsx").rename(tmp_path / "t.csv")
    assert collect(Source("t.csv"), base=tmp_path).names == ("formula",)


def test_provenance_hashes_the_file(tmp_path):
    raw = written(tmp_path, TABLE)
    assert raw.provenance.sha256 == hashlib.sha256(TABLE.encode()).hexdigest()
    assert (raw.provenance.n_rows, raw.provenance.n_columns) == (2, 2)
    assert raw.provenance.retrieved


def test_unnamed_column_is_called_by_its_place(tmp_path):
    raw = written(tmp_path, ",formula\n0,NaCl\n")
    assert raw.names == ("column 1", "formula")
    assert raw.notes == ('column 1 has no name and is called "column 1"',)


def test_fifty_thousand_columns_are_read_in_seconds(tmp_path):
    names = ",".join(f"c{i}" for i in range(50_000))
    start = time.process_time()
    raw = written(tmp_path, names + "\n" + (",".join(["1.5"] * 50_000) + "\n") * 20)
    assert len(raw.names) == 50_000
    with pytest.raises(DataError, match='no column "c49999x"'):
        raw.column("c49999x")
    assert time.process_time() - start < 10


# ---- what cannot be read ----


def test_too_wide_parquet_is_refused_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr("matloop.data.parquet._MOST_COLUMNS", 2)
    parquet(tmp_path / "t.parquet", "SELECT 1 AS a, 2 AS b, 3 AS c")
    with pytest.raises(DataError, match=r"t.parquet: 3 columns are more than .* Keep the columns"):
        collect(Source("t.parquet"), base=tmp_path)


def fails(tmp_path, content, *said, name="table.csv", **source):
    with pytest.raises(DataError) as caught:
        written(tmp_path, content, name, **source)
    for part in (name, *said):
        assert part in str(caught.value), f"{part!r} is not in: {caught.value}"


def test_wrong_encoding_names_byte_line_and_cure(tmp_path):
    content = "formula,note\nNaCl,ok\nKCl,5 µm\n".encode("latin-1")
    fails(tmp_path, content, "line 3", "byte 27", "0xb5", 'encoding = "latin-1"')


def test_unknown_encoding_names_common_ones(tmp_path):
    fails(tmp_path, TABLE, 'encoding = "latin-7x"', '"latin-1"', encoding="latin-7x")


@pytest.mark.parametrize("content", ["", " \n \n"])
def test_empty_file(tmp_path, content):
    fails(tmp_path, content, "is empty", "Choose a table")


def test_header_only(tmp_path):
    fails(tmp_path, "formula,gap\n", 'header ("formula", "gap")', "no row of data")


def test_header_without_names(tmp_path):
    fails(tmp_path, "1.2,3.4\n1.3,3.5\n", "header holds numbers", "Put a line with the column names first")


def test_duplicate_column_names(tmp_path):
    fails(tmp_path, "a,b,a, a \n1,2,3,4\n", '"a" (columns 1, 3, 4)', "rename or delete")


def test_ragged_rows_are_listed_with_their_lines(tmp_path):
    rows = "\n".join(["NaCl,1,x"] * 10 + ["KCl,1", "MgO,1,2,3"] + ["CaO"] * 12)
    fails(
        tmp_path,
        "formula,gap,note\n" + rows,
        "14 of 24 rows",
        "row 11 (line 12): 2 fields, expected 3",
        "row 12 (line 13): 4 fields, expected 3",
        "and 4 more",
        "Quote fields",
    )


def test_open_quotation_mark_names_the_line(tmp_path):
    fails(tmp_path, 'formula,note\nNaCl,"open\nKCl,x\n', "line", "quotation mark")


def test_binary_content(tmp_path):
    fails(tmp_path, b"\x00\x01\x02\x00formula,gap\n1,2\n", "null bytes", "Save it as CSV")


def test_damaged_gzip(tmp_path):
    fails(tmp_path, gzip.compress(TABLE.encode())[:-9], "gzip file is damaged", name="t.csv.gz")


def test_missing_file_gives_near_names(tmp_path):
    (tmp_path / "steels_2024.csv").write_text(TABLE)
    with pytest.raises(DataError, match=r'steels2024.csv: there is no such file.*Did you mean "steels_2024.csv"'):
        collect(Source("steels2024.csv"), base=tmp_path)
    with pytest.raises(DataError, match='"ricci-transport"'):
        collect(Source("ricci-transprot"), base=tmp_path)
    with pytest.raises(DataError, match=r"the folder .* does not exist"):
        collect(Source("nowhere/t.csv"), base=tmp_path)


def test_folder_lists_its_tables(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.csv").write_text(TABLE)
    with pytest.raises(DataError, match=r'set: is a folder.*Name one file.*"a.csv"'):
        collect(Source("set"), base=tmp_path)


def test_unknown_ending(tmp_path):
    fails(tmp_path, TABLE, 'ending in ".doc"', '"csv"', name="t.doc")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.xlsx", b"PK\x03\x04 no workbook", "cannot be read as an Excel workbook"),
        ("t.xls", b"\xd0\xcf\x11\xe0 old", "save it as .xlsx or CSV"),
        ("t.parquet", b"PAR1 no parquet", "cannot be read as Parquet"),
        ("t.json", b'[{"a": 1', "not valid JSON"),
        ("t.json", b"[1, 2]", "entry 1: '1'"),
        ("t.jsonl", b'{"a": 1}\n{"a": \n[3]\n', "line 2"),
    ],
)
def test_damaged_files_say_what_to_do(tmp_path, name, content, said):
    fails(tmp_path, content, said, name=name)


def test_missing_and_empty_sheets(tmp_path):
    excel(tmp_path / "t.xlsx", [["formula"], ["NaCl"]], empty=[[None]])
    with pytest.raises(DataError, match='no sheet "dta". Did you mean "data"'):
        collect(Source("t.xlsx", sheet="dta"), base=tmp_path)
    with pytest.raises(DataError, match="sheet 'empty': the sheet is empty"):
        collect(Source("t.xlsx", sheet="empty"), base=tmp_path)


def test_unknown_column_gives_near_names(tmp_path):
    raw = written(tmp_path, "temperature,formula\n1,NaCl\n")
    with pytest.raises(DataError, match=r'no column "tempreature". Did you mean "temperature"'):
        raw.column("tempreature")


def test_frame_with_duplicate_columns_or_no_rows():
    with pytest.raises(DataError, match="duplicate column names"):
        from_frame(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    with pytest.raises(DataError, match="no row of data"):
        from_frame(pd.DataFrame({"a": []}))


def test_unknown_registry_name_is_a_config_error():
    from matloop.data.sources import SOURCES

    with pytest.raises(ConfigError):
        SOURCES.load("ricci")
