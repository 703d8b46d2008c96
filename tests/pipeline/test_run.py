import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from matloop.core.errors import DataError, RunError
from matloop.core.jsonable import dumps
from matloop.pipeline.folder import RunFolder
from matloop.pipeline.replay import differences
from matloop.pipeline.run import cite, report_again, run
from matloop.pipeline.store import read_record
from matloop.problem import Limits, Source, Target, Training
from matloop.problem.toml import dump_problem

FILES = [
    *("run.json", "problem.toml", "data.parquet", "provenance.json", "removed.csv", "repaired.csv", "split.json"),
    *("bundle/manifest.json", "evaluation.json", "explanation.json", "report.html", "report.json", "log.jsonl"),
]
CALL = "import sys; from matloop.cli.main import main; sys.argv[0] = 'matloop'; main()"


def test_every_number_can_be_traced_to_a_file(regression):
    assert [name for name in FILES if not (regression.result.folder / name).exists()] == []
    assert not (regression.result.folder / "fits").exists()


def test_report_json_has_the_stable_keys(regression):
    page = json.loads((regression.result.folder / "report.json").read_text())
    assert {"verdict", "vault", "cv", "loco", "baselines", "intervals", "timing", "versions"} <= set(page)
    assert page["verdict"]["S_n"]["answer"] == "met"
    assert page["vault"]["S_n"]["mae"]["low"] <= page["vault"]["S_n"]["mae"]["value"]
    assert 0 <= page["intervals"]["S_n"]["vault"]["coverage"] <= 1


def test_no_file_but_the_vault_holds_sealed_labels_before_the_look(regression):
    import duckdb

    path = str(regression.result.folder / "data.parquet")
    kept = duckdb.sql(f"SELECT id, \"target:S_n\" AS y FROM read_parquet('{path}')").df()
    sealed = json.loads((regression.result.folder / "split.json").read_text())["sealed"]
    assert len(sealed) > 20
    assert kept.loc[kept["id"].isin(sealed), "y"].isna().all()
    assert kept.loc[~kept["id"].isin(sealed), "y"].notna().all()


def test_the_record_comes_back_from_its_files(regression):
    assert dumps(read_record(regression.result.folder)) == dumps(regression.result.record)


def test_a_finished_run_is_not_done_again_and_not_looked_at_again(regression):
    again = run(regression.problem, folder=regression.folder)
    assert again.finished_before
    assert again.record.targets[0].evaluation.verdict.looks == 1


def test_replay_gives_the_identical_result(regression):
    again = run(regression.problem, folder=regression.folder, replay=True)
    assert again.differences == ()
    assert again.record.targets[0].evaluation.verdict.looks == 1


def test_a_replay_on_another_day_is_no_difference(regression):
    record = regression.result.record
    later = replace(record, provenance=replace(record.provenance, retrieved="2030-01-01T00:00:00+00:00"))
    assert differences(record, later) == ()
    assert differences(record, replace(record, notes=("other",))) != ()


def test_replay_of_a_search_that_the_clock_cut_off_is_identical(regression, tmp_path):
    every = replace(regression.problem.training, families=(), candidates=0)
    short = replace(regression.problem, limits=Limits(minutes=0.5, cores=2), training=every)
    first = run(short, folder=tmp_path)
    again = run(short, folder=tmp_path, replay=True)
    assert again.differences == ()
    assert again.record.targets[0].recipe == first.record.targets[0].recipe


def test_a_second_model_on_the_same_rows_is_called_optimistic(regression):
    other = replace(regression.problem, training=replace(regression.problem.training, families=("dummy", "ridge")))
    verdict = run(other, folder=regression.folder).record.targets[0].evaluation.verdict
    assert verdict.looks == 2
    assert verdict.optimistic
    assert any("optimistic" in text for text in verdict.warnings)


def test_the_page_is_made_again_from_the_files(regression):
    page = regression.result.report
    before = page.read_text()
    page.unlink()
    assert report_again(regression.result.folder) == page
    assert page.read_text() == before


def test_what_to_cite_names_data_features_and_methods(regression):
    cited = " ".join(cite(regression.result.folder))
    assert "npjcompumats.2016.28" in cited  # Magpie
    assert "Nadeau" in cited


def test_replay_of_nothing_is_said(tmp_path, regression):
    with pytest.raises(RunError, match="no finished run"):
        run(regression.problem, folder=tmp_path, replay=True)


def test_a_data_frame_and_its_file_give_the_same_scores(regression, tmp_path):
    frame = pd.read_csv(regression.table, keep_default_na=False)
    record = run(regression.problem, folder=tmp_path, data=frame).record
    first = regression.result.record.targets[0].evaluation
    assert record.targets[0].evaluation.vault.scores["mae"].value == first.vault.scores["mae"].value


def test_shuffled_labels_do_not_beat_the_dummy(tmp_path, regression):
    frame = pd.read_csv(regression.table, keep_default_na=False)
    frame["S_n"] = np.random.default_rng(5).permutation(frame["S_n"].to_numpy())
    evaluation = run(regression.problem, folder=tmp_path, data=frame).record.targets[0].evaluation
    dummy = next(b for b in evaluation.baselines if b.name == "dummy")
    assert evaluation.vault.scores["mae"].value > 0.8 * dummy.vault["mae"].value
    assert any("dumm" in text or "same answer" in text for text in evaluation.verdict.warnings)


def test_classification_has_probabilities_and_a_true_auc(classification):
    evaluation = classification.result.record.targets[0].evaluation
    assert evaluation.classes[-1] == "yes"
    assert {"balanced_accuracy", "roc_auc", "mcc", "specificity"} <= set(evaluation.vault.scores)
    assert evaluation.vault.points.proba.shape == (evaluation.vault.n_rows, 2)


def test_two_targets_never_see_each_other(tmp_path, regression):
    targets = (Target("S_n", "S_n", unit="uV/K"), Target("S_p", "S_p", unit="uV/K"))
    record = run(replace(regression.problem, targets=targets), folder=tmp_path).record
    assert [target.name for target in record.targets] == ["S_n", "S_p"]
    assert not [name for name in record.features if "S_p" in name or "S_n" in name]


def killed(command: list[str], after: str, folder) -> None:
    """Start a run and kill it, with all it started left to itself, as soon as `after` is in its log."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 90
    while time.monotonic() < until and process.poll() is None:
        logs = list(folder.glob("*/*/log.jsonl"))
        if logs and after in logs[0].read_text():
            break
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize("after", ["clean", "training begins", "search S_n", "evidence S_n", "look", "bundle"])
def test_kill_9_after_any_step_and_the_next_call_goes_on_to_the_same_result(regression, tmp_path, after):
    question = tmp_path / "problem.toml"
    question.write_text(dump_problem(regression.problem))
    runs = tmp_path / "runs"
    killed([sys.executable, "-c", CALL, "run", str(question), "-o", str(runs), "--quiet"], after, runs)
    result = run(regression.problem, folder=runs)
    assert result.went_on or result.finished_before
    first = regression.result.record.targets[0].evaluation.vault.scores
    assert result.record.targets[0].evaluation.vault.scores == first
    assert result.record.targets[0].evaluation.verdict.looks == 1


def test_ctrl_c_keeps_the_best_so_far_and_finishes(regression, tmp_path):
    question, runs = tmp_path / "problem.toml", tmp_path / "runs"
    everything = replace(regression.problem, training=Training(), limits=Limits(minutes=3, cores=2))
    question.write_text(dump_problem(everything))
    command = [sys.executable, "-c", CALL, "run", str(question), "-o", str(runs), "--quiet"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    until = time.monotonic() + 100
    while time.monotonic() < until and process.poll() is None:
        tried = [line for log in runs.glob("*/*/candidates-*.jsonl") for line in log.read_text().splitlines()]
        if any('"status": "ranked"' in line for line in tried):
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=150)
    assert process.returncode == 0, said
    record = read_record(next(runs.glob("*/*/record.json")).parent)
    assert any("interrupted" in note for note in record.targets[0].notes)


def test_a_full_disk_is_said_and_nothing_finished_is_lost(regression, tmp_path, monkeypatch):
    import errno

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(RunError, match="disk is full"):
        run(regression.problem, folder=tmp_path)
    monkeypatch.undo()
    assert run(regression.problem, folder=tmp_path).record.targets[0].name == "S_n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_said(regression, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(RunError, match="cannot be written"):
        run(regression.problem, folder=tmp_path / "runs")


def test_a_folder_that_is_a_file_is_said(regression, tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(RunError, match="runs"):
        run(regression.problem, folder=tmp_path / "runs")


def test_a_run_of_another_version_is_not_mixed(regression, tmp_path):
    result = run(replace(regression.problem, limits=Limits(minutes=1.9, cores=2)), folder=tmp_path)
    state = json.loads((result.folder / "run.json").read_text())
    RunFolder(result.folder, "0.0.9").write("run.json", json.dumps({**state, "matloop": "0.0.9", "finished": False}))
    with pytest.raises(RunError, match=r"0\.0\.9"):
        run(replace(regression.problem, limits=Limits(minutes=1.9, cores=2)), folder=tmp_path)


def test_the_minutes_are_kept(regression, tmp_path):
    begun = time.monotonic()
    short = replace(
        regression.problem,
        limits=Limits(minutes=0.3, cores=2),
        training=replace(regression.problem.training, families=("ridge", "lightgbm", "extra_trees")),
    )
    result = run(short, folder=tmp_path)
    took = sum(v for k, v in result.record.timing.items() if k.split()[0] in ("search", "fit", "evidence", "explain"))
    assert took < 1.1 * 18 + 10
    assert time.monotonic() - begun < 120


def test_a_missing_file_is_said_before_anything_is_made(tmp_path, regression):
    with pytest.raises(DataError, match="nowhere"):
        run(replace(regression.problem, data=Source("nowhere.csv")), folder=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
