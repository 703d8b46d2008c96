"""SHAP values against the shap library, closed forms, and the predictions that they sum to."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from matloop.core.errors import DataError
from matloop.explain.network_shap import network_contributions
from matloop.explain.output import predict_of
from matloop.explain.sampled_shap import sampled_contributions
from matloop.explain.shapley import exact_cost, shap_values
from matloop.models.family import Spec
from matloop.models.network import Network
from matloop.train.recipe_model import FitData, fit_recipe
from matloop.train.values import Recipe


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 5))
    return X, 2.0 * X[:, 0] + X[:, 1] * X[:, 2] + 0.1 * rng.normal(size=400)


def adds_up(found, said):
    np.testing.assert_allclose(found.base + found.values.sum(axis=1), said, rtol=1e-6, atol=1e-6)


def test_trees_agree_with_the_shap_library(rows):
    shap = pytest.importorskip("shap")
    from sklearn.ensemble import ExtraTreesRegressor

    X, y = rows
    forest = ExtraTreesRegressor(20, min_samples_leaf=5, random_state=0).fit(X, y)
    found = shap_values(forest, X[:20], X)
    peer = shap.TreeExplainer(forest, feature_perturbation="tree_path_dependent").shap_values(X[:20])
    assert found.method == "tree"
    # every leaf counts 1/64 of a row more here, so that no branch is impossible
    np.testing.assert_allclose(found.values, peer, atol=0.005 * y.std())
    adds_up(found, forest.predict(X[:20]))


def test_a_classifier_of_trees_is_explained_in_probability(rows):
    from sklearn.ensemble import RandomForestClassifier

    X, y = rows
    forest = RandomForestClassifier(20, random_state=0).fit(X, y > 0)
    found = shap_values(forest, X[:10], X)
    assert found.output == "probability"
    adds_up(found, forest.predict_proba(X[:10])[:, 1])
    adds_up(shap_values(forest, X[:10], X, column=0), forest.predict_proba(X[:10])[:, 0])


def test_lightgbm_is_explained_in_log_odds(rows):
    from lightgbm import LGBMClassifier, LGBMRegressor

    X, y = rows
    chance = LGBMClassifier(n_estimators=20, n_jobs=1, verbosity=-1).fit(X, y > 0)
    found = shap_values(chance, X[:10], X)
    adds_up(found, np.log(chance.predict_proba(X[:10])[:, 1] / chance.predict_proba(X[:10])[:, 0]))
    assert found.output == "log-odds"
    # a Poisson boosting sums to a logarithm: its trees are not what it says
    counts = LGBMRegressor(n_estimators=5, objective="poisson", n_jobs=1, verbosity=-1).fit(X, np.abs(y))
    assert shap_values(counts, X[:5], X).method == "sampled"


def test_deep_networks_agree_with_the_shap_library(rows):
    shap, torch = pytest.importorskip("shap"), pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    sizes = (5, 16, 8, 1)
    layers = tuple(
        (rng.normal(size=(a, b)).astype(np.float32), rng.normal(size=b).astype(np.float32)) for a, b in pairwise(sizes)
    )
    network, X = Network((layers,), "relu", "identity"), rows[0]
    values, base = network_contributions(network, X[:10], X[100:150], np.ones(1))
    np.testing.assert_allclose(base + values.sum(axis=1), network.values(X[:10])[:, 0], atol=1e-9)
    parts = []
    for place, (weights, offsets) in enumerate(layers):
        linear = torch.nn.Linear(*weights.shape)
        linear.weight.data, linear.bias.data = torch.tensor(weights.T), torch.tensor(offsets)
        parts += [linear, *([torch.nn.ReLU()] if place < 2 else [])]
    model, to = torch.nn.Sequential(*parts), lambda Z: torch.tensor(Z, dtype=torch.float32)
    peer = shap.DeepExplainer(model, to(X[100:150])).shap_values(to(X[:10]))
    np.testing.assert_allclose(values, np.asarray(peer)[:, :, 0], rtol=1e-3, atol=1e-3)


def test_sampled_values_of_a_sum_and_of_a_product_are_exact():
    X, zero = np.array([[1.0, 2.0, 3.0]]), np.zeros((1, 3))
    groups = [np.array([0]), np.array([1]), np.array([2])]
    values, base = sampled_contributions(lambda X: X @ [1.0, 10.0, 100.0] + 5.0, X, zero, groups)
    assert base == 5.0
    np.testing.assert_allclose(values, [[1.0, 20.0, 300.0]])
    # an order and its reverse give both factors of a product their half
    np.testing.assert_allclose(
        sampled_contributions(lambda X: X[:, 0] * X[:, 1], X, zero, groups)[0], [[1.0, 1.0, 0.0]]
    )


def test_sampled_values_are_near_those_of_the_kernel_explainer(rows):
    shap = pytest.importorskip("shap")
    X = rows[0]

    def model(X):
        return np.sin(X[:, 0]) + X[:, 1] * X[:, 2]

    background = X[100:108]
    found = shap_values(model, X[:5], background, walks=8)
    peer = shap.KernelExplainer(model, background).shap_values(X[:5], silent=True)
    np.testing.assert_allclose(found.values, peer, atol=1e-6)


def test_groups_are_sums_and_what_is_in_none_belongs_to_the_base(rows):
    from sklearn.linear_model import Ridge
    from sklearn.svm import SVR

    X, y = rows
    groups = [np.array([0, 3]), np.array([1])]
    linear = Ridge().fit(X, y)
    each, together = shap_values(linear, X[:7], X), shap_values(linear, X[:7], X, groups=groups)
    np.testing.assert_allclose(together.values[:, 0], each.values[:, [0, 3]].sum(axis=1))
    kernel = SVR().fit(X, y)
    found = shap_values(kernel, X[:7], X, groups=groups)
    assert (found.method, found.values.shape) == ("sampled", (7, 2))
    adds_up(found, kernel.predict(X[:7]))


@pytest.fixture
def fitted(make_planted):
    """`fitted([(family, settings), ...])` gives a recipe's model on 300 planted rows, and the rows."""

    def make(members, *, task="regression", scale="linear"):
        development = make_planted(300, task=task)
        y = np.exp(0.3 * development.y) if scale == "log" else development.y
        X, n = development.table.X, len(development)
        loss = "mse" if task == "regression" else "cross_entropy"
        data = FitData(
            X, y, np.ones(n), np.zeros((0, X.shape[1])), development.table.columns(), task, 2 * (task != "regression"),
            scale, None, loss,
        )  # fmt: skip
        specs = tuple(Spec(name, dict(settings)) for name, settings in members)
        recipe = Recipe(specs, tuple(1.0 / len(specs) for _ in specs))
        return fit_recipe(recipe, data, np.arange(n), 0), X

    return make


TREES, LINE, NET = ("lightgbm", {"rounds": 30}), ("ridge", {}), ("mlp", {})


@pytest.mark.parametrize("scale", ["linear", "log"])
@pytest.mark.parametrize("members", [[TREES], [LINE], [TREES, LINE], [("extra_trees", {"n_trees": 20}), LINE]])
def test_recipes_of_trees_and_lines_are_explained_exactly(members, scale, fitted):
    model, X = fitted(members, scale=scale)
    found = shap_values(model, X[:20], X)
    assert exact_cost(model) is not None
    assert "sampled" not in found.method
    adds_up(found, predict_of(model)(X[:20]))


def test_networks_of_a_recipe_are_explained_exactly(fitted):
    pytest.importorskip("torch")
    model, X = fitted([NET])
    found = shap_values(model, X[:10], X)
    assert found.method == "network"
    adds_up(found, predict_of(model)(X[:10]))


def test_classes_of_a_recipe_sum_to_probability_or_log_odds(fitted):
    forest, X = fitted([("extra_trees", {"n_trees": 20})], task="classification")
    adds_up(shap_values(forest, X[:20], X), forest.predict_proba(X[:20])[:, 1])
    line, _ = fitted([("logistic", {})], task="classification")
    found, p = shap_values(line, X[:20], X), line.predict_proba(X[:20])
    assert found.output == "log-odds"
    adds_up(found, np.log(p[:, 1] / p[:, 0]))
    mixed, _ = fitted([("extra_trees", {"n_trees": 20}), ("logistic", {})], task="classification")
    found = shap_values(mixed, X[:5], X)
    assert (found.method, exact_cost(mixed)) == ("sampled", None)
    adds_up(found, mixed.predict_proba(X[:5])[:, 1])


def test_what_cannot_be_written_as_a_sum_is_sampled(fitted):
    model, X = fitted([("extra_trees", {"n_trees": 20, "loss": "mae"})])
    found = shap_values(model, X[:5], X, groups=[np.array([j]) for j in range(12)])
    assert found.method == "sampled"
    adds_up(found, model.predict(X[:5]))


def test_wrong_input_is_named(rows):
    X, _ = rows
    with pytest.raises(DataError, match="X has 5 columns, the background 3"):
        shap_values(lambda X: X[:, 0], X, X[:, :3])
    with pytest.raises(DataError, match=r"got \(400,\)"):
        shap_values(lambda X: X[:, 0], X[:, 0], X)
    with pytest.raises(DataError, match="Say which one to explain"):
        shap_values(lambda X: X[:, :3], X, X)
    with pytest.raises(DataError, match="predicts nothing"):
        predict_of(3.0)


def test_gap_is_a_share_of_the_spread(rows):
    found = shap_values(lambda X: X[:, 0], rows[0][:30], rows[0])
    assert found.gap < 1e-12
    off = replace(found, base=found.base + 0.5 * found.prediction.std())
    assert off.gap == pytest.approx(0.5)
