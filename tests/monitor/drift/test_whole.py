import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from matloop.monitor.drift.whole import auc, compare_points, standardised, unbiased


def test_the_discrepancy_is_the_mean_over_pairs_of_different_rows():
    rng = np.random.default_rng(0)
    A = rng.normal(size=(12, 12))
    K = A @ A.T
    n = 5
    pairs = lambda rows, others: np.mean([K[i, j] for i in rows for j in others if i != j])  # noqa: E731
    first, second = range(n), range(n, 12)
    by_hand = pairs(first, first) + pairs(second, second) - 2 * pairs(first, second)
    assert unbiased(K, n) == pytest.approx(by_hand)


def test_area_under_the_curve_is_that_of_scikit_learn():
    rng = np.random.default_rng(1)
    low, high = rng.integers(0, 5, 40).astype(float), rng.integers(1, 6, 30).astype(float)
    truth = np.r_[np.zeros(40), np.ones(30)]
    assert auc(low, high) == pytest.approx(roc_auc_score(truth, np.r_[low, high]))


def test_alike_rows_give_p_values_like_chance():
    found = [
        compare_points(np.random.default_rng(k).normal(size=(90, 3)), 50, np.random.default_rng(k)) for k in range(40)
    ]
    for p in ([one.p_mmd for one in found], [one.p_classifier for one in found], [one.p_energy for one in found]):
        assert 0.25 < np.mean(p) < 0.75
        assert np.mean(np.array(p) <= 0.2) <= 0.4


def test_a_change_of_how_features_go_together_is_seen_though_no_column_moved():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(2, 500))
    together = np.column_stack([x[:250], 0.8 * x[:250] + 0.6 * y[:250]])
    apart = np.column_stack([x[250:], y[250:]])
    found = compare_points(standardised(np.vstack([together, apart])), 250, np.random.default_rng(3))
    assert found.p < 0.02
    assert found.auc > 0.55


def test_missing_and_constant_columns_do_no_harm():
    X = np.array([[1.0, np.nan, 5.0, np.nan], [2.0, 1.0, 5.0, np.nan], [3.0, 3.0, 5.0, np.nan]])
    found = standardised(X)
    assert found.shape == (3, 2)
    assert np.isfinite(found).all()
