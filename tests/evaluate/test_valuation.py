"""Values of training rows: equal to their definitions on tiny sets, and planted wrong labels are found."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics import roc_auc_score

from matloop.core.errors import DataError
from matloop.evaluate import valuation
from matloop.evaluate.row_worth import row_worth, same_lowest
from matloop.evaluate.valuation import kernel_influence, kernel_shapley, knn_shapley


def shapley_by_definition(worth, n):
    """Mean gain from adding each player, over all orders; 2^n calls of `worth`."""
    found = np.zeros(n)
    for i in range(n):
        others = [j for j in range(n) if j != i]
        for size in range(n):
            weight = math.factorial(size) * math.factorial(n - 1 - size) / math.factorial(n)
            found[i] += weight * sum(worth((*s, i)) - worth(s) for s in itertools.combinations(others, size))
    return found


@pytest.mark.parametrize("n", [1, 2, 4, 7])
@pytest.mark.parametrize("k", [1, 2, 3, 9])
def test_values_of_neighbours_are_shapley_values(n, k):
    rng = np.random.default_rng(10 * n + k)
    X, y, label = rng.normal(size=(n, 2)), rng.normal(size=n), rng.integers(0, 2, n)
    asked, truth = rng.normal(size=(1, 2)), rng.normal()
    distance = ((X - asked) ** 2).sum(axis=1)

    def near(rows):
        return sorted(rows, key=lambda row: distance[row])[:k]

    def fall_of_error(rows):
        return -((sum(y[row] - y.mean() for row in near(rows)) / k - (truth - y.mean())) ** 2)

    def share_right(rows):
        return sum(label[row] == 1 for row in near(rows)) / k

    np.testing.assert_allclose(knn_shapley(X, y, asked, [truth], k=k)[0], shapley_by_definition(fall_of_error, n),
                               atol=1e-12)  # fmt: skip
    np.testing.assert_allclose(
        knn_shapley(X, label, asked, [1], k=k, classes=True)[0], shapley_by_definition(share_right, n), atol=1e-12
    )


def test_values_sum_to_what_the_model_brings():
    rng = np.random.default_rng(0)
    X, y, asked, truth = rng.normal(size=(50, 3)), rng.normal(size=50), rng.normal(size=(8, 3)), rng.normal(size=8)
    nearest = np.argsort(((asked[:, None] - X) ** 2).sum(axis=2), axis=1)[:, :5]
    fall = (truth - y.mean()) ** 2 - (truth - y[nearest].mean(axis=1)) ** 2
    np.testing.assert_allclose(knn_shapley(X, y, asked, truth).sum(axis=1), fall, atol=1e-12)


def test_influence_is_that_of_refits_without_each_row():
    rng = np.random.default_rng(0)
    X, y, asked, truth = rng.normal(size=(30, 2)), rng.normal(size=30), rng.normal(size=(5, 2)), rng.normal(size=5)
    one = valuation._kernels(X, y, asked, truth, False)
    square = valuation._distances(X, X)
    model = KernelRidge(kernel="rbf", gamma=1.0 / np.median(square[square > 0]), alpha=one.penalty)
    middle = y.mean()

    def errors(rows):
        return (model.fit(X[rows], y[rows] - middle).predict(asked) + middle - truth) ** 2

    rows = np.arange(30)
    expected = np.stack([errors(np.delete(rows, row)) - errors(rows) for row in rows], axis=1)
    np.testing.assert_allclose(kernel_influence(X, y, asked, truth), expected, atol=1e-9)


def test_sampled_values_of_kernel_ridge_come_near_their_definition(monkeypatch):
    monkeypatch.setattr(valuation, "SMALLEST", 6)
    rng = np.random.default_rng(1)
    X, y, asked, truth = rng.normal(size=(6, 1)), rng.normal(size=6), rng.normal(size=(3, 1)), rng.normal(size=3)
    one = valuation._kernels(X, y, asked, truth, False)

    def worth(rows):
        rows = list(rows)
        if not rows:
            return -float((one.truth**2).mean())
        inverse = np.linalg.inv(one.among[np.ix_(rows, rows)] + one.penalty * np.eye(len(rows)))
        return -float(((one.across[:, rows] @ inverse @ one.y[rows] - one.truth) ** 2).mean())

    expected = shapley_by_definition(worth, 6)
    found = kernel_shapley(X, y, asked, truth, draws=4000)
    np.testing.assert_allclose(found, expected, atol=0.08 * np.abs(expected).max())


@pytest.mark.parametrize("classes", [False, True])
def test_planted_wrong_labels_have_the_lowest_worth(classes):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    y = X[:, 0] + 0.5 * X[:, 1]
    y = (y > 0).astype(float) if classes else y
    wrong = np.zeros(300, dtype=bool)
    wrong[rng.choice(300, 20, replace=False)] = True
    y = np.where(wrong, 1.0 - y, y) if classes else np.where(wrong, y + 3.0 * np.sign(rng.normal(size=300)), y)
    fold = np.arange(300) % 5
    worth, reliability = row_worth(X, y, fold, np.arange(300), classes=classes)
    assert roc_auc_score(wrong, -worth) > 0.9
    assert reliability > 0.8
    sampled = np.zeros(300)
    for one in range(5):
        test, train = fold == one, fold != one
        sampled[train] += kernel_shapley(X[train], y[train], X[test], y[test], classes=classes)
    assert roc_auc_score(wrong, -sampled) > 0.8


def test_agreement_of_lists_is_an_area_under_the_curve():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 100))
    low = np.argsort(one)[:5]
    assert same_lowest(one, other) == pytest.approx(roc_auc_score(np.isin(np.arange(100), low), -other))
    assert same_lowest(one, one) == 1.0


def test_noise_alone_has_no_reliable_worth():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 5)), rng.normal(size=200)
    assert row_worth(X, y, np.arange(200) % 5, np.arange(200))[1] < 0.7


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: knn_shapley([[1.0]], [1.0, 2.0], [[1.0]], [1.0]), "1 and 1 rows, but 2 and 1 labels"),
        (lambda: knn_shapley([[1.0]], [1.0], [[1.0, 2.0]], [1.0]), "training features of shape"),
        (lambda: knn_shapley([[1.0], [np.nan]], [1.0, 2.0], [[1.0]], [1.0]), "row 1 of the training features"),
        (lambda: knn_shapley(np.zeros((0, 1)), [], [[1.0]], [1.0]), "one of them is empty"),
    ],
)
def test_bad_input_is_named(call, said):
    with pytest.raises(DataError, match=said):
        call()
