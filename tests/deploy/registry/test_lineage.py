"""From a prediction back to the records that it was learnt from."""

import csv
import json
import shutil

import pandas as pd
import pytest

pytest.importorskip("sqlalchemy", reason="the extra 'store' is not installed")

from matloop.core.errors import BundleError, ConfigError, DataError
from matloop.data.store.source import read_stored
from matloop.data.store.store import open_store
from matloop.data.store.table import to_columns
from matloop.data.store.values import Origin, Property, Record
from matloop.deploy.registry.learnt import learnt
from matloop.deploy.registry.lineage import lineage, write_rows
from matloop.deploy.registry.registry import Registry


def record(row):
    licence = "CC-BY-4.0" if row.Index % 2 else "CC0-1.0"
    origin = Origin("mp", row.mp_id, f"https://example.org/{row.mp_id}", licence=licence, doi="10.1038/sdata.2017.85")
    own = Origin("lab", f"sample {row.Index}", licence="private", shareable=False) if row.Index == 3 else None
    return Record(f"key-{row.Index}", row.pretty_formula, None, (Property("S_n", row.S_n, "uV/K", origin=own),), origin)


@pytest.fixture
def stored_run(place, regression, tmp_path):
    """A registered model whose table was a dataset of the same store."""
    frame = pd.read_csv(regression.table)
    with open_store(place) as store:
        store.add("seebeck", [record(row) for row in frame.itertuples()])
    run = tmp_path / "copy" / regression.result.folder.name
    shutil.copytree(regression.result.folder, run)
    known = read_stored(f"{place}#seebeck", tmp_path).provenance
    old = json.loads((run / "provenance.json").read_text())
    new = {**old, "source": known.source, "sha256": known.sha256, "query": known.query}
    (run / "provenance.json").write_text(json.dumps(new))
    with Registry.open(place) as registry:
        registry.add(run, "seebeck")
        yield registry


def test_a_row_leads_back_to_its_record(stored_run, regression):
    frame = pd.read_csv(regression.table).set_index("mp_id")
    known = learnt(stored_run, stored_run.get("seebeck@1"))
    sealed = json.loads((regression.result.folder / "split.json").read_text())["sealed"]
    assert not set(known.ids) & set(sealed)
    assert known.n_sealed == len(sealed)
    name = str(known.ids[5])
    formula = frame.loc[name, "pretty_formula"]
    found = lineage(stored_run, "seebeck@1", {"pretty_formula": formula}, limit=3)
    near = found.rows[0]
    assert near.distance == 0
    assert near.inputs["formula"] == formula
    keys = {one.origin.id for one in near.records}
    assert all(frame.loc[key, "pretty_formula"] == formula for key in keys if key.startswith("mp-"))
    text = "\n".join(found.lines())
    for part in ("asked    pretty_formula", "answer   S_n", "store:", "#seebeck@1", "doi:10.1038/sdata.2017.85",
                 "https://example.org/mp-", "record key-"):  # fmt: skip
        assert part in text
    assert found.gaps == ()
    assert lineage(stored_run, "seebeck@1", {"formula": formula}, limit=3) == found
    assert found.among == found.n_rows
    assert [row.distance for row in found.rows] == sorted(row.distance for row in found.rows)
    assert found.as_json()["rows"][0]["records"][0]["origin"]["provider"] == "mp"
    assert "seebeck@1" in found._repr_html_()


def test_all_rows_and_licences_are_written(stored_run, tmp_path):
    done = write_rows(stored_run, "seebeck@1", tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == done.n == sum(n for *_, n in done.sources)
    assert {row["licence"] for row in rows} <= {"CC-BY-4.0", "CC0-1.0", "private"}
    assert all(row["key"].startswith("key-") and row["doi"] for row in rows if row["licence"] != "private")
    assert all("not to be shared" in line for line in done.lines() if "private" in line)
    with pytest.raises(ConfigError, match=r"written as \.csv"):
        write_rows(stored_run, "seebeck@1", tmp_path / "rows.xlsx")


def test_later_versions_of_the_dataset_change_nothing(stored_run, place):
    before = lineage(stored_run, "seebeck@1", limit=4)
    with open_store(
        stored_run.place if "://" not in stored_run.place else str(stored_run.database.engine.url)
    ) as store:
        store.delete("seebeck", ["key-0", "key-1", "key-2"], message="wrong")
    after = lineage(stored_run, "seebeck@1", limit=4)
    assert (after.rows, after.gaps) == (before.rows, ())


def test_where_the_way_ends_is_said(regression, place, tmp_path):
    run = regression.result.folder
    with Registry.open(place, create=True) as registry:
        shutil.copytree(run / "bundle", tmp_path / "alone")
        registry.add(tmp_path / "alone", "alone")
        found = lineage(registry, "alone@1", {"pretty_formula": "Bi2Te3"}, limit=2)
        assert "the run was not registered" in found.gaps[0]
        assert "data     sha256" in "\n".join(found.lines())
        with pytest.raises(ConfigError, match="registered without its run"):
            write_rows(registry, "alone@1", tmp_path / "rows.csv")
        registry.add(run, "from-file")
        of_file = lineage(registry, "from-file@1", limit=1).rows[0].records[0]
        assert of_file.origin.provider == str(regression.table)
        assert of_file.origin.place.startswith("row ")
        with pytest.raises(ConfigError, match="lacks pretty_formula"):
            lineage(registry, "from-file@1", {"material": "Bi2Te3"})
        with pytest.raises(DataError, match="cannot be read"):
            lineage(registry, "from-file@1", {"pretty_formula": "Xx2"})
        copy = tmp_path / "gone" / run.name
        shutil.copytree(run, copy)
        old = json.loads((copy / "provenance.json").read_text())
        (copy / "provenance.json").write_text(json.dumps({**old, "source": "store:/nowhere/x.db#gaps@1"}))
        registry.add(copy, "gone")
        assert "cannot be looked at from here" in lineage(registry, "gone@1").gaps[0]
        (copy / "split.json").write_text("[]")
        registry.add(copy, "torn")
        with pytest.raises(BundleError, match="files of the run of torn@1 cannot be read"):
            lineage(registry, "torn@1")


def test_rows_of_a_table_are_found_in_the_store(place):
    values = [
        Record("a", "Si", properties=(Property("gap", 1.1, "eV"),)),
        Record("b", "Ge", properties=(Property("gap", 0.6, "eV", conditions={"T": 300.0}),
                                      Property("gap", 0.7, "eV", conditions={"T": 0.0}))),
        Record("c", "GaAs", properties=(Property("gap", 1.4, "eV"),)),
    ]  # fmt: skip
    with open_store(place) as store:
        store.add("gaps", values)
        keys = to_columns(store.records("gaps")).columns["id"].tolist()
        assert keys == ["a", "b", "b", "c"]
        found = store.of_rows("gaps", [4, 1, 3, 99])
        assert {row: one.key for row, one in found.items()} == {1: "a", 3: "b", 4: "c"}
        store.delete("gaps", ["b"])
        assert {row: one.key for row, one in store.of_rows("gaps", [2, 7]).items()} == {2: "c"}
        assert store.of_rows("gaps", []) == {}
