"""A bundle, an estimator and a table of predictions are judged on new rows; the page stands alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import LogisticRegression, Ridge

import matloop
from matloop.core.errors import ConfigError, DataError
from matloop.pipeline.judge import judge, judge_predictions

GOLDEN = Path(__file__).parents[1] / "golden"
BUNDLE = GOLDEN / "bundle-0.1.0"
RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 3))
Y = X[:, 0] * 3 + RNG.normal(size=120) * 0.3


@pytest.fixture(scope="module")
def new_rows() -> pd.DataFrame:
    """Rows of the golden bundle with labels near what it predicts."""
    rows = pd.read_csv(GOLDEN / "bundle-0.1.0.csv")
    bundle = matloop.load_bundle(BUNDLE)
    problem = matloop.load_problem(BUNDLE / "problem.toml")
    for target in problem.targets:
        said = matloop.predict_frame(bundle, rows).predictions[target.name]
        rows[target.column] = (
            np.array(said.classes)[said.value.astype(int)]
            if said.classes
            else said.value + 0.2 * said.std * RNG.normal(size=len(rows))
        )
    return rows


def test_a_bundle_is_judged_and_the_page_stands_alone(new_rows, tmp_path):
    out = tmp_path / "judged.html"
    found = judge(BUNDLE, new_rows, out=out)
    assert len(found.judged) == len(matloop.load_problem(BUNDLE / "problem.toml").targets)
    text = out.read_text("utf-8")
    assert "new rows" in text
    assert "default-src" in text
    assert "may have learnt from them" in found.judged[0].warnings[0]
    assert all("points" not in one["new"] for one in found.as_json()["judged"])


def test_a_bundle_without_labels_to_judge_by_is_refused():
    rows = pd.read_csv(GOLDEN / "bundle-0.1.0.csv")
    targets = [target.column for target in matloop.load_problem(BUNDLE / "problem.toml").targets]
    with pytest.raises(DataError, match=r"no column of labels"):
        judge(BUNDLE, rows.drop(columns=targets, errors="ignore"))


def test_a_regressor_with_its_own_doubt_is_judged_by_it():
    model = GaussianProcessRegressor(alpha=0.1).fit(X[:60], Y[:60])
    found = judge(model, X[60:], Y[60:]).judged[0]
    assert found.new.intervals is not None
    assert "nll" in dict(found.measures)


def test_a_regressor_without_doubt_has_no_intervals():
    found = judge(Ridge().fit(X[:60], Y[:60]), X[60:], Y[60:]).judged[0]
    assert found.new.intervals is None
    assert found.measures == ()
    assert found.new.scores["mae"].high < found.constant["mae"].low


def test_a_classifier_is_judged_with_its_probabilities(tmp_path):
    labels = np.where(Y > 0, "metal", "insulator")
    model = LogisticRegression().fit(X[:60], labels[:60])
    found = judge(model, X[60:], labels[60:], out=tmp_path / "c.html").judged[0]
    assert found.new.scores["balanced_accuracy"].value > 0.9
    assert len(found.reliability) == 2


def test_labels_are_needed_and_must_fit():
    model = Ridge().fit(X, Y)
    with pytest.raises(ConfigError, match=r"judge\(estimator, X, y\)"):
        judge(model, X)
    with pytest.raises(DataError, match=r"\(3,\) for 120 rows"):
        judge(model, X, Y[:3])


def test_predictions_in_a_table_are_judged():
    table = pd.DataFrame({"measured": Y, "said": Y + 0.1, "sd": 0.2})
    found = judge_predictions(table, truth="measured", prediction="said", std="sd")
    assert found.judged[0].new.scores["mae"].value == pytest.approx(0.1)
    assert found.exit_code == 0


@pytest.mark.parametrize("sd", [0.0, -1.0])
def test_a_doubt_that_is_not_positive_is_named_with_its_row(sd):
    table = pd.DataFrame({"y": Y, "prediction": Y, "sd": np.where(np.arange(120) == 4, sd, 1.0)})
    with pytest.raises(DataError, match=r"'sd', row 5"):
        judge_predictions(table, truth="y", prediction="prediction", std="sd")


def test_classes_in_a_table_are_judged_and_guessing_is_not_trusted():
    table = pd.DataFrame({"y": RNG.choice(["a", "b"], 200), "prediction": RNG.choice(["a", "b"], 200)})
    found = judge_predictions(table, truth="y", prediction="prediction")
    assert found.exit_code == 8


def test_an_unknown_column_is_said():
    with pytest.raises(DataError, match=r"prediktion"):
        judge_predictions(pd.DataFrame({"y": Y}), truth="y", prediction="prediktion")
