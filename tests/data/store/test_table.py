"""A dataset as the table of a problem file."""

import numpy as np
import pytest

from matloop.core.errors import ConfigError, DataError
from matloop.data.store.values import Origin, Property, Record

pytest.importorskip("sqlalchemy")

from matloop.data.collect import collect
from matloop.data.crystals import read_structure_column
from matloop.data.store.address import address
from matloop.data.store.query import query
from matloop.data.store.store import open_store
from matloop.data.store.table import to_columns
from matloop.data.stream import stream
from matloop.problem.question import Source


def table(*records):
    found = to_columns(records)
    return {name: column.tolist() for name, column in found.columns.items()}, found


def test_values_are_in_one_unit_with_method_and_error_beside_them():
    columns, found = table(
        Record("a", "Si", properties=(Property("gap", 1.1, "eV", 0.1, "PBE"), Property("tc", 1.0, "K"))),
        Record("b", "Ge", properties=(Property("gap", 700.0, "meV", 20.0, "HSE"),)),
        Record("c", "Sn", properties=(Property("gap", 0.0, "eV"), Property("tc", -272.15, "degC"))),
        Record("d", properties=(Property("tc", 3.0, "K"),), origin=Origin("lab", "7", licence="CC0")),
    )
    np.testing.assert_allclose(columns["gap"], [1.1, 0.7, 0.0, np.nan])
    np.testing.assert_allclose(columns["gap error"], [0.1, 0.02, np.nan, np.nan])
    assert columns["gap method"] == ["PBE", "HSE", None, None]
    np.testing.assert_allclose(columns["tc"], [1.0, np.nan, 1.0, 3.0])
    assert columns["formula"] == ["Si", "Ge", "Sn", None]
    assert columns["licence"] == [None, None, None, "CC0"]
    assert found.describe["gap"].unit == "eV"
    assert found.describe["gap"].meaning == "gap, by HSE, PBE"


def test_two_methods_of_one_record_are_two_columns():
    columns, _ = table(
        Record(
            "a", "Si", properties=(Property("gap", 0.6, "eV", method="PBE"), Property("gap", 1.1, "eV", method="HSE"))
        ),
        Record("b", "Ge", properties=(Property("gap", 0.7, "eV", method="HSE"),)),
    )
    assert columns["gap (HSE)"] == [1.1, 0.7]
    assert columns["gap (PBE)"][0] == 0.6
    assert "gap" not in columns


def test_other_conditions_and_replicates_are_rows():
    values = [Property("S", s, "uV/K", conditions={"temperature": f"{t} K"}) for s, t in ((1, 300), (2, 400), (3, 400))]
    columns, found = table(
        Record("a", "Si", properties=(*values, Property("density", 2.3, "g/cm^3"))), Record("b", "Ge")
    )
    assert columns["id"] == ["a", "a", "a", "b"]
    assert columns["S"][:3] == [1, 2, 3]
    assert columns["temperature"] == ["300 K", "400 K", "400 K", None]
    assert columns["density"][:3] == [2.3] * 3
    assert found.notes


def test_metadata_and_names_that_clash():
    columns, _ = table(Record("a", "Si", properties=(Property("id", 4.0), Property("who", "x")),
                              metadata={"who": "me", "deep": {"x": 1}}))  # fmt: skip
    assert columns == {"id": ["a"], "formula": ["Si"], "id (property)": [4.0], "who": ["x"], "who (metadata)": ["me"]}


def test_units_that_do_not_fit_are_refused():
    with pytest.raises(DataError, match='property "gap" is stored in'):
        table(
            Record("a", properties=(Property("gap", 1.0, "eV"),)), Record("b", properties=(Property("gap", 1.0, "K"),))
        )


def test_a_problem_file_names_a_dataset(store, records, tmp_path):
    store.add("gaps", records)
    store.delete("gaps", ["salt"])
    raw = collect(Source(f"store:{store.place}#gaps@1"), base=tmp_path)
    assert raw.provenance.source == f"store:{store.place}#gaps@1"
    assert raw.columns["id"].tolist() == ["mp-149", "Fe4O6", "salt", "alloy", "no formula at all"]
    read = read_structure_column(raw, "structure")
    assert sorted(read.unreadable) == [0, 1, 4]
    np.testing.assert_array_equal(read.batch.take(np.array([3])).lattices, records[3].structure.lattices)
    latest = collect(Source(f"store:{store.place}#gaps"))
    assert latest.provenance.source.endswith("#gaps@2")
    assert len(latest) == 4
    assert latest.provenance.sha256 != raw.provenance.sha256
    assert collect(Source(f"store:{store.place}#gaps")).provenance.sha256 == latest.provenance.sha256


def test_a_relative_path_starts_at_the_problem_file_and_records_can_be_asked_for(tmp_path):
    with open_store(tmp_path / "a.db") as store:
        store.add(
            "gaps", [Record(f"r{i}", f"Si{i + 1}O", properties=(Property("gap", float(i), "eV"),)) for i in range(9)]
        )
    source = Source("store:a.db#gaps?where=gap >= 1 eV&where=gap<3 eV&has_all=Si,O")
    raw = collect(source, base=tmp_path)
    assert raw.columns["id"].tolist() == ["r1", "r2"]
    assert raw.provenance.query == "where=gap >= 1 eV&where=gap<3 eV&has_all=Si,O"
    assert stream(source, base=tmp_path).names == ("id", "formula", "gap")
    with pytest.raises(DataError, match="no record fulfils 'where=gap > 100'"):
        collect(Source("store:a.db#gaps?where=gap > 100"), base=tmp_path)


def test_addresses():
    assert address("a.db").dataset == ""
    assert address("a.db#b@2?formula=Fe2O3&shareable=true").query == query(formulas=("Fe2O3",), shareable=True)
    for text, said in {"a.db": "names no dataset", "#x": "names no store", "a.db#b@x": "'x' is no number",
                       "a.db#b?colour=red": "asked for by 'colour'"}.items():  # fmt: skip
        with pytest.raises(ConfigError, match=said):
            address(text, dataset=True)
    with pytest.raises(DataError, match="there is no such store"):
        collect(Source("store:/nowhere.db#x"))
