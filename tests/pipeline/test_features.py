"""Features of a table of any length: order, formats, reasons, and what a stopped call leaves."""

import csv
import json
import subprocess
import sys
import time

import duckdb
import numpy as np
import pandas as pd
import pytest

from matloop.core.errors import ConfigError, DataError, RunError
from matloop.pipeline import features
from matloop.pipeline.features import Work, kept_features, make_features
from matloop.pipeline.parts import Parts
from matloop.represent.spec import made

FORMULAS = [*(f"Fe{i}O{i % 7 + 1}" for i in range(1, 40)), "Xx2", "", "NaN"]
SALT = """data_salt
_cell_length_a 3.99
_cell_length_b 3.99
_cell_length_c 3.99
_cell_angle_alpha 60
_cell_angle_beta 60
_cell_angle_gamma 60
_symmetry_space_group_name_H-M 'P 1'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Na1 Na 0 0 0
Cl1 Cl 0.5 0.5 0.5
"""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MATLOOP_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "t.csv"
    rows = ["formula,id,target", *(f"{text},{k:03d},{k / 4}" for k, text in enumerate(FORMULAS))]
    path.write_text("\n".join(rows))
    return path


def read(path):
    if path.suffix == ".parquet":
        with duckdb.connect() as connection:
            return connection.read_parquet(str(path)).df()
    if path.suffix == ".jsonl":
        return pd.DataFrame([json.loads(line) for line in path.read_text().splitlines()])
    return pd.read_excel(path) if path.suffix == ".xlsx" else pd.read_csv(path, sep="\t" if "tsv" in path.name else ",")


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".csv.gz", ".tsv", ".jsonl", ".xlsx"])
def test_every_format_holds_the_same_rows_in_order(table, tmp_path, ending):
    out = tmp_path / f"X{ending}"
    done = make_features(str(table), sets=["valence", "ionic"], out=out, keep=["target"])
    assert (done.n_rows, done.n_features, done.n_reasons) == (42, 11, 2)
    frame = read(out)
    assert list(frame.columns[:2]) == ["formula", "target"]
    assert frame.columns[-1] == "reason"
    np.testing.assert_allclose(frame["target"].to_numpy(dtype=float), np.arange(42) / 4)
    X = np.hstack([made(name).transform(FORMULAS) for name in ("valence", "ionic")])
    np.testing.assert_allclose(frame.iloc[:, 2:-1].to_numpy(dtype=float), X, rtol=1e-14)
    assert "Xx" in frame["reason"][39]
    assert frame["formula"].tolist()[:3] == FORMULAS[:3]


def test_the_side_table_says_which_row_and_why(table, tmp_path):
    make_features(str(table), sets=["valence"], out=tmp_path / "X.parquet")
    rows = list(csv.DictReader((tmp_path / "X.reasons.csv").open()))
    assert [row["row"] for row in rows] == ["40", "41"]
    assert "'Xx'" in rows[0]["reason"]


def test_codes_stay_text_and_numbers_become_numbers(table, tmp_path):
    make_features(str(table), sets=["valence"], out=tmp_path / "X.parquet", keep=["id", "target"])
    frame = read(tmp_path / "X.parquet")
    assert frame["id"][7] == "007"
    assert frame["target"].dtype.kind == "f"


def test_a_name_that_a_feature_bears_gives_way(tmp_path):
    path = tmp_path / "t.csv"
    name = made("valence").columns()[0]
    path.write_text(f"formula,{name},reason\nFeO,5,x\n")
    make_features(str(path), sets=["valence"], out=tmp_path / "X.csv", keep=[name, "reason"])
    header = (tmp_path / "X.csv").read_text().splitlines()[0].split(",")
    assert header[1:3] == [f"{name}'", "reason"]
    assert header[-1] == "reason'"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_stopped_call_goes_on_after_its_last_part(table, tmp_path, monkeypatch, workers):
    monkeypatch.setattr(features, "CELLS", 1)
    monkeypatch.setitem(features.Describer.__init__.__globals__["ROWS_AT_ONCE"], "composition", 10)
    out, kept, added = tmp_path / "X.parquet", Parts.add, []

    def fails(self, frame, reasons):
        if len(added) == 2:
            raise KeyboardInterrupt
        added.append(len(frame))
        kept(self, frame, reasons)

    monkeypatch.setattr(Parts, "add", fails)
    with pytest.raises(KeyboardInterrupt):
        make_features(str(table), sets=["valence"], out=out, work=Work(workers=workers))
    assert not out.exists()
    monkeypatch.setattr(
        Parts, "add", lambda self, frame, reasons: (added.append(len(frame)), kept(self, frame, reasons))
    )
    done = make_features(str(table), sets=["valence"], out=out, work=Work(workers=workers))
    assert added == [10, 10, 10, 10, 2]
    assert set(done.reasons) == {40, 41}
    np.testing.assert_array_equal(read(out).iloc[:, 1:-1].to_numpy(dtype=float), made("valence").transform(FORMULAS))
    assert not list(tmp_path.glob(".X*"))


def test_parts_of_another_plan_are_thrown_away(tmp_path):
    frame = pd.DataFrame({"a": [1.0]})
    for plan, rows in (("one", 0), ("one", 1), ("two", 0)):
        with Parts(tmp_path / "X.csv", plan) as parts:
            assert parts.rows == rows
            parts.add(frame, [])


def test_two_writers_of_one_table_are_told(tmp_path):
    with Parts(tmp_path / "X.csv", "p"), pytest.raises(RunError, match="another process"):
        Parts(tmp_path / "X.csv", "p").__enter__()


def test_a_killed_call_leaves_no_half_file(tmp_path):
    path, out = tmp_path / "t.csv", tmp_path / "X.parquet"
    path.write_text("formula\n" + "\n".join(f"Fe{i}O{i % 9 + 1}" for i in range(1, 120_001)))
    order = [sys.executable, "-m", "matloop", "features", "make", str(path), "-s", "magpie", "-o", str(out), "-q"]
    running = subprocess.Popen(order, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until = time.monotonic() + 60
    while not list(tmp_path.glob(".X.parquet.parts/*.json")) and time.monotonic() < until:
        time.sleep(0.02)
    running.kill()
    running.communicate()
    assert not out.exists()
    assert subprocess.run(order, capture_output=True, timeout=120).returncode == 0
    frame = read(out)
    assert len(frame) == 120_000
    np.testing.assert_array_equal(
        frame.iloc[[0, 60_000, 119_999], 1:-1].to_numpy(dtype=float),
        made("magpie").transform(frame["formula"].iloc[[0, 60_000, 119_999]].tolist()),
    )


def test_auto_says_what_it_took_and_why(tmp_path):
    pytest.importorskip("rdkit")
    path = tmp_path / "m.csv"
    path.write_text("smiles\nCCO\nc1ccccc1\nCC(=O)O\nC1CC\n")
    done = make_features(str(path), sets=["auto"], out=tmp_path / "X.csv")
    assert (done.kind, done.sets) == ("molecule", ("rdkit",))
    assert "4 molecules" in done.why
    assert set(done.reasons) == {4}


def test_structures_by_text_by_name_and_by_folder_agree(tmp_path):
    folder = tmp_path / "cells"
    folder.mkdir()
    (folder / "a.cif").write_text(SALT)
    (folder / "b.cif").write_text(SALT.replace("3.99", "4.2").replace("Cl", "Br"))
    pd.DataFrame({"cif": [path.read_text() for path in sorted(folder.iterdir())]}).to_csv(tmp_path / "x.csv")
    (folder / "names.csv").write_text("file\na.cif\nb.cif\nc.cif\n")
    found = {}
    for name, table, column in (
        ("text", tmp_path / "x.csv", "cif"), ("name", folder / "names.csv", "file"), ("folder", folder, ""),
    ):  # fmt: skip
        done = make_features(
            str(table), sets=["density", "magpie"], out=tmp_path / f"{name}.parquet", column=column, kind="structure"
        )
        frame = read(tmp_path / f"{name}.parquet")
        start = 1 + (name == "folder")
        found[name] = frame.iloc[:2, start:-1].to_numpy(dtype=float)
        assert done.kind == "structure"
    assert np.isfinite(found["text"]).all()
    np.testing.assert_array_equal(found["text"], found["name"])
    np.testing.assert_array_equal(found["text"], found["folder"])
    names = read(tmp_path / "name.parquet")
    assert "cannot be read" in names["reason"][2]
    assert read(tmp_path / "folder.parquet")["id"].tolist() == ["a.cif", "b.cif"]


@pytest.mark.parametrize(
    ("more", "error", "told"),
    [
        ({"sets": ["magpi"]}, ConfigError, "magpie"),
        ({"column": "formulas"}, DataError, 'Did you mean "formula"'),
        ({"keep": ["tarjet"]}, DataError, 'Did you mean "target"'),
        ({"kind": "crystal"}, ConfigError, "structure"),
        ({"out": "X.what"}, ConfigError, "may end in"),
        ({"kind": "composition", "sets": ["maccs"]}, ConfigError, "describes a molecule"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_written(table, tmp_path, more, error, told):
    given = {"sets": ["valence"], "out": "X.csv", **more}
    with pytest.raises(error, match=told):
        make_features(str(table), **{**given, "out": tmp_path / given["out"]})
    assert not (tmp_path / "X.csv").exists()


def test_the_table_itself_is_not_overwritten(table):
    with pytest.raises(ConfigError, match="the table itself"):
        make_features(str(table), sets=["valence"], out=table)


def test_the_cache_is_told_and_cleared(tmp_path):
    pytest.importorskip("rdkit")
    path = tmp_path / "m.csv"
    path.write_text("smiles\nCCO\nc1ccccc1\n")
    make_features(str(path), sets=["rdkit"], out=tmp_path / "X.csv")
    kept = kept_features()
    assert [(name, rows) for name, rows, _ in kept.shelves] == [("DescriptorsFeaturizer()", 2)]
    make_features(str(path), sets=["rdkit"], out=tmp_path / "Y.csv")
    assert (tmp_path / "X.csv").read_text() == (tmp_path / "Y.csv").read_text()
    assert kept_features(clear=True).removed == 1
    assert kept_features().shelves == ()
