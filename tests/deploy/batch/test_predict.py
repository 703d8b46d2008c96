import gc
import json
import shutil
import weakref

import numpy as np
import pandas as pd
import pytest

import matloop
from matloop.core.errors import ConfigError, DataError, RunError
from matloop.deploy.answering import Answerer
from matloop.deploy.batch import predict
from matloop.deploy.batch.parts import Parts
from matloop.deploy.batch.predict import Asked, predict_table
from matloop.deploy.predict import Predicted, predict_file


def read(path, columns="*"):
    import duckdb

    with duckdb.connect() as connection:
        return connection.execute(f"SELECT {columns} FROM read_parquet('{path}')").df()


def write(path, frame):
    import duckdb

    with duckdb.connect() as connection:
        connection.register("frame", frame)
        connection.execute(f"COPY frame TO '{path}' (FORMAT parquet)")


def same(found, expected):
    pd.testing.assert_frame_equal(found, expected, check_dtype=False, rtol=1e-9)


@pytest.mark.usefixtures("small")
def test_chunks_give_what_the_table_gives_as_one(bundle, table, expected, tmp_path):
    done = matloop.predict_batch(bundle, table, tmp_path / "out.parquet", workers=1)
    same(read(done.out), expected)
    assert (done.n_rows, done.n_now, done.n_parts, done.unreadable) == (60, 60, 9, 10)
    assert sum(cause.rows for cause in done.causes.values()) == 10
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".tsv", ".jsonl"])
def test_text_is_written_byte_for_byte_as_where_the_table_is_predicted_as_one(bundle, frame, tmp_path, ending):
    frame.assign(note="=1+1").to_csv(tmp_path / "table.csv", index=False)
    once, many = tmp_path / f"once{ending}", tmp_path / f"many{ending}"
    predict_file(bundle, tmp_path / "table.csv", once)
    matloop.predict_batch(bundle, tmp_path / "table.csv", many, workers=1)
    read_as = {"sep": "\t"} if ending == ".tsv" else {}
    table = pd.read_json if ending == ".jsonl" else pd.read_csv
    options = {"lines": True} if ending == ".jsonl" else read_as
    same(table(many, **options), table(once, **options))
    if ending != ".csv.gz":
        assert many.read_text().splitlines()[0] == once.read_text().splitlines()[0]


@pytest.mark.usefixtures("small")
def test_a_folder_of_files_is_one_table_and_so_is_a_folder_of_parts(bundle, frame, expected, tmp_path):
    (tmp_path / "many [1]").mkdir()
    for number, rows in enumerate(np.array_split(np.arange(60), [5, 5, 40])):
        write(tmp_path / "many [1]" / f"{number}.parquet", frame.iloc[rows])
    done = matloop.predict_batch(bundle, tmp_path / "many [1]", tmp_path / "parts", workers=1, columns=["id"])
    found = read(tmp_path / "parts" / "*.parquet")
    assert found["id"].tolist() == list(range(60))
    np.testing.assert_allclose(found["S_n_predicted"], expected["S_n_predicted"], rtol=1e-9)
    manifest = json.loads((tmp_path / "parts" / "manifest.json").read_text())
    assert [part["start"] for part in manifest["parts"]] == list(range(0, 60, 7))
    again = matloop.predict_batch(bundle, tmp_path / "many [1]", tmp_path / "parts", workers=1, columns=["id"])
    assert (again.n_now, again.n_rows, done.n_now) == (0, 60, 60)


@pytest.mark.usefixtures("small")
def test_what_was_finished_is_not_predicted_again_and_the_bytes_are_the_same(bundle, table, tmp_path, monkeypatch):
    whole = matloop.predict_batch(bundle, table, tmp_path / "whole.parquet", workers=1).out.read_bytes()
    add, seen = Parts.add, []

    def stop(self, chunk, *rest):
        if chunk.number == 4 and not seen.count(4):
            seen.append(4)
            raise KeyboardInterrupt
        seen.append(chunk.number)
        add(self, chunk, *rest)

    monkeypatch.setattr(Parts, "add", stop)
    with pytest.raises(KeyboardInterrupt):
        matloop.predict_batch(bundle, table, tmp_path / "out.parquet", workers=1)
    done = matloop.predict_batch(bundle, table, tmp_path / "out.parquet", workers=1)
    assert done.out.read_bytes() == whole
    assert seen == [0, 1, 2, 3, 4, 4, 5, 6, 7, 8]
    assert (done.n_now, done.kept) == (32, 4)


@pytest.fixture
def begun(bundle, table, tmp_path, monkeypatch):
    """A batch that was stopped before its end, and the options to go on with it."""
    monkeypatch.setattr(predict, "CHUNK", 7)
    copy = tmp_path / "bundle"
    shutil.copytree(bundle, copy)
    with monkeypatch.context() as patch:
        patch.setattr(Parts, "finish", lambda *_, **__: (_ for _ in ()).throw(RunError("disk full")))
        with pytest.raises(RunError):
            matloop.predict_batch(copy, table, tmp_path / "out.parquet", workers=1)
    return copy, table, tmp_path / "out.parquet"


def test_another_bundle_is_refused_and_anew_begins_from_the_start(begun):
    manifest = begun[0] / "manifest.json"
    manifest.write_text(manifest.read_text() + "\n")
    with pytest.raises(RunError, match=r"the bundle was \w{16} and is \w{16}.*--anew"):
        matloop.predict_batch(*begun, workers=1)
    assert matloop.predict_batch(*begun, workers=1, anew=True).n_now == 60


def test_another_table_is_refused(begun, frame):
    write(begun[1], frame.assign(id=frame["id"] + 1))
    with pytest.raises(RunError, match=r"table\.parquet was changed"):
        matloop.predict_batch(*begun, workers=1)


def test_another_release_and_other_columns_are_refused(begun, monkeypatch):
    monkeypatch.setattr(predict, "release", lambda: "99.0")
    with pytest.raises(RunError, match=r"matloop was \S+ and is 99.0; columns carried over were id, pretty_formula"):
        matloop.predict_batch(*begun, workers=1, columns=["id"])


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_columns_that_differ_only_in_case_keep_their_values(bundle, tmp_path, ending):
    (tmp_path / "table.csv").write_text("Co,CO,s_n_low,pretty_formula\n1,3,5,NaCl\n2,4,6,Fe2O3\n")
    done = matloop.predict_batch(bundle, tmp_path / "table.csv", tmp_path / f"out{ending}", workers=1)
    table = {".csv": pd.read_csv, ".jsonl": lambda path: pd.read_json(path, lines=True), ".parquet": read}[ending](
        done.out
    )
    names = ["Co", "CO_1" if ending == ".parquet" else "CO", "s_n_low"]
    assert [table[name].astype(int).tolist() for name in names] == [[1, 2], [3, 4], [5, 6]]
    low = table[{".parquet": "S_n_low_1"}.get(ending, "S_n_low")]
    assert low.between(-2000, 2000).all()
    assert low.tolist() != [5, 6]


def test_numbers_with_commas_are_refused_where_they_could_mean_two_things(tmp_path):
    from matloop.deploy.batch.table import Chunk, open_table, refuse_commas

    (tmp_path / "table.csv").write_text('x\n1.5\n"1,234"\n')
    table = open_table(str(tmp_path / "table.csv"))
    (chunk,) = table.chunks(["x"], ["x"], 10, set())
    with pytest.raises(DataError, match=r"""row 2, column "x": '1,234' holds a comma"""):
        refuse_commas(table, chunk, ["x"])
    (tmp_path / "table.csv").write_text("x;y\n1,5;2\n")
    refuse_commas(open_table(str(tmp_path / "table.csv")), Chunk(0, 0, 1, {"x": ["1,5"]}), ["x"])


def test_a_damaged_part_is_made_again(begun):
    part = next(iter(sorted(begun[2].with_name(".out.parquet.batch").glob("part-*"))))
    part.write_bytes(part.read_bytes()[:-1] + b"?")
    assert matloop.predict_batch(*begun, workers=1).n_now == 7


def test_two_at_once_do_not_mix(begun):
    copy, table, out = begun
    plan = json.loads((out.with_name(".out.parquet.batch") / "plan.json").read_text())
    from matloop.core.jsonable import from_jsonable
    from matloop.deploy.batch.parts import Plan

    with Parts(out, from_jsonable(Plan, plan)), pytest.raises(RunError, match="another process"):
        matloop.predict_batch(copy, table, out, workers=1)


def test_a_table_that_changes_while_it_is_read_is_noticed(bundle, table, frame, tmp_path, monkeypatch):
    add = Parts.add

    def meddle(self, *rest):
        add(self, *rest)
        table.write_bytes(table.read_bytes() + b" ")

    monkeypatch.setattr(Parts, "add", meddle)
    with pytest.raises(RunError, match=r"table\.parquet was changed while it was read"):
        matloop.predict_batch(bundle, table, tmp_path / "out.parquet", workers=1)


def test_what_cannot_be_asked_is_told(bundle, table, tmp_path):
    with pytest.raises(DataError, match=r'no column "idd".*Did you mean "id"'):
        matloop.predict_batch(bundle, table, tmp_path / "out.parquet", columns=["idd"])
    with pytest.raises(ConfigError, match="backend 'spark' is not known"):
        matloop.predict_batch(bundle, table, tmp_path / "out.parquet", backend="spark")
    with pytest.raises(ConfigError, match="a batch is written as"):
        matloop.predict_batch(bundle, table, tmp_path / "out.xlsx")
    with pytest.raises(DataError, match="fits no file"):
        matloop.predict_batch(bundle, tmp_path / "none-*.parquet", tmp_path / "out.parquet")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.doc").write_text("precious")
    with pytest.raises(ConfigError, match="holds other things"):
        matloop.predict_batch(bundle, table, tmp_path / "mine")


def test_files_with_other_columns_are_named(bundle, frame, tmp_path):
    write(tmp_path / "a.parquet", frame)
    write(tmp_path / "b.parquet", frame.rename(columns={"id": "number"}).assign(pretty_formula=1))
    with pytest.raises(DataError, match=r"b\.parquet: lacks id; pretty_formula is BIGINT, not VARCHAR"):
        matloop.predict_batch(bundle, tmp_path / "*.parquet", tmp_path / "out.parquet")


def test_a_small_table_without_options_is_predicted_as_one(bundle, table, tmp_path):
    assert isinstance(predict_table(bundle, str(table), tmp_path / "a.csv", Asked()), Predicted)
    asked = Asked(columns="id", workers=1)
    done = predict_table(bundle, str(table), tmp_path / "b.csv", asked)
    assert pd.read_csv(done.out).columns[:2].tolist() == ["id", "S_n_predicted"]
    with pytest.raises(ConfigError, match="with -o"):
        predict_table(bundle, str(table), None, asked)


def test_the_summary_is_in_words_and_as_values(bundle, table, tmp_path):
    done = matloop.predict_batch(bundle, table, tmp_path / "out.parquet", workers=1)
    said = "\n".join(done.lines())
    assert "60 rows: S_n" in said
    assert "rows/s, this process" in said
    assert "10 rows (16.7%) have no prediction:" in said
    assert "5 x " in said
    assert done.as_json()["unreadable"] == 10
    assert "<div>" in done._repr_html_()


def test_what_a_chunk_was_predicted_is_let_go_without_the_collector(bundle):
    found = Answerer.open(bundle).answer_columns({"pretty_formula": ["NaCl", "Fe2O3"]})
    held = weakref.ref(found.predictions["S_n"].value)
    gc.disable()
    try:
        assert predict._frame(found, ("id",)).shape[0] == 2
        del found
        assert held() is None
    finally:
        gc.enable()
