"""Five planted leaks are caught, five clean pipelines are not called leaky."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GroupKFold, KFold, TimeSeriesSplit, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, TargetEncoder

from matloop.core.errors import DataError
from matloop.evaluate.leaks.pipeline import check_pipeline

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning:sklearn")
FOLDS = KFold(5, shuffle=True, random_state=0)


def rows(n: int = 120, width: int = 4, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(rng.normal(size=(n, width)), columns=[f"x{i}" for i in range(width)])
    table["y"] = table["x0"] + 0.3 * rng.normal(size=n)
    return table


def features(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(columns=["y", "when", "twin"], errors="ignore")


def folds_of(n: int, splitter: object = FOLDS, groups: object = None) -> np.ndarray:
    fold = np.full(n, -1)
    for number, (_, test) in enumerate(splitter.split(np.zeros(n), groups=groups)):
        fold[test] = number
    return fold


def told(table: pd.DataFrame, value: np.ndarray, *, with_folds: bool) -> object:
    return pd.DataFrame({"prediction": value, "fold": folds_of(len(table))}) if with_folds else value


def test_a_scaler_fitted_before_the_split_is_caught():
    def pipeline(table):
        X = StandardScaler().fit_transform(features(table))
        return told(table, cross_val_predict(Ridge(1.0), X, table["y"], cv=FOLDS), with_folds=True)

    report = check_pipeline(pipeline, rows(), target="y")
    assert [check.name for check in report.leaks] == ["held-out features"]


@pytest.mark.parametrize("with_folds", [True, False])
def test_a_target_encoding_of_all_rows_is_caught(with_folds):
    table = rows().assign(route=np.tile(["melt", "spin", "press", "sinter"], 30))

    def pipeline(table):
        X = features(table).assign(route=table.groupby("route")["y"].transform("mean"))
        return told(table, cross_val_predict(Ridge(), X, table["y"], cv=FOLDS), with_folds=with_folds)

    assert check_pipeline(pipeline, table, target="y").check("held-out labels").state == "leak"


def test_duplicates_across_folds_are_caught_by_shuffled_labels():
    once = rows(60)
    table = pd.concat([once, once, once], ignore_index=True)

    def pipeline(table):
        return cross_val_predict(RandomForestRegressor(20, random_state=0), features(table), table["y"], cv=FOLDS)

    found = check_pipeline(pipeline, table, target="y", shuffles=3, probes=2)
    assert [check.name for check in found.leaks] == ["shuffled labels"]


def test_selection_outside_the_folds_is_caught():
    table = rows(80, 400)

    def pipeline(table):
        X = SelectKBest(f_regression, k=10).fit_transform(features(table), table["y"])
        return cross_val_predict(Ridge(), X, table["y"], cv=FOLDS)

    assert check_pipeline(pipeline, table, target="y").check("shuffled labels").state == "leak"


def test_time_travel_is_caught():
    table = rows().assign(when=np.arange(120.0))

    def pipeline(table):
        return cross_val_predict(Ridge(), features(table), table["y"], cv=FOLDS)

    found = check_pipeline(pipeline, table, target="y", time="when")
    assert [check.name for check in found.leaks] == ["time travel"]


def forward(table: pd.DataFrame) -> np.ndarray:
    value = np.full(len(table), np.nan)
    order = np.argsort(table["when"].to_numpy(), kind="stable")
    X = features(table)
    for train, test in TimeSeriesSplit(4).split(order):
        model = Ridge().fit(X.iloc[order[train]], table["y"].iloc[order[train]])
        value[order[test]] = model.predict(X.iloc[order[test]])
    return value


def scaled_inside(table: pd.DataFrame) -> object:
    model = make_pipeline(SimpleImputer(), StandardScaler(), Ridge())
    return told(table, cross_val_predict(model, features(table), table["y"], cv=FOLDS), with_folds=True)


def selected_inside(table: pd.DataFrame) -> object:
    model = make_pipeline(SelectKBest(f_regression, k=5), Ridge())
    return told(table, cross_val_predict(model, features(table), table["y"], cv=FOLDS), with_folds=False)


def encoded_inside(table: pd.DataFrame) -> object:
    model = make_pipeline(TargetEncoder(random_state=0), Ridge())
    return told(table, cross_val_predict(model, table[["route"]], table["y"], cv=FOLDS), with_folds=True)


def twins_together(table: pd.DataFrame) -> object:
    folds = GroupKFold(5)
    model = RandomForestRegressor(20, random_state=0)
    value = cross_val_predict(model, features(table), table["y"], cv=folds, groups=table["twin"])
    return pd.DataFrame({"prediction": value, "fold": folds_of(len(table), folds, table["twin"])})


CLEAN = {
    "scaler inside": (scaled_inside, rows(), {}),
    "selection inside": (selected_inside, rows(80, 300), {}),
    "encoding inside": (encoded_inside, rows().assign(route=np.tile(["a", "b", "c", "d"], 30)), {}),
    "twins together": (
        twins_together,
        pd.concat([rows(40)] * 3, ignore_index=True).assign(twin=np.tile(np.arange(40), 3)),
        {"group": "twin", "shuffles": 3, "probes": 3},
    ),
    "forward in time": (forward, rows().assign(when=np.arange(120.0)), {"time": "when"}),
}


@pytest.mark.parametrize("name", CLEAN)
def test_a_clean_pipeline_raises_no_alarm(name):
    pipeline, table, options = CLEAN[name]
    report = check_pipeline(pipeline, table, target="y", **options)
    assert report.clean, report.lines()
    assert sum(check.state == "clean" for check in report.checks) >= 2


def test_a_clean_classifier_raises_no_alarm_and_a_leaky_one_does():
    table = rows().assign(y=lambda t: np.where(t["y"] > 0, "metal", "glass"))

    def clean(table):
        return cross_val_predict(LogisticRegression(), features(table), table["y"], cv=FOLDS)

    def leaky(table):
        X = features(table).assign(hint=(table["y"] == "metal") * 1.0)
        return cross_val_predict(LogisticRegression(), X, table["y"], cv=FOLDS)

    assert check_pipeline(clean, table, target="y").clean
    assert not check_pipeline(leaky, table, target="y").clean


def test_without_folds_the_check_of_features_says_what_is_missing():
    report = check_pipeline(selected_inside, rows(80, 300), target="y", shuffles=2, probes=2)
    assert report.check("held-out features").state == "not checked"
    assert "fold" in report.check("held-out features").said


def test_a_pipeline_with_loose_seeds_is_not_judged():
    rng = np.random.default_rng()

    def pipeline(table):
        return rng.normal(size=len(table))

    report = check_pipeline(pipeline, rows(), target="y", shuffles=2)
    assert report.check("held-out labels").state == "not checked"
    assert "seeds" in report.check("held-out labels").said


def test_predictions_of_another_length_are_refused():
    with pytest.raises(DataError, match=r"returned 3 predictions for 120 rows"):
        check_pipeline(lambda table: np.zeros(3), rows(), target="y")
