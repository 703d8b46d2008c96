"""Windows, ordered words, products and a selection from the problem file through run and bundle to predict."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from matloop.deploy import rows as deploy
from matloop.deploy.bundle import load_bundle
from matloop.deploy.predict import predict_frame
from matloop.pipeline.check import check
from matloop.pipeline.run import run
from matloop.problem.make import problem_from
from matloop.problem.question import Features, Input, Limits, Protocol, Roles, Selection, Training, Window

WINDOW = Window("time", by="run", rows=(3,), statistics=("mean", "lag"))


def log(n_runs: int = 24, seed: int = 0) -> pd.DataFrame:
    """What comes out follows the mean temperature of the last three rows, the grade, and a product."""
    rng = np.random.default_rng(seed)
    parts = []
    for name in range(n_runs):
        T, p = 900 + 40 * rng.normal(size=8).cumsum(), rng.uniform(1, 3, 8)
        mean = pd.Series(T).rolling(3, min_periods=1).mean().to_numpy()
        grade = rng.choice(["low", "mid", "high"], 8)
        place = pd.Series(grade).map({"low": 0, "mid": 1, "high": 2}).to_numpy()
        y = 0.1 * mean + 15 * place + 0.01 * T * p
        parts.append(pd.DataFrame({"run": f"r{name}", "time": np.arange(8.0), "T": T, "p": p, "grade": grade, "y": y}))
    return pd.concat(parts, ignore_index=True)


def asked(table: pd.DataFrame):
    inputs = {
        "T": Input("T", "number", "T", unit="K", window=WINDOW), "p": Input("p", "number", "p", unit="GPa"),
        "grade": Input("grade", "category", "grade", order=("low", "mid", "high")),
    }  # fmt: skip
    made = problem_from(table, inputs=inputs, target="y", group="run", name="log")
    return replace(
        made, features=Features(2), limits=Limits(minutes=2.0, cores=1), protocol=Protocol(depth="quick", folds=3),
        roles=Roles(group="run"), training=Training(families=("ridge",), candidates=2, select=Selection("l1", 6)),
    )  # fmt: skip


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    table = log()
    return table, run(asked(table), data=table, folder=tmp_path_factory.mktemp("runs"))


def test_the_columns_are_there_and_the_law_is_learnt(done):
    table, result = done
    assert result.record.features == {
        "T:number": 1, "T mean of 3:number": 1, "T lag 1:number": 1, "T lag 2:number": 1, "T lag 3:number": 1,
        "p:number": 1, "grade:ordinal": 1, "T^2:product": 1, "T * p:product": 1, "p^2:product": 1,
    }  # fmt: skip
    target = result.record.targets[0]
    assert target.evaluation.vault.scores["mae"].value < 0.05 * np.abs(table["y"] - table["y"].median()).mean()
    chosen = target.studies.selection
    assert (chosen.method, chosen.asked) == ("l1", 6)
    assert {"T mean of 3", "grade", "T * p"} <= {one.name for one in chosen.columns}
    assert "Which columns it chose" in result.report.read_text("utf-8")


def test_a_bundle_makes_windows_from_the_history_in_the_table(done, monkeypatch):
    _, result = done
    bundle = load_bundle(result.bundle_folder)
    new = log(3, seed=5)
    whole = predict_frame(bundle, new).predictions["y"].value
    np.testing.assert_allclose(whole, new["y"], atol=2.0)
    shuffled = new.sample(frac=1.0, random_state=0)
    np.testing.assert_allclose(predict_frame(bundle, shuffled).predictions["y"].value, whole[shuffled.index], rtol=1e-9)
    monkeypatch.setattr(deploy, "CHUNK", 5)  # a series that is cut by a chunk keeps its history
    np.testing.assert_allclose(predict_frame(bundle, new).predictions["y"].value, whole, rtol=1e-9)
    later = new.copy()
    later.loc[later["time"] > 4, "T"] += 500.0
    again = predict_frame(bundle, later).predictions["y"].value
    before = (new["time"] <= 4).to_numpy()
    np.testing.assert_allclose(again[before], whole[before], rtol=1e-9)
    assert np.abs(again[~before] - whole[~before]).min() > 1.0


def test_a_word_outside_the_order_gets_a_reason(done):
    _, result = done
    new = log(1, seed=6)
    new.loc[2, "grade"] = "huge"
    found = predict_frame(load_bundle(result.bundle_folder), new)
    assert "low < mid < high" in found.unreadable[3]


def test_check_counts_the_columns_and_names_a_missing_one():
    table = log(12)
    assert any("features: 10 columns" in line for line in check(asked(table), data=table).summary)
    found = check(asked(table), data=table.drop(columns="time"))
    assert any("'time'" in fault or '"time"' in fault for fault in found.faults)
