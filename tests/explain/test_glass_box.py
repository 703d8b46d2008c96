"""Readable models beside and in place of another: what they find, their price, their fidelity, their checks."""

import time

import numpy as np
import pytest

from matloop.core.errors import DataError
from matloop.explain.glass_box import glass_boxes, plain_columns
from matloop.explain.readable import few_terms, readable_columns, shallow_tree
from matloop.explain.surrogate import fit_surrogate
from matloop.explain.values import failed
from matloop.represent.table import Columns


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 6))
    return X, 4.0 * X[:, 0] - 20.0 * (X[:, 1] > 0.5) + 3.0 + 0.2 * rng.normal(size=500), np.arange(500) % 5


def fit(reader, X, y, *, classes=False):
    return reader(X, y, np.ones(len(y)), [f"x{j}" for j in range(X.shape[1])], classes=classes, seed=0)


def test_coefficients_are_per_unit_of_the_column(table):
    X, _, _ = table
    model = fit(few_terms, X * [1.0, 1000.0, 1, 1, 1, 1], 2.0 * X[:, 0] + 5.0 * X[:, 1] + 7.0)
    found = {term.name: term.coefficient for term in model.terms()}
    assert found["x0"] == pytest.approx(2.0)
    assert found["x1"] == pytest.approx(0.005)
    assert model.intercept == pytest.approx(7.0)


def test_noise_is_worth_no_term():
    rng = np.random.default_rng(3)
    assert fit(few_terms, rng.normal(size=(400, 30)), rng.normal(size=400)).terms() == ()


def test_terms_of_classes_sum_to_log_odds(table):
    X, _, _ = table
    rng = np.random.default_rng(1)
    y = (rng.random(500) < 1.0 / (1.0 + np.exp(-3.0 * X[:, 2]))).astype(float)
    model = fit(few_terms, X, y, classes=True)
    assert model.terms()[0].name == "x2"
    assert model.terms()[0].coefficient == pytest.approx(3.0, rel=0.25)
    assert model.predict(X).max() < 1.0


def test_rules_say_each_leaf_once_and_cover_all_rows(table):
    X, y, _ = table
    rules = fit(shallow_tree, X, y).rules("GPa")
    assert sum(int(line.split("(")[1].split()[0].replace(",", "")) for line in rules) == 500
    assert "x1 > 0.4" in rules[0] or "x1 > 0.5" in rules[0]
    assert "GPa" in rules[0]
    assert len(rules) <= 16


def test_words_of_a_category_are_written_out():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2, size=(200, 1)).astype(float)
    columns = Columns(("route",), ("route:category",), {"route": ("cast", "rolled")})
    told = readable_columns(X, X[:, 0], columns)
    rules = shallow_tree(told.rows(X), 5.0 * X[:, 0], np.ones(200), told.names, classes=False, seed=0).rules()
    assert {line.split(":")[0] for line in rules} <= {
        "route = cast",
        "route ≠ cast",
        "route = rolled",
        "route ≠ rolled",
    }


def test_price_is_paired_and_a_readable_truth_costs_nothing(table):
    X, _, fold = table
    line = 4.0 * X[:, 0] + 1.0 + 0.2 * np.random.default_rng(2).normal(size=500)
    box, tree = glass_boxes(X, line, fold, 4.0 * X[:, 0] + 1.0, kinds=["sparse linear model", "shallow tree"])
    assert abs(box.price) < 0.02
    assert box.terms[0].folds == 1.0
    assert tree.low > 0.1
    assert not failed(box.checks)


def test_glass_boxes_of_noise_are_not_to_be_read(table):
    X, y, fold = table
    noise = np.random.default_rng(5).permutation(y)
    for box in glass_boxes(X, noise, fold, np.full(500, noise.mean()), kinds=["sparse linear model", "shallow tree"]):
        assert failed(box.checks)


def test_explainable_boosting_finds_the_joint_term():
    pytest.importorskip("interpret.glassbox")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 4))
    y = 2.0 * X[:, 0] + 3.0 * X[:, 1] * X[:, 2]
    (box,) = glass_boxes(X, y, np.arange(400) % 3, np.zeros(400), kinds=["explainable boosting"])
    assert {box.terms[0].name, box.terms[1].name} == {"x0", "x1 × x2"}
    assert box.high < 0.0
    assert not failed(box.checks)


def test_deadline_leaves_boxes_out(table):
    X, y, fold = table
    assert glass_boxes(X, y, fold, y, deadline=time.monotonic() - 1.0) == ()


def test_surrogate_follows_or_is_marked(table):
    X, _, _ = table
    good = fit_surrogate(X, 4.0 * X[:, 0] - 20.0 * (X[:, 1] > 0.5), unit="GPa")
    assert good.fidelity > 0.9
    assert not failed(good.checks)
    bad = fit_surrogate(X, np.sin(9.0 * X[:, 0]) * np.sin(9.0 * X[:, 1]))
    assert "faithful" in [check.name for check in failed(bad.checks)]


def test_surrogate_is_checked_against_shuffled_labels(table):
    X, _, _ = table
    said = 4.0 * X[:, 0]
    assert not failed(fit_surrogate(X, said, shuffled=(X, 0.1 * X[:, 3])).checks)
    assert failed(fit_surrogate(X, said, shuffled=(X, said)).checks)


def test_one_twin_in_place_of_the_other_is_no_instability(table):
    X, _, _ = table
    X[:, 5] = X[:, 0] + 1e-3 * np.random.default_rng(0).normal(size=500)
    found = fit_surrogate(X, X[:, 0] + X[:, 5], alike=[np.array([0, 5])])
    assert not failed(found.checks)


def test_wrong_input_is_named(table):
    X, y, fold = table
    with pytest.raises(DataError, match="499 targets"):
        glass_boxes(X, y[1:], fold, y)
    with pytest.raises(DataError, match="at least two folds"):
        glass_boxes(X, y, np.zeros(500), y)
    with pytest.raises(DataError, match="2 names for 6 columns"):
        plain_columns(X, ("a", "b"))
    with pytest.raises(DataError, match="no surrogate 'forest'"):
        fit_surrogate(X, y, kind="forest")
    with pytest.raises(DataError, match="5 rows"):
        fit_surrogate(X[:5], y[:5])
