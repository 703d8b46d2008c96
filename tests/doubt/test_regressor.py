"""Intervals and sets around scikit-learn estimators: conventions, groups, and what cannot be done is said."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.ensemble import BaggingRegressor, GradientBoostingRegressor, RandomForestRegressor
from sklearn.exceptions import NotFittedError
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from matloop.core.errors import ConfigError, DataError, MatloopWarning
from matloop.doubt.classifier import ConformalClassifier
from matloop.doubt.regressor import ConformalRegressor
from matloop.doubt.resample import bootstrap_plan, folds_plan, says
from matloop.testing.doubt import example


def test_it_is_a_scikit_learn_estimator():
    data = example(90, 0)
    model = ConformalRegressor(Ridge(), method="split", level=0.8)
    assert clone(model).get_params()["level"] == 0.8
    search = GridSearchCV(model, {"estimator__alpha": [0.1, 10.0]}, cv=3).fit(data.X, data.y)
    low, high = search.best_estimator_.predict_interval(data.X)
    assert (low < high).all()
    with pytest.raises(NotFittedError):
        model.predict(data.X)


def test_a_frame_through_a_pipeline_with_categories_by_name():
    data = example(300, 0)
    frame = pd.DataFrame(data.X, columns=["a", "b", "c", "kind"])
    pipe = make_pipeline(StandardScaler(), LinearRegression())
    model = ConformalRegressor(pipe, method="category", by="kind").fit(frame, data.y)
    low, high = model.predict_interval(frame[:60])
    width = (high - low).round(9)
    assert [len(np.unique(width[frame["kind"][:60] == k])) for k in (0, 1, 2)] == [1, 1, 1]
    assert width[frame["kind"][:60] == 2].mean() > 1.5 * width[frame["kind"][:60] == 0].mean()
    called = ConformalRegressor(pipe, method="category", by=lambda X: X["kind"] > 1).fit(frame, data.y)
    assert set(called.intervals_.names) == {"False", "True"}
    with pytest.raises(DataError, match="no column 'sort'"):
        ConformalRegressor(pipe, method="category", by="sort").fit(frame, data.y)
    with pytest.raises(DataError, match="by=..."):
        ConformalRegressor(pipe, method="category").fit(frame, data.y)


def test_groups_are_never_split():
    groups = np.repeat(np.arange(30), 4)
    for plan in (
        folds_plan(np.zeros(120), groups, 5, 0, "regression"),
        folds_plan(np.zeros(120), groups, 0.25, 0, "regression"),
        bootstrap_plan(groups, 10, 0),
    ):
        for train, out in zip(plan.train, plan.out, strict=True):
            assert not set(groups[train]) & set(groups[out])


def test_a_held_out_share_is_not_learnt_from():
    data = example(200, 0)
    held = ConformalRegressor(Ridge(), method="split").fit(data.X, data.y)
    assert held.n_known_ == 50
    whole = ConformalRegressor(Ridge(), method="split", folds=5).fit(data.X, data.y)
    assert whole.n_known_ == 200
    np.testing.assert_allclose(whole.predict(data.X), Ridge().fit(data.X, data.y).predict(data.X))


@pytest.mark.parametrize(
    ("estimator", "has"),
    [
        (RandomForestRegressor(5, random_state=0), True),
        (BaggingRegressor(Ridge(), 5, max_features=2, random_state=0), True),
        (make_pipeline(StandardScaler(), RandomForestRegressor(5, random_state=0)), True),
        (make_pipeline(StandardScaler(), GaussianProcessRegressor()), True),
        (GradientBoostingRegressor(n_estimators=5), False),
        (Ridge(), False),
    ],
)
def test_spread_is_what_the_estimator_tells(estimator, has):
    data = example(60, 0)
    value, spread = says(estimator.fit(data.X, data.y), data.X + 0.1)
    assert value.shape == spread.shape == (60,)
    assert (spread > 0).any() == has


def test_fewer_rows_than_folds_and_impossible_questions():
    data = example(40, 0)
    with pytest.warns(MatloopWarning, match="only 4 groups"):
        ConformalRegressor(Ridge()).fit(data.X[:4], data.y[:4])
    fit = ConformalRegressor(Ridge()).fit
    with pytest.raises(DataError, match="four rows and two groups"):
        fit(data.X[:3], data.y[:3])
    with pytest.raises(DataError, match="four rows and two groups"):
        fit(data.X, data.y, np.zeros(40))
    with pytest.raises(DataError, match="40 rows of X, 39 of y"):
        fit(data.X, data.y[:39])
    with pytest.raises(DataError, match="row 3 has the target nan"):
        fit(data.X, np.where(np.arange(40) == 3, np.nan, data.y))
    with pytest.raises(ConfigError, match="between 0 and 1"):
        ConformalRegressor(Ridge(), level=95).fit(data.X, data.y)
    with pytest.raises(ConfigError, match="there is no 'cvplus'"):
        ConformalRegressor(Ridge(), method="cvplus").fit(data.X, data.y)
    with pytest.raises(ConfigError, match="whole number from 2"):
        ConformalRegressor(Ridge(), folds=1.5).fit(data.X, data.y)
    with pytest.raises(DataError, match="need numbers as features"):
        ConformalRegressor(Words(), method="local").fit([["a"]] * 40, data.y)


class Words(Ridge):
    """Predicts without looking at what it gets."""

    def fit(self, X, y):
        self.mean = float(np.mean(y))
        return self

    def predict(self, X):
        return np.full(len(X), self.mean)


def test_predictions_of_the_wrong_length_are_refused():
    class Short(Words):
        def predict(self, X):
            return np.zeros(len(X) - 1)

    data = example(40, 0)
    with pytest.raises(DataError, match="one number per row"):
        ConformalRegressor(Short()).fit(data.X, data.y)


def two_metals(n, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    return X, np.where(X[:, 0] + 0.6 * rng.normal(size=n) > 0, "metal", "insulator")


@pytest.mark.parametrize("method", ["threshold", "by_class"])
def test_sets_cover_and_say_what_is_not_known(method):
    X, y = two_metals(600, 0)
    model = ConformalClassifier(LogisticRegression(), method=method).fit(X, y)
    new, truth = two_metals(3000, 1)
    sets = model.predict_set(new)
    hit = sets.contains[np.arange(3000), np.searchsorted(model.classes_, truth)]
    assert hit.mean() == pytest.approx(0.9, abs=0.035)
    assert set(sets.names) == {"metal", "insulator", "insulator or metal"}
    assert 1.0 < sets.size.mean() < 1.6
    assert (model.predict(new) == truth).mean() > 0.75


def test_a_class_that_a_fold_lacks_has_no_probability_there():
    X, y = two_metals(60, 0)
    y[0] = "odd"
    model = ConformalClassifier(DecisionTreeClassifier(max_depth=2), folds=3).fit(X, y)
    assert model.predict_proba(X).shape == (60, 3)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0)


def test_what_classifiers_cannot_do_is_said():
    X, y = two_metals(60, 0)
    with pytest.raises(ConfigError, match="no predict_proba"):
        ConformalClassifier(LinearSVC()).fit(X, y)
    with pytest.raises(DataError, match="two classes or more"):
        ConformalClassifier(LogisticRegression()).fit(X, np.full(60, "metal"))
    with pytest.raises(ConfigError, match="between 0 and 1"):
        ConformalClassifier(LogisticRegression(), level=0.0).fit(X, y)
