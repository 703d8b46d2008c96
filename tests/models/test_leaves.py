"""Leaves by LightGBM's library, by its package, and by a plain walk are the same leaves."""

import copy
import threading

import numpy as np
import pytest

from matloop.core.errors import DataError
from matloop.models import leaves as module
from matloop.models.lightgbm import from_boosters
from matloop.models.trees import model_text, walk


@pytest.fixture(scope="module")
def trees():
    """Trees of a small boosting that has seen gaps."""
    lightgbm = pytest.importorskip("lightgbm")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 6))
    X[rng.random(X.shape) < 0.1] = np.nan
    y = np.nan_to_num(X[:, 0]) - np.nan_to_num(X[:, 1]) ** 2
    settings = {"objective": "regression", "num_leaves": 15, "verbosity": -1, "num_threads": 1, "seed": 1}
    booster = lightgbm.train(settings, lightgbm.Dataset(X.astype(np.float32), y), 20)
    return from_boosters([booster.model_to_string()], 6, 0, (np.zeros(0), np.zeros(0)))


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(1)
    Z = rng.normal(size=(60, 6)).astype(np.float32)
    Z[rng.random(Z.shape) < 0.2] = np.nan
    return Z


def made(trees):
    return module.Leaves(model_text(trees), trees.n_trees, trees.n_columns)


def test_library_and_package_and_walk_agree(trees, rows, monkeypatch):
    direct = made(trees)
    monkeypatch.setattr(module, "_library", lambda: None)
    package = made(trees)
    told = walk(trees, rows)
    for part in (slice(0, 60), slice(0, 1), slice(7, 8)):
        np.testing.assert_array_equal(direct.of(rows[part], 0, trees.n_trees), told[part])
        np.testing.assert_array_equal(package.of(rows[part], 0, trees.n_trees), told[part])
    np.testing.assert_array_equal(direct.of(rows, 5, 3), told[:, 5:8])


def test_rows_of_another_width_never_reach_the_library(trees, rows):
    with pytest.raises(DataError, match="6 columns"):
        made(trees).of(rows[:, :4], 0, trees.n_trees)
    assert made(trees).of(rows[:0], 0, trees.n_trees).shape == (0, trees.n_trees)


def test_a_copy_and_what_went_to_another_process_walk_the_same(trees, rows):
    first = made(trees)
    again, arguments = first.__reduce__()
    for other in (again(*arguments), copy.deepcopy(first)):
        np.testing.assert_array_equal(other.of(rows, 0, trees.n_trees), first.of(rows, 0, trees.n_trees))


def test_several_threads_may_ask_at_once(trees, rows):
    shared, told, wrong = made(trees), walk(trees, rows), []

    def ask() -> None:
        for k in range(300):
            row = k % len(rows)
            if (shared.of(rows[row : row + 1], 0, trees.n_trees) != told[row]).any():
                wrong.append(row)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []
