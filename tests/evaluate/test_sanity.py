from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.tree import DecisionTreeRegressor

from matloop.core.errors import DataError
from matloop.data.dataset import Dataset, Numbers
from matloop.evaluate.bench import benches
from matloop.evaluate.perturb import jittered_numbers, shifted_compositions
from matloop.evaluate.sanity import check_monotone, judge_jumps, judge_shuffled, sanity_checks, study_sanity
from matloop.matter.compositions import from_formulas
from matloop.problem.question import Input
from matloop.represent.representation import plan_representation, represent


def line(n=200, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4))
    return X, X[:, 0] + 0.1 * rng.normal(size=n)


def by_name(study):
    return {one.name: one.passed for one in study.checks}


def test_a_sound_estimator_passes():
    assert set(by_name(sanity_checks(Ridge(), *line())).values()) == {True}
    X, y = line()
    assert not sanity_checks(LogisticRegression(), X, y > 0).failed


class Peeking(RegressorMixin, BaseEstimator):
    """Learns nothing and knows the true labels of the rows that it is asked about."""

    def fit(self, X, y):
        return self

    def predict(self, X):
        return X[:, 0]


class Rough(RegressorMixin, BaseEstimator):
    """Right on average, but an input that is a hair off gives another answer."""

    def fit(self, X, y):
        return self

    def predict(self, X):
        return X[:, 0] + np.sin(1e9 * X[:, 0])


def test_a_model_that_knows_held_out_labels_is_caught():
    passed = by_name(sanity_checks(Peeking(), *line()))
    assert passed["shuffled labels"] is False
    assert passed["shuffled features"] is False


def test_a_model_that_learns_nothing_is_caught_and_a_rough_one_too():
    X, y = line()
    noise = np.random.default_rng(1).normal(size=200)
    assert (
        by_name(sanity_checks(DecisionTreeRegressor(random_state=0), X, noise))["real against shuffled labels"]
        is not True
    )
    assert by_name(sanity_checks(Rough(), X, y))["near-identical inputs"] is False


def test_luck_is_no_leak():
    alarms = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        dummy = np.abs(rng.normal(size=150))
        shuffled = np.abs(rng.normal(size=(2, 150)))
        alarms += judge_shuffled("labels", shuffled, dummy, dummy)[0].passed is False
    assert alarms <= 2


def test_jumps_are_judged_by_the_typical_error():
    assert judge_jumps("n", "d", np.r_[np.zeros(96), np.full(4, 9.0)], 1.0).passed
    found = judge_jumps("n", "d", np.r_[np.zeros(90), np.full(10, 9.0)], 1.0, unit="GPa", worst="Fe2O3 by 9 GPa")
    assert found.passed is False
    assert "most: Fe2O3 by 9 GPa" in found.found
    assert judge_jumps("n", "d", [], 1.0).passed is None


def test_direction_known_from_nature_is_checked():
    X, _ = line()
    assert check_monotone(lambda rows: rows[:, 0] ** 3, X, 0, "rising").passed
    assert check_monotone(lambda rows: np.sin(3 * rows[:, 0]), X, 0, "rising").passed is False
    assert check_monotone(lambda rows: -rows[:, 0], X, 0, "falling", name="T").name == "falling with T"
    with pytest.raises(DataError, match="'T' does not vary"):
        check_monotone(lambda rows: rows[:, 0], np.ones((5, 1)), 0, "rising", name="T")
    with pytest.raises(DataError, match="column 7 of 4"):
        check_monotone(lambda rows: rows[:, 0], X, 7, "rising")


@pytest.fixture(scope="module")
def table():
    formulas = ["Fe2O3", "NaCl", "Fe", "Li3PO4", "SmCo5", "Ca5P3O13F"] * 5
    compositions, _ = from_formulas(formulas)
    n = len(formulas)
    dataset = Dataset(np.arange(n).astype(str), {"f": compositions, "T": Numbers(300.0 + np.arange(n))}, {},
                      np.arange(n).astype(str), np.ones(n), np.ones(n), tuple((i,) for i in range(n)))  # fmt: skip
    return represent(dataset, plan_representation(dataset, [Input("f", "composition", "f"), Input("T", "number", "T")]))


def test_shifted_compositions_are_those_of_the_shifted_formula(table):
    found = shifted_compositions(table)
    assert found.share == 1.0
    assert found.moved[:3].tolist() == [True, True, False]
    place = {name: k for k, name in enumerate(table.names)}
    iron = 0.395 if found.words[0].startswith("0.5 at% of Fe") else 0.405
    assert found.X[0, place["fraction Fe"]] == pytest.approx(iron)
    compositions, _ = from_formulas([f"Fe{iron}O{1 - iron}"])
    from matloop.represent import FEATURIZERS

    magpie = FEATURIZERS.load("magpie")()
    columns = [place[name] for name in magpie.get_feature_names_out()]
    np.testing.assert_allclose(found.X[0, columns], magpie.transform(compositions)[0], rtol=1e-9)
    np.testing.assert_array_equal(found.X[2], table.X[2])
    columns = [k for k, name in enumerate(table.names) if name.startswith("fraction ")]
    shifts = np.abs(found.X - table.X)[:, columns]
    assert shifts.max() == pytest.approx(0.005)
    assert (shifts <= 0.05 * table.X[:, columns] + 1e-12).all()
    assert found.X[:, place["T"]].tolist() == table.X[:, place["T"]].tolist()


def test_columns_that_fractions_do_not_give_stay_as_they_were(table):
    X = np.array(table.X)
    column = table.names.index("T") - 1
    X[:, column] += 1.0
    found = shifted_compositions(replace(table, X=X))
    assert found.share < 1.0
    np.testing.assert_array_equal(found.X[:, column], X[:, column])


def test_numbers_move_by_a_share_of_their_spread(table):
    moved = jittered_numbers(table, share=0.01, seed=0) - table.X
    place = table.names.index("T")
    assert moved[:, place].std() == pytest.approx(0.01 * table.X[:, place].std(), rel=0.4)
    assert not np.delete(moved, place, axis=1).any()
    assert jittered_numbers(replace(table, X=np.ones_like(table.X)), share=0.01, all_columns=True) is None


def test_study_of_a_sound_recipe(development, subject_of, monkeypatch):
    subject, gathered = subject_of(development)
    places = benches(development, most_train=150, most_test=60, n=2, seed=0)
    study = study_sanity(subject, gathered, places, shuffles=2, deadline=math.inf, monotone={"mean": "rising"})
    passed = by_name(study)
    assert passed["shuffled labels"]
    assert passed["shuffled features"]
    assert passed["real against shuffled labels"]
    assert "range of predictions" in passed
    assert study.sentence


def test_fold_models_are_asked_what_small_changes_do(development, subject_of, monkeypatch):
    from matloop.train.recipe_model import RecipeModel

    subject, gathered = subject_of(development)
    rows = np.flatnonzero(development.fold == 0)
    from matloop.train.fits import FitTask

    task = FitTask(subject.trained.recipe, np.flatnonzero(development.fold != 0), rows, 0, keep=True)
    model = RecipeModel.from_arrays(subject.fits.fit(task).model)
    monkeypatch.setattr("matloop.evaluate.sanity.fold_models", lambda *given: [(model, rows)])
    passed = by_name(study_sanity(subject, gathered, [], shuffles=0, deadline=math.inf, monotone={"mean": "falling"}))
    assert passed["one row alone"]
    assert passed["near-identical inputs"]
    assert "falling with mean" in passed
    with pytest.raises(DataError, match="no column is called 'T'"):
        study_sanity(subject, gathered, [], shuffles=0, deadline=math.inf, monotone={"T": "rising"})


@pytest.mark.parametrize(
    ("X", "y", "said"),
    [(np.ones((5, 1)), np.arange(5), "at least ten rows"), (np.ones((20, 1)), np.ones(20), "two different labels"),
     (np.ones((20, 1)), np.ones(19), "not one per row")],
)  # fmt: skip
def test_bad_input_is_named(X, y, said):
    with pytest.raises(DataError, match=said):
        sanity_checks(Ridge(), X, y)
