"""The official folds of Matbench."""

import numpy as np
import pytest

from matloop.data.benchmarks.folds import matbench_ids, official_folds


def test_first_rows_of_the_published_folds_of_matbench_steels():
    """Published: the task has 312 rows; KFold does not look at the target. The first and last rows of its folds, from
    the records of the benchmark (matbench_v0.1_rf)."""
    fold = official_folds(np.zeros(312), classes=False)
    assert np.bincount(fold).tolist() == [63, 63, 62, 62, 62]
    assert fold[:12].tolist() == PUBLISHED_STEELS


PUBLISHED_STEELS = [4, 3, 0, 1, 0, 4, 3, 4, 1, 1, 4, 1]


def test_classes_are_stratified_and_truth_values_are_their_words():
    y = np.arange(100) % 10 == 0
    fold = official_folds(y, classes=True)
    assert [int(y[fold == k].sum()) for k in range(5)] == [2] * 5
    np.testing.assert_array_equal(fold, official_folds([str(one) for one in y], classes=True))


@pytest.mark.parametrize(
    ("name", "n", "last"),
    [
        ("matbench_steels", 312, "mb-steels-312"),
        ("matbench_mp_e_form", 132752, "mb-mp-e-form-132752"),
        ("matbench_jdft2d", 636, "mb-jdft2d-636"),
        ("matbench_glass", 5680, "mb-glass-5680"),
    ],
)
def test_rows_are_called_as_in_the_benchmark(name, n, last):
    ids = matbench_ids(name, n)
    assert ids[-1] == last
    assert len({len(one) for one in ids}) == 1
