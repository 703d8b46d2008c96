import json
import shutil

import pytest

from matloop.core.errors import ConfigError, RunError
from matloop.deploy.bundle import identity, load_bundle
from matloop.deploy.mlflow import Point, children_of, export_runs, run_of


@pytest.fixture(scope="module")
def exported(regression, tmp_path_factory):
    out = tmp_path_factory.mktemp("tracked") / "mlruns"
    return export_runs([regression.result.folder], out)


def only(out):
    (run,) = [tag.parents[1] for tag in out.glob("*/*/tags/matloop.run_id")]
    return run


def test_the_layout_is_that_of_the_file_store(exported, regression):
    run = only(exported.out)
    assert sorted(path.name for path in run.iterdir()) == [
        "artifacts",
        "inputs",
        "meta.yaml",
        "metrics",
        "params",
        "tags",
    ]
    meta = dict(line.split(": ", 1) for line in (run / "meta.yaml").read_text().splitlines())
    assert (meta["run_id"], meta["status"], meta["source_type"], meta["experiment_id"]) == (
        f'"{run.name}"', "3", "4", f'"{run.parent.name}"',
    )  # fmt: skip
    assert int(meta["start_time"]) < int(meta["end_time"])
    assert meta["artifact_uri"] == f'"{(run / "artifacts").as_uri()}"'
    assert 'name: "quick"' in (run.parent / "meta.yaml").read_text()
    assert (run / "params" / "targets.S_n.success.at_most").read_text() == "5000.0"
    assert (run / "tags" / "matloop.bundle").read_text() == identity(regression.result.bundle_folder)


def test_scores_are_those_of_the_report(exported, regression):
    report = json.loads((regression.result.folder / "report.json").read_text())
    (line,) = (only(exported.out) / "metrics/S_n/vault/mae").read_text().splitlines()
    time, value, step = line.split()
    assert (float(value), int(step)) == (report["vault"]["S_n"]["mae"]["value"], 0)
    assert int(time) > 1.6e12


def test_the_bundle_goes_along_and_opens(exported, regression):
    copy = only(exported.out) / "artifacts/bundle"
    assert load_bundle(copy).manifest == load_bundle(regression.result.bundle_folder).manifest


def test_exporting_again_replaces_and_leaves_others(regression, tmp_path):
    first = export_runs([regression.result.folder], tmp_path / "mlruns")
    other = tmp_path / "mlruns" / "7" / "aaaa"
    other.mkdir(parents=True)
    (other / "meta.yaml").write_text("run_id: aaaa\n")
    files = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*"))
    again = export_runs([regression.result.folder], tmp_path / "mlruns")
    assert first == again
    assert files == sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*"))


@pytest.mark.parametrize("written", ["name: my runs\n", "name: 'my runs'\n", 'name: "my runs"\n'])
def test_an_experiment_that_is_there_is_used(regression, tmp_path, written):
    (tmp_path / "12").mkdir()
    (tmp_path / "12" / "meta.yaml").write_text("experiment_id: '12'\n" + written)
    export_runs([regression.result.folder], tmp_path, experiment="my runs")
    assert [path.name for path in tmp_path.iterdir()] == ["12"]


def test_names_lead_to_no_other_folder_and_texts_are_no_yaml(exported, regression, tmp_path):
    report = json.loads((regression.result.folder / "report.json").read_text())
    copy = tmp_path / "run"
    shutil.copytree(regression.result.folder, copy)
    problem = '[inputs]\nf = { kind = "composition" }\n[targets."../../x"]\nunit = "a: b\\n- c"\n'
    (copy / "problem.toml").write_text(problem)
    report["name"] = 'a: "b"\n- c\u0085\U0001f9ea'
    (copy / "report.json").write_text(json.dumps(report))
    export_runs([copy], tmp_path / "mlruns")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mlruns", "run"]
    (experiment,) = list((tmp_path / "mlruns").iterdir())
    name = (experiment / "meta.yaml").read_text().splitlines()[-1]
    assert name == 'name: "a: \\"b\\"\\n- c\\u0085\U0001f9ea"'
    assert any(path.read_text() == "a: b\n- c" for path in experiment.glob("*/params/**/*") if path.is_file())


def test_folds_and_seeds_are_steps(regression):
    report = json.loads((regression.result.folder / "report.json").read_text())
    report["seeds"] = {"S_n": [3.0, 2.5, None]}
    parent = run_of(report, {"inputs": {}, "targets": {}}, 0, 9, "b")
    assert parent.metrics["S_n/seeds/mae"] == (Point(9, 3.0, 0), Point(9, 2.5, 1))
    event = {
        "event": "candidate", "time": "2026-01-01T00:00:02+00:00", "number": 4, "score": 1.5, "fold_scores": [1.0, 2.0],
        "recipe": {"members": [{"family": "ridge", "settings": {"loss": "huber"}, "columns": []}]}, "seconds": 2.0,
        "predict_ms": None, "status": "scored",
    }  # fmt: skip
    chosen = {"event": "chosen", "metric": "mae"}
    (child,) = children_of(parent, {"S_n": [event, chosen]}, {"S_n": [{"number": 4, "rank": 1}]})
    end = 1767225602000
    assert child.metrics == {"mae of fold": (Point(end, 1.0, 0), Point(end, 2.0, 1)), "mae": (Point(end, 1.5, 0),)}
    assert (child.begin, child.tags["mlflow.parentRunId"], child.tags["matloop.rank"]) == (end - 2000, parent.id, "1")


def test_what_is_no_finished_run_is_told(regression, tmp_path):
    with pytest.raises(RunError, match="holds no finished run"):
        export_runs([tmp_path], tmp_path / "mlruns")
    copy = tmp_path / "run"
    shutil.copytree(regression.result.folder, copy)
    (copy / "report.json").write_text("{")
    with pytest.raises(RunError, match="incomplete or damaged"):
        export_runs([copy], tmp_path / "mlruns")
    with pytest.raises(ConfigError, match="an experiment is called"):
        export_runs([regression.result.folder], tmp_path / "mlruns", experiment=" ")


def test_mlflow_reads_it(exported, regression, monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow = pytest.importorskip("mlflow", reason="MLflow is not installed")
    client = mlflow.MlflowClient(exported.out.as_uri())
    (experiment,) = client.search_experiments()
    (found,) = client.search_runs([experiment.experiment_id], filter_string='metrics."S_n/vault/mae" > 0')
    run = client.get_run(found.info.run_id)
    report = json.loads((regression.result.folder / "report.json").read_text())
    assert run.data.metrics["S_n/vault/mae"] == report["vault"]["S_n"]["mae"]["value"]
    assert run.data.params["data.source"] == str(regression.table)
    assert "bundle/manifest.json" in [entry.path for entry in client.list_artifacts(run.info.run_id, "bundle")]
    assert run.inputs.dataset_inputs[0].dataset.digest == report["data"]["sha256"][:36]
    nested = client.search_runs([experiment.experiment_id], f"tags.mlflow.parentRunId = '{run.info.run_id}'")
    assert len(nested) == exported.nested > 0
