"""Scores of probabilities against scikit-learn, and prediction sets by hand."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from matloop.core.errors import DataError
from matloop.metrics.probabilities import brier, expected_calibration_error, set_quality


def drawn(n=5000, seed=0):
    rng = np.random.default_rng(seed)
    p = rng.uniform(0.02, 0.98, n)
    return (rng.random(n) < p).astype(int), np.column_stack([1 - p, p])


def test_brier_of_two_classes_is_twice_that_of_scikit_learn():
    y, proba = drawn()
    assert brier(y, proba) == pytest.approx(2 * brier_score_loss(y, proba[:, 1]))


def test_honest_probabilities_have_no_calibration_error_and_sharpened_ones_have():
    y, proba = drawn(40_000)
    assert expected_calibration_error(y, proba) < 0.01
    assert expected_calibration_error(y, (proba > 0.5).astype(float)) == pytest.approx(0.26, abs=0.02)


def test_sets_are_counted_by_hand():
    contains = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 1, 1]], dtype=bool)
    found = set_quality([0, 0, 1, 2], contains)
    assert found.coverage == 0.75
    assert found.mean_size == 1.25
    assert found.by_class.tolist() == [1.0, 0.0, 1.0]
    assert found.sizes.tolist() == [0.25, 0.25, 0.5, 0.0]
    assert found.single == 0.25


def test_a_class_without_rows_has_no_coverage():
    assert np.isnan(set_quality([0], np.array([[True, False]])).by_class[1])


def test_rows_that_are_no_distribution_are_named():
    with pytest.raises(DataError, match="row 1: class 0, probabilities"):
        brier([0, 0], [[1.0, 0.0], [0.5, 0.6]])
    with pytest.raises(DataError, match="row 0: class 2"):
        brier([2], [[1.0, 0.0]])
    with pytest.raises(DataError, match=r"row 0 has class index 3"):
        set_quality([3], np.array([[True, False]]))
    with pytest.raises(DataError, match=r"\(n,\) and \(n, n_classes\)"):
        expected_calibration_error([0, 1], [0.5, 0.5])
