"""Families against their libraries, and what the registry says without importing them."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from matloop.core.errors import BundleError, ConfigError
from matloop.models import FAMILIES, installed, missing
from matloop.models.arrays import model_from_arrays
from matloop.models.dummy import weighted_median
from matloop.models.gaussian_process import posterior
from matloop.models.kernels import Kernel
from matloop.models.ridge import solve
from matloop.models.sparse_gp import inducing_posterior
from matloop.represent.table import Columns

RNG = np.random.default_rng(0)
Z, Y = RNG.normal(size=(60, 5)), RNG.normal(size=60)
EVEN = np.ones(60)
COLUMNS = Columns(tuple("abcde"), ("f:m",) * 5, {})


def _learn(name, y=Y, classes=0, **settings):
    return FAMILIES.load(name).learner(**settings).learn(Z, y, EVEN, classes=classes, seed=0)


def test_ridge_equals_scikit_learn():
    linear_model = pytest.importorskip("sklearn.linear_model")
    weights = RNG.uniform(0.5, 2.0, 60)
    peer = linear_model.Ridge(alpha=0.7).fit(Z, Y, sample_weight=weights)
    slopes, intercept = solve(Z, Y, weights, 0.7)
    np.testing.assert_allclose(slopes, peer.coef_, rtol=1e-9)
    assert intercept == pytest.approx(peer.intercept_, rel=1e-9)
    wide = np.hstack([Z] * 20)
    np.testing.assert_allclose(solve(wide, Y, EVEN, 0.7)[0], linear_model.Ridge(0.7).fit(wide, Y).coef_, rtol=1e-7)


def test_support_vector_regression_equals_scikit_learn():
    svm = pytest.importorskip("sklearn.svm")
    model = _learn("svm", C=3.0)
    gamma = 0.5 / model.kernel.lengths[0] ** 2
    peer = svm.SVR(C=3.0, epsilon=0.05, gamma=gamma).fit(Z, Y)
    np.testing.assert_allclose(model.values(Z + 0.1)[:, 0], peer.predict(Z + 0.1), atol=1e-9)


def test_gaussian_process_posterior_equals_scikit_learn():
    gp = pytest.importorskip("sklearn.gaussian_process")
    kernel = Kernel("matern52", np.full(5, 1.7), amplitude=1.0)
    peer = gp.GaussianProcessRegressor(gp.kernels.Matern(1.7, nu=2.5), alpha=0.1, optimizer=None).fit(Z, Y)
    value, std = peer.predict(Z + 0.3, return_std=True)
    found, unsure = posterior(kernel, Z, Y[:, None], np.full(60, 0.1)).values_and_uncertainty(Z + 0.3)
    np.testing.assert_allclose(found[:, 0], value, atol=1e-9)
    np.testing.assert_allclose(unsure.epistemic, std, atol=1e-8)


def test_gaussian_process_classes_equal_scikit_learn_in_order():
    gp = pytest.importorskip("sklearn.gaussian_process")
    labels = (Y + Z[:, 0] > 0).astype(float)
    model = _learn("gaussian_process", labels, 2)
    kernel = gp.kernels.ConstantKernel(model.kernel.amplitude) * gp.kernels.Matern(model.kernel.lengths[0], nu=2.5)
    peer = gp.GaussianProcessClassifier(kernel, optimizer=None).fit(Z, labels).predict_proba(Z)[:, 1]
    np.testing.assert_array_equal(model.values(Z)[:, 1] > 0.5, peer > 0.5)


def test_sparse_posterior_with_all_rows_as_inducing_is_the_exact_one():
    kernel, noise = Kernel("rbf", np.full(5, 1.5)), np.full(60, 0.2)
    sparse = inducing_posterior(kernel, Z, Y, noise, Z).values_and_uncertainty(Z + 0.2)
    exact = posterior(kernel, Z, Y[:, None], noise).values_and_uncertainty(Z + 0.2)
    np.testing.assert_allclose(sparse[0], exact[0], atol=1e-4)
    np.testing.assert_allclose(sparse[1].epistemic, exact[1].epistemic, atol=1e-3)


def test_one_neighbour_repeats_what_it_has_seen():
    np.testing.assert_array_equal(_learn("nearest_neighbour", k=1).values(Z)[:, 0], Y)


def test_weighted_median_with_even_weights_is_the_median():
    for n in (1, 2, 5, 8):
        assert weighted_median(Y[:n], EVEN[:n]) == pytest.approx(np.median(Y[:n]))
    assert weighted_median(np.array([1.0, 2.0, 9.0]), np.array([1.0, 1.0, 5.0])) == 9.0


@pytest.mark.parametrize("loss", ["mae", "huber"])
@pytest.mark.parametrize("name", ["ridge", "lightgbm"])
def test_robust_losses_do_not_follow_an_outlier(name, loss):
    X = np.linspace(0, 1, 200)[:, None].repeat(5, axis=1)
    y = X[:, 0].copy()
    y[::20] += 50.0
    family = FAMILIES.load(name)
    error = {
        kind: np.median(np.abs(family.build({}, COLUMNS, "regression", 0, kind, 0).fit(X, y).predict(X) - X[:, 0]))
        for kind in ("mse", loss)
    }
    assert error[loss] < 0.5 * error["mse"]


def test_weights_are_honoured_where_the_family_says_so():
    y, weights = np.where(np.arange(60) % 2, 5.0, -5.0), np.where(np.arange(60) % 2, 50.0, 1.0)
    for name in FAMILIES:
        family = FAMILIES.load(name)
        if missing(name) or "regression" not in family.tasks or not family.weighted or name == "nearest_neighbour":
            continue
        settings = {**family.settings(1, COLUMNS, "regression", np.random.default_rng(0))[0], **family.cheap}
        settings |= (
            {"leaf": 20} if name.endswith(("trees", "forest", "lightgbm", "boosting")) else {}
        )  # else leaves of one row
        even, heavy = (
            family.build(settings, COLUMNS, "regression", 0, "auto", 0).fit(Z, y, w).predict(Z).mean()
            for w in (EVEN, weights)
        )
        assert heavy > even + 0.5, name


def test_boosting_and_networks_keep_both_loss_curves():
    model = FAMILIES.load("lightgbm").build({"stop_early": True}, COLUMNS, "regression", 0, "auto", 0).fit(Z, Z[:, 0])
    train, held = model.loss_curve_
    assert len(train) == len(held) > 5
    assert train[-1] < train[0]
    again = model_from_arrays(model.to_arrays())
    np.testing.assert_array_equal(again.loss_curve_[1], held)


def test_network_in_numpy_equals_torch():
    torch = pytest.importorskip("torch")
    model = _learn("mlp", epochs=3, members=1, layers=(8, 4), activation="silu")
    at = torch.tensor(Z)
    for place, (weights, offsets) in enumerate(model.members[0]):
        at = at @ torch.tensor(weights).double() + torch.tensor(offsets).double()
        at = torch.nn.functional.silu(at) if place < 2 else at
    np.testing.assert_allclose(model.values(Z), at.numpy(), atol=1e-12)


def test_unknown_kind_setting_task_and_loss_are_refused():
    with pytest.raises(BundleError, match="os.system"):
        model_from_arrays({"kind": np.array("os.system")})
    ridge = FAMILIES.load("ridge")
    with pytest.raises(ConfigError, match="alpha"):
        ridge.build({"alhpa": 1.0}, COLUMNS, "regression", 0, "auto", 0)
    with pytest.raises(ConfigError, match="not for classification"):
        ridge.build({}, COLUMNS, "classification", 2, "auto", 0)
    with pytest.raises(ConfigError, match="huber, mae, mse"):
        ridge.build({}, COLUMNS, "regression", 0, "hinge", 0)


def test_a_family_without_its_library_is_named_with_what_to_install(monkeypatch):
    monkeypatch.setattr("matloop.models.available", lambda module: module != "torch")
    assert not installed("mlp")
    assert missing("mlp") == "Multilayer perceptron needs torch: pip install 'matloop[deep]'"
    assert installed("ridge")


def test_asking_what_is_installed_imports_no_heavy_library():
    code = (
        "import sys; from matloop.models import FAMILIES, missing; [missing(n) for n in FAMILIES];"
        "heavy = {'torch', 'lightgbm', 'gpytorch', 'sklearn.ensemble', 'sklearn.svm'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
