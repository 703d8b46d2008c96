"""The estimators behave as scikit-learn's, and evolution finds constants inside functions."""

import math

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score

from matloop.explain.laws import SymbolicClassifier, SymbolicRegressor
from matloop.explain.laws.expression import Node, x
from matloop.explain.laws.genetic import Effort, evolve, grammar_of
from matloop.explain.laws.space import OPERATORS

NO_UNITS = np.zeros((3, 0), dtype=np.int64)


def test_a_data_frame_gives_the_names():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.uniform(1, 5, (120, 3)), columns=["m", "a", "t"])
    model = clone(SymbolicRegressor(["kg", "m/s^2", "s"], "N", effort="quick", max_complexity=8)).fit(
        X, X["m"] * X["a"]
    )
    assert model.law_.expression in ("m * a", "a * m")
    np.testing.assert_allclose(model.predict(X), X["m"] * X["a"])


def test_scores_come_from_rows_held_out():
    rng = np.random.default_rng(1)
    X = rng.uniform(1, 5, (80, 3))
    model = SymbolicRegressor(effort="quick", max_complexity=6, operators=["+", "*", "/"])
    assert cross_val_score(model, X, X[:, 0] / X[:, 1] + rng.normal(0, 0.05, 80), cv=2).min() > 0.95
    assert cross_val_score(model, X, rng.normal(size=80), cv=2).max() < 0.1


def test_classes_keep_their_type():
    rng = np.random.default_rng(2)
    X = rng.uniform(1, 5, (150, 3))
    y = np.where(X[:, 0] * X[:, 1] > 8, 7, 3)
    model = SymbolicClassifier(effort="quick", max_complexity=8).fit(X, y)
    assert model.classes_.tolist() == [3, 7]
    assert model.score(X, y) > 0.95


def test_an_unfitted_estimator_says_so():
    with pytest.raises(NotFittedError):
        SymbolicRegressor().predict(np.ones((2, 2)))


def test_evolution_finds_a_constant_inside_an_exponential():
    rng = np.random.default_rng(0)
    X = rng.uniform(0, 4, (250, 3))
    y = 2 + 3 * np.exp(-((X[:, 0] - X[:, 1]) ** 2) / 0.7)
    y += rng.normal(0, 0.03 * y.std(), 250)
    grammar = grammar_of(NO_UNITS, np.zeros(0, dtype=np.int64), range(3), frozenset(OPERATORS), free=True)
    differences = [Node("-", (x(0), x(1))), Node("-", (x(1), x(2)))]
    found = [
        min(
            one.rmse
            for one in evolve(
                X,
                y,
                grammar,
                [],
                differences,
                effort=Effort(120, 15, 20, 200),
                largest=14,
                seed=seed,
                deadline=math.inf,
            )
        )
        for seed in range(3)
    ]
    assert min(found) < 0.045 * y.std()
