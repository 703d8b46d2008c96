"""Weights of training rows: exact for forests, the kernel's and the neighbours' own, distance for all others."""

import numpy as np
import pytest

from matloop.core.errors import DataError
from matloop.explain.leaning import DISTANCE, KERNEL, LEAVES, NEIGHBOURS, effective_rows, leaning
from matloop.models.family import Spec
from matloop.represent.table import Columns
from matloop.train.recipe_model import FitData, fit_recipe
from matloop.train.values import Recipe

COLUMNS = Columns(("a", "b", "c"), ("a:number", "b:number", "c:number"), {})


def data(n=120, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    y = 2.0 * X[:, 0] + rng.normal(size=n)
    return FitData(X, y, np.ones(n), np.zeros((0, 3)), COLUMNS, "regression", 0, "linear", None, "mse")


def fitted(family, **settings):
    given = data()
    return given, fit_recipe(Recipe((Spec(family, settings),)), given, np.arange(len(given.y)), 0)


def test_extra_trees_are_their_weights():
    given, model = fitted("extra_trees", n_trees=50, leaf=3)
    asked = data(5, seed=1).X
    weights, how = leaning(model, given.X, asked)
    assert how == LEAVES
    np.testing.assert_allclose(weights @ given.y, model.predict(asked), rtol=1e-6)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)
    assert (effective_rows(weights) > 3).all()


def test_boosting_leans_on_rows_that_are_alike_where_it_matters():
    given, model = fitted("lightgbm", rounds=100)
    weights, how = leaning(model, given.X, given.X[:20])
    assert how == LEAVES
    apart = np.abs(given.X[:20, :1] - given.X[:, 0])
    heavy = np.take_along_axis(apart, np.argsort(-weights, axis=1)[:, :5], axis=1)
    assert heavy.mean() < 0.3 * apart.mean()


def test_kernels_neighbours_and_others_say_how():
    asked = data(4, seed=2).X
    given, kernel = fitted("kernel_ridge")
    assert leaning(kernel, given.X, asked)[1] == KERNEL
    given, neighbours = fitted("nearest_neighbour", k=3)
    near, said = leaning(neighbours, given.X, asked)
    assert said == NEIGHBOURS
    assert ((near > 0).sum(axis=1) == 3).all()
    np.testing.assert_allclose(near @ given.y, neighbours.predict(asked))
    given, line = fitted("ridge")
    only_a = leaning(line, given.X, asked, importance=[1.0, 0.0, 0.0])
    assert only_a[1] == DISTANCE
    assert (only_a[0].argmax(axis=1) == np.abs(asked[:, :1] - given.X[:, 0]).argmin(axis=1)).all()


def test_tables_must_fit():
    with pytest.raises(DataError, match="3 columns, X has 2"):
        leaning(None, np.zeros((4, 3)), np.zeros((1, 2)))
