"""Files of matminer and JARVIS become columns, and no class that they name is made."""

import gzip
import json

import numpy as np
import pytest

from matloop.core.errors import DataError
from matloop.data.benchmarks import read
from matloop.data.benchmarks.read import read_frame, read_zipped_records
from matloop.matter.structures_read import read_structures


def test_a_frame_becomes_columns_of_their_kinds(tmp_path, frame_file):
    formula = {"@module": "pymatgen.core.composition", "@class": "Composition", "Fe": 2.0, "O": 3.0}
    tensor = {"@module": "numpy", "@class": "array", "dtype": "float64", "data": [[1.0, 2.0]]}
    rows = [["NaN", 1.5, True, formula, tensor], ["Si", None, False, formula, tensor]]
    columns = read_frame(frame_file(tmp_path / "x.json.gz", ["a", "b", "c", "d", "e"], rows), "x")
    assert columns["a"].tolist() == ["NaN", "Si"]
    np.testing.assert_array_equal(columns["b"], [1.5, np.nan])
    assert columns["c"].tolist() == [True, False]
    assert columns["d"].tolist() == ["Fe2O3", "Fe2O3"]
    assert columns["e"].tolist() == ["[[1.0,2.0]]"] * 2


def test_structures_stay_what_they_are_to_the_last_digit(tmp_path, frame_file, nacl):
    nacl["sites"][0]["abc"] = [0.1234567890123456, 1e-17, 0.3]
    path = frame_file(tmp_path / "x.json.gz", ["structure", "y"], [[nacl, 1.0], [nacl, 2.0]])
    text = read_frame(path, "x")["structure"].tolist()[0]
    slim, _ = read_structures([text])
    whole, _ = read_structures([json.dumps(nacl)])
    for name in ("lattices", "coordinates", "numbers"):
        np.testing.assert_array_equal(getattr(slim, name), getattr(whole, name))
    assert len(text) < 0.6 * len(json.dumps(nacl))


def test_long_heads_and_rows_are_read_in_pieces(tmp_path, frame_file, monkeypatch):
    monkeypatch.setattr(read, "_PIECE", 7)
    rows = [["x" * k, float(k)] for k in range(40)]
    columns = read_frame(frame_file(tmp_path / "x.json.gz", ["a", "b"], rows), "x")
    assert [len(value) for value in columns["a"].tolist()] == list(range(40))
    assert columns["b"].tolist() == [float(k) for k in range(40)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is cut off"),
        ("[1, 2]", "no data frame"),
        ('{"index": [0], "columns": ["a"]', "is cut off"),
        ('{"index": [0], "data": [[1]], "columns": ["a"]}', "do not come before the rows"),
        ('{"columns": ["a", "b"], "data": [[1]]}', "row 1: 2 values were expected"),
        ('{"columns": ["a"], "data": [[1], [2', "cut off"),
        ('{"columns": ["a"], "data": {"a": 1}}', "is no JSON list"),
        ("nonsense", "no data frame"),
    ],
)
def test_damaged_frames_are_told(tmp_path, text, said):
    path = tmp_path / "x.json.gz"
    path.write_bytes(gzip.compress(text.encode()))
    with pytest.raises(DataError) as error:
        read_frame(path, "the set")
    assert said in str(error.value)
    assert "the set" in str(error.value)


def test_a_cut_or_changed_packed_file_is_told(tmp_path, frame_file, zip_file):
    path = frame_file(tmp_path / "x.json.gz", ["a"], [[str(k) * 9] for k in range(500)])
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match="the set: is damaged or cut off"):
        read_frame(path, "the set")
    packed = zip_file(tmp_path / "x.zip", [{"a": str(k) * 9} for k in range(500)])
    content = bytearray(packed.read_bytes())
    content[200] ^= 0xFF
    packed.write_bytes(bytes(content))
    with pytest.raises(DataError, match="the set"):
        read_zipped_records(packed, "the set")


def test_a_structure_that_is_none_stays_text(tmp_path, frame_file):
    odd = {"lattice": {}, "sites": ["x"], "@class": "Structure"}
    assert "sites" in read_frame(frame_file(tmp_path / "x.json.gz", ["s"], [[odd]]), "x")["s"].tolist()[0]


def test_records_of_jarvis_become_columns(tmp_path, zip_file, atoms):
    records = [{"jid": "JVASP-1", "gap": 1.5, "atoms": atoms}, {"jid": "JVASP-2", "gap": "na", "more": [1]}]
    columns = read_zipped_records(zip_file(tmp_path / "x.zip", records), "x")
    assert list(columns) == ["jid", "gap", "structure", "more"]
    assert columns["gap"].tolist() == [1.5, "na"]
    assert columns["more"].tolist() == [None, "[1]"]
    batch, reasons = read_structures([columns["structure"].tolist()[0]])
    assert not reasons
    assert batch.numbers.tolist() == [55, 17]


def test_a_zip_without_one_json_file_is_told(tmp_path, zip_file):
    import zipfile

    path = zip_file(tmp_path / "x.zip", [])
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("second.json", "[]")
    with pytest.raises(DataError, match="one JSON file was expected"):
        read_zipped_records(path, "x")
