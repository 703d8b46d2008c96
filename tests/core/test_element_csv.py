import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matloop.core.element_csv import parse_element_table, read_element_table
from matloop.core.elements import Z_OF, ElementTable, ion_table, oxidation_occurrence, table
from matloop.core.errors import BundleError, DataError

GOOD = "element,name,hardness,x\nFe,iron,4.0,1e-3\nO,oxygen,,-2\n Na , sodium ,nan,.5\n\n"


def test_symbols_numbers_and_gaps_are_read_and_labels_left_out():
    read = parse_element_table(GOOD)
    assert read.columns == ("hardness", "x")
    assert read.values[[Z_OF["Fe"], Z_OF["Na"]]].tolist()[0] == [4.0, 1e-3]
    assert read.column("x")[Z_OF["Na"]] == 0.5
    assert np.isnan(read.column("hardness")[Z_OF["O"]])
    assert np.isnan(read.values[Z_OF["Cu"]]).all()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("element,a\nFe,1\nXx,2\n", "row 3: 'Xx' is no element"),
        ("element,a\nfe,1\n", "row 2: 'fe' is no element"),
        ("element,a\nFe,1\nO,2\nFe,3\n", "row 4: Fe stands there twice"),
        ("element,a,b\nFe,1,2\nO,2,soft\n", "row 3, column 'b': 'soft' is no number"),
        ("element,a\nFe,1\nO,1_0\n", "'1_0' is no number"),
        ("element,a\nFe,1\nO,inf\n", "'inf' is no number"),
        ("element,a\nFe,1\nO,1e999\n", "'1e999' is no number"),
        ("element,a\nFe,1,2\n", "row 2 .Fe.: 3 cells, the header has 2"),
        ("element,name\nFe,iron\n", "no column holds numbers"),
        ("element,a,a\nFe,1,2\n", "column 3 is called 'a'"),
        ("element,\nFe,1\n", "column 2 is called ''"),
        ("element,a\n", "a header and a line per element"),
        ("", "a header and a line per element"),
        ('element,a\nFe,"1\n', "is no CSV"),
    ],
)
def test_a_fault_names_file_row_and_column(text, told):
    with pytest.raises(DataError, match=told) as caught:
        parse_element_table(text, "mine.csv")
    assert "mine.csv" in str(caught.value)


def test_files_also_gzipped_and_faults_of_files(tmp_path):
    plain, packed, broken = tmp_path / "a.csv", tmp_path / "a.csv.gz", tmp_path / "b.csv.gz"
    plain.write_text("\ufeff" + GOOD, encoding="utf-8")
    packed.write_bytes(gzip.compress(GOOD.encode()))
    assert read_element_table(plain) == read_element_table(str(packed)) == parse_element_table(GOOD)
    broken.write_bytes(gzip.compress(GOOD.encode())[:-10])
    for path in (tmp_path / "none.csv", broken, tmp_path):
        with pytest.raises(DataError, match="cannot be read"):
            read_element_table(path)
    plain.write_bytes(b"element,a\nFe,\xff\n")
    with pytest.raises(DataError, match="UTF-8"):
        read_element_table(plain)


@given(st.text(max_size=200))
def test_any_text_is_a_table_or_refused(text):
    try:
        parse_element_table(text)
    except DataError as error:
        assert str(error)


def test_a_table_travels_as_arrays_and_has_a_hash_of_its_content():
    read = parse_element_table(GOOD)
    again = ElementTable.from_arrays(read.to_arrays())
    assert again == read
    assert hash(again) == hash(read)
    assert again.content_hash == read.content_hash != table("deml").content_hash
    assert parse_element_table(GOOD.replace("4.0", "4.1")) != read


@pytest.mark.parametrize("fault", ["shape", "names", "infinite"])
def test_hostile_arrays_are_refused(fault):
    arrays = parse_element_table(GOOD).to_arrays()
    values = arrays["values"].copy()
    values[1] = np.inf
    arrays |= {
        "shape": {"values": arrays["values"][:50]},
        "names": {"columns": np.array(["a", "a"])},
        "infinite": {"values": values},
    }[fault]
    with pytest.raises(BundleError):
        ElementTable.from_arrays(arrays)


def test_ions_and_how_often_states_occur():
    # pymatgen's icsd_bv.yaml; ionisation energies of iron by NIST: 7.90, 16.20, 30.65 eV
    assert oxidation_occurrence()[Z_OF["Ag"], 1] == 966
    energies = ion_table()["ionization_en"][Z_OF["Fe"], 1:4] / 96485.3
    np.testing.assert_allclose(energies, [7.90, 16.20, 30.65], atol=0.02)
