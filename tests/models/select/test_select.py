"""Ways to choose columns: planted columns are found, what says the same is left out, reference values of others."""

import numpy as np
import pytest

from matloop.core.errors import ConfigError, DataError
from matloop.models.select import SELECTORS, chosen
from matloop.models.select.correlation import correlated_clusters
from matloop.models.select.information import _bins, _flags, _information, by_mrmr
from matloop.models.select.linear import by_forward, by_l1
from matloop.models.select.selector import ColumnSelector
from matloop.models.select.stability import selection_stability

METHODS = list(SELECTORS)


@pytest.fixture(scope="module")
def planted():
    """Three columns that tell (straight, bent, steep), two copies of the first, and 60 of noise."""
    rng = np.random.default_rng(7)
    X = rng.normal(size=(300, 65))
    X[:, 3] = X[:, 0] + 0.01 * rng.normal(size=300)
    X[:, 4] = -X[:, 0] + 0.01 * rng.normal(size=300)
    y = 2 * X[:, 0] + np.exp(X[:, 1]) + 1.5 * X[:, 2] + 0.3 * rng.normal(size=300)
    return X, y


@pytest.mark.parametrize("method", [m for m in METHODS if m != "variance"])
def test_planted_columns_are_found(method, planted):
    X, y = planted
    kept = set(chosen(method, X, y, 8).tolist())
    assert kept & {0, 3, 4}
    assert {1, 2} <= kept


@pytest.mark.parametrize("method", ["pearson", "spearman", "mrmr", "redundancy", "forward"])
def test_of_columns_that_say_the_same_one_is_kept_first(method, planted):
    X, y = planted
    first = ColumnSelector(method, columns=3).fit(X, y).order_.tolist()
    assert len(set(first) & {0, 3, 4}) == 1


@pytest.mark.parametrize("method", METHODS)
def test_columns_of_classes_are_found(method):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(240, 30))
    X[:, 5] = np.round(X[:, 5])
    y = np.array(["a", "b", "c"])[(X[:, 5] > 0).astype(int) + (X[:, 6] > 0.3)]
    kept = ColumnSelector(method, columns=4, task="classification").fit(X, y).get_support(indices=True)
    assert len(kept) == 4
    assert method == "variance" or {5, 6} <= set(kept.tolist())


@pytest.mark.parametrize("method", METHODS)
def test_constant_columns_few_rows_and_more_asked_than_there_are(method):
    rng = np.random.default_rng(2)
    X = np.column_stack([np.ones(12), rng.normal(size=(12, 3)), np.zeros(12)])
    kept = chosen(method, X, X[:, 1], 50)
    assert 1 in kept
    assert len(set(kept.tolist())) == len(kept) <= 5
    again = chosen(method, X, X[:, 1], 50)
    np.testing.assert_array_equal(kept, again)


def test_variance_puts_a_stray_row_last():
    X = np.column_stack([np.r_[np.zeros(99), 1e6], np.arange(100.0), np.tile([0.0, 1.0], 50)])
    assert ColumnSelector("variance", columns=3).fit(X, np.zeros(100)).order_.tolist() == [2, 1, 0]


def test_clusters_are_those_of_hand():
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(2, 500))
    X = np.column_stack([a, b, -a + 0.1 * b, a + 0.2 * b, np.ones(500)])
    found = correlated_clusters(X)
    assert found[0] == found[2] == found[3]
    assert len(np.unique(found)) == 3


def test_information_is_that_of_scikit_learn_less_the_correction():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(4)
    a = rng.normal(size=400)
    b = a + rng.normal(size=400)
    codes = [_bins(a, 6), _bins(b, 6), rng.integers(0, 2, 400)]
    flags, starts = _flags(codes)
    mine = flags[:, starts[1] : starts[2]]
    found = _information((mine.T @ flags).astype(float), starts, 400)
    joint = np.zeros((6, 6))
    np.add.at(joint, (codes[1], codes[0]), 1)
    correction = ((joint > 0).sum() - 12 + 1) / 800
    assert found[0] == pytest.approx(metrics.mutual_info_score(codes[1], codes[0]) - correction)
    assert found[2] < 0.02  # independent: the correction takes away what chance gives


def test_mrmr_takes_the_less_redundant_of_two():
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=(2, 2000))
    X = np.column_stack([a, a + 0.05 * rng.normal(size=2000), b])
    assert by_mrmr(X, 2 * a + b, 2, classes=0, seed=0).tolist()[1] == 2


def test_forward_steps_are_the_best_single_additions(planted):
    X, y = planted
    X = X[:, :12]
    taken = []
    for _ in range(4):

        def error(j):
            A = np.column_stack([np.ones(len(X)), X[:, [*taken, j]]])
            return ((y - A @ np.linalg.lstsq(A, y, rcond=None)[0]) ** 2).sum()

        taken.append(min(set(range(12)) - set(taken), key=error))
    assert by_forward(X, y, 4, classes=0, seed=0).tolist() == taken


def test_l1_enters_columns_as_least_angle_regression_does(planted):
    linear_model = pytest.importorskip("sklearn.linear_model")
    X, y = planted
    X = X[:, [0, 1, 2, 10, 11, 12]]
    S = (X - X.mean(0)) / X.std(0)
    _, active, _ = linear_model.lars_path(np.clip(S, -6, 6), y - y.mean(), method="lasso")
    assert by_l1(X, y, 3, classes=0, seed=0).tolist() == list(active)[:3]


def test_stability_is_that_of_the_authors_code():
    found = selection_stability([[0, 1, 2], [0, 1, 3], [0, 2, 3, 4], [0, 1, 5]], n_columns=6)
    assert found.value == pytest.approx(AUTHORS[0], rel=1e-12)
    assert found.low == pytest.approx(AUTHORS[1], rel=1e-9)
    assert found.frequency.tolist() == [1.0, 0.75, 0.5, 0.5, 0.25, 0.25]


AUTHORS = (0.04895104895104896, -0.24365815300390614)
"""Nogueira's own Python code (JMLR2018, package `stability`) on these four sets."""


def test_sets_drawn_by_chance_are_not_stable_and_equal_ones_are():
    rng = np.random.default_rng(6)
    drawn = [rng.choice(100, 10, replace=False) for _ in range(200)]
    found = selection_stability(drawn, n_columns=100)
    assert abs(found.value) < 0.02
    assert found.low < 0 < found.high
    assert selection_stability([[1, 2], [1, 2]], n_columns=5).value == 1.0
    assert selection_stability([[0, 1], [0, 1]], n_columns=2).words == "excellent"
    with pytest.raises(DataError, match="two sets"):
        selection_stability([[1]], n_columns=3)


def test_faults_of_a_selector_are_named():
    X = np.eye(6)
    with pytest.raises(ConfigError, match="mrmr"):
        ColumnSelector("mrmrr").fit(X, X[:, 0])
    with pytest.raises(ConfigError, match="at least 1"):
        ColumnSelector(columns=0).fit(X, X[:, 0])
    with pytest.raises(DataError, match="classification"):
        ColumnSelector().fit(X, np.array(list("ababab")))


def test_a_selector_stands_in_a_pipeline_with_gaps_and_names():
    pd = pytest.importorskip("pandas")
    pipeline = pytest.importorskip("sklearn.pipeline")
    linear_model = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(8)
    frame = pd.DataFrame(rng.normal(size=(80, 6)), columns=list("abcdef"))
    y = frame["c"].to_numpy() * 3
    made = pipeline.make_pipeline(ColumnSelector("telling", columns=2), linear_model.Ridge()).fit(frame, y)
    assert "c" in made[0].get_feature_names_out()
    frame.loc[3, "a"] = np.nan
    assert ColumnSelector("l1", columns=1).fit(frame, y).get_feature_names_out().tolist() == ["c"]


def test_noise_has_no_skill_inside_folds_and_false_skill_outside():
    """Selection must see training rows only: on pure noise the mean error then is that of knowing nothing."""
    model_selection = pytest.importorskip("sklearn.model_selection")
    pipeline = pytest.importorskip("sklearn.pipeline")
    linear_model = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(9)
    X, y = rng.normal(size=(60, 800)), rng.normal(size=60)
    selector, ridge = ColumnSelector("forward", columns=10), linear_model.Ridge(1.0)
    folds = model_selection.KFold(5, shuffle=True, random_state=0)
    honest = model_selection.cross_val_predict(pipeline.make_pipeline(selector, ridge), X, y, cv=folds)
    leaking = model_selection.cross_val_predict(ridge, selector.fit_transform(X, y), y, cv=folds)
    total = ((y - y.mean()) ** 2).sum()
    assert 1 - ((y - honest) ** 2).sum() / total < 0.05
    assert 1 - ((y - leaking) ** 2).sum() / total > 0.4
