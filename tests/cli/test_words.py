from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from matloop.cli.main import app
from matloop.evaluate.values import Verdict

run = CliRunner().invoke
VERDICT = Verdict(
    "met",
    "The mean absolute error is 110 (95 % interval 104 to 117), at most 118 was asked for.",
    ("the mean absolute error is 110 (95 % interval 104 to 117)", "better than the median: 110 against 267"),
    ("Few sealed rows: 62.",),
    optimistic=False,
    looks=1,
)


def result(**changes):
    target = SimpleNamespace(name="S_n", evaluation=SimpleNamespace(verdict=VERDICT))
    folder = Path("runs/x/1f")
    record = SimpleNamespace(targets=(target,))
    paths = {"report": folder / "report.html", "bundle_folder": folder / "bundle", "folder": folder}
    facts = {"went_on": False, "finished_before": False, "differences": None, **changes}
    return SimpleNamespace(record=record, **paths, **facts)


@pytest.fixture
def problem(tmp_path):
    path = tmp_path / "p.toml"
    path.write_text('name = "x"\n[data]\nsource = "t.csv"\n[inputs]\nf = { kind = "composition" }\n[targets.S_n]\n')
    return path


def test_run_prints_the_verdict_first_and_the_paths_last(monkeypatch, problem):
    asked = {}
    monkeypatch.setattr("matloop.pipeline.run.run", lambda problem, **more: asked.update(more) or result())
    done = run(app, ["run", str(problem), "-o", "here", "--quiet"])
    lines = done.stdout.splitlines()
    assert done.exit_code == 0, done.output
    assert lines[0].startswith("S_n: met. The mean absolute error is 110")
    assert lines[1:3] == ["  - better than the median: 110 against 267", "  ! Few sealed rows: 62."]
    assert [line.split()[0] for line in lines[-2:]] == ["report", "bundle"]
    assert asked["folder"] == Path("here")
    assert asked["base"] == problem.parent


@pytest.mark.parametrize(("differences", "code"), [((), 0), (("vault mae: 110 was 111",), 5)])
def test_replay_ends_with_5_where_the_result_differs(monkeypatch, problem, differences, code):
    monkeypatch.setattr("matloop.pipeline.run.run", lambda problem, **more: result(differences=differences))
    done = run(app, ["run", str(problem), "--replay"])
    assert done.exit_code == code
    assert ("identical" in done.stdout) == (code == 0)


def test_ctrl_c_in_a_run_says_how_to_go_on(monkeypatch, problem):
    def stopped(problem, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr("matloop.pipeline.run.run", stopped)
    done = run(app, ["run", str(problem), "--quiet"])
    assert done.exit_code == 130
    assert "the same command goes on" in done.stderr
