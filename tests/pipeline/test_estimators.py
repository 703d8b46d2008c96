"""A whole run with the caller's own estimator: tried, kept, gone on with, replayed, and the same in another process."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge

import matloop.models
from matloop.core.errors import ConfigError
from matloop.models import missing
from matloop.pipeline.check import check
from matloop.pipeline.folder import run_id
from matloop.pipeline.replay import differences
from matloop.pipeline.run import run, with_estimators
from matloop.problem import Training
from matloop.problem.toml import dump_problem, parse_problem

needs_skops = pytest.mark.skipif(bool(missing("foreign")), reason=missing("foreign"))
OWN = {"gbr": GradientBoostingRegressor(n_estimators=30, max_depth=3)}


@pytest.fixture(scope="module")
def problem(regression):
    return replace(regression.problem, name="own", training=Training(families=("dummy",)))


@pytest.fixture(scope="module")
def own(problem, tmp_path_factory):
    return run(problem, folder=tmp_path_factory.mktemp("own"), estimators=OWN)


@needs_skops
def test_the_own_estimator_is_tried_once_and_chosen(own):
    target = own.record.targets[0]
    tried = [c.recipe.members[0] for c in target.candidates if c.status == "ranked"]
    assert [spec.family for spec in tried] == ["dummy", "foreign"]
    assert tried[1].settings["params"] == {"n_estimators": 30}  # max_depth is the default
    assert target.recipe.members[0].family == "foreign"


@needs_skops
def test_the_bundle_predicts_the_same_in_another_process(own, regression, tmp_path):
    frame = pd.read_csv(regression.table).head(20)
    here = matloop.predict_frame(own.bundle(), frame).predictions["S_n"]
    frame.to_csv(tmp_path / "new.csv", index=False)
    code = (
        f"import sys; sys.path[:0] = {sys.path!r}; import matloop, pandas as pd, numpy as np; from pathlib import Path;"
        f"b = matloop.load_bundle(Path({str(own.bundle_folder)!r}));"
        f"p = matloop.predict_frame(b, pd.read_csv({str(tmp_path / 'new.csv')!r})).predictions['S_n'];"
        f"np.savez({str(tmp_path / 'there.npz')!r}, value=p.value, low=p.low, high=p.high)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with np.load(tmp_path / "there.npz") as there:
        for name in ("value", "low", "high"):
            np.testing.assert_array_equal(there[name], getattr(here, name))


@needs_skops
def test_the_same_question_is_the_same_run_and_another_estimator_another(own, problem):
    assert run(problem, folder=own.folder.parents[1], estimators=OWN).finished_before
    ids = [run_id(with_estimators(problem, each), "x") for each in ({}, OWN, {"gbr": Ridge()}, {"other": Ridge()})]
    assert len(set(ids)) == 4
    assert ids[0] == run_id(problem, "x")


@needs_skops
def test_a_replay_is_identical_and_the_record_says_how(own, problem):
    again = run(problem, folder=own.folder.parents[1], estimators=OWN, replay=True)
    assert again.differences == ()
    assert own.record.reproduce[0].startswith("matloop.run(problem, estimators=")


@needs_skops
def test_a_stopped_run_goes_on_to_the_same_result(own, problem, tmp_path, monkeypatch):
    class Stopped(BaseException):
        pass

    def stop(*_, **__):
        raise Stopped

    monkeypatch.setattr("matloop.pipeline.steps.gather", stop)
    with pytest.raises(Stopped):
        run(problem, folder=tmp_path, estimators=OWN)
    monkeypatch.undo()
    went_on = run(problem, folder=tmp_path, estimators=OWN)
    assert went_on.went_on
    assert differences(own.record, went_on.record) == ()


def test_a_wrong_estimator_is_said_before_anything_runs(problem, tmp_path):
    with pytest.raises(ConfigError, match="'clf'.*a classifier, but 'S_n' asks for values"):
        run(problem, folder=tmp_path, estimators={"clf": LogisticRegression()})
    assert list(tmp_path.iterdir()) == []


def test_without_skops_the_estimator_is_skipped_with_the_reason(problem, tmp_path, monkeypatch):
    monkeypatch.setattr(matloop.models, "available", lambda module: module != "skops")
    result = run(problem, folder=tmp_path, estimators=OWN)
    skipped = [c for c in result.record.targets[0].candidates if c.status == "skipped"]
    assert [(c.recipe.members[0].family, c.reason) for c in skipped] == [
        ("foreign", "Own estimator needs skops: pip install 'matloop[foreign]'")
    ]
    assert result.record.targets[0].recipe.members[0].family == "dummy"


def test_a_problem_file_cannot_name_an_estimator(problem, own):
    text = dump_problem(with_estimators(problem, OWN))
    assert "# own estimators, only in Python (matloop.run): 'gbr'" in text
    assert parse_problem(text).problem == problem
    assert (own.folder / "problem.toml").read_text("utf-8") == text
    hostile = text + 'estimators = { x = { class = "os:system", params = {} } }\n'
    (said,) = parse_problem(hostile).sentences()
    assert "[training] estimators: a problem file may come from a stranger" in said
    assert parse_problem(hostile).problem is None


def test_asking_for_the_family_alone_says_where_candidates_come_from(problem, tmp_path):
    alone = replace(problem, training=Training(families=("dummy", "foreign")))
    result = run(alone, folder=tmp_path)
    reasons = [c.reason for c in result.record.targets[0].candidates if c.status == "skipped"]
    assert reasons == [
        missing("foreign") or "no estimator for regression was given to matloop.run(problem, estimators=...)"
    ]


def test_check_does_not_ask_for_skops_where_nothing_needs_it(regression, monkeypatch):
    monkeypatch.setattr(matloop.models, "available", lambda module: module != "skops")
    every = replace(regression.problem, training=Training())
    assert [line for line in check(every).warnings if "foreign" in line] == []
