"""A dataset shared as a folder and taken back: nothing is lost, nothing is shared that may not be."""

import json
import math
import re
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

pytest.importorskip("sqlalchemy", reason="the store needs SQLAlchemy")

from matloop.core.errors import ConfigError, DataError
from matloop.data.collect import collect
from matloop.data.share.choose import Override
from matloop.data.share.crate import creator
from matloop.data.share.export import export_dataset
from matloop.data.share.flat import record_of, row_of, survey
from matloop.data.share.forms import FORMS
from matloop.data.share.quantities import codes
from matloop.data.share.receive import receive
from matloop.data.store.interchange import record_from_json, record_to_json
from matloop.data.store.store import open_store
from matloop.data.store.values import Origin, Property, Record
from matloop.matter.structures import from_arrays
from matloop.matter.structures_read import read_structures
from matloop.pipeline.shelve import add_table
from matloop.problem.question import Source

OPEN = Origin("lab", licence="CC-BY-4.0", citation="Doe, J. Mater. 1 (2020) 1", doi="10.1000/xyz",
              retrieved="2020-01-02T00:00:00+00:00", sha256="ab" * 32, url="https://example.org/a.csv")  # fmt: skip


def salt():
    return from_arrays(3.95 * (1 - np.eye(3))[None] / 2**0.5, [np.array([[0, 0, 0], [0.5, 0.5, 1 / 3]])], [[11, 17]])


def mixed():
    return [
        Record("=a", "NaCl", salt(), (Property("gap", 8.5, "eV", 0.1, "experiment", {"T": 300.0, "p": "1 bar"}),
                                      Property("gap", 5.0, "eV", None, "PBE")), OPEN, {"operator": "=cmd|x", "n": [1]}),
        Record("-5", "Si", None, (Property("note", "-1+1"), Property("gap", -1.1, "eV", None, "PBE"),
                                  Property("gap", 1.2, "eV", None, "PBE"), Property("ok", True)), OPEN),
        Record("c", "", salt(), (Property("dos", (1.0, 2.5, math.inf)), Property("n", 3), Property("n", None),
                                 Property("far", math.inf), Property("t", "inf"), Property("e", "")), OPEN),
        Record("d", "Fe", None, (Property("ok", False), Property("note", "'=x"), Property("big", 2**60)), OPEN),
    ]  # fmt: skip


def stored(folder, records, name="store.db"):
    with open_store(Path(folder) / name) as store:
        version = store.add("set", records, author="Ada Lovelace")
        return version, list(store.records("set"))


@pytest.mark.parametrize("form", FORMS)
def test_every_form_comes_back_exactly(form, tmp_path):
    version, records = stored(tmp_path, mixed())
    export_dataset(f"{tmp_path}/store.db#set", tmp_path / "out", form=form)
    add_table(str(tmp_path / "out"), f"{tmp_path}/back.db#set")
    with open_store(tmp_path / "back.db") as back:
        assert back.version("set").fingerprint == version.fingerprint
        assert list(back.records("set")) == records
        assert back.card("set").licence == ""


TEXT = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), max_size=12)
NAME = st.one_of(st.sampled_from(["gap", "=gap", "Gap", "x error", "key"]), TEXT.filter(lambda text: text.strip()))
NUMBER = st.floats(allow_nan=False)
SCALAR = st.one_of(NUMBER, st.integers(-(10**20), 10**20), st.booleans(), TEXT, st.none(),
                   st.sampled_from(["=1+1", "-5", "'", "inf", "\t", "_x0041_"]))  # fmt: skip
ORIGIN = st.builds(Origin, provider=TEXT, id=TEXT, licence=st.just("CC0-1.0"), note=TEXT, citation=TEXT)
PROPERTY = st.builds(
    Property, NAME, st.one_of(SCALAR, st.tuples(SCALAR, SCALAR)), st.sampled_from(["", "eV", "GPa"]),
    st.none() | st.floats(0, 1e9), st.sampled_from(["", "PBE"]),
    st.dictionaries(NAME, st.one_of(TEXT, st.floats(-1e9, 1e9)), max_size=2), st.none() | ORIGIN,
)  # fmt: skip
RECORD = st.builds(
    Record, TEXT.filter(lambda text: text.strip()), st.sampled_from(["", "NaCl", "Fe2O3", "=H"]),
    st.sampled_from([None, salt()]), st.lists(PROPERTY, max_size=4).map(tuple), ORIGIN,
    st.dictionaries(TEXT, st.one_of(SCALAR.filter(lambda v: v != math.inf), st.lists(TEXT, max_size=2)), max_size=2),
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(RECORD, min_size=1, max_size=4, unique_by=lambda one: one.key), st.booleans())
def test_any_record_survives_as_a_row_and_as_json(records, xml):
    records = [replace(one, metadata=record_to_json(one).get("metadata", {})) for one in records]  # as a store gives it
    columns = survey(records, xml=xml)
    assert len({one.name.casefold() for one in columns}) == len(columns)
    for plain in records:
        assert record_of(row_of(plain, columns), columns) == plain
        assert record_from_json(json.loads(json.dumps(record_to_json(plain), allow_nan=False))) == plain


@settings(
    max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate]
)
@given(st.lists(RECORD, min_size=1, max_size=3, unique_by=lambda one: one.key),
       st.sampled_from(["csv", "parquet", "xlsx", "jsonl"]))  # fmt: skip
def test_any_dataset_keeps_its_fingerprint_through_a_file(records, form):
    with tempfile.TemporaryDirectory() as folder:
        try:
            version, _ = stored(folder, records)
        except DataError:
            return  # not a dataset: what a database cannot hold
        export_dataset(f"{folder}/store.db#set", f"{folder}/out", form=form)
        add_table(f"{folder}/out", f"{folder}/back.db#set")
        with open_store(f"{folder}/back.db") as back:
            assert back.version("set").fingerprint == version.fingerprint


@pytest.mark.parametrize("form", FORMS)
def test_the_same_version_gives_the_same_bytes(form, tmp_path):
    stored(tmp_path, mixed())
    for name in ("one", "two"):
        export_dataset(f"{tmp_path}/store.db#set", tmp_path / name, form=form)
    names = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert len(names) > 5
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_no_cell_of_the_csv_file_is_a_formula(tmp_path):
    import csv

    stored(tmp_path, mixed())
    export_dataset(f"{tmp_path}/store.db#set", tmp_path / "out")
    rows = list(csv.reader((tmp_path / "out" / "records.csv").open(newline="")))
    cells = [cell for row in rows for cell in row]
    assert not [cell for cell in cells if cell[:1] in tuple("=+@\t\r")]
    assert {cell for cell in cells if cell.startswith("-")} == {"-5", "-1.1"}
    assert "'=a" in cells


def test_the_csv_file_by_itself_is_read_with_its_texts_as_they_were(tmp_path):
    stored(tmp_path, mixed())
    export_dataset(f"{tmp_path}/store.db#set", tmp_path / "out")
    table = collect(Source(str(tmp_path / "out" / "records.csv")))
    assert table.column("key").tolist() == ["=a", "-5", "c", "d"]
    assert table.column("note").tolist() == ["", "-1+1", "", "'=x"]
    (tmp_path / "out" / "records.csv-metadata.json").unlink()
    assert collect(Source(str(tmp_path / "out" / "records.csv"))).column("key").tolist()[0] == "'=a"


def test_no_cell_of_a_workbook_is_a_formula(tmp_path):
    import openpyxl

    stored(tmp_path, mixed())
    export_dataset(f"{tmp_path}/store.db#set", tmp_path / "out", form="xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "out" / "records.xlsx")["records"]
    cells = [cell for row in sheet.iter_rows() for cell in row]
    assert all(cell.data_type != "f" for cell in cells)
    assert sheet["A2"].value == "=a"
    assert sheet["A2"].quotePrefix


@pytest.mark.parametrize(("form", "name"), [("cif", "structures/000001-a.cif"), ("extxyz", "structures.extxyz")])
def test_structures_can_be_read_by_others(form, name, tmp_path):
    stored(tmp_path, mixed()[:1])
    export_dataset(f"{tmp_path}/store.db#set", tmp_path / "out", form=form)
    read = read_structures([(tmp_path / "out" / name).read_text()])[0]
    assert read.numbers.tolist() == [11, 17]
    cells = [abs(np.linalg.det(one.lattices[0])) for one in (read, salt())]
    assert cells[0] == pytest.approx(cells[1], rel=1e-8)


# ---- what may be shared ----


def test_rows_without_licence_and_private_ones_stay_behind(tmp_path):
    private = replace(OPEN, provider="icsd", shareable=False)
    records = [
        Record(
            "open", "Si", properties=(Property("gap", 1.1, "eV"), Property("cost", 3.0, origin=private)), origin=OPEN
        ),
        Record("none", "Ge", properties=(Property("gap", 0.66, "eV"),)),
        Record("private", "C", properties=(Property("gap", 5.5, "eV"),), origin=private),
    ]
    stored(tmp_path, records)
    done = export_dataset(f"{tmp_path}/store.db#set", tmp_path / "out")
    assert done.records == 1
    assert [line.split(" left out")[0] for line in done.left_out] == ["1 records and 1 single values", "1 records"]
    text = "".join(path.read_text() for path in (tmp_path / "out").iterdir() if path.name != "withheld.csv")
    assert not re.search(r"0\.66|5\.5|icsd", text)
    withheld = (tmp_path / "out" / "withheld.csv").read_text().splitlines()
    assert withheld[1:] == ["open,cost,icsd,CC-BY-4.0,its source may not be shared",
                            "none,,,,its source states no licence",
                            "private,,icsd,CC-BY-4.0,its source may not be shared"]  # fmt: skip


def test_an_override_is_recorded_and_leaves_no_licence(tmp_path):
    stored(tmp_path, [Record("a", "Si"), Record("b", "Ge", origin=replace(OPEN, shareable=False))])
    with pytest.raises(DataError, match="nothing may be shared: .*--licence"):
        export_dataset(f"{tmp_path}/store.db#set", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    why = Override(unlicensed="written consent of 2024-01-01", not_shareable="contract 7")
    done = export_dataset(f"{tmp_path}/store.db#set", tmp_path / "out", override=why)
    assert done.records == 2
    assert done.licence == "NOASSERTION"
    for name in ("README.md", "ro-crate-metadata.json"):
        text = (tmp_path / "out" / name).read_text()
        assert "written consent of 2024-01-01" in text
        assert "contract 7" in text


def test_licences_that_do_not_go_together_are_refused_and_can_be_parted(tmp_path):
    records = [Record("a", "Si", origin=OPEN), Record("b", "Ge", origin=replace(OPEN, licence="CC-BY-SA-4.0")),
               Record("c", "C", origin=replace(OPEN, licence="CC-BY-NC-4.0"))]  # fmt: skip
    stored(tmp_path, records)
    with pytest.raises(DataError, match="not for commercial use"):
        export_dataset(f"{tmp_path}/store.db#set", tmp_path / "out")
    done = export_dataset(f"{tmp_path}/store.db#set?licence=CC-BY-SA-4.0", tmp_path / "out")
    assert (done.records, done.licence) == (1, "CC-BY-SA-4.0")


def test_a_zero_with_a_sign_has_one_fingerprint(tmp_path):
    def with_zero(zero):
        return [Record("a", properties=(Property("x", zero), Property("y", (1.0, zero))), origin=OPEN)]

    version, records = stored(tmp_path, with_zero(-0.0))
    again, same = stored(tmp_path, with_zero(0.0), "again.db")
    assert (version.fingerprint, repr(records[0].properties)) == (again.fingerprint, repr(same[0].properties))


def test_the_path_on_this_machine_is_not_shared(tmp_path):
    stored(tmp_path, [Record("a", "Si", origin=replace(OPEN, url="/srv/ada/secret/gaps.csv"))])
    export_dataset(f"{tmp_path}/store.db#set", tmp_path / "out")
    text = (tmp_path / "out" / "records.csv").read_text()
    assert "secret" not in text
    assert "gaps.csv" in text


# ---- damage ----


def test_a_changed_missing_or_foreign_file_is_told(tmp_path):
    stored(tmp_path, mixed())
    out = tmp_path / "out"
    export_dataset(f"{tmp_path}/store.db#set", out)
    (out / "records.csv").write_bytes((out / "records.csv").read_bytes().replace(b"8.5", b"8.6"))
    (out / "README.md").unlink()
    (out / "more.csv").write_text("a\n1\n")
    with pytest.raises(DataError) as error:
        receive(out)
    for said in ("records.csv: was changed", "README.md: is missing", "more.csv: is not in the manifest"):
        assert said in str(error.value)


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", "a/../../b", "C:\\x"])
def test_a_manifest_that_climbs_out_is_refused(path, tmp_path):
    stored(tmp_path, mixed())
    export_dataset(f"{tmp_path}/store.db#set", tmp_path / "out")
    with (tmp_path / "out" / "manifest-sha256.txt").open("a") as stream:
        stream.write(f"{'0' * 64}  {path}\n")
    with pytest.raises(DataError, match="leads out of the folder"):
        receive(tmp_path / "out")


def test_a_crate_of_another_program_is_named_so(tmp_path):
    (tmp_path / "ro-crate-metadata.json").write_text('{"@graph": []}')
    with pytest.raises(DataError, match="not written by matloop"):
        add_table(str(tmp_path), f"{tmp_path}/s.db#set")


def test_a_folder_that_is_there_is_not_written_over(tmp_path):
    stored(tmp_path, mixed())
    with pytest.raises(ConfigError, match="is there already"):
        export_dataset(f"{tmp_path}/store.db#set", tmp_path)


# ---- codes ----


@pytest.mark.parametrize(
    ("unit", "ucum", "qudt"),
    [("GPa", "GPa", "GigaPA"), ("W m^-1 K^-1", "W/(m.K)", "W-PER-M-K"), ("°C", "Cel", "DEG_C"),
     ("g/mL", "g/cm3", "GM-PER-CentiM3"), ("µV/K", "uV/K", "MicroV-PER-K")],
)  # fmt: skip
def test_units_have_the_codes_of_ucum_and_qudt(unit, ucum, qudt):
    assert codes(unit) == (ucum, f"http://qudt.org/vocab/unit/{qudt}")


def test_an_orcid_has_to_be_one():
    assert creator("Josiah Carberry <0000-0002-1825-0097>").name == "Josiah Carberry"
    with pytest.raises(ConfigError, match="no ORCID"):
        creator("Josiah Carberry <0000-0002-1825-0098>")
