"""How values were measured, through the commands: problem, check, leaks, profile, run data, store and export."""

import json

import numpy as np
import pandas as pd
import pytest

from matloop.core.errors import ConfigError, DataError
from matloop.data.clean import clean
from matloop.data.collect import collect
from matloop.pipeline.check import check
from matloop.pipeline.leaks import find_leaks
from matloop.pipeline.measured import FILE, FILE_HASH, beside, check_measurements
from matloop.pipeline.profile import profile_data
from matloop.problem.question import Measurements
from matloop.problem.toml import dump_problem, load_problem, parse_problem

PROBLEM = """name = "steel"

[data]
source = "t.csv"

[inputs]
formula = { kind = "composition" }

[targets.hardness]
unit = "GPa"

[measurements]
operator = "who"
batch = "batch"
conditions = ["load"]
files = "curves/{no}.csv"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    home = tmp_path_factory.mktemp("measured")
    rng = np.random.default_rng(0)
    n = 160
    x = np.repeat(rng.integers(1, 99, n // 2), 2)
    batch = rng.choice(["A", "B", "C"], n)
    hardness = 2 + 0.01 * x + np.where(batch == "B", 1.0, 0.0) + 0.05 * rng.normal(size=n)
    pd.DataFrame({
        "no": [f"s{i}" for i in range(n)], "formula": [f"Fe{100 - a}Ni{a}" for a in x], "hardness": hardness.round(4),
        "who": rng.choice(["ann", "bo"], n), "batch": batch, "load": rng.choice([1, 2], n),
    }).to_csv(home / "t.csv", index=False)  # fmt: skip
    (home / "curves").mkdir()
    for i in range(n):
        if i != 5:
            (home / "curves" / f"s{i}.csv").write_text(f"x,y\n1,{i}\n2,{i}\n")
    (home / "curves" / "left.csv").write_text("1,2\n")
    (home / "p.toml").write_text(PROBLEM)
    return home


def test_the_table_of_a_problem_file_is_read_written_and_checked():
    problem = parse_problem(PROBLEM).problem
    assert problem.measurements.columns == ("who", "batch", "load")
    assert parse_problem(dump_problem(problem)).problem == problem
    for wrong, said in (
        ('files = "../{no}.csv"', "leads out of the folder"),
        ('files = "curves"', "columns in braces"),
        ('instrument = "batch"', "named twice"),
        ('time = "hardness"', "is a target"),
        ('opperator = "x"', "operator"),
    ):
        text = PROBLEM.replace('files = "curves/{no}.csv"', wrong)
        assert said in "\n".join(parse_problem(text).sentences())


def test_a_column_that_is_not_there_is_told(folder):
    (folder / "wrong.toml").write_text(PROBLEM.replace('"who"', '"whoo"'))
    with pytest.raises((ConfigError, DataError), match='"whoo"'):
        clean(collect(load_problem(folder / "wrong.toml").data, base=folder), load_problem(folder / "wrong.toml"))


def test_columns_and_files_stand_beside_the_data_and_are_no_features(folder):
    problem = load_problem(folder / "p.toml")
    raw = collect(problem.data, base=folder)
    cleaned = clean(raw, problem)
    found = beside(problem, raw, cleaned.dataset)
    assert set(found.columns) == {"measured:who", "measured:batch", "measured:load", FILE, FILE_HASH}
    assert set(cleaned.dataset.inputs) == {"formula"}
    merged = next(i for i, rows in enumerate(cleaned.dataset.source_rows) if len(rows) > 1 and 6 not in rows)
    assert found.columns[FILE][merged].count(";") == len(cleaned.dataset.source_rows[merged]) - 1
    assert len(found.files) == 159
    assert any("files that are not there: 1 (row 6: curves/s5.csv)" in note for note in found.notes)
    assert any("belong to no row: 1 (curves/left.csv)" in note for note in found.notes)


def test_check_tells_of_missing_files(folder):
    assert any("files that are not there" in line for line in check(folder / "p.toml").warnings)


def test_the_profile_finds_the_batch_and_not_the_operator(folder, tmp_path):
    found = profile_data(folder / "p.toml", out=tmp_path / "p.html", folder=tmp_path)
    study = found.profile.measured
    assert {one.column: one.verdict for one in study.effects} == {
        "batch": "shift", "who": "none seen", "load": "none seen"
    }  # fmt: skip
    batch = next(one for one in study.effects if one.column == "batch")
    shift = {one.level: one.value for one in batch.shifts}
    assert shift["B"] - shift["A"] == pytest.approx(1.0, abs=0.1)
    assert any(one.name == "batch" and one.level == "bad" for one in found.profile.veracity)
    page = (tmp_path / "p.html").read_text()
    assert 'id="measurements"' in page
    assert "Judge with group = &#34;batch&#34;" in page
    json.dumps(found.as_json(), allow_nan=False)


def test_a_table_without_such_columns_has_no_section(folder, tmp_path):
    table = pd.read_csv(folder / "t.csv")[["formula", "hardness"]]
    found = profile_data(table, out=tmp_path / "p.html")
    assert found.profile.measured is None
    assert 'id="measurements"' not in (tmp_path / "p.html").read_text()


def test_a_split_that_parts_samples_or_batches_is_told(folder):
    problem = load_problem(folder / "p.toml")
    raw = collect(problem.data, base=folder)
    random = check_measurements(problem.measurements, raw, None, "")
    assert [(one.name, one.state) for one in random] == [("batch on both sides", "suspect"),
                                                         ("operator on both sides", "suspect")]  # fmt: skip
    assert 'group = "batch"' in random[0].said
    batch = raw.column("batch")
    by_batch = check_measurements(
        problem.measurements, raw, np.array(["test" if b == "A" else "train" for b in batch]), ""
    )
    assert [one.state for one in by_batch] == ["clean", "suspect"]
    grouped = check_measurements(problem.measurements, raw, None, "batch")
    assert grouped[0].state == "clean"
    alone = check_measurements(Measurements(replicate="no"), raw, None, "")
    assert [(one.name, one.state) for one in alone] == [("sample on both sides", "clean")]


def test_the_search_for_leaks_says_it(folder):
    report = find_leaks(folder / "p.toml").reports[0]
    assert report.check("batch on both sides").state == "suspect"


def test_metadata_survive_the_store_and_the_export(folder, tmp_path):
    pytest.importorskip("sqlalchemy", reason="the store needs SQLAlchemy")
    from matloop.data.share.export import export_dataset
    from matloop.data.store.store import open_store
    from matloop.data.store.table import to_columns
    from matloop.pipeline.shelve import add_table, reading

    how = reading(key="no", metadata=["who", "batch"], condition=["load"], files="curves/{no}.csv", licence="CC0-1.0")
    done = add_table(str(folder / "t.csv"), f"{tmp_path}/s.db#t", how)
    assert any("files that are not there: 1 (row 6: curves/s5.csv)" in line for line in done.said)
    export_dataset(f"{tmp_path}/s.db#t", tmp_path / "out")
    add_table(str(tmp_path / "out"), f"{tmp_path}/b.db#t")
    with open_store(tmp_path / "s.db") as store, open_store(tmp_path / "b.db") as back:
        assert store.version("t").fingerprint == back.version("t").fingerprint
        one = back.get("t", "s0")
        assert set(one.metadata) == {"who", "batch", "file", "file size", "file sha256"}
        assert set(one.property("hardness").conditions) == {"load"}
        assert "batch" in to_columns(back.records("t")).columns
        assert one.property("batch") is None
