"""A bundle as a scikit-learn estimator."""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import permutation_importance
from sklearn.metrics import get_scorer
from sklearn.model_selection import cross_val_score
from sklearn.utils.validation import check_is_fitted

import matloop
from matloop import BundleClassifier, BundleRegressor
from matloop.core.errors import BundleError, ConfigError, DataError

FORMULAS = ["Fe2O3", "SrTiO3", "Bi2Te3", "PbTe"]


@pytest.fixture(scope="module")
def regressor(regression):
    return BundleRegressor(regression.result.bundle_folder)


@pytest.fixture(scope="module")
def classifier(classification):
    return BundleClassifier(classification.result.bundle_folder, target="strong")


def test_values_intervals_and_domain_are_those_of_predict_frame(regressor, regression):
    said = matloop.predict_frame(regression.result.bundle(), pd.DataFrame({"pretty_formula": FORMULAS}))
    expected = said.predictions["S_n"]
    value, std = regressor.predict(FORMULAS, return_std=True)
    low, high = regressor.predict_interval(FORMULAS)
    for found, wanted in zip(
        (value, std, low, high, regressor.in_domain(FORMULAS)),
        (expected.value, expected.std, expected.low, expected.high, expected.in_domain),
        strict=True,
    ):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(
    "rows",
    [
        FORMULAS, tuple(FORMULAS), pd.Series(FORMULAS), np.array(FORMULAS), np.array(FORMULAS)[:, None],
        pd.DataFrame({"pretty_formula": FORMULAS, "further": 1.0}, index=[9, 8, 7, 6]),
    ],
    ids=["list", "tuple", "Series", "array", "column", "DataFrame"],
)  # fmt: skip
def test_rows_come_in_many_forms(regressor, rows):
    np.testing.assert_array_equal(regressor.predict(rows), regressor.predict(FORMULAS))


def test_classes_are_text_and_probabilities_sum_to_one(classifier):
    assert classifier.classes_.tolist() == ["no", "yes"]
    proba = classifier.predict_proba(FORMULAS)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)
    assert set(classifier.predict(FORMULAS)) <= {"no", "yes"}


def test_scorers_and_inspection_work(regressor, regression, classifier, classification):
    rows = pd.read_csv(regression.table).head(30)
    X = rows[["pretty_formula"]]
    assert regressor.score(X, rows["S_n"]) == get_scorer("r2")(regressor, X, rows["S_n"])
    found = permutation_importance(regressor, X, rows["S_n"], n_repeats=1, random_state=0, scoring="r2")
    assert found.importances_mean[0] > 0
    classes = pd.read_csv(classification.table).head(30)
    assert classifier.score(classes, classes["strong"]) > 0.5
    assert get_scorer("roc_auc")(classifier, classes, classes["strong"]) > 0.5
    assert get_scorer("neg_log_loss")(classifier, classes, classes["strong"]) > np.log(0.5) - 0.3


def test_scikit_learn_knows_what_they_are(regressor, classifier):
    assert is_regressor(regressor)
    assert is_classifier(classifier)
    check_is_fitted(regressor)
    assert regressor.n_features_in_ == 1
    assert regressor.feature_names_in_.tolist() == ["pretty_formula"]
    for model in (clone(regressor), copy.deepcopy(regressor)):
        assert model.get_params() == regressor.get_params()
        np.testing.assert_array_equal(model.predict(FORMULAS), regressor.predict(FORMULAS))


def test_fitting_is_refused_and_a_frozen_wrapper_is_the_way(regressor):
    with pytest.raises(ConfigError, match="FrozenEstimator"):
        regressor.fit(FORMULAS, [1.0, 2.0, 3.0, 4.0])
    with pytest.raises(ConfigError, match="is not fitted again"):
        cross_val_score(regressor, np.array(FORMULAS), np.arange(4.0), cv=2, error_score="raise")
    frozen = FrozenEstimator(regressor).fit(FORMULAS, np.arange(4.0))
    np.testing.assert_array_equal(frozen.predict(FORMULAS), regressor.predict(FORMULAS))


def test_nothing_is_read_before_the_first_prediction_and_once_after(regression, tmp_path, monkeypatch):
    from matloop.deploy import estimator

    model = BundleRegressor(tmp_path / "later")
    shutil.copytree(regression.result.bundle_folder, tmp_path / "later")
    read: list[object] = []
    load = estimator.load_bundle
    monkeypatch.setattr(estimator, "load_bundle", lambda folder: read.append(folder) or load(folder))
    before = dict(vars(model))
    model.predict(FORMULAS)
    clone(model).predict(FORMULAS)
    assert len(read) == 1
    assert vars(model) == before
    os.utime(tmp_path / "later" / "manifest.json", ns=(1, 1))  # written anew
    model.predict(FORMULAS)
    assert len(read) == 2


def test_faults_are_named(regressor, classifier, regression, tmp_path):
    with pytest.raises(DataError, match=r"row 1: .*Xx"):
        regressor.predict(["Fe2O3", "Xx2O3"])
    with pytest.raises(DataError, match="pretty_formula"):
        regressor.predict(np.ones((3, 2)))
    with pytest.raises(DataError, match="pretty_formula"):
        regressor.predict(pd.DataFrame({"formula": FORMULAS}))
    with pytest.raises(ConfigError, match="no target 'S_p', only 'S_n'"):
        BundleRegressor(regression.result.bundle_folder, target="S_p").predict(FORMULAS)
    with pytest.raises(ConfigError, match=r"use matloop\.BundleRegressor"):
        BundleClassifier(regression.result.bundle_folder).predict(FORMULAS)
    with pytest.raises(ConfigError, match=r"use matloop\.BundleClassifier"):
        BundleRegressor(classifier.bundle).predict(FORMULAS)
    with pytest.raises(BundleError, match=r"no manifest\.json"):
        BundleRegressor(tmp_path).predict(FORMULAS)


def test_several_targets_need_a_name(regressor, regression, monkeypatch):
    from dataclasses import replace

    from matloop.deploy import estimator

    bundle = regression.result.bundle()
    two = replace(bundle, models=(*bundle.models, replace(bundle.models[0], target="other")))
    monkeypatch.setattr(estimator, "_read", lambda *_: two)
    with pytest.raises(ConfigError, match="'S_n', 'other'. Say which"):
        regressor.predict(FORMULAS)
    assert len(BundleRegressor(regressor.bundle, target="other").predict(FORMULAS)) == 4


def test_another_process_says_the_same(regressor):
    code = (
        f"import sys; sys.path[:0] = {sys.path!r}; import json, matloop;"
        f"m = matloop.BundleRegressor({str(regressor.bundle)!r});"
        f"sys.stdout.write(json.dumps(m.predict({FORMULAS!r}).tolist()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == regressor.predict(FORMULAS).tolist()
