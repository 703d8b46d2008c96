"""The marginal likelihood against scikit-learn and finite differences; what its maximum finds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from matloop.models import FAMILIES
from matloop.models.evidence import Evidence, Part
from matloop.represent.table import Columns

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(50, 4))
Y = np.sin(Z[:, :1]) + 0.3 * RNG.normal(size=(50, 1))


def _one(ard=False, weights=None, name="matern52"):
    return Evidence(name, (Part(Z, 1.5, ard),), ((0,),), Z @ Z.T / 4, Y, np.ones(50) if weights is None else weights)


def test_value_equals_scikit_learn():
    gp = pytest.importorskip("sklearn.gaussian_process")
    k = gp.kernels
    kernel = 1.2 * k.Matern(1.5, nu=2.5) + (0.05 / 4) * k.DotProduct(0.0, sigma_0_bounds="fixed") + k.WhiteKernel(0.1)
    peer = gp.GaussianProcessRegressor(kernel, alpha=1e-8, optimizer=None).fit(Z, Y[:, 0])
    value, _ = _one()(np.log([1.2, 1.5, 0.05, 0.1]))
    assert -value == pytest.approx(peer.log_marginal_likelihood(peer.kernel_.theta), abs=1e-9)


def test_noise_of_a_row_is_divided_by_its_weight_as_in_scikit_learn():
    gp = pytest.importorskip("sklearn.gaussian_process")
    weights = RNG.uniform(0.2, 3.0, 50)
    peer = gp.GaussianProcessRegressor(gp.kernels.Matern(1.5, nu=2.5), alpha=0.1 / weights + 1e-8, optimizer=None)
    peer.fit(Z, Y[:, 0])
    value, _ = _one(weights=weights)(np.log([1.0, 1.5, 1e-12, 0.1]))
    assert -value == pytest.approx(peer.log_marginal_likelihood(peer.kernel_.theta), abs=1e-6)


@pytest.mark.parametrize("ard", [False, True])
@pytest.mark.parametrize("name", ["rbf", "matern32", "matern52"])
def test_gradient_equals_finite_differences(name, ard):
    parts = (Part(Z[:, :2], 1.5, ard), Part(Z[:, 2:], 1.0, ard))
    evidence = Evidence(name, parts, ((0,), (1,), (0, 1)), Z @ Z.T / 4, np.c_[Y, Z[:, 1]], RNG.uniform(0.5, 2.0, 50))
    at = 0.3 * RNG.normal(size=3 + (4 if ard else 2) + 2)
    numeric = approx_fprime(at, lambda x: evidence(x)[0], 1e-6)
    np.testing.assert_allclose(evidence(at)[1], numeric, rtol=1e-4, atol=1e-4 * np.abs(numeric).max())


def test_a_length_per_column_tells_which_columns_matter():
    lengths = _one(ard=True).best().lengths[0]
    assert lengths[0] < 0.5 * lengths[1:].min()


def test_wrong_rows_with_small_weights_do_not_spoil_a_process():
    X, truth = Z, np.sin(2.0 * Z[:, 0])
    y, weights = truth.copy(), np.ones(50)
    y[::5], weights[::5] = 5.0, 1e-3
    columns = Columns(tuple("abcd"), ("f:m",) * 4, {})
    build = FAMILIES.load("gaussian_process").build
    even, told = (build({"ard": True}, columns, "regression", 0, "auto", 0).fit(X, y, w) for w in (None, weights))
    new = np.random.default_rng(1).normal(size=(200, 4))
    bad, good = (np.abs(model.predict(new) - np.sin(2.0 * new[:, 0])).mean() for model in (even, told))
    assert good < 0.3 * bad
