"""Accumulated local effects, single rows' curves and interactions against closed forms."""

import numpy as np
import pytest

from matloop.core.errors import DataError
from matloop.explain.effects import accumulated_effect, accumulated_pair, friedman_h, individual_curves


@pytest.fixture(name="X")
def rows():
    return np.random.default_rng(0).uniform(-1.0, 1.0, size=(4000, 3))


def test_effect_of_a_sum_is_its_part(X):
    found = accumulated_effect(lambda X: np.exp(X[:, 0]) + X[:, 1] ** 2, X, 0, grid=np.linspace(-1, 1, 41))
    exact = np.exp(found.grid)
    assert found.effect - found.effect[0] == pytest.approx(exact - exact[0])
    # the standard deviation of exp(x) for x uniform on (-1, 1)
    assert found.strength == pytest.approx(np.sqrt(np.sinh(2) / 2 - np.sinh(1) ** 2), rel=0.02)
    assert found.density.sum() == pytest.approx(1.0)


def test_correlated_features_do_not_mislead_where_partial_dependence_does():
    rng = np.random.default_rng(1)
    x = rng.uniform(size=5000)
    X = np.column_stack([x, x + 0.02 * rng.normal(size=5000)])

    def model(X):
        # Apley & Zhu (2020), fig. 2: wild where there are no rows
        return X[:, 0] + X[:, 1] ** 2 + 50.0 * np.maximum(np.abs(X[:, 0] - X[:, 1]) - 0.3, 0.0)

    found = accumulated_effect(model, X, 0)
    assert found.effect - found.effect[0] == pytest.approx(found.grid - found.grid[0], abs=1e-6)
    far = individual_curves(model, X[:200], 0, found.grid).mean(axis=0)
    assert np.abs(far - far[0] - (found.grid - found.grid[0])).max() > 1.0


def test_joint_effect_of_a_product_is_the_product_of_the_centred(X):
    found = accumulated_pair(lambda X: X[:, 0] * X[:, 1] + 5.0 * X[:, 0] + X[:, 1] ** 3, X, 0, 1)
    exact = np.outer(found.grid_a, found.grid_b)
    assert found.effect == pytest.approx(exact, abs=0.06)
    alone = accumulated_pair(lambda X: 5.0 * X[:, 0] + X[:, 1] ** 3, X, 0, 1)
    assert alone.strength < 1e-9


def test_cells_without_rows_are_filled():
    rng = np.random.default_rng(2)
    x = rng.uniform(size=2000)
    X = np.column_stack([x, x + 0.01 * rng.normal(size=2000)])
    assert np.isfinite(accumulated_pair(lambda X: X[:, 0] * X[:, 1], X, 0, 1).effect).all()


def test_h_is_one_for_a_product_and_zero_for_a_sum(X):
    rows = X[:60]
    strength, h = friedman_h(lambda X: X[:, 0] * X[:, 1], rows, 0, 1)
    assert h > 0.9
    assert strength == pytest.approx(1.0 / 3.0, rel=0.25)  # E[x^2] of uniform on (-1, 1), both times
    assert friedman_h(lambda X: X[:, 0] + X[:, 1] ** 2, rows, 0, 1)[1] == pytest.approx(0.0, abs=1e-9)
    assert friedman_h(lambda X: X[:, 2], rows, 0, 1) == (0.0, 0.0)


def test_curves_of_rows_cross_where_another_feature_decides(X):
    grid = np.linspace(-1, 1, 5)
    curves = individual_curves(lambda X: X[:, 0] * np.sign(X[:, 1]), X[:50], 0, grid)
    slope = curves[:, -1] - curves[:, 0]
    assert slope == pytest.approx(2.0 * np.sign(X[:50, 1]))
    assert curves.mean(axis=1) == pytest.approx(np.zeros(50))


def test_missing_values_are_left_out_and_constants_refused(X):
    X[:100, 0] = np.nan
    assert np.isfinite(accumulated_effect(lambda X: X[:, 0], X, 0).effect).all()
    X[:, 1] = 3.0
    with pytest.raises(DataError, match="feature 1 has a single value"):
        accumulated_effect(lambda X: X[:, 0], X, 1)
