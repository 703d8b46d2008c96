from __future__ import annotations

import numpy as np
import pytest

from matloop.evaluate.baselines import guess_table, held_out, methods
from matloop.represent.standard import fit_standard, nearest
from matloop.represent.table import Columns, FeatureTable

FRACTIONS = (("fraction Cu", "fraction Ni"), ("f:fractions", "f:fractions"))


def asked(X, names, origins):
    return FeatureTable(np.asarray(X, float), tuple(names), tuple(origins), {}, {})


def by_name(development):
    return {method.name: method for method in methods(development)}


def test_dummy_is_the_median_of_the_training_labels_and_of_the_other_folds(with_columns):
    one = with_columns([[0.0], [1.0], [2.0], [3.0], [4.0]], [1.0, 2.0, 3.0, 10.0, 50.0], ["T"], ["T:number"])
    dummy = by_name(one)["dummy"]
    assert guess_table(dummy, one, asked([[9.0]], ["T"], ["T:number"])).value[0] == 3.0
    # folds 0, 1, 0, 1, 0: fold 0 is guessed from 2 and 10, fold 1 from 1, 3 and 50
    assert held_out(dummy, one, one.fold).value.tolist() == [6.0, 3.0, 6.0, 3.0, 6.0]


def test_nearest_neighbour_measures_in_standard_deviations(with_columns):
    # raw distances would pick the row at (0, 1000); in units of spread the other one is nearer
    one = with_columns(
        [[0.0, 1000.0], [1.0, 0.0], [3.0, 2000.0]], [1.0, 2.0, 3.0], ["a", "b"], ["a:number", "b:number"]
    )
    assert (
        guess_table(by_name(one)["nearest neighbour"], one, asked([[0.1, 400.0]], ["a", "b"], ["", ""])).value[0] == 1.0
    )


def test_mixtures_recover_per_element_values(with_columns):
    x = np.linspace(0, 1, 2001)
    one = with_columns(np.column_stack([x, 1 - x]), 120.0 * x + 200.0 * (1 - x), *FRACTIONS)
    found = guess_table(by_name(one)["rule of mixtures"], one, asked([[1, 0], [0, 1], [0.5, 0.5]], *FRACTIONS))
    # bulk values of 120 and 200; the pseudo-row pulls each 1/2000 of the way to the mean
    assert found.value == pytest.approx([120.0, 200.0, 160.0], abs=0.3)


def test_mixtures_by_hand_with_two_rows(with_columns):
    one = with_columns([[1.0, 0.0], [0.0, 1.0]], [10.0, 30.0], *FRACTIONS)
    found = guess_table(by_name(one)["rule of mixtures"], one, asked([[1, 0], [0, 1]], *FRACTIONS))
    # mean 20; each element has one real row 10 away and one pseudo-row at the mean: halfway
    assert found.value == pytest.approx([15.0, 25.0])


def test_element_never_seen_counts_as_the_mean(with_columns):
    names, origins = ("fraction Cu", "fraction Ni", "fraction U"), ("f:fractions",) * 3
    one = with_columns([[1, 0, 0], [0, 1, 0]], [10.0, 30.0], names, origins)
    assert guess_table(by_name(one)["rule of mixtures"], one, asked([[0, 0, 1]], names, origins)).value[0] == 20.0


def test_mixtures_of_a_log_target_mix_logarithms(with_columns):
    one = with_columns([[1.0, 0.0], [0.0, 1.0]], [10.0, 1000.0], *FRACTIONS, scale="log")
    found = guess_table(by_name(one)["rule of mixtures"], one, asked([[0.5, 0.5]], *FRACTIONS))
    assert found.value[0] == pytest.approx(100.0)


def test_without_composition_linear_regression_stands_in_and_says_so(with_columns):
    x = np.arange(1000.0)
    one = with_columns(x[:, None], 2.0 * x + 1.0, ["T"], ["T:number"])
    linear = by_name(one)["linear regression"]
    assert "no composition" in linear.how
    assert guess_table(linear, one, asked([[500.0]], ["T"], ["T:number"])).value[0] == pytest.approx(1001.0, rel=1e-3)


def test_class_baselines_give_probabilities_that_sum_to_one(with_columns):
    one = with_columns(
        [[1, 0], [0.9, 0.1], [0, 1]], [0, 0, 1], *FRACTIONS, task="classification", classes=("metal", "not")
    )
    for method in methods(one):
        found = guess_table(method, one, asked([[0.95, 0.05], [0.0, 1.0]], *FRACTIONS))
        assert found.proba.sum(axis=1) == pytest.approx([1.0, 1.0])
        assert found.value[0] == 0.0
    assert by_name(one)["dummy"].guess(one, np.arange(3), np.zeros((1, 2))).proba[0] == pytest.approx([2 / 3, 1 / 3])


def test_standardising_fills_holes_drops_constants_and_spreads_categories():
    X = np.array([[1.0, 5.0, 0.0], [3.0, 5.0, 1.0], [np.nan, 5.0, 1.0]])
    columns = Columns(("T", "p", "route"), ("", "", ""), {"route": ("cast", "rolled")})
    found = fit_standard(X, columns).apply(X)
    assert found.shape == (3, 3)
    assert found[2, 0] == pytest.approx(0.0)
    assert found[:, 0].std() == pytest.approx(1.0)
    assert np.linalg.norm(found[0, 1:] - found[1, 1:]) == pytest.approx(1.0)


def test_nearest_is_exact_and_ordered():
    rng = np.random.default_rng(0)
    train, wanted = rng.normal(size=(200, 5)), rng.normal(size=(20, 5))
    found = nearest(train, wanted, 3)
    exact = np.sqrt(((wanted[:, None] - train) ** 2).mean(axis=2))
    assert (found.row == np.argsort(exact, axis=1)[:, :3]).all()
    assert found.distance == pytest.approx(np.sort(exact, axis=1)[:, :3], rel=1e-4)
