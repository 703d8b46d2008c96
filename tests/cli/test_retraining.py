"""`matloop retrain ...`; what rounds do is tested in tests/monitor/retrain."""

import json

import pytest
from typer.testing import CliRunner

from matloop.cli.main import app
from matloop.monitor.retrain.plan import parse_plan
from matloop.problem.toml import dump_problem


def run(*words):
    return CliRunner().invoke(app, ["retrain", *map(str, words)])


@pytest.fixture
def home(regression, tmp_path):
    """A retraining over the shared finished run, begun at the prompt."""
    problem = tmp_path / "problem.toml"
    problem.write_text(dump_problem(regression.problem))
    begun = run("new", problem, "--champion", regression.result.folder, "--labels", tmp_path / "new.csv", "--every", 30,
                "-o", tmp_path / "home")  # fmt: skip
    assert begun.exit_code == 0, begun.output
    return tmp_path / "home"


def test_a_retraining_is_begun_and_looked_at(home, tmp_path):
    plan = parse_plan((home / "retrain.toml").read_text())
    assert plan.labels.tables == ("../new.csv",)
    assert plan.when.days == 30
    assert plan.promote == "ask"
    looked = run("check", home)
    assert looked.exit_code == 0
    assert "There are no new labels, and nothing calls for training." in looked.output
    assert json.loads(run("check", home, "--json").output)["due"] is False
    status = run("status", home)
    assert "the first one" in status.output
    assert "WRONG" not in status.output
    assert "no new labels" in run("run", home, "-q", "--now", "to see").output
    assert "0 rounds replayed" in run("replay", home).output


@pytest.mark.parametrize("command", ["promote", "decline", "rollback"])
def test_decisions_without_a_challenger_are_refused(home, command):
    assert run(command, home, "--why", "because").exit_code != 0


def test_a_plan_with_faults_is_told_with_lines(home):
    plan = home / "retrain.toml"
    plan.write_text(plan.read_text().replace("alpha = 0.05", "alpha = 5.0"))
    done = CliRunner().invoke(app, ["retrain", "check", str(home)])
    assert done.exit_code == 2
    assert "[judge] alpha: is a chance between 0 and 0.5; found 5.0" in done.output
