import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import matloop
from matloop.cli.main import app

ROOT = Path(__file__).parents[2]
run = CliRunner().invoke


def commands(node=None, name="matloop"):
    node = node or typer.main.get_command(app)
    if not hasattr(node, "commands"):
        return [(name, node)]
    return [pair for word, child in node.commands.items() for pair in commands(child, f"{name} {word}")]


@pytest.fixture
def table(tmp_path):
    rows = [f"Fe{i}Ni{40 - i},{300 + 7 * i % 90},{1000 + 13.7 * i * (1 + i % 3)}" for i in range(1, 40)]
    path = tmp_path / "alloys.csv"
    path.write_text("formula,T (K),yield strength [MPa]\n" + "\n".join(rows) + "\n")
    return path


@pytest.mark.parametrize("name", [name for name, _ in commands()])
def test_every_command_has_help_with_an_example_and_stands_in_the_reference(name):
    shown = run(app, [*name.split()[1:], "--help"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    assert "Example: matloop" in shown.output
    assert "--json" in shown.output
    page = (ROOT / "docs/reference/commands.md").read_text("utf-8")
    assert f"\n## {name}\n" in page
    assert f"\n    {name}" in page


def test_the_reference_names_no_command_that_is_not_there():
    page = (ROOT / "docs/reference/commands.md").read_text("utf-8")
    assert {line[3:] for line in page.splitlines() if line.startswith("## ")} == {name for name, _ in commands()}


def test_version_is_that_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert matloop.__version__ == project["version"]
    assert json.loads(run(app, ["version", "--json"]).output)["version"] == project["version"]


def test_init_then_check(table, tmp_path):
    out = tmp_path / "problems" / "p.toml"
    drafted = run(app, ["init", str(table), "-o", str(out)])
    assert drafted.exit_code == 0, drafted.output
    assert 'asked for: "yield strength [MPa]" (regression in MPa' in drafted.output
    checked = run(app, ["check", str(out), "-o", str(tmp_path / "runs")])
    assert checked.exit_code == 0, checked.output
    assert "no fault found" in checked.output


def test_init_does_not_overwrite(table, tmp_path):
    out = tmp_path / "p.toml"
    out.write_text("mine")
    refused = run(app, ["init", str(table), "-o", str(out)])
    assert (refused.exit_code, out.read_text()) == (2, "mine")
    assert "--force" in refused.stderr


def test_faults_of_the_file_end_with_2_and_of_the_data_with_3(table, tmp_path):
    out = tmp_path / "p.toml"
    run(app, ["init", str(table), "-o", str(out)])
    good = out.read_text()
    out.write_text(good.replace("minutes = 10.0", "minutes = 0"))
    assert run(app, ["check", str(out)]).exit_code == 2
    out.write_text(good.replace("alloys.csv", "aloys.csv"))
    told = run(app, ["check", str(out), "--json"])
    assert told.exit_code == 3
    assert "alloys.csv" in json.loads(told.output)["data_faults"][0]


def test_an_error_is_json_when_asked_for():
    told = run(app, ["check", "absent.toml", "--json"])
    error = json.loads(told.stdout)["error"]
    assert told.exit_code == error["exit_code"] == 2
    assert error["type"] == "ConfigError"
    wrong = run(app, ["check", "--jsonn", "--json"])
    assert json.loads(wrong.stdout)["error"]["exit_code"] == wrong.exit_code == 2


def test_an_error_is_a_sentence_without_traceback_unless_debug(monkeypatch):
    plain = run(app, ["check", "absent.toml"])
    assert "no such problem file" in plain.stderr
    assert "Traceback" not in plain.output
    assert "Traceback" in run(app, ["check", "absent.toml", "--debug"]).stderr
    assert "Traceback" in run(app, ["check", "absent.toml"], env={"MATLOOP_DEBUG": "1"}).stderr


def test_ctrl_c_ends_with_130_and_a_sentence(monkeypatch):
    def stopped(*given, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr("matloop.pipeline.catalogue.datasets", stopped)
    told = run(app, ["data", "list"])
    assert told.exit_code == 130
    assert "Ctrl-C" in told.stderr


def test_a_fault_of_matloop_is_called_so(monkeypatch):
    def broken():
        raise ZeroDivisionError("x")

    monkeypatch.setattr("matloop.pipeline.catalogue.datasets", broken)
    told = run(app, ["data", "list"])
    assert told.exit_code == 1
    assert "fault of matloop" in told.stderr


def test_lists():
    assert "ricci-transport" in run(app, ["data", "list"]).output
    assert "magpie" in run(app, ["features", "list"]).output
    families = json.loads(run(app, ["models", "list", "--json"]).output)
    assert {"dummy", "ridge", "extra_trees"} <= {card["name"] for card in families}


def test_features_make_keeps_unreadable_rows(tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("formula\nNaCl\nXx2O3\nNaN\n")
    out = tmp_path / "X.csv"
    made = run(app, ["features", "make", str(table), "--set", "magpie", "-o", str(out), "--json"])
    assert made.exit_code == 0, made.output
    assert json.loads(made.output)["n_features"] == 132
    lines = out.read_text().splitlines()
    assert len(lines) == 4
    assert "Xx" in lines[2].split(",")[-1]


def test_unknown_featurizer_is_told(tmp_path):
    (tmp_path / "t.csv").write_text("formula\nNaCl\n")
    told = run(app, ["features", "make", str(tmp_path / "t.csv"), "--set", "magpi", "-o", "X.csv"])
    assert told.exit_code == 2
    assert 'Did you mean "magpie"' in told.stderr


def test_the_program_starts_without_a_heavy_library():
    code = (
        "import sys, matloop.cli.main;"
        "heavy = {'numpy', 'pandas', 'sklearn', 'scipy', 'lightgbm', 'torch', 'pint', 'duckdb', 'plotly', 'rich'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True)
    assert done.stdout.strip() == "[]"


def test_public_names_load():
    for name in matloop.__all__:
        assert getattr(matloop, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'runn'"):
        matloop.runn  # noqa: B018
