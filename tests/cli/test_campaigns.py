import json
import os
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from matloop.cli.main import app

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/campaign.toml"


def run(*words):
    return CliRunner().invoke(app, ["campaign", *map(str, words)])


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@pytest.fixture
def dye(tmp_path):
    done = run("new", EXAMPLE, "-o", tmp_path / "dye")
    assert done.exit_code == 0, done.output
    return tmp_path / "dye"


def test_the_example_goes_from_file_to_status(dye, tmp_path):
    asked = run("ask", dye, "-n", 3, "-o", tmp_path / "next.csv")
    assert asked.exit_code == 0, asked.output
    assert "c1-1: temperature" in asked.output
    assert "why: " in asked.output
    sheet = pd.read_csv(tmp_path / "next.csv").astype({"yield [%]": object})
    sheet["yield [%]"], sheet["purity"] = ["41.5 %", 60, ""], [0.97, 0.99, ""]
    sheet.to_csv(tmp_path / "done.csv", index=False)
    told = run("tell", dye, tmp_path / "done.csv")
    assert "results: 2 new, 1 without a result yet" in told.output
    status = run("status", dye)
    assert "best: c1-2: yield 60, purity 0.99" in status.output
    assert "waiting for results of 1: c1-3" in status.output


def test_json_is_all_there_is_on_standard_output(dye, tmp_path):
    asked = json.loads(run("ask", dye, "-n", 2, "--json").output)
    assert [s["id"] for s in asked["suggestions"]] == ["c1-1", "c1-2"]
    assert set(asked["suggestions"][0]["point"]) == {"temperature", "time", "solvent", "aniline", "nitrite", "acid"}
    assert json.loads(run("status", dye, "--no-health", "--json").output)["made"] == 0
    assert json.loads(run("history", dye, "--json").output)["rows"] == []


def test_what_waits_is_shown_again(dye, tmp_path):
    run("ask", dye, "-n", 2)
    again = run("ask", dye, "--pending", "-o", tmp_path / "again.xlsx")
    assert "c1-2: " in again.output
    assert pd.read_excel(tmp_path / "again.xlsx")["id"].tolist() == ["c1-1", "c1-2"]


def test_withdrawn_noted_repeated_written_out(dye, tmp_path):
    run("ask", dye, "-n", 2)
    assert run("withdraw", dye, "c1-2", "--why", "spilt").exit_code == 0
    assert run("note", dye, "new precursor").exit_code == 0
    assert "the same as c1-1 once more" in run("ask", dye, "--repeat", "c1-1").output
    (tmp_path / "r.jsonl").write_text('{"id": "c1-1", "yield": 3, "purity": 1}\n')
    run("tell", dye, tmp_path / "r.jsonl")
    assert "1 results written" in run("history", dye, "-o", tmp_path / "h.csv").output
    assert pd.read_csv(tmp_path / "h.csv")["yield"].tolist() == [3]


def test_errors_are_sentences_with_exit_codes(dye, tmp_path):
    (tmp_path / "bad.csv").write_text("id,yield\nc1-1,many\n")
    run("ask", dye, "-n", 1)
    bad = run("tell", dye, tmp_path / "bad.csv")
    assert (bad.exit_code, "Traceback" in bad.output) == (3, False)
    assert run("status", tmp_path / "nowhere").exit_code == 2
    assert run("new", EXAMPLE, "-o", dye).exit_code == 2


def test_an_edited_log_is_repaired(dye):
    run("ask", dye, "-n", 1)
    log = dye / "log.jsonl"
    log.write_text(log.read_text().replace('"round": 1', '"round": 2'))
    assert run("status", dye).exit_code == 5
    assert "line 2 was edited: the 1 events before it are kept" in run("repair", dye).output
    assert run("status", dye, "--no-health").exit_code == 0


def test_check_knows_a_campaign_file(tmp_path):
    fine = CliRunner().invoke(app, ["check", str(EXAMPLE)])
    assert (fine.exit_code, "no fault found" in fine.output) == (0, True)
    text = EXAMPLE.read_text().replace("purity >= 0.95", "purty >= 0.95").replace("seed = 0", 'strategy = "sobel"')
    (tmp_path / "bad.toml").write_text(text)
    bad = CliRunner().invoke(app, ["check", str(tmp_path / "bad.toml")])
    assert bad.exit_code == 2
    assert "line 4, goals" in bad.output
    assert 'Did you mean "purity"?' in bad.output
    assert "Did you mean 'sobol'" in bad.output
