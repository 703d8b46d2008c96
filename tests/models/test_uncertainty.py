"""What uncertainty must do on planted data: see the noise, grow away from rows, shrink with more of them."""

from __future__ import annotations

import numpy as np
import pytest

from matloop.models import FAMILIES, missing
from matloop.models.arrays import model_from_arrays
from matloop.models.family import Uncertainty, of_label
from matloop.represent.table import Columns

COLUMNS = Columns(tuple("abc"), ("f:m",) * 3, {})
QUIET, LOUD = 0.1, 0.6
SEES_NOISE = (
    "jackknife_forest", "quantile_boosting", "deep_ensemble", "mc_dropout", "variational_network", "laplace_network",
    "distance_aware_network",
)  # fmt: skip
KNOWS_DISTANCE = (
    "gaussian_process", "composition_gp", "sparse_gp", "deep_ensemble", "variational_network", "laplace_network",
    "distance_aware_network",
)  # fmt: skip
SHRINKS = ("gaussian_process", "composition_gp", "jackknife_forest", "laplace_network", "distance_aware_network")
QUICK = {
    "deep_ensemble": {"members": 3, "epochs": 60},
    "mc_dropout": {"members": 1, "epochs": 60},
    "variational_network": {"members": 1, "epochs": 80},
    "laplace_network": {"members": 1, "epochs": 60},
    "distance_aware_network": {"members": 1, "epochs": 60, "waves": 128},
    "jackknife_forest": {"n_trees": 300},
}


def table(n, seed=0):
    """Noise depends on a column that the value does not depend on."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1.0, 1.0, (n, 3))
    noise = np.where(X[:, 1] > 0.0, LOUD, QUIET)
    return X, np.sin(2.0 * X[:, 0]) + X[:, 2] + noise * rng.normal(size=n)


def fitted(name, X, y, weights=None, task="regression", classes=0):
    if reason := missing(name):
        pytest.skip(reason)
    model = FAMILIES.load(name).build(QUICK.get(name, {}), COLUMNS, task, classes, "auto", 0)
    return model.fit(X, y, weights)


@pytest.mark.parametrize("name", SEES_NOISE)
def test_planted_noise_is_told_where_it_is(name):
    found = fitted(name, *table(600)).uncertainty(table(300, seed=1)[0])
    loud = table(300, seed=1)[0][:, 1] > 0.0
    assert found.aleatoric[loud].mean() == pytest.approx(LOUD, rel=0.35)
    assert found.aleatoric[loud].mean() > 1.8 * found.aleatoric[~loud].mean()


@pytest.mark.parametrize("name", ["gaussian_process", "composition_gp", "sparse_gp"])
def test_a_process_finds_the_level_of_even_noise(name):
    X, _ = table(300)
    y = np.sin(2.0 * X[:, 0]) + 0.3 * np.random.default_rng(1).normal(size=300)
    assert fitted(name, X, y).uncertainty(X).aleatoric == pytest.approx(0.3, rel=0.15)


@pytest.mark.parametrize("name", KNOWS_DISTANCE)
def test_epistemic_part_grows_away_from_the_rows(name):
    X, y = table(200)
    model = fitted(name, X, y)
    far = X + np.array([4.0, 0.0, 4.0])
    assert model.uncertainty(far).epistemic.mean() > 2.0 * model.uncertainty(X).epistemic.mean()


@pytest.mark.parametrize("name", SHRINKS)
def test_epistemic_part_shrinks_with_more_rows_and_noise_does_not(name):
    at = table(200, seed=1)[0]
    few, many = (fitted(name, *table(n)).uncertainty(at) for n in (60, 700))
    assert many.epistemic.mean() < 0.8 * few.epistemic.mean()
    assert many.aleatoric.mean() == pytest.approx(np.sqrt(0.5 * (QUIET**2 + LOUD**2)), rel=0.4)


@pytest.mark.parametrize("name", [*SEES_NOISE, "composition_gp", "random_forest"])
def test_fifteen_rows_with_weights_and_a_constant_column(name):
    X, y = table(15)
    X[:, 1] = 1.0
    model = fitted(name, X, y, np.r_[np.zeros(3), np.ones(12)])
    found, again = model.uncertainty(X), model_from_arrays(model.to_arrays()).uncertainty(X)
    assert np.isfinite(found.total).all()
    np.testing.assert_array_equal(found.total, again.total)


@pytest.mark.parametrize("name", ["jackknife_forest", "deep_ensemble", "mc_dropout", "laplace_network"])
def test_a_label_is_less_sure_between_the_classes(name):
    X, _ = table(300)
    labels = np.where(X[:, 0] > 0.0, 2.0, 0.0)  # class 1 is never seen
    model = fitted(name, X, labels, task="classification", classes=3)
    sure, torn = (model.uncertainty(np.tile([at, 0.0, 0.0], (5, 1)) * np.ones((5, 1))) for at in (0.8, 0.0))
    assert torn.total.mean() > 2.0 * sure.total.mean()
    assert (model.predict_proba(X)[:, 1] == 0).all()


def test_label_variance_is_p_times_one_minus_p():
    found = of_label(np.array([0.5, 0.9, 1.0]), np.array([0.2, 0.1, 0.0]))
    np.testing.assert_allclose(found.total**2, [0.25, 0.09, 0.0], atol=1e-15)


def test_parts_scale_and_are_taken_together():
    both = Uncertainty(np.array([3.0, 0.0]), np.array([4.0, 1.0]))
    np.testing.assert_allclose(both.total, [5.0, 1.0])
    np.testing.assert_allclose(both.times(2.0).total, [10.0, 2.0])
    assert len(both.take(np.array([1]))) == 1


def test_neighbours_keep_their_variance_and_few_of_them_are_unsure():
    X, y = table(200)
    model = FAMILIES.load("nearest_neighbour").build(
        {"k": 4, "by_distance": False}, COLUMNS, "regression", 0, "auto", 0
    )
    found = model.fit(X, y).uncertainty(X)
    np.testing.assert_allclose(found.epistemic * np.sqrt(3.0), found.aleatoric, rtol=1e-9)
