"""Tables in chunks: the same values as read whole, whatever the format and the size of a chunk."""

import gzip
import json

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matloop.core.errors import DataError
from matloop.data.collect import collect
from matloop.data.stream import stream
from matloop.matter.structures_read import read_structures
from matloop.problem.question import Source

ROWS = [{"formula": f"Fe{i}O", "id": i, "note": 'a, "b"\nc' if i % 3 else ""} for i in range(1, 48)]


def table(path):
    if path.suffix == ".parquet":
        with duckdb.connect() as connection:
            connection.execute("CREATE TABLE t (formula VARCHAR, id INTEGER, note VARCHAR)")
            connection.executemany("INSERT INTO t VALUES (?, ?, ?)", [list(row.values()) for row in ROWS])
            connection.execute(f"COPY t TO '{path}' (FORMAT parquet)")
        return
    if path.name.endswith((".jsonl", ".jsonl.gz")):
        text = "\n\n".join(json.dumps(row) for row in ROWS)
    else:
        cells = [["formula", "id", "note"], *([str(cell) for cell in row.values()] for row in ROWS)]
        text = "\n".join(",".join('"' + one.replace('"', '""') + '"' for one in row) for row in cells) + "\n\n,,\n"
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


def whole(source, columns, rows):
    found = {column: [] for column in columns}
    for chunk in source.chunks(columns, rows):
        for column in columns:
            found[column] += chunk[column]
    return found


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.jsonl", "t.jsonl.gz", "t.parquet", "a[1]*.parquet", "t.tsv"])
@pytest.mark.parametrize("size", [1, 10, 47, 1000])
def test_chunks_give_what_the_whole_gives(tmp_path, name, size):
    table(tmp_path / name)
    source = Source(str(tmp_path / name))
    raw, streamed = collect(source), stream(source)
    assert streamed.names == raw.names
    found = whole(streamed, ("note", "formula", "id"), size)
    assert streamed.done == 1.0
    for column in ("note", "formula", "id"):
        assert found[column] == raw.columns[column].tolist()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.sampled_from(["", " ", "a", '""', '"x,y"', "NaN"]), min_size=0, max_size=3), max_size=8))
def test_odd_text_is_read_as_by_collect(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("odd") / "t.csv"
    path.write_text("p,q,r\n1,2,3\n" + "\n".join(",".join(row) for row in rows))
    try:
        expected = collect(Source(str(path))).columns
    except DataError:
        with pytest.raises(DataError):
            whole(stream(Source(str(path))), ("p", "q", "r"), 2)
        return
    found = whole(stream(Source(str(path))), ("p", "q", "r"), 2)
    assert found == {name: values.tolist() for name, values in expected.items()}


@pytest.mark.parametrize("text", ["p\na\n\nb\n\n", 'p\na\n""\n', "p\n\n\na", "p\na\n \n\nb\n\n\n"])
def test_one_column_keeps_its_blank_lines(tmp_path, text):
    path = tmp_path / "t.csv"
    path.write_text(text)
    assert whole(stream(Source(str(path))), ("p",), 2)["p"] == collect(Source(str(path))).columns["p"].tolist()


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("t.csv", b"a,b\n1,2\n3\n", "row 2 .line 3. has 1 fields"),
        ("t.csv", b'a,b\n1,"2\n', "quotation mark"),
        ("t.csv", b"a,b\n" + b"1,2\n" * 400_000 + b"\xff\xfe,2\n", "no utf-8 text"),
        ("t.csv", b"a,b\n\xff,2\n", "is not UTF-8 text"),
        ("t.csv", b"", "empty"),
        ("t.jsonl", b'{"a": 1}\nnonsense\n', "line 2"),
        ("t.jsonl", b'{"a": 1}\n[2]\n', "not an object"),
        ("t.csv.gz", gzip.compress(b"a,b\n" + b"1,2\n" * 1000, mtime=0)[:-20], "gzip file is damaged"),
        ("t.parquet", b"PAR1 nothing", "Parquet"),
        ("t.nonsense", b"x", "cannot be read"),
    ],
)
def test_damage_is_told_where_it_is(tmp_path, name, content, told):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=told):
        whole(stream(Source(str(tmp_path / name))), ("a",), 100)


def test_an_unknown_column_is_told_with_the_nearest(tmp_path):
    table(tmp_path / "t.csv")
    with pytest.raises(DataError, match='Did you mean "formula"'):
        next(stream(Source(str(tmp_path / "t.csv"))).chunks(("formulas",), 5))


def test_a_carried_set_comes_in_chunks_too():
    streamed = stream(Source("ricci-transport"))
    chunk = next(streamed.chunks(("pretty_formula",), 7))
    assert chunk["pretty_formula"] == collect(Source("ricci-transport")).columns["pretty_formula"][:7].tolist()


def test_a_folder_of_structure_files_is_a_table(tmp_path):
    for name in ("b.cif", "a.cif"):
        (tmp_path / name).write_text(f"data_{name}\n")
    found = whole(stream(Source(str(tmp_path))), ("id", "structure"), 1)
    assert found["id"] == ["a.cif", "b.cif"]
    assert found["structure"][0].startswith("data_a")


def test_a_record_that_is_a_structure_has_a_column_of_it(tmp_path):
    path = tmp_path / "t.jsonl"
    record = {"id": "a", "lattice": [[4, 0, 0], [0, 4, 0], [0, 0, 4]], "elements": ["Po"], "frac_coords": [[0, 0, 0]]}
    path.write_text(json.dumps(record) + "\n")
    streamed, raw = stream(Source(str(path))), collect(Source(str(path)))
    assert streamed.names == raw.names
    text = whole(streamed, ("structure",), 5)["structure"][0]
    assert text == raw.columns["structure"][0]
    assert read_structures([text])[0].numbers.tolist() == [84]


def test_another_content_has_another_hash(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a\n1\n")
    first = stream(Source(str(path))).hash
    path.write_text("a\n2\n")
    assert stream(Source(str(path))).hash != first
