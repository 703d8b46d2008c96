"""The commands of a store, one after another, as a person would."""

import json

import pytest
from typer.testing import CliRunner

from matloop.cli.main import app

pytest.importorskip("sqlalchemy")


@pytest.fixture
def call(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gaps.csv").write_text(
        "id,formula,band_gap (eV),band_gap std,T (K),phase\na,Si,1.12,0.01,300,diamond\nb,TiO2,>3.0,,300,rutile\n"
        "c,MnO,0.9(2),,80,\nd,stainless,x,,80,steel\n" + "".join(f"e{i},Fe{i + 1}O,{i}.5,,80,\n" for i in range(20))
    )

    def run(*words, code=0):
        done = CliRunner().invoke(app, ["data", *words])
        assert done.exit_code == code, done.output
        return done.output

    return run


def test_a_walk_through_a_store(call, tmp_path):
    said = call(
        "add", "gaps.csv", "-s", "m.db#gaps", "--condition", "T (K)", "--method", "experiment", "--licence", "CC0"
    )
    assert 'key: column "id"' in said
    assert "m.db#gaps@1: 24 added, 0 changed, 0 removed, 24 in all" in said
    assert 'column "band_gap (eV)": 1 values could not be read' in said
    assert "24 in all" in call("add", "gaps.csv", "-s", "m.db#gaps", "--condition", "T (K)", "--method", "experiment",
                              "--licence", "CC0")  # fmt: skip
    found = json.loads(call("query", "m.db#gaps", "--has-all", "Mn,O", "--json"))
    (record,) = found["records"]
    assert record["properties"][0] == {"name": "band_gap", "value": 0.9, "unit": "eV", "error": 0.2,
                                       "method": "experiment", "conditions": {"T (K)": "80"}}  # fmt: skip
    assert record["origin"]["place"] == "row 3"
    assert record["origin"]["licence"] == "CC0"
    assert len(record["origin"]["sha256"]) == 64
    limit = json.loads(call("query", "m.db#gaps", "--formula", "Ti2O4", "--json"))["records"][0]["properties"][0]
    assert limit["conditions"]["limit"] == "the true value is above"
    assert "a  Si" in call("query", "m.db#gaps", "--where", "band_gap > 1000 meV", "--where", "phase = diamond")
    said = call("correct", "m.db#gaps", "a", "band_gap=1.17 eV", "--why", "at 0 K", "--base", "1")
    assert "-> 1.17 +- 0.01 eV [was 1.12 eV: at 0 K]" in said
    assert "22 records" in call("remove", "m.db#gaps", "b", "d", "--why", "not now")
    assert "0 added, 1 changed, 2 removed" in call("diff", "m.db#gaps", "1")
    assert "note: " not in call("history", "m.db#gaps", "--key", "a")
    assert call("history", "m.db#gaps").count("\n@") == 3
    assert "gaps: Gaps, 22 records, version 3, CC0" in call(
        "describe", "m.db#gaps", "--title", "Gaps", "--licence", "CC0"
    )
    assert "1 datasets, 3 versions: whole" in call("verify", "m.db")
    assert "up to date" in call("upgrade", "m.db")
    call("query", "m.db#gaps@1", "-o", "out.jsonl")
    assert "24 added" in call("add", "out.jsonl", "-s", "m.db#lines")
    assert "24 added" in call("add", "store:m.db#gaps@1", "-s", "other.db#copy")
    prints = {name: json.loads(call("history", name, "--json"))["versions"][0]["fingerprint"]
              for name in ("m.db#gaps", "m.db#lines", "other.db#copy")}  # fmt: skip
    assert len(set(prints.values())) == 1
    call("query", "m.db#gaps@1", "-o", "out.parquet")
    assert (tmp_path / "out.parquet").exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["add", "gaps.csv", "-s", "m.db"], 2, "names no dataset"),
        (["add", "gaps.csv", "-s", "m.db#gaps", "--key", "ids"], 3, 'there is no column "ids". Did you mean "id"'),
        (["add", "gaps.csv", "-s", "m.db#gaps", "--unit", "gap"], 2, "write COLUMN=UNIT"),
        (["add", "gaps.csv", "-s", "m.db#gaps", "--unit", "band_gap (eV)=evs"], 2, "'evs' is not a known unit"),
        (["add", "gaps.csv", "-s", "m.db#gaps", "--mode", "replce"], 2, '"replace"'),
        (["add", "gaps.csv", "-s", "m.db#gaps@2"], 2, "a new version is made by what is stored"),
        (["add", "gap.csv", "-s", "m.db#gaps"], 3, "there is no such file"),
        (["add", "other.csv", "-s", "old.db#gaps"], 3, "is there already, with other content"),
        (["query", "m.db#gaps"], 3, "there is no such store"),
        (["query", "old.db#gap"], 3, 'no dataset "gap". Did you mean "gaps"'),
        (["query", "old.db#gaps@7"], 3, "versions 1 to 1, not 7"),
        (["query", "old.db#gaps", "--has-all", "Xx"], 2, "no element 'Xx'"),
        (["query", "old.db#gaps", "-o", "x.csv"], 2, "records are written as .jsonl or .parquet"),
        (["correct", "old.db#gaps", "a", "band_gap=wide", "--why", "x"], 2, "'wide' is none"),
        (["correct", "old.db#gaps", "a", "bandgap=1", "--why", "x"], 3, 'no property is called "bandgap"'),
        (["correct", "old.db#gaps", "a", "band_gap=1", "--why", " "], 2, "a correction needs a reason"),
        (["remove", "old.db#gaps", "q", "--why", "x"], 3, "1 keys are not in the dataset"),
        (["remove", "old.db#gaps", "a", "--why", "x", "--base", "9"], 5, "at version 1 now, not at 9"),
    ],
)
def test_what_goes_wrong_is_said(call, tmp_path, words, code, said):
    call("add", "gaps.csv", "-s", "old.db#gaps")
    (tmp_path / "other.csv").write_text("id,formula,band_gap (eV)\na,Ge,0.7\n")
    answer = call(*words, "--json", code=code)
    assert said in json.loads(answer)["error"]["message"]
