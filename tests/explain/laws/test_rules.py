"""Rules for classes: cuts are the best there are, conditions are joined as planted, roots keep their sign."""

from itertools import product as every

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score

from matloop.explain.laws import find_laws
from matloop.explain.laws.conditions import refitted_cuts, search_conditions
from matloop.explain.laws.expression import evaluate, x
from matloop.explain.laws.forms import product
from matloop.explain.laws.kinds import best_threshold
from matloop.explain.laws.rules import _cut
from matloop.explain.laws.space import raised_values
from matloop.explain.laws.written import condition


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=3, max_size=25))
def test_the_best_cut_is_that_of_brute_force(rows):
    score, y = np.array([float(a) for a, _ in rows]), np.array([float(b) for _, b in rows])
    if y.min() == y.max():
        return
    cut, error = best_threshold(score, y)
    brute = max(balanced_accuracy_score(y, score > at) for at in np.arange(-0.5, 7.5))
    assert error == pytest.approx(1 - brute)
    assert balanced_accuracy_score(y, score > cut) == pytest.approx(brute)


def planted():
    X = np.random.default_rng(0).uniform(0, 1, (300, 4))
    y = (((X[:, 0] > 0.4) & (X[:, 1] < 0.7)) | (X[:, 2] > 0.9)).astype(float)
    return X, y


def test_a_rule_of_three_conditions_is_found_and_moved():
    X, y = planted()
    trees = [x(k) for k in range(4)]
    singles = [_cut(tree, X[:, k], y) for k, tree in enumerate(trees)]
    found = min(search_conditions(trees, X.T, singles, y, parts=3, tried=80), key=lambda one: one.rmse)
    assert found.rmse < 0.06
    again = refitted_cuts(found, X, y)
    assert again.rmse <= found.rmse + 1e-12
    assert balanced_accuracy_score(y, again.predict(X) > 0) == pytest.approx(1 - again.rmse)
    said = condition(found.node, list("abcd"), tuple(round(v, 2) for v in found.constants))
    assert " and " in said
    assert " or " in said


def test_a_rule_that_is_no_sum_comes_back_from_a_search():
    X, _ = planted()
    words = np.where((X[:, 0] > 0.5) & (X[:, 1] < 0.6), "metal", "gap")
    found = find_laws(X, words, task="classification", effort="quick", max_complexity=9)
    assert found.finding == "law"
    assert found.error < 0.05
    assert " and " in found.best.expression


@pytest.mark.parametrize("powers", list(every([6, -6, 12], [3, -3, 2, 9], [6, -12, 3])))
def test_a_product_has_the_value_of_its_factors(powers):
    """sqrt(a) b is not sqrt(a b^2) where b is negative."""
    X = np.column_stack([[-2.0, 3.0], [2.0, 5.0], [1.5, 0.5]])
    wanted = np.prod([raised_values(X[:, k], e) for k, e in enumerate(powers)], axis=0)
    np.testing.assert_allclose(evaluate(product({x(k): e for k, e in enumerate(powers)}), X), wanted, rtol=1e-12)
